/* SPDX-License-Identifier: MIT */
/* Bad section indices, symbols, strings, notes, dynamic tables, hash and version tables. */
#include "rules.h"

/** Open with sections and look at the symbol table of section @index. */
static void symtab(struct bad *b, uint32_t index, struct lode_symtab *table)
{
	bad_open(b, LODE_OPEN_SECTIONS);
	b->status = lode_symtab_of_section(table, &b->file.image, index, &b->why);
}

static uint32_t dynsym(const struct bad *b)
{
	uint32_t i = 0;

	while (mkelf_get(&b->file.out, MKELF_SHDR, i, "sh_type") != LODE_SHT_DYNSYM)
		i++;
	return i;
}

void rule_SECTION_INDEX(struct bad *b)
{
	struct lode_symtab table;
	uint32_t index;

	bad_sample(b, "dynamic");
	index = dynsym(b);
	bad_lie(b, MKELF_SHDR, index, "sh_link", LODE_FIELD_SHDR_LINK, b->file.out.parts[MKELF_SHDR].count);
	b->want.limit = b->file.out.parts[MKELF_SHDR].count;
	symtab(b, index, &table);
}

void rule_SYMTAB_ENTSIZE(struct bad *b)
{
	struct lode_symtab table;
	uint32_t index;

	bad_sample(b, "dynamic");
	index = dynsym(b);
	bad_lie(b, MKELF_SHDR, index, "sh_entsize", LODE_FIELD_SHDR_ENTSIZE, b->wide ? 16 : 24);
	b->want.limit = b->wide ? 24 : 16;
	symtab(b, index, &table);
}

void rule_SYMTAB_TYPE(struct bad *b)
{
	struct lode_symtab table;

	bad_sample(b, "dynamic");
	bad_want(b, LODE_FIELD_SHDR_TYPE, 1, mkelf_get(&b->file.out, MKELF_SHDR, 1, "sh_type"),
		mkelf_at(&b->file.out, MKELF_SHDR, 1, "sh_type"));
	symtab(b, 1, &table);
}

void rule_SYMBOL_INDEX(struct bad *b)
{
	struct lode_symtab table;
	struct lode_symbol symbol;

	bad_sample(b, "dynamic");
	symtab(b, dynsym(b), &table);
	bad_want(b, LODE_FIELD_SYMBOL_INDEX, LODE_NO_INDEX, 5, table.offset);
	b->want.limit = 5;
	b->status = lode_symbol_read(&symbol, &b->file.image, &table, 5, &b->why);
}

static void string(struct bad *b, struct lode_strings table, uint64_t index, size_t room)
{
	char buf[64];

	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->status = lode_string_read(buf, room, &table, index, &b->why);
}

void rule_STRING_OUTSIDE(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_want(b, LODE_FIELD_STRING, LODE_NO_INDEX, 20, LODE_NO_OFFSET);
	b->want.limit = 20;
	string(b, (struct lode_strings){&b->file.source, b->file.out.parts[MKELF_STR].offset, 20}, 20, 64);
}

void rule_STRING_UNTERMINATED(struct bad *b)
{
	uint64_t at;

	bad_sample(b, "dynamic");
	at = b->file.out.parts[MKELF_STR].offset;
	bad_want(b, LODE_FIELD_STRING, LODE_NO_INDEX, 1, at + 1);
	b->want.limit = 9;
	string(b, (struct lode_strings){&b->file.source, at, 9}, 1, 64); /* libc.so. */
}

void rule_ROOM_STRING(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_want(b, LODE_FIELD_BUFFER, LODE_NO_INDEX, 9, LODE_NO_OFFSET);
	b->want.limit = b->file.out.parts[MKELF_STR].size - 1;
	/* libc.so.6 */
	string(b, (struct lode_strings){&b->file.source, b->file.out.parts[MKELF_STR].offset, b->file.out.parts[MKELF_STR].size}, 1,
		9);
}

void rule_NOTE_PAST_END(struct bad *b)
{
	struct lode_notes notes;
	struct lode_note note;
	struct lode_extent extent;

	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_NOTE, 1, "n_descsz", LODE_FIELD_NOTE_DESCSZ, 5);
	b->want.limit = 4;
	bad_open(b, 0);
	extent = (struct lode_extent){b->file.out.parts[MKELF_NOTE].offset, b->file.out.parts[MKELF_NOTE].size};
	lode_notes_begin(&notes, &b->file.image, &extent, 4);
	CHECK_EQ(lode_note_next(&note, &notes, &b->why), 1);
	b->status = lode_note_next(&note, &notes, &b->why);
}

/** As many empty notes as the file has bytes for, and some. */
void rule_NOTE_COUNT(struct bad *b)
{
	enum { MANY = 65537, EMPTY = 12 };
	const struct mkelf_segment segments[] = {{.type = LODE_PT_NOTE, .flags = 4, .align = 4, .size = MANY * EMPTY}};
	const struct mkelf elf = {.class_ = encoding_class(b->encoding),
		.data = encoding_data(b->encoding),
		.segments = segments,
		.nsegments = 1,
		.tables = MKELF_NOWHERE};
	struct lode_notes notes;
	struct lode_note note;
	struct lode_extent extent;

	file_write(&b->file, &elf);
	bad_open(b, 0);
	extent = (struct lode_extent){b->file.segments[0].offset, MANY * EMPTY};
	memset(b->file.out.bytes + extent.offset, 0, MANY * EMPTY);
	bad_want(b, LODE_FIELD_NOTE_COUNT, LODE_NO_INDEX, 65537, extent.offset + 65536 * EMPTY);
	b->want.limit = 65536;
	CHECK_EQ(lode_note_find(&note, &b->file.image, "GNU", 3, &b->why), LODE_ERR_MALFORMED);
	CHECK_EQ(b->why.rule, LODE_RULE_NOTE_COUNT);
	lode_notes_begin(&notes, &b->file.image, &extent, 4);
	do
		b->status = lode_note_next(&note, &notes, &b->why);
	while (b->status > 0);
}

void rule_PROPERTY_PAST_END(struct bad *b)
{
	struct lode_note note = {.desc_size = 12};
	struct lode_property property;
	uint64_t at = 0;

	bad_sample(b, "dynamic");
	bad_open(b, 0);
	note.desc_offset = b->file.out.note_offset[0] + 16;
	mkelf_poke(&b->file.out, note.desc_offset + 4, 4, 5);
	bad_want(b, LODE_FIELD_PROPERTY_SIZE, LODE_NO_INDEX, 5, note.desc_offset + 4);
	b->want.limit = 4;
	b->status = lode_property_next(&property, &at, &b->file.image, &note, &b->why);
}

void rule_DYNAMIC_SIZE(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_PHDR, 5, "p_filesz", LODE_FIELD_PHDR_FILESZ, b->file.out.parts[MKELF_DYN].size - 1);
	b->want.limit = b->wide ? 16 : 8;
	bad_dynamic(b);
}

void rule_DYNAMIC_LENGTH(struct bad *b)
{
	uint64_t most = 1 << 20, entry = b->wide ? 16 : 8;
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_DYNAMIC, .vaddr = 0x10000, .align = 8, .size = (most + 1) * entry}};
	const struct mkelf elf = {.class_ = encoding_class(b->encoding),
		.data = encoding_data(b->encoding),
		.segments = segments,
		.nsegments = 1,
		.tables = MKELF_NOWHERE};

	file_write(&b->file, &elf);
	bad_want(b, LODE_FIELD_PHDR_FILESZ, 0, (most + 1) * entry, mkelf_at(&b->file.out, MKELF_PHDR, 0, "p_filesz"));
	b->want.limit = most * entry;
	bad_dynamic(b);
}

/** A lie about the value of a tag. */
static void value(struct bad *b, uint64_t tag, uint64_t number)
{
	bad_lie(b, MKELF_DYN, bad_tag(b, tag), "d_val", LODE_FIELD_DYN_VALUE, number);
}

void rule_DYNAMIC_RANGE(struct bad *b)
{
	bad_sample(b, "dynamic");
	value(b, LODE_DT_JMPREL, b->last - 15);
	b->want.limit = mkelf_get(&b->file.out, MKELF_DYN, bad_tag(b, LODE_DT_PLTRELSZ), "d_val");
	bad_dynamic(b);
}

void rule_DYNAMIC_ENTSIZE(struct bad *b)
{
	bad_sample(b, "dynamic");
	value(b, b->wide ? LODE_DT_RELAENT : LODE_DT_RELENT, 20);
	b->want.limit = b->wide ? 24 : 8;
	bad_dynamic(b);
}

void rule_DYNAMIC_PLTREL(struct bad *b)
{
	bad_sample(b, "dynamic");
	value(b, LODE_DT_PLTREL, 8);
	bad_dynamic(b);
}

void rule_DYNAMIC_STRINGS(struct bad *b)
{
	uint32_t strings;

	bad_sample(b, "dynamic");
	strings = bad_tag(b, LODE_DT_STRTAB);
	bad_set(b, MKELF_DYN, bad_tag(b, LODE_DT_STRSZ), "d_tag", 0x60000000);
	bad_want(b, LODE_FIELD_DYN_VALUE, strings, mkelf_get(&b->file.out, MKELF_DYN, strings, "d_val"),
		mkelf_at(&b->file.out, MKELF_DYN, strings, "d_val"));
	bad_dynamic(b);
}

/** Words of 4 bytes from an offset to the end of the file part of its segment. */
static uint64_t words_to_end(const struct bad *b, uint64_t offset)
{
	const struct lode_segment *segment = b->file.segments;

	while (segment->type != LODE_PT_LOAD || offset - segment->offset >= segment->filesz)
		segment++;
	return (segment->offset + segment->filesz - offset) / 4;
}

void rule_HASH_SIZE(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_HASH, 0, "nchain", LODE_FIELD_HASH_NCHAIN, 0xfffffffe);
	b->want.index = LODE_NO_INDEX;
	bad_dynamic(b);
	b->want.limit =
		words_to_end(b, b->file.out.parts[MKELF_HASH].offset) - 2 - mkelf_get(&b->file.out, MKELF_HASH, 0, "nbucket");
}

void rule_HASH_CHAIN(struct bad *b)
{
	uint32_t bucket = b->wide ? 6 : 5;

	bad_sample(b, "dynamic");
	bad_set(b, MKELF_DYN, bad_tag(b, LODE_DT_HASH), "d_tag", 0x60000000);
	bad_lie(b, MKELF_GNU_HASH, bucket, "word", LODE_FIELD_HASH_BUCKET, 0xfffffff0);
	b->want.index = LODE_NO_INDEX;
	bad_dynamic(b);
	b->want.limit = mkelf_get(&b->file.out, MKELF_GNU_HASH, 1, "word") +
			words_to_end(b, b->file.out.parts[MKELF_GNU_HASH].offset + 4 * (uint64_t)(bucket + 1));
}

void rule_VERSION_RANGE(struct bad *b)
{
	struct lode_dynamic dynamic;
	struct lode_versions walk;
	struct lode_version version;

	bad_sample(b, "dynamic");
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &b->file.image, NULL), LODE_OK);
	mkelf_set(&b->file.out, MKELF_VERNEED, 0, "vn_aux", 0x7ffffff0);
	bad_want(b, LODE_FIELD_VERNEED_AUX, LODE_NO_INDEX, 0x7ffffff0, mkelf_at(&b->file.out, MKELF_VERNEED, 0, "vn_aux"));
	b->want.limit = dynamic.verneed.size;
	lode_versions_begin(&walk, &b->file.image, &dynamic);
	b->status = lode_version_next(&version, &walk, &b->why);
}
