/* SPDX-License-Identifier: MIT */
/* A RELR table comes in, relative relocations go out. */
#include "relocate.h"

static int relr_one(struct lode_walk_ *walk, struct lode_entry_ *entry, struct lode_diag *why)
{
	uint64_t addr = entry->rel.offset + walk->plan->bias, value = 0;
	int status = lode_entry_target_(walk, entry, LODE_FIELD_RELR_ENTRY, why);

	walk->count.relative++;
	walk->count.in_place++;
	if (status != LODE_OK || !walk->space)
		return status;
	status = lode_word_read_(walk, &value, addr, entry->width, why);
	if (status != LODE_OK)
		return status;
	return lode_word_write_(walk, addr, value + walk->plan->bias, entry->width, why);
}

static int relr_bitmap(struct lode_walk_ *walk, struct lode_entry_ *entry, uint64_t bits, uint64_t where, struct lode_diag *why)
{
	for (entry->rel.offset = where; (bits >>= 1) != 0; entry->rel.offset += entry->width) {
		int status = bits & 1 ? relr_one(walk, entry, why) : LODE_OK;

		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}

/* An even word is an address to relocate, an odd one a bitmap of the words behind it. */
int lode_walk_relr_(struct lode_walk_ *walk, struct lode_diag *why)
{
	uint32_t word = lode_word_size(walk->image);
	struct lode_entry_ entry = {.width = (uint8_t)word};
	uint64_t where = 0;
	bool begun = false;

	for (; entry.index * word < walk->dynamic.relr.size; entry.index++) {
		unsigned char raw[8];
		struct lode_cursor cursor = image_cursor(walk->image, raw);
		uint64_t value;
		int status;

		entry.offset = walk->dynamic.relr.offset + entry.index * word;
		status = lode_source_read(raw, walk->image->source, entry.offset, word, why);
		if (status != LODE_OK)
			return status;
		value = lode_take_word_(&cursor);
		if (!(value & 1)) {
			entry.rel.offset = value;
			where = value + word;
			begun = true;
			status = relr_one(walk, &entry, why);
		} else if (begun) {
			status = relr_bitmap(walk, &entry, value, where, why);
			where += (8 * (uint64_t)word - 1) * word;
		} else {
			return lode_refuse_(why, LODE_RULE_RELR_ORDER, lode_at_reloc_(walk, &entry, LODE_FIELD_RELR_ENTRY, value));
		}
		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}
