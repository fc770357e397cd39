/* SPDX-License-Identifier: MIT */
/* Where a file can be lied in, and with which values. */
#ifndef LODE_TESTS_MUTATE_H
#define LODE_TESTS_MUTATE_H

#include <mkelf.h>

struct mutate_place {
	const char *name;
	uint64_t offset;
	unsigned width;
};

enum { MUTATE_VALUES = 40 };

/* Values at which arithmetic turns: 0, 1, 2^n and its neighbours, the file's size, the old value's neighbours; cut to
 * width, each once. */
unsigned mutate_values(uint64_t values[MUTATE_VALUES], uint64_t old, uint64_t size, unsigned width);
/* The index-th field of a file, over all entries of all its structures; width 0: it does not lie in the
 * file. False behind the last. */
bool mutate_place(struct mutate_place *place, const struct mkelf_out *out, uint32_t index);
/* How many there are. */
uint32_t mutate_places(const struct mkelf_out *out);
/* The index-th pair of fields that mean something together (offset and size); a width is 0: this one has
 * none. False behind the last. */
bool mutate_pair(struct mutate_place *a, struct mutate_place *b, const struct mkelf_out *out, uint32_t index);

#endif
