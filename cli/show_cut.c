/* SPDX-License-Identifier: MIT */
/* A core that is cut short -> an image with all its program headers, and what is missing of it. */
#include "show.h"
#include "input.h"
#include <stdlib.h>
#include <string.h>

/* The file with a table of program headers of which none has bytes: that is what open takes. */
struct cut {
	const struct lode_source *base;
	uint64_t at, size;
	unsigned char *table;
};

static int read_cut(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct cut *cut = host;
	uint64_t from = offset > cut->at ? offset : cut->at, end = offset + size, table_end = cut->at + cut->size;
	uint64_t to = end < table_end ? end : table_end;

	if (lode_source_read(dst, cut->base, offset, size, NULL) != LODE_OK)
		return -1;
	if (from < to)
		memcpy((unsigned char *)dst + (from - offset), cut->table + (from - cut->at), (size_t)(to - from));
	return 0;
}

/* Each p_filesz is put away into sizes, and becomes 0 in the table. */
static void take_sizes(uint64_t *sizes, const struct cut *cut, const struct lode_image *image)
{
	unsigned word = lode_word_size(image), field = 4 * word;

	for (uint32_t i = 0; i < image->nsegments; i++) {
		unsigned char *filesz = cut->table + (size_t)i * image->phentsize + field;

		sizes[i] = load_number(filesz, word, image->data == LODE_DATA2MSB);
		memset(filesz, 0, word);
	}
}

static void count_missing(struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t size = image->source->size, end = size;

	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];
		uint64_t last = s->filesz > UINT64_MAX - s->offset ? UINT64_MAX : s->offset + s->filesz;

		if (s->filesz == 0 || last <= size)
			continue;
		show->missing.segments++;
		if (last > end)
			end = last;
	}
	show->missing.bytes = end - size;
}

static bool open_cut(struct show *show, struct cut *cut, uint64_t *sizes)
{
	struct lode_image *image = &show->file.image;
	const struct lode_source *base = image->source;
	struct lode_source source = {.size = base->size, .read = read_cut, .host = cut};
	struct lode_open_options options = {.flags = 0};

	if (!input_exact(&show->file.input, cut->table, cut->at, (size_t)cut->size) || !tables_make_room(&options, image))
		return false;
	take_sizes(sizes, cut, image);
	if (lode_open(image, &source, &options, NULL) != LODE_OK) {
		tables_free(&options);
		image->segments = NULL;
		return false;
	}
	image->source = base;
	for (uint32_t i = 0; i < image->nsegments; i++)
		image->segments[i].filesz = sizes[i];
	return true;
}

/* open has seen that the table lies in the file before it refused what the table says. */
bool show_cut_open(struct show *show)
{
	const struct lode_image *image = &show->file.image;
	struct cut cut = {&show->file.input.source, image->phoff, (uint64_t)image->nsegments * image->phentsize, NULL};
	uint64_t *sizes;
	bool good;

	if (show->file.why.rule != LODE_RULE_SEGMENT_PAST_END || image->type != LODE_ET_CORE || image->nsegments > HEADERS_MOST)
		return false;
	cut.table = malloc((size_t)cut.size);
	sizes = calloc(image->nsegments, sizeof *sizes);
	good = cut.table && sizes && open_cut(show, &cut, sizes);
	free(cut.table);
	free(sizes);
	if (good)
		count_missing(show);
	return good;
}
