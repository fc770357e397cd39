/* SPDX-License-Identifier: MIT */
/* A kernel and a machine -> a start state with arrays of the size needed; what it promises is checked, its memory can be read. */
#ifndef LODE_TESTS_STATE_H
#define LODE_TESTS_STATE_H

#include <lode/limine.h>
#include <lode/linux.h>
#include <lode/multiboot2.h>
#include <lode/protocol.h>
#include <lode/pvh.h>
#include <lode/rust.h>

#include "../unit/file.h"

enum { STATE_BYTES = 1 << 20, STATE_ENTRIES = 1024 };

/** A start state, its arrays, and the kernel that it is of. Zero-initialise. */
struct state {
	struct file file;
	struct lode_kernel kernel;
	struct lode_start start;
	struct lode_part parts[STATE_ENTRIES];
	struct lode_start_mapping mappings[STATE_ENTRIES];
	unsigned char bytes[STATE_BYTES];
	struct lode_diag why;
	int status;
};

/* 640 KiB, a hole, 255 MiB, a device region. */
static const struct lode_memory_entry state_memory[] = {
	{0, 0x9fc00, LODE_MEMORY_USABLE},
	{0x9fc00, 0x60400, LODE_MEMORY_RESERVED},
	{0x100000, 0xff00000, LODE_MEMORY_USABLE},
	{0xe0000000, 0x10000000, LODE_MEMORY_RESERVED},
};

static inline struct lode_machine state_machine(void)
{
	return (struct lode_machine){.memory = state_memory, .nmemory = 4, .rsdp = 0xe0000};
}

/** Forget what was built; arrays as large as the machine and the file need them. */
static inline void state_reset(struct state *s, const struct lode_machine *machine)
{
	uint32_t nruns = s->kernel.plan != NULL ? s->file.plan.nruns : 0;
	uint32_t nsections = s->kernel.image != NULL && s->file.image.sections != NULL ? s->file.image.nsections : 0;

	memset(&s->start, 0xa5, sizeof s->start);
	s->start.parts = s->parts;
	s->start.mappings = s->mappings;
	s->start.bytes = s->bytes;
	s->start.max_parts = LODE_START_PARTS(nruns, machine, nsections);
	s->start.max_mappings = LODE_START_MAPPINGS(nruns, machine);
	s->start.max_bytes = STATE_BYTES;
	memset(s->bytes, 0x55, 4096);
	s->why = (struct lode_diag){.status = 1};
	CHECK(s->start.max_parts <= STATE_ENTRIES && s->start.max_mappings <= STATE_ENTRIES);
}

/** Open and plan s->file for a protocol. */
static inline void state_load(struct state *s, enum lode_protocol protocol, uint64_t base, uint32_t flags)
{
	struct lode_policy policy = lode_protocol_policy(protocol);

	policy.base = base;
	CHECK_EQ(file_open(&s->file, flags), LODE_OK);
	if (!(flags & LODE_OPEN_SECTIONS))
		s->file.image.sections = NULL;
	CHECK_EQ(file_plan(&s->file, &policy), LODE_OK);
	s->kernel = (struct lode_kernel){&s->file.image, &s->file.plan};
}

static inline bool state_overlap_(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a_size > 0 && b_size > 0 && a < b + b_size && b < a + a_size;
}

static inline bool state_usable_(const struct lode_machine *machine, uint64_t addr, uint64_t size)
{
	while (size > 0) {
		uint64_t step = 0;

		for (uint32_t i = 0; i < machine->nmemory; i++) {
			const struct lode_memory_entry *memory = &machine->memory[i];

			if (memory->type == LODE_MEMORY_USABLE && addr >= memory->addr && addr - memory->addr < memory->size)
				step = memory->size - (addr - memory->addr);
		}
		if (step == 0)
			return false;
		step = step < size ? step : size;
		addr += step;
		size -= step;
	}
	return true;
}

static inline void state_check_part_(const struct state *s, const struct lode_machine *machine, uint32_t i)
{
	const struct lode_part *part = &s->start.parts[i];

	CHECK(state_usable_(machine, part->addr, part->size));
	for (uint32_t k = 0; k < machine->nreserved; k++)
		CHECK(!state_overlap_(part->addr, part->size, machine->reserved[k].addr, machine->reserved[k].size));
	for (uint32_t k = 0; k < i; k++)
		CHECK(s->start.parts[k].patch || !state_overlap_(part->addr, part->size, s->start.parts[k].addr,
			s->start.parts[k].size));
}

static inline void state_check_mapping_(const struct state *s, uint32_t i)
{
	const struct lode_start_mapping *m = &s->start.mappings[i];

	CHECK(m->size > 0 && m->size % 4096 == 0 && m->addr % 4096 == 0 && m->phys % 4096 == 0);
	CHECK(m->addr + (m->size - 1) >= m->addr);
	for (uint32_t k = 0; k < i; k++)
		CHECK(m->addr > s->mappings[k].addr + (s->mappings[k].size - 1) ||
			s->mappings[k].addr > m->addr + (m->size - 1));
}

/** What every start state promises. */
static inline void state_check(const struct state *s, const struct lode_machine *machine)
{
	CHECK_EQ(s->status, LODE_OK);
	if (s->status != LODE_OK)
		return;
	for (uint32_t i = 0; i < s->start.nparts; i++) {
		const struct lode_part *part = &s->start.parts[i];

		if (part->content == LODE_CONTENT_BYTES)
			CHECK(part->offset <= s->start.nbytes && part->size <= s->start.nbytes - part->offset);
		if (!part->patch)
			state_check_part_(s, machine, i);
	}
	for (uint32_t i = 0; i < s->start.nmappings; i++)
		state_check_mapping_(s, i);
	for (uint32_t i = 0; i < machine->nmodules; i++)
		CHECK(lode_start_module(&s->start, i) != NULL && lode_start_module(&s->start, i)->size == machine->modules[i].size);
}

/** Bytes of the boot structures at a physical address; a failed check and zeros if they are not wholly there. */
static inline const unsigned char *state_at(const struct state *s, uint64_t phys, uint64_t size)
{
	static const unsigned char nothing[4096];

	for (uint32_t i = 0; i < s->start.nparts; i++) {
		const struct lode_part *part = &s->start.parts[i];

		if (part->content == LODE_CONTENT_BYTES && phys >= part->addr && phys - part->addr <= part->size &&
			size <= part->size - (phys - part->addr))
			return s->bytes + part->offset + (phys - part->addr);
	}
	CHECK(false && "a pointer leads out of the boot structures");
	return nothing;
}

static inline uint64_t state_get(const struct state *s, uint64_t phys, unsigned width)
{
	const unsigned char *p = state_at(s, phys, width);
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | p[width];
	return value;
}

static inline const char *state_string(const struct state *s, uint64_t phys)
{
	return (const char *)state_at(s, phys, 1);
}

static inline const struct lode_part *state_part(const struct state *s, enum lode_field what)
{
	for (uint32_t i = 0; i < s->start.nparts; i++)
		if (s->start.parts[i].what == what)
			return &s->start.parts[i];
	CHECK(false && "there is no such part");
	return s->start.parts;
}

static inline uint64_t state_word_(const unsigned char *p, unsigned width)
{
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | p[width];
	return value;
}

static inline void state_put(unsigned char *p, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

/** A refusal: which rule, about what, in conflict with what. */
static inline void state_refused(const struct state *s, enum lode_rule rule, enum lode_field field)
{
	CHECK_STR(lode_rule_name(s->why.rule), lode_rule_name(rule));
	CHECK_EQ(s->status, lode_rule_status(rule));
	CHECK_EQ(s->why.status, s->status);
	CHECK_STR(lode_field_structure(s->why.field), lode_field_structure(field));
	CHECK_STR(lode_field_name(s->why.field), lode_field_name(field));
}

static inline void state_conflict(const struct state *s, enum lode_field field, enum lode_field with)
{
	state_refused(s, LODE_RULE_START_CONFLICT, field);
	CHECK_STR(lode_field_structure(s->why.with), lode_field_structure(with));
}

#endif
