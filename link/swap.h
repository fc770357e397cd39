/* SPDX-License-Identifier: MIT */
/* What the files of replacement share. Not for embedders. */
#ifndef LODE_LINK_SWAP_H
#define LODE_LINK_SWAP_H

#include "link.h"
#include <lode/swap.h>

/* Types of x86-64 that refer to functions. */
enum {
	R_64 = 1, R_PC32 = 2, R_PLT32 = 4, R_GOTPCREL = 9, R_32 = 10, R_32S = 11, R_GOTPCRELX = 41, R_REX_GOTPCRELX = 42,
	R_CODE_4_GOTPCRELX = 43,
};

/* index_find.c: symbols by name. @unit of the first: where one is looked for that has become local, or LODE_NO_INDEX. */
const struct lode_index_symbol *lode_index_global_(const struct lode_index *index, const struct lode_link_text *text,
	uint32_t unit);
const struct lode_index_symbol *lode_index_local_(const struct lode_index *index, const struct lode_link_text *text,
	uint32_t unit);
int lode_index_chain_(struct lode_index *index, void *memory, size_t size);

/* swap.c: what a version of a unit defines itself. Names of variables of functions are compared without their numbers. */
struct lode_swap_name {
	struct lode_link_text name, source;
	bool local;
	uint8_t type; /* of local ones */
};
/* One of them. */
struct lode_swap_own {
	struct lode_range range;
	struct lode_link_unit *unit;
	uint32_t index; /* there */
};
/* How many there are; *own is the last one. */
uint32_t lode_swap_find_own_(struct lode_swap_own *own, const struct lode_swap *version, const struct lode_swap_name *name);
uint32_t lode_swap_own_(struct lode_range *own, const struct lode_swap *version, const struct lode_swap_name *name);
/* The number of a source file of the program. */
uint32_t lode_swap_unit_(const struct lode_swap *swap, const struct lode_link_text *source);

/* Numbers that compilers give to variables of functions change with the source: "calls.3" is "calls". How much of a name is before
 * them, or 0. */
uint32_t lode_swap_stem_(const struct lode_link_text *name);
/* Without those numbers, if both have them. */
bool lode_swap_is_same_(const struct lode_link_text *a, const struct lode_link_text *b);
/* swap_keep.c: where a symbol of the program is in it. */
uint64_t lode_swap_run_addr_(const struct lode_program *program, const struct lode_index_symbol *symbol);

/* swap_same.c: a constant says what the one at an address says. */
bool lode_swap_same_(const struct lode_swap *swap, const struct lode_link_datum *datum, uint64_t addr);

/* swap_class.c: a class's type, and that one's name; what objects that exist count on stays: swap-size, swap-type. */
bool lode_swap_is_type_(const struct lode_link_text *name);
bool lode_swap_is_type_name_(const struct lode_link_text *name);
int lode_swap_classes_(struct lode_swap *swap, struct lode_diag *why);

/* swap_functions.c: functions of the old code, and whether an address is one's, or behind one's entry. */
int lode_swap_functions_(struct lode_swap *swap, struct lode_diag *why);
const struct lode_swap_function *lode_swap_old_at_(const struct lode_swap *swap, uint64_t entry);
bool lode_swap_is_old_(const struct lode_swap *swap, uint64_t addr);
bool lode_swap_is_in_old_(const struct lode_swap *swap, uint64_t addr);
bool lode_unit_is_function_(const struct lode_link_unit *unit, uint32_t index);

/* swap_plan.c: what a place refers to, by the bytes that are there. */
uint64_t lode_swap_target_(const struct lode_site *site, const unsigned char *at);

/* swap_commit.c: a jump at a function's entry, behind its mark. 1: made; 0: there is no room; -1: out of reach. */
int lode_swap_door_(struct lode_store *store, const struct lode_swap_host *host, const struct lode_range *from, uint64_t to);

/* sites.c: what a module's code and data refer to functions and constants by; slots of its GOT among them. Ends with what @each
 * returned if that is not 0. */
int lode_link_sites_(struct lode_link *link, int (*each)(void *host, const struct lode_site *site), void *host);

/* index_sites.c: what a relocation's field refers to, by what it holds. */
struct index_field {
	uint64_t addr;            /* of the field */
	uint64_t symbol, addend;
	uint32_t type;
	const unsigned char *at;  /* bytes of the field */
	uint64_t room;            /* bytes of its section before it */
	bool code, section;       /* it stands in code; its symbol is a section's */
};
/* False: to nothing that could be a function. @slot: the site is a word of the GOT, whose address is in it. */
bool lode_site_of_(struct lode_site *site, uint64_t *target, bool *slot, const struct index_field *field);
uint32_t lode_site_bytes_(uint32_t type);
static inline uint32_t site_width(enum lode_site_kind kind)
{
	return kind == LODE_SITE_ABS64 || kind == LODE_SITE_WORD ? 8 : 4;
}

#endif
