/* SPDX-License-Identifier: MIT */
/* The top table's entries: which are used, which stay, and the one that shows the tables themselves. */
#include "paging.h"

static volatile uint64_t *top_table(const struct lode_paging *paging)
{
	return paging->pointer(paging->host, paging->root);
}

void lode_paging_top(struct lode_top *top, const struct lode_paging *paging)
{
	const volatile uint64_t *table = top_table(paging);

	*top = (struct lode_top){{0}};
	for (uint32_t i = 0; i < LODE_ENTRIES_; i++)
		if (entry_load(table + i) != 0)
			top->used[i / 64] |= UINT64_C(1) << i % 64;
}

/* First and last entry of a range. */
struct entries {
	uint32_t first, last;
};

static int entries_of(struct entries *entries, const struct lode_paging *paging, const struct lode_range *range,
	struct lode_diag *why)
{
	const uint32_t level = lode_format_of_(paging)->levels - 1;

	entries->first = level_index(range->addr, level);
	entries->last = level_index(range->addr + (range->size - 1), level);
	return lode_check_range_(paging, range, why);
}

int lode_paging_top_mark(struct lode_top *top, const struct lode_paging *paging, const struct lode_range *range,
	struct lode_diag *why)
{
	struct entries entries;
	int status = entries_of(&entries, paging, range, why);

	if (status != LODE_OK)
		return status;
	for (uint32_t i = entries.first; i <= entries.last; i++)
		top->used[i / 64] |= UINT64_C(1) << i % 64;
	return LODE_OK;
}

int lode_paging_recursive(uint64_t *addr, struct lode_paging *paging, uint32_t index, struct lode_diag *why)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	volatile uint64_t *entry = top_table(paging) + index % LODE_ENTRIES_;
	const uint64_t part = level_size(format->levels - 1), value = entry_load(entry);

	if (!format->recursive || index >= LODE_ENTRIES_)
		return lode_refuse_(why, LODE_RULE_PAGE_RECURSIVE, lode_nowhere_(LODE_FIELD_PAGING_TOP, index, LODE_ENTRIES_));
	if (value != 0)
		return lode_refuse_(why, LODE_RULE_PAGE_MAPPED, lode_nowhere_(LODE_FIELD_PAGING_TOP, index, value));
	/* a table at every level but the last, where it is a page */
	entry_store(entry, format->page(paging, paging->root, LODE_PF_R | LODE_PF_W, 0));
	*addr = index * part < format->low ? index * part : index * part - format->low - format->high;
	return LODE_OK;
}

/* How many tables pinning takes; pages and recursive entries cannot be pinned. */
static int pin_count(uint64_t *count, const struct lode_paging *paging, const struct entries *entries, struct lode_diag *why)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	const uint32_t level = format->levels - 1;
	const volatile uint64_t *top = top_table(paging);

	for (uint32_t i = entries->first; i <= entries->last; i++) {
		uint64_t value = entry_load(top + i);

		if (value != 0 && !format->is_table(value))
			return lode_refuse_(why, LODE_RULE_PAGE_MAPPED, lode_nowhere_(LODE_FIELD_PAGING_TOP, i, value));
		if (value != 0 && format->frame(value, level) == paging->root)
			return lode_refuse_(why, LODE_RULE_PAGE_RECURSIVE, lode_nowhere_(LODE_FIELD_PAGING_TOP, i, value));
		*count += value == 0;
	}
	return LODE_OK;
}

int lode_paging_pin(struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	volatile uint64_t *top = top_table(paging);
	struct lode_frames_ frames;
	struct entries entries;
	uint64_t count = 0;
	int status = entries_of(&entries, paging, range, why);

	if (status == LODE_OK)
		status = pin_count(&count, paging, &entries, why);
	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, count, why);
	if (status != LODE_OK)
		return status;
	for (uint32_t i = entries.first; i <= entries.last; i++) {
		uint64_t value = entry_load(top + i);

		if (value == 0)
			value = format->table(lode_frames_pop_empty_(&frames, paging));
		entry_store(top + i, value | format->pinned);
	}
	return LODE_OK;
}
