/* SPDX-License-Identifier: MIT */
/* Ranges, frames and attributes come in, what the format cannot say is refused. */
#include "paging.h"

const struct lode_format_ *lode_format_of_(const struct lode_paging *paging)
{
	switch (paging->format) {
	case LODE_PAGING_X86_64_5: return &lode_format_x86_64_5_;
	case LODE_PAGING_AARCH64: return &lode_format_aarch64_;
	case LODE_PAGING_AARCH64_UPPER: return &lode_format_aarch64_upper_;
	case LODE_PAGING_SV39: return &lode_format_sv39_;
	case LODE_PAGING_SV48: return &lode_format_sv48_;
	case LODE_PAGING_SV57: return &lode_format_sv57_;
	default: return &lode_format_x86_64_;
	}
}

uint32_t lode_page_level_(const struct lode_paging *paging, uint64_t max_page)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	uint32_t level = format->large_feature & ~paging->features ? 1 : format->page_level;

	while (level > 0 && max_page != 0 && level_size(level) > max_page)
		level--;
	return level;
}

int lode_check_range_(const struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	uint64_t size = range->size;

	if (size == 0 || !aligned(size, 0))
		return lode_refuse_(why, LODE_RULE_PAGE_ALIGN, lode_nowhere_(LODE_FIELD_MAPPING_SIZE, size, LODE_SMALL_));
	if (!aligned(range->addr, 0))
		return lode_refuse_(why, LODE_RULE_PAGE_ALIGN, lode_nowhere_(LODE_FIELD_MAPPING_ADDR, range->addr, LODE_SMALL_));
	/* counted from the begin of the upper half, whose end is 2^64 */
	if (within(range->addr, size, format->low) || within(range->addr + format->high, size, format->high))
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_PAGE_CANONICAL, lode_nowhere_(LODE_FIELD_MAPPING_ADDR, range->addr, format->low));
}

int lode_check_attr_(const struct lode_paging *paging, uint32_t attr, struct lode_diag *why)
{
	const uint32_t known = LODE_PF_R | LODE_PF_W | LODE_PF_X | LODE_PAGE_USER | LODE_PAGE_GLOBAL | LODE_PAGE_OWNED;
	const struct lode_format_ *format = lode_format_of_(paging);
	uint32_t types = format->types_feature & ~paging->features ? 1 : format->types;

	if (attr >> 8 >= types || (attr & 0xff & ~known))
		return lode_refuse_(why, LODE_RULE_PAGE_ATTRIBUTES, lode_nowhere_(LODE_FIELD_MAPPING_ATTR, attr, types));
	return LODE_OK;
}

int lode_check_mapping_(const struct lode_paging *paging, const struct lode_mapping *mapping, struct lode_diag *why)
{
	const struct lode_range range = {mapping->addr, mapping->size};
	const uint64_t limit = UINT64_C(1) << paging->phys_bits;
	int status = lode_check_range_(paging, &range, why);

	if (status == LODE_OK)
		status = lode_check_attr_(paging, mapping->attr, why);
	if (status != LODE_OK)
		return status;
	if (!aligned(mapping->frame, 0))
		return lode_refuse_(why, LODE_RULE_PAGE_ALIGN,
			lode_nowhere_(LODE_FIELD_MAPPING_FRAME, mapping->frame, LODE_SMALL_));
	if (!within(mapping->frame, mapping->size, limit))
		return lode_refuse_(why, LODE_RULE_PAGE_PHYSICAL, lode_nowhere_(LODE_FIELD_MAPPING_FRAME, mapping->frame, limit));
	return LODE_OK;
}
