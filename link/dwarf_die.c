/* SPDX-License-Identifier: MIT */
/* An entry's offset comes in; what its attributes say of types, names and places goes out. Ref: DWARF-5 7.5.4 "Attribute
 * Encodings", 7.5.6 "Form Encodings". */
#include "dwarf.h"

enum {
	AT_SIBLING = 0x01, AT_LOCATION = 0x02, AT_NAME = 0x03, AT_BYTE_SIZE = 0x0b, AT_BIT_OFFSET = 0x0c, AT_BIT_SIZE = 0x0d,
	AT_LOW_PC = 0x11, AT_CONST_VALUE = 0x1c, AT_PROTOTYPED = 0x27, AT_UPPER_BOUND = 0x2f, AT_ABSTRACT_ORIGIN = 0x31,
	AT_ARTIFICIAL = 0x34, AT_COUNT = 0x37, AT_MEMBER_LOCATION = 0x38, AT_DECLARATION = 0x3c, AT_ENCODING = 0x3e,
	AT_EXTERNAL = 0x3f, AT_SPECIFICATION = 0x47, AT_TYPE = 0x49, AT_SIGNATURE = 0x69, AT_DATA_BIT_OFFSET = 0x6b,
	AT_STR_OFFSETS_BASE = 0x72, AT_ADDR_BASE = 0x73, AT_GNU_ADDR_BASE = 0x2133,
};

enum { OP_PLUS_UCONST = 0x23 };

/* What a form holds. */
enum value_kind { VALUE_OTHER, VALUE_NUMBER, VALUE_ENTRY, VALUE_BLOCK, VALUE_ADDRESS, VALUE_STRING };

struct value {
	enum value_kind kind;
	uint64_t number, size; /* of a block where it begins; of a string what its form makes one of */
	struct dwarf_word word;
	uint64_t form;
};

bool lode_dwarf_address_(struct dwarf_word *word, const struct dwarf_unit *unit, uint64_t index)
{
	const uint64_t room = unit->dwarf->parts[DWARF_ADDR].size;

	return unit->addrs < room && index < lode_divide_(room - unit->addrs, 8) &&
		lode_dwarf_word_(word, unit->dwarf, DWARF_ADDR, unit->addrs + 8 * index, 8);
}

static void take_block(struct value *value, struct dwarf_reader *reader, uint64_t size)
{
	value->kind = VALUE_BLOCK;
	value->number = reader->at;
	value->size = size;
	if (size > reader->end - reader->at)
		reader->bad = true;
	else
		reader->at += size;
}

static void take_entry(struct value *value, const struct dwarf_unit *unit, uint64_t at)
{
	value->kind = VALUE_ENTRY;
	value->number = at >= unit->first && at < unit->end ? at : DWARF_ELSEWHERE;
}

static void take_word(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit, unsigned width)
{
	value->word = (struct dwarf_word){.value = 0};
	if (!lode_dwarf_word_(&value->word, unit->dwarf, DWARF_INFO, reader->at, width))
		reader->bad = true;
	dwarf_fixed(reader, width);
}

static void take_index(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit, unsigned width)
{
	uint64_t index = width > 0 ? dwarf_fixed(reader, width) : dwarf_uleb(reader);

	value->kind = lode_dwarf_address_(&value->word, unit, index) ? VALUE_ADDRESS : VALUE_OTHER;
}

static void take_number(struct value *value, uint64_t number)
{
	value->kind = VALUE_NUMBER;
	value->number = number;
}

static void take_string(struct value *value, uint64_t number)
{
	value->kind = VALUE_STRING;
	value->number = number;
}

static void skip_string(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	take_string(value, reader->at);
	while (dwarf_fixed(reader, 1) != 0)
		;
	if (!lode_dwarf_spend_(unit->dwarf, reader->at - value->number))
		reader->bad = true;
}

/* References: those of a unit count from its begin. */
static bool take_reference(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	switch (value->form) {
	case FORM_REF1: take_entry(value, unit, unit->begin + dwarf_fixed(reader, 1)); return true;
	case FORM_REF2: take_entry(value, unit, unit->begin + dwarf_fixed(reader, 2)); return true;
	case FORM_REF4: take_entry(value, unit, unit->begin + dwarf_fixed(reader, 4)); return true;
	case FORM_REF8: take_entry(value, unit, unit->begin + dwarf_fixed(reader, 8)); return true;
	case FORM_REF_UDATA: take_entry(value, unit, unit->begin + dwarf_uleb(reader)); return true;
	case FORM_REF_ADDR:
		take_word(value, reader, unit, unit->version == 2 ? 8 : unit->offset_size);
		take_entry(value, unit, value->word.value);
		return true;
	case FORM_REF_SIG8:
	case FORM_REF_SUP8:
		dwarf_fixed(reader, 8);
		take_entry(value, unit, DWARF_ELSEWHERE);
		return true;
	case FORM_REF_SUP4:
	case FORM_GNU_REF_ALT:
		dwarf_fixed(reader, value->form == FORM_REF_SUP4 ? 4 : unit->offset_size);
		take_entry(value, unit, DWARF_ELSEWHERE);
		return true;
	default: return false;
	}
}

static bool take_text(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	switch (value->form) {
	case FORM_STRING: skip_string(value, reader, unit); return true;
	case FORM_STRP:
	case FORM_LINE_STRP:
		take_string(value, reader->at);
		dwarf_fixed(reader, unit->offset_size);
		return true;
	case FORM_STRP_SUP:
	case FORM_GNU_STRP_ALT: dwarf_fixed(reader, unit->offset_size); return true;
	case FORM_STRX:
	case FORM_GNU_STR_INDEX: take_string(value, dwarf_uleb(reader)); return true;
	case FORM_STRX1:
	case FORM_STRX1 + 1:
	case FORM_STRX3:
	case FORM_STRX4: take_string(value, dwarf_fixed(reader, (unsigned)(value->form - FORM_STRX1 + 1))); return true;
	default: return false;
	}
}

static bool take_constant(struct value *value, struct dwarf_reader *reader)
{
	switch (value->form) {
	case FORM_FLAG:
	case FORM_DATA1: take_number(value, dwarf_fixed(reader, 1)); return true;
	case FORM_DATA2: take_number(value, dwarf_fixed(reader, 2)); return true;
	case FORM_DATA4: take_number(value, dwarf_fixed(reader, 4)); return true;
	case FORM_DATA8: take_number(value, dwarf_fixed(reader, 8)); return true;
	case FORM_SDATA: take_number(value, dwarf_leb(reader, true)); return true;
	case FORM_UDATA: take_number(value, dwarf_uleb(reader)); return true;
	case FORM_FLAG_PRESENT: take_number(value, 1); return true;
	default: return false;
	}
}

static bool take_bytes(struct value *value, struct dwarf_reader *reader)
{
	switch (value->form) {
	case FORM_BLOCK1: take_block(value, reader, dwarf_fixed(reader, 1)); return true;
	case FORM_BLOCK2: take_block(value, reader, dwarf_fixed(reader, 2)); return true;
	case FORM_BLOCK4: take_block(value, reader, dwarf_fixed(reader, 4)); return true;
	case FORM_BLOCK:
	case FORM_EXPRLOC: take_block(value, reader, dwarf_uleb(reader)); return true;
	case FORM_DATA16: take_block(value, reader, 16); return true;
	default: return false;
	}
}

/* False: a form that is not known, behind which nothing can be read. */
static bool take(struct value *value, struct dwarf_reader *reader, const struct dwarf_unit *unit)
{
	value->kind = VALUE_OTHER;
	if (take_constant(value, reader) || take_reference(value, reader, unit) || take_text(value, reader, unit) ||
		take_bytes(value, reader))
		return !reader->bad;
	switch (value->form) {
	case FORM_ADDR:
		take_word(value, reader, unit, 8);
		value->kind = VALUE_ADDRESS;
		break;
	case FORM_SEC_OFFSET:
		take_word(value, reader, unit, unit->offset_size);
		take_number(value, value->word.value);
		break;
	case FORM_ADDRX:
	case FORM_GNU_ADDR_INDEX: take_index(value, reader, unit, 0); break;
	case FORM_ADDRX1:
	case FORM_ADDRX1 + 1:
	case FORM_ADDRX3:
	case FORM_ADDRX4: take_index(value, reader, unit, (unsigned)(value->form - FORM_ADDRX1 + 1)); break;
	case FORM_LOCLISTX:
	case FORM_RNGLISTX: dwarf_uleb(reader); break;
	default: return false;
	}
	return !reader->bad;
}

/* A member's place as an expression: DWARF 2 has no other way. */
static uint64_t member_offset(const struct dwarf_unit *unit, const struct value *value)
{
	struct dwarf_reader reader = {.bytes = unit->dwarf->parts[DWARF_INFO].bytes, .at = value->number,
		.end = value->number + value->size};
	uint64_t offset;

	if (value->kind == VALUE_NUMBER)
		return value->number;
	if (value->kind != VALUE_BLOCK || dwarf_fixed(&reader, 1) != OP_PLUS_UCONST)
		return DWARF_ELSEWHERE;
	offset = dwarf_uleb(&reader);
	return reader.bad || reader.at != reader.end ? DWARF_ELSEWHERE : offset;
}

static uint64_t number_of(const struct value *value)
{
	return value->kind == VALUE_NUMBER ? value->number : DWARF_NONE;
}

static uint64_t entry_of(const struct value *value)
{
	return value->kind == VALUE_ENTRY ? value->number : DWARF_ELSEWHERE;
}

static void note_number(struct dwarf_die *die, uint64_t attribute, uint64_t number)
{
	switch (attribute) {
	case AT_BYTE_SIZE: die->size = number; break;
	case AT_BIT_OFFSET: die->bit_offset = number; break;
	case AT_BIT_SIZE: die->bit_size = number; break;
	case AT_DATA_BIT_OFFSET: die->data_bit_offset = number; break;
	case AT_CONST_VALUE: die->value = number; break;
	case AT_UPPER_BOUND: die->count = number == DWARF_NONE ? DWARF_NONE : number + 1; break;
	case AT_COUNT: die->count = number; break;
	case AT_ENCODING: die->encoding = number; break;
	case AT_DECLARATION: die->declaration = number == 1; break;
	case AT_EXTERNAL: die->external = number == 1; break;
	case AT_ARTIFICIAL: die->artificial = number == 1; break;
	case AT_PROTOTYPED: die->prototyped = number == 1; break;
	case AT_STR_OFFSETS_BASE: die->str_offsets = number; break;
	case AT_ADDR_BASE:
	case AT_GNU_ADDR_BASE: die->addrs = number; break;
	default: break;
	}
}

static void note(struct dwarf_die *die, const struct dwarf_unit *unit, uint64_t attribute, const struct value *value)
{
	switch (attribute) {
	case AT_SIBLING: die->sibling = entry_of(value); break;
	case AT_TYPE: die->type = entry_of(value); break;
	case AT_ABSTRACT_ORIGIN:
	case AT_SPECIFICATION: die->origin = entry_of(value); break;
	case AT_SIGNATURE: die->signature = true; break;
	case AT_MEMBER_LOCATION: die->offset = member_offset(unit, value); break;
	case AT_NAME:
		die->name = value->kind == VALUE_STRING ? value->number : DWARF_NONE;
		die->name_form = value->form;
		break;
	case AT_LOCATION:
		die->location = value->kind == VALUE_BLOCK ? value->number : DWARF_NONE;
		die->location_size = value->size;
		break;
	case AT_LOW_PC:
		die->low = value->word;
		die->has_low = value->kind == VALUE_ADDRESS;
		break;
	default: note_number(die, attribute, number_of(value));
	}
}

static bool read_attributes(struct dwarf_die *die, const struct dwarf_unit *unit, struct dwarf_reader *reader, uint64_t abbrev)
{
	const struct dwarf_part *part = &unit->dwarf->parts[DWARF_ABBREV];
	struct dwarf_reader kinds = {.bytes = part->bytes, .at = abbrev, .end = part->size};

	die->tag = (uint32_t)dwarf_uleb(&kinds);
	die->children = dwarf_fixed(&kinds, 1) != 0;
	for (;;) {
		uint64_t attribute = dwarf_uleb(&kinds);
		struct value value = {.form = dwarf_uleb(&kinds), .size = 0};

		if (kinds.bad || !lode_dwarf_spend_(unit->dwarf, 1))
			return false;
		if (attribute == 0 && value.form == 0)
			return die->tag != 0;
		if (value.form == FORM_INDIRECT)
			value.form = dwarf_uleb(reader);
		if (value.form == FORM_IMPLICIT_CONST)
			take_number(&value, dwarf_leb(&kinds, true));
		else if (!take(&value, reader, unit))
			return false;
		note(die, unit, attribute, &value);
	}
}

bool lode_dwarf_die_(struct dwarf_die *die, const struct dwarf_unit *unit, uint64_t at)
{
	struct dwarf_reader reader = {.bytes = unit->dwarf->parts[DWARF_INFO].bytes, .at = at, .end = unit->end};
	uint64_t code;

	if (at < unit->first || at >= unit->end || !lode_dwarf_spend_(unit->dwarf, 1))
		return false;
	*die = (struct dwarf_die){.at = at, .sibling = DWARF_NONE, .type = DWARF_NONE, .origin = DWARF_NONE, .size = DWARF_NONE,
		.bit_size = DWARF_NONE, .bit_offset = DWARF_NONE, .data_bit_offset = DWARF_NONE, .offset = DWARF_NONE,
		.encoding = DWARF_NONE, .count = DWARF_NONE, .value = DWARF_NONE, .name = DWARF_NONE, .location = DWARF_NONE,
		.str_offsets = DWARF_NONE, .addrs = DWARF_NONE};
	code = dwarf_uleb(&reader);
	if (reader.bad || code > unit->ncodes)
		return false;
	if (code != 0 && !read_attributes(die, unit, &reader, unit->codes[code - 1]))
		return false;
	die->next = reader.at;
	return true;
}
