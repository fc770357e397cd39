/* SPDX-License-Identifier: MIT */
/* Large pages that lie across the ends of a range -> tables of smaller ones that show the same. */
#include "paging.h"

/* It looks the same after a change to attr: nothing has to be done. */
static bool keeps(const struct lode_entries_ *e, uint32_t attr)
{
	uint32_t owned = e->format->attr(e->value, e->level) & LODE_PAGE_OWNED;

	return attr != LODE_ANY_ATTR_ && lode_page_again_(e, e->format->frame(e->value, e->level),
		(attr & ~(uint32_t)LODE_PAGE_OWNED) | owned, e->level) == e->value;
}

/* An end of a range, and an address of the range beside it. */
struct edge {
	uint64_t at, inside;
};

static struct edge begin_of(const struct lode_range *range)
{
	return (struct edge){range->addr, range->addr};
}

/* (The end need not be an address that can be looked up.) */
static struct edge end_of(const struct lode_range *range)
{
	return (struct edge){range->addr + range->size, range->addr + range->size - LODE_SMALL_};
}

/* The cursor goes to the page beside an edge; true if it lies across and has to be split. */
static bool cross(struct lode_entries_ *e, const struct lode_paging *paging, struct edge edge, uint32_t attr)
{
	lode_entries_begin_(e, paging, edge.inside, LODE_SMALL_);
	lode_entries_next_(e, NULL);
	return e->value != 0 && !aligned(edge.at, e->level) && !keeps(e, attr);
}

static uint64_t levels_to(const struct lode_entries_ *e, uint64_t addr)
{
	uint64_t n = 0;

	for (uint32_t level = 1; level <= e->level; level++)
		n += !aligned(addr, level);
	return n;
}

/* Tables that both ends split off the same page. */
static uint64_t shared(const struct lode_entries_ *e, uint64_t a, uint64_t b)
{
	uint64_t n = 0;

	for (uint32_t level = 1; level <= e->level; level++)
		n += !aligned(a, level) && !aligned(b, level) && (a ^ b) >> (12 + 9 * level) == 0;
	return n;
}

uint64_t lode_split_count_(const struct lode_paging *paging, const struct lode_range *range, uint32_t attr)
{
	const struct edge begin = begin_of(range), end = end_of(range);
	struct lode_entries_ e;
	uint64_t count = 0;
	bool both = cross(&e, paging, begin, attr);

	if (both)
		count += levels_to(&e, begin.at);
	if (!cross(&e, paging, end, attr))
		return count;
	count += levels_to(&e, end.at);
	return both ? count - shared(&e, begin.at, end.at) : count;
}

static void split(const struct lode_entries_ *e, struct lode_frames_ *frames)
{
	const uint32_t attr = e->format->attr(e->value, e->level);
	const uint64_t frame = e->format->frame(e->value, e->level), size = level_size(e->level) / LODE_ENTRIES_;
	volatile uint64_t *entries;
	uint64_t table = lode_frames_pop_(&entries, frames, e->paging);

	for (uint32_t i = 0; i < LODE_ENTRIES_; i++)
		entry_store(entries + i, lode_page_again_(e, frame + i * size, attr, e->level - 1));
	lode_entry_replace_(e, e->format->table(table) | (attr & LODE_PAGE_USER ? e->format->user_table : 0));
}

void lode_split_(const struct lode_paging *paging, const struct lode_range *range, uint32_t attr, struct lode_frames_ *frames)
{
	struct lode_entries_ e;

	while (cross(&e, paging, begin_of(range), attr))
		split(&e, frames);
	while (cross(&e, paging, end_of(range), attr))
		split(&e, frames);
}
