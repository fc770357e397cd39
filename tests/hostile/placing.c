/* SPDX-License-Identifier: MIT */
/* A plan comes in and is placed between guard pages; what lies there afterwards is compared with the reference, byte by byte. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hostile.h"
#include "reference_reloc.h"
#include "space.h"

enum { CANARY = 0xc5, GUARD = 1 << 16, MARGIN = 64 };

unsigned char *hostile_arena(void)
{
	unsigned char *memory =
		mmap(NULL, HOSTILE_ARENA + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + GUARD, HOSTILE_ARENA, PROT_READ | PROT_WRITE) != 0)
		abort();
	return memory + GUARD;
}

/* The last size bytes before a guard page, with a margin of canaries in front unless the arena is full. */
static unsigned char *take(unsigned char *arena, uint64_t size)
{
	unsigned char *memory = arena + (HOSTILE_ARENA - size);
	size_t margin = size <= HOSTILE_ARENA - MARGIN ? MARGIN : 0;

	memset(memory - margin, CANARY, (size_t)size + margin);
	return memory;
}

static bool all_canary(const unsigned char *p, uint64_t size)
{
	return size == 0 || (p[0] == CANARY && memcmp(p, p + 1, (size_t)size - 1) == 0);
}

uint64_t ref_host_symbol(const char *name, bool *known)
{
	uint64_t hash = 5381;

	*known = name[0] != 'n';
	for (const char *p = name; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	return *known ? hash & 0xfffffff : 0;
}

uint64_t ref_host_ifunc(uint64_t address)
{
	return address ^ 0x5a5a;
}

static int resolve(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	bool known;

	(void)host;
	(void)symbol;
	*address = ref_host_symbol(name, &known);
	return known ? 0 : -1;
}

static int call_ifunc(void *host, uint64_t *value, uint64_t address)
{
	(void)host;
	*value = ref_host_ifunc(address);
	return 0;
}

const struct lode_relocation hostile_relocation = {
	.resolve = resolve,
	.ifunc = call_ifunc,
	.irelative = LODE_IRELATIVE_CALL,
	.tls_module = REF_TLS_MODULE,
	.static_tls = true,
};

static unsigned prot_at(const struct lode_plan *plan, uint64_t addr)
{
	const struct lode_run *run = lode_plan_run_at(plan, addr, 1);

	return run == NULL ? 0 : REF_MAPPED | run->prot;
}

/* Pages that nobody maps keep what they had; the others hold what the reference holds. */
static void compare(const struct lode_plan *plan, const struct ref_memory *m, const unsigned char *memory, uint64_t page)
{
	for (uint64_t at = 0; at < m->size; at += page) {
		unsigned char prot = m->prot[at / page];

		HOLDS(prot_at(plan, plan->span.addr + at) == prot);
		if (prot == 0)
			HOLDS(all_canary(memory + at, page));
		else
			HOLDS(memcmp(memory + at, m->bytes + at, page) == 0);
	}
}

static void compare_with_reference(const struct lode_image *image, const struct lode_plan *plan, const struct lode_policy *policy,
	const struct lode_source *source, const unsigned char *memory)
{
	static unsigned char *arena, prot[HOSTILE_ARENA / 4096];
	const struct ref_policy wish = {
		.page = policy->page_size,
		.process = policy->use == LODE_USE_PROCESS,
		.physical = policy->domain == LODE_PHYSICAL,
		.share = policy->page_overlap == LODE_PAGE_LAST ? REF_LAST : REF_UNION,
	};
	struct ref_memory m = {.first = plan->span.addr - plan->bias, .size = plan->span.size, .prot = prot};
	struct ref_file file;

	if (arena == NULL)
		arena = hostile_arena();
	m.bytes = arena + (HOSTILE_ARENA - m.size);
	ref_open(&file, source->bytes, source->size, image->class_ == LODE_CLASS64, image->data == LODE_DATA2MSB);
	ref_paint(&m, &file, &wish);
	if (plan->relocate == LODE_RELOCATE_LOADER)
		ref_relocate(&m, &file, plan->bias);
	compare(plan, &m, memory, policy->page_size);
	ref_close(&file);
}

/* One of the ways to reach the memory: as an array, or through callbacks that watch the order of calls; file bytes directly
 * or through the core's buffer. */
static int place(struct lode_array *array, const struct lode_image *image, const struct lode_plan *plan, struct lode_diag *why)
{
	struct lode_space space = lode_array_space(array);
	struct hostile_space watched;
	int status;

	if ((plan->flags & LODE_PLAN_SHARE) == 0 && hostile_count.placed % 3 != 0) {
		if (hostile_count.placed % 3 == 1)
			space.fill = NULL;
		return plan->relocate == LODE_RELOCATE_NONE ? lode_place(&space, image, plan, why) :
			lode_place_relocated(&space, image, plan, &hostile_relocation, why);
	}
	hostile_space_begin(&watched, array, plan, image->source);
	status = lode_place_relocated(&watched.space, image, plan, &hostile_relocation, why);
	hostile_space_end(&watched, status);
	return status;
}

void hostile_place(const struct lode_image *image, const struct hostile_plan *planned, const struct lode_policy *policy,
	const unsigned char *bytes, uint64_t size, bool compare_bytes)
{
	static unsigned char *arena, *undo;
	const struct lode_plan *plan = &planned->plan;
	const struct lode_source whole = {.bytes = bytes, .size = size};
	struct lode_diag why = hostile_unfilled();
	struct lode_array array = {.base = plan->span.addr, .size = plan->span.size};
	int status;

	if (arena == NULL) {
		arena = hostile_arena();
		undo = hostile_arena();
	}
	array.memory = take(arena, array.size);
	array.undo = undo + (HOSTILE_ARENA - array.size);
	hostile_count.placed++;
	status = place(&array, image, plan, &why);
	HOLDS(array.size > HOSTILE_ARENA - MARGIN || all_canary(array.memory - MARGIN, MARGIN));
	if (status != LODE_OK) {
		hostile_refusal(status, &why, image->source->size);
		HOLDS(all_canary(array.memory, array.size));
		return;
	}
	hostile_count.relocated += plan->relocate == LODE_RELOCATE_LOADER;
	if (compare_bytes)
		compare_with_reference(image, plan, policy, &whole, array.memory);
}
