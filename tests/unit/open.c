/* SPDX-License-Identifier: MIT */
/* lode_open: four encodings -> one decoded form; extended numbering, native reading, counts for too small arrays. */
#include "file.h"

static void compare_header(const struct lode_image *image, const struct mkelf_out *out)
{
	CHECK_EQ(image->class_, mkelf_get(out, MKELF_EHDR, 0, "e_ident[EI_CLASS]"));
	CHECK_EQ(image->data, mkelf_get(out, MKELF_EHDR, 0, "e_ident[EI_DATA]"));
	CHECK_EQ(image->ident_version, 1);
	CHECK_EQ(image->osabi, mkelf_get(out, MKELF_EHDR, 0, "e_ident[EI_OSABI]"));
	CHECK_EQ(image->abiversion, mkelf_get(out, MKELF_EHDR, 0, "e_ident[EI_ABIVERSION]"));
	CHECK_EQ(image->type, mkelf_get(out, MKELF_EHDR, 0, "e_type"));
	CHECK_EQ(image->machine, mkelf_get(out, MKELF_EHDR, 0, "e_machine"));
	CHECK_EQ(image->version, mkelf_get(out, MKELF_EHDR, 0, "e_version"));
	CHECK_EQ(image->entry, mkelf_get(out, MKELF_EHDR, 0, "e_entry"));
	CHECK_EQ(image->phoff, mkelf_get(out, MKELF_EHDR, 0, "e_phoff"));
	CHECK_EQ(image->shoff, mkelf_get(out, MKELF_EHDR, 0, "e_shoff"));
	CHECK_EQ(image->flags, mkelf_get(out, MKELF_EHDR, 0, "e_flags"));
	CHECK_EQ(image->ehsize, mkelf_get(out, MKELF_EHDR, 0, "e_ehsize"));
	CHECK_EQ(image->phentsize, mkelf_get(out, MKELF_EHDR, 0, "e_phentsize"));
	CHECK_EQ(image->shentsize, mkelf_get(out, MKELF_EHDR, 0, "e_shentsize"));
	CHECK_EQ(image->nsegments, out->parts[MKELF_PHDR].count);
	CHECK_EQ(image->nsections, out->parts[MKELF_SHDR].count);
	CHECK_EQ(image->shstrndx, out->parts[MKELF_SHDR].count - 1);
}

static void compare_segment(const struct lode_segment *segment, const struct mkelf_out *out, uint32_t i)
{
	CHECK_EQ(segment->type, mkelf_get(out, MKELF_PHDR, i, "p_type"));
	CHECK_EQ(segment->flags, mkelf_get(out, MKELF_PHDR, i, "p_flags"));
	CHECK_EQ(segment->offset, mkelf_get(out, MKELF_PHDR, i, "p_offset"));
	CHECK_EQ(segment->vaddr, mkelf_get(out, MKELF_PHDR, i, "p_vaddr"));
	CHECK_EQ(segment->paddr, mkelf_get(out, MKELF_PHDR, i, "p_paddr"));
	CHECK_EQ(segment->filesz, mkelf_get(out, MKELF_PHDR, i, "p_filesz"));
	CHECK_EQ(segment->memsz, mkelf_get(out, MKELF_PHDR, i, "p_memsz"));
	CHECK_EQ(segment->align, mkelf_get(out, MKELF_PHDR, i, "p_align"));
}

static void compare_section(const struct lode_section *section, const struct mkelf_out *out, uint32_t i)
{
	CHECK_EQ(section->name, mkelf_get(out, MKELF_SHDR, i, "sh_name"));
	CHECK_EQ(section->type, mkelf_get(out, MKELF_SHDR, i, "sh_type"));
	CHECK_EQ(section->flags, mkelf_get(out, MKELF_SHDR, i, "sh_flags"));
	CHECK_EQ(section->addr, mkelf_get(out, MKELF_SHDR, i, "sh_addr"));
	CHECK_EQ(section->offset, mkelf_get(out, MKELF_SHDR, i, "sh_offset"));
	CHECK_EQ(section->size, mkelf_get(out, MKELF_SHDR, i, "sh_size"));
	CHECK_EQ(section->link, mkelf_get(out, MKELF_SHDR, i, "sh_link"));
	CHECK_EQ(section->info, mkelf_get(out, MKELF_SHDR, i, "sh_info"));
	CHECK_EQ(section->addralign, mkelf_get(out, MKELF_SHDR, i, "sh_addralign"));
	CHECK_EQ(section->entsize, mkelf_get(out, MKELF_SHDR, i, "sh_entsize"));
}

/** Every field of every header of every sample, as the writer's own reader sees it. */
static void test_decoding(void)
{
	static struct file f;

	for (size_t s = 0; s < mkelf_nsamples; s++)
		for (unsigned k = 0; k < 4; k++) {
			check_case("decoding of %s, class %u data %u", mkelf_samples[s].name, encoding_class(k), encoding_data(k));
			file_sample(&f, mkelf_samples[s].name, encoding_class(k), encoding_data(k), 0);
			CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
			compare_header(&f.image, &f.out);
			for (uint32_t i = 0; i < f.image.nsegments; i++)
				compare_segment(&f.segments[i], &f.out, i);
			for (uint32_t i = 0; i < f.image.nsections; i++)
				compare_section(&f.sections[i], &f.out, i);
		}
	file_free(&f);
}

/** The order of addresses: by vaddr, by paddr, equal ones as in the table, empty ones not at all. */
static void test_order(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .vaddr = 0x50000, .paddr = 0x1000, .align = 1, .bss = 16},
		{.type = LODE_PT_LOAD, .vaddr = 0x10000, .paddr = 0x3000, .align = 1, .bss = 16},
		{.type = LODE_PT_LOAD, .vaddr = 0x30000, .paddr = 0x9000, .align = 1},
		{.type = LODE_PT_NOTE, .vaddr = 0x20000},
		{.type = LODE_PT_LOAD, .vaddr = 0x40000, .paddr = 0x2000, .align = 1, .bss = 16},
		{.type = LODE_PT_LOAD, .vaddr = 0x10000, .paddr = 0x2000, .align = 1, .bss = 16},
		{.type = LODE_PT_LOAD, .vaddr = 0x20000, .paddr = 0x5000, .align = 1, .bss = 16},
	};
	static const uint32_t by_vaddr[] = {1, 5, 6, 4, 0}, by_paddr[] = {0, 4, 5, 1, 6};
	const struct mkelf elf = {.segments = segments, .nsegments = 7, .tables = MKELF_NOWHERE};
	static struct file f;

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(f.image.nload, 5);
	for (uint32_t k = 0; k < 5; k++) {
		CHECK_EQ(f.segments[k].by_vaddr, by_vaddr[k]);
		CHECK_EQ(f.segments[k].by_paddr, by_paddr[k]);
	}
	file_free(&f);
}

/** Random tables of many sizes come out sorted and complete. */
static void test_sorting(void)
{
	static struct mkelf_segment segments[FILE_ENTRIES];
	static struct file f;
	uint64_t seed = 5;

	for (uint32_t n = 0; n <= FILE_ENTRIES; n++) {
		const struct mkelf elf = {.segments = segments, .nsegments = n, .tables = MKELF_NOWHERE};
		uint64_t members = 0;

		for (uint32_t i = 0; i < n; i++)
			segments[i] = (struct mkelf_segment){.type = LODE_PT_LOAD,
				.vaddr = random_below(&seed, 64),
				.paddr = 1 + random_below(&seed, 64),
				.align = 1,
				.bss = 1};
		file_write(&f, &elf);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(f.image.nload, n);
		for (uint32_t k = 0; k < n; k++) {
			const struct lode_segment *s = f.segments;

			members += s[k].by_vaddr;
			CHECK(k == 0 || s[s[k - 1].by_vaddr].vaddr < s[s[k].by_vaddr].vaddr ||
				(s[s[k - 1].by_vaddr].vaddr == s[s[k].by_vaddr].vaddr && s[k - 1].by_vaddr < s[k].by_vaddr));
			CHECK(k == 0 || s[s[k - 1].by_paddr].paddr < s[s[k].by_paddr].paddr ||
				(s[s[k - 1].by_paddr].paddr == s[s[k].by_paddr].paddr && s[k - 1].by_paddr < s[k].by_paddr));
		}
		CHECK_EQ(members, (uint64_t)n * (n ? n - 1 : 0) / 2);
	}
	file_free(&f);
}

/** Counts that stand in section header 0, and only what is asked for is looked at. */
static void test_extended_numbering(void)
{
	static struct file f;

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "extended", encoding_class(k), encoding_data(k), 0);
		CHECK_EQ(mkelf_get(&f.out, MKELF_EHDR, 0, "e_phnum"), LODE_PN_XNUM);
		CHECK_EQ(mkelf_get(&f.out, MKELF_EHDR, 0, "e_shnum"), 0);
		CHECK_EQ(mkelf_get(&f.out, MKELF_EHDR, 0, "e_shstrndx"), LODE_SHN_XINDEX);
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(f.image.nsegments, 2);
		CHECK_EQ(f.image.nsections, f.out.parts[MKELF_SHDR].count);
		CHECK_EQ(f.image.shstrndx, f.out.parts[MKELF_SHDR].count - 1);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(f.image.nsegments, 2);
		CHECK_EQ(f.image.nsections, f.out.parts[MKELF_SHDR].count);
		CHECK(f.image.sections == NULL);
	}
	/* e_shnum 0 and section 0 says none either: no sections, no complaint */
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_size", 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(f.image.nsections, 0);
	/* a count that no table can have */
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_size", UINT64_MAX);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.rule, LODE_RULE_HEADER_SHTABLE);
	CHECK_EQ(f.image.nsections, UINT32_MAX);
	file_free(&f);
}

/** Each number through section 0 by itself: the others keep what the header says. */
static void test_single_escapes(void)
{
	static struct file f;
	uint32_t count;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2MSB, 0);
	count = f.out.parts[MKELF_SHDR].count;
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_info", 3);
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_size", count);
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_link", 1);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shstrndx", LODE_SHN_XINDEX);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(f.image.shstrndx, 1);
	CHECK_EQ(f.image.nsections, count);
	CHECK_EQ(f.image.nsegments, 3);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shstrndx", 2);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shnum", 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(f.image.shstrndx, 2);
	CHECK_EQ(f.image.nsections, count);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shnum", count);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_phnum", LODE_PN_XNUM);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(f.image.shstrndx, 2);
	CHECK_EQ(f.image.nsections, count);
	CHECK_EQ(f.image.nsegments, 3);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shentsize", 40); /* a count that cannot be read */
	CHECK_EQ(file_open(&f, 0), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.rule, LODE_RULE_HEADER_SHENTSIZE);
	file_free(&f);
}

/** One byte behind the end is one too many; a single program header behind it, too. */
static void test_single_bytes(void)
{
	static struct file f;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_filesz", 1);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_offset", f.out.size - 1);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_offset", f.out.size);
	CHECK_EQ(file_open(&f, 0), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "segment-past-end", LODE_FIELD_PHDR_OFFSET, 1, f.out.size, f.out.size,
		mkelf_at(&f.out, MKELF_PHDR, 1, "p_offset"));
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_phnum", 1);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_phoff", f.out.size - 55);
	CHECK_EQ(file_open(&f, 0), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "header-phtable", LODE_FIELD_EHDR_PHOFF, LODE_NO_INDEX, f.out.size - 55, f.out.size - 56,
		mkelf_at(&f.out, MKELF_EHDR, 0, "e_phoff"));
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_phnum", 0); /* no headers: nobody looks where they are */
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_phentsize", 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(f.image.nload, 0);
	file_free(&f);
}

/** Sections without bytes may lie anywhere: NOBITS, NULL, and those of size 0. */
static void test_empty_sections(void)
{
	static struct file f;

	for (unsigned i = 0; i < 4; i++) {
		file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
		mkelf_set(&f.out, MKELF_SHDR, 1, "sh_offset", UINT64_MAX);
		if (i < 2)
			mkelf_set(&f.out, MKELF_SHDR, 1, "sh_type", i ? LODE_SHT_NOBITS : LODE_SHT_NULL);
		else if (i == 2)
			mkelf_set(&f.out, MKELF_SHDR, 1, "sh_size", 0);
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), i < 3 ? LODE_OK : LODE_ERR_MALFORMED);
	}
	CHECK_WHY(f.why, "section-past-end", LODE_FIELD_SHDR_OFFSET, 1, UINT64_MAX, f.out.size,
		mkelf_at(&f.out, MKELF_SHDR, 1, "sh_offset"));
	file_free(&f);
}

/** e_phnum below PN_XNUM is the count whatever section 0 says; without a section table indices are 0. */
static void test_plain_numbering(void)
{
	static struct file f;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_info", 77);
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_size", 78);
	mkelf_set(&f.out, MKELF_SHDR, 0, "sh_link", 79);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(f.image.nsegments, 3);
	CHECK_EQ(f.image.nsections, f.out.parts[MKELF_SHDR].count);
	CHECK_EQ(f.image.shstrndx, f.out.parts[MKELF_SHDR].count - 1);
	CHECK_EQ(f.sections[0].info, 77);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shoff", 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(f.image.nsections, 0);
	CHECK_EQ(f.image.shstrndx, 0);
	file_free(&f);
}

/** The section table may be nonsense as long as nobody asks for it. */
static void test_sections_on_request(void)
{
	static struct file f;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shentsize", 7);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_shoff", UINT64_MAX);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(f.image.nsegments, 3);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.rule, LODE_RULE_HEADER_SHENTSIZE);
	file_free(&f);
}

/** Without options: the header and the counts, no tables. */
static void test_header_only(void)
{
	static struct file f;
	struct lode_image image;

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), 0);
		CHECK_EQ(lode_open(&image, &f.source, NULL, NULL), LODE_OK);
		CHECK_EQ(image.nsegments, 9);
		CHECK_EQ(image.nsections, f.out.parts[MKELF_SHDR].count);
		CHECK(image.segments == NULL && image.sections == NULL);
		CHECK(lode_segment_find(&image, LODE_PT_LOAD) == NULL);
	}
	file_free(&f);
}

/** Too small arrays: refused before anything is written, and told how much is needed. */
static void test_room(void)
{
	static struct file f;
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS, .segments = f.segments, .sections = f.sections};
	uint32_t nsections;

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2MSB, 0);
	nsections = f.out.parts[MKELF_SHDR].count;
	for (options.max_segments = 0; options.max_segments < 9; options.max_segments++) {
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_ERR_ROOM);
		CHECK_WHY(f.why, "room-segments", LODE_FIELD_OPEN_SEGMENTS, LODE_NO_INDEX, options.max_segments, 9, LODE_NO_OFFSET);
		CHECK_EQ(f.image.nsegments, 9);
		CHECK_EQ(f.image.nsections, nsections);
		CHECK(f.image.segments == NULL);
	}
	for (options.max_sections = 0; options.max_sections < nsections; options.max_sections++) {
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_ERR_ROOM);
		CHECK_WHY(f.why, "room-sections", LODE_FIELD_OPEN_SECTIONS, LODE_NO_INDEX, options.max_sections, nsections,
			LODE_NO_OFFSET);
		CHECK_EQ(f.image.nsections, nsections);
	}
	CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_OK);
	file_free(&f);
}

/** LODE_OPEN_NATIVE: class, byte order and version are what the caller says, as Linux has it. */
static void test_native(void)
{
	static struct file f;
	struct lode_open_options options = {.flags = LODE_OPEN_NATIVE, .segments = f.segments, .max_segments = FILE_ENTRIES};

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "static", encoding_class(k), encoding_data(k), 0);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_ident[EI_CLASS]", 77);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_ident[EI_DATA]", 88);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_ident[EI_VERSION]", 99);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_version", 0x12345678);
		options.class_ = encoding_class(k);
		options.data = encoding_data(k);
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_OK);
		CHECK_EQ(f.image.class_, encoding_class(k));
		CHECK_EQ(f.image.data, encoding_data(k));
		CHECK_EQ(f.image.ident_version, 99);
		CHECK_EQ(f.image.version, 0x12345678);
		CHECK_EQ(f.image.entry, 0x400800);
		CHECK_EQ(f.segments[1].vaddr, 0x403400);
		options.flags = 0;
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_ERR_MALFORMED);
		CHECK_EQ(f.why.rule, LODE_RULE_HEADER_CLASS);
		options.flags = LODE_OPEN_NATIVE;
		options.class_ = 0;
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "header-class", LODE_FIELD_EHDR_CLASS, LODE_NO_INDEX, 0, LODE_CLASS64, 4);
		options.class_ = encoding_class(k);
		options.data = 3;
		CHECK_EQ(lode_open(&f.image, &f.source, &options, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "header-data", LODE_FIELD_EHDR_DATA, LODE_NO_INDEX, 3, LODE_DATA2MSB, 5);
	}
	file_free(&f);
}

/** The first check that fails is the one that is told: each prefix of a file is one clear refusal. */
static void test_prefixes(void)
{
	static struct file f;

	for (unsigned k = 0; k < 4; k++) {
		size_t whole, tables;

		file_sample(&f, "static", encoding_class(k), encoding_data(k), 0);
		whole = f.out.size;
		tables = (size_t)mkelf_get(&f.out, MKELF_EHDR, 0, "e_ehsize");
		for (size_t size = 0; size < whole; size++) {
			f.source.size = size;
			CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_ERR_MALFORMED);
			CHECK(size >= tables || f.why.rule == LODE_RULE_HEADER_TRUNCATED);
			CHECK(size < tables || f.why.rule == LODE_RULE_HEADER_PHTABLE || f.why.rule == LODE_RULE_HEADER_SHTABLE);
		}
		f.source.size = whole;
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	}
	file_free(&f);
}

/** A field of a structure has a place in the file; fields of other structures have none there. */
static void test_field_offsets(void)
{
	static const enum lode_field others[] = {LODE_FIELD_NONE, LODE_FIELD_COUNT_};
	static struct file f;

	file_sample(&f, "dynamic", LODE_CLASS32, LODE_DATA2LSB, 0);
	CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(lode_header_offset(&f.image, LODE_FIELD_EHDR_MAGIC), 0);
	CHECK_EQ(lode_header_offset(&f.image, LODE_FIELD_EHDR_SHSTRNDX), mkelf_at(&f.out, MKELF_EHDR, 0, "e_shstrndx"));
	CHECK_EQ(lode_header_offset(&f.image, LODE_FIELD_EHDR_MAGIC - 1), LODE_NO_OFFSET);
	CHECK_EQ(lode_header_offset(&f.image, LODE_FIELD_EHDR_SHSTRNDX + 1), LODE_NO_OFFSET);
	CHECK_EQ(lode_segment_offset(&f.image, 2, LODE_FIELD_PHDR_TYPE), mkelf_at(&f.out, MKELF_PHDR, 2, "p_type"));
	CHECK_EQ(lode_segment_offset(&f.image, 2, LODE_FIELD_PHDR_ALIGN), mkelf_at(&f.out, MKELF_PHDR, 2, "p_align"));
	CHECK_EQ(lode_segment_offset(&f.image, 2, LODE_FIELD_PHDR_TYPE - 1), LODE_NO_OFFSET);
	CHECK_EQ(lode_segment_offset(&f.image, 2, LODE_FIELD_PHDR_ALIGN + 1), LODE_NO_OFFSET);
	CHECK_EQ(lode_section_offset(&f.image, 1, LODE_FIELD_SHDR_NAME), mkelf_at(&f.out, MKELF_SHDR, 1, "sh_name"));
	CHECK_EQ(lode_section_offset(&f.image, 1, LODE_FIELD_SHDR_ENTSIZE), mkelf_at(&f.out, MKELF_SHDR, 1, "sh_entsize"));
	CHECK_EQ(lode_section_offset(&f.image, 1, LODE_FIELD_SHDR_NAME - 1), LODE_NO_OFFSET);
	CHECK_EQ(lode_section_offset(&f.image, 1, LODE_FIELD_SHDR_ENTSIZE + 1), LODE_NO_OFFSET);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		CHECK_EQ(lode_header_offset(&f.image, others[i]), LODE_NO_OFFSET);
		CHECK_EQ(lode_segment_offset(&f.image, 2, others[i]), LODE_NO_OFFSET);
		CHECK_EQ(lode_section_offset(&f.image, 1, others[i]), LODE_NO_OFFSET);
	}
	file_free(&f);
}

/** Words and table entries are as large as the class makes them. */
static void test_sizes(void)
{
	static struct file f;

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), 0);
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_word_size(&f.image), f.image.class_ == LODE_CLASS64 ? 8 : 4);
		CHECK_EQ(2 * lode_word_size(&f.image), f.out.parts[MKELF_DYN].entsize);
		CHECK_EQ(lode_symbol_size(&f.image), f.out.parts[MKELF_SYM].entsize);
		CHECK_EQ(lode_rel_size(&f.image, false), f.image.class_ == LODE_CLASS64 ? 16 : 8);
		CHECK_EQ(lode_rel_size(&f.image, true), f.image.class_ == LODE_CLASS64 ? 24 : 12);
	}
	file_free(&f);
}

/** Each field's value is what the file holds at its offset, however it is encoded; a field of another structure has none. */
static void test_field_values(void)
{
	static const enum lode_field others[] = {
		LODE_FIELD_NONE, LODE_FIELD_SPAN, LODE_FIELD_SECTION_INDEX, LODE_FIELD_NOTE_NAMESZ};
	static struct file f;

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), 0);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_flags", 0x12345678);
		mkelf_set(&f.out, MKELF_PHDR, 2, "p_paddr", 0x23456789);
		for (unsigned i = 0; i < 2; i++) /* fields that are 0 in every good file */
			mkelf_set(&f.out, MKELF_SHDR, 0, i ? "sh_flags" : "sh_entsize", 0x3456789a);
		CHECK_EQ(file_open(&f, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(lode_header_value(&f.image, LODE_FIELD_EHDR_MAGIC), 0x7f454c46);
		for (unsigned field = LODE_FIELD_EHDR_CLASS; field <= LODE_FIELD_EHDR_SHSTRNDX; field++)
			CHECK_EQ(lode_header_value(&f.image, field), mkelf_get(&f.out, MKELF_EHDR, 0, lode_field_name(field)));
		for (uint32_t i = 0; i < f.image.nsegments; i++)
			for (unsigned field = LODE_FIELD_PHDR_TYPE; field <= LODE_FIELD_PHDR_ALIGN; field++)
				CHECK_EQ(lode_segment_value(&f.image, i, field),
					mkelf_get(&f.out, MKELF_PHDR, i, lode_field_name(field)));
		for (uint32_t i = 0; i < f.image.nsections; i++)
			for (unsigned field = LODE_FIELD_SHDR_NAME; field <= LODE_FIELD_SHDR_ENTSIZE; field++)
				CHECK_EQ(lode_section_value(&f.image, i, field),
					mkelf_get(&f.out, MKELF_SHDR, i, lode_field_name(field)));
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		CHECK_EQ(lode_header_value(&f.image, others[i]), 0);
		CHECK_EQ(lode_segment_value(&f.image, 2, others[i]), 0);
		CHECK_EQ(lode_section_value(&f.image, 1, others[i]), 0);
	}
	file_free(&f);
}

int main(void)
{
	CASE(test_field_offsets);
	CASE(test_field_values);
	CASE(test_sizes);
	test_decoding();
	CASE(test_order);
	CASE(test_sorting);
	CASE(test_extended_numbering);
	CASE(test_single_escapes);
	CASE(test_empty_sections);
	CASE(test_single_bytes);
	CASE(test_plain_numbering);
	CASE(test_sections_on_request);
	CASE(test_header_only);
	CASE(test_room);
	CASE(test_native);
	CASE(test_prefixes);
	return check_done();
}
