/* SPDX-License-Identifier: MIT */
/* How many dynamic symbols there are: by DT_HASH, by DT_GNU_HASH, by neither; and hash tables that lie. */
#include "file.h"
#include "tape.h"

enum { MANY = 80 };

static struct file f;
static struct lode_dynamic dynamic;

static const struct mkelf_segment segments[] = {
	{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 0x100},
	{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
};

static int open_symbols(unsigned encoding, uint32_t n, bool hash, bool gnu_hash)
{
	static const struct mkelf_symbol symbols[MANY + 1] = {{.name = "undefined"}, {.name = "a", .shndx = 1},
		{.name = "b", .shndx = 1}, {.name = "c", .shndx = 1}, {.name = "d", .shndx = 1}};
	const struct mkelf elf = {.class_ = encoding_class(encoding),
		.data = encoding_data(encoding),
		.type = LODE_ET_DYN,
		.machine = LODE_EM_AARCH64,
		.segments = segments,
		.nsegments = 2,
		.symbols = symbols,
		.nsymbols = n,
		.hash = hash,
		.gnu_hash = gnu_hash};

	file_write(&f, &elf);
	return file_open(&f, 0);
}

static void test_counts(void)
{
	for (unsigned k = 0; k < 4; k++)
		for (uint32_t n = 1; n <= 5; n++)
			for (unsigned tables = 0; tables < 4; tables++) {
				CHECK_EQ(open_symbols(k, n, tables & 1, tables & 2), LODE_OK);
				CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
				if (tables == 0 || (tables == 2 && n == 1)) { /* nothing defined: the GNU table says nothing */
					CHECK(!dynamic.counted);
					CHECK(dynamic.symbols.count >= n + 1);
					CHECK(dynamic.symbols.count * (k & 1 ? 24 : 16) <=
						dynamic.symbols.strings.offset - dynamic.symbols.offset);
				} else {
					CHECK(dynamic.counted);
					CHECK_EQ(dynamic.symbols.count, n + 1);
				}
			}
	file_free(&f);
}

/** Without hash tables the strings bound the symbols, if they lie behind; else the file part does. */
static void test_bound(void)
{
	CHECK_EQ(open_symbols(1, 3, false, false), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.symbols.count, 4);
	for (uint32_t i = 0; i < f.out.parts[MKELF_DYN].count; i++) /* strings at the segment's first byte: before the symbols */
		if (mkelf_get(&f.out, MKELF_DYN, i, "d_tag") == LODE_DT_STRTAB)
			mkelf_set(&f.out, MKELF_DYN, i, "d_val", 0x1000);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.symbols.count, (f.segments[0].offset + f.segments[0].filesz - dynamic.symbols.offset) / 24);
	file_free(&f);
}

/** A word of the GNU table by its name. */
static void set_gnu(uint32_t index, uint32_t value)
{
	mkelf_set(&f.out, MKELF_GNU_HASH, index, "word", value);
}

static void refused(const char *rule, enum lode_field field, uint64_t value, uint64_t limit, uint64_t offset)
{
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, rule, field, LODE_NO_INDEX, value, limit, offset);
}

/** Layout at 64 bit: 4 header words, 2 bloom words, the bucket, the chains. */
static void test_gnu_lies(void)
{
	uint64_t at, size;

	CHECK_EQ(open_symbols(1, 4, false, true), LODE_OK);
	at = f.out.parts[MKELF_GNU_HASH].offset;
	size = f.segments[0].offset + f.segments[0].filesz - at;
	set_gnu(0, 0xffffffff); /* nbuckets */
	refused("hash-size", LODE_FIELD_HASH_NBUCKET, 0xffffffff, (size - 24) / 4, at);
	set_gnu(0, (uint32_t)(size - 24) / 4 + 1);
	refused("hash-size", LODE_FIELD_HASH_NBUCKET, (size - 24) / 4 + 1, (size - 24) / 4, at);
	set_gnu(0, 1);
	set_gnu(2, 0xffffffff); /* bloom words */
	refused("hash-size", LODE_FIELD_HASH_BLOOM, 0xffffffff, (size - 16) / 8, at + 8);
	set_gnu(2, (uint32_t)(size - 16) / 8 + 1);
	refused("hash-size", LODE_FIELD_HASH_BLOOM, (size - 16) / 8 + 1, (size - 16) / 8, at + 8);
	set_gnu(2, 1);
	set_gnu(1, 9); /* symoffset above the bucket's symbol */
	refused("hash-chain", LODE_FIELD_HASH_BUCKET, 2, 9, at + 24);
	set_gnu(1, 2);
	set_gnu(6, 0xfffffff0); /* a bucket far behind the chains */
	refused("hash-chain", LODE_FIELD_HASH_BUCKET, 0xfffffff0, 2 + (size - 28) / 4, at + 24);
	set_gnu(6, 2 + (uint32_t)(size - 28) / 4); /* just behind them */
	refused("hash-chain", LODE_FIELD_HASH_BUCKET, 2 + (size - 28) / 4, 2 + (size - 28) / 4, at + 24);
	set_gnu(6, 2);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.symbols.count, 5);
	set_gnu(0, 0); /* no bucket: nothing is hashed, nothing counted */
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK(!dynamic.counted);
	file_free(&f);
}

/** A file whose GNU hash table of @size bytes ends its segment, with @nbuckets and a bloom word of 8 bytes. Returns the
 * table's offset. */
static uint64_t open_table(uint32_t size, uint32_t nbuckets, uint32_t symoffset)
{
	static unsigned char table[4 * (4 + 2 + 100 + MANY)];
	static const struct mkelf_symbol symbols[MANY];
	static const struct mkelf_dyn dyns[] = {{LODE_DT_GNU_HASH, 0x8000}};
	const struct mkelf_segment own[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x1000, .align = 0x1000, .size = 0x100},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x8000, .align = 0x1000, .bytes = table, .size = size},
	};
	const struct mkelf elf = {.type = LODE_ET_DYN,
		.segments = own,
		.nsegments = 3,
		.symbols = symbols,
		.nsymbols = MANY,
		.dyns = dyns,
		.ndyns = 1};
	uint64_t at;

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	at = f.segments[2].offset;
	mkelf_poke(&f.out, at, 4, nbuckets);
	mkelf_poke(&f.out, at + 4, 4, symoffset);
	mkelf_poke(&f.out, at + 8, 4, 1);
	return at;
}

/** A chain without an end stops where the segment's file part does. */
static void test_endless_chain(void)
{
	for (uint32_t words = 0; words < 20; words++) {
		uint64_t at = open_table(28 + 4 * words + 3, 1, 5);

		mkelf_poke(&f.out, at + 24, 4, 5);
		if (words == 0)
			refused("hash-chain", LODE_FIELD_HASH_BUCKET, 5, 5, at + 24);
		else
			refused("hash-chain", LODE_FIELD_HASH_CHAIN, 0, 0, at + 24 + 4 * words);
	}
	file_free(&f);
}

/** The file's bytes, and zeros behind them as far as anybody reads; *host counts the reads. */
static int read_sparse(void *host, void *dst, uint64_t offset, size_t size)
{
	++*(uint64_t *)host;
	memset(dst, 0, size);
	for (size_t i = 0; i < size && offset + i < f.out.size; i++)
		((unsigned char *)dst)[i] = f.out.bytes[offset + i];
	return 0;
}

static void stretch(uint32_t segment, uint64_t size)
{
	mkelf_set(&f.out, MKELF_PHDR, segment, "p_filesz", size);
	mkelf_set(&f.out, MKELF_PHDR, segment, "p_memsz", size);
}

/** A chain, buckets and symbols that lie in the holes of a sparse file: no more work than 2^24 symbols make. */
static void test_sparse(void)
{
	enum { MOST = 1 << 24 };
	uint64_t at = open_table(64, 1, 5), reads = 0, room = f.segments[0].filesz / 24;

	mkelf_poke(&f.out, at + 24, 4, 5);
	stretch(2, UINT64_C(1) << 40);
	f.source = (struct lode_source){.size = UINT64_C(1) << 42, .read = read_sparse, .host = &reads};
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	reads = 0;
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(f.why.rule), "hash-size");
	CHECK_EQ(f.why.field, LODE_FIELD_SYMBOL_COUNT);
	CHECK_EQ(f.why.value, f.why.limit + 1);
	CHECK(f.why.limit <= room && reads < 2 * room + 100);
	mkelf_poke(&f.out, at, 4, MOST + 1);
	refused("hash-size", LODE_FIELD_HASH_NBUCKET, MOST + 1, MOST, at);
	file_free(&f);
}

static void test_sysv_lies(void)
{
	uint64_t at, most, room;

	CHECK_EQ(open_symbols(2, 4, true, false), LODE_OK);
	at = f.out.parts[MKELF_HASH].offset;
	most = (f.segments[0].offset + f.segments[0].filesz - f.out.parts[MKELF_SYM].offset) / 16;
	room = (f.segments[0].offset + f.segments[0].filesz - at - 8) / 4;
	mkelf_set(&f.out, MKELF_HASH, 0, "nchain", 0xffffffff);
	refused("hash-size", LODE_FIELD_HASH_NCHAIN, 0xffffffff, room - mkelf_get(&f.out, MKELF_HASH, 0, "nbucket"), at + 4);
	mkelf_set(&f.out, MKELF_HASH, 0, "nbucket", 0xffffffff);
	refused("hash-size", LODE_FIELD_HASH_NBUCKET, 0xffffffff, room, at);
	mkelf_set(&f.out, MKELF_HASH, 0, "nbucket", room + 1);
	refused("hash-size", LODE_FIELD_HASH_NBUCKET, room + 1, room, at);
	mkelf_set(&f.out, MKELF_HASH, 0, "nbucket", room);
	mkelf_set(&f.out, MKELF_HASH, 0, "nchain", 1);
	refused("hash-size", LODE_FIELD_HASH_NCHAIN, 1, 0, at + 4);
	mkelf_set(&f.out, MKELF_HASH, 0, "nbucket", 0);
	mkelf_set(&f.out, MKELF_HASH, 0, "nchain", most);
	CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
	CHECK_EQ(dynamic.symbols.count, most);
	mkelf_set(&f.out, MKELF_HASH, 0, "nchain", most + 1); /* fits behind the table's header, not behind the symbols' begin */
	refused("hash-size", LODE_FIELD_SYMBOL_COUNT, most + 1, most, f.out.parts[MKELF_SYM].offset);
	file_free(&f);
}

/** Tables too near to the end of the file part for their headers. */
static void test_short(void)
{
	static const uint64_t tags[] = {LODE_DT_HASH, LODE_DT_GNU_HASH};

	for (unsigned k = 0; k < 2; k++) {
		uint64_t last;

		CHECK_EQ(open_symbols(1, 4, k == 0, k == 1), LODE_OK);
		last = f.segments[0].vaddr + f.segments[0].filesz - (k ? 15 : 7);
		for (uint32_t i = 0; i < f.out.parts[MKELF_DYN].count; i++)
			if (mkelf_get(&f.out, MKELF_DYN, i, "d_tag") == tags[k])
				mkelf_set(&f.out, MKELF_DYN, i, "d_val", last);
		refused("hash-size", LODE_FIELD_HASH_TABLE, k ? 15 : 7, k ? 16 : 8,
			last - f.segments[0].vaddr + f.segments[0].offset);
	}
	file_free(&f);
}

/** More buckets than are read at once; the highest one in the last piece. */
static void test_many_buckets(void)
{
	for (uint32_t bucket = 0; bucket < 100; bucket++) {
		uint64_t at = open_table(4 * (4 + 2 + 100 + MANY), 100, 3);

		mkelf_poke(&f.out, at + 24 + 4 * bucket, 4, 40);
		mkelf_poke(&f.out, at + 24 + 4 * ((bucket + 1) % 100), 4, 20);
		mkelf_poke(&f.out, at + 24 + 4 * (100 + 50 - 3), 4, 1); /* the chain from 40 ends at symbol 50 */
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		CHECK_EQ(dynamic.symbols.count, 51);
	}
	file_free(&f);
}

/** 64-bit s390 has hash words of 8 bytes: its DT_HASH is passed over. */
static void test_wide_words(void)
{
	for (unsigned gnu = 0; gnu < 2; gnu++)
		for (unsigned wide = 0; wide < 2; wide++) {
			CHECK_EQ(open_symbols(2 + wide, 4, true, gnu), LODE_OK);
			mkelf_set(&f.out, MKELF_EHDR, 0, "e_machine", LODE_EM_S390);
			mkelf_set(&f.out, MKELF_HASH, 0, "nchain", 3);
			CHECK_EQ(file_open(&f, 0), LODE_OK);
			CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
			CHECK_EQ(dynamic.symbols.count, wide ? dynamic.symbols.count : 3);
			CHECK(!wide || dynamic.symbols.count >= 5);
			CHECK_EQ(dynamic.counted, !wide || gnu);
		}
	file_free(&f);
}

/** Each read of a table in turn fails. */
static void test_failing_reads(void)
{
	for (unsigned gnu = 0; gnu < 2; gnu++) {
		struct tape tape;
		uint64_t reads;

		CHECK_EQ(open_symbols(1, 4, !gnu, gnu), LODE_OK);
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
		CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_OK);
		reads = tape.reads;
		tape_end(&tape);
		for (uint64_t i = 0; i < reads; i++) {
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			tape.fail_at = i;
			CHECK_EQ(lode_dynamic_open(&dynamic, &f.image, &f.why), LODE_ERR_IO);
			CHECK_EQ(tape.reads, i + 1);
			tape_end(&tape);
		}
	}
	file_free(&f);
}

int main(void)
{
	CASE(test_counts);
	CASE(test_bound);
	CASE(test_gnu_lies);
	CASE(test_endless_chain);
	CASE(test_sparse);
	CASE(test_sysv_lies);
	CASE(test_short);
	CASE(test_many_buckets);
	CASE(test_wide_words);
	CASE(test_failing_reads);
	return check_done();
}
