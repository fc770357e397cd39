/* SPDX-License-Identifier: MIT */
/* The bytes of a relocatable object come in, a unit of the link goes out, its sections and symbols entered. */
#include "link.h"

static int check_header(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag *why)
{
	const struct lode_image *image = &unit->image;
	struct lode_diag place;

	if (image->type != LODE_ET_REL) {
		place = lode_at_header_(image, LODE_FIELD_EHDR_TYPE, image->type, LODE_ET_REL);
		place.rule = LODE_RULE_LINK_TYPE;
		return lode_link_refuse_(link, unit, place, why);
	}
	if (image->machine == link->options_.machine && image->class_ == LODE_CLASS64 && image->data == LODE_DATA2LSB)
		return LODE_OK;
	place = lode_at_header_(image, LODE_FIELD_EHDR_MACHINE, image->machine, link->options_.machine);
	place.rule = LODE_RULE_LINK_MACHINE;
	return lode_link_refuse_(link, unit, place, why);
}

/* The section headers are decoded where they stay: how many there are is known afterwards. */
static int open_sections(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	int status;

	options.sections = lode_link_spare_(&options.max_sections, link);
	status = lode_open(&unit->image, &unit->source, &options, why);
	if (status == LODE_OK || (status == LODE_ERR_ROOM && unit->image.nsegments == 0)) {
		if (!lode_link_keep_(link, (uint64_t)unit->image.nsections * sizeof(struct lode_section), why))
			return LODE_ERR_ROOM;
	}
	return status;
}

/* What clang -flto writes in the place of an object: LLVM's bitcode. */
static int refuse_bitcode(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag *why)
{
	static const unsigned char magic[4] = {'B', 'C', 0xc0, 0xde};
	struct lode_diag place;

	if (unit->source.size < sizeof magic || memcmp(unit->source.bytes, magic, sizeof magic) != 0)
		return LODE_OK;
	place = lode_diag_of(LODE_RULE_LINK_LTO, LODE_FIELD_EHDR_MAGIC, 0x4243c0de, 0x7f454c46);
	place.offset = 0;
	return lode_link_refuse_(link, unit, place, why);
}

static int open_image(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	int status = refuse_bitcode(link, unit, why);

	if (status == LODE_OK)
		status = lode_open(&unit->image, &unit->source, NULL, why);
	if (status == LODE_OK)
		status = check_header(link, unit, why);
	if (status == LODE_OK)
		status = open_sections(link, unit, why);
	if (status != LODE_OK)
		return status;
	unit->sections = lode_link_keep_(link, (uint64_t)unit->image.nsections * sizeof *unit->sections, why);
	return unit->sections ? LODE_OK : LODE_ERR_ROOM;
}

static void append(struct lode_link *link, struct lode_link_unit *unit)
{
	if (link->units_.last)
		link->units_.last->next = unit;
	else
		link->units_.first = unit;
	link->units_.last = unit;
	link->nunits++;
}

/* Common objects are far below: a header of 64 bytes or a symbol of 24 has a name of 40 characters. */
uint64_t lode_unit_budget_(uint64_t size)
{
	enum { NAMES_A_BYTE = 4 };

	return size < UINT64_MAX / NAMES_A_BYTE ? NAMES_A_BYTE * size : UINT64_MAX;
}

bool lode_unit_spend_(struct lode_link_unit *unit, uint64_t characters)
{
	if (characters > unit->budget)
		return false;
	unit->budget -= characters;
	return true;
}

int lode_unit_overspent_(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag *why)
{
	return lode_link_refuse_(link, unit,
		lode_diag_of(LODE_RULE_LINK_STRINGS, LODE_FIELD_STRING, unit->budget, lode_unit_budget_(unit->source.size)), why);
}

int lode_link_object_(struct lode_link *link, const struct link_input *input, struct lode_diag *why)
{
	struct lode_link_unit *unit = lode_link_take_(link, sizeof *unit, why);
	int status;

	if (!unit)
		return LODE_ERR_ROOM;
	unit->file = input->file;
	unit->member = input->member;
	unit->source = (struct lode_source){.bytes = input->bytes, .size = input->size};
	unit->budget = lode_unit_budget_(input->size);
	unit->room = input->size;
	link->blame.file = unit->file;
	link->blame.member = unit->member;
	status = open_image(link, unit, why);
	if (status != LODE_OK)
		return status;
	append(link, unit);
	if (unit->image.nsections == 0)
		return LODE_OK;
	status = lode_unit_sections_(link, unit, why);
	if (status == LODE_OK)
		status = lode_unit_symbols_(link, unit, why);
	return status;
}
