/* SPDX-License-Identifier: MIT */
/* Memory map and parts -> regions in ascending order: what is free, and what lies in the rest. */
#include "regions.h"

/* The first thing that ends behind an address. */
struct taken {
	uint64_t addr, end;
	enum lode_field what;
};

static void look(struct taken *first, uint64_t at, const struct taken *other)
{
	if (other->end > at && other->end > other->addr && (first->what == LODE_FIELD_NONE || other->addr < first->addr))
		*first = *other;
}

static struct taken next_taken(const struct lode_builder_ *b, uint64_t at)
{
	struct taken first = {UINT64_MAX, UINT64_MAX, LODE_FIELD_NONE};

	for (uint32_t i = 0; i < b->start->nparts; i++) {
		const struct lode_part *part = &b->start->parts[i];
		struct taken taken = {align_down(part->addr, LODE_PAGE_), align_up(part->addr + part->size, LODE_PAGE_),
			part->what};

		look(&first, at, &taken);
	}
	for (uint32_t i = 0; i < b->machine->nreserved; i++) {
		const struct lode_range *range = &b->machine->reserved[i];
		struct taken taken = {align_down(range->addr, LODE_PAGE_), align_up(range->addr + range->size, LODE_PAGE_),
			LODE_FIELD_RESERVED};

		look(&first, at, &taken);
	}
	return first;
}

/* The next region of a usable entry from walk->at on; false if the entry is done. */
static bool usable_next(struct lode_map_entry_ *region, struct lode_regions_ *walk, const struct lode_memory_entry *memory)
{
	uint64_t low = align_up(memory->addr, LODE_PAGE_), end = align_down(memory->addr + (memory->size - 1) + 1, LODE_PAGE_);
	uint64_t at = walk->at > low ? walk->at : low;
	struct taken taken;

	if (end <= at)
		return false;
	taken = next_taken(walk->b, at);
	*region = (struct lode_map_entry_){at, end, memory->type, LODE_FIELD_NONE};
	if (taken.addr > at) {
		region->end = taken.addr < end ? taken.addr : end;
	} else {
		region->end = taken.end < end ? taken.end : end;
		region->what = taken.what;
	}
	walk->at = region->end;
	return true;
}

bool lode_region_next_(struct lode_map_entry_ *region, struct lode_regions_ *walk)
{
	const struct lode_machine *machine = walk->b->machine;

	for (; walk->entry < machine->nmemory; walk->entry++, walk->at = 0) {
		const struct lode_memory_entry *memory = &machine->memory[walk->entry];

		if (memory->type == LODE_MEMORY_USABLE && usable_next(region, walk, memory))
			return true;
		if (memory->type == LODE_MEMORY_USABLE)
			continue;
		*region = (struct lode_map_entry_){memory->addr, memory->addr + (memory->size - 1) + 1, memory->type,
			LODE_FIELD_NONE};
		walk->entry++;
		walk->at = 0;
		return true;
	}
	return false;
}

uint32_t lode_regions_most_(const struct lode_builder_ *b, uint32_t further)
{
	return b->machine->nmemory + 2 * (b->start->nparts + further + b->machine->nreserved);
}
