/* SPDX-License-Identifier: MIT */
/* Between the files that turn a FILE argument into bytes. */
#ifndef LODE_CLI_INPUT_H
#define LODE_CLI_INPUT_H

#include "bytes.h"
#include "cli.h"

/* Fill in input->error (and errnum); returns -1. */
int input_fail(struct input *input, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Exactly size bytes; false if they are not there. */
bool input_exact(const struct input *input, void *dst, uint64_t offset, size_t size);
/* Open a path as the input's bytes, spooled if it is no regular file. */
int input_path(struct input *input, const char *path);
/* The same of a regular file only, without waiting for any other; otherwise: the words of that refusal. */
int input_regular(struct input *input, const char *path, const char *otherwise);
/* Add to input->peeled, with ", " between. */
void input_note(struct input *input, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Walk an archive (archive.c). */
struct archive_member {
	char name[4096]; /* in a thin archive a path, seen from the archive's folder */
	uint64_t offset; /* of its bytes in the archive; thin: none there */
	uint64_t size;
	bool thin;
	bool table;      /* the archive's own symbol or name table */
};
struct archive_walk {
	const struct input *input;
	uint64_t next;
	uint64_t names, names_size; /* the table of long names */
	bool thin;
};
/* True if the input is an archive. */
bool archive_begin(struct archive_walk *walk, const struct input *input);
/* 1 and filled in, 0 at the end, -1: the archive is broken at walk->next. */
int archive_next(struct archive_member *member, struct archive_walk *walk);
/* A member's bytes as a source of their own; part and input must outlive it. Not for members of thin archives. */
struct archive_part {
	const struct input *input;
	uint64_t offset;
};
struct lode_source archive_source(struct archive_part *part, const struct input *input, const struct archive_member *member);
/* Open the file that a member of the thin archive at path names, if it is a regular one. As input_open. */
int archive_open_thin(struct input *input, const char *path, const struct archive_member *member);
/* Turn an input that is an archive into its member of this name. */
int archive_take(struct input *input, const char *path, const char *name);

/* The first bytes, at most size, of a regular file at a path; 0: there are none, or errno says why (0 else). */
size_t input_head(void *dst, size_t size, const char *path);

/* What a file's first INPUT_HEAD bytes say; have is how many of them there are. */
enum { INPUT_HEAD = 0x250 };
enum { INPUT_PIECE = 65536 }; /* read, unpacked or searched at a time */
/* True if they are those of a kernel in Linux's boot format, up to the place and length of its payload. */
bool is_bzimage(const unsigned char *head, size_t have);
/* True if they are those of a compressed kernel that is an EFI program of its own (vmlinuz.efi of arm64, riscv, loongarch). */
bool is_zboot(const unsigned char *head, size_t have);
/* Name of the compressed format that begins here, known even if this build cannot unpack it; NULL: none. */
const char *packed_name(const unsigned char *head, size_t have);

/* Unpack a file that is compressed as a whole, if the input is one (unpack.c): an ELF image or a bzImage remains. 0 also if there
 * is nothing to unpack. */
int input_peel(struct input *input);
/* The same, and then a bzImage's payload: an ELF image remains. */
int input_unpack(struct input *input);

/* Growing output of an unpacker, bounded by limit. */
struct output {
	unsigned char *bytes;
	size_t size, room, limit;
};
/* Room for at least one more byte, at most want; NULL: the limit is reached, or no memory. *got is what there is. */
unsigned char *output_room(struct output *output, size_t want, size_t *got);

/* unpack_stream.c: a compressed format; NULL: these bytes begin none. */
struct packed_format;
const struct packed_format *packed_format_of(const unsigned char *head, size_t have);
const char *packed_format_name(const struct packed_format *format);
/* Packed bytes of the input -> output, whose bytes are the caller's to free; NULL, or what is wrong. */
const char *unpack_bytes(struct output *output, const struct input *input, const struct packed_format *format,
	uint64_t offset, uint64_t size);

/* Packed bytes, taken piece by piece: at and left say what was not read yet, next and have what is left of the piece. */
struct packed {
	const struct input *input;
	uint64_t at, left;
	unsigned char *next;
	size_t have;
	unsigned char piece[INPUT_PIECE];
};

#define UNPACK_DAMAGED "its packed bytes are damaged"
#define UNPACK_CUT "its packed bytes end too early"
#define UNPACK_TOO_LARGE "it unpacks to more than is plausible for its size"
#define UNPACK_NO_MEMORY "no memory to unpack it"
#define UNPACK_UNREAD "its packed bytes cannot be read"

/* Block formats of unpack_block.c; NULL, or what is wrong. */
const char *unpack_lz4(struct output *output, struct packed *packed);
const char *unpack_lzo(struct output *output, struct packed *packed);

#endif
