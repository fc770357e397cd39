/* SPDX-License-Identifier: MIT */
/* Bytes -> a machine; and what every start state that is made for it promises. Shared by the targets of the boot protocols. */
#ifndef LODE_FUZZ_STATE_H
#define LODE_FUZZ_STATE_H

#include <lode/protocol.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { FUZZ_ENTRIES = 12, FUZZ_STATE_BYTES = 1 << 18, FUZZ_FILE = 0x2000 };

/** A machine, and the arrays of a start state: of the size that is said to be enough, to the entry. */
struct fuzz_state {
	struct lode_memory_entry memory[FUZZ_ENTRIES];
	struct lode_range reserved[3];
	struct lode_module modules[3];
	struct lode_framebuffer screen;
	struct lode_machine machine;
	struct lode_start start;
	struct lode_diag why;
	int status;
};

static inline uint64_t fuzz_address(struct fuzz_tape *tape)
{
	uint32_t way = fuzz_take(tape, 1), value = fuzz_take(tape, 2);

	return way & 1 ? (uint64_t)value << 12 : way & 2 ? (uint64_t)value << 16 : way & 4 ? (uint64_t)value << 22 : value;
}

static inline void fuzz_machine(struct fuzz_state *s, struct fuzz_tape *tape)
{
	uint32_t way = fuzz_take(tape, 1), n = fuzz_take(tape, 1) % FUZZ_ENTRIES;
	uint64_t at = 0;

	memset(s, 0, sizeof *s);
	s->machine = (struct lode_machine){.memory = s->memory, .reserved = s->reserved, .modules = s->modules,
		.nmodules = (way >> 1) % 4, .nreserved = (way >> 3) % 4, .cmdline = way & 32 ? "quiet" : NULL, .rsdp = 0x9000,
		.framebuffer = way & 64 ? &s->screen : NULL, .la57 = way & 128, .ncpus = way & 3};
	s->memory[s->machine.nmemory++] = (struct lode_memory_entry){0, way & 1 ? 0x40000000 : 0x9f000, LODE_MEMORY_USABLE};
	while (s->machine.nmemory < n) {
		struct lode_memory_entry *memory = &s->memory[s->machine.nmemory++];

		at = s->memory[s->machine.nmemory - 2].addr + s->memory[s->machine.nmemory - 2].size;
		memory->addr = at + fuzz_address(tape);
		memory->size = 1 + fuzz_address(tape);
		memory->type = (enum lode_memory_type)(1 + fuzz_take(tape, 1) % 5);
	}
	for (int i = 0; i < 3; i++) {
		s->reserved[i] = (struct lode_range){fuzz_address(tape), fuzz_take(tape, 2)};
		s->modules[i] = (struct lode_module){fuzz_take(tape, 3), fuzz_take(tape,
			1) & 1 ? fuzz_address(tape) : LODE_ANYWHERE, "m", "p"};
	}
	s->screen = (struct lode_framebuffer){.addr = fuzz_address(tape), .width = 64, .height = fuzz_take(tape, 1), .pitch = 256,
		.bpp = 32,
		.red = {8, 16}, .green = {8, 8}, .blue = {8, 0}};
}

static inline void fuzz_begin(struct fuzz_state *s, uint32_t nruns, uint32_t nsections)
{
	s->start.max_parts = LODE_START_PARTS(nruns, &s->machine, nsections);
	s->start.max_mappings = LODE_START_MAPPINGS(nruns, &s->machine);
	s->start.max_bytes = FUZZ_STATE_BYTES;
	s->start.parts = malloc(s->start.max_parts * sizeof *s->start.parts);
	s->start.mappings = malloc(s->start.max_mappings * sizeof *s->start.mappings);
	s->start.bytes = malloc(FUZZ_STATE_BYTES);
	s->why = hostile_unfilled();
}

static inline bool fuzz_usable(const struct fuzz_state *s, uint64_t addr)
{
	for (uint32_t i = 0; i < s->machine.nmemory; i++)
		if (s->memory[i].type == LODE_MEMORY_USABLE && addr >= s->memory[i].addr &&
			addr - s->memory[i].addr < s->memory[i].size)
			return true;
	return false;
}

static inline void fuzz_check_part(const struct fuzz_state *s, uint32_t i)
{
	const struct lode_part *part = &s->start.parts[i];
	bool inside = false;

	HOLDS(part->size <= UINT64_MAX - part->addr);
	if (part->content == LODE_CONTENT_BYTES)
		HOLDS(part->offset <= s->start.nbytes && part->size <= s->start.nbytes - part->offset);
	if (part->size > 0)
		HOLDS(fuzz_usable(s, part->addr) && fuzz_usable(s, part->addr + part->size - 1));
	for (uint32_t k = 0; k < i; k++) {
		const struct lode_part *other = &s->start.parts[k];
		bool clear = part->size == 0 || other->size == 0 || part->addr >= other->addr + other->size ||
			other->addr >= part->addr + part->size;

		HOLDS(part->patch || other->patch || clear);
		inside |= other->content == LODE_CONTENT_IMAGE && part->addr >= other->addr &&
			part->addr + part->size <= other->addr + other->size;
	}
	HOLDS(!part->patch || inside);
}

static inline void fuzz_refusal(const struct fuzz_state *s, uint64_t size)
{
	if (s->status != LODE_OK)
		HOLDS(s->why.rule != LODE_RULE_NONE && (int)s->why.status == s->status && (s->why.offset == LODE_NO_OFFSET ||
			s->why.offset <= size));
}

/** After the start function: check the state or the refusal, and give everything back. */
static inline void fuzz_end(struct fuzz_state *s, uint64_t size)
{
	fuzz_refusal(s, size);
	for (uint32_t i = 0; s->status == LODE_OK && i < s->start.nparts; i++)
		fuzz_check_part(s, i);
	for (uint32_t i = 0; s->status == LODE_OK && i < s->start.nmappings; i++) {
		const struct lode_start_mapping *m = &s->start.mappings[i];

		HOLDS(m->size > 0 && (m->size | m->addr | m->phys) % 4096 == 0 && m->addr + (m->size - 1) >= m->addr);
		for (uint32_t k = 0; k < i; k++)
			HOLDS(m->addr > s->start.mappings[k].addr + (s->start.mappings[k].size - 1) ||
				s->start.mappings[k].addr > m->addr + (m->size - 1));
	}
	free(s->start.parts);
	free(s->start.mappings);
	free(s->start.bytes);
}

/** An image planned for a protocol, at a base; false if the plan is refused. */
static inline bool fuzz_plan(struct hostile_plan *planned, const struct lode_image *image, enum lode_protocol protocol,
	uint64_t base)
{
	struct lode_policy policy = lode_protocol_policy(protocol);

	policy.base = base;
	return hostile_plan(planned, image, &policy) == LODE_OK;
}

/** Kernel around bytes: text, then a writable segment with them, at 16 choices of address. */
static inline void fuzz_kernel(struct mkelf_out *out, const uint8_t *bytes, size_t size, uint32_t way)
{
	static const uint64_t addresses[] = {0xffffffff80000000, 0, 0x100000, 0x8000000000};
	uint64_t addr = addresses[way & 3];
	const struct mkelf_segment segments[] = {
		{.type = 1, .flags = 5, .vaddr = addr, .paddr = 0x100000, .align = 0x1000, .size = 0x800},
		{.type = 1, .flags = 6, .vaddr = addr + 0x1000, .paddr = 0x101000, .align = way & 8 ? 0x1000 : 0x200000,
		.modulus = 0x1000,
			.bytes = bytes, .size = size, .bss = way & 16 ? 0x2100 : 0},
		{.type = 4, .flags = 4, .align = way & 32 ? 8 : 4, .modulus = 4, .bytes = bytes, .size = size},
	};
	const struct mkelf elf = {.type = way & 4 ? 3 : 2, .machine = 62, .entry = addr + 0x20, .segments = segments,
		.nsegments = way & 64 ? 3 : 2, .tables = MKELF_NOWHERE};

	mkelf_write(out, &elf);
}

/** The rest of a tape in a kernel of one of the masked ways, which start then gets, with the machine that the tape begins with. */
static inline int fuzz_in_kernel(struct fuzz_tape *tape, uint32_t mask, uint32_t always,
	void (*start)(struct fuzz_state *s, const struct hostile_image *opened, uint64_t size))
{
	const struct hostile_wish wish = {.flags = 0};
	struct mkelf_out out = {.bytes = NULL};
	static struct fuzz_state s;
	struct hostile_image opened;
	struct lode_source source;
	uint32_t way;

	fuzz_machine(&s, tape);
	way = fuzz_take(tape, 1);
	fuzz_kernel(&out, tape->at, (size_t)(tape->end - tape->at), (way & mask) | always);
	source = (struct lode_source){.bytes = out.bytes, .size = out.size};
	if (hostile_open(&opened, &source, &wish) == LODE_OK)
		start(&s, &opened, out.size);
	hostile_close(&opened);
	mkelf_free(&out);
	return 0;
}

#endif
