/* SPDX-License-Identifier: MIT */
/* An entry comes in; its name goes out, or where the variable lies that it describes. Ref: DWARF-5 2.6.1 "Single Location
 * Descriptions", 7.5.5 "Classes and Forms" (string), 7.7.1 "Operation Expressions". */
#include "dwarf.h"

enum { OP_ADDR = 0x03, OP_CONST8U = 0x0e, OP_PLUS_UCONST = 0x23, OP_TLS = 0x9b, OP_ADDRX = 0xa1, OP_CONSTX = 0xa2,
	OP_GNU_TLS = 0xe0, OP_GNU_ADDRX = 0xfb, OP_GNU_CONSTX = 0xfc };

enum { LONGEST_NAME = 4096 };

static struct lode_link_text text_at(const struct dwarf_unit *unit, enum dwarf_section section, uint64_t at)
{
	const struct dwarf_part *part = &unit->dwarf->parts[section];
	struct lode_link_text text = {.at = "", .size = 0};
	uint64_t end = at;

	if (at >= part->size)
		return text;
	while (end < part->size && end - at < LONGEST_NAME && part->bytes[end] != '\0')
		end++;
	if (lode_dwarf_spend_(unit->dwarf, end - at))
		text = (struct lode_link_text){.at = (const char *)part->bytes + at, .size = (size_t)(end - at)};
	return text;
}

static bool indexed(struct dwarf_word *word, const struct dwarf_unit *unit, uint64_t index)
{
	uint64_t room = unit->dwarf->parts[DWARF_STR_OFFSETS].size, width = unit->offset_size;

	return unit->str_offsets < room && index < room && width * index < room - unit->str_offsets &&
		lode_dwarf_word_(word, unit->dwarf, DWARF_STR_OFFSETS, unit->str_offsets + width * index, (unsigned)width);
}

struct lode_link_text lode_dwarf_name_(const struct dwarf_unit *unit, const struct dwarf_die *die)
{
	struct lode_link_text none = {.at = "", .size = 0};
	struct dwarf_word word;

	if (die->name == DWARF_NONE)
		return none;
	if (die->name_form == FORM_STRING)
		return text_at(unit, DWARF_INFO, die->name);
	if (die->name_form != FORM_STRP && die->name_form != FORM_LINE_STRP)
		return indexed(&word, unit, die->name) ? text_at(unit, DWARF_STR, word.value) : none;
	if (!lode_dwarf_word_(&word, unit->dwarf, DWARF_INFO, die->name, unit->offset_size))
		return none;
	return text_at(unit, die->name_form == FORM_STRP ? DWARF_STR : DWARF_LINE_STR, word.value);
}

/* An address of .debug_addr. */
static bool take_index(struct dwarf_word *word, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	return lode_dwarf_address_(word, unit, dwarf_uleb(reader)) && !reader->bad;
}

static bool take_direct(struct dwarf_word *word, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	bool there = lode_dwarf_word_(word, unit->dwarf, DWARF_INFO, reader->at, 8);

	dwarf_fixed(reader, 8);
	return there && !reader->bad;
}

/* Of variables that are alone: an address, perhaps with a distance, or an offset in the thread-local block. */
bool lode_dwarf_place_(struct dwarf_place *place, const struct dwarf_unit *unit, const struct dwarf_die *die)
{
	struct dwarf_reader reader = {.bytes = unit->dwarf->parts[DWARF_INFO].bytes, .at = die->location,
		.end = die->location + die->location_size};
	uint64_t operation;
	bool taken;

	*place = (struct dwarf_place){.thread_local_ = false};
	if (die->location == DWARF_NONE)
		return false;
	operation = dwarf_fixed(&reader, 1);
	if (operation == OP_ADDR || operation == OP_CONST8U)
		taken = take_direct(&place->word, &reader, unit);
	else if (operation == OP_ADDRX || operation == OP_CONSTX || operation == OP_GNU_ADDRX || operation == OP_GNU_CONSTX)
		taken = take_index(&place->word, &reader, unit);
	else
		return false;
	if (!taken || reader.at == reader.end)
		return taken && operation != OP_CONST8U && operation != OP_CONSTX && operation != OP_GNU_CONSTX;
	operation = dwarf_fixed(&reader, 1);
	place->thread_local_ = operation == OP_TLS || operation == OP_GNU_TLS;
	if (operation == OP_PLUS_UCONST)
		place->word.value += dwarf_uleb(&reader);
	return !reader.bad && reader.at == reader.end && (place->thread_local_ || operation == OP_PLUS_UCONST);
}
