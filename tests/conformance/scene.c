/* SPDX-License-Identifier: MIT */
/* A scenario -> image, plan, and the memory that a placing must leave: computed the slow and obvious way. */
#include <elf.h>
#include <stdlib.h>

#include "../check.h"
#include "scene.h"

#define LITTLE64 ELFCLASS64, ELFDATA2LSB
#define LITTLE32 ELFCLASS32, ELFDATA2LSB

const struct scenario scenarios[] = {
	{"static program", "static", LITTLE64, EM_X86_64, true, false, false},
	{"static kernel", "static", LITTLE64, EM_X86_64, false, false, false},
	{"static, 32 bit, big-endian", "static", ELFCLASS32, ELFDATA2MSB, EM_386, false, false, false},
	{"bss-only segment", "bss", LITTLE64, EM_X86_64, false, false, false},
	{"bss-only segment, process", "bss", LITTLE64, EM_X86_64, true, false, false},
	{"segments in one page, process", "pages", LITTLE64, EM_X86_64, true, false, false},
	{"segments in one page, kernel", "pages", LITTLE64, EM_X86_64, false, false, false},
	{"dynamic program", "dynamic", LITTLE64, EM_X86_64, true, false, false},
	{"dynamic program, 32 bit", "dynamic", LITTLE32, EM_386, true, false, false},
	{"kernel at its physical addresses", "kernel", LITTLE64, EM_X86_64, false, true, false},
	{"relocated, x86-64", "relocatable", LITTLE64, EM_X86_64, false, false, true},
	{"relocated, i386", "relocatable", LITTLE32, EM_386, false, false, true},
	{"relocated, AArch64", "relocatable", LITTLE64, EM_AARCH64, false, false, true},
	{"relocated, RISC-V", "relocatable", LITTLE64, EM_RISCV, false, false, true},
	{"relocated as a process, x86-64", "relocatable", LITTLE64, EM_X86_64, true, false, true},
};
const size_t nscenarios = sizeof scenarios / sizeof *scenarios;

static int flaky_read(void *host, void *dst, uint64_t offset, size_t size)
{
	struct flaky *flaky = host;
	unsigned char *bytes = dst;
	bool now = flaky->calls++ == flaky->at;

	if (offset > flaky->file->size || size > flaky->file->size - offset || (now && flaky->spoil == SPOIL_FAIL))
		return -1;
	memcpy(bytes, flaky->file->bytes + offset, size);
	for (size_t i = 0; now && i < size; i++)
		bytes[i] = flaky->spoil == SPOIL_ZEROS ? 0
			: flaky->spoil == SPOIL_ONES ? 0xff
							: bytes[i] ^ (unsigned char)(1u << (i + offset) % 8);
	return 0;
}

static struct lode_policy policy_of(const struct scenario *scenario, const struct subject *subject)
{
	struct lode_policy policy = scenario->process ? lode_policy_process(4096) : lode_policy_kernel(4096);

	policy.domain = scenario->physical && subject->fixed_addresses ? LODE_PHYSICAL : LODE_VIRTUAL;
	policy.relocate = scenario->relocate ? LODE_RELOCATE_LOADER : LODE_RELOCATE_NONE;
	policy.flags &= ~(uint32_t)LODE_PLAN_SHARE;
	if (subject->shares)
		policy.flags |= LODE_PLAN_SHARE;
	policy.flags |= LODE_PLAN_ENTRY_ANY;
	return policy;
}

/** Runs and fills, taken by their word. */
static void imagine(struct scene *scene)
{
	const struct lode_plan *plan = &scene->plan;
	const struct mkelf_out *file = &scene->file;

	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		for (uint64_t k = 0; k < run->size; k++) {
			uint64_t at = run->addr - plan->span.addr + k;

			scene->held[at] = 1;
			scene->want[at] =
				run->kind == LODE_RUN_SHARE && run->offset + k < file->size ? file->bytes[run->offset + k] : 0;
		}
	}
	for (uint32_t i = 0; i < plan->nfills; i++) {
		const struct lode_fill *fill = &plan->fills[i];

		for (uint64_t k = 0; k < fill->size; k++)
			scene->want[fill->addr - plan->span.addr + k] =
				fill->offset == LODE_FILL_ZEROS ? 0 : file->bytes[fill->offset + k];
	}
}

static void put_word(struct scene *scene, uint64_t place, uint64_t value)
{
	unsigned width = scene->file.class_ == ELFCLASS64 ? 8 : 4;

	for (unsigned i = 0; i < width; i++)
		scene->want[place + scene->plan.bias - scene->plan.span.addr + i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get_word(const struct scene *scene, uint64_t place)
{
	unsigned width = scene->file.class_ == ELFCLASS64 ? 8 : 4;
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)scene->want[place + scene->plan.bias - scene->plan.span.addr + i] << 8 * i;
	return value;
}

static bool is_relative(uint16_t machine, uint64_t type)
{
	return type == (machine == EM_AARCH64 ? R_AARCH64_RELATIVE : machine == EM_RISCV ? R_RISCV_RELATIVE : R_X86_64_RELATIVE);
}

/** The sample's REL or RELA entries: relative, or the address of a symbol. */
static void relocate_by(struct scene *scene, enum mkelf_structure table, uint16_t machine)
{
	const struct mkelf_out *file = &scene->file;

	for (uint32_t i = 0; i < file->parts[table].count; i++) {
		uint64_t place = mkelf_get(file, table, i, "r_offset"), info = mkelf_get(file, table, i, "r_info");
		uint64_t addend = table == MKELF_RELA ? mkelf_get(file, table, i, "r_addend") : get_word(scene, place), value = 0;
		uint32_t symbol = (uint32_t)(file->class_ == ELFCLASS64 ? info >> 32 : info >> 8);
		uint64_t type = file->class_ == ELFCLASS64 ? info & UINT32_MAX : info & 255;

		if (is_relative(machine, type))
			value = scene->plan.bias;
		else if (mkelf_get(file, MKELF_SYM, symbol, "st_shndx") != SHN_UNDEF)
			value = scene->plan.bias + mkelf_get(file, MKELF_SYM, symbol, "st_value");
		put_word(scene, place, value + addend);
	}
}

static void relocate_by_relr(struct scene *scene)
{
	const struct mkelf_out *file = &scene->file;
	unsigned word = file->class_ == ELFCLASS64 ? 8 : 4;
	uint64_t next = 0;

	for (uint32_t i = 0; i < file->parts[MKELF_RELR].count; i++) {
		uint64_t entry = mkelf_get(file, MKELF_RELR, i, "word");

		if (!(entry & 1)) {
			put_word(scene, entry, get_word(scene, entry) + scene->plan.bias);
			next = entry + word;
			continue;
		}
		for (unsigned bit = 1; bit < 8 * word; bit++)
			if (entry >> bit & 1)
				put_word(scene, next + (bit - 1) * word,
					get_word(scene, next + (bit - 1) * word) + scene->plan.bias);
		next += (8 * word - 1) * word;
	}
}

static bool open_scene(struct scene *scene, bool callback)
{
	struct lode_open_options options = {.segments = scene->segments, .max_segments = SCENE_SEGMENTS};

	scene->flaky = (struct flaky){.file = &scene->file, .at = NEVER};
	scene->source = (struct lode_source){.bytes = scene->file.bytes, .size = scene->file.size};
	if (callback)
		scene->source = (struct lode_source){.size = scene->file.size, .read = flaky_read, .host = &scene->flaky};
	return CHECK_EQ(lode_open(&scene->image, &scene->source, &options, NULL), LODE_OK);
}

bool scene_begin(struct scene *scene, const struct scenario *scenario, struct subject *subject, bool callback)
{
	struct lode_policy policy = policy_of(scenario, subject);
	struct lode_span span = {.align = 1};

	memset(scene, 0, sizeof *scene);
	mkelf_make(&scene->file, scenario->sample, scenario->class_, scenario->data, scenario->machine);
	if (!subject->fixed_addresses)
		mkelf_set(&scene->file, MKELF_EHDR, 0, "e_type", ET_DYN);
	if (!open_scene(scene, callback) || !CHECK_EQ(lode_plan_span(&span, &scene->image, &policy, NULL), LODE_OK))
		return false;
	if (scene->image.type == LODE_ET_DYN &&
		!CHECK(subject->choose(subject, &policy.base, &span, scenario->class_ == ELFCLASS32)))
		return false;
	scene->plan = (struct lode_plan){.runs = scene->runs,
		.max_runs = LODE_PLAN_RUNS(SCENE_SEGMENTS),
		.fills = scene->fills,
		.max_fills = LODE_PLAN_FILLS(SCENE_SEGMENTS)};
	if (!CHECK_EQ(lode_plan(&scene->plan, &scene->image, &policy, NULL), LODE_OK))
		return false;
	scene->want = calloc(2, (size_t)scene->plan.span.size);
	if (!CHECK(scene->want != NULL))
		return false;
	scene->held = scene->want + scene->plan.span.size;
	imagine(scene);
	if (scenario->relocate) {
		relocate_by(scene, MKELF_REL, scenario->machine);
		relocate_by(scene, MKELF_RELA, scenario->machine);
		relocate_by_relr(scene);
	}
	return true;
}

static int wanted_prot(const struct scene *scene, const struct subject *subject, uint64_t addr)
{
	const struct lode_run *run = lode_plan_run_at(&scene->plan, addr, 1);
	const struct lode_range *relro = &scene->plan.relro;

	if (!run)
		return (int)subject->between;
	if (scene->plan.relocate == LODE_RELOCATE_LOADER && addr >= relro->addr && addr - relro->addr < relro->size)
		return (int)LODE_PF_R;
	return (int)run->prot;
}

void scene_check(struct scene *scene, struct subject *subject)
{
	const struct lode_range *span = &scene->plan.span;
	unsigned char page[4096];

	for (uint64_t at = 0; at < span->size; at += sizeof page) {
		int prot = subject->prot(subject, span->addr + at);

		if (prot != SUBJECT_NO_PROT &&
			!CHECK_EQ(prot, wanted_prot(scene, subject, span->addr + at) & ~(int)subject->hidden))
			return;
	}
	for (uint64_t at = 0; at < span->size; at += sizeof page) {
		if (!scene->held[at])
			continue;
		subject->look(subject, span->addr + at, page, sizeof page);
		if (!CHECK_MEM(page, scene->want + at, sizeof page))
			return;
	}
	CHECK(subject->same_beside(subject, span));
}

void scene_end(struct scene *scene)
{
	free(scene->want);
	mkelf_free(&scene->file);
}
