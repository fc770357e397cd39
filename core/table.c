/* SPDX-License-Identifier: MIT */
/* Entries of string, symbol and relocation tables: a table's file range and an index come in, one decoded entry goes out. */
#include "core.h"

enum { SYM64 = 24, RELA64 = 24, CHUNK = 64 };

/* Copies up to the NUL in small pieces, so that a string near the table's end never asks for bytes behind it. */
int lode_string_read(char *buf, size_t size, const struct lode_strings *table, uint64_t index, struct lode_diag *why)
{
	struct lode_diag place = lode_nowhere_(LODE_FIELD_STRING, index, table->size);
	size_t length = 0;

	if (index >= table->size)
		return lode_refuse_(why, LODE_RULE_STRING_OUTSIDE, place);
	place.offset = table->offset + index;
	while (length < size) {
		size_t piece = (size_t)min_u64(min_u64(size - length, CHUNK), table->size - index - length);
		int status;

		if (piece == 0)
			return lode_refuse_(why, LODE_RULE_STRING_UNTERMINATED, place);
		status = lode_source_read(buf + length, table->source, place.offset + length, piece, why);
		if (status != LODE_OK)
			return status;
		for (size_t end = length + piece; length < end; length++)
			if (buf[length] == '\0')
				return LODE_OK;
	}
	return lode_refuse_(why, LODE_RULE_ROOM_STRING, lode_nowhere_(LODE_FIELD_BUFFER, size, table->size - index));
}

static struct lode_symbol decode_symbol(struct lode_cursor cursor)
{
	struct lode_symbol symbol = {0};
	uint8_t info;

	symbol.name = lode_take32_(&cursor);
	if (!cursor.wide) {
		symbol.value = lode_take32_(&cursor);
		symbol.size = lode_take32_(&cursor);
	}
	info = lode_take8_(&cursor);
	symbol.bind = info >> 4;
	symbol.type = info & 15;
	symbol.other = lode_take8_(&cursor);
	symbol.shndx = lode_take16_(&cursor);
	if (cursor.wide) {
		symbol.value = lode_take64_(&cursor);
		symbol.size = lode_take64_(&cursor);
	}
	return symbol;
}

static int read_extended_index(struct lode_symbol *symbol, const struct lode_image *image, const struct lode_symtab *table,
	uint64_t index, struct lode_diag *why)
{
	unsigned char raw[4];
	struct lode_cursor cursor = image_cursor(image, raw);
	int status = lode_source_read(raw, image->source, table->shndx_offset + index * sizeof raw, sizeof raw, why);

	if (status == LODE_OK)
		symbol->shndx = lode_take32_(&cursor);
	return status;
}

int lode_symbol_read(struct lode_symbol *symbol, const struct lode_image *image, const struct lode_symtab *table, uint64_t index,
	struct lode_diag *why)
{
	unsigned char raw[SYM64];
	uint32_t size = lode_symbol_size(image);
	int status;

	if (index >= table->count) {
		struct lode_diag place = lode_nowhere_(LODE_FIELD_SYMBOL_INDEX, index, table->count);

		if (table->count > 0)
			place.offset = table->offset;
		return lode_refuse_(why, LODE_RULE_SYMBOL_INDEX, place);
	}
	status = lode_source_read(raw, image->source, table->offset + index * size, size, why);
	if (status != LODE_OK)
		return status;
	*symbol = decode_symbol(image_cursor(image, raw));
	if (symbol->shndx == LODE_SHN_XINDEX && table->shndx_offset != 0)
		return read_extended_index(symbol, image, table, index, why);
	symbol->reserved = symbol->shndx >= LODE_SHN_LORESERVE;
	return LODE_OK;
}

/* The SYMTAB_SHNDX section that belongs to a symbol table: 4 bytes a symbol. */
static uint64_t find_extended_indices(const struct lode_image *image, uint32_t index, uint64_t count)
{
	for (uint32_t i = 0; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_SYMTAB_SHNDX && section->link == index && section->size >> 2 >= count)
			return section->offset;
	}
	return 0;
}

int lode_symtab_of_section(struct lode_symtab *table, const struct lode_image *image, uint32_t index, struct lode_diag *why)
{
	const struct lode_section *section, *strings;
	uint32_t size = lode_symbol_size(image);

	if (index >= image->nsections)
		return lode_refuse_(why, LODE_RULE_SECTION_INDEX, lode_nowhere_(LODE_FIELD_SECTION_INDEX, index, image->nsections));
	section = &image->sections[index];
	if (section->type != LODE_SHT_SYMTAB && section->type != LODE_SHT_DYNSYM)
		return lode_refuse_(why, LODE_RULE_SYMTAB_TYPE,
			lode_at_section_(image, index, LODE_FIELD_SHDR_TYPE, section->type, 0));
	if (section->entsize != size)
		return lode_refuse_(why, LODE_RULE_SYMTAB_ENTSIZE,
			lode_at_section_(image, index, LODE_FIELD_SHDR_ENTSIZE, section->entsize, size));
	if (section->link >= image->nsections)
		return lode_refuse_(why, LODE_RULE_SECTION_INDEX,
			lode_at_section_(image, index, LODE_FIELD_SHDR_LINK, section->link, image->nsections));
	strings = &image->sections[section->link];
	table->offset = section->offset;
	table->count = lode_divide_(section->size, size);
	table->strings = (struct lode_strings){.source = image->source, .offset = strings->offset};
	table->strings.size = strings->type == LODE_SHT_STRTAB ? strings->size : 0;
	table->shndx_offset = find_extended_indices(image, index, table->count);
	return LODE_OK;
}

/* r_info: symbol and type share a word, 24 + 8 bits or 32 + 32. */
static struct lode_rel decode_rel(struct lode_cursor cursor, bool rela)
{
	struct lode_rel rel = {.has_addend = rela};
	uint64_t info;

	rel.offset = lode_take_word_(&cursor);
	info = lode_take_word_(&cursor);
	rel.type = cursor.wide ? (uint32_t)info : (uint32_t)info & 0xff;
	rel.symbol = cursor.wide ? (uint32_t)(info >> 32) : (uint32_t)info >> 8;
	if (rela)
		rel.addend = cursor.wide ? lode_take64_(&cursor) : (uint64_t)(int64_t)(int32_t)lode_take32_(&cursor);
	return rel;
}

/* Little-endian MIPS64 keeps the symbol in the first four bytes, then special symbol and three types, the last type first. */
static bool parts_are_apart(const struct lode_image *image)
{
	return image->machine == LODE_EM_MIPS && image_wide(image) && !image_big(image);
}

/* Types and special symbol as big-endian MIPS64 has them: the first type lowest. */
static void turn_parts(struct lode_rel *rel)
{
	uint32_t parts = rel->symbol;

	rel->symbol = rel->type;
	rel->type = parts << 24 | (parts & 0xff00) << 8 | (parts >> 8 & 0xff00) | parts >> 24;
}

int lode_rel_read(struct lode_rel *rel, const struct lode_image *image, const struct lode_reltab *table, uint64_t index,
	struct lode_diag *why)
{
	unsigned char raw[RELA64];
	uint32_t size = lode_rel_size(image, table->rela);
	int status;

	if (index >= table->count)
		return lode_refuse_(why, LODE_RULE_RELOC_INDEX, lode_nowhere_(LODE_FIELD_REL_INDEX, index, table->count));
	status = lode_source_read(raw, image->source, table->offset + index * size, size, why);
	if (status != LODE_OK)
		return status;
	*rel = decode_rel(image_cursor(image, raw), table->rela);
	if (parts_are_apart(image))
		turn_parts(rel);
	return LODE_OK;
}
