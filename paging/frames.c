/* SPDX-License-Identifier: MIT */
/* The host's frames -> a list of frames for tables, taken before anything changes; and back. */
#include "paging.h"

void lode_frames_push_(struct lode_frames_ *frames, const struct lode_paging *paging, uint64_t frame)
{
	entry_store(paging->pointer(paging->host, frame), frames->first);
	frames->first = frame;
	frames->count++;
}

uint64_t lode_frames_pop_(volatile uint64_t **table, struct lode_frames_ *frames, const struct lode_paging *paging)
{
	uint64_t frame = frames->first;

	*table = paging->pointer(paging->host, frame);
	frames->first = entry_load(*table);
	frames->count--;
	return frame;
}

uint64_t lode_frames_pop_empty_(struct lode_frames_ *frames, const struct lode_paging *paging)
{
	volatile uint64_t *table;
	uint64_t frame = lode_frames_pop_(&table, frames, paging);

	/* nobody looks at it yet */
	memset((void *)(uintptr_t)table, 0, (size_t)LODE_SMALL_);
	return frame;
}

void lode_frames_free_(struct lode_frames_ *frames, const struct lode_paging *paging)
{
	volatile uint64_t *table;

	while (frames->count > 0)
		paging->free(paging->host, lode_frames_pop_(&table, frames, paging), LODE_SMALL_);
}

/* A frame that no table can name, or that cannot be written, is as good as none. */
static bool take(uint64_t *frame, const struct lode_paging *paging)
{
	if (paging->alloc(paging->host, frame, LODE_SMALL_) != 0)
		return false;
	if (aligned(*frame, 0) && *frame >> paging->phys_bits == 0 && paging->pointer(paging->host, *frame))
		return true;
	paging->free(paging->host, *frame, LODE_SMALL_);
	return false;
}

int lode_frames_reserve_(struct lode_frames_ *frames, const struct lode_paging *paging, uint64_t count, struct lode_diag *why)
{
	uint64_t frame;

	*frames = (struct lode_frames_){0, 0};
	while (frames->count < count && take(&frame, paging))
		lode_frames_push_(frames, paging, frame);
	if (frames->count == count)
		return LODE_OK;
	frame = frames->count;
	lode_frames_free_(frames, paging);
	return lode_refuse_(why, LODE_RULE_PAGE_FRAMES, lode_nowhere_(LODE_FIELD_PAGING_ALLOC, frame, count));
}
