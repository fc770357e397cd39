/* SPDX-License-Identifier: MIT */
/* A RELR table comes in, relative relocations go out; and the checks and stores that all relocations share. */
#include "relocate.h"

/* Which word of an entry a field is. Addends of REL entries stand elsewhere: r_info is named then. */
static uint32_t word_of(const struct lode_entry_ *entry, enum lode_field field)
{
	switch (field) {
	case LODE_FIELD_REL_OFFSET:
	case LODE_FIELD_RELR_ENTRY: return 0;
	case LODE_FIELD_REL_ADDEND: return entry->rel.has_addend ? 2 : 1;
	default: return 1;
	}
}

int lode_entry_refuse_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_rule rule, enum lode_field field,
	uint64_t value, struct lode_diag *why)
{
	uint64_t offset = entry->offset + word_of(entry, field) * image_word(walk->image);

	return lode_refuse_(why, rule, lode_at_entry_(field, entry->index, offset, value));
}

int lode_entry_target_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_field field, struct lode_diag *why)
{
	const struct lode_segment *segment = lode_segment_at(walk->image, entry->rel.offset, entry->width);

	if (segment == NULL)
		return lode_entry_refuse_(walk, entry, LODE_RULE_RELOC_RANGE, field, entry->rel.offset, why);
	if (!(segment->flags & LODE_PF_W) && !(walk->plan->flags & LODE_PLAN_TEXTREL))
		return lode_entry_refuse_(walk, entry, LODE_RULE_RELOC_TEXT, field, entry->rel.offset, why);
	return LODE_OK;
}

static int space_failed(enum lode_field field, uint64_t addr, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_SPACE_REFUSED, lode_nowhere_(field, addr, 0));
}

int lode_word_read_(const struct lode_walk_ *walk, uint64_t *value, uint64_t addr, uint32_t width, struct lode_diag *why)
{
	unsigned char raw[8];
	struct lode_cursor cursor = image_cursor(walk->image, raw);

	if (walk->space->read(walk->space->host, addr, raw, width) != 0)
		return space_failed(LODE_FIELD_SPACE_READ, addr, why);
	*value = width == 8 ? lode_take64_(&cursor) : (uint64_t)(int64_t)(int32_t)lode_take32_(&cursor);
	return LODE_OK;
}

int lode_word_write_(const struct lode_walk_ *walk, uint64_t addr, uint64_t value, uint32_t width, struct lode_diag *why)
{
	unsigned char raw[8];

	lode_store_(raw, value, width, image_big(walk->image));
	if (walk->space->write(walk->space->host, addr, raw, width) != 0)
		return space_failed(LODE_FIELD_SPACE_WRITE, addr, why);
	return LODE_OK;
}

/* An even word is an address to relocate, an odd one a bitmap of the words behind it. */

static int relr_one(struct lode_walk_ *walk, struct lode_entry_ *entry, struct lode_diag *why)
{
	uint64_t addr = entry->rel.offset + walk->plan->bias, value = 0;
	int status = lode_entry_target_(walk, entry, LODE_FIELD_RELR_ENTRY, why);

	walk->count.relative++;
	if (status != LODE_OK || walk->space == NULL)
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

int lode_walk_relr_(struct lode_walk_ *walk, struct lode_diag *why)
{
	uint32_t word = image_word(walk->image);
	struct lode_entry_ entry = {.width = (uint8_t)word};
	uint64_t where = 0;
	bool begun = false;

	for (; entry.index * word < walk->dynamic.relr.size; entry.index++) {
		unsigned char raw[8];
		struct lode_cursor cursor = image_cursor(walk->image, raw);
		uint64_t value;
		int status;

		entry.offset = walk->dynamic.relr.addr + entry.index * word;
		status = lode_source_read(raw, walk->image->source, entry.offset, word, why);
		if (status != LODE_OK)
			return status;
		value = lode_take_word_(&cursor);
		if ((value & 1) == 0) {
			entry.rel.offset = value;
			where = value + word;
			begun = true;
			status = relr_one(walk, &entry, why);
		} else if (begun) {
			status = relr_bitmap(walk, &entry, value, where, why);
			where += (8 * (uint64_t)word - 1) * word;
		} else {
			return lode_entry_refuse_(walk, &entry, LODE_RULE_RELR_ORDER, LODE_FIELD_RELR_ENTRY, value, why);
		}
		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}
