/* SPDX-License-Identifier: MIT */
/* The file of an index. Numbers are LEB128, mostly distances from the one before. Not for embedders. */
#ifndef LODE_LINK_INDEX_FILE_H
#define LODE_LINK_INDEX_FILE_H

#include "types.h"

/*
 * byte 0   "LODEIDX\n"
 *      8   edition, 4 bytes       12  1: the program runs where it was linked; 2: some types were not read
 *     16   symbols, 4 bytes       20  source files, 4 bytes      24  places, 8 bytes
 *     32   first address, 8       40  size of the program, 8     48  relocations that were left out, 8
 *     56   hash of the code, 8    64  hash of what follows, 8
 *     72   types, 4 bytes         76  their parts, 4 bytes       80  places that refer to variables, 8
 *     88   source files: length, characters
 *          symbols: length, characters, address - last one's, size, type and 16 * constant, source file + 1, type of data or code
 *          places: (address - last one's) * 8 + 4 * (an addend follows) + kind, addend
 *          types: kind, detail, size, target, number of parts
 *          parts: length, characters, type, offset, bits
 */
enum { INDEX_EDITION = 2, INDEX_HEADER = 88, INDEX_FIXED = 1, INDEX_UNFINISHED = 2 };
#define INDEX_MAGIC "LODEIDX\n"
#define INDEX_HASH UINT64_C(0xcbf29ce484222325)

static inline uint64_t index_hash(uint64_t hash, const unsigned char *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

#endif
