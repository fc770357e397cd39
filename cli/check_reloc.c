/* SPDX-License-Identifier: MIT */
/* Dynamic relocations as ld.so will apply them, and all names of the file -> findings. */
#include "check.h"

static uint32_t relative_type(uint16_t machine)
{
	switch (machine) {
	case LODE_EM_X86_64:
	case LODE_EM_386: return 8;
	case LODE_EM_AARCH64: return 1027;
	case LODE_EM_RISCV: return 3;
	case LODE_EM_ARM: return 23;
	case LODE_EM_PPC64: return 22;
	case LODE_EM_S390: return 12;
	default: return 0;
	}
}

static uint32_t irelative_type(uint16_t machine)
{
	switch (machine) {
	case LODE_EM_X86_64: return 37;
	case LODE_EM_386: return 42;
	case LODE_EM_AARCH64: return 1032;
	case LODE_EM_RISCV: return 58;
	default: return 0;
	}
}

/* Every entry writes into the image's memory and names a symbol that exists. */
static bool check_entry(struct check *c, const struct lode_reltab *table, uint64_t index, const struct lode_rel *rel)
{
	uint64_t symbols = c->dynamic.symbols.count;

	if (rel->type == 0)
		return true;
	if (!lode_segment_at(&c->image, rel->offset, c->image.class_ == LODE_CLASS64 ? 4 : 1)) {
		check_add_rule(c, LODE_RULE_RELOC_RANGE, LODE_FIELD_REL_OFFSET,
			check_at_rel(c, table, index, LODE_FIELD_REL_OFFSET, rel->offset), 0);
		return false;
	}
	if (c->dynamic.counted && c->dynamic.hash.size > 0 && rel->symbol >= symbols && rel->symbol != 0) {
		check_add_rule(c, LODE_RULE_SYMBOL_INDEX, LODE_FIELD_REL_SYMBOL,
			check_at_rel(c, table, index, LODE_FIELD_REL_SYMBOL, rel->symbol), symbols);
		return false;
	}
	return true;
}

static bool writable(const struct check *c, uint64_t addr)
{
	const struct lode_segment *segment = lode_segment_at(&c->image, addr, 1);

	return !segment || (segment->flags & LODE_PF_W);
}

static void check_table(struct check *c, const struct lode_reltab *table)
{
	struct lode_rel rel;

	for (uint64_t i = 0; i < table->count && check_spend(c, CHECK_ENTRY); i++) {
		if (lode_rel_read(&rel, &c->image, table, i, NULL) != LODE_OK || !check_entry(c, table, i, &rel))
			continue;
		if (rel.type != 0 && rel.type == irelative_type(c->image.machine))
			check_add(c, CHECK_IRELATIVE_KERNEL, check_at_rel(c, table, i, LODE_FIELD_REL_TYPE, rel.type), NULL);
		if (rel.type == 0 || c->dynamic.textrel || writable(c, rel.offset))
			continue;
		check_add_rule(c, LODE_RULE_RELOC_TEXT, LODE_FIELD_REL_OFFSET,
			check_at_rel(c, table, i, LODE_FIELD_REL_OFFSET, rel.offset), 0);
	}
}

/* The first DT_RELACOUNT entries are RELATIVE. */
static void check_count(struct check *c, const struct lode_reltab *table)
{
	uint32_t relative = relative_type(c->image.machine);
	uint64_t count = c->dynamic.relacount, i = 0;
	const char *tag = table->rela ? "DT_RELACOUNT" : "DT_RELCOUNT";
	struct lode_rel rel;

	if (count == 0 || relative == 0 || table->count == 0)
		return;
	while (i < count && i < table->count && check_spend(c, CHECK_ENTRY) &&
		lode_rel_read(&rel, &c->image, table, i, NULL) == LODE_OK && rel.type == relative)
		i++;
	if (i < count && !c->exhausted)
		check_add(c, CHECK_RELACOUNT_HIGH, check_at("dynamic entry", LODE_NO_INDEX, tag, count, c->dynamic.offset),
			"%llu relocations are RELATIVE at the beginning", (unsigned long long)i);
}

/* Only the words of RELR that are addresses; what bitmaps name lies behind them. */
static void check_relr(struct check *c)
{
	uint64_t word = lode_word_size(&c->image);

	for (uint64_t at = 0; at + word <= c->dynamic.relr.size && check_spend(c, word); at += word) {
		struct check_place place = check_at("", at / word < LODE_NO_INDEX ? (uint32_t)(at / word) : LODE_NO_INDEX, "", 0,
			c->dynamic.relr.offset + at);

		if (!image_read_word(&place.value, &c->image, place.offset))
			return;
		if (at == 0 && (place.value & 1))
			check_add_rule(c, LODE_RULE_RELR_ORDER, LODE_FIELD_RELR_ENTRY, place, 0);
		else if (!(place.value & 1) && !lode_segment_at(&c->image, place.value, word))
			check_add_rule(c, LODE_RULE_RELOC_RANGE, LODE_FIELD_RELR_ENTRY, place, 0);
	}
}

void check_relocations(struct check *c)
{
	check_table(c, &c->dynamic.rel);
	check_table(c, &c->dynamic.rela);
	check_table(c, &c->dynamic.jmprel);
	check_count(c, c->dynamic.rela.count > 0 ? &c->dynamic.rela : &c->dynamic.rel);
	check_relr(c);
}

/* The assembler's own local labels hold bytes 1 and 2; they are in no dynamic table. */
static bool is_control(unsigned char byte, bool labels)
{
	return (byte < 0x20 && byte > (labels ? 2 : 0)) || byte == 0x7f;
}

/* A string table as a whole: each control byte belongs to some name. */
static void check_strings(struct check *c, const struct lode_strings *table, const char *structure)
{
	unsigned char piece[4096];
	bool labels = c->image.type == LODE_ET_REL;

	for (uint64_t at = 0; at < table->size && check_spend(c, sizeof piece);) {
		size_t n = table->size - at < sizeof piece ? (size_t)(table->size - at) : sizeof piece;

		if (!check_read(c, piece, table->offset + at, n))
			return;
		for (size_t i = 0; i < n; i++) {
			if (!is_control(piece[i], labels))
				continue;
			check_add(c, CHECK_NAME_CONTROL, check_at(structure, LODE_NO_INDEX, "byte", piece[i],
				table->offset + at + i), NULL);
			return;
		}
		at += n;
	}
}

void check_names(struct check *c)
{
	if (c->has_dynamic)
		check_strings(c, &c->dynamic.symbols.strings, "dynamic string table");
	for (uint32_t i = 1; c->has_sections && i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];
		const struct lode_strings strings = {&c->source, section->offset, section->size};

		if (section->type == LODE_SHT_STRTAB && !(section->flags & LODE_SHF_ALLOC))
			check_strings(c, &strings, i == c->image.shstrndx ? "section name table" : "string table");
	}
}

static void check_applied(struct check *c, const struct lode_reltab *table, enum check_id id,
	bool (*applied)(const struct lode_rel *rel))
{
	char text[CHECK_RELOC_TEXT];
	struct lode_rel rel;

	for (uint64_t i = 0; i < table->count && check_spend(c, CHECK_ENTRY); i++) {
		if (lode_rel_read(&rel, &c->image, table, i, NULL) != LODE_OK)
			return;
		if (applied(&rel))
			continue;
		check_reloc_text(text, sizeof text, c, &c->dynamic.symbols, &rel);
		check_add(c, id, check_at_rel(c, table, i, LODE_FIELD_REL_TYPE, rel.type), "%s", text);
	}
}

void check_unapplied(struct check *c, enum check_id id, bool (*applied)(const struct lode_rel *rel))
{
	check_applied(c, &c->dynamic.rel, id, applied);
	check_applied(c, &c->dynamic.rela, id, applied);
	check_applied(c, &c->dynamic.jmprel, id, applied);
}
