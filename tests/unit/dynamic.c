/* SPDX-License-Identifier: MIT */
/* The dynamic table: its strings, symbol counts, versions and relocation tables in every encoding; duplicates, absences,
 * lies, failing reads. */
#include "file.h"
#include "tape.h"

static struct file f;
static struct lode_dynamic dynamic;

/** Index of the entry with a tag in the file. */
static uint32_t entry_of(uint64_t tag)
{
	uint32_t i = 0;

	while (i < f.out.parts[MKELF_DYN].count && mkelf_get(&f.out, MKELF_DYN, i, "d_tag") != tag)
		i++;
	CHECK(i < f.out.parts[MKELF_DYN].count);
	return i;
}

static void set_value(uint64_t tag, uint64_t value)
{
	mkelf_set(&f.out, MKELF_DYN, entry_of(tag), "d_val", value);
}

static void set_tag(uint64_t tag, uint64_t other)
{
	mkelf_set(&f.out, MKELF_DYN, entry_of(tag), "d_tag", other);
}

static void compare_extent(const struct lode_extent *extent, enum mkelf_structure structure)
{
	const struct mkelf_part *part = &f.out.parts[structure];

	CHECK_EQ(extent->offset, part->offset);
	CHECK(extent->size >= part->size);
}

static void compare_relocs(const struct lode_reltab *table, enum mkelf_structure structure)
{
	const struct mkelf_part *part = &f.out.parts[structure];

	CHECK_EQ(table->offset, part->offset);
	CHECK_EQ(table->size, part->size);
	CHECK_EQ(table->count, part->count);
}

static void check_string(uint64_t index, const char *want)
{
	char buf[64] = "";

	CHECK_EQ(lode_string_read(buf, sizeof buf, &dynamic.symbols.strings, index, &f.why), LODE_OK);
	CHECK_STR(buf, want);
}

static void test_program(void)
{
	struct lode_dyn entry;

	for (unsigned k = 0; k < 4; k++) {
		uint16_t machine = k & 1 ? LODE_EM_AARCH64 : LODE_EM_386; /* RELA and REL */

		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), machine);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ(dynamic.offset, f.out.parts[MKELF_DYN].offset);
		CHECK_EQ(dynamic.count, f.out.parts[MKELF_DYN].count - 1);
		CHECK_EQ(dynamic.needed, 2);
		CHECK(dynamic.counted);
		CHECK_EQ(dynamic.symbols.count, 5);
		CHECK_EQ(dynamic.symbols.offset, f.out.parts[MKELF_SYM].offset);
		CHECK_EQ(dynamic.symbols.strings.offset, f.out.parts[MKELF_STR].offset);
		CHECK_EQ(dynamic.symbols.strings.size, f.out.parts[MKELF_STR].size);
		CHECK_EQ(dynamic.symbols.shndx_offset, 0);
		compare_extent(&dynamic.hash, MKELF_HASH);
		compare_extent(&dynamic.gnu_hash, MKELF_GNU_HASH);
		compare_extent(&dynamic.versym, MKELF_VERSYM);
		compare_extent(&dynamic.verneed, MKELF_VERNEED);
		compare_relocs(&dynamic.rel, MKELF_REL);
		compare_relocs(&dynamic.rela, MKELF_RELA);
		compare_relocs(&dynamic.jmprel, MKELF_JMPREL);
		CHECK(dynamic.rela.rela && !dynamic.rel.rela);
		CHECK_EQ(dynamic.jmprel.rela, k & 1);
		CHECK_EQ(dynamic.relr.size, 0);
		CHECK_EQ(dynamic.verdef.size, 0);
		CHECK_EQ(dynamic.verneednum, 2);
		CHECK_EQ(dynamic.flags, LODE_DF_BIND_NOW);
		CHECK_EQ(dynamic.flags_1, 0x08000001);
		CHECK(dynamic.bind_now && dynamic.debug && !dynamic.textrel);
		CHECK_EQ(dynamic.soname, LODE_NO_OFFSET);
		CHECK_EQ(dynamic.rpath, LODE_NO_OFFSET);
		CHECK_EQ(dynamic.runpath, LODE_NO_OFFSET);
		for (uint32_t i = 0; i < dynamic.count; i++) {
			CHECK_EQ(lode_dynamic_entry(&entry, &f.image, &dynamic, i, &f.why), LODE_OK);
			CHECK_EQ(entry.tag, mkelf_get(&f.out, MKELF_DYN, i, "d_tag"));
			CHECK_EQ(entry.value, mkelf_get(&f.out, MKELF_DYN, i, "d_val"));
		}
		CHECK_EQ(lode_dynamic_entry(&entry, &f.image, &dynamic, 0, &f.why), LODE_OK);
		check_string(entry.value, "libc.so.6");
	}
	file_free(&f);
}

static void test_library(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 0x100},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
	};
	static const struct mkelf_dyn dyns[] = {{LODE_DT_INIT, 0x1010}, {LODE_DT_FINI, 0x1020}, {LODE_DT_INIT_ARRAY, 0x1030},
		{LODE_DT_INIT_ARRAYSZ, 16}, {LODE_DT_FINI_ARRAY, 0x1040}, {LODE_DT_FINI_ARRAYSZ, 24}, {LODE_DT_RPATH, 3},
		{LODE_DT_RUNPATH, 4}, {LODE_DT_TEXTREL, 0}, {LODE_DT_BIND_NOW, 0}, {LODE_DT_RELACOUNT, 7}, {0x6ffffdf5, 1}, {-5, 1},
		{INT32_MAX, 1}};
	static const struct mkelf_def defs[] = {{"libsample.so.1", 1, 1}};
	struct mkelf elf = {.type = LODE_ET_DYN,
		.segments = segments,
		.nsegments = 2,
		.dyns = dyns,
		.ndyns = 14,
		.soname = "x.so",
		.defs = defs,
		.ndefs = 1};

	for (unsigned k = 0; k < 4; k++) {
		elf.class_ = encoding_class(k);
		elf.data = encoding_data(k);
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		check_string(dynamic.soname, "x.so");
		CHECK_EQ(dynamic.rpath, 3);
		CHECK_EQ(dynamic.runpath, 4);
		CHECK_EQ(dynamic.init, 0x1010);
		CHECK_EQ(dynamic.fini, 0x1020);
		CHECK_EQ(dynamic.init_array.addr, 0x1030);
		CHECK_EQ(dynamic.init_array.size, 16);
		CHECK_EQ(dynamic.fini_array.addr, 0x1040);
		CHECK_EQ(dynamic.fini_array.size, 24);
		CHECK(dynamic.textrel && dynamic.bind_now && !dynamic.debug);
		CHECK_EQ(dynamic.relacount, 7);
		CHECK_EQ(dynamic.verdefnum, 1);
		compare_extent(&dynamic.verdef, MKELF_VERDEF);
		set_tag(LODE_DT_TEXTREL, LODE_DT_FLAGS);
		set_value(LODE_DT_FLAGS, LODE_DF_TEXTREL);
		set_tag(LODE_DT_RELACOUNT, LODE_DT_RELCOUNT);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK(dynamic.textrel && dynamic.bind_now);
		CHECK_EQ(dynamic.relacount, 7);
		set_value(LODE_DT_FLAGS, LODE_DF_BIND_NOW);
		set_tag(LODE_DT_BIND_NOW, LODE_DT_DEBUG);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK(!dynamic.textrel && dynamic.bind_now && dynamic.debug);
		/* addresses 0 are no tables */
		set_value(LODE_DT_VERDEF, 0);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ(dynamic.verdef.size, 0);
	}
	file_free(&f);
}

/** Arrays of functions have their bytes in a segment's file part, whole; functions are as the file says. */
static void test_arrays(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 0x100, .bss = 0x100},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
	};
	static const struct mkelf_dyn dyns[] = {{LODE_DT_INIT_ARRAY, 0x1000}, {LODE_DT_INIT_ARRAYSZ, 16},
		{LODE_DT_FINI_ARRAY, 0x1010}, {LODE_DT_FINI_ARRAYSZ, 16}, {LODE_DT_INIT, 0xdeadbeef}, {LODE_DT_FINI, 0xdeadbeef}};
	static const uint64_t tags[][2] = {{LODE_DT_INIT_ARRAY, LODE_DT_INIT_ARRAYSZ}, {LODE_DT_FINI_ARRAY, LODE_DT_FINI_ARRAYSZ}};
	const struct mkelf elf = {.type = LODE_ET_DYN, .segments = segments, .nsegments = 2, .dyns = dyns, .ndyns = 6};

	for (unsigned i = 0; i < 2; i++) {
		uint64_t end;

		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ(dynamic.init, 0xdeadbeef);
		CHECK_EQ(dynamic.fini, 0xdeadbeef);
		end = 0x1000 + f.segments[0].filesz;
		set_value(tags[i][0], end - 16);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ((i ? dynamic.fini_array : dynamic.init_array).addr, end - 16);
		for (unsigned k = 0; k < 4; k++) {
			const uint64_t bad[] = {end - 15, end, 0xfff, UINT64_C(0xdeadbeef0000)};

			set_value(tags[i][0], bad[k]);
			CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
			CHECK_WHY(f.why, "dynamic-range", LODE_FIELD_DYN_VALUE, entry_of(tags[i][0]), bad[k], 16,
				mkelf_at(&f.out, MKELF_DYN, entry_of(tags[i][0]), "d_val"));
		}
		set_value(tags[i][1], 0); /* then it is nowhere */
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ((i ? dynamic.fini_array : dynamic.init_array).addr, 0);
		CHECK_EQ((i ? dynamic.fini_array : dynamic.init_array).size, 0);
		set_value(tags[i][1], 8);
		set_tag(tags[i][0], 0x60000000);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "dynamic-range", LODE_FIELD_DYN_VALUE, entry_of(tags[i][1]), 8, 0,
			mkelf_at(&f.out, MKELF_DYN, entry_of(tags[i][1]), "d_val"));
	}
	file_free(&f);
}

/** Of tags that come twice the last counts; what stands behind DT_NULL does not. */
static void test_duplicates(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 0x100},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
	};
	static const struct mkelf_dyn dyns[] = {{LODE_DT_INIT, 1}, {LODE_DT_SONAME, 5}, {LODE_DT_INIT, 2}, {LODE_DT_SONAME, 6},
		{LODE_DT_NULL, 0}, {LODE_DT_INIT, 3}};
	const struct mkelf elf = {.type = LODE_ET_DYN, .segments = segments, .nsegments = 2, .dyns = dyns, .ndyns = 6};

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.init, 2);
	CHECK_EQ(dynamic.soname, 6);
	/* without any DT_NULL the segment's end is the table's */
	set_tag(LODE_DT_NULL, LODE_DT_DEBUG);
	set_tag(LODE_DT_NULL, LODE_DT_DEBUG);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.init, 3);
	CHECK_EQ(dynamic.count, f.out.parts[MKELF_DYN].count);
	file_free(&f);
}

/** No PT_DYNAMIC, or an empty one: no tables, no complaint. */
static void test_absent(void)
{
	file_sample(&f, "static", LODE_CLASS32, LODE_DATA2MSB, 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.count, 0);
	CHECK_EQ(dynamic.soname, LODE_NO_OFFSET);
	file_sample(&f, "dynamic", LODE_CLASS32, LODE_DATA2MSB, 0);
	mkelf_set(&f.out, MKELF_PHDR, 5, "p_filesz", 0);
	mkelf_set(&f.out, MKELF_PHDR, 5, "p_offset", 0xffffffff);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.count, 0);
	/* tags that are there but empty */
	file_sample(&f, "relocatable", LODE_CLASS64, LODE_DATA2LSB, 0);
	set_value(LODE_DT_RELASZ, 0);
	set_value(LODE_DT_RELRSZ, 0);
	set_value(LODE_DT_STRSZ, 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.rela.count, 0);
	CHECK_EQ(dynamic.relr.size, 0);
	file_free(&f);
}

/** Bytes that a table needs at its address: what its tag for the size says, or one. */
static uint64_t size_of(uint64_t tag)
{
	static const uint64_t sizes[][2] = {
		{LODE_DT_STRTAB, LODE_DT_STRSZ}, {LODE_DT_RELA, LODE_DT_RELASZ}, {LODE_DT_JMPREL, LODE_DT_PLTRELSZ}};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (sizes[i][0] == tag)
			return mkelf_get(&f.out, MKELF_DYN, entry_of(sizes[i][1]), "d_val");
	return 1;
}

/** A tag whose table does not lie in the file part of a segment: refused, and the entry's value named. */
static void test_ranges(void)
{
	static const uint64_t tags[] = {LODE_DT_HASH, LODE_DT_GNU_HASH, LODE_DT_SYMTAB, LODE_DT_STRTAB, LODE_DT_RELA,
		LODE_DT_JMPREL, LODE_DT_VERSYM, LODE_DT_VERNEED};
	static const uint64_t lies[] = {UINT64_MAX, 0x3400, 0x900, 0x10000};

	for (unsigned i = 0; i < sizeof tags / sizeof tags[0]; i++)
		for (unsigned k = 0; k < 4; k++) {
			file_sample(&f, "dynamic", LODE_CLASS64, encoding_data(k), 0);
			set_value(tags[i], lies[k]);
			if (lies[k] == 0x900)
				set_value(tags[i], mkelf_get(&f.out, MKELF_PHDR, 2, "p_memsz")); /* just behind the file part */
			CHECK_EQ(file_open(&f, 0), LODE_OK);
			CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
			CHECK_WHY(f.why, "dynamic-range", LODE_FIELD_DYN_VALUE, entry_of(tags[i]),
				mkelf_get(&f.out, MKELF_DYN, entry_of(tags[i]), "d_val"), size_of(tags[i]),
				mkelf_at(&f.out, MKELF_DYN, entry_of(tags[i]), "d_val"));
		}
	file_free(&f);
}

/** A RELR table outside; a DT_JMPREL that DT_RELASZ counts too, as GNU ld for RISC-V does, and its near misses. */
static void test_relocation_tables(void)
{
	static const struct {
		int64_t jmprel, size; /* from the begin of DT_RELA, in entries */
		uint64_t left;
	} cases[] = {{2, 1, 2}, {0, 3, 0}, {1, 1, 3}, {3, 1, 3}, {2, 2, 3}, {-1, 1, 3}};

	file_sample(&f, "relocatable", LODE_CLASS64, LODE_DATA2LSB, 0);
	set_value(LODE_DT_RELR, 0x10000);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "dynamic-range", LODE_FIELD_DYN_VALUE, entry_of(LODE_DT_RELR), 0x10000,
		mkelf_get(&f.out, MKELF_DYN, entry_of(LODE_DT_RELRSZ), "d_val"),
		mkelf_at(&f.out, MKELF_DYN, entry_of(LODE_DT_RELR), "d_val"));
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		file_sample(&f, "relocatable", LODE_CLASS64, LODE_DATA2LSB, 0);
		set_tag(LODE_DT_RELR, LODE_DT_JMPREL);
		set_tag(LODE_DT_RELRSZ, LODE_DT_PLTRELSZ);
		set_tag(LODE_DT_RELRENT, LODE_DT_PLTREL);
		set_value(LODE_DT_PLTREL, LODE_DT_RELA);
		set_value(LODE_DT_JMPREL, f.out.parts[MKELF_RELA].addr + (uint64_t)cases[i].jmprel * 24);
		set_value(LODE_DT_PLTRELSZ, (uint64_t)cases[i].size * 24);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ(dynamic.rela.count, cases[i].left);
		CHECK_EQ(dynamic.rela.size, cases[i].left * 24);
		CHECK_EQ(dynamic.jmprel.count, cases[i].size);
	}
	file_free(&f);
}

/** Each read in turn fails. */
static void test_failing_reads(void)
{
	struct tape tape;
	uint64_t reads;

	for (size_t s = 0; s < mkelf_nsamples; s++) {
		file_sample(&f, mkelf_samples[s].name, LODE_CLASS64, LODE_DATA2LSB, 0);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		reads = tape.reads;
		tape_end(&tape);
		for (uint64_t i = 0; i < reads; i++) {
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			tape.fail_at = i;
			CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_IO);
			CHECK_EQ(f.why.rule, LODE_RULE_SOURCE_READ);
			CHECK_EQ(tape.reads, i + 1);
			tape_end(&tape);
		}
	}
	file_free(&f);
}

/** The size of a table that no tag locates points at itself, not at whatever stands in entry 0. */
static void test_half_named(void)
{
	static const uint64_t pairs[][2] = {{LODE_DT_RELA, LODE_DT_RELASZ}, {LODE_DT_JMPREL, LODE_DT_PLTRELSZ}};

	for (unsigned i = 0; i < 2; i++) {
		file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, LODE_EM_AARCH64);
		set_tag(pairs[i][0], 0x60000000);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "dynamic-range", LODE_FIELD_DYN_VALUE, entry_of(pairs[i][1]),
			mkelf_get(&f.out, MKELF_DYN, entry_of(pairs[i][1]), "d_val"), 0,
			mkelf_at(&f.out, MKELF_DYN, entry_of(pairs[i][1]), "d_val"));
	}
	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, LODE_EM_AARCH64);
	set_tag(LODE_DT_PLTREL, 0x60000000);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.index, entry_of(LODE_DT_PLTRELSZ));
	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, LODE_EM_AARCH64);
	set_tag(LODE_DT_STRTAB, 0x60000000);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.index, entry_of(LODE_DT_STRSZ));
	file_free(&f);
}

/** As many entries as are taken: those behind the last are not passed over but refused, DT_NULL there ends the table. */
static void test_length(void)
{
	enum { MOST = 1 << 20, ENTRY = 16 };
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_DYNAMIC, .vaddr = 0x10000, .align = 8, .size = (MOST + 2) * ENTRY}};
	const struct mkelf elf = {.segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	uint64_t last;

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	last = f.segments[0].offset + (uint64_t)MOST * ENTRY;
	mkelf_poke(&f.out, last + ENTRY, 8, LODE_DT_TEXTREL);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(f.why.rule), "dynamic-length");
	mkelf_poke(&f.out, last - ENTRY, 8, LODE_DT_TEXTREL);
	mkelf_poke(&f.out, last, 8, LODE_DT_NULL);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.count, MOST);
	CHECK(dynamic.textrel);
	file_free(&f);
}

int main(void)
{
	CASE(test_program);
	CASE(test_library);
	CASE(test_arrays);
	CASE(test_duplicates);
	CASE(test_absent);
	CASE(test_ranges);
	CASE(test_half_named);
	CASE(test_relocation_tables);
	CASE(test_failing_reads);
	CASE(test_length);
	return check_done();
}
