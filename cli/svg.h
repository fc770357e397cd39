/* SPDX-License-Identifier: MIT */
/* Between the layout of an SVG picture (svg.c) and its drawing (svg_draw.c). */
#ifndef LODE_CLI_SVG_H
#define LODE_CLI_SVG_H

#include "show.h"

enum { SVG_BANDS = 256, SVG_PIECES = 1024 };

/* Bytes of a segment in one band: of the file, or zeros. */
struct svg_piece {
	uint32_t band;
	bool zero;
	uint64_t addr, size, offset;
};

/* A part of the file; piece is its place in memory if it is loaded. */
struct svg_part {
	uint64_t offset, size;
	uint32_t piece;
	bool loaded;
	double y, height;
};

struct svg {
	const struct show *show;
	FILE *out;
	struct band *bands;
	double *tops; /* of the bands */
	uint32_t nbands;
	struct svg_piece *pieces;
	uint32_t npieces;
	struct svg_part *parts;
	uint32_t nparts;
	double stretch; /* of the bands, where the file is taller than the memory */
	double bottom, file_bottom;
};

double svg_band_height(const struct svg *svg, uint32_t i);
/* Where an address of band i lies in the picture. */
double svg_y(const struct svg *svg, uint32_t i, uint64_t addr);
void svg_draw(const struct svg *svg);

#endif
