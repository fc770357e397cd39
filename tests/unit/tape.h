/* SPDX-License-Identifier: MIT */
/* Bytes in memory -> a source that is read through a callback, counts and remembers the reads, and can fail, change or shrink. */
#ifndef LODE_TESTS_TAPE_H
#define LODE_TESTS_TAPE_H

#include <stdlib.h>
#include <string.h>

#include <lode/image.h>

#define TAPE_NEVER UINT64_MAX

struct tape {
	const unsigned char *bytes;
	uint64_t size;
	unsigned char *seen;  /* how often each byte was read, at most 255 */
	uint64_t reads;       /* calls so far */
	uint64_t at;          /* end of the last read */
	uint64_t longest;     /* bytes of the longest read */
	bool backwards;       /* a read began before the end of an earlier one */
	bool forward_only;    /* such a read fails, as a pipe's would */
	uint64_t fail_at;     /* the read of this number fails */
	uint64_t change_at;   /* from the read of this number on all bytes are flipped */
};

static inline int tape_read_(void *host, void *dst, uint64_t offset, size_t size)
{
	struct tape *tape = host;
	unsigned char *to = dst;
	uint64_t number = tape->reads++;

	if (number == tape->fail_at || offset > tape->size || size > tape->size - offset)
		return -1;
	if (offset < tape->at) {
		tape->backwards = true;
		if (tape->forward_only)
			return -1;
	}
	tape->at = offset + size;
	if (size > tape->longest)
		tape->longest = size;
	for (size_t i = 0; i < size; i++) {
		to[i] = tape->bytes[offset + i];
		if (number >= tape->change_at)
			to[i] ^= 0xff;
		if (tape->seen[offset + i] < 255)
			tape->seen[offset + i]++;
	}
	return 0;
}

/** @known: the source knows its size; otherwise it is a pipe's. */
static inline struct lode_source tape_begin(struct tape *tape, const unsigned char *bytes, uint64_t size, bool known)
{
	*tape = (struct tape){.bytes = bytes, .size = size, .seen = calloc((size_t)size + 1, 1), .fail_at = TAPE_NEVER,
		.change_at = TAPE_NEVER};
	if (!tape->seen)
		abort();
	return (struct lode_source){.size = known ? size : LODE_SIZE_UNKNOWN, .read = tape_read_, .host = tape};
}

/** Bytes that were read more than once. */
static inline uint64_t tape_twice(const struct tape *tape)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < tape->size; i++)
		n += tape->seen[i] > 1;
	return n;
}

static inline uint64_t tape_bytes(const struct tape *tape)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < tape->size; i++)
		n += tape->seen[i] > 0;
	return n;
}

static inline void tape_end(struct tape *tape)
{
	free(tape->seen);
}

#endif
