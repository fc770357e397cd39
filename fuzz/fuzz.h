/* SPDX-License-Identifier: MIT */
/* What every fuzz target defines, and what they share. A target aborts if a promise is broken; its inputs are files of
 * fuzz/corpus. */
#ifndef LODE_FUZZ_H
#define LODE_FUZZ_H

#include <hostile.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The library's own mutator; only where libFuzzer is linked. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Bytes as a source of decisions; behind the end all is 0. */
struct fuzz_tape {
	const uint8_t *at, *end;
};
static inline uint32_t fuzz_take(struct fuzz_tape *tape, unsigned bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | (tape->at < tape->end ? *tape->at++ : 0u);
	return value;
}

/* A number that depends on all bytes, to choose by without taking any away. */
static inline unsigned long fuzz_choice(const uint8_t *data, size_t size)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619u;
	return hash >> 4;
}

#endif
