/* SPDX-License-Identifier: MIT */
/* Fields of a file -> places for findings; its bytes, names and words that are searched for, within a budget of work. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

struct check_place check_at(const char *structure, uint32_t index, const char *field, uint64_t value, uint64_t offset)
{
	return (struct check_place){structure, field, index, true, value, offset};
}

struct check_place check_at_file(uint64_t offset)
{
	return (struct check_place){.structure = "file", .field = "", .index = LODE_NO_INDEX, .offset = offset};
}

/* Of the header's fields that findings name. */
static uint64_t header_value(const struct lode_image *image, enum lode_field field)
{
	switch (field) {
	case LODE_FIELD_EHDR_CLASS: return image->class_;
	case LODE_FIELD_EHDR_TYPE: return image->type;
	case LODE_FIELD_EHDR_MACHINE: return image->machine;
	case LODE_FIELD_EHDR_ENTRY: return image->entry;
	case LODE_FIELD_EHDR_PHOFF: return image->phoff;
	case LODE_FIELD_EHDR_EHSIZE: return image->ehsize;
	case LODE_FIELD_EHDR_PHNUM: return image->nsegments;
	case LODE_FIELD_EHDR_SHNUM: return image->nsections;
	default: abort(); /* a field that no finding points at */
	}
}

struct check_place check_at_header(const struct check *c, enum lode_field field)
{
	return check_at(lode_field_structure(field), LODE_NO_INDEX, lode_field_name(field), header_value(&c->image, field),
		lode_header_offset(&c->image, field));
}

static uint64_t segment_value(const struct lode_segment *segment, enum lode_field field)
{
	switch (field) {
	case LODE_FIELD_PHDR_FLAGS: return segment->flags;
	case LODE_FIELD_PHDR_OFFSET: return segment->offset;
	case LODE_FIELD_PHDR_VADDR: return segment->vaddr;
	case LODE_FIELD_PHDR_PADDR: return segment->paddr;
	case LODE_FIELD_PHDR_FILESZ: return segment->filesz;
	case LODE_FIELD_PHDR_MEMSZ: return segment->memsz;
	case LODE_FIELD_PHDR_ALIGN: return segment->align;
	default: return segment->type;
	}
}

struct check_place check_at_segment(const struct check *c, uint32_t index, enum lode_field field)
{
	uint64_t value = segment_value(&c->image.segments[index], field);

	return check_at(lode_field_structure(field), index, lode_field_name(field), value, lode_segment_offset(&c->image, index,
		field));
}

static uint64_t section_value(const struct lode_section *section, enum lode_field field)
{
	switch (field) {
	case LODE_FIELD_SHDR_NAME: return section->name;
	case LODE_FIELD_SHDR_TYPE: return section->type;
	case LODE_FIELD_SHDR_FLAGS: return section->flags;
	case LODE_FIELD_SHDR_SIZE: return section->size;
	case LODE_FIELD_SHDR_LINK: return section->link;
	case LODE_FIELD_SHDR_INFO: return section->info;
	case LODE_FIELD_SHDR_ADDRALIGN: return section->addralign;
	default: abort();
	}
}

struct check_place check_at_section(const struct check *c, uint32_t index, enum lode_field field)
{
	return check_at(lode_field_structure(field), index, lode_field_name(field), section_value(&c->image.sections[index], field),
		lode_section_offset(&c->image, index, field));
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

void check_section_name(char *buf, size_t size, const struct check *c, uint32_t index)
{
	struct lode_diag why;

	buf[0] = '\0';
	if (c->section_names.size == 0)
		return;
	if (lode_string_read(buf, size, &c->section_names, c->image.sections[index].name, &why) != LODE_OK)
		buf[0] = '\0';
}

const struct lode_section *check_section(const struct check *c, const char *name)
{
	char buf[64];

	for (uint32_t i = 1; c->has_sections && i < c->image.nsections; i++) {
		check_section_name(buf, sizeof buf, c, i);
		if (strcmp(buf, name) == 0)
			return &c->image.sections[i];
	}
	return NULL;
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
