/* SPDX-License-Identifier: MIT */
/* bytes -> image: ELF header, program headers and section headers are decoded once, checked, and not looked at again. */
#include "core.h"

enum { IDENT = 16, EHDR32 = 52, EHDR64 = 64, PHDR32 = 32, PHDR64 = 56, SHDR32 = 40, SHDR64 = 64 };

static bool class_known(uint8_t class_)
{
	return class_ == LODE_CLASS32 || class_ == LODE_CLASS64;
}

static bool data_known(uint8_t data)
{
	return data == LODE_DATA2LSB || data == LODE_DATA2MSB;
}

/* e_ident; with LODE_OPEN_NATIVE the caller's class and byte order stand in for what it says. */
static int read_ident(struct lode_image *image, const struct lode_open_options *options, struct lode_diag *why)
{
	const bool native = options->flags & LODE_OPEN_NATIVE;
	unsigned char ident[IDENT];
	int status;

	if (image->source->size < IDENT)
		return lode_refuse_(why, LODE_RULE_HEADER_TRUNCATED, lode_nowhere_(LODE_FIELD_FILE, image->source->size, EHDR32));
	status = lode_source_read(ident, image->source, 0, sizeof ident, why);
	if (status != LODE_OK)
		return status;
	if (memcmp(ident, "\177ELF", 4) != 0) {
		struct lode_cursor cursor = {.at = ident, .big = true};

		return lode_refuse_(why, LODE_RULE_HEADER_MAGIC,
			lode_at_header_(image, LODE_FIELD_EHDR_MAGIC, lode_take32_(&cursor), 0x7f454c46));
	}
	image->ident_version = ident[6];
	image->osabi = ident[7];
	image->abiversion = ident[8];
	image->class_ = native ? options->class_ : ident[4];
	image->data = native ? options->data : ident[5];
	if (!class_known(image->class_))
		return lode_refuse_(why, LODE_RULE_HEADER_CLASS,
			lode_at_header_(image, LODE_FIELD_EHDR_CLASS, image->class_, LODE_CLASS64));
	if (!data_known(image->data))
		return lode_refuse_(why, LODE_RULE_HEADER_DATA,
			lode_at_header_(image, LODE_FIELD_EHDR_DATA, image->data, LODE_DATA2MSB));
	if (!native && ident[6] != 1)
		return lode_refuse_(why, LODE_RULE_HEADER_VERSION,
			lode_at_header_(image, LODE_FIELD_EHDR_IDENT_VERSION, ident[6], 1));
	return LODE_OK;
}

/* The counts still as the header has them: read_section_zero() resolves what does not fit there. */
static int read_header(struct lode_image *image, struct lode_diag *why)
{
	unsigned char raw[EHDR64 - IDENT];
	uint32_t size = image_wide(image) ? EHDR64 : EHDR32;
	struct lode_cursor cursor = image_cursor(image, raw);
	int status;

	if (image->source->size < size)
		return lode_refuse_(why, LODE_RULE_HEADER_TRUNCATED, lode_nowhere_(LODE_FIELD_FILE, image->source->size, size));
	status = lode_source_read(raw, image->source, IDENT, size - IDENT, why);
	if (status != LODE_OK)
		return status;
	image->type = lode_take16_(&cursor);
	image->machine = lode_take16_(&cursor);
	image->version = lode_take32_(&cursor);
	image->entry = lode_take_word_(&cursor);
	image->phoff = lode_take_word_(&cursor);
	image->shoff = lode_take_word_(&cursor);
	image->flags = lode_take32_(&cursor);
	image->ehsize = lode_take16_(&cursor);
	image->phentsize = lode_take16_(&cursor);
	image->nsegments = lode_take16_(&cursor);
	image->shentsize = lode_take16_(&cursor);
	image->nsections = lode_take16_(&cursor);
	image->shstrndx = lode_take16_(&cursor);
	return LODE_OK;
}

static struct lode_section decode_section(struct lode_cursor cursor)
{
	struct lode_section section;

	section.name = lode_take32_(&cursor);
	section.type = lode_take32_(&cursor);
	section.flags = lode_take_word_(&cursor);
	section.addr = lode_take_word_(&cursor);
	section.offset = lode_take_word_(&cursor);
	section.size = lode_take_word_(&cursor);
	section.link = lode_take32_(&cursor);
	section.info = lode_take32_(&cursor);
	section.addralign = lode_take_word_(&cursor);
	section.entsize = lode_take_word_(&cursor);
	return section;
}

static int read_section(struct lode_section *section, const struct lode_image *image, uint32_t index, struct lode_diag *why)
{
	unsigned char raw[SHDR64];
	int status = lode_source_read(raw, image->source, image->shoff + (uint64_t)index * image->shentsize, image->shentsize, why);

	if (status == LODE_OK)
		*section = decode_section(image_cursor(image, raw));
	return status;
}

/* Table entries lie in the file; index and size are 32-bit and 16-bit, so the product cannot wrap. */
static bool table_fits(const struct lode_image *image, uint64_t offset, uint32_t count, uint32_t entry)
{
	return within(offset, (uint64_t)count * entry, image->source->size);
}

static int check_section_table(const struct lode_image *image, uint32_t count, struct lode_diag *why)
{
	uint32_t size = image_wide(image) ? SHDR64 : SHDR32;

	if (image->shentsize != size)
		return lode_refuse_(why, LODE_RULE_HEADER_SHENTSIZE,
			lode_at_header_(image, LODE_FIELD_EHDR_SHENTSIZE, image->shentsize, size));
	if (!table_fits(image, image->shoff, count, size))
		return lode_refuse_(why, LODE_RULE_HEADER_SHTABLE, lode_no_fit_(image,
			&(struct lode_header_table_){image->shoff, count, size, LODE_FIELD_EHDR_SHOFF, LODE_FIELD_EHDR_SHNUM}));
	return LODE_OK;
}

/* Section header 0, if it had to be read before the other headers: no header is read twice. */
struct zero {
	struct lode_section section;
	bool known;
};

/* Counts that do not fit the header stand in section header 0. Where all fit, it waits its turn: tables
 * come in the file's order. */
static int read_section_zero(struct zero *zero, struct lode_image *image, uint32_t flags, struct lode_diag *why)
{
	bool many_segments = image->nsegments == LODE_PN_XNUM;
	bool many_sections = image->nsections == 0 || image->shstrndx == LODE_SHN_XINDEX;
	bool wanted = many_segments || (many_sections && (flags & LODE_OPEN_SECTIONS));
	int status;

	if (image->shoff == 0) {
		if (many_segments)
			return lode_refuse_(why, LODE_RULE_HEADER_PHNUM,
				lode_at_header_(image, LODE_FIELD_EHDR_PHNUM, LODE_PN_XNUM, 0));
		image->nsections = 0;
		image->shstrndx = 0;
		return LODE_OK;
	}
	if (!wanted)
		return LODE_OK;
	status = check_section_table(image, 1, why);
	if (status == LODE_OK)
		status = read_section(&zero->section, image, 0, why);
	if (status != LODE_OK)
		return status;
	zero->known = true;
	if (many_segments)
		image->nsegments = zero->section.info;
	if (image->nsections == 0)
		image->nsections = zero->section.size < UINT32_MAX ? (uint32_t)zero->section.size : UINT32_MAX;
	if (image->shstrndx == LODE_SHN_XINDEX)
		image->shstrndx = zero->section.link;
	return LODE_OK;
}

static struct lode_segment decode_segment(struct lode_cursor cursor)
{
	struct lode_segment segment;

	segment.type = lode_take32_(&cursor);
	if (cursor.wide)
		segment.flags = lode_take32_(&cursor);
	segment.offset = lode_take_word_(&cursor);
	segment.vaddr = lode_take_word_(&cursor);
	segment.paddr = lode_take_word_(&cursor);
	segment.filesz = lode_take_word_(&cursor);
	segment.memsz = lode_take_word_(&cursor);
	if (!cursor.wide)
		segment.flags = lode_take32_(&cursor);
	segment.align = lode_take_word_(&cursor);
	segment.by_vaddr = segment.by_paddr = 0;
	segment.reach = 0;
	return segment;
}

static int check_load(const struct lode_image *image, uint32_t index, struct lode_diag *why)
{
	const struct lode_segment *segment = &image->segments[index];

	if (segment->filesz > segment->memsz)
		return lode_refuse_(why, LODE_RULE_SEGMENT_SIZE,
			lode_at_segment_(image, index, LODE_FIELD_PHDR_FILESZ, segment->memsz));
	if (segment->filesz > 0 && !within(segment->offset, segment->filesz, image->source->size))
		return lode_refuse_(why, LODE_RULE_SEGMENT_PAST_END, lode_past_end_(image, index));
	if (segment->memsz > 0 && !within(segment->vaddr, segment->memsz - 1, image_last_addr(image)))
		return lode_refuse_(why, LODE_RULE_SEGMENT_WRAP,
			lode_at_segment_(image, index, LODE_FIELD_PHDR_VADDR, image_last_addr(image)));
	return LODE_OK;
}

static int read_segment(struct lode_image *image, uint32_t index, struct lode_diag *why)
{
	unsigned char raw[PHDR64];
	struct lode_segment *segment = &image->segments[index];
	int status = lode_source_read(raw, image->source, image->phoff + (uint64_t)index * image->phentsize, image->phentsize, why);

	if (status != LODE_OK)
		return status;
	*segment = decode_segment(image_cursor(image, raw));
	return segment->type == LODE_PT_LOAD ? check_load(image, index, why) : LODE_OK;
}

static int check_segment_table(const struct lode_image *image, struct lode_diag *why)
{
	uint32_t size = image_wide(image) ? PHDR64 : PHDR32;

	if (image->phentsize != size)
		return lode_refuse_(why, LODE_RULE_HEADER_PHENTSIZE,
			lode_at_header_(image, LODE_FIELD_EHDR_PHENTSIZE, image->phentsize, size));
	if (!table_fits(image, image->phoff, image->nsegments, size))
		return lode_refuse_(why, LODE_RULE_HEADER_PHTABLE, lode_no_fit_(image,
			&(struct lode_header_table_){image->phoff, image->nsegments, size, LODE_FIELD_EHDR_PHOFF,
				LODE_FIELD_EHDR_PHNUM}));
	return LODE_OK;
}

static int read_segments(struct lode_image *image, struct lode_diag *why)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		int status = read_segment(image, i, why);

		if (status != LODE_OK)
			return status;
	}
	lode_segments_sort_(image);
	return LODE_OK;
}

static int check_section(const struct lode_image *image, uint32_t index, struct lode_diag *why)
{
	const struct lode_section *section = &image->sections[index];
	uint64_t size = image->source->size;

	if (section->type == LODE_SHT_NOBITS || section->type == LODE_SHT_NULL || section->size == 0)
		return LODE_OK;
	if (within(section->offset, section->size, size))
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_SECTION_PAST_END, section->offset < size ?
		lode_at_section_(image, index, LODE_FIELD_SHDR_SIZE, section->size, size - section->offset) :
		lode_at_section_(image, index, LODE_FIELD_SHDR_OFFSET, section->offset, size));
}

static int read_sections(struct lode_image *image, const struct zero *zero, struct lode_diag *why)
{
	for (uint32_t i = 0; i < image->nsections; i++) {
		int status = LODE_OK;

		if (i == 0 && zero->known)
			image->sections[0] = zero->section;
		else
			status = read_section(&image->sections[i], image, i, why);
		if (status == LODE_OK && i > 0)
			status = check_section(image, i, why);
		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}

static int check_sections(const struct lode_image *image, struct lode_diag *why)
{
	int status;

	if (image->nsections == 0)
		return LODE_OK;
	status = check_section_table(image, image->nsections, why);
	if (status == LODE_OK && image->shstrndx >= image->nsections)
		return lode_refuse_(why, LODE_RULE_HEADER_SHSTRNDX,
			lode_at_header_(image, LODE_FIELD_EHDR_SHSTRNDX, image->shstrndx, image->nsections));
	return status;
}

static int check_room(const struct lode_image *image, const struct lode_open_options *options, struct lode_diag *why)
{
	if (image->nsegments > options->max_segments)
		return lode_refuse_(why, LODE_RULE_ROOM_SEGMENTS,
			lode_nowhere_(LODE_FIELD_OPEN_SEGMENTS, options->max_segments, image->nsegments));
	if ((options->flags & LODE_OPEN_SECTIONS) && image->nsections > options->max_sections)
		return lode_refuse_(why, LODE_RULE_ROOM_SECTIONS,
			lode_nowhere_(LODE_FIELD_OPEN_SECTIONS, options->max_sections, image->nsections));
	return LODE_OK;
}

/* Everything but the tables themselves. */
static int read_counts(struct lode_image *image, struct zero *zero, const struct lode_open_options *options, struct lode_diag *why)
{
	int status = read_ident(image, options, why);

	if (status == LODE_OK)
		status = read_header(image, why);
	if (status == LODE_OK && image->version != 1 && !(options->flags & LODE_OPEN_NATIVE))
		return lode_refuse_(why, LODE_RULE_HEADER_VERSION,
			lode_at_header_(image, LODE_FIELD_EHDR_VERSION, image->version, 1));
	if (status == LODE_OK)
		status = read_section_zero(zero, image, options->flags, why);
	if (status == LODE_OK && image->nsegments > 0)
		status = check_segment_table(image, why);
	if (status == LODE_OK && (options->flags & LODE_OPEN_SECTIONS))
		status = check_sections(image, why);
	return status;
}

int lode_open(struct lode_image *image, const struct lode_source *source, const struct lode_open_options *options,
	struct lode_diag *why)
{
	static const struct lode_open_options header_only;
	struct zero zero = {.known = false};
	bool tables = options;
	int status;

	*image = (struct lode_image){.source = source};
	if (!tables)
		options = &header_only;
	status = read_counts(image, &zero, options, why);
	if (status != LODE_OK || !tables)
		return status;
	status = check_room(image, options, why);
	if (status != LODE_OK)
		return status;
	image->segments = options->segments;
	status = read_segments(image, why);
	if (status != LODE_OK || !(options->flags & LODE_OPEN_SECTIONS))
		return status;
	image->sections = options->sections;
	return read_sections(image, &zero, why);
}
