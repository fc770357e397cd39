/* SPDX-License-Identifier: MIT */
/* A wish for work space comes in, bytes of the caller's memory go out; none is ever given back. */
#include "link.h"

enum { GRAIN = 16 };

void *lode_link_keep_(struct lode_link *link, uint64_t size, struct lode_diag *why)
{
	size_t left = link->options_.memory_size - link->memory_used;
	unsigned char *at;

	if (size > left || (left & ~(size_t)(GRAIN - 1)) < size) {
		uint64_t needed;

		if (!add_ok(&needed, link->memory_used, size))
			needed = UINT64_MAX;
		lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, link->options_.memory_size, needed));
		link->memory_used = needed < SIZE_MAX ? (size_t)needed : SIZE_MAX;
		return NULL;
	}
	at = (unsigned char *)link->options_.memory + link->memory_used;
	link->memory_used += (size_t)size + (GRAIN - 1);
	link->memory_used &= ~(size_t)(GRAIN - 1);
	return at;
}

void *lode_link_take_(struct lode_link *link, uint64_t size, struct lode_diag *why)
{
	void *at = lode_link_keep_(link, size, why);

	if (at)
		memset(at, 0, (size_t)size);
	return at;
}

struct lode_section *lode_link_spare_(uint32_t *count, const struct lode_link *link)
{
	size_t left = link->options_.memory_size - link->memory_used;
	void *at = (unsigned char *)link->options_.memory + link->memory_used;

	*count = (uint32_t)min_u64(left / sizeof(struct lode_section), UINT32_MAX);
	return at;
}
