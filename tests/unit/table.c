/* SPDX-License-Identifier: MIT */
/* Strings, symbols, relocation entries, and addresses turned into file offsets: entries at the edges of their tables. */
#include "file.h"
#include "tape.h"

static struct file f;

static struct lode_strings strings_of(enum mkelf_structure structure)
{
	return (struct lode_strings){&f.source, f.out.parts[structure].offset, f.out.parts[structure].size};
}

static uint32_t section_of(uint32_t type)
{
	for (uint32_t i = 0; i < f.image.nsections; i++)
		if (f.sections[i].type == type)
			return i;
	return 0;
}

static void test_strings(void)
{
	struct lode_strings table;
	char buf[600];

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	table = strings_of(MKELF_STR);
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 1, &f.why), LODE_OK);
	CHECK_STR(buf, "libc.so.6");
	CHECK_EQ(lode_string_read(buf, 10, &table, 1, &f.why), LODE_OK);
	CHECK_STR(buf, "libc.so.6");
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 0, &f.why), LODE_OK);
	CHECK_STR(buf, "");
	CHECK_EQ(lode_string_read(buf, 1, &table, table.size - 1, &f.why), LODE_OK);
	CHECK_STR(buf, "");
	CHECK_EQ(lode_string_read(buf, 9, &table, 1, &f.why), LODE_ERR_ROOM);
	CHECK_WHY(f.why, "room-string", LODE_FIELD_BUFFER, LODE_NO_INDEX, 9, table.size - 1, LODE_NO_OFFSET);
	CHECK_EQ(lode_string_read(buf, 0, &table, 1, &f.why), LODE_ERR_ROOM);
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, table.size, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "string-outside", LODE_FIELD_STRING, LODE_NO_INDEX, table.size, table.size, LODE_NO_OFFSET);
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, UINT64_MAX, &f.why), LODE_ERR_MALFORMED);
	file_free(&f);
}

/** Long strings, read in pieces, never past the end of their table; without an end: refused. */
static void test_long_strings(void)
{
	static char text[400];
	const struct mkelf_section more[] = {{.name = ".long", .type = LODE_SHT_STRTAB, .bytes = text, .size = sizeof text}};
	const struct mkelf elf = {.more = more, .nmore = 1, .tables = MKELF_NOWHERE};
	struct lode_strings table;
	struct tape tape;
	char buf[512];

	memset(text, 'a', sizeof text);
	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	table = (struct lode_strings){&f.source, f.sections[1].offset, sizeof text};
	for (uint64_t length = 0; length < sizeof text; length++) {
		f.out.bytes[table.offset + length] = '\0';
		CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 0, NULL), LODE_OK);
		CHECK_EQ(strlen(buf), length);
		CHECK_EQ(lode_string_read(buf, (size_t)length + 1, &table, 0, NULL), LODE_OK);
		CHECK_EQ(lode_string_read(buf, (size_t)length, &table, 0, NULL), LODE_ERR_ROOM);
		f.out.bytes[table.offset + length] = 'a';
	}
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 5, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "string-unterminated", LODE_FIELD_STRING, LODE_NO_INDEX, 5, table.size, table.offset + 5);
	f.source = tape_begin(&tape, f.out.bytes, table.offset + table.size, false);
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 5, &f.why), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.rule, LODE_RULE_STRING_UNTERMINATED);
	CHECK_EQ(tape.reads, 7); /* 395 bytes in pieces of 64 */
	tape.fail_at = 8;
	CHECK_EQ(lode_string_read(buf, sizeof buf, &table, 5, &f.why), LODE_ERR_IO);
	tape_end(&tape);
	file_free(&f);
}

/** Dynamic symbols of both classes and byte orders, through the section. */
static void test_symbols(void)
{
	struct lode_symtab table;
	struct lode_symbol symbol;
	char name[16];

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), 0);
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(lode_symtab_of_section(&table, &f.image, section_of(LODE_SHT_DYNSYM), &f.why), LODE_OK);
		CHECK_EQ(table.count, 5);
		CHECK_EQ(table.offset, f.out.parts[MKELF_SYM].offset);
		CHECK_EQ(table.shndx_offset, 0);
		for (uint32_t i = 0; i < 5; i++) {
			CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, i, &f.why), LODE_OK);
			CHECK_EQ(symbol.name, mkelf_get(&f.out, MKELF_SYM, i, "st_name"));
			CHECK_EQ(symbol.bind << 4 | symbol.type, mkelf_get(&f.out, MKELF_SYM, i, "st_info"));
			CHECK_EQ(symbol.other, mkelf_get(&f.out, MKELF_SYM, i, "st_other"));
			CHECK_EQ(symbol.shndx, mkelf_get(&f.out, MKELF_SYM, i, "st_shndx"));
			CHECK_EQ(symbol.value, mkelf_get(&f.out, MKELF_SYM, i, "st_value"));
			CHECK_EQ(symbol.size, mkelf_get(&f.out, MKELF_SYM, i, "st_size"));
			CHECK(!symbol.reserved);
		}
		CHECK_EQ(lode_string_read(name, sizeof name, &table.strings, symbol.name, NULL), LODE_OK);
		CHECK_STR(name, "table");
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 5, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "symbol-index", LODE_FIELD_SYMBOL_INDEX, LODE_NO_INDEX, 5, 5, table.offset);
		f.source.size = table.offset;
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 0, &f.why), LODE_ERR_MALFORMED);
	}
	file_free(&f);
}

/** SHN_XINDEX through SYMTAB_SHNDX; reserved values stay what they are. */
static void test_extended_indices(void)
{
	struct lode_symtab table;
	struct lode_symbol symbol;

	for (unsigned k = 0; k < 4; k++) {
		uint32_t extended;

		file_sample(&f, "extended", encoding_class(k), encoding_data(k), 0);
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(lode_symtab_of_section(&table, &f.image, section_of(LODE_SHT_SYMTAB), &f.why), LODE_OK);
		CHECK_EQ(table.shndx_offset, f.out.parts[MKELF_SHNDX].offset);
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 1, &f.why), LODE_OK);
		CHECK(symbol.reserved && symbol.shndx == LODE_SHN_ABS);
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 3, &f.why), LODE_OK);
		CHECK(!symbol.reserved && symbol.shndx == 0xff01);
		f.source.size = table.shndx_offset + 12;
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 3, &f.why), LODE_ERR_MALFORMED);
		f.source.size = f.out.size;
		extended = section_of(LODE_SHT_SYMTAB_SHNDX);
		f.sections[extended].link++; /* belongs to another table: not ours */
		CHECK_EQ(lode_symtab_of_section(&table, &f.image, section_of(LODE_SHT_SYMTAB), &f.why), LODE_OK);
		CHECK_EQ(table.shndx_offset, 0);
		CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 3, &f.why), LODE_OK);
		CHECK(symbol.reserved && symbol.shndx == LODE_SHN_XINDEX);
		f.sections[extended].link--;
		f.sections[extended].size = 12; /* too short for the symbols: not believed */
		CHECK_EQ(lode_symtab_of_section(&table, &f.image, section_of(LODE_SHT_SYMTAB), &f.why), LODE_OK);
		CHECK_EQ(table.shndx_offset, 0);
	}
	file_free(&f);
}

/** A table without symbols has no place in the file to point at. */
static void test_no_symbols(void)
{
	const struct lode_symtab table = {.offset = 64};
	struct lode_symbol symbol;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_symbol_read(&symbol, &f.image, &table, 0, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "symbol-index", LODE_FIELD_SYMBOL_INDEX, LODE_NO_INDEX, 0, 0, LODE_NO_OFFSET);
	file_free(&f);
}

static void test_symtab_refused(void)
{
	struct lode_symtab table;
	uint32_t index;
	uint64_t at;

	file_sample(&f, "dynamic", LODE_CLASS32, LODE_DATA2MSB, 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	index = section_of(LODE_SHT_DYNSYM);
	at = mkelf_at(&f.out, MKELF_SHDR, index, "sh_name");
	CHECK_EQ(lode_symtab_of_section(&table, &f.image, f.image.nsections, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "section-index", LODE_FIELD_SECTION_INDEX, LODE_NO_INDEX, f.image.nsections, f.image.nsections,
		LODE_NO_OFFSET);
	CHECK_EQ(lode_symtab_of_section(&table, &f.image, index + 1, &f.why), LODE_ERR_USE);
	CHECK_WHY(f.why, "symtab-type", LODE_FIELD_SHDR_TYPE, index + 1, LODE_SHT_STRTAB, 0, at + 40 + 4);
	f.sections[index].entsize = 24;
	CHECK_EQ(lode_symtab_of_section(&table, &f.image, index, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "symtab-entsize", LODE_FIELD_SHDR_ENTSIZE, index, 24, 16, at + 36);
	f.sections[index].entsize = 16;
	f.sections[index].link = f.image.nsections;
	CHECK_EQ(lode_symtab_of_section(&table, &f.image, index, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "section-index", LODE_FIELD_SHDR_LINK, index, f.image.nsections, f.image.nsections, at + 24);
	f.sections[index].link = index; /* no strings there */
	CHECK_EQ(lode_symtab_of_section(&table, &f.image, index, &f.why), LODE_OK);
	CHECK_EQ(table.strings.size, 0);
	file_free(&f);
}

/** r_info is cut 24 + 8 or 32 + 32; addends are signed. */
static void test_relocations(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 64}};
	static const struct mkelf_reloc relocs[] = {
		{0x1000, 0x8f, 0x123456, -1}, {0x1008, 1, 0, INT32_MIN}, {0x1010, 8, 0xffffff, 0x7fffffff}};
	struct mkelf elf = {.segments = segments,
		.nsegments = 1,
		.rel = relocs,
		.nrel = 3,
		.rela = relocs,
		.nrela = 3,
		.tables = MKELF_NOWHERE};

	for (unsigned k = 0; k < 4; k++) {
		elf.class_ = encoding_class(k);
		elf.data = encoding_data(k);
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		for (unsigned rela = 0; rela < 2; rela++) {
			const struct mkelf_part *part = &f.out.parts[rela ? MKELF_RELA : MKELF_REL];
			const struct lode_reltab table = {.offset = part->offset, .size = part->size, .count = 3, .rela = rela};
			struct lode_rel rel;

			for (uint32_t i = 0; i < 3; i++) {
				CHECK_EQ(lode_rel_read(&rel, &f.image, &table, i, &f.why), LODE_OK);
				CHECK_EQ(rel.offset, relocs[i].offset);
				CHECK_EQ(rel.type, relocs[i].type);
				CHECK_EQ(rel.symbol, relocs[i].symbol);
				CHECK_EQ(rel.has_addend, rela);
				CHECK_EQ(rel.addend, rela ? (uint64_t)relocs[i].addend : 0);
			}
			CHECK_EQ(lode_rel_read(&rel, &f.image, &table, 3, &f.why), LODE_ERR_USE);
			CHECK_WHY(f.why, "reloc-index", LODE_FIELD_REL_INDEX, LODE_NO_INDEX, 3, 3, LODE_NO_OFFSET);
			f.source.size = part->offset;
			CHECK_EQ(lode_rel_read(&rel, &f.image, &table, 0, &f.why), LODE_ERR_MALFORMED);
			f.source.size = f.out.size;
		}
	}
	file_free(&f);
}

/** MIPS64 keeps symbol, special symbol and three types apart; little-endian ones stand in another order than a word's. */
static void test_mips_relocations(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 64}};
	static const struct mkelf_reloc relocs[] = {{0x1000, 0, 0, 5}};
	static const unsigned char parts[4] = {4, 3, 2, 1}; /* r_ssym, r_type3, r_type2, r_type */
	struct mkelf elf = {
		.machine = LODE_EM_MIPS, .segments = segments, .nsegments = 1, .rela = relocs, .nrela = 1, .tables = MKELF_NOWHERE};

	for (unsigned k = 0; k < 4; k++) {
		struct lode_reltab table = {.count = 1, .rela = true};
		struct lode_rel rel;

		elf.class_ = encoding_class(k);
		elf.data = encoding_data(k);
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		table.offset = f.out.parts[MKELF_RELA].offset;
		if (k & 1) {
			mkelf_poke(&f.out, table.offset + 8, 4, 0x123456);
			memcpy(f.out.bytes + table.offset + 12, parts, 4);
		} else {
			mkelf_poke(&f.out, table.offset + 4, 4, 0x12345601);
		}
		CHECK_EQ(lode_rel_read(&rel, &f.image, &table, 0, &f.why), LODE_OK);
		CHECK_EQ(rel.symbol, 0x123456);
		CHECK_EQ(rel.type, k & 1 ? 0x04030201 : 1);
		CHECK_EQ(rel.addend, 5);
	}
	file_free(&f);
}

/** Every byte at the edges of file part and memory. */
static void test_mips64(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 64}};
	static const struct mkelf_reloc relocs[] = {{0x1000, 0x12, 0x07180500, -1}};
	struct mkelf elf = {.segments = segments, .nsegments = 1, .rela = relocs, .nrela = 1, .tables = MKELF_NOWHERE};

	for (unsigned k = 0; k < 4; k++) {
		bool apart;
		struct lode_reltab table = {.count = 1, .rela = true};
		struct lode_rel rel;

		elf.class_ = encoding_class(k);
		elf.data = encoding_data(k);
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		f.image.machine = LODE_EM_MIPS;
		apart = elf.class_ == LODE_CLASS64 && elf.data == LODE_DATA2LSB;
		table.offset = f.out.parts[MKELF_RELA].offset;
		table.size = f.out.parts[MKELF_RELA].size;
		CHECK_EQ(lode_rel_read(&rel, &f.image, &table, 0, &f.why), LODE_OK);
		CHECK_EQ(rel.symbol, apart ? 0x12 : elf.class_ == LODE_CLASS64 ? 0x07180500 : 0x180500);
		CHECK_EQ(rel.type, apart ? 0x00051807 : 0x12);
	}
	file_free(&f);
}

static void test_addresses(void)
{
	const struct lode_segment *text, *data;
	uint64_t offset;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	text = &f.segments[0];
	data = &f.segments[1];
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x3fffff, 1));
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x400000, text->filesz) && offset == 0);
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x400000, text->filesz + 1));
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x403400, 0x345) && offset == data->offset);
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x403744, 1) && offset == data->offset + 0x344);
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x403745, 1));
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, UINT64_MAX, 1));
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x403400, UINT64_MAX));
	CHECK(lode_segment_at(&f.image, 0x3fffff, 1) == NULL);
	CHECK(lode_segment_at(&f.image, 0x400000, 1) == text);
	CHECK(lode_segment_at(&f.image, 0x403745, 0x2001) == data);
	CHECK(lode_segment_at(&f.image, 0x403745, 0x2002) == NULL);
	CHECK(lode_segment_at(&f.image, 0x405745, 1) == data);
	CHECK(lode_segment_at(&f.image, 0x405746, 1) == NULL);
	CHECK_EQ(lode_segment_index(&f.image, data), 1);
	CHECK(lode_segment_find(&f.image, LODE_PT_GNU_STACK) == &f.segments[2]);
	CHECK(lode_segment_find(&f.image, LODE_PT_DYNAMIC) == NULL);
	file_free(&f);
}

enum { OVERLAP_SPAN = 300 };

/** The last in (address, place in the table) that holds all of the range, by looking at each. */
static const struct lode_segment *holder(uint64_t vaddr, uint64_t size)
{
	const struct lode_segment *best = NULL;

	for (uint32_t i = 0; i < f.image.nsegments; i++) {
		const struct lode_segment *s = &f.segments[i];

		if (s->memsz > 0 && vaddr >= s->vaddr && vaddr + size <= s->vaddr + s->memsz && (!best || s->vaddr >= best->vaddr))
			best = s;
	}
	return best;
}

/** Segments that lie over each other: what holds a range is found behind those that begin later and are too short. */
static void test_overlapping(void)
{
	static const struct mkelf_segment two[] = {
		{.type = LODE_PT_LOAD, .vaddr = 0x10000, .align = 1, .size = 0x8000, .bss = 0x8000},
		{.type = LODE_PT_LOAD, .vaddr = 0x11000, .align = 1, .size = 0x80, .bss = 0x80},
	};
	const struct mkelf elf = {.segments = two, .nsegments = 2, .tables = MKELF_NOWHERE};
	uint64_t offset;

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK(lode_segment_at(&f.image, 0x15000, 1) == &f.segments[0]);
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x15000, 0x3000) && offset == f.segments[0].offset + 0x5000);
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x15000, 0x3001));
	CHECK(lode_segment_at(&f.image, 0x11000, 0x100) == &f.segments[1]);
	CHECK(lode_segment_at(&f.image, 0x11000, 0x101) == &f.segments[0]);
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x11000, 0x80) && offset == f.segments[1].offset);
	CHECK(!lode_vaddr_to_offset(&offset, &f.image, 0x11000, 0x81)); /* its memory holds them, its file part does not */
	CHECK(lode_vaddr_to_offset(&offset, &f.image, 0x11000, 0x101) && offset == f.segments[0].offset + 0x1000);
	CHECK(lode_segment_at(&f.image, 0x1ffff, 1) == &f.segments[0]);
	CHECK(lode_segment_at(&f.image, 0x1ffff, 2) == NULL);
	CHECK(lode_segment_at(&f.image, 0x1ffff, 0) == &f.segments[0]);
	CHECK(lode_segment_at(&f.image, 0x20000, 0) == NULL);
	CHECK(lode_segment_at(&f.image, UINT64_MAX, 2) == NULL);
	file_free(&f);
}

/** Tables of every size, every address, ranges of random size, beside a search through all segments. */
static void test_random_overlaps(void)
{
	static struct mkelf_segment segments[FILE_ENTRIES];
	uint64_t seed = 11;

	for (uint32_t n = 0; n <= FILE_ENTRIES; n++) {
		const struct mkelf elf = {.segments = segments, .nsegments = n, .tables = MKELF_NOWHERE};

		for (uint32_t i = 0; i < n; i++)
			segments[i] = (struct mkelf_segment){.type = LODE_PT_LOAD,
				.vaddr = random_below(&seed, OVERLAP_SPAN),
				.align = 1,
				.bss = random_below(&seed, 4) ? random_below(&seed, 12) : random_below(&seed, OVERLAP_SPAN)};
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		for (uint64_t vaddr = 0; vaddr < 2 * OVERLAP_SPAN; vaddr++) {
			uint64_t size = 1 + random_below(&seed, random_below(&seed, 3) ? 8 : OVERLAP_SPAN);

			CHECK(lode_segment_at(&f.image, vaddr, size) == holder(vaddr, size));
		}
	}
	file_free(&f);
}

int main(void)
{
	CASE(test_strings);
	CASE(test_long_strings);
	CASE(test_symbols);
	CASE(test_extended_indices);
	CASE(test_no_symbols);
	CASE(test_symtab_refused);
	CASE(test_relocations);
	CASE(test_mips64);
	CASE(test_mips_relocations);
	CASE(test_addresses);
	CASE(test_overlapping);
	CASE(test_random_overlaps);
	return check_done();
}
