/* SPDX-License-Identifier: MIT */
/* What the files of the command `lode` share: verbs, options, messages, and a FILE argument turned into an opened image. */
#ifndef LODE_CLI_H
#define LODE_CLI_H

#include <lode/lode.h>
#include <stdarg.h>
#include <stdio.h>

/* Exit status of every verb that has none of its own. */
enum { LODE_EXIT_DONE = 0, LODE_EXIT_FAILED = 1, LODE_EXIT_MISUSE = 2 };

/*
 * Verbs (main.c)
 */

/* argv[0] is the verb's name; the result is the exit status. */
struct lode_verb {
	const char *name;
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
};

int lode_cmd_show(int argc, char **argv);
int lode_cmd_check(int argc, char **argv);
int lode_cmd_exec(int argc, char **argv);
int lode_cmd_run(int argc, char **argv);
int lode_cmd_boot(int argc, char **argv);

/*
 * Options (options.c)
 */

struct lode_option {
	int id;            /* what lode_options_next returns: > 0 */
	char letter;       /* short form, or 0 */
	const char *name;  /* long form without "--", or NULL */
	const char *value; /* name of its value, NULL: it takes none */
	const char *help;  /* may hold '\n': further lines are indented alike */
};

/* A verb as its --help shows it. --help and -h need no entry in the table. */
struct lode_command {
	const char *name;
	const char *synopsis; /* "[OPTIONS] FILE" */
	const char *summary;  /* a line or two */
	const struct lode_option *options;
	size_t noptions;
	const char *more;     /* text behind the options, or NULL */
	bool in_order;        /* the first operand ends the options, as in `lode exec PROG -x` */
};

/* What several verbs have is called and told alike. */
#define LODE_OPTION_JSON(id) {id, 'j', "json", NULL, "everything, for programs, as JSON"}
#define LODE_OPTION_COLOR(id) {id, 0, "color", "WHEN", "colours: auto (on a terminal), always, never"}
#define LODE_WHEN_MUST "auto, always or never"
enum lode_when { LODE_AUTO, LODE_ALWAYS, LODE_NEVER };

struct lode_options {
	const struct lode_command *command;
	int argc;
	char **argv;
	int next;
	const char *letters; /* rest of a cluster like -ab */
	const char *value;   /* value of the option just returned */
	char **operands;     /* complete once lode_options_next returned LODE_OPTIONS_END */
	int noperands;
	int status;          /* exit status to leave with after LODE_OPTIONS_EXIT */
};

enum { LODE_OPTIONS_END = 0, LODE_OPTIONS_EXIT = -1 };

void lode_options_begin(struct lode_options *options, const struct lode_command *command, int argc, char **argv);
/* Next option's id; LODE_OPTIONS_END: only operands are left; LODE_OPTIONS_EXIT: --help was printed or a mistake named, leave. */
int lode_options_next(struct lode_options *options);
/* One line to stderr that names the mistake and --help; returns LODE_EXIT_MISUSE. */
int lode_misuse(const struct lode_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for the value of an option: what it must be. */
int lode_misuse_value(const struct lode_command *command, const char *option, const char *value, const char *must);
/* The value of --color; false if it is none. */
bool lode_parse_when(enum lode_when *when, const char *text);
/* "4096", "0x1000", "4K", "2M", "1G"; false if it is anything else or too large. */
bool lode_parse_size(uint64_t *value, const char *text);

/*
 * Text (text.c)
 */

/* True if colours are wanted on this stream. Of itself: a terminal, NO_COLOR unset or empty, TERM not "dumb". */
bool lode_colour(FILE *stream, enum lode_when when);
/* Bytes of the well-formed UTF-8 character at p, 0 if there is none; *code is its number. left > 0. */
size_t lode_utf8_length(uint32_t *code, const unsigned char *p, size_t left);
/* A character that cannot do a terminal or its reader harm. */
bool lode_harmless(uint32_t code);
/* Bytes of a name as they may be printed: control and invalid bytes become \xNN, backslash \\. Always
 * NUL-terminated, never inside a character; returns the length needed. */
size_t lode_escape(char *buf, size_t size, const char *bytes, size_t nbytes);
/* How many of a name's bytes, at most LODE_PIECE, can be escaped by themselves: each becomes four at the most. */
enum { LODE_PIECE = 48 };
size_t lode_piece(const char *name, size_t length);
/* The same, to a stream. */
void lode_put_name(FILE *stream, const char *name);
/* "lode: FILE: TEXT" in one line on stderr; everything is escaped. file may be NULL. */
void lode_error(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same from a diagnosis. */
void lode_error_diag(const char *file, const struct lode_diag *why);

/* Names of constants; NULL if there is none (names.c). */
const char *lode_type_name(uint16_t type);            /* "ET_DYN" */
const char *lode_machine_name(uint16_t machine);      /* "x86-64" */
const char *lode_osabi_name(uint8_t osabi);
const char *lode_segment_type_name(uint32_t type);    /* "LOAD" */
const char *lode_section_type_name(uint32_t type);    /* "PROGBITS" */
const char *lode_reloc_name(uint16_t machine, uint32_t type); /* "R_X86_64_RELATIVE" */
const char *lode_dynamic_tag_name(uint64_t tag);      /* "NEEDED" */

/*
 * Input (input.c, archive.c, unpack.c, unpack_stream.c, unpack_block.c): a FILE argument -> bytes
 *
 * FILE is a path, "-" (standard input), or "lib.a:member.o". Regular files are read with pread through a small cache and never
 * mapped; pipes and devices are spooled into memory up to LODE_SPOOL_LIMIT. bzImages and compressed files are unpacked on the way.
 * Compressors come with HAVE_ZLIB, HAVE_LZMA (liblzma), HAVE_BZ2, HAVE_LZ4, HAVE_LZO (lzo2), HAVE_ZSTD.
 */

#define LODE_INPUT_NAME "standard input"       /* what "-" is called */
#define LODE_SPOOL_LIMIT (UINT64_C(1) << 30)  /* bytes read from a pipe */
#define LODE_UNPACK_LIMIT (UINT64_C(1) << 30) /* bytes that a compressed file may become */

enum {
	LODE_INPUT_RAW = 1, /* take the bytes as they are: unpack nothing */
};

struct input_cache;

struct lode_input {
	struct lode_source source; /* what the loader reads; valid after lode_input_open returned 0 */
	const char *name;          /* the argument */
	char peeled[160];          /* what was taken off: "bzImage 2.15, lz4 payload"; "" if nothing */
	char error[256];           /* why lode_input_open failed, without the file's name */
	int errnum;                /* its errno, 0 if it was none */
	int fd;                    /* -1: none */
	uint64_t window;           /* offset in the file where source begins (archive members) */
	uint64_t file_size;        /* of the file itself, before anything was taken off */
	uint64_t own_size;         /* of what the name stands for, still packed: the file, or the archive's member */
	unsigned char *memory;     /* spooled or unpacked bytes, or NULL */
	struct input_cache *cache;
};

/* 0, or -1 with input->error set. On both ways lode_input_close may be called. */
int lode_input_open(struct lode_input *input, const char *name, uint32_t flags);
void lode_input_close(struct lode_input *input);
/* Up to size bytes at offset, fewer at the end; the number of bytes, 0 on failure. For a look at magic numbers. */
size_t lode_input_peek(const struct lode_input *input, void *dst, uint64_t offset, size_t size);

/*
 * An opened ELF file (file.c)
 */

struct lode_file {
	struct lode_input input;
	struct lode_image image;      /* with sections unless sections_why says why not */
	struct lode_diag why;         /* if lode_file_open failed after the input was read */
	struct lode_diag sections_why; /* status LODE_OK: sections are there (image.sections may be NULL if the file has none) */
	struct lode_strings names;    /* section name table, size 0: none */
};

/* 0, or -1: then lode_file_error prints why. Section trouble is no failure: the image is opened without, sections_why is set. */
int lode_file_open(struct lode_file *file, const char *name, uint32_t input_flags);
/* The error of a failed lode_file_open in one line on stderr. */
void lode_file_error(const struct lode_file *file);
void lode_file_close(struct lode_file *file);
/* Name of a section, not escaped; "" if there is none. The result is in buf. */
const char *lode_file_section_name(char *buf, size_t size, const struct lode_file *file, uint32_t index);
/* A plan with arrays from malloc, as large as the image can need; lode_file_plan_free frees them on every way.
 * Returns lode_plan's status. Without memory for them there is nothing to show: ends the process, with a line that says so. */
int lode_file_plan(struct lode_plan *plan, const struct lode_file *file, const struct lode_policy *policy, struct lode_diag *why);
void lode_file_plan_free(struct lode_plan *plan);

/*
 * JSON (json.c): a writer that keeps the commas right and escapes every string
 */

struct lode_json {
	FILE *stream;
	unsigned depth;
	bool empty; /* nothing written yet at this depth */
};

/* Keys are constants of the program, NULL inside arrays. Values may hold any bytes: those that are not UTF-8 become U+FFFD, and the
 * exact bytes follow as member KEY_hex. */
void lode_json_begin(struct lode_json *json, FILE *stream);
void lode_json_end(struct lode_json *json);
void lode_json_object(struct lode_json *json, const char *key);
void lode_json_object_end(struct lode_json *json);
void lode_json_array(struct lode_json *json, const char *key);
void lode_json_array_end(struct lode_json *json);
void lode_json_string(struct lode_json *json, const char *key, const char *value);
void lode_json_bytes(struct lode_json *json, const char *key, const char *bytes, size_t nbytes);
void lode_json_number(struct lode_json *json, const char *key, uint64_t value);
void lode_json_hex(struct lode_json *json, const char *key, uint64_t value); /* "0x1f" as a string: 64 bits do not fit a double */
void lode_json_bool(struct lode_json *json, const char *key, bool value);
void lode_json_null(struct lode_json *json, const char *key);

#endif
