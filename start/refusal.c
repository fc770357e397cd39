/* SPDX-License-Identifier: MIT */
/* Places of refusals that start states alone have; and the length of strings. */
#include "start.h"

/* What has no place has no address yet: the number that is told of it is its size. */
static enum lode_field size_of(enum lode_field what)
{
	switch (what) {
	case LODE_FIELD_PART_KERNEL: return LODE_FIELD_PART_KERNEL_SIZE;
	case LODE_FIELD_PART_KERNEL_FILE: return LODE_FIELD_PART_KERNEL_FILE_SIZE;
	case LODE_FIELD_PART_MODULE: return LODE_FIELD_PART_MODULE_SIZE;
	case LODE_FIELD_PART_SECTION: return LODE_FIELD_PART_SECTION_SIZE;
	case LODE_FIELD_PART_INFO: return LODE_FIELD_PART_INFO_SIZE;
	case LODE_FIELD_PART_STACK: return LODE_FIELD_PART_STACK_SIZE;
	case LODE_FIELD_PART_TABLES: return LODE_FIELD_PART_TABLES_SIZE;
	case LODE_FIELD_PART_FRAMEBUFFER: return LODE_FIELD_PART_FRAMEBUFFER_SIZE;
	case LODE_FIELD_MAP_PHYSICAL: return LODE_FIELD_MAP_PHYSICAL_SIZE;
	case LODE_FIELD_MAP_RECURSIVE: return LODE_FIELD_MAP_RECURSIVE_SIZE;
	default: return what;
	}
}

int lode_start_no_place_(struct lode_diag *why, struct lode_diag place)
{
	place.field = size_of(place.field);
	return lode_refuse_(why, LODE_RULE_START_NO_PLACE, place);
}

struct lode_diag lode_place_at_(enum lode_field field, uint64_t value, uint64_t offset)
{
	struct lode_diag place = lode_nowhere_(field, value, 0);

	place.offset = offset;
	return place;
}

uint64_t lode_string_size_(const char *s)
{
	uint64_t size = 1;

	while (s && s[size - 1] != '\0')
		size++;
	return size;
}
