/* SPDX-License-Identifier: MIT */
/* A rule and a place come in, a filled diagnosis and its status go out; every diagnosis is made here. */
#include "core.h"

static const signed char status_of[] = {
	[LODE_RULE_NONE] = LODE_OK,
#define LODE_RULE(id, name, status, class_, text, remedy, ref) [LODE_RULE_##id] = LODE_ERR_##status,
#include <lode/rules.def>
#undef LODE_RULE
};

struct lode_diag lode_diag_of(enum lode_rule rule, enum lode_field field, uint64_t value, uint64_t limit)
{
	return (struct lode_diag){
		.status = (enum lode_status)status_of[rule],
		.rule = rule,
		.field = field,
		.index = LODE_NO_INDEX,
		.other = LODE_NO_INDEX,
		.value = value,
		.limit = limit,
		.offset = LODE_NO_OFFSET,
	};
}

int lode_refuse_(struct lode_diag *why, enum lode_rule rule, struct lode_diag place)
{
	place.rule = rule;
	place.status = (enum lode_status)status_of[rule];
	if (why)
		*why = place;
	return place.status;
}

struct lode_diag lode_nowhere_(enum lode_field field, uint64_t value, uint64_t limit)
{
	return lode_diag_of(LODE_RULE_NONE, field, value, limit);
}

struct lode_diag lode_at_entry_(enum lode_field field, uint64_t index, uint64_t offset, uint64_t value, uint64_t limit)
{
	struct lode_diag place = lode_nowhere_(field, value, limit);

	place.index = index < LODE_NO_INDEX ? (uint32_t)index : LODE_NO_INDEX;
	place.offset = offset;
	return place;
}

/* Offsets of the header's fields, ELFCLASS32 and ELFCLASS64. */
static const unsigned char header_fields[][2] = {
	[LODE_FIELD_EHDR_MAGIC] = {0, 0},
	[LODE_FIELD_EHDR_CLASS] = {4, 4},
	[LODE_FIELD_EHDR_DATA] = {5, 5},
	[LODE_FIELD_EHDR_IDENT_VERSION] = {6, 6},
	[LODE_FIELD_EHDR_TYPE] = {16, 16},
	[LODE_FIELD_EHDR_MACHINE] = {18, 18},
	[LODE_FIELD_EHDR_VERSION] = {20, 20},
	[LODE_FIELD_EHDR_ENTRY] = {24, 24},
	[LODE_FIELD_EHDR_PHOFF] = {28, 32},
	[LODE_FIELD_EHDR_SHOFF] = {32, 40},
	[LODE_FIELD_EHDR_FLAGS] = {36, 48},
	[LODE_FIELD_EHDR_EHSIZE] = {40, 52},
	[LODE_FIELD_EHDR_PHENTSIZE] = {42, 54},
	[LODE_FIELD_EHDR_PHNUM] = {44, 56},
	[LODE_FIELD_EHDR_SHENTSIZE] = {46, 58},
	[LODE_FIELD_EHDR_SHNUM] = {48, 60},
	[LODE_FIELD_EHDR_SHSTRNDX] = {50, 62},
};

uint64_t lode_header_offset(const struct lode_image *image, enum lode_field field)
{
	if (field < LODE_FIELD_EHDR_MAGIC || field > LODE_FIELD_EHDR_SHSTRNDX)
		return LODE_NO_OFFSET;
	return header_fields[field][image_wide(image)];
}

struct lode_diag lode_at_header_(const struct lode_image *image, enum lode_field field, uint64_t value, uint64_t limit)
{
	struct lode_diag place = lode_nowhere_(field, value, limit);

	place.offset = lode_header_offset(image, field);
	return place;
}

struct lode_diag lode_no_fit_(const struct lode_image *image, const struct lode_header_table_ *table)
{
	uint64_t size = image->source->size, last = size - table->entry;

	if (table->offset > last)
		return lode_at_header_(image, table->offset_field, table->offset, last);
	return lode_at_header_(image, table->count_field, table->count, lode_divide_(size - table->offset, table->entry));
}

/* Offsets of a program header's fields, counted from LODE_FIELD_PHDR_TYPE. */
static const unsigned char segment_fields[][2] = {
	[0] = {0, 0},
	[LODE_FIELD_PHDR_FLAGS - LODE_FIELD_PHDR_TYPE] = {24, 4},
	[LODE_FIELD_PHDR_OFFSET - LODE_FIELD_PHDR_TYPE] = {4, 8},
	[LODE_FIELD_PHDR_VADDR - LODE_FIELD_PHDR_TYPE] = {8, 16},
	[LODE_FIELD_PHDR_PADDR - LODE_FIELD_PHDR_TYPE] = {12, 24},
	[LODE_FIELD_PHDR_FILESZ - LODE_FIELD_PHDR_TYPE] = {16, 32},
	[LODE_FIELD_PHDR_MEMSZ - LODE_FIELD_PHDR_TYPE] = {20, 40},
	[LODE_FIELD_PHDR_ALIGN - LODE_FIELD_PHDR_TYPE] = {28, 48},
};

uint64_t lode_segment_offset(const struct lode_image *image, uint32_t index, enum lode_field field)
{
	uint64_t entry = image->phoff + (uint64_t)index * image->phentsize;

	if (field < LODE_FIELD_PHDR_TYPE || field > LODE_FIELD_PHDR_ALIGN)
		return LODE_NO_OFFSET;
	return entry + segment_fields[field - LODE_FIELD_PHDR_TYPE][image_wide(image)];
}

uint64_t lode_segment_value(const struct lode_image *image, uint32_t index, enum lode_field field)
{
	const struct lode_segment *segment = &image->segments[index];
	const uint64_t values[] = {
		[0] = segment->type,
		[LODE_FIELD_PHDR_FLAGS - LODE_FIELD_PHDR_TYPE] = segment->flags,
		[LODE_FIELD_PHDR_OFFSET - LODE_FIELD_PHDR_TYPE] = segment->offset,
		[LODE_FIELD_PHDR_VADDR - LODE_FIELD_PHDR_TYPE] = segment->vaddr,
		[LODE_FIELD_PHDR_PADDR - LODE_FIELD_PHDR_TYPE] = segment->paddr,
		[LODE_FIELD_PHDR_FILESZ - LODE_FIELD_PHDR_TYPE] = segment->filesz,
		[LODE_FIELD_PHDR_MEMSZ - LODE_FIELD_PHDR_TYPE] = segment->memsz,
		[LODE_FIELD_PHDR_ALIGN - LODE_FIELD_PHDR_TYPE] = segment->align,
	};

	if (field < LODE_FIELD_PHDR_TYPE || field > LODE_FIELD_PHDR_ALIGN)
		return 0;
	return values[field - LODE_FIELD_PHDR_TYPE];
}

struct lode_diag lode_at_segment_(const struct lode_image *image, uint32_t index, enum lode_field field, uint64_t limit)
{
	struct lode_diag place = lode_nowhere_(field, lode_segment_value(image, index, field), limit);

	place.index = index;
	place.offset = lode_segment_offset(image, index, field);
	return place;
}

/* Offsets of a section header's fields, counted from LODE_FIELD_SHDR_NAME. */
static const unsigned char section_fields[][2] = {
	[0] = {0, 0},
	[LODE_FIELD_SHDR_TYPE - LODE_FIELD_SHDR_NAME] = {4, 4},
	[LODE_FIELD_SHDR_FLAGS - LODE_FIELD_SHDR_NAME] = {8, 8},
	[LODE_FIELD_SHDR_OFFSET - LODE_FIELD_SHDR_NAME] = {16, 24},
	[LODE_FIELD_SHDR_ADDR - LODE_FIELD_SHDR_NAME] = {12, 16},
	[LODE_FIELD_SHDR_SIZE - LODE_FIELD_SHDR_NAME] = {20, 32},
	[LODE_FIELD_SHDR_LINK - LODE_FIELD_SHDR_NAME] = {24, 40},
	[LODE_FIELD_SHDR_INFO - LODE_FIELD_SHDR_NAME] = {28, 44},
	[LODE_FIELD_SHDR_ADDRALIGN - LODE_FIELD_SHDR_NAME] = {32, 48},
	[LODE_FIELD_SHDR_ENTSIZE - LODE_FIELD_SHDR_NAME] = {36, 56},
};

struct lode_diag lode_past_end_(const struct lode_image *image, uint32_t index)
{
	uint64_t size = image->source->size, offset = image->segments[index].offset;

	return offset < size ? lode_at_segment_(image, index, LODE_FIELD_PHDR_FILESZ, size - offset)
		: lode_at_segment_(image, index, LODE_FIELD_PHDR_OFFSET, size);
}

uint64_t lode_section_offset(const struct lode_image *image, uint32_t index, enum lode_field field)
{
	uint64_t entry = image->shoff + (uint64_t)index * image->shentsize;

	if (field < LODE_FIELD_SHDR_NAME || field > LODE_FIELD_SHDR_ENTSIZE)
		return LODE_NO_OFFSET;
	return entry + section_fields[field - LODE_FIELD_SHDR_NAME][image_wide(image)];
}

struct lode_diag lode_at_section_(const struct lode_image *image, uint32_t index, enum lode_field field, uint64_t value,
	uint64_t limit)
{
	struct lode_diag place = lode_nowhere_(field, value, limit);

	place.index = index;
	place.offset = lode_section_offset(image, index, field);
	return place;
}
