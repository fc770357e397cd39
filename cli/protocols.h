/* SPDX-License-Identifier: MIT */
/* Boot protocols of an image: recognised in one way by every verb. */
#ifndef LODE_CLI_PROTOCOLS_H
#define LODE_CLI_PROTOCOLS_H

#include <lode/lode.h>

/* What the parsers of start/ find; a mark that is there and wrong counts. */
struct protocols {
	bool pvh, multiboot, multiboot2, limine, rust;
	bool partly; /* too large to be looked through: limine and rust are not known */
	uint64_t pvh_entry; /* 0: the note does not tell one */
};

void protocols_find(struct protocols *found, const struct lode_image *image);

#endif
