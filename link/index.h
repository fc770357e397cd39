/* SPDX-License-Identifier: MIT */
/* Memory of an index that is made, and sets of addresses. Not for embedders. */
#ifndef LODE_LINK_INDEX_H
#define LODE_LINK_INDEX_H

#include "types.h"

struct index_pen {
	unsigned char *at;
	size_t left;
};

static inline void *index_take(struct index_pen *pen, uint64_t size)
{
	void *at = pen->at;

	if (size > pen->left || ((pen->left - size) & ~(size_t)15) > pen->left)
		return NULL;
	size = min_u64(align_up(size, 16), pen->left);
	pen->at += size;
	pen->left -= (size_t)size;
	return at;
}

/* Addresses, each once: open addressing, no entry is 0. They can be made so that all belong in one place: then no steps are left,
 * and what the set says is of no use. */
struct index_set {
	uint64_t *words;
	uint64_t mask, left;
};

static inline bool index_make_set(struct index_set *set, struct index_pen *pen, uint64_t most)
{
	enum { STEPS = 64 };
	uint64_t count = 64;

	while (count < 2 * most)
		count *= 2;
	set->mask = count - 1;
	set->left = STEPS * count;
	set->words = index_take(pen, count * sizeof *set->words);
	if (set->words)
		memset(set->words, 0, (size_t)count * sizeof *set->words);
	return set->words;
}

static inline uint64_t *index_place_in(struct index_set *set, uint64_t word)
{
	uint64_t i = (word * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & set->mask;

	for (; set->words[i] != 0 && set->words[i] != word && set->left > 0; set->left--)
		i = (i + 1) & set->mask;
	return &set->words[i];
}

static inline bool index_is_in(struct index_set *set, uint64_t word)
{
	return *index_place_in(set, word) != 0;
}

/* False: it was there. */
static inline bool index_add(struct index_set *set, uint64_t word)
{
	uint64_t *at = index_place_in(set, word);
	bool new = *at == 0;

	*at = word;
	return new;
}

#endif
