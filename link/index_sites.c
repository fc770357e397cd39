/* SPDX-License-Identifier: MIT */
/* A relocation that a linker kept comes in, with the bytes of its field; what the field refers to goes out. Linkers keep the types
 * of instructions that they rewrote, so that only the field says whether it is the symbol, its address or its slot. */
#include "swap.h"

uint32_t lode_site_bytes_(uint32_t type)
{
	return type == R_64 ? 8 : 4;
}

static uint64_t signed32(const unsigned char *at)
{
	return (uint64_t)(int64_t)(int32_t)le32(at);
}

/* A symbol of a section stands for whatever lies at the addend. @behind: from the field to where its value is counted from. */
static void name_target(struct lode_site *site, uint64_t *target, const struct index_field *field, uint64_t behind)
{
	uint64_t addend = field->addend + behind;

	site->addend = field->section ? 0 : (int64_t)addend;
	*target = field->section ? field->symbol + addend : field->symbol;
}

static bool branch(struct lode_site *site, uint64_t *target, const struct index_field *field)
{
	*site = (struct lode_site){.addr = field->addr, .kind = LODE_SITE_REL32};
	/* Distances that stand among data are those to labels in functions. */
	if (!field->code)
		return true;
	name_target(site, target, field, 4);
	return field->addr + signed32(field->at) == field->symbol + field->addend;
}

/* A jump through a slot that has become a jump and a nop is a byte shorter: its field begins a byte before. */
static bool is_short_jump(const struct index_field *field)
{
	const unsigned char *at = field->at;

	return field->room >= 2 && at[-2] == 0xe9 && at[3] == 0x90 &&
		field->addr + 3 + signed32(at - 1) == field->symbol + field->addend + 4;
}

static bool through_slot(struct lode_site *site, uint64_t *target, bool *slot, const struct index_field *field)
{
	uint64_t value = signed32(field->at), there = field->addr + value - field->addend;

	*target = field->symbol;
	*site = (struct lode_site){.addr = field->addr, .addend = (int64_t)(field->addend + 4), .kind = LODE_SITE_REL32};
	if (there == field->symbol)
		return true;
	if (is_short_jump(field)) {
		site->addr--;
		return true;
	}
	*site = (struct lode_site){.addr = field->addr, .kind = LODE_SITE_ABS32};
	if (value == field->symbol)
		return true;
	*site = (struct lode_site){.addr = there, .kind = LODE_SITE_WORD};
	*slot = true;
	return true;
}

static bool absolute(struct lode_site *site, uint64_t *target, const struct index_field *field)
{
	uint64_t value = field->symbol + field->addend;

	*site = (struct lode_site){.addr = field->addr, .kind = LODE_SITE_ABS32};
	if (field->type == R_64)
		site->kind = field->code ? LODE_SITE_ABS64 : LODE_SITE_WORD;
	name_target(site, target, field, 0);
	return field->type == R_64 || signed32(field->at) == value || le32(field->at) == value;
}

bool lode_site_of_(struct lode_site *site, uint64_t *target, bool *slot, const struct index_field *field)
{
	*slot = false;
	*target = 0;
	switch (field->type) {
	case R_64:
	case R_32:
	case R_32S: return absolute(site, target, field);
	case R_PC32:
	case R_PLT32: return branch(site, target, field);
	case R_GOTPCREL:
	case R_GOTPCRELX:
	case R_REX_GOTPCRELX:
	case R_CODE_4_GOTPCRELX: return through_slot(site, target, slot, field);
	default: return true;
	}
}
