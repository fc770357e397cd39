/* SPDX-License-Identifier: MIT */
/* A file that open refuses -> what can be read of it all the same: header, program headers and sections as they stand there. */
#include "show.h"
#include "bytes.h"
#include "input.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { IDENT = 16, EHDR32 = 52, EHDR64 = 64, MOST_FIELDS = 16 };

/* Sizes of a structure's fields in their order, for each class; 'w' is a word. */
static const char ehdr_sizes[] = "224www4222222", shdr_sizes[] = "44wwww44ww";
static const char phdr32_sizes[] = "44444444", phdr64_sizes[] = "44wwwwww";

static unsigned size_of(char size, bool wide)
{
	return size == 'w' ? (wide ? 8 : 4) : (unsigned)(size - '0');
}

static unsigned size_of_all(const char *sizes, bool wide)
{
	unsigned all = 0;

	for (; *sizes != '\0'; sizes++)
		all += size_of(*sizes, wide);
	return all;
}

static bool is_wide(const struct show *show)
{
	return show->file.image.class_ == LODE_CLASS64;
}

static bool read_fields(uint64_t values[MOST_FIELDS], const struct show *show, const char *sizes, uint64_t offset)
{
	unsigned char raw[8 * MOST_FIELDS];
	const unsigned char *at = raw;

	if (!input_exact(&show->file.input, raw, offset, size_of_all(sizes, is_wide(show))))
		return false;
	for (unsigned i = 0; sizes[i] != '\0'; i++) {
		values[i] = load_number(at, size_of(sizes[i], is_wide(show)), show->file.image.data == LODE_DATA2MSB);
		at += size_of(sizes[i], is_wide(show));
	}
	return true;
}

static bool table_there(const struct show *show, const char *sizes, uint64_t offset, uint32_t count, uint32_t entry)
{
	uint64_t size = (uint64_t)count * entry, file = show->file.input.source.size;

	return count > 0 && entry == size_of_all(sizes, is_wide(show)) && size <= file && offset <= file - size;
}

static void read_segments(struct show *show)
{
	struct lode_image *image = &show->file.image;
	const char *sizes = is_wide(show) ? phdr64_sizes : phdr32_sizes;
	uint64_t v[MOST_FIELDS];

	if (!table_there(show, sizes, image->phoff, image->nsegments, image->phentsize))
		return;
	image->segments = calloc(image->nsegments, sizeof *image->segments);
	for (uint32_t i = 0; image->segments && i < image->nsegments; i++) {
		if (!read_fields(v, show, sizes, image->phoff + (uint64_t)i * image->phentsize))
			return;
		image->segments[i] = is_wide(show)
			? (struct lode_segment){(uint32_t)v[0], (uint32_t)v[1], v[2], v[3], v[4], v[5], v[6], v[7], 0, 0, 0}
			: (struct lode_segment){(uint32_t)v[0], (uint32_t)v[6], v[1], v[2], v[3], v[4], v[5], v[7], 0, 0, 0};
	}
}

static void read_sections(struct show *show)
{
	struct lode_image *image = &show->file.image;
	uint64_t v[MOST_FIELDS];

	if (!table_there(show, shdr_sizes, image->shoff, image->nsections, image->shentsize))
		return;
	image->sections = calloc(image->nsections, sizeof *image->sections);
	if (!image->sections)
		return;
	for (uint32_t i = 0; i < image->nsections; i++) {
		if (!read_fields(v, show, shdr_sizes, image->shoff + (uint64_t)i * image->shentsize))
			break;
		image->sections[i] = (struct lode_section){(uint32_t)v[0], (uint32_t)v[1], v[2], v[3], v[4], v[5], (uint32_t)v[6],
			(uint32_t)v[7], v[8], v[9]};
	}
}

/* Class and byte order are taken as the file says them; versions are not asked for. */
static bool read_header(struct show *show, unsigned char ident[IDENT])
{
	struct input *input = &show->file.input;
	struct lode_open_options options = {.flags = LODE_OPEN_NATIVE | LODE_OPEN_SECTIONS};

	if (!input_exact(input, ident, 0, IDENT) || memcmp(ident, "\177ELF", 4) != 0)
		return false;
	options.class_ = ident[4];
	options.data = ident[5];
	if ((ident[4] != LODE_CLASS32 && ident[4] != LODE_CLASS64) || (ident[5] != LODE_DATA2LSB && ident[5] != LODE_DATA2MSB))
		return false;
	if (input->source.size < (ident[4] == LODE_CLASS64 ? EHDR64 : EHDR32))
		return false;
	lode_open(&show->file.image, &input->source, &options, NULL);
	show->file.image.segments = NULL;
	show->file.image.sections = NULL;
	return true;
}

static void print_fields(const struct show *show, const unsigned char ident[IDENT])
{
	static const char *const names[] = {"e_type", "e_machine", "e_version", "e_entry", "e_phoff", "e_shoff", "e_flags",
		"e_ehsize", "e_phentsize", "e_phnum", "e_shentsize", "e_shnum", "e_shstrndx"};
	uint64_t values[MOST_FIELDS];

	show_head(show, "ELF header");
	printf("  %-13s", "e_ident");
	for (unsigned i = 0; i < IDENT; i++)
		printf(" %02x", ident[i]);
	putchar('\n');
	if (!read_fields(values, show, ehdr_sizes, IDENT))
		return;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		printf("  %-13s 0x%" PRIx64 "\n", names[i], values[i]);
}

static void print_text(const struct show *show, const unsigned char ident[IDENT])
{
	show_identity_print(show);
	if (show->wishes.quiet)
		return;
	print_fields(show, ident);
	show_segments_print(show);
	if (show->file.image.sections)
		show_sections_print(show);
}

void show_refused(struct show *show)
{
	unsigned char ident[IDENT];

	if (!read_header(show, ident))
		return;
	read_segments(show);
	read_sections(show);
	show->dynamic_why = show->file.why;
	show->plan_why = show->file.why;
	snprintf(show->kind.words, sizeof show->kind.words, "ELF file that is refused");
	if (show->wishes.json)
		show_json_refused(show);
	else
		print_text(show, ident);
}
