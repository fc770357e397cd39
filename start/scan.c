/* SPDX-License-Identifier: MIT */
/* A pattern -> the places where it lies in what will be loaded; and what stands there once the image is relocated. */
#include "scan.h"

#include <lode/dynamic.h>

enum { RELATIVE = 8, ABSOLUTE = 1 }; /* R_X86_64_RELATIVE, R_X86_64_64 */

/* Where a byte is, loaded and in the file. */
struct position {
	uint64_t vaddr, offset;
};

static int scan_piece(const struct lode_scan_ *scan, const unsigned char *piece, size_t have, struct position at,
	struct lode_diag *why)
{
	for (size_t i = (size_t)(-at.vaddr & (scan->step - 1)); i < LODE_SCAN_PIECE_ &&
		i + LODE_SCAN_PATTERN_ <= have; i += scan->step) {
		int status;

		if (piece[i] != scan->pattern[0] || memcmp(piece + i, scan->pattern, LODE_SCAN_PATTERN_) != 0)
			continue;
		status = scan->hit(scan->context, at.vaddr + i, at.offset + i, why);
		if (status != 0)
			return status;
	}
	return 0;
}

static int scan_segment(const struct lode_scan_ *scan, const struct lode_segment *segment, struct lode_diag *why)
{
	unsigned char piece[LODE_SCAN_PIECE_ + LODE_SCAN_PATTERN_];

	for (uint64_t at = 0; at < segment->filesz; at += LODE_SCAN_PIECE_) {
		uint64_t left = segment->filesz - at;
		size_t have = (size_t)(left < sizeof piece ? left : sizeof piece);
		int status = lode_source_read(piece, scan->image->source, segment->offset + at, have, why);

		if (status == LODE_OK)
			status = scan_piece(scan, piece, have, (struct position){segment->vaddr + at, segment->offset + at}, why);
		if (status != 0)
			return status;
	}
	return 0;
}

int lode_scan_(const struct lode_scan_ *scan, struct lode_diag *why)
{
	int status = 0;

	for (uint32_t k = 0; status == 0 && k < scan->image->nload; k++)
		status = scan_segment(scan, &scan->image->segments[scan->image->segments[k].by_vaddr], why);
	return status;
}

int lode_start_read_loaded_(unsigned char *bytes, const struct lode_image *image, struct lode_range range, struct lode_diag *why)
{
	memset(bytes, 0, (size_t)range.size);
	for (uint32_t k = 0; k < image->nload; k++) {
		const struct lode_segment *segment = &image->segments[image->segments[k].by_vaddr];
		uint64_t into = range.addr - segment->vaddr, left = segment->filesz - into;

		if (into >= segment->filesz) /* so is what lies below: no segment wraps */
			continue;
		return lode_source_read(bytes, image->source, segment->offset + into,
			(size_t)(left < range.size ? left : range.size), why);
	}
	return LODE_OK;
}

/* What a relocation puts there, before the bias is added. 1: there is one. */
static int relocated(uint64_t *value, const struct lode_image *image, const struct lode_dynamic *dynamic, uint64_t vaddr,
	struct lode_diag *why)
{
	struct lode_symbol symbol = {.value = 0};
	struct lode_rel rel;

	for (uint64_t i = 0; i < dynamic->rela.count; i++) {
		int status = lode_rel_read(&rel, image, &dynamic->rela, i, why);

		if (status != LODE_OK)
			return status;
		if (rel.offset != vaddr || (rel.type != RELATIVE && rel.type != ABSOLUTE))
			continue;
		if (rel.symbol != 0)
			status = lode_symbol_read(&symbol, image, &dynamic->symbols, rel.symbol, why);
		*value = rel.addend + symbol.value;
		return status == LODE_OK ? 1 : status;
	}
	return 0;
}

/* Tables of RELR leave the addend in place, those of RELA need not: then the table tells it. */
int lode_start_loaded_pointer_(uint64_t *pointer, const struct lode_image *image, uint64_t vaddr, uint64_t bias,
	struct lode_diag *why)
{
	struct lode_dynamic dynamic;
	unsigned char raw[8];
	int status = lode_start_read_loaded_(raw, image, (struct lode_range){vaddr, sizeof raw}, why);

	*pointer = le64(raw);
	if (status == LODE_OK && image->type == LODE_ET_DYN && lode_dynamic_open(&dynamic, image, NULL) == LODE_OK)
		status = relocated(pointer, image, &dynamic, vaddr, why);
	if (*pointer != 0)
		*pointer += bias;
	return status < 0 ? status : LODE_OK;
}
