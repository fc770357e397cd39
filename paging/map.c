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

/* Entries of n pages that follow each other. The first two say how frames advance in an entry. */
static void store_pages(volatile uint64_t *entries, const struct lode_entries_ *e, const struct lode_mapping *mapping,
	uint32_t level, uint64_t n)
{
	const uint64_t size = level_size(level), frame = mapping->frame + (e->at - mapping->addr);
	uint64_t value = e->format->page(e->paging, frame, mapping->attr, level);
	const uint64_t step = e->format->page(e->paging, frame + size, mapping->attr, level) - value;

	/* four at a time: the loop costs more than the stores */
	for (; n >= 4; n -= 4, entries += 4, value += 4 * step) {
		entry_store(entries, value);
		entry_store(entries + 1, value + step);
		entry_store(entries + 2, value + 2 * step);
		entry_store(entries + 3, value + 3 * step);
	}
	for (; n > 0; n--, value += step)
		entry_store(entries++, value);
}

/* The hole becomes a table: full of pages if these fill it, else of holes, and the cursor goes back to its begin. */
static void deepen(struct lode_entries_ *e, const struct lode_mapping *mapping, uint32_t top, struct lode_frames_ *frames)
{
	const uint64_t user = mapping->attr & LODE_PAGE_USER ? e->format->user_table : 0;
	volatile uint64_t *table;
	uint64_t frame;

	if (e->level == top + 1 && e->size == level_size(e->level)) {
		frame = lode_frames_pop_(&table, frames, e->paging);
		store_pages(table, e, mapping, top, LODE_ENTRIES_);
	} else {
		frame = lode_frames_pop_empty_(frames, e->paging);
		e->addr = e->at;
		e->left += e->size;
		e->moved = true;
	}
	lode_entries_let_user_(e, mapping->attr);
	entry_store(e->path[e->level], e->format->table(frame) | user);
}

/* Pages into this hole and those behind it in its table. */
static void fill(struct lode_entries_ *e, const struct lode_mapping *mapping)
{
	const uint64_t rest = min_u64(LODE_ENTRIES_ - 1 - level_index(e->at, e->level), e->left >> (12 + 9 * e->level));
	uint64_t n = 1;

	while (n <= rest && entry_load(e->path[e->level] + n) == 0)
		n++;
	lode_entries_let_user_(e, mapping->attr);
	store_pages(e->path[e->level], e, mapping, e->level, n);
	e->path[e->level] += n - 1;
	e->addr += (n - 1) * level_size(e->level);
	e->left -= (n - 1) * level_size(e->level);
}

void lode_map_apply_(const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page,
	struct lode_frames_ *frames)
{
	const uint32_t top = top_level(paging, mapping, max_page);
	struct lode_entries_ e;

	lode_entries_begin_(&e, paging, mapping->addr, mapping->size);
	while (lode_entries_next_(&e, NULL) > 0) {
		if (e.level > top || e.size < level_size(e.level))
			deepen(&e, mapping, top, frames);
		else
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
