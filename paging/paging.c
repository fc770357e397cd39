/* SPDX-License-Identifier: MIT */
/* Tables as a whole: made, taken over, given back; the addresses that they translate. */
#include "paging.h"

static int refuse_format(enum lode_field field, uint64_t value, uint64_t limit, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_PAGING_FORMAT, lode_nowhere_(field, value, limit));
}

static int check(const struct lode_paging *paging, struct lode_diag *why)
{
	const uint32_t features = LODE_PAGING_NX | LODE_PAGING_1G | LODE_PAGING_PBMT;
	uint32_t most;

	if ((uint32_t)paging->format > LODE_PAGING_SV57)
		return refuse_format(LODE_FIELD_PAGING_FORMAT, (uint64_t)paging->format, LODE_PAGING_SV57, why);
	if (paging->features & ~features)
		return refuse_format(LODE_FIELD_PAGING_FEATURES, paging->features, features, why);
	most = lode_format_of_(paging)->phys_bits;
	if (paging->phys_bits < 32 || paging->phys_bits > most)
		return refuse_format(LODE_FIELD_PAGING_PHYS_BITS, paging->phys_bits, most, why);
	if (!paging->alloc || !paging->free || !paging->pointer)
		return refuse_format(LODE_FIELD_PAGING_ALLOC, 0, 0, why);
	return LODE_OK;
}

int lode_paging_init(struct lode_paging *paging, struct lode_diag *why)
{
	struct lode_frames_ frames;
	int status = check(paging, why);

	if (status == LODE_OK)
		status = lode_frames_reserve_(&frames, paging, 1, why);
	if (status == LODE_OK)
		paging->root = lode_frames_pop_empty_(&frames, paging);
	return status;
}

int lode_paging_adopt(struct lode_paging *paging, uint64_t root, struct lode_diag *why)
{
	int status = check(paging, why);

	if (status != LODE_OK)
		return status;
	if (!aligned(root, 0) || root >> paging->phys_bits != 0 || !paging->pointer(paging->host, root))
		return lode_refuse_(why, LODE_RULE_PAGE_TABLE, lode_nowhere_(LODE_FIELD_PAGING_POINTER, root, 0));
	paging->root = root;
	return LODE_OK;
}

struct lode_range lode_paging_half(const struct lode_paging *paging, bool upper)
{
	const struct lode_format_ *format = lode_format_of_(paging);

	return upper ? (struct lode_range){0 - format->high, format->high} : (struct lode_range){0, format->low};
}

struct lode_range lode_paging_hole(const struct lode_paging *paging)
{
	const struct lode_format_ *format = lode_format_of_(paging);

	return (struct lode_range){format->low, 0 - format->high - format->low};
}

/* Every table is there: then taking them away cannot fail. */
static int check_halves(const struct lode_paging *paging, struct lode_diag *why)
{
	int status = LODE_OK;

	for (int upper = 0; status == LODE_OK && upper < 2; upper++) {
		const struct lode_range half = lode_paging_half(paging, upper);

		if (half.size > 0)
			status = lode_entries_check_(paging, &half, LODE_EXPECT_TABLES_, why);
	}
	return status;
}

/* Pinned tables may go, and a recursive entry with them. */
static void unpin(const struct lode_paging *paging)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	volatile uint64_t *top = paging->pointer(paging->host, paging->root);

	for (uint32_t i = 0; i < LODE_ENTRIES_; i++) {
		uint64_t value = entry_load(top + i);

		if (format->is_table(value))
			entry_store(top + i,
				format->frame(value, format->levels - 1) == paging->root ? 0 : value & ~format->pinned);
	}
}

int lode_paging_release(struct lode_paging *paging, struct lode_diag *why)
{
	int status = check_halves(paging, why);

	if (status != LODE_OK)
		return status;
	unpin(paging);
	for (int upper = 0; upper < 2; upper++) {
		const struct lode_range half = lode_paging_half(paging, upper);

		if (half.size > 0)
			lode_paging_unmap(paging, &half, NULL);
	}
	paging->free(paging->host, paging->root, LODE_SMALL_);
	return LODE_OK;
}
