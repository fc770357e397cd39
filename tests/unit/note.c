/* SPDX-License-Identifier: MIT */
/* Notes of every alignment, of alignments that lie, cut short, with huge sizes, with owners that nearly match. */
#include "file.h"

enum { ROOM = 512 };

static struct file f;

/** A file with one PT_NOTE of @room bytes that claims @align, opened. Notes are then put into it. */
static uint64_t blank(unsigned encoding, uint64_t align, uint64_t room)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x1000, .align = 0x1000, .size = 64},
		{.type = LODE_PT_NOTE, .flags = 4, .vaddr = 0x2000, .align = align, .modulus = 8, .size = room},
	};
	const struct mkelf elf = {.class_ = encoding_class(encoding),
		.data = encoding_data(encoding),
		.segments = segments,
		.nsegments = 2,
		.tables = MKELF_NOWHERE};

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	return f.segments[1].offset;
}

static uint64_t padded(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

/** Write a note; returns where the next one begins. */
static uint64_t put(uint64_t at, uint64_t align, const char *owner, uint32_t type, uint32_t size)
{
	uint32_t length = (uint32_t)strlen(owner) + 1;
	uint64_t desc = at + padded(12 + (uint64_t)length, align);

	mkelf_poke(&f.out, at, 4, length);
	mkelf_poke(&f.out, at + 4, 4, size);
	mkelf_poke(&f.out, at + 8, 4, type);
	memcpy(f.out.bytes + at + 12, owner, length);
	memset(f.out.bytes + desc, 0xd0, size);
	return at + padded(desc - at + size, align);
}

static struct lode_notes walk(uint64_t offset, uint64_t size, uint64_t align)
{
	const struct lode_extent extent = {offset, size};
	struct lode_notes notes;

	lode_notes_begin(&notes, &f.image, &extent, align);
	return notes;
}

static void expect(struct lode_notes *notes, uint64_t offset, uint32_t type, const char *owner, uint64_t desc, uint32_t size)
{
	struct lode_note note;

	CHECK_EQ(lode_note_next(&note, notes, &f.why), 1);
	CHECK_EQ(note.offset, offset);
	CHECK_EQ(note.type, type);
	CHECK_STR(note.owner, owner);
	CHECK_EQ(note.owner_size, strlen(owner) + 1);
	CHECK_EQ(note.desc_offset, desc);
	CHECK_EQ(note.desc_size, size);
}

/** Sizes that need every padding from 0 to 7 bytes, at both alignments, in all encodings; the end is an end. */
static void test_walk(void)
{
	for (unsigned k = 0; k < 8; k++) {
		uint64_t align = k & 4 ? 8 : 4, begin = blank(k, align, 2 * ROOM), at = begin, end;
		struct lode_notes notes;
		struct lode_note note;

		for (uint32_t i = 0; i < 9; i++)
			at = put(at, align, &"12345678"[8 - i], 100 + i, i);
		end = at;
		notes = walk(begin, end - begin, align);
		CHECK_EQ(notes.align, align);
		at = begin;
		for (uint32_t i = 0; i < 9; i++) {
			uint64_t desc = at + padded(12 + i + 1, align);

			expect(&notes, at, 100 + i, &"12345678"[8 - i], desc, i);
			at = at + padded(desc - at + i, align);
		}
		CHECK_EQ(lode_note_next(&note, &notes, &f.why), 0);
		CHECK_EQ(lode_note_next(&note, &notes, &f.why), 0);
		CHECK_EQ(notes.index, 9);
	}
	file_free(&f);
}

/** Notes laid out at 4 in a segment that claims 8, and the other p_aligns that mean 4. */
static void test_align_lies(void)
{
	static const uint64_t claims[] = {0, 1, 2, 4, 8, 16, 3, UINT64_MAX};

	for (unsigned k = 0; k < 4; k++)
		for (unsigned i = 0; i < 8; i++) {
			uint64_t begin = blank(k, claims[i], ROOM), second, end;
			struct lode_notes notes;
			struct lode_note note;

			second = put(begin, 4, "GNU", LODE_NT_GNU_ABI_TAG, 20);
			end = put(second, 4, "Lode", 7, 0x104);
			notes = walk(begin, end - begin, claims[i]);
			CHECK_EQ(notes.align, 4);
			expect(&notes, begin, LODE_NT_GNU_ABI_TAG, "GNU", begin + 16, 20);
			expect(&notes, second, 7, "Lode", second + 20, 0x104);
			CHECK_EQ(lode_note_next(&note, &notes, &f.why), 0);
			f.source.size = end;
			CHECK_EQ(lode_note_find(&note, &f.image, "Lode", 7, &f.why), 1);
			CHECK_EQ(note.desc_size, 0x104);
		}
	file_free(&f);
}

/** Both alignments fit a note whose sizes need no padding; 8 that is true is taken at its word. */
static void test_true_eight(void)
{
	uint64_t begin = blank(1, 8, ROOM), second, end;
	struct lode_notes notes;
	struct lode_note note;

	second = put(begin, 8, "GNU", LODE_NT_GNU_PROPERTY_TYPE_0, 12);
	end = put(second, 8, "GNU", LODE_NT_GNU_BUILD_ID, 20);
	CHECK_EQ(second - begin, 32);
	notes = walk(begin, end - begin, 8);
	CHECK_EQ(notes.align, 8);
	expect(&notes, begin, LODE_NT_GNU_PROPERTY_TYPE_0, "GNU", begin + 16, 12);
	expect(&notes, second, LODE_NT_GNU_BUILD_ID, "GNU", second + 16, 20);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", LODE_NT_GNU_BUILD_ID, &f.why), 1);
	CHECK_EQ(note.offset, second);
	file_free(&f);
}

/** The last note need not be padded; bytes behind it too few for a header are padding. */
static void test_trailing(void)
{
	for (unsigned rest = 0; rest < 12; rest++) {
		uint64_t begin = blank(rest, 4, ROOM), end = put(begin, 4, "ab", 1, 5);
		struct lode_notes notes = walk(begin, end - begin + rest, 4);
		struct lode_note note;

		expect(&notes, begin, 1, "ab", begin + 16, 5);
		CHECK_EQ(lode_note_next(&note, &notes, &f.why), 0);
		notes = walk(begin, end - begin - 3, 4); /* ends with the descriptor's last byte */
		expect(&notes, begin, 1, "ab", begin + 16, 5);
		CHECK_EQ(lode_note_next(&note, &notes, &f.why), 0);
		notes = walk(begin, end - begin - 4, 4); /* one byte less: the descriptor does not end in the range */
		CHECK_EQ(lode_note_next(&note, &notes, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "note-past-end", LODE_FIELD_NOTE_DESCSZ, 0, 5, 4, begin + 4);
	}
	file_free(&f);
}

/** n_namesz and n_descsz up to 2^32 - 1: refused where they stand, nothing wraps. */
static void test_huge(void)
{
	static const uint32_t sizes[] = {488, 501, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc, 0xffffffff};

	for (unsigned k = 0; k < 4; k++)
		for (unsigned i = 0; i < 7; i++) {
			uint64_t begin = blank(k, 4, ROOM), second = put(begin, 4, "x", 1, 4);
			struct lode_notes notes;
			struct lode_note note;

			put(second, 4, "x", 1, 4);
			mkelf_poke(&f.out, second, 4, sizes[i]);
			notes = walk(begin, ROOM, 8);
			CHECK_EQ(lode_note_next(&note, &notes, &f.why), 1);
			CHECK_EQ(lode_note_next(&note, &notes, &f.why), LODE_ERR_MALFORMED);
			CHECK_WHY(f.why, "note-past-end", LODE_FIELD_NOTE_NAMESZ, 1, sizes[i], ROOM - 20 - 12, second);
			mkelf_poke(&f.out, second, 4, 2);
			mkelf_poke(&f.out, second + 4, 4, sizes[i]);
			notes = walk(begin, ROOM, 4);
			CHECK_EQ(lode_note_next(&note, &notes, &f.why), 1);
			CHECK_EQ(lode_note_next(&note, &notes, &f.why), LODE_ERR_MALFORMED);
			CHECK_WHY(f.why, "note-past-end", LODE_FIELD_NOTE_DESCSZ, 1, sizes[i], ROOM - 20 - 16, second + 4);
			CHECK_EQ(lode_note_find(&note, &f.image, "x", 2, &f.why), 0);
			CHECK_EQ(lode_note_find(&note, &f.image, "x", 1, &f.why), 1);
		}
	file_free(&f);
}

/** The owner counts, whole and with its NUL: type 18 of somebody else is no Xen note. */
static void test_owner(void)
{
	uint64_t begin = blank(1, 4, ROOM), at = begin, xen;
	struct lode_note note;

	at = put(at, 4, "Linux", LODE_NT_XEN_PHYS32_ENTRY, 4);
	at = put(at, 4, "Xe", LODE_NT_XEN_PHYS32_ENTRY, 4);
	at = put(at, 4, "Xem", LODE_NT_XEN_PHYS32_ENTRY, 4);
	at = put(at, 4, "Xenon", LODE_NT_XEN_PHYS32_ENTRY, 4);
	at = put(at, 4, "", LODE_NT_XEN_PHYS32_ENTRY, 4);
	at = put(at, 4, "Xen", LODE_NT_XEN_PHYS32_RELOC, 4);
	CHECK_EQ(lode_note_find(&note, &f.image, "Xen", LODE_NT_XEN_PHYS32_ENTRY, &f.why), 0);
	mkelf_poke(&f.out, at, 4, 3); /* "Xen" without its NUL */
	memcpy(f.out.bytes + at + 12, "Xen", 3);
	mkelf_poke(&f.out, at + 4, 4, 4);
	mkelf_poke(&f.out, at + 8, 4, LODE_NT_XEN_PHYS32_ENTRY);
	CHECK_EQ(lode_note_find(&note, &f.image, "Xen", LODE_NT_XEN_PHYS32_ENTRY, &f.why), 0);
	xen = at + 20;
	at = put(xen, 4, "Xen", LODE_NT_XEN_PHYS32_ENTRY, 8);
	put(at, 4, "Xen", LODE_NT_XEN_PHYS32_ENTRY, 4);
	CHECK_EQ(lode_note_find(&note, &f.image, "Xen", LODE_NT_XEN_PHYS32_ENTRY, &f.why), 1);
	CHECK_EQ(note.offset, xen);
	CHECK_EQ(note.desc_size, 8);
	CHECK_EQ(lode_note_find(&note, &f.image, "", LODE_NT_XEN_PHYS32_ENTRY, &f.why), 1);
	file_free(&f);
}

/** Owners as long as fits, longer, and without end: cut, never overrun, and never equal to what was cut. */
static void test_long_owner(void)
{
	static const char owner[] = "0123456789012345678901234567890123456789";
	uint64_t begin = blank(1, 4, ROOM), second = put(begin, 4, owner + 10, 1, 4);
	struct lode_notes notes;
	struct lode_note note;

	put(second, 4, owner, 2, 4);
	notes = walk(begin, ROOM, 4);
	CHECK_EQ(lode_note_next(&note, &notes, &f.why), 1);
	CHECK_EQ(note.owner_size, 31);
	CHECK_STR(note.owner, owner + 10);
	CHECK_EQ(lode_note_next(&note, &notes, &f.why), 1);
	CHECK_EQ(note.owner_size, 41);
	CHECK_EQ(strlen(note.owner), LODE_NOTE_OWNER - 1);
	CHECK_MEM(note.owner, owner, LODE_NOTE_OWNER - 1);
	CHECK_EQ(lode_note_find(&note, &f.image, owner + 10, 1, &f.why), 1);
	CHECK_EQ(lode_note_find(&note, &f.image, owner, 2, &f.why), 0);
	CHECK_EQ(lode_note_find(&note, &f.image, owner + 9, 2, &f.why), 0);
	file_free(&f);
}

/** Sections are searched too if they were read, behind the segments; a range that is nonsense does not hide the next. */
static void test_sections(void)
{
	static const struct mkelf_note notes[] = {{.owner = "GNU", .type = LODE_NT_GNU_BUILD_ID, .desc = "12345678", .size = 8}};
	const struct mkelf_segment segments[] = {{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x1000, .align = 0x1000, .size = 64}};
	static const unsigned char bad[16] = {0xff, 0xff, 0xff, 0xff, 1};
	const struct mkelf_section more[] = {
		{.name = ".note.bad", .type = LODE_SHT_NOTE, .bytes = bad, .size = sizeof bad, .addralign = 8}};
	const struct mkelf elf = {.segments = segments,
		.nsegments = 1,
		.sections = true,
		.notes = notes,
		.nnotes = 1,
		.more = more,
		.nmore = 1,
		.tables = MKELF_NOWHERE};
	struct lode_note note;

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", LODE_NT_GNU_BUILD_ID, &f.why), 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", LODE_NT_GNU_BUILD_ID, &f.why), 1);
	CHECK_EQ(note.desc_offset, f.out.note_offset[0] + 16);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", 99, &f.why), 0);
	CHECK_EQ(lode_open(&f.image, &f.source, NULL, NULL), LODE_OK);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", LODE_NT_GNU_BUILD_ID, &f.why), 0);
	file_free(&f);
}

enum { MOST = 65536, SMALLEST = 12 };

/** Look for what is not there in n notes of 12 bytes, all 0: at 4 they are n, at 8 three for four of them. */
static int find_nothing(uint32_t n, uint64_t align)
{
	uint64_t begin = blank(1, align, SMALLEST * (uint64_t)n);
	struct lode_note note;

	memset(f.out.bytes + begin, 0, SMALLEST * (size_t)n);
	return lode_note_find(&note, &f.image, "GNU", 1, &f.why);
}

/** As many notes as the limit allows, and one more: a range that is walked with both alignments counts once, by the longer walk. */
static void test_limit(void)
{
	for (uint64_t align = 4; align <= 8; align += 4) {
		CHECK_EQ(find_nothing(MOST, align), 0);
		CHECK_EQ(find_nothing(MOST + 1, align), LODE_ERR_MALFORMED);
		CHECK_STR(lode_rule_name(f.why.rule), "note-count");
	}
	file_free(&f);
}

/** Two ranges over the same bytes count twice. What is laid out at 8 ends for a walk at 4 in the first note's padding. */
static void test_limit_twice(void)
{
	static const unsigned char each[24] = {5, 0, 0, 0, 0, 0, 0, 0, 1, [20] = 0xff, 0xff, 0xff, 0xff};

	for (uint32_t more = 0; more < 2; more++) {
		uint64_t n = MOST / 2 + more, begin = blank(1, 8, n * sizeof each);
		struct lode_note note;

		for (uint64_t i = 0; i < n; i++)
			memcpy(f.out.bytes + begin + i * sizeof each, each, sizeof each);
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_type", LODE_PT_NOTE);
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_offset", begin);
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_filesz", n * sizeof each);
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_align", 8);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_note_find(&note, &f.image, "GNU", 1, &f.why), more ? LODE_ERR_MALFORMED : 0);
		CHECK(!more || f.why.rule == LODE_RULE_NOTE_COUNT);
	}
	file_free(&f);
}

/** Ranges that nobody proved: an end beyond 2^64 is cut, the source refuses what it has not. */
static void test_wild_range(void)
{
	struct lode_notes notes;
	struct lode_note note;

	blank(1, 4, ROOM);
	notes = walk(UINT64_MAX - 20, 100, 4);
	CHECK_EQ(lode_note_next(&note, &notes, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "source-past-end", LODE_FIELD_FILE, LODE_NO_INDEX, f.out.size, UINT64_MAX - 8, UINT64_MAX - 20);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_offset", f.out.size + 1);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(lode_note_find(&note, &f.image, "GNU", 1, &f.why), 0);
	file_free(&f);
}

int main(void)
{
	CASE(test_walk);
	CASE(test_align_lies);
	CASE(test_true_eight);
	CASE(test_trailing);
	CASE(test_huge);
	CASE(test_owner);
	CASE(test_long_owner);
	CASE(test_sections);
	CASE(test_limit);
	CASE(test_limit_twice);
	CASE(test_wild_range);
	return check_done();
}
