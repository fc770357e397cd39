/* SPDX-License-Identifier: MIT */
/* Between the files of `lode show`: what was asked, and what was found out about a file. */
#ifndef LODE_CLI_SHOW_H
#define LODE_CLI_SHOW_H

#include "cli.h"
#include "kind.h"

/* Why debug information has no plan. */
#define SHOW_DEBUG_PLAN "debug information: what is loaded is in the file that it was taken from"

/* Options of the command line. */
struct show_wishes {
	bool sections, symbols, dynamic_symbols, plan, json, physical, virtual_, raw, ascii, quiet;
	enum when colour;
	bool for_given, kernel, base_given;
	uint64_t page_size; /* 0: the machine's */
	uint64_t base;
	const char *svg;
};

/* Relocations of one table, counted by type. */
struct reloc_types {
	struct { uint32_t type; uint64_t count; } *entries; /* ascending by type */
	size_t n, room;
	uint64_t total;  /* entries of the table; for RELR the words */
	uint64_t relr;   /* addresses that a RELR table stands for */
	uint64_t others; /* entries of types beyond the most that are told apart */
	bool bad;        /* an entry could not be read */
};

/* Where the file's bytes go; the sum is the file's size. */
enum { BYTES_LOADED, BYTES_HEADERS, BYTES_DEBUG, BYTES_SYMBOLS, BYTES_RELOCS, BYTES_OTHER, BYTES_PADDING, BYTES_KINDS };
extern const char *const show_bytes_names[BYTES_KINDS];  /* for people */
extern const char *const show_bytes_keys[BYTES_KINDS];   /* for JSON */

struct show_sizes {
	uint64_t file[BYTES_KINDS];
	/* of the plan: */
	uint64_t memory, shared, copied, own,
		zero; /* pages in bytes; shared: read-only page cache, copied: page cache until written */
	uint64_t zero_bytes;                         /* p_memsz beyond p_filesz */
};

struct show {
	struct file file;
	struct show_wishes wishes;
	struct kind kind;
	struct lode_dynamic dynamic;
	struct lode_diag dynamic_why; /* status LODE_OK: dynamic is good */
	struct lode_policy policy;
	struct lode_plan plan;
	struct lode_diag plan_why;    /* status LODE_OK: plan is good */
	bool many;                    /* a plan was refused, and there are too many segments to make it all the same */
	struct lode_diag strict_why;  /* why only a more lenient policy gave the plan; status LODE_OK: it was not needed */
	struct show_sizes sizes;
	char interpreter[256];
	bool has_interpreter;
	struct {
		uint64_t bytes;
		uint32_t segments; /* that have bytes past the end */
	} missing;                 /* of a core that is cut short */
	uint64_t first_thread;     /* of a core: offset of its first thread's descriptor, 0: it has none */
	struct show_stood *stood;  /* where that one stood; NULL: not known */
	bool colour, ascii;
	int width;
};

/* show_notes.c: every note once, and what it means in words. */
struct show_note {
	struct lode_note note;
	uint32_t segment, section; /* where it was found; LODE_NO_INDEX: not there */
	const char *type_name;     /* "NT_GNU_BUILD_ID" or NULL */
	char words[512];           /* decoded, not escaped, "" if nothing is known */
	uint32_t align;
};
/* Fills in out->type_name and out->words from the first size bytes of the descriptor; a NUL follows them (show_note_words.c). */
void show_note_words(struct show_note *out, const struct show *show, const unsigned char *desc, size_t size);
/* Calls each for every note of the segments, then of the sections; nothing is left out. Returns how many ranges were broken. */
unsigned show_notes_each(const struct show *show, void (*each)(void *host, const struct show_note *note), void *host);
void show_notes_print(const struct show *show);

/* The first bytes of the descriptor of a note of a type, and where they are in the file. */
struct show_desc {
	uint32_t type;
	const unsigned char *bytes;
	size_t size;
	uint64_t offset;
};

/*
 * show_core.c: notes of owner "CORE" in a core of Linux. desc are the first size bytes of the descriptor; false: it is too short
 */
enum { CORE_PRSTATUS = 1, CORE_PRPSINFO = 3, CORE_AUXV = 6, CORE_FILES = 0x46494c45, CORE_SIGINFO = 0x53494749 };
struct show_thread {
	uint32_t signal, pid;
	bool current;       /* the one that took the signal */
	bool has_registers; /* known for this machine */
	uint64_t pc, sp;
};
struct show_process {
	char state;
	uint32_t user, group, pid, parent;
	char name[17], arguments[81];
};
struct show_siginfo {
	uint32_t signal, sender;
	int32_t code;
	bool has_address, has_sender;
	uint64_t address;
};
bool show_core_note(const struct show *show, const struct lode_note *note);
/* Linux writes the signal into the notes of all threads; the first is the one that took it. */
bool show_core_thread(struct show_thread *thread, const struct show *show, const struct show_desc *desc);
bool show_core_process(struct show_process *process, const struct show *show, const unsigned char *desc, size_t size);
bool show_core_siginfo(struct show_siginfo *info, const struct show *show, const unsigned char *desc, size_t size);
/* NULL: not known. show_siginfo_code (siginfo_names.c): "SEGV_MAPERR" */
const char *show_siginfo_code(const struct show *show, const struct show_siginfo *info);
const char *show_signal_name(const struct show *show, uint32_t number);
const char *show_auxv_name(uint64_t type);
/* Type and value of entry index of NT_AUXV; false at its end. */
bool show_auxv_at(uint64_t entry[2], const struct show *show, const struct lode_note *note, uint64_t index);
/* The mappings of NT_FILE, one after the other. */
struct show_mapping {
	uint64_t begin, end, offset;
	char name[4096];
};
struct show_files {
	struct lode_note note;
	uint64_t count, page, index;
	uint64_t names; /* where in the descriptor the next name stands */
};
bool show_files_begin(struct show_files *files, const struct show *show, const struct lode_note *note);
/* False at the end, or where the note is broken: then index < count. */
bool show_files_next(struct show_mapping *mapping, struct show_files *files, const struct show *show);
/* The same of the core's first NT_FILE. */
bool show_files_of_core(struct show_files *files, const struct show *show);
/* show_core_stood.c: where the program counter of the first thread is: in which file that is mapped, and there in which function,
 * "" if that cannot be said. NULL: in none. From malloc. */
struct show_stood {
	struct show_mapping mapping;
	uint64_t offset;   /* in the file */
	uint64_t distance; /* from the function's begin */
	char symbol[1024];
};
struct show_stood *show_core_stood(const struct show *show);
/* show_core.c: the first bytes, size at most, of the core's first note of a type; none if there is no such note. */
struct show_desc show_core_first(unsigned char *bytes, size_t size, const struct show *show, uint32_t type);
/* show_core_print.c: such a note as words, lists as lines of text, all of it as JSON; left as of show_afford. */
void show_core_words(char *buf, size_t size, const struct show *show, const struct show_desc *desc);
void show_core_print(const struct show *show, const struct lode_note *note, uint64_t *left);
void show_core_json(struct json *json, const struct show *show, const struct lode_note *note, uint64_t *left);

/* show_relocs.c */
void show_relocs_count(struct reloc_types *types, const struct show *show, const struct lode_reltab *table);
void show_relr_count(struct reloc_types *types, const struct show *show, const struct lode_extent *relr);
void show_relocs_free(struct reloc_types *types);
/* The relocation table that a section is; false if it is none, or its size or entry size is wrong. */
bool show_relocs_section(struct lode_reltab *table, const struct show *show, uint32_t index);
/* Tables are read once: those that lie over one another are read until the file's size, or 256 MiB, is used up. False: leave this
 * one out. */
uint64_t show_allowance(const struct show *show);
bool show_afford(uint64_t *left, uint64_t size);
void show_relocs_print(const struct show *show);

/* show_sizes.c */
void show_sizes_count(struct show *show);
void show_sizes_print(const struct show *show);

/* show_tables.c */
/* Name of a symbol, cut to size, not escaped; of a section's symbol that has none the section's. NULL: outside the string table. */
const char *show_symbol_name(char *buf, size_t size, const struct lode_image *image, const struct lode_symtab *table,
	const struct lode_symbol *symbol);
void show_segments_print(const struct show *show);
void show_sections_print(const struct show *show);
void show_symbols_print(const struct show *show);
void show_dynamic_symbols_print(const struct show *show);
void show_plan_print(const struct show *show);

/* show_dynamic.c */
void show_dynamic_print(const struct show *show);
/* A string of the dynamic string table, "" if it cannot be had. */
const char *show_dynamic_string(char *buf, size_t size, const struct show *show, uint64_t offset);
/* "@VERSION" or "@@VERSION" of a dynamic symbol, or "". Needs show_versions_read. */
struct show_version { char name[64]; bool needed; };
struct show_versions { struct show_version *names; uint32_t n; };
void show_versions_read(struct show_versions *versions, const struct show *show);
void show_versions_free(struct show_versions *versions);
const char *show_version_of(char *buf, size_t size, const struct show_versions *versions, const struct show *show, uint64_t symbol);

/* show_cut.c: a core that was refused because its end is missing becomes an image all the same: its segments are as its program
 * headers say, also past the end of the file. The reason stays in file.why. False: it is no such core. */
bool show_cut_open(struct show *show);

/* show_archive.c: the exit status */
int show_archive(const struct input *input, bool as_json);

/* show_module.c: what a Linux kernel module says of itself; nothing of other files */
void show_module_print(const struct show *show);
void show_module_json(struct json *json, const struct show *show);

/* show_privilege.c: set-id bits and file capabilities, if the file has any */
void show_privilege_print(const struct show *show);
void show_privilege_json(struct json *json, const struct show *show);

/* show_refused.c: of a file that open refused, what can be read of it; the reason stays in file.why */
void show_refused(struct show *show);

/* show_text.c */
void show_identity_print(const struct show *show);
/* "6.5 KiB"; the result is in buf. */
const char *show_size(char buf[24], uint64_t bytes);
/* Codes for colours, "" if there are to be none. */
const char *show_sgr(const struct show *show, const char *code);
const char *show_prot_sgr(const struct show *show, uint32_t prot);
/* A headline. */
void show_head(const struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* show_json.c, show_json_tables.c */
void show_json_notes(struct json *json, const struct show *show);
void show_json_relocations(struct json *json, const struct show *show);
void show_json_symbols(struct json *json, const struct show *show);
void show_json_print(const struct show *show);
/* The members that a refused file has. */
void show_json_refused(const struct show *show);
/* svg.c: 0, or -1 after an error line. */
int show_svg_write(const struct show *show, const char *path);

/*
 * bands.c, picture.c: the memory as bands of one kind, from low to high addresses, and as text
 */
enum { BAND_LABELS = 10 };
enum band_mark { MARK_FIRST, MARK_FILE, MARK_SECTIONS, MARK_ENTRY, MARK_RELRO, MARK_TLS, MARK_OTHER, MARK_WARN };
struct band {
	uint64_t addr, size; /* of a gap too */
	bool gap;
	const struct lode_run *run;
	uint32_t segments[8];  /* PT_LOADs that touch it, by address */
	uint32_t nsegments;
	struct { enum band_mark mark; uint64_t addr; char text[120]; } labels[BAND_LABELS];
	uint32_t nlabels;
};
/* What stands at an address. */
enum cell { CELL_FILE, CELL_ZERO, CELL_REST, CELL_RELRO };
/* "40 KiB", or with gaps "40 KiB of a span of 8.0 MiB". */
const char *picture_extent(char buf[64], const struct show *show);
/* Bands of the plan's runs from *next on; false at the end. */
bool picture_next_band(struct band *band, const struct show *show, uint32_t *next);
/* What most bytes of [addr, addr + size) are. */
enum cell picture_cell(const struct band *band, const struct show *show, uint64_t addr, uint64_t size);
void picture_print(const struct show *show);

#endif
