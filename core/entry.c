/* SPDX-License-Identifier: MIT */
/* A relocation entry of any table comes in, a diagnosis of it, its checked target or the word that it names goes out. */
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

struct lode_diag lode_at_reloc_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_field field,
	uint64_t value)
{
	uint64_t offset = entry->offset + word_of(entry, field) * lode_word_size(walk->image);

	return lode_at_entry_(field, entry->index, offset, value, 0);
}

/* A plan without runs is one of which only the addresses are asked. */
static uint32_t prot_at(const struct lode_plan *plan, uint64_t addr)
{
	const struct lode_run *run = lode_plan_run_at(plan, addr, 1);

	return run ? run->prot : LODE_PF_W;
}

/* Whether both ends lie in pages that are writable when all is done: where the last segment takes a page, its permissions count. */
static bool writable(const struct lode_plan *plan, uint64_t addr, uint32_t width)
{
	return (prot_at(plan, addr) & prot_at(plan, addr + width - 1) & LODE_PF_W) != 0;
}

int lode_entry_target_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_field field, struct lode_diag *why)
{
	const struct lode_segment *segment = lode_segment_at(walk->image, entry->rel.offset, entry->width);

	if (!segment)
		return lode_refuse_(why, LODE_RULE_RELOC_RANGE, lode_at_reloc_(walk, entry, field, entry->rel.offset));
	if (walk->plan->flags & LODE_PLAN_TEXTREL)
		return LODE_OK;
	if (!(segment->flags & LODE_PF_W) || !writable(walk->plan, entry->rel.offset + walk->plan->bias, entry->width))
		return lode_refuse_(why, LODE_RULE_RELOC_TEXT, lode_at_reloc_(walk, entry, field, entry->rel.offset));
	return LODE_OK;
}

static int space_failed(enum lode_rule rule, enum lode_field field, uint64_t addr, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_nowhere_(field, addr, 0));
}

int lode_word_read_(const struct lode_walk_ *walk, uint64_t *value, uint64_t addr, uint32_t width, struct lode_diag *why)
{
	unsigned char raw[8];
	struct lode_cursor cursor = image_cursor(walk->image, raw);

	if (!walk->space->read) /* nothing had to be read when all was checked: the bytes have changed */
		return space_failed(LODE_RULE_SPACE_CANNOT, LODE_FIELD_SPACE_READ, 0, why);
	if (walk->space->read(walk->space->host, addr, raw, width) != 0)
		return space_failed(LODE_RULE_SPACE_REFUSED, LODE_FIELD_SPACE_READ, addr, why);
	*value = width == 8 ? lode_take64_(&cursor) : (uint64_t)(int64_t)(int32_t)lode_take32_(&cursor);
	return LODE_OK;
}

int lode_word_write_(const struct lode_walk_ *walk, uint64_t addr, uint64_t value, uint32_t width, struct lode_diag *why)
{
	unsigned char raw[8];

	lode_store_(raw, value, width, image_big(walk->image));
	if (walk->space->write(walk->space->host, addr, raw, width) != 0)
		return space_failed(LODE_RULE_SPACE_REFUSED, LODE_FIELD_SPACE_WRITE, addr, why);
	return LODE_OK;
}
