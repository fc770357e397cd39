/* SPDX-License-Identifier: MIT */
/* An offset of .debug_info comes in; the unit there goes out, its abbreviations found. Ref: DWARF-5 7.5.1 "Unit Headers", 7.5.3
 * "Abbreviations Tables". */
#include "dwarf.h"

enum { UNIT_COMPILE = 1 };

/* Of a field that a relocation may be for: from the begin of its section. */
static uint64_t section_offset(struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	struct dwarf_word word;

	if (!lode_dwarf_word_(&word, unit->dwarf, DWARF_INFO, reader->at, unit->offset_size))
		reader->bad = true;
	dwarf_fixed(reader, unit->offset_size);
	return reader->bad ? 0 : word.value;
}

static void read_length(struct dwarf_reader *reader, struct dwarf_unit *unit)
{
	uint64_t length = dwarf_fixed(reader, 4);

	unit->offset_size = 4;
	if (length == UINT32_MAX) {
		unit->offset_size = 8;
		length = dwarf_fixed(reader, 8);
	}
	if (reader->at > reader->end || length > reader->end - reader->at)
		reader->bad = true;
	else
		unit->end = reader->at + length;
}

/* False: a unit of a kind that is not read. */
static bool read_header(struct dwarf_reader *reader, struct dwarf_unit *unit)
{
	uint64_t kind = UNIT_COMPILE, address_size;

	unit->version = (uint16_t)dwarf_fixed(reader, 2);
	if (unit->version >= 5) {
		kind = dwarf_fixed(reader, 1);
		address_size = dwarf_fixed(reader, 1);
		unit->abbrev = section_offset(reader, unit);
	} else {
		unit->abbrev = section_offset(reader, unit);
		address_size = dwarf_fixed(reader, 1);
	}
	unit->first = reader->at;
	return !reader->bad && kind == UNIT_COMPILE && address_size == 8 && unit->version >= 2 && unit->version <= 5;
}

static void skip_attributes(struct dwarf_reader *reader)
{
	uint64_t name, form;

	do {
		name = dwarf_uleb(reader);
		form = dwarf_uleb(reader);
		if (form == FORM_IMPLICIT_CONST)
			dwarf_uleb(reader);
	} while ((name != 0 || form != 0) && !reader->bad);
}

/* Compilers number them from 1 on. */
static bool read_codes(struct dwarf_unit *unit)
{
	const struct dwarf_part *part = &unit->dwarf->parts[DWARF_ABBREV];
	struct dwarf_reader reader = {.bytes = part->bytes, .at = unit->abbrev, .end = part->size};
	uint64_t code;

	unit->ncodes = 0;
	for (;;) {
		uint64_t begin = reader.at;

		code = dwarf_uleb(&reader);
		if (code == 0 || reader.bad)
			return !reader.bad && unit->ncodes > 0;
		if (code != unit->ncodes + 1u || unit->ncodes == unit->max_codes)
			return false;
		unit->codes[unit->ncodes++] = (uint32_t)reader.at;
		dwarf_uleb(&reader);
		dwarf_fixed(&reader, 1);
		skip_attributes(&reader);
		if (!lode_dwarf_spend_(unit->dwarf, reader.at - begin))
			return false;
	}
}

int lode_dwarf_unit_(struct dwarf_unit *unit, uint64_t *offset)
{
	const struct dwarf_part *part = &unit->dwarf->parts[DWARF_INFO];
	struct dwarf_reader reader = {.bytes = part->bytes, .at = *offset, .end = part->size};
	uint64_t last = unit->abbrev;
	bool fits;

	if (*offset >= part->size || unit->dwarf->spent)
		return 0;
	unit->begin = *offset;
	unit->str_offsets = unit->addrs = DWARF_NONE;
	read_length(&reader, unit);
	if (reader.bad)
		return 0;
	*offset = unit->end;
	reader.end = unit->end;
	fits = read_header(&reader, unit);
	/* (The codes are still those of the unit before.) */
	if (!fits) {
		unit->abbrev = last;
		return -1;
	}
	/* Several may share a table. */
	if (unit->ncodes > 0 && last == unit->abbrev)
		return 1;
	if (read_codes(unit))
		return 1;
	unit->ncodes = 0;
	return -1;
}
