/* SPDX-License-Identifier: MIT */
/* Regions of physical memory -> mappings at an offset, with the largest pages, all of them or none. */
#include "paging.h"

/* Regions are taken one after the other, neighbours of one kind together, and cut where pages have to be small. */
struct pieces {
	const struct lode_memory *memory;
	uint64_t small;
	uint32_t next;
	struct lode_region open; /* what is left of those that were joined */
};

static void join(struct pieces *it)
{
	const struct lode_region *regions = it->memory->regions;

	it->open = regions[it->next++];
	while (it->next < it->memory->nregions && regions[it->next].frame == it->open.frame + it->open.size &&
		regions[it->next].attr == it->open.attr)
		it->open.size += regions[it->next++].size;
}

static bool next_piece(struct lode_mapping *piece, uint64_t *max_page, struct pieces *it)
{
	struct lode_region *open = &it->open;
	bool small;

	if (open->size == 0 && it->next == it->memory->nregions)
		return false;
	if (open->size == 0)
		join(it);
	small = open->frame < it->small;
	*max_page = small ? LODE_SMALL_ : it->memory->max_page;
	*piece = (struct lode_mapping){.addr = it->memory->offset + open->frame,
		.frame = open->frame,
		.size = small ? min_u64(open->size, it->small - open->frame) : open->size,
		.attr = open->attr};
	open->frame += piece->size;
	open->size -= piece->size;
	return true;
}

static struct pieces pieces_of(const struct lode_paging *paging, const struct lode_memory *memory)
{
	return (struct pieces){.memory = memory, .small = lode_format_of_(paging)->small};
}

static int refuse_region(struct lode_diag *why, enum lode_rule rule, const struct lode_memory *memory, uint32_t index,
	uint64_t limit)
{
	struct lode_diag diag = lode_nowhere_(LODE_FIELD_REGION, memory->regions[index].frame, limit);

	diag.index = index;
	if (rule == LODE_RULE_MEMORY_ORDER)
		diag.other = index - 1; /* of the first one: LODE_NO_INDEX */
	return lode_refuse_(why, rule, diag);
}

/* Whole pages of memory that the processor has, ascending: then sums of frames and sizes do not wrap. */
static int check_regions(const struct lode_paging *paging, const struct lode_memory *memory, struct lode_diag *why)
{
	const uint64_t limit = UINT64_C(1) << paging->phys_bits;
	uint64_t end = 0;

	for (uint32_t i = 0; i < memory->nregions; i++) {
		const struct lode_region *region = &memory->regions[i];

		if (!aligned(region->frame | region->size, 0))
			return refuse_region(why, LODE_RULE_PAGE_ALIGN, memory, i, LODE_SMALL_);
		if (!within(region->frame, region->size, limit))
			return refuse_region(why, LODE_RULE_PAGE_PHYSICAL, memory, i, limit);
		if (region->size == 0 || region->frame < end)
			return refuse_region(why, LODE_RULE_MEMORY_ORDER, memory, i, end);
		end = region->frame + region->size;
	}
	return LODE_OK;
}

int lode_paging_map_memory(struct lode_paging *paging, const struct lode_memory *memory, struct lode_diag *why)
{
	struct pieces it = pieces_of(paging, memory);
	struct lode_frames_ frames;
	struct lode_mapping piece;
	uint64_t count = 0, max_page;
	int status = check_regions(paging, memory, why);

	while (status == LODE_OK && next_piece(&piece, &max_page, &it))
		status = lode_map_count_(&count, paging, &piece, max_page, why);
	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, count, why);
	if (status != LODE_OK)
		return status;
	it = pieces_of(paging, memory);
	while (next_piece(&piece, &max_page, &it))
		lode_map_apply_(paging, &piece, max_page, &frames);
	lode_frames_free_(&frames, paging);
	return LODE_OK;
}
