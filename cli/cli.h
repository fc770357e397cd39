/* SPDX-License-Identifier: MIT */
/* What the files of the command `lode` share: verbs, options, messages, and a FILE argument turned into an opened image. */
#ifndef LODE_CLI_H
#define LODE_CLI_H

#include <lode/lode.h>
#include <stdarg.h>
#include <stdio.h>

/* Of the machines that are spoken of where no other is named. */
enum { PAGE = 4096, LARGE_PAGE = 65536 }; /* the larger one: which linkers align to */

/* Exit status of every verb that has none of its own. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_MISUSE = 2 };
/* What check says more. */
enum { EXIT_MALFORMED = 1, EXIT_ODD = 3, EXIT_UNREADABLE = 4 };

/*
 * Verbs (main.c)
 */

/* argv[0] is the verb's name; the result is the exit status. */
struct verb {
	const char *name;
	const char *help; /* one line */
	int (*run)(int argc, char **argv);
};

int cmd_show(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_link(int argc, char **argv);
int cmd_index(int argc, char **argv);
/* The file that the first word names is linked and its main called with all words. */
int link_words(char **words);
int cmd_swap(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_boot(int argc, char **argv);

/*
 * Options (options.c)
 */

struct option {
	int id;            /* what options_next returns: > 0 */
	char letter;       /* short form, or 0 */
	const char *name;  /* long form without "--", or NULL */
	const char *value; /* name of its value, NULL: it takes none */
	const char *help;  /* may hold '\n': further lines are indented alike */
};

/* A verb as its --help shows it. --help and -h need no entry in the table. */
struct command {
	const char *name;
	const char *synopsis; /* "[OPTIONS] FILE" */
	const char *summary;  /* a line or two */
	const struct option *options;
	size_t noptions;
	const char *more;     /* text behind the options, or NULL */
	bool in_order;        /* the first operand ends the options, as in `lode exec PROG -x` */
};

/* What several verbs have is called and told alike. */
#define OPTION_JSON(id) {id, 'j', "json", NULL, "everything, for programs, as JSON"}
#define OPTION_COLOR(id) {id, 0, "color", "WHEN", "colours: auto (on a terminal), always, never"}
#define WHEN_MUST "auto, always or never"
enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };

struct options {
	const struct command *command;
	int argc;
	char **argv;
	int next;
	const char *letters; /* rest of a cluster like -ab */
	const char *value;   /* value of the option just returned */
	const char *hint;    /* behind "unknown option", or NULL */
	char **operands;     /* complete once options_next returned OPTIONS_END */
	int noperands;
	int status;          /* exit status to leave with after OPTIONS_EXIT */
};

enum { OPTIONS_END = 0, OPTIONS_EXIT = -1 };

void options_begin(struct options *options, const struct command *command, int argc, char **argv);
/* Next option's id; OPTIONS_END: only operands are left; OPTIONS_EXIT: --help was printed or a mistake named, leave. */
int options_next(struct options *options);
/* One line to stderr that names the mistake and --help; returns EXIT_MISUSE. */
int misuse(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for the value of an option: what it must be. */
int misuse_value(const struct command *command, const char *option, const char *value, const char *must);
/* The value of --color; false if it is none. */
bool parse_when(enum when *when, const char *text);
/* "4096", "0x1000", "4K", "2M", "1G"; false if it is anything else or too large. */
bool parse_size(uint64_t *value, const char *text);

/*
 * Text (text.c)
 */

/* True if colours are wanted on this stream. Of itself: a terminal, NO_COLOR unset or empty, TERM not "dumb". */
bool wants_colour(FILE *stream, enum when when);
/* Bytes of the well-formed UTF-8 character at p, 0 if there is none; *code is its number. left > 0. */
size_t utf8_length(uint32_t *code, const unsigned char *p, size_t left);
/* A character that cannot do a terminal or its reader harm. */
bool is_harmless(uint32_t code);
/* Bytes of a name as they may be printed: control and invalid bytes become \xNN, backslash \\. Always
 * NUL-terminated, never inside a character; returns the length needed. */
size_t escape_bytes(char *buf, size_t size, const char *bytes, size_t nbytes);
/* How many of a name's bytes, at most NAME_PIECE, can be escaped by themselves: each becomes four at the most. */
enum { NAME_PIECE = 48 };
size_t name_piece(const char *name, size_t length);
/* A name as escape_bytes makes it, to a stream. */
void put_name(FILE *stream, const char *name);
/* Characters that need not end in NUL. */
void put_characters(FILE *stream, const char *name, size_t length);
/* Descriptors 0 to 2 are taken, so that no file which is opened becomes standard output. */
void open_standard(void);
/* Columns of standard output: as COLUMNS or the terminal says, or a usual number. */
int terminal_width(void);
/* The same of lines that programs read: INT_MAX if neither says anything. */
int line_width(void);
enum { TEXT_MOST = 768 }; /* bytes of a diagnosis, or of a text that is wrapped */
/* Text of at most TEXT_MOST bytes, escaped, in lines of width columns to standard output: the first has at columns already, the
 * others begin at indent. No newline follows. */
void put_wrapped(const char *text, int width, size_t at, size_t indent);
/* A diagnosis in words. inside: its offset is one of the image that was unpacked, not of the file. */
void diag_text(char buf[TEXT_MOST], const struct lode_diag *why, bool inside);
/* "lode: FILE: TEXT" in one line on stderr; everything is escaped. file may be NULL. */
void complain(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same from a diagnosis. */
void complain_diag(const char *file, const struct lode_diag *why, bool inside);

/* Names of constants; NULL if there is none (names.c). */
const char *type_name(uint16_t type);            /* "ET_DYN" */
const char *machine_name(uint16_t machine);      /* "x86-64" */
const char *osabi_name(uint8_t osabi);
const char *segment_type_name(uint32_t type);    /* "LOAD" */
const char *section_type_name(uint32_t type);    /* "PROGBITS" */
const char *reloc_name(uint16_t machine, uint32_t type); /* "R_X86_64_RELATIVE" */
const char *dynamic_tag_name(uint64_t tag);      /* "NEEDED" */
/* Of LODE_PF_R, W, X; never NULL: "r-x". */
const char *prot_name(uint32_t prot);

/*
 * Input (input.c, archive.c, unpack.c, unpack_stream.c, unpack_block.c): a FILE argument -> bytes
 *
 * FILE is a path, "-" (standard input), or "lib.a:member.o". Regular files are read with pread through a small cache and never
 * mapped; pipes and devices are spooled into memory up to SPOOL_LIMIT. bzImages and compressed files are unpacked on the way.
 * Compressors come with HAVE_ZLIB, HAVE_LZMA (liblzma), HAVE_BZ2, HAVE_LZ4, HAVE_LZO (lzo2), HAVE_ZSTD.
 */

#define INPUT_NAME "standard input"       /* what "-" is called */
#define SPOOL_LIMIT (UINT64_C(1) << 30)  /* bytes read from a pipe */
#define UNPACK_LIMIT (UINT64_C(1) << 30) /* bytes that a compressed file may become */

enum {
	INPUT_RAW = 1,           /* take the bytes as they are: unpack nothing */
	INPUT_NO_SECTIONS = 2,   /* file_open: do without the section table */
};

struct input_cache;

struct input {
	struct lode_source source; /* what the loader reads; valid after input_open returned 0 */
	const char *name;          /* the argument */
	char peeled[160];          /* what was taken off: "bzImage 2.15, lz4 payload"; "" if nothing */
	unsigned boot_protocol;    /* of a bzImage that was taken off: 0x20f for 2.15; 0: it was none */
	char kernel_version[256];  /* likewise, as its header says it, "" if it says nothing */
	char error[256];           /* why input_open failed, without the file's name */
	int errnum;                /* its errno, 0 if it was none */
	int fd;                    /* -1: none */
	uint64_t window;           /* offset in the file where source begins (archive members) */
	uint64_t file_size;        /* of the file itself, before anything was taken off */
	uint64_t own_size;         /* of what the name stands for, still packed: the file, or the archive's member */
	unsigned char *memory;     /* spooled or unpacked bytes, or NULL */
	struct input_cache *cache;
};

/* 0, or -1 with input->error set. On both ways input_close may be called. */
int input_open(struct input *input, const char *name, uint32_t flags);
void input_close(struct input *input);
/* Up to size bytes at offset, fewer at the end; the number of bytes, 0 on failure. For a look at magic numbers. */
size_t input_peek(const struct input *input, void *dst, uint64_t offset, size_t size);

/*
 * An opened ELF file (file.c)
 */

struct file {
	struct input input;
	struct lode_image image;      /* with sections unless sections_why says why not */
	struct lode_diag why;         /* if file_open failed after the input was read */
	struct lode_diag sections_why; /* status LODE_OK: sections are there (image.sections may be NULL if the file has none) */
};

/* 0, or -1: then file_error prints why. flags: INPUT_*. Section trouble is no failure: the image is opened without, sections_why is
 * set. */
int file_open(struct file *file, const char *name, uint32_t flags);
/* True if the image was taken out of something: its offsets are not the file's. */
bool file_inside(const struct file *file);
/* The error of a failed file_open in one line on stderr. */
void file_error(const struct file *file);
void file_close(struct file *file);
/* Whether output may be written over what a path names: nothing, an empty file, no regular file, or one that begins with one of n
 * strings (of 16 bytes at most). */
bool output_may_replace(const char *path, const char *const *begins, size_t n);
/* Headers of one kind that are looked at: a sparse file holds any number for nothing. */
enum { HEADERS_MOST = 1 << 20 };
/* Arrays from malloc for the counts that open reported; false: no memory, or more program headers than HEADERS_MOST, and there are
 * none. Precondition: no more sections than that if they are asked for. */
bool tables_make_room(struct lode_open_options *options, const struct lode_image *image);
void tables_free(struct lode_open_options *options);
/* Name of a section, cut to size, not escaped; "" if there is none, also where the image has no sections. The result is in buf. */
const char *section_name(char *buf, size_t size, const struct lode_image *image, uint32_t index);
/* First section of this name, or NULL. */
const struct lode_section *section_find(const struct lode_image *image, const char *name);
/* Arrays from malloc, as large as any plan of the image can need; false: no memory. plan_free on both ways. */
bool plan_make_room(struct lode_plan *plan, const struct lode_image *image);
void plan_free(struct lode_plan *plan);
/* A word of the image's class and byte order; false if it cannot be read. */
bool image_read_word(uint64_t *word, const struct lode_image *image, uint64_t offset);
/* A plan with arrays of its own; plan_free frees them on every way.
 * Returns lode_plan's status. Without memory for them there is nothing to show: ends the process, with a line that says so. */
int file_plan(struct lode_plan *plan, const struct file *file, const struct lode_policy *policy, struct lode_diag *why);

/*
 * JSON (json.c): a writer that keeps the commas right and escapes every string
 */

struct json {
	FILE *stream;
	unsigned depth;
	bool empty; /* nothing written yet at this depth */
};

/* Keys are constants of the program, NULL inside arrays. Values may hold any bytes: those that are not UTF-8 become U+FFFD, and the
 * exact bytes follow as member KEY_hex. */
void json_begin(struct json *json, FILE *stream);
void json_end(struct json *json);
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
void json_string(struct json *json, const char *key, const char *value);
void json_bytes(struct json *json, const char *key, const char *bytes, size_t nbytes);
void json_number(struct json *json, const char *key, uint64_t value);
void json_hex(struct json *json, const char *key, uint64_t value); /* "0x1f" as a string: 64 bits do not fit a double */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif
