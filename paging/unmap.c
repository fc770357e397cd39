/* SPDX-License-Identifier: MIT */
/* A range -> nothing: pages are taken away, then owned frames and empty tables are given back, when no processor can use them. */
#include "paging.h"

static void flush(const struct lode_paging *paging, const struct lode_range *range)
{
	if (paging->flush)
		paging->flush(paging->host, range->addr, range->size);
}

/* The processor may not use the pages any more; their frames are still written down. */
static void invalidate(const struct lode_paging *paging, const struct lode_range *range)
{
	struct lode_entries_ e;

	lode_entries_begin_(&e, paging, range->addr, range->size);
	while (lode_entries_next_(&e, NULL) > 0)
		if (e.value & LODE_VALID_)
			entry_store(e.path[e.level], e.value & ~LODE_VALID_);
}

static bool is_empty(const struct lode_entries_ *e, uint32_t level)
{
	const volatile uint64_t *table = e->path[level] - level_index(e->at, level);
	uint32_t i = 0;

	while (i < LODE_ENTRIES_ && entry_load(table + i) == 0)
		i++;
	return i == LODE_ENTRIES_;
}

/* Tables on the way to this entry that hold nothing more leave the tree. Those with more of the range are looked at later. */
static void prune(struct lode_entries_ *e, struct lode_frames_ *gone)
{
	for (uint32_t level = e->level; level + 1 < e->format->levels; level++) {
		bool last = e->left == 0 || level_index(e->addr, level) == 0;
		uint64_t parent = entry_load(e->path[level + 1]);

		if (!last || parent & e->format->pinned || !is_empty(e, level))
			return;
		entry_store(e->path[level + 1], 0);
		lode_frames_push_(gone, e->paging, e->format->frame(parent, level + 1));
		e->moved = true;
	}
}

static void clear(const struct lode_paging *paging, const struct lode_range *range, struct lode_frames_ *gone)
{
	struct lode_entries_ e;

	lode_entries_begin_(&e, paging, range->addr, range->size);
	while (lode_entries_next_(&e, NULL) > 0) {
		if (e.value != 0) {
			entry_store(e.path[e.level], 0);
			if (e.format->attr(e.value, e.level) & LODE_PAGE_OWNED)
				paging->free(paging->host, e.format->frame(e.value, e.level), level_size(e.level));
		}
		prune(&e, gone);
	}
}

int lode_paging_unmap(struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why)
{
	struct lode_frames_ frames, gone = {0, 0};
	int status = lode_check_range_(paging, range, why);

	if (status == LODE_OK)
		status = lode_entries_check_(paging, range, LODE_EXPECT_ANY_, why);
	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, lode_split_count_(paging, range, LODE_ANY_ATTR_), why);
	if (status != LODE_OK)
		return status;
	lode_split_(paging, range, LODE_ANY_ATTR_, &frames);
	if (paging->flush)
		invalidate(paging, range);
	flush(paging, range);
	clear(paging, range, &gone);
	if (gone.count > 0)
		flush(paging, range);
	lode_frames_free_(&gone, paging);
	return LODE_OK;
}
