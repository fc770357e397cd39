/* SPDX-License-Identifier: MIT */
/* Fields of a file -> places for findings; its bytes, names and words that are searched for, within a budget of work. */
#include "check.h"
#include <string.h>

struct check_place check_at(const char *structure, uint32_t index, const char *field, uint64_t value, uint64_t offset)
{
	return (struct check_place){structure, field, index, true, value, offset};
}

struct check_place check_at_file(uint64_t offset)
{
	return (struct check_place){.structure = "file", .field = "", .index = LODE_NO_INDEX, .offset = offset};
}

struct check_place check_at_header(const struct check *c, enum lode_field field)
{
	return check_at(lode_field_structure(field), LODE_NO_INDEX, lode_field_name(field), lode_header_value(&c->image, field),
		lode_header_offset(&c->image, field));
}

struct check_place check_at_segment(const struct check *c, uint32_t index, enum lode_field field)
{
	return check_at(lode_field_structure(field), index, lode_field_name(field), lode_segment_value(&c->image, index, field),
		lode_segment_offset(&c->image, index, field));
}

struct check_place check_at_section(const struct check *c, uint32_t index, enum lode_field field)
{
	return check_at(lode_field_structure(field), index, lode_field_name(field), lode_section_value(&c->image, index, field),
		lode_section_offset(&c->image, index, field));
}

/* Addends of REL entries stand elsewhere. */
struct check_place check_at_rel(const struct check *c, const struct lode_reltab *table, uint64_t index, enum lode_field field,
	uint64_t value)
{
	uint64_t word = lode_word_size(&c->image), words = table->rela ? 3 : 2;
	uint64_t before = field == LODE_FIELD_REL_OFFSET ? 0 : field == LODE_FIELD_REL_ADDEND ? 2 : 1;

	return check_at(lode_field_structure(field), index < LODE_NO_INDEX ? (uint32_t)index : LODE_NO_INDEX,
		lode_field_name(field), value, table->offset + (index * words + before) * word);
}

bool check_spend(struct check *c, uint64_t n)
{
	if (n <= c->budget) {
		c->budget -= n;
		return true;
	}
	c->budget = 0;
	c->exhausted = true;
	return false;
}

bool check_read(const struct check *c, void *dst, uint64_t offset, size_t size)
{
	return check_within(offset, size, c->source.size) && lode_source_read(dst, &c->source, offset, size, NULL) == LODE_OK;
}

bool check_loaded(const struct check *c, enum lode_domain domain, uint64_t addr)
{
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];
		uint64_t first = domain == LODE_PHYSICAL ? segment->paddr : segment->vaddr;

		if (segment->type == LODE_PT_LOAD && addr - first < segment->filesz)
			return true;
	}
	return false;
}

/* size is small: pieces overlap by size - 1 bytes so that nothing is missed between two of them. A search is the cheapest step. */
uint64_t check_search(struct check *c, const void *pattern, size_t size, uint64_t offset, uint64_t end)
{
	unsigned char piece[16384];

	while (offset < end && end - offset >= size) {
		size_t n = end - offset < sizeof piece ? (size_t)(end - offset) : sizeof piece;
		const unsigned char *hit;

		if (!check_spend(c, n / 2) || !check_read(c, piece, offset, n))
			return LODE_NO_OFFSET;
		hit = memmem(piece, n, pattern, size);
		if (hit)
			return offset + (uint64_t)(hit - piece);
		offset += n - (size - 1);
	}
	return LODE_NO_OFFSET;
}
