/* SPDX-License-Identifier: MIT */
/* What the files of `lode check` share: rules of both lists as one table, the file under examination, and its findings. */
#ifndef LODE_CLI_CHECK_H
#define LODE_CLI_CHECK_H

#include "bytes.h"
#include "cli.h"
#include "kind.h"

/* For whom a file is checked: bits of check->targets and of a rule's targets. */
enum {
	FOR_PROCESS = 1,   /* Linux execve and ld.so */
	FOR_PVH = 2,
	FOR_LIMINE = 4,
	FOR_MULTIBOOT = 8, /* either version */
	FOR_MULTIBOOT2 = 16,
	FOR_LINUX = 32,    /* a Linux kernel for a boot loader or a VMM */
	FOR_RUST = 64,     /* made with bootloader_api 0.11 */
	FOR_ELF64 = 128,   /* entered in 64-bit mode as Linux is, without a mark of any protocol */
	FOR_MODULE = 256,  /* a Linux kernel module */
	FOR_ANY = 512,     /* what holds for every loader */
	FOR_MULTIBOOTS = FOR_MULTIBOOT | FOR_MULTIBOOT2,
	FOR_PHYSICAL = FOR_PVH | FOR_MULTIBOOTS | FOR_LINUX | FOR_ELF64, /* loaded to p_paddr */
	FOR_KERNELS = FOR_PHYSICAL | FOR_LIMINE | FOR_RUST,
	FOR_EVERY = FOR_PROCESS | FOR_KERNELS | FOR_MODULE | FOR_ANY,
	NTARGETS = 10,
};

/* Ascending: a file's verdict is the highest of its findings. */
enum check_severity { CHECK_HINT, CHECK_ODD, CHECK_REFUSED, CHECK_MALFORMED, CHECK_UNREADABLE };

enum check_id {
#define FINDING(id, name, severity, targets, text, why, remedy, ref) CHECK_##id,
#include "findings.def"
#undef FINDING
	CHECK_COUNT_
};

/* Rules of both lists: [0, LODE_RULE_COUNT_) are the core's, those of findings.def follow. */
enum { CHECK_RULES = (int)LODE_RULE_COUNT_ + (int)CHECK_COUNT_ };

struct check_rule {
	const char *name, *text, *why, *remedy, *ref;
	enum check_severity severity;
	uint32_t targets;
};

/* Rule by its number; number by its name, 0 if there is none. */
struct check_rule check_rule_at(uint32_t rule);
uint32_t check_rule_find(const char *name);
/* Name of a severity, of a target's bit; bit of a target's name, 0 if there is none. */
const char *check_severity_name(enum check_severity severity);
const char *check_target_name(uint32_t bit);
uint32_t check_target_find(const char *name, size_t size);
/* "linux-process, pvh" */
void check_targets_text(char *buf, size_t size, uint32_t bits);
void check_explain(uint32_t number, bool json);
void check_list(uint32_t whom, bool json);

/* Where something stands. Strings are constants. */
struct check_place {
	const char *structure, *field;
	uint32_t index;  /* LODE_NO_INDEX: there is only one */
	bool has_value;
	uint64_t value;
	uint64_t offset; /* in the file, or LODE_NO_OFFSET */
};

struct check_finding {
	uint32_t rule;
	struct check_place place;
	char detail[200]; /* particulars, "" if there are none */
};

enum { CHECK_SEEN = 8 }; /* facts that are kept */
enum { CHECK_SAME_RULE = 8 }; /* findings of one rule that are kept; the rest is counted */

/* Bytes that open is shown in place of the file's, so that it can go on behind a fault that was reported. */
struct check_patch {
	uint64_t offset;
	uint32_t size;
	unsigned char bytes[4];
};
enum { CHECK_PATCHES = 64 };

/* One file under examination. */
struct check {
	const char *name;
	const char *inside;         /* what was taken off to get at the image ("bzImage 2.15, lz4"), "": nothing */
	struct lode_source base;    /* the file */
	struct lode_source source;  /* the file with the patches */
	struct check_patch patches[CHECK_PATCHES];
	unsigned npatches;
	struct lode_image image;
	bool opened, has_sections;
	struct lode_dynamic dynamic;
	bool has_dynamic;           /* opened without an error */

	uint32_t targets;
	const char *guess;          /* why these targets, NULL: asked for */
	struct kind kind;           /* what it offers is known of every program and library */
	bool program, library;      /* execve would start it; it is there for others to use */
	bool damaged;               /* a PT_LOAD is missing in the image because its fault was told */
	bool bzimage;               /* the file is one; the image is its payload or was not found */

	uint64_t budget;            /* steps that are left: bounded by the file's size, and some seconds, whatever its tables say */
	bool exhausted;             /* they did not suffice */
	char seen[CHECK_SEEN][400]; /* what was recognised of a boot protocol: "PVH entry 0x1000200" */
	unsigned nseen;
	struct check_finding *findings;
	size_t nfindings, room;
	size_t outside;             /* the first of them, whose offsets are the file's although the image is inside of it */
	uint32_t count[CHECK_RULES];
};

/* check_report.c */
void check_add(struct check *c, enum check_id id, struct check_place place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void check_add_core(struct check *c, const struct lode_diag *why);
/* The same of what was found on the way of lode boot, by the protocol of this name. */
void check_add_start(struct check *c, const struct lode_diag *why, const char *protocol);
/* One of the words about what was recognised, or was not looked at. */
void check_add_seen(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum check_severity check_worst(const struct check *c, bool strict, bool *clean);
/* What of the findings is printed. strict: hints count for the exit status, and so in the last line even where they are not
 * shown. */
struct check_view {
	bool hints, strict, verbose, colour;
	int width, line; /* columns of reasons and remedies, and of findings, which programs read line by line */
};
/* check_print.c */
void check_print(const struct check *c, const struct check_view *view);
void check_print_json(struct json *json, const struct check *c, const struct check_view *view);

/* Why execve would not start the interpreter at path for a program or script: the words of a finding; NULL: it would. */
const char *check_why_not(const char *path);

/* check_folder.c: everything below a folder that is one of the files that are checked, in order of names, links not followed, other
 * file systems left out. */
struct check_visitor {
	void (*file)(void *host, const char *path);
	void (*unread)(void *host, const char *path, const char *why);
	void *host;
};
bool check_is_folder(const char *path);
void check_folder(const char *path, const struct check_visitor *visitor);

/* Places */
struct check_place check_at_file(uint64_t offset);
struct check_place check_at_header(const struct check *c, enum lode_field field);
struct check_place check_at_segment(const struct check *c, uint32_t index, enum lode_field field);
struct check_place check_at_section(const struct check *c, uint32_t index, enum lode_field field);
struct check_place check_at(const char *structure, uint32_t index, const char *field, uint64_t value, uint64_t offset);
/* Field of an entry of a relocation table. */
struct check_place check_at_rel(const struct check *c, const struct lode_reltab *table, uint64_t index, enum lode_field field,
	uint64_t value);
/* A core rule at a place that the core did not name itself. */
void check_add_rule(struct check *c, enum lode_rule rule, enum lode_field field, struct check_place place, uint64_t limit);

/* check_symbol.c */
enum { CHECK_RELOC_TEXT = 176 };
/* Name of a symbol, a section's for that of a section, cut to size and then ended by "..."; false: it has none. */
bool check_symbol_name(char *buf, size_t size, const struct check *c, const struct lode_symtab *table, uint64_t index);
/* "R_X86_64_COPY of stdout" */
void check_reloc_text(char *buf, size_t size, const struct check *c, const struct lode_symtab *table, const struct lode_rel *rel);
/* The same of a diagnosis that points at a dynamic relocation, "" for others. */
void check_diag_text(char *buf, size_t size, const struct check *c, const struct lode_diag *why);
/* Adds the needed libraries, as many as there is room for, with before in front of them. */
void check_needed_text(char *buf, size_t size, const struct check *c, const char *before);

/* check_reloc.c: dynamic relocations that the loader does not apply, each a finding */
void check_unapplied(struct check *c, enum check_id id, bool (*applied)(const struct lode_rel *rel));

enum { CHECK_ENTRY = 24 }; /* steps for a relocation: its size at the most */
enum { CHECK_ASKED = 1024 }; /* steps of a look at the file system */
/* True while there is budget for n more steps. */
bool check_spend(struct check *c, uint64_t n);
/* Bytes of the file; false if they are not there. */
bool check_read(const struct check *c, void *dst, uint64_t offset, size_t size);
static inline bool check_within(uint64_t offset, uint64_t size, uint64_t total)
{
	return size <= total && offset <= total - size;
}
/* True if a byte of a PT_LOAD's file part has this address. */
bool check_loaded(const struct check *c, enum lode_domain domain, uint64_t addr);
/* Where pattern stands in [offset, end) of the file, as far as the budget goes, or LODE_NO_OFFSET. */
uint64_t check_search(struct check *c, const void *pattern, size_t size, uint64_t offset, uint64_t end);

/* check_open.c: base -> image, with every fault that can be told apart; false: there is nothing to look at */
bool check_open(struct check *c);
void check_close(struct check *c);
/* check_other.c: a file whose first bytes break rule is named for what it is; false: it has no name, the rule has to do */
bool check_other(struct check *c, enum lode_rule rule);
/* check_script.c: what execve would say of a script */
void check_script(struct check *c);
/* check_plan.c: what the core refuses to plan or to relocate for the targets */
void check_plan(struct check *c);
/* check_guess.c */
void check_guess(struct check *c);
/* check_userland.c: true if kernels or modules are asked for, this is none, and that was told: nothing else of theirs holds */
bool check_userland(struct check *c);
/* The same of Linux, bzImage or not, for which a program is asked. */
bool check_kernel_as_program(struct check *c);

/* The rules, by subject */
void check_header(struct check *c);
void check_segments(struct check *c);
void check_pages(struct check *c);
void check_special(struct check *c);
void check_notes(struct check *c);
void check_dynamic(struct check *c);
/* n bytes of a run path that begin with a slash */
void check_writable(struct check *c, const char *element, size_t n, struct check_place place);
void check_libraries(struct check *c, uint64_t runpath);
void check_relocations(struct check *c);
void check_names(struct check *c);
void check_pvh(struct check *c);
void check_multiboot(struct check *c);
void check_limine(struct check *c);
void check_sse(struct check *c, uint64_t revision);
void check_sse_kernel(struct check *c);
void check_linux(struct check *c);
void check_bzimage(struct check *c);
void check_elf64(struct check *c);
/* entry: the plan's. */
void check_elf64_entry(struct check *c, uint64_t entry);
void check_rust(struct check *c);
/* check_start.c: what lode boot would refuse; the file itself is a bzImage for the second */
void check_start(struct check *c);
void check_start_bzimage(struct check *c);
void check_object(struct check *c);

#endif
