/* SPDX-License-Identifier: MIT */
/* A search through the file parts of all loaded segments, in order of address. */
#ifndef LODE_START_SCAN_H
#define LODE_START_SCAN_H

#include "start.h"

enum { LODE_SCAN_PIECE_ = 1024, LODE_SCAN_PATTERN_ = 16 };

/* What to look for: 16 bytes at multiples of step in memory. */
struct lode_scan_ {
	const struct lode_image *image;
	unsigned char pattern[LODE_SCAN_PATTERN_];
	uint32_t step;
	/* what the caller's function gets */
	int (*hit)(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why);
	void *context;
};

/* Calls hit for each place; ends when it returns something else than 0, and returns that. */
int lode_scan_(const struct lode_scan_ *scan, struct lode_diag *why);
/* Bytes of the file behind a virtual address; those that the file part does not have are zero. */
int lode_start_read_loaded_(unsigned char *bytes, const struct lode_image *image, struct lode_range range, struct lode_diag *why);
/* A pointer in the image once it is relocated, moved by bias; 0 if there is none. */
int lode_start_loaded_pointer_(uint64_t *pointer, const struct lode_image *image, uint64_t vaddr, uint64_t bias,
	struct lode_diag *why);

#endif
