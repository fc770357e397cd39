/* SPDX-License-Identifier: MIT */
/* A mapping -> entries where nothing was, with the largest pages; missing tables are counted before anything changes. */
#include "paging.h"

/* The largest pages that addresses, frames, processor and caller allow; sizes are looked at page by page. */
static uint32_t top_level(const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page)
{
	uint32_t level = lode_page_level_(paging, max_page);

	while (!aligned(mapping->addr ^ mapping->frame, level))
		level--;
	return level;
}

/* Slots of a level that [addr, addr + size) touches, or of those the ones that it does not fill. */
static uint64_t slots(uint32_t level, uint64_t addr, uint64_t size, bool partial)
{
	const uint32_t shift = 12 + 9 * level;
	uint64_t first = addr >> shift, last = (addr + size - 1) >> shift;
	bool head = !aligned(addr, level), tail = !aligned(addr + size, level);

	if (!partial)
		return last - first + 1;
	return first == last ? head || tail : (uint64_t)head + tail;
}

/* Tables that a part of a hole at `level` needs: one for each slot that is no page. */
static uint64_t missing(uint32_t level, uint32_t top, uint64_t addr, uint64_t size)
{
	uint64_t count = 0;

	for (uint32_t l = 1; l <= level; l++)
		count += slots(l, addr, size, l <= top);
	return count;
}

int lode_map_count_(uint64_t *count, const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page,
	struct lode_diag *why)
{
	struct lode_entries_ e;
	uint32_t top;
	int status = lode_check_mapping_(paging, mapping, why), free;

	if (status != LODE_OK)
		return status;
	top = top_level(paging, mapping, max_page);
	lode_entries_begin_(&e, paging, mapping->addr, mapping->size);
	while ((status = lode_entries_next_(&e, why)) > 0) {
		free = lode_entry_check_(&e, LODE_EXPECT_FREE_, why);
		if (free != LODE_OK)
			return free;
		*count += missing(e.level, top, e.at, e.size);
	}
	return status;
}

/* The hole becomes a table of holes, and the cursor goes back to its begin. */
static void deepen(struct lode_entries_ *e, uint32_t attr, struct lode_frames_ *frames)
{
	uint64_t value = e->format->table(lode_frames_pop_(frames, e->paging));

	if (attr & LODE_PAGE_USER)
		value |= e->format->user_table;
	entry_store(e->path[e->level], value);
	e->addr = e->at;
	e->left += e->size;
	e->moved = true;
}

/* Pages into this hole and those behind it in its table. The first and the second page say how frames advance in an entry. */
static void fill(struct lode_entries_ *e, const struct lode_mapping *mapping)
{
	const uint64_t size = level_size(e->level), frame = mapping->frame + (e->at - mapping->addr);
	const uint64_t value = e->format->page(e->paging, frame, mapping->attr, e->level);
	const uint64_t step = e->format->page(e->paging, frame + size, mapping->attr, e->level) - value;
	volatile uint64_t *entry = e->path[e->level];
	uint64_t n = min_u64(LODE_ENTRIES_ - level_index(e->at, e->level), 1 + (e->left >> (12 + 9 * e->level))), i = 0;

	do
		entry_store(entry + i, value + i * step);
	while (++i < n && entry_load(entry + i) == 0);
	e->path[e->level] += i - 1;
	e->addr += (i - 1) * size;
	e->left -= (i - 1) * size;
}

void lode_map_apply_(const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page,
	struct lode_frames_ *frames)
{
	const uint32_t top = top_level(paging, mapping, max_page);
	struct lode_entries_ e;

	lode_entries_begin_(&e, paging, mapping->addr, mapping->size);
	while (lode_entries_next_(&e, NULL) > 0) {
		if (e.level > top || e.size < level_size(e.level)) {
			deepen(&e, mapping->attr, frames);
			continue;
		}
		lode_entries_let_user_(&e, mapping->attr);
		fill(&e, mapping);
	}
}

int lode_paging_map(struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page, struct lode_diag *why)
{
	struct lode_frames_ frames;
	uint64_t count = 0;
	int status = lode_map_count_(&count, paging, mapping, max_page, why);

	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, count, why);
	if (status == LODE_OK)
		lode_map_apply_(paging, mapping, max_page, &frames);
	return status;
}
