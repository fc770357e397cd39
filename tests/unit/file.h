/* SPDX-License-Identifier: MIT */
/* A description or sample of tools/mkelf -> the file, opened and planned, and what a refusal said. Shared by the unit tests. */
#ifndef LODE_TESTS_FILE_H
#define LODE_TESTS_FILE_H

#include <stdlib.h>

#include <lode/lode.h>

#include "check.h"
#include "mkelf.h"

enum { FILE_ENTRIES = 96 };

/** A test file and everything that is made of it. Zero-initialise; file_free when done. */
struct file {
	struct mkelf_out out;
	struct lode_source source;
	struct lode_image image;
	struct lode_plan plan;
	struct lode_diag why;
	struct lode_segment segments[FILE_ENTRIES];
	struct lode_section sections[FILE_ENTRIES];
	struct lode_run runs[LODE_PLAN_RUNS(FILE_ENTRIES)];
	struct lode_fill fills[LODE_PLAN_FILLS(FILE_ENTRIES)];
};

static inline void file_rewind_(struct file *f)
{
	f->source = (struct lode_source){.bytes = f->out.bytes, .size = f->out.size};
	f->why = (struct lode_diag){0};
}

static inline void file_write(struct file *f, const struct mkelf *elf)
{
	mkelf_write(&f->out, elf);
	file_rewind_(f);
}

static inline void file_sample(struct file *f, const char *name, uint8_t class_, uint8_t data, uint16_t machine)
{
	mkelf_make(&f->out, name, class_, data, machine);
	file_rewind_(f);
}

static inline int file_open(struct file *f, uint32_t flags)
{
	const struct lode_open_options options = {
		.flags = flags,
		.segments = f->segments,
		.max_segments = FILE_ENTRIES,
		.sections = f->sections,
		.max_sections = FILE_ENTRIES,
	};

	return lode_open(&f->image, &f->source, &options, &f->why);
}

static inline int file_plan(struct file *f, const struct lode_policy *policy)
{
	f->plan = (struct lode_plan){
		.runs = f->runs,
		.max_runs = LODE_PLAN_RUNS(FILE_ENTRIES),
		.fills = f->fills,
		.max_fills = LODE_PLAN_FILLS(FILE_ENTRIES),
	};
	return lode_plan(&f->plan, &f->image, policy, &f->why);
}

/** Open and plan. */
static inline int file_load(struct file *f, const struct lode_policy *policy)
{
	int status = file_open(f, 0);

	return status == LODE_OK ? file_plan(f, policy) : status;
}

static inline void file_free(struct file *f)
{
	mkelf_free(&f->out);
}

/** Both classes times both byte orders: number 0 to 3. */
static inline uint8_t encoding_class(unsigned k)
{
	return k & 1 ? LODE_CLASS64 : LODE_CLASS32;
}

static inline uint8_t encoding_data(unsigned k)
{
	return k & 2 ? LODE_DATA2MSB : LODE_DATA2LSB;
}

/** What a refusal says, piece by piece. */
#define CHECK_WHY(why, rule_name, field_, index_, value_, limit_, offset_)                                                         \
	(CHECK_STR(lode_rule_name((why).rule), rule_name), CHECK_EQ((why).status, lode_rule_status((why).rule)),                   \
		CHECK_STR(lode_field_name((why).field), lode_field_name(field_)), CHECK_EQ((why).index, index_),                   \
		CHECK_EQ((why).value, value_), CHECK_EQ((why).limit, limit_), CHECK_EQ((why).offset, offset_))

/** Numbers that are the same in every run and on every machine. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

#endif
