/* SPDX-License-Identifier: MIT */
/* What the files about types share. Not for embedders. */
#ifndef LODE_LINK_TYPES_H
#define LODE_LINK_TYPES_H

#include "dwarf.h"
#include "swap.h"

enum type_kind {
	TYPE_UNKNOWN, /* like any */
	TYPE_VOID,
	TYPE_BASE,
	TYPE_ENUM,
	TYPE_POINTER,
	TYPE_ARRAY,
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_FUNCTION,
	TYPE_KINDS,
};
enum { TYPE_NONE = 0, TYPE_OF_VOID = 1, TYPES_FIXED = 2 };
/* Of functions. */
enum { TYPE_VARIADIC = 1, TYPE_UNPROTOTYPED = 2 };
/* An offset that is not known. */
#define TYPE_NOWHERE (UINT64_MAX - 1)

/* Symbols come in as these keys, and places of variables and functions likewise. */
struct types_input {
	const struct lode_image *image; /* with sections */
	void *memory;
	uint64_t size;
	uint32_t nsymbols;
	const void *host;
	/* False: no variable or function. */
	bool (*key)(uint64_t *key, const void *host, uint32_t number);
	/* Of a place that an entry names. */
	bool (*place)(uint64_t *key, const void *host, const struct dwarf_place *place, bool function);
};

/* types.c: bytes of the memory that the types took; 0: there are none that can be read. */
uint64_t lode_types_read_(struct lode_types *types, const struct types_input *input);

/* types_merge.c: those that are alike become one, if the memory is enough for that. */
void lode_types_merge_(struct lode_types *types, void *memory, uint64_t size);

/* types_read.c: units of a file, their types as they are needed. */
struct types_reader {
	struct lode_types *types;
	const struct types_input *input;
	struct dwarf_unit unit;
	struct lode_dwarf dwarf;
	uint32_t *dies;      /* of each type that is still to be read: its entry; 0: it is read */
	uint32_t *map;       /* entries of this unit -> types */
	uint32_t mask, max_types, max_parts, first; /* first: of this unit */
	uint32_t *heads, *next, nheads; /* symbols by key */
	bool full;           /* an array is; what is left stays unknown */
};
uint32_t lode_types_of_variable_(struct types_reader *reader, const struct dwarf_die *die);
/* Every type that was named since the unit began. */
void lode_types_finish_(struct types_reader *reader);
uint32_t lode_types_function_(struct types_reader *reader, const struct dwarf_die *die);

/* types_same.c: two types, and how one was come to: by a part of the types of an earlier pair. */
struct types_pair {
	uint32_t old, now, from, part;
};
#define TYPES_ROOT UINT32_MAX

/* What was compared; pairs that were found equal are not looked at again. */
struct types_comparing {
	const struct lode_types *old, *now;
	struct types_pair *pairs;
	uint32_t *seen;      /* numbers of pairs + 1 */
	uint32_t npairs, max_pairs, mask;
	uint64_t looks;      /* at slots, so far */
	bool unfinished;     /* there was more to compare than such types have as a rule: the rest is not known */
};

/* Where two types differ first, and what their parts have there. */
struct types_difference {
	enum lode_field field;
	uint64_t old, now;
	char path[LODE_SWAP_PATH];
};
/* For so many types of the new code. */
uint64_t lode_types_memory_(uint32_t ntypes);
void lode_types_begin_(struct types_comparing *comparing, const struct lode_types *now, void *memory);
/* True as well if either is not known, or not all of it was compared (unfinished). A pair is looked at once for all variables. */
bool lode_types_same_(struct types_difference *difference, struct types_comparing *comparing, const struct lode_types *old,
	uint32_t was, uint32_t is);

/* What is known of a unit's types, and of those of the program that they were compared with. */
struct lode_link_types {
	struct lode_types types;
	struct types_comparing comparing;
};

/* swap_types.c: NULL: nothing; *type is that of a symbol of the unit, TYPE_NONE if it is not known. */
const struct lode_types *lode_unit_types_(uint32_t *type, struct lode_link *link, struct lode_link_unit *unit, uint32_t index);
void lode_index_types_(struct lode_index *index, const struct lode_image *image, void *memory, size_t size);
uint32_t lode_index_type_(const struct lode_index *index, const struct lode_index_symbol *symbol);

/* swap_call.c: other units may call the new function as they called the old one. False: refused. */
bool lode_swap_same_call_(struct lode_swap *swap, const struct lode_swap_function *function, struct lode_diag *why);

/* swap_move.c: variables that begin anew, from what they were. */
#define LODE_SWAP_HOOKS ".lode.migrate"
bool lode_unit_is_hooks_(const struct lode_link_unit *unit, uint32_t section);
bool lode_swap_has_hook_(const struct lode_link_datum *datum);
/* False: it cannot be. */
bool lode_swap_add_move_(struct lode_swap *swap, const struct lode_link_datum *datum, const struct lode_range *before);
/* Where everything is, and that nobody else refers to them. */
int lode_swap_moves_plan_(struct lode_swap *swap, struct lode_diag *why);
/* The variable that an address is in, as it was, if all can name it; or NULL. */
const struct lode_swap_move *lode_swap_moved_at_(const struct lode_swap *swap, uint64_t addr);
int lode_swap_moves_run_(struct lode_swap *swap, struct lode_diag *why);

#endif
