/* SPDX-License-Identifier: MIT */
/* One bad image or bad wish for each rule: what is done with it, and what the refusal has to say. */
#ifndef LODE_TESTS_RULES_H
#define LODE_TESTS_RULES_H

#include <lode/start.h>

#include "../unit/dynimage.h"
#include "../unit/tape.h"

/** One try. A case fills in what it wants to hear and what it heard. */
struct bad {
	unsigned encoding; /* 0 to 3: ELFCLASS32 and 64, little- and big-endian */
	bool wide;
	uint64_t last;     /* last address of the class */
	struct file file;
	struct lode_policy policy;
	struct lode_diag want; /* field, index, other, value, limit, offset */
	int status;
	struct lode_diag why;
};

/** A sample of mkelf in this try's encoding, for AArch64 or i386. */
void bad_sample(struct bad *b, const char *name);
/** The lie, which is also what the diagnosis is to name. */
void bad_lie(struct bad *b, enum mkelf_structure structure, uint32_t index, const char *name, enum lode_field field,
	uint64_t value);
/** Set a field without naming it. */
void bad_set(struct bad *b, enum mkelf_structure structure, uint32_t index, const char *name, uint64_t value);
void bad_want(struct bad *b, enum lode_field field, uint32_t index, uint64_t value, uint64_t offset);

void bad_open(struct bad *b, uint32_t flags);
/** Open, then plan. */
void bad_plan(struct bad *b);
/** Open, then lode_dynamic_open. */
void bad_dynamic(struct bad *b);
/** Index of the dynamic table's entry with this tag. */
uint32_t bad_tag(struct bad *b, uint64_t tag);

/* Each rule has a function of its own: without one for every rule of the list this does not link. */
#define LODE_RULE(id, name, status, class_, text, remedy, ref) void rule_##id(struct bad *b);
#include <lode/rules.def>
#undef LODE_RULE

#endif
