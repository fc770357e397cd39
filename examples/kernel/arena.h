/* SPDX-License-Identifier: MIT */
/* The kernel's memory for modules, as a space that Lode places images into. */
#ifndef ARENA_H
#define ARENA_H

#include <lode/lode.h>

struct arena {
	unsigned char *memory; /* page-aligned; all zero while nothing is loaded */
	uint64_t size;
	struct lode_range span; /* of the module */
	bool broken;            /* for the demonstration: permissions cannot be set */
};

struct lode_space arena_space(struct arena *arena);

#endif
