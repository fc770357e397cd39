/* SPDX-License-Identifier: MIT */
/* Debug information as the files about types see it: units, entries and their attributes. Not for embedders. */
#ifndef LODE_LINK_DWARF_H
#define LODE_LINK_DWARF_H

#include "link.h"

enum dwarf_section { DWARF_INFO, DWARF_ABBREV, DWARF_STR, DWARF_LINE_STR, DWARF_STR_OFFSETS, DWARF_ADDR, DWARF_SECTIONS };

#define DWARF_NONE UINT64_MAX            /* the entry has no such attribute */
#define DWARF_ELSEWHERE (UINT64_MAX - 1) /* it refers to what is not in its own unit */

/* A section, and its relocations if it has some: those of an object count, in ascending order. */
struct dwarf_part {
	const unsigned char *bytes, *relas;
	uint64_t size, nrelas;
};

struct lode_dwarf {
	struct dwarf_part parts[DWARF_SECTIONS];
	const unsigned char *symbols; /* that relocations name */
	uint64_t nsymbols;
	uint64_t budget;              /* steps that may still be done: work stays in proportion to the file */
	bool spent;
};

/* A number, with what a relocation adds to it: then it counts from a symbol. */
struct dwarf_word {
	uint64_t value;
	uint32_t symbol; /* 0: from nothing */
};

/* A unit of .debug_info. Offsets are the section's. */
struct dwarf_unit {
	struct lode_dwarf *dwarf;
	uint64_t begin, first, end;
	uint64_t str_offsets, addrs; /* what its indices count from */
	uint64_t abbrev;             /* where its abbreviations are */
	uint32_t *codes;             /* of each abbreviation where it is, from code 1 on */
	uint32_t ncodes, max_codes;
	uint16_t version;
	uint8_t offset_size;
	bool partial;                /* it describes nothing that is in the program */
};

/* An entry, with what of its attributes says something about types. Numbers: DWARF_NONE if there is none. */
struct dwarf_die {
	uint64_t at, next, sibling;
	uint64_t type, origin;       /* entries; origin: what it is a definition, or an instance, of */
	uint64_t size, bit_size, bit_offset, data_bit_offset, offset, encoding, count, value;
	uint64_t name, name_form;    /* what the form makes a string of */
	uint64_t location, location_size;
	uint64_t str_offsets, addrs; /* of a unit's first one */
	struct dwarf_word low;       /* its code */
	uint32_t tag;                /* 0: the end of a list of children */
	bool children, declaration, external, artificial, prototyped, signature, has_low;
};

enum {
	TAG_ARRAY = 0x01, TAG_CLASS = 0x02, TAG_ENUMERATION = 0x04, TAG_PARAMETER = 0x05, TAG_MEMBER = 0x0d, TAG_POINTER = 0x0f,
	TAG_REFERENCE = 0x10, TAG_STRUCTURE = 0x13, TAG_SUBROUTINE = 0x15, TAG_TYPEDEF = 0x16, TAG_UNION = 0x17, TAG_MORE = 0x18,
	TAG_INHERITANCE = 0x1c, TAG_SUBRANGE = 0x21, TAG_BASE = 0x24, TAG_CONST = 0x26, TAG_ENUMERATOR = 0x28,
	TAG_SUBPROGRAM = 0x2e, TAG_VARIANT_PART = 0x33, TAG_VARIABLE = 0x34, TAG_VOLATILE = 0x35, TAG_RESTRICT = 0x37,
	TAG_RVALUE_REFERENCE = 0x42, TAG_ATOMIC = 0x47,
};

enum {
	FORM_ADDR = 0x01, FORM_BLOCK2 = 0x03, FORM_BLOCK4 = 0x04, FORM_DATA2 = 0x05, FORM_DATA4 = 0x06, FORM_DATA8 = 0x07,
	FORM_STRING = 0x08, FORM_BLOCK = 0x09, FORM_BLOCK1 = 0x0a, FORM_DATA1 = 0x0b, FORM_FLAG = 0x0c, FORM_SDATA = 0x0d,
	FORM_STRP = 0x0e, FORM_UDATA = 0x0f, FORM_REF_ADDR = 0x10, FORM_REF1 = 0x11, FORM_REF2 = 0x12, FORM_REF4 = 0x13,
	FORM_REF8 = 0x14, FORM_REF_UDATA = 0x15, FORM_INDIRECT = 0x16, FORM_SEC_OFFSET = 0x17, FORM_EXPRLOC = 0x18,
	FORM_FLAG_PRESENT = 0x19, FORM_STRX = 0x1a, FORM_ADDRX = 0x1b, FORM_REF_SUP4 = 0x1c, FORM_STRP_SUP = 0x1d,
	FORM_DATA16 = 0x1e, FORM_LINE_STRP = 0x1f, FORM_REF_SIG8 = 0x20, FORM_IMPLICIT_CONST = 0x21, FORM_LOCLISTX = 0x22,
	FORM_RNGLISTX = 0x23, FORM_REF_SUP8 = 0x24, FORM_STRX1 = 0x25, FORM_STRX3 = 0x27, FORM_STRX4 = 0x28, FORM_ADDRX1 = 0x29,
	FORM_ADDRX3 = 0x2b, FORM_ADDRX4 = 0x2c, FORM_GNU_ADDR_INDEX = 0x1f01, FORM_GNU_STR_INDEX = 0x1f02,
	FORM_GNU_REF_ALT = 0x1f20, FORM_GNU_STRP_ALT = 0x1f21,
};

/* dwarf.c: the sections of a file. False: it has none that can be read. */
bool lode_dwarf_open_(struct lode_dwarf *dwarf, const struct lode_image *image);
/* False, and nothing more is read, if the budget is spent. */
bool lode_dwarf_spend_(struct lode_dwarf *dwarf, uint64_t steps);
/* 4 or 8 bytes; false: not there. */
bool lode_dwarf_word_(struct dwarf_word *word, const struct lode_dwarf *dwarf, enum dwarf_section section, uint64_t offset,
	unsigned width);
/* dwarf_unit.c: the unit at *offset, and *offset behind it. 0: there is none, or nothing more can be read; -1: not this one. */
int lode_dwarf_unit_(struct dwarf_unit *unit, uint64_t *offset);
/* dwarf_die.c: the entry at an offset of its unit. False: there is none. */
bool lode_dwarf_die_(struct dwarf_die *die, const struct dwarf_unit *unit, uint64_t at);
/* An entry of .debug_addr. */
bool lode_dwarf_address_(struct dwarf_word *word, const struct dwarf_unit *unit, uint64_t index);
/* dwarf_place.c */
struct lode_link_text lode_dwarf_name_(const struct dwarf_unit *unit, const struct dwarf_die *die);
/* Where a variable lies for good. */
struct dwarf_place {
	struct dwarf_word word;
	bool thread_local_;
};
bool lode_dwarf_place_(struct dwarf_place *place, const struct dwarf_unit *unit, const struct dwarf_die *die);

enum { LEB_BYTES = 10 };

/* Bytes that come in turn; behind the end they are 0, and the reader is bad. */
struct dwarf_reader {
	const unsigned char *bytes;
	uint64_t at, end;
	bool bad;
};

static inline uint64_t dwarf_fixed(struct dwarf_reader *reader, unsigned width)
{
	uint64_t value = 0;

	if (reader->at > reader->end || width > reader->end - reader->at) {
		reader->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)reader->bytes[reader->at + i] << 8 * i;
	reader->at += width;
	return value;
}

/* LEB128; bits beyond 64 are lost. Nobody needs more than 10 bytes: what is longer would cost more than its entry is charged. */
static inline uint64_t dwarf_leb(struct dwarf_reader *reader, bool is_signed)
{
	uint64_t value = 0, byte = 0x80;
	unsigned shift = 0;

	for (; (byte & 0x80) && !reader->bad; shift += 7) {
		byte = dwarf_fixed(reader, 1);
		if (shift >= LEB_BYTES * 7)
			reader->bad = true;
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
	}
	if (is_signed && (byte & 0x40) && shift < 64)
		value |= UINT64_MAX << shift;
	return value;
}

static inline uint64_t dwarf_uleb(struct dwarf_reader *reader)
{
	return dwarf_leb(reader, false);
}

#endif
