/* SPDX-License-Identifier: MIT */
/* A space of our own: runs and fills in, pages with their final permissions out. Addresses are pointers, since the kernel
 * loads into itself; a loader that fills another address space would translate them here. */
#include "arena.h"
#include "machine.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memset(void *dst, int byte, size_t size);

static void *at(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* The only check of addresses that is needed: everything later lies in the span. */
static int begin(void *host, const struct lode_range *span)
{
	struct arena *arena = host;
	uint64_t base = (uintptr_t)arena->memory;

	if (span->addr < base || span->size > arena->size || span->addr - base > arena->size - span->size)
		return -1;
	arena->span = *span;
	return 0;
}

static int own(void *host, const struct lode_run *run)
{
	(void)host;
	memset(at(run->addr), 0, (size_t)run->size);
	return 0;
}

static int write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	(void)host;
	memcpy(at(addr), bytes, size);
	return 0;
}

static int read(void *host, uint64_t addr, void *bytes, size_t size)
{
	(void)host;
	memcpy(bytes, at(addr), size);
	return 0;
}

static int protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	const struct arena *arena = host;
	unsigned int bits = (prot & LODE_PF_R ? 1u : 0u) | (prot & LODE_PF_W ? 2u : 0u) | (prot & LODE_PF_X ? 4u : 0u);

	if (arena->broken && (prot & LODE_PF_X))
		return -1;
	return machine_protect(at(addr), (size_t)size, bits);
}

static void undo(void *host)
{
	const struct arena *arena = host;

	machine_protect(at(arena->span.addr), (size_t)arena->span.size, 1 | 2);
	memset(at(arena->span.addr), 0, (size_t)arena->span.size);
}

struct lode_space arena_space(struct arena *arena)
{
	return (struct lode_space){
		.host = arena, .begin = begin, .own = own, .write = write, .read = read, .protect = protect, .abort = undo};
}
