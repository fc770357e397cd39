/* SPDX-License-Identifier: MIT */
/* Packed bytes of a file -> unpacked ones in memory, by the libraries that this build has; growth is bounded by what is plausible,
 * never by a field alone. */
#include "input.h"
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef HAVE_LZ4
#include <lz4frame.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#define WINDOW "its packed bytes ask for more memory than lode grants them: they need not be damaged"
#define TOO_MANY "it has more parts than is plausible"

enum { SMALL = 64 << 20, RATIO = 1024, PARTS = 1 << 17 };

enum { STEP_GO_ON = 0, STEP_END = 1, STEP_DAMAGED = -1, STEP_NO_MEMORY = -2, STEP_WINDOW = -3 };

/* One step of a stream decoder: takes from *in, writes to out; returns STEP_*. Both counts become what is left. */
typedef int unpack_step(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout);

/* What is neither an ELF image nor a bzImage is not unpacked to its end. */
static bool may_be_kept(const struct output *output)
{
	return output->size < INPUT_HEAD || memcmp(output->bytes, "\177ELF", 4) == 0 || is_bzimage(output->bytes, output->size);
}

/* Move what is left of the piece to its front and fill it up; false: the bytes cannot be read. */
static bool refill(struct packed *packed)
{
	size_t more = sizeof packed->piece - packed->have;

	if (more > packed->left)
		more = (size_t)packed->left;
	memmove(packed->piece, packed->next, packed->have);
	packed->next = packed->piece;
	if (more > 0 && !input_exact(packed->input, packed->piece + packed->have, packed->at, more))
		return false;
	packed->have += more;
	packed->at += more;
	packed->left -= more;
	return true;
}

__attribute__((unused)) static const char *run_steps(struct output *output, struct packed *packed, unpack_step *step,
	void *state)
{
	for (int end = 0; end == 0;) {
		size_t room = 0, taken, left;
		unsigned char *to = output_room(output, SIZE_MAX >> 1, &room);

		if (packed->have == 0 && !refill(packed))
			return UNPACK_UNREAD;
		if (!to)
			return output->size == output->limit ? UNPACK_TOO_LARGE : UNPACK_NO_MEMORY;
		taken = packed->have;
		left = room;
		end = step(state, packed->next, &packed->have, to, &left);
		packed->next += taken - packed->have;
		output->size += room - left;
		if (end < 0)
			return end == STEP_NO_MEMORY ? UNPACK_NO_MEMORY : end == STEP_WINDOW ? WINDOW : UNPACK_DAMAGED;
		if (!may_be_kept(output))
			return NULL;
		/* No progress and nothing more to give: the stream wants bytes that are not there. */
		if (end == 0 && taken == packed->have && left == room && (packed->left == 0 || taken > 0))
			return UNPACK_CUT;
	}
	return NULL;
}

#ifdef HAVE_ZLIB
static int step_gzip(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout)
{
	z_stream *z = state;
	int status;

	z->next_in = (unsigned char *)(uintptr_t)in;
	z->avail_in = (uInt)*nin;
	z->next_out = out;
	z->avail_out = (uInt)(*nout < UINT32_MAX ? *nout : UINT32_MAX);
	*nout -= z->avail_out;
	status = inflate(z, Z_NO_FLUSH);
	*nin = z->avail_in;
	*nout += z->avail_out;
	switch (status) {
	case Z_STREAM_END: return STEP_END;
	case Z_OK:
	case Z_BUF_ERROR: return STEP_GO_ON;
	case Z_MEM_ERROR: return STEP_NO_MEMORY;
	default: return STEP_DAMAGED;
	}
}

static const char *unpack_gzip(struct output *output, struct packed *packed)
{
	z_stream z = {0};
	const char *wrong;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return UNPACK_NO_MEMORY;
	wrong = run_steps(output, packed, step_gzip, &z);
	inflateEnd(&z);
	return wrong;
}
#endif

#ifdef HAVE_LZMA
static int step_lzma(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout)
{
	lzma_stream *z = state;
	lzma_ret status;

	z->next_in = in;
	z->avail_in = *nin;
	z->next_out = out;
	z->avail_out = *nout;
	status = lzma_code(z, LZMA_RUN);
	*nin = z->avail_in;
	*nout = z->avail_out;
	switch (status) {
	case LZMA_STREAM_END: return STEP_END;
	case LZMA_OK:
	case LZMA_BUF_ERROR: return STEP_GO_ON;
	case LZMA_MEM_ERROR: return STEP_NO_MEMORY;
	case LZMA_MEMLIMIT_ERROR: return STEP_WINDOW;
	default: return STEP_DAMAGED;
	}
}

/* The dictionary is allocated by a field of the file: hence the limit, twice what the highest presets need. */
static const char *unpack_xz_or_lzma(struct output *output, struct packed *packed, bool alone)
{
	const uint64_t memory = 160 << 20;
	lzma_stream z = LZMA_STREAM_INIT;
	const char *wrong;

	if ((alone ? lzma_alone_decoder(&z, memory) : lzma_stream_decoder(&z, memory, 0)) != LZMA_OK)
		return UNPACK_NO_MEMORY;
	wrong = run_steps(output, packed, step_lzma, &z);
	lzma_end(&z);
	return wrong;
}

static const char *unpack_xz(struct output *output, struct packed *packed)
{
	return unpack_xz_or_lzma(output, packed, false);
}

static const char *unpack_lzma(struct output *output, struct packed *packed)
{
	return unpack_xz_or_lzma(output, packed, true);
}
#endif

#ifdef HAVE_BZ2
static int step_bzip2(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout)
{
	bz_stream *z = state;
	int status;

	z->next_in = (char *)(uintptr_t)in;
	z->avail_in = (unsigned)*nin;
	z->next_out = (char *)out;
	z->avail_out = (unsigned)(*nout < UINT32_MAX ? *nout : UINT32_MAX);
	*nout -= z->avail_out;
	status = BZ2_bzDecompress(z);
	*nin = z->avail_in;
	*nout += z->avail_out;
	switch (status) {
	case BZ_STREAM_END: return STEP_END;
	case BZ_OK: return STEP_GO_ON;
	case BZ_MEM_ERROR: return STEP_NO_MEMORY;
	default: return STEP_DAMAGED;
	}
}

static const char *unpack_bzip2(struct output *output, struct packed *packed)
{
	bz_stream z = {0};
	const char *wrong;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return UNPACK_NO_MEMORY;
	wrong = run_steps(output, packed, step_bzip2, &z);
	BZ2_bzDecompressEnd(&z);
	return wrong;
}
#endif

#ifdef HAVE_ZSTD
static int step_zstd(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout)
{
	ZSTD_inBuffer from = {in, *nin, 0};
	ZSTD_outBuffer to = {out, *nout, 0};
	size_t status = ZSTD_decompressStream(state, &to, &from);

	*nin -= from.pos;
	*nout -= to.pos;
	if (!ZSTD_isError(status))
		return status == 0 ? STEP_END : STEP_GO_ON;
	switch (ZSTD_getErrorCode(status)) {
	case ZSTD_error_memory_allocation: return STEP_NO_MEMORY;
	case ZSTD_error_frameParameter_windowTooLarge: return STEP_WINDOW;
	default: return STEP_DAMAGED;
	}
}

static const char *unpack_zstd(struct output *output, struct packed *packed)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	const char *wrong = UNPACK_NO_MEMORY;

	if (z && !ZSTD_isError(ZSTD_initDStream(z)))
		wrong = run_steps(output, packed, step_zstd, z);
	ZSTD_freeDStream(z);
	return wrong;
}
#endif

#ifdef HAVE_LZ4
static int step_lz4(void *state, const unsigned char *in, size_t *nin, unsigned char *out, size_t *nout)
{
	size_t taken = *nin, given = *nout, hint = LZ4F_decompress(state, out, &given, in, &taken, NULL);

	*nin -= taken;
	*nout -= given;
	return LZ4F_isError(hint) ? STEP_DAMAGED : hint == 0 ? STEP_END : STEP_GO_ON;
}

/* What the tool lz4 writes; its blocks have 4 MiB at the most. */
static const char *unpack_lz4_frame(struct output *output, struct packed *packed)
{
	LZ4F_decompressionContext_t z;
	const char *wrong;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
		return UNPACK_NO_MEMORY;
	wrong = run_steps(output, packed, step_lz4, z);
	LZ4F_freeDecompressionContext(z);
	return wrong;
}
#endif

struct packed_format {
	const char *name;
	const char *magic;
	size_t length;
	const char *(*unpack)(struct output *, struct packed *);
	bool joined; /* files put one behind another are a file of this format: parallel packers write them */
};

#ifndef HAVE_ZLIB
#define unpack_gzip NULL
#endif
#ifndef HAVE_LZMA
#define unpack_xz NULL
#define unpack_lzma NULL
#endif
#ifndef HAVE_BZ2
#define unpack_bzip2 NULL
#endif
#ifndef HAVE_ZSTD
#define unpack_zstd NULL
#endif
#ifndef HAVE_LZ4
#define unpack_lz4 NULL
#define unpack_lz4_frame NULL
#endif
#ifndef HAVE_LZO
#define unpack_lzo NULL
#endif

static const struct packed_format formats[] = {
	{"gzip", "\037\213\010", 3, unpack_gzip, true},
	{"xz", "\3757zXZ\0", 6, unpack_xz, true},
	{"zstd", "\050\265\057\375", 4, unpack_zstd, true},
	{"zstd", "\120\052\115\030", 4, unpack_zstd, true}, /* a frame to be skipped, with which pzstd begins */
	{"lz4", "\002\041\114\030", 4, unpack_lz4, false}, /* the legacy frame, which Linux takes */
	{"lz4", "\004\042\115\030", 4, unpack_lz4_frame, true},
	{"bzip2", "BZh", 3, unpack_bzip2, true},
	{"lzo", "\211LZO\0\r\n\032\n", 9, unpack_lzo, false},
	{"lzma", "\135\0\0", 3, unpack_lzma, false},
};

const struct packed_format *packed_format_of(const unsigned char *head, size_t have)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i].length <= have && memcmp(formats[i].magic, head, formats[i].length) == 0)
			return &formats[i];
	return NULL;
}

const char *packed_format_name(const struct packed_format *format)
{
	return format->name;
}

const char *packed_name(const unsigned char *head, size_t have)
{
	const struct packed_format *format = packed_format_of(head, have);

	return format ? format->name : NULL;
}

/* Both formats of frames know those that are to be skipped: 0x184d2a50 to 0x184d2a5f. */
static bool is_skipped(const struct packed_format *format, const unsigned char *head)
{
	bool frames = format->unpack == unpack_zstd || format->unpack == unpack_lz4_frame;

	return frames && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\052\115\030", 3) == 0;
}

/* True if the packed bytes go on with another part. Four bytes alone are the size that Linux appends, whatever they look like. */
static bool goes_on(struct packed *packed, const struct packed_format *format)
{
	const struct packed_format *next;

	if (!format->joined || !refill(packed))
		return false;
	if (format->unpack == unpack_xz) /* padding between streams, in fours */
		for (; packed->have > 4 && memcmp(packed->next, "\0\0\0", 4) == 0; packed->have -= 4)
			packed->next += 4;
	if (packed->have <= 4)
		return false;
	next = packed_format_of(packed->next, packed->have);
	return is_skipped(format, packed->next) || (next && next->unpack == format->unpack);
}

static const char *unpack_parts(struct output *output, struct packed *packed, const struct packed_format *format)
{
	const char *wrong;

	for (unsigned parts = 0; parts < PARTS; parts++) {
		wrong = format->unpack(output, packed);
		if (wrong || !may_be_kept(output) || !goes_on(packed, format))
			return wrong;
	}
	return TOO_MANY;
}

const char *unpack_bytes(struct output *output, const struct input *input, const struct packed_format *format,
	uint64_t offset, uint64_t size)
{
	struct packed *packed;
	const char *wrong;

	*output = (struct output){.limit = (size_t)UNPACK_LIMIT};
	if (!format->unpack)
		return "this build of lode cannot unpack that: it was built without the library";
	packed = malloc(sizeof *packed);
	if (!packed)
		return UNPACK_NO_MEMORY;
	if (size < UNPACK_LIMIT / RATIO)
		output->limit = size < SMALL / RATIO ? SMALL : (size_t)size * RATIO;
	packed->input = input;
	packed->at = offset;
	packed->left = size;
	packed->have = 0;
	packed->next = packed->piece;
	wrong = unpack_parts(output, packed, format);
	free(packed);
	return wrong;
}
