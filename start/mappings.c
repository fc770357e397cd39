/* SPDX-License-Identifier: MIT */
/* Mappings -> a list, and as many pages as its tables can need. */
#include "start.h"

int lode_start_map_(struct lode_builder_ *b, const struct lode_start_mapping *mapping)
{
	struct lode_start *start = b->start;

	if (mapping->size == 0)
		return LODE_OK;
	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *other = &start->mappings[i];
		struct lode_diag place = lode_nowhere_(mapping->what, mapping->addr, other->addr);

		/* last bytes, because a mapping may end at 2^64 */
		if (mapping->addr > other->addr + (other->size - 1) || other->addr > mapping->addr + (mapping->size - 1))
			continue;
		place.with = other->what;
		return lode_refuse_(b->why, LODE_RULE_START_CONFLICT, place);
	}
	if (start->nmappings < start->max_mappings)
		start->mappings[start->nmappings++] = *mapping;
	return LODE_OK;
}

/* Tables of one level that a mapping touches: each covers 2^shift bytes. */
static uint64_t touched(const struct lode_start_mapping *mapping, uint32_t shift)
{
	return ((mapping->addr + (mapping->size - 1)) >> shift) - (mapping->addr >> shift) + 1;
}

/* Tables of 4 KiB entries: none where 2 MiB pages do. */
static uint64_t small_tables(const struct lode_start_mapping *mapping)
{
	const uint64_t rest = (UINT64_C(1) << 21) - 1;
	uint64_t whole = touched(mapping, 21);

	if (((mapping->addr ^ mapping->phys) & rest) != 0 || whole <= 2)
		return whole;
	return ((mapping->addr & rest) != 0 ? 1u : 0) + (((mapping->addr + mapping->size) & rest) != 0 ? 1u : 0);
}

static uint64_t tables_for(const struct lode_start_mapping *mapping, uint32_t levels)
{
	uint64_t n = small_tables(mapping) + touched(mapping, 30) + touched(mapping, 39);

	return levels == 5 ? n + touched(mapping, 48) : n;
}

int lode_start_put_tables_(struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	struct lode_start *start = b->start;
	struct lode_part part = {.what = LODE_FIELD_PART_TABLES, .index = LODE_NO_INDEX, .content = LODE_CONTENT_NOTHING};
	uint64_t pages = 1;
	int status;

	for (uint32_t i = 0; i < start->nmappings; i++)
		if (start->mappings[i].prot != 0)
			pages += tables_for(&start->mappings[i], start->levels);
	part.size = pages * LODE_PAGE_;
	status = lode_start_put_(&part, b, wish);
	start->tables = (struct lode_range){part.addr, part.size};
	return status;
}
