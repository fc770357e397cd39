/* SPDX-License-Identifier: MIT */
/* A plan -> an SVG picture: the file to the left, memory to the right, ribbons from the bytes to their addresses. */
#include "svg.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const double TOP = 112, GAP = 30, LABEL = 17, PAD = 10;

/* The picture's height grows with the logarithm of the size: a page and a gigabyte must both be legible. */
static double height_of(uint64_t bytes)
{
	double height = 22;

	for (uint64_t pages = bytes >> 12; pages > 0; pages >>= 1)
		height += 7;
	return height;
}

static double band_height(const struct band *band)
{
	double height = height_of(band->size), labels = (double)band->nlabels * LABEL + PAD;

	if (band->gap)
		return GAP;
	return height > labels ? height : labels;
}

static bool collect_bands(struct svg *svg)
{
	uint32_t next = 0;
	double y = TOP;

	svg->bands = calloc(SVG_BANDS, sizeof *svg->bands);
	svg->tops = calloc(SVG_BANDS, sizeof *svg->tops);
	if (!svg->bands || !svg->tops)
		return false;
	while (svg->nbands < SVG_BANDS && picture_next_band(&svg->bands[svg->nbands], svg->show, &next)) {
		svg->tops[svg->nbands] = y;
		y += band_height(&svg->bands[svg->nbands++]);
	}
	svg->bottom = y;
	return true;
}

double svg_band_height(const struct svg *svg, uint32_t i)
{
	return band_height(&svg->bands[i]) * svg->stretch;
}

double svg_y(const struct svg *svg, uint32_t i, uint64_t addr)
{
	const struct band *band = &svg->bands[i];

	return svg->tops[i] + svg_band_height(svg, i) * ((double)(addr - band->addr) / (double)band->size);
}

static uint64_t segment_addr(const struct svg *svg, const struct lode_segment *segment)
{
	return (svg->show->policy.domain == LODE_PHYSICAL ? segment->paddr : segment->vaddr) + svg->show->plan.bias;
}

/* The piece of [addr, addr + size) that lies in the band. */
static bool cut(struct lode_range *piece, const struct band *band, uint64_t addr, uint64_t size)
{
	uint64_t end = addr + size, band_end = band->addr + band->size;

	piece->addr = addr > band->addr ? addr : band->addr;
	/* Ends may be 0, the end of the address space: compare last bytes. */
	if (size == 0 || end - 1 < band->addr || band_end - 1 < addr)
		return false;
	piece->size = (end - 1 < band_end - 1 ? end : band_end) - piece->addr;
	return piece->size > 0;
}

static void add_piece(struct svg *svg, uint32_t band, const struct lode_range *piece, bool zero, uint64_t offset)
{
	struct svg_piece *to = &svg->pieces[svg->npieces];

	if (svg->npieces == SVG_PIECES)
		return;
	*to = (struct svg_piece){.band = band, .addr = piece->addr, .size = piece->size, .zero = zero, .offset = offset};
	svg->npieces++;
}

static bool collect_pieces(struct svg *svg)
{
	svg->pieces = calloc(SVG_PIECES, sizeof *svg->pieces);
	if (!svg->pieces)
		return false;
	for (uint32_t b = 0; b < svg->nbands; b++) {
		const struct band *band = &svg->bands[b];

		for (uint32_t i = 0; i < band->nsegments; i++) {
			const struct lode_segment *segment = &svg->show->file.image.segments[band->segments[i]];
			uint64_t begin = segment_addr(svg, segment);
			struct lode_range piece;

			if (cut(&piece, band, begin, segment->filesz))
				add_piece(svg, b, &piece, false, segment->offset + (piece.addr - begin));
			if (cut(&piece, band, begin + segment->filesz, segment->memsz - segment->filesz))
				add_piece(svg, b, &piece, true, 0);
		}
	}
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct svg_part *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Parts of the file: those that are loaded, in file order, and what lies between them. */
static bool collect_parts(struct svg *svg)
{
	uint64_t done = 0, size = svg->show->file.image.source->size;
	struct svg_part *loaded = calloc(SVG_PIECES, sizeof *loaded);
	uint32_t n = 0;

	svg->parts = calloc(2 * SVG_PIECES + 2, sizeof *svg->parts);
	if (!loaded || !svg->parts) {
		free(loaded);
		return false;
	}
	for (uint32_t i = 0; i < svg->npieces; i++)
		if (!svg->pieces[i].zero)
			loaded[n++] = (struct svg_part){
				.offset = svg->pieces[i].offset, .size = svg->pieces[i].size, .piece = i, .loaded = true};
	qsort(loaded, n, sizeof *loaded, by_offset);
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t begin = i < n ? loaded[i].offset : size;

		if (begin > done)
			svg->parts[svg->nparts++] = (struct svg_part){.offset = done, .size = begin - done};
		if (i == n)
			break;
		svg->parts[svg->nparts++] = loaded[i];
		if (loaded[i].offset + loaded[i].size > done)
			done = loaded[i].offset + loaded[i].size;
	}
	free(loaded);
	return true;
}

/* Small rests between parts get a thin line, the rest of the file a block. */
static void place_parts(struct svg *svg)
{
	double y = TOP;

	for (uint32_t i = 0; i < svg->nparts; i++) {
		struct svg_part *part = &svg->parts[i];

		part->height = part->loaded || part->size >= 4096 ? height_of(part->size) * (part->loaded ? 1.0 : 0.6) : 8;
		part->y = y;
		y += part->height + 2;
	}
	/* Stretched to the height of the memory, so that ribbons run level where they can. */
	if (svg->nparts > 0 && y < svg->bottom) {
		double stretch = (svg->bottom - TOP) / (y - TOP);

		for (uint32_t i = 0; i < svg->nparts; i++) {
			svg->parts[i].y = TOP + (svg->parts[i].y - TOP) * stretch;
			svg->parts[i].height *= stretch;
		}
		y = svg->bottom;
	}
	svg->file_bottom = y;
	if (y <= svg->bottom)
		return;
	svg->stretch = (y - TOP) / (svg->bottom - TOP);
	svg->bottom = y;
	for (uint32_t i = 0; i < svg->nbands; i++)
		svg->tops[i] = TOP + (svg->tops[i] - TOP) * svg->stretch;
}

/* An ELF file that is named where a picture belongs is what was to be shown. */
static bool may_take(const char *path)
{
	static const char *const begins[] = {"<svg", "<?xml"};

	return output_may_replace(path, begins, sizeof begins / sizeof *begins);
}

int show_svg_write(const struct show *show, const char *path)
{
	struct svg svg = {.show = show, .stretch = 1};
	int status = -1;

	if (show->plan_why.rule == LODE_RULE_HEADER_TYPE || show->kind.id == KIND_DEBUG) {
		complain(show->file.input.name, "%s%s has no picture: nothing in it has an address", show->kind.article,
			show->kind.words);
		return -1;
	}
	if (show->plan_why.status != LODE_OK) {
		complain_diag(show->file.input.name, &show->plan_why, file_inside(&show->file));
		return -1;
	}
	if (!may_take(path)) {
		complain(path, "is no SVG: the picture does not take its place");
		return -1;
	}
	if (!collect_bands(&svg) || !collect_pieces(&svg) || !collect_parts(&svg)) {
		complain(path, "no memory for the picture");
	} else {
		place_parts(&svg);
		svg.out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
		if (!svg.out) {
			complain(path, "%m");
		} else {
			svg_draw(&svg);
			status = ferror(svg.out) ? -1 : 0;
			if (svg.out != stdout && fclose(svg.out) != 0)
				status = -1;
			if (status != 0)
				complain(path, "%m");
		}
	}
	free(svg.bands);
	free(svg.tops);
	free(svg.pieces);
	free(svg.parts);
	return status;
}
