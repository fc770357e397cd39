/* SPDX-License-Identifier: MIT */
/* A range of the file comes in, exactly its bytes go out of the caller's memory or callback. */
#include "core.h"

int lode_source_holds_(const struct lode_source *source, uint64_t offset, uint64_t size, struct lode_diag *why)
{
	struct lode_diag place = lode_nowhere_(LODE_FIELD_FILE, source->size, 0);

	if (within(offset, size, source->size))
		return LODE_OK;
	place.offset = offset;
	if (!add_ok(&place.limit, offset, size))
		place.limit = UINT64_MAX;
	return lode_refuse_(why, LODE_RULE_SOURCE_PAST_END, place);
}

int lode_source_read(void *dst, const struct lode_source *source, uint64_t offset, size_t size, struct lode_diag *why)
{
	struct lode_diag place = lode_nowhere_(LODE_FIELD_FILE, source->size, 0);
	int status = lode_source_holds_(source, offset, size, why);

	if (status != LODE_OK)
		return status;
	if (source->bytes) {
		memcpy(dst, (const unsigned char *)source->bytes + offset, size);
		return LODE_OK;
	}
	if (source->read(source->host, dst, offset, size) == 0)
		return LODE_OK;
	place.offset = offset;
	return lode_refuse_(why, LODE_RULE_SOURCE_READ, place);
}
