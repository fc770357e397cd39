/* SPDX-License-Identifier: MIT */
/* Packed bytes in memory -> unpacked ones, for the two formats that are lists of blocks: LZ4's legacy frames and lzop's files. */
#include "input.h"
#include <stdlib.h>
#ifdef HAVE_LZ4
#include <lz4.h>
#endif
#ifdef HAVE_LZO
#include <lzo/lzo1x.h>
#endif

enum { MOST = 256 << 20 };
#define TOO_LONG "its packed bytes are more than lode takes at once in this format (256 MiB)"

#if defined HAVE_LZ4 || defined HAVE_LZO
/* Room for a whole block in one piece; the output's limit holds all the same. */
static unsigned char *block_room(struct output *output, size_t want)
{
	size_t got = 0;

	while (output->room - output->size < want) {
		size_t size = output->size;

		output->size = output->room;
		if (!output_room(output, 1, &got)) {
			output->size = size;
			return NULL;
		}
		output->size = size;
	}
	return output->bytes + output->size;
}

/* Their bytes are wanted in one piece, and a sparse file may say that it has any number of them. */
static const char *unpack_all(struct output *output, struct packed *packed,
	const char *(*unpack)(struct output *, const unsigned char *, size_t))
{
	size_t size = (size_t)packed->left;
	const char *wrong = UNPACK_UNREAD;
	unsigned char *in;

	if (packed->left > MOST)
		return TOO_LONG;
	in = malloc(size);
	if (!in)
		return UNPACK_NO_MEMORY;
	if (input_exact(packed->input, in, packed->at, size))
		wrong = unpack(output, in, size);
	free(in);
	return wrong;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}
#endif

#ifdef HAVE_LZ4
enum { LZ4_MAGIC = 0x184c2102, LZ4_BLOCK = 8 << 20 };

static const char *lz4_block(struct output *output, const unsigned char *in, size_t size)
{
	size_t at = 4;

	if (size < at)
		return UNPACK_CUT;
	/* A block is more than its length; four bytes alone are the size that Linux appends. */
	while (size - at > 4) {
		uint32_t packed = le32(in + at);
		size_t left = output->limit - output->size;
		unsigned char *to;
		int got;

		at += 4;
		if (packed == LZ4_MAGIC)
			continue;
		if (packed > size - at)
			return UNPACK_CUT;
		to = block_room(output, smaller(left, LZ4_BLOCK));
		if (!to)
			return UNPACK_NO_MEMORY;
		got = LZ4_decompress_safe((const char *)in + at, (char *)to, (int)packed, (int)smaller(left, LZ4_BLOCK));
		if (got < 0)
			return left < LZ4_BLOCK ? UNPACK_TOO_LARGE : UNPACK_DAMAGED;
		output->size += (size_t)got;
		at += packed;
	}
	return NULL;
}

const char *unpack_lz4(struct output *output, struct packed *packed)
{
	return unpack_all(output, packed, lz4_block);
}
#endif

#ifdef HAVE_LZO
#define LZOP_MAGIC "\211LZO\0\r\n\032\n"
enum {
	LZOP_MAGIC_SIZE = 9,
	LZOP_END = 4,
	LZOP_SMALLEST = 38, /* header that has a filter, up to the length of its name; without, all of it */
	LZOP_BLOCK = 64 << 20,
	ADLER_D = 1,
	ADLER_C = 2,
	EXTRA = 0x40,
	CRC_D = 0x100,
	CRC_C = 0x200,
	FILTER = 0x800
};

/* Offset of the first block behind lzop's header, 0 if it is cut short; *flags are the header's. */
static size_t lzop_header(uint32_t *flags, const unsigned char *in, size_t size)
{
	size_t at = LZOP_MAGIC_SIZE;
	bool level;

	if (size < LZOP_SMALLEST)
		return 0;
	level = (in[at] << 8 | in[at + 1]) >= 0x940;
	at += level ? 8 : 5; /* versions, method, level */
	*flags = be32(in + at);
	at += 12u + ((*flags & FILTER) ? 4u : 0u) + (level ? 4u : 0u); /* flags, filter, mode, times */
	at += 1u + in[at] + 4; /* name, checksum */
	if (size < at)
		return 0;
	if (*flags & EXTRA) {
		uint32_t extra;

		if (size - at < 8)
			return 0;
		extra = be32(in + at);
		if (extra > size - at - 8)
			return 0;
		at += 8 + (size_t)extra;
	}
	return at;
}

/* A block's lengths, and how many checksums stand behind them. */
struct lzop_block {
	uint32_t plain, packed, sums;
};

static struct lzop_block lzop_block(const unsigned char *in, uint32_t flags)
{
	struct lzop_block block = {be32(in), be32(in + 4), ((flags & ADLER_D) ? 1u : 0u) + ((flags & CRC_D) ? 1u : 0u)};

	if (block.packed < block.plain)
		block.sums += ((flags & ADLER_C) ? 1u : 0u) + ((flags & CRC_C) ? 1u : 0u);
	return block;
}

static const char *lzop_unpack_block(struct output *output, const unsigned char *in, const struct lzop_block *block)
{
	lzo_uint got = block->plain;
	unsigned char *to;

	if (block->plain > LZOP_BLOCK || block->packed > block->plain)
		return UNPACK_DAMAGED;
	if (block->plain > output->limit - output->size)
		return UNPACK_TOO_LARGE;
	to = block_room(output, block->plain);
	if (!to)
		return UNPACK_NO_MEMORY;
	if (block->packed == block->plain)
		__builtin_memcpy(to, in, block->plain);
	else if (lzo1x_decompress_safe(in, block->packed, to, &got, NULL) != LZO_E_OK || got != block->plain)
		return UNPACK_DAMAGED;
	output->size += block->plain;
	return NULL;
}

/* One member; *used are its bytes, with the end mark if it has one. */
static const char *lzop_member(struct output *output, const unsigned char *in, size_t size, size_t *used)
{
	uint32_t flags = 0;
	size_t at = lzop_header(&flags, in, size);

	if (at == 0)
		return UNPACK_CUT;
	while (size - at >= LZOP_END && be32(in + at) != 0) {
		struct lzop_block block;
		const char *wrong;

		if (size - at < 8)
			return UNPACK_CUT;
		block = lzop_block(in + at, flags);
		at += 8;
		if (size - at < 4 * block.sums || block.packed > size - at - 4 * block.sums)
			return UNPACK_CUT;
		at += 4 * block.sums;
		wrong = lzop_unpack_block(output, in + at, &block);
		if (wrong)
			return wrong;
		at += block.packed;
	}
	*used = size - at < LZOP_END ? size : at + LZOP_END;
	return NULL;
}

/* Files put one behind another are a file of this format; anything else behind the last one is passed over. */
static const char *lzop_members(struct output *output, const unsigned char *in, size_t size)
{
	const char *wrong;
	size_t used = 0;

	do {
		wrong = lzop_member(output, in, size, &used);
		in += used;
		size -= used;
	} while (!wrong && size > LZOP_MAGIC_SIZE && __builtin_memcmp(in, LZOP_MAGIC, LZOP_MAGIC_SIZE) == 0);
	return wrong;
}

const char *unpack_lzo(struct output *output, struct packed *packed)
{
	return unpack_all(output, packed, lzop_members);
}
#endif
