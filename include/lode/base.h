/* SPDX-License-Identifier: MIT */
/* What every other header stands on: status codes, rules, and the diagnosis that a refusal fills in. */
#ifndef LODE_BASE_H
#define LODE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_VERSION_MAJOR 0
#define LODE_VERSION_MINOR 1
#define LODE_VERSION_PATCH 0
#define LODE_VERSION "0.1.0"

/**
 * Status of functions that can fail (those of lode/exec.h return a negative errno, of lode/vmm.h -1): LODE_OK, or one of the
 * negative values; who is at fault decides which.
 */
enum lode_status {
	LODE_OK = 0,
	LODE_ERR_MALFORMED = -1,   /* the image's bytes break its own specification */
	LODE_ERR_UNSUPPORTED = -2, /* valid, but not something that Lode loads */
	LODE_ERR_POLICY = -3,      /* valid, but the caller's policy refuses it */
	LODE_ERR_ROOM = -4,        /* an array of the caller is too small; the count needed is reported */
	LODE_ERR_IO = -5,          /* a callback of the caller failed, or its bytes changed between two reads */
	LODE_ERR_USE = -6,         /* the caller broke a precondition */
};

/** Why something was refused. The list, with texts and remedies, is rules.def. */
enum lode_rule {
	LODE_RULE_NONE,
#define LODE_RULE(id, name, status, class_, text, remedy, ref) LODE_RULE_##id,
#include <lode/rules.def>
#undef LODE_RULE
	LODE_RULE_COUNT_
};

/** Which field of which structure. The list, with the specifications' names, is fields.def. */
enum lode_field {
	LODE_FIELD_NONE,
#define LODE_FIELD(id, structure, field) LODE_FIELD_##id,
#include <lode/fields.def>
#undef LODE_FIELD
	LODE_FIELD_COUNT_
};

#define LODE_NO_OFFSET UINT64_MAX
#define LODE_NO_INDEX UINT32_MAX

/** One refusal: which rule, where in the file, which value. Means something only after a function failed. */
struct lode_diag {
	enum lode_status status;
	enum lode_rule rule;
	enum lode_field field; /* structure and field that broke the rule */
	uint32_t index;        /* which structure of a table; LODE_NO_INDEX: there is only one */
	uint32_t other;        /* the second structure of a conflict (rule's text says of which table), or LODE_NO_INDEX */
	enum lode_field with;  /* what the second structure is; LODE_FIELD_NONE: of the same kind */
	uint64_t value;        /* what the field holds */
	uint64_t limit;        /* what it was compared with; 0 too where that is no number */
	uint64_t offset;       /* byte in the file where the field stands, or LODE_NO_OFFSET */
};

/**
 * lode_diag_of - a refusal by @rule, with the rule's status
 * Precondition: a rule of the enum. Index, other and offset say that there is none: set what is known. Every diagnosis begins here.
 */
struct lode_diag lode_diag_of(enum lode_rule rule, enum lode_field field, uint64_t value, uint64_t limit);

/** A range of addresses: [addr, addr + size). */
struct lode_range {
	uint64_t addr;
	uint64_t size;
};

/** Bytes of the file: [offset, offset + size). */
struct lode_extent {
	uint64_t offset;
	uint64_t size;
};

/*
 * Words for a diagnosis. They live in core/words.c, which nobody has to link: the loader itself never calls them.
 */

/** Name of a rule as `lode check --explain` takes it ("segment-past-end"), "" for values outside the enum. */
const char *lode_rule_name(enum lode_rule rule);
/** One sentence: what the rule demands. */
const char *lode_rule_text(enum lode_rule rule);
/** One sentence: what to do about it. */
const char *lode_rule_remedy(enum lode_rule rule);
/** Specification that the rule follows; docs/refs.md pins the edition. */
const char *lode_rule_ref(enum lode_rule rule);
/** Status that goes with the rule. */
enum lode_status lode_rule_status(enum lode_rule rule);
/** Error class of the threat model ("E_RANGE"). */
const char *lode_rule_class(enum lode_rule rule);
/** Rule by its name; LODE_RULE_NONE if there is none. */
enum lode_rule lode_rule_find(const char *name);
/** Structure ("program header") and field ("p_offset") of a diagnosis. */
const char *lode_field_structure(enum lode_field field);
const char *lode_field_name(enum lode_field field);

/**
 * lode_diag_format - a diagnosis as one line of text; without a rule its place only, without a field its rule only
 * @buf, @size: destination; always NUL-terminated if @size > 0
 * @why: a diagnosis that a failed call filled in
 * Returns the length that the whole line needs, without its NUL (like snprintf).
 */
size_t lode_diag_format(char *buf, size_t size, const struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
