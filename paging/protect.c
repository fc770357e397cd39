/* SPDX-License-Identifier: MIT */
/* A range of pages -> the same pages with other attributes. */
#include "paging.h"

static void change(const struct lode_entries_ *e, uint32_t attr)
{
	const uint32_t old = e->format->attr(e->value, e->level), type = LODE_PAGE_TYPE(0xff);
	uint64_t value = lode_page_again_(e, e->format->frame(e->value, e->level),
		(attr & ~(uint32_t)LODE_PAGE_OWNED) | (old & LODE_PAGE_OWNED), e->level);

	if (value == e->value)
		return;
	lode_entries_let_user_(e, attr);
	if ((old ^ attr) & type)
		lode_entry_replace_(e, value);
	else
		entry_store(e->path[e->level], value);
}

int lode_paging_protect(struct lode_paging *paging, const struct lode_range *range, uint32_t attr, struct lode_diag *why)
{
	struct lode_frames_ frames;
	struct lode_entries_ e;
	int status = lode_check_range_(paging, range, why);

	if (status == LODE_OK)
		status = lode_check_attr_(paging, attr, why);
	if (status == LODE_OK)
		status = lode_entries_check_(paging, range, LODE_EXPECT_MAPPED_, why);
	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, lode_split_count_(paging, range, attr), why);
	if (status != LODE_OK)
		return status;
	lode_split_(paging, range, attr, &frames);
	lode_entries_begin_(&e, paging, range->addr, range->size);
	while (lode_entries_next_(&e, NULL) > 0)
		change(&e, attr);
	if (paging->flush)
		paging->flush(paging->host, range->addr, range->size);
	return LODE_OK;
}
