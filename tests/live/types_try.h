/* SPDX-License-Identifier: MIT */
/* Any bytes as an object -> its types, with every promise checked that can be: all numbers in bounds, a type is the same as itself,
 * and comparing others comes to an end. */
#ifndef LODE_TESTS_LIVE_TYPES_TRY_H
#define LODE_TESTS_LIVE_TYPES_TRY_H

#include "link/types.h"
#include <stdlib.h>
#include <string.h>

struct types_result {
	int status;
	unsigned long known; /* symbols whose types are */
	uint64_t sum;
};

static inline void types_must(bool holds)
{
	if (!holds)
		abort();
}

static inline void types_try_table(struct types_result *r, const struct lode_types *types)
{
	types_must(types->ntypes == 0 || types->types[TYPE_NONE].kind == TYPE_UNKNOWN);
	for (uint32_t i = 0; i < types->ntypes; i++) {
		const struct lode_type *type = &types->types[i];

		types_must(type->kind < TYPE_KINDS && type->target < types->ntypes);
		types_must(type->nparts <= types->nparts && (type->nparts == 0 || type->first <= types->nparts - type->nparts));
		r->sum = (r->sum ^ type->kind ^ type->size << 8 ^ (uint64_t)type->target << 32) * 31;
	}
	for (uint32_t i = 0; i < types->nparts; i++) {
		types_must(types->parts[i].type < types->ntypes);
		for (uint32_t k = 0; k < types->parts[i].length; k++)
			r->sum = r->sum * 31 + (unsigned char)types->parts[i].name[k];
	}
}

static inline void types_try_pair(struct lode_link_types *types, uint32_t was, uint32_t is)
{
	struct types_difference difference = {.path = ""};

	if (lode_types_same_(&difference, &types->comparing, &types->types, was, is))
		return;
	types_must(was != is && difference.field != LODE_FIELD_NONE);
	types_must(memchr(difference.path, '\0', sizeof difference.path) != NULL);
}

static inline void types_try_merge(struct lode_types *types)
{
	size_t size = 64 * (size_t)types->ntypes + 1024;
	void *memory = malloc(size);
	uint32_t before = types->ntypes;

	types_must(memory != NULL);
	lode_types_merge_(types, memory, size);
	types_must(types->ntypes <= before);
	free(memory);
}

static inline void types_try_unit(struct types_result *r, struct lode_link *link, struct lode_link_unit *unit)
{
	uint32_t type, last = TYPE_NONE;

	for (uint32_t i = 0; i < unit->nsymbols; i++) {
		if (!lode_unit_types_(&type, link, unit, i))
			return;
		types_must(type < unit->types->types.ntypes);
		r->known += type != TYPE_NONE;
		types_try_pair(unit->types, type, type);
		types_try_pair(unit->types, last, type);
		last = type;
	}
	if (unit->nsymbols == 0)
		return;
	types_try_table(r, &unit->types->types);
	types_try_merge(&unit->types->types);
	types_try_table(r, &unit->types->types);
}

static inline struct types_result types_try_once(const void *bytes, size_t size)
{
	struct lode_link_options options = {.memory_size = LODE_LINK_MEMORY(size), .page_size = 4096, .machine = LODE_EM_X86_64};
	struct lode_link *link = malloc(sizeof *link);
	struct types_result r = {.known = 0};

	options.memory = malloc(options.memory_size);
	types_must(link && options.memory);
	memset(options.memory, 0xa5, options.memory_size);
	r.status = lode_link_begin(link, &options, NULL);
	if (r.status == LODE_OK)
		r.status = lode_link_add(link, "file", bytes, size, NULL);
	for (struct lode_link_unit *unit = link->units_.first; unit && r.status == LODE_OK; unit = unit->next)
		types_try_unit(&r, link, unit);
	types_must(link->memory_used <= options.memory_size || r.status != LODE_OK);
	free(options.memory);
	free(link);
	return r;
}

/* The bytes are alone in their memory, so that a sanitizer sees every one that is beside them; the same comes out twice. */
static inline struct types_result types_try(const void *bytes, size_t size)
{
	void *copy = malloc(size ? size : 1);
	struct types_result first, second;

	types_must(copy != NULL);
	memcpy(copy, bytes, size);
	first = types_try_once(copy, size);
	second = types_try_once(copy, size);
	types_must(first.status == second.status && first.known == second.known && first.sum == second.sum);
	free(copy);
	return first;
}

#endif
