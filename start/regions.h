/* SPDX-License-Identifier: MIT */
/* The machine's memory map with all that was placed in it, as protocols tell it whose kernels reclaim memory. */
#ifndef LODE_START_REGIONS_H
#define LODE_START_REGIONS_H

#include "start.h"

struct lode_map_entry_ {
	uint64_t addr, end;
	enum lode_memory_type type; /* of the entry */
	enum lode_field what;       /* what lies there; LODE_FIELD_NONE: nothing of ours */
};

/* A walk in ascending order; usable memory is whole pages. */
struct lode_regions_ {
	const struct lode_builder_ *b;
	uint32_t entry;
	uint64_t at;
};
bool lode_region_next_(struct lode_map_entry_ *region, struct lode_regions_ *walk);
/* No walk has more regions once further parts, so many, are placed. */
uint32_t lode_regions_most_(const struct lode_builder_ *b, uint32_t further);

#endif
