/* SPDX-License-Identifier: MIT */
/* A range of the file comes in, exactly its bytes go out of the caller's memory or callback. */
#include "core.h"

int lode_source_read(void *dst, const struct lode_source *source, uint64_t offset, size_t size, struct lode_diag *why)
{
	struct lode_diag place = lode_nowhere_(LODE_FIELD_FILE, source->size, 0);

	place.offset = offset;
	if (!within(offset, size, source->size)) {
		if (!add_ok(&place.limit, offset, size))
			place.limit = UINT64_MAX;
		return lode_refuse_(why, LODE_RULE_SOURCE_PAST_END, place);
	}
	if (source->bytes) {
		memcpy(dst, (const unsigned char *)source->bytes + offset, size);
		return LODE_OK;
	}
	if (source->read(source->host, dst, offset, size) != 0)
		return lode_refuse_(why, LODE_RULE_SOURCE_READ, place);
	return LODE_OK;
}
