/* SPDX-License-Identifier: MIT */
/* A program that runs, and a new object for one of its units -> the stores that put the new code in the old one's place while the
 * data stays; committed or not, and taken back. x86-64. */
#ifndef LODE_SWAP_H
#define LODE_SWAP_H

#include <lode/link.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a place refers to an address. */
enum lode_site_kind {
	LODE_SITE_REL32, /* 4 bytes, signed, counted from their end: branches, address computations */
	LODE_SITE_ABS32, /* 4 bytes */
	LODE_SITE_ABS64, /* 8 bytes of code */
	LODE_SITE_WORD,  /* 8 bytes of data, which the program may write itself */
};

/** A place in the program that refers to a function, or to data that is only read. */
struct lode_site {
	uint64_t addr;
	int64_t addend; /* from the symbol to what the place refers to, by its kind's way of counting */
	enum lode_site_kind kind;
};

/** A type, without its name: what it is of, and its parts. */
struct lode_type {
	uint64_t size;                /* in bytes; of arrays elements; 0: not known, or none */
	uint32_t target;              /* what a pointer, array or function is of, or 0 */
	uint32_t first, nparts;       /* members, enumerators, parameters */
	uint8_t kind, detail;         /* the library's own; of base types the encoding */
};

/** A member, enumerator or parameter. */
struct lode_type_part {
	const char *name;             /* @length characters */
	uint32_t length, type;
	uint64_t offset;              /* in bits; of enumerators the value */
	uint64_t bits;                /* of bit-fields, or 0 */
};

/** Types of variables and functions, as debug information describes them. */
struct lode_types {
	struct lode_type *types;      /* 0: not known */
	struct lode_type_part *parts;
	uint32_t *of;                 /* of each symbol its type */
	uint32_t ntypes, nparts, nof;
	bool unfinished;              /* more work than its size allows for: what was not read is not known */
};

/** A symbol of the program. Names are borrowed from its file. */
struct lode_index_symbol {
	const char *name; /* @length characters, without a version */
	uint32_t length, hash;
	uint64_t addr;    /* as linked; of thread-local ones the offset from the thread pointer, modulo 2^64 */
	uint64_t size;
	uint32_t unit;    /* of local symbols: number of the source file; LODE_NO_INDEX: seen by all */
	uint8_t type;     /* LODE_STT_* */
	bool constant;    /* data that is only read */
	uint32_t next_;
};

/** What a program's file says about itself: its symbols, and every place that refers to one of its functions or constants. */
struct lode_index {
	struct lode_index_symbol *symbols;
	struct lode_site *sites;         /* as linked */
	struct lode_link_text *units;    /* source files, as their compiler named them */
	struct lode_types types;         /* ntypes 0: the file says nothing of them, or in a way that is not read */
	uint32_t nsymbols, nunits;
	uint64_t nsites;
	uint64_t nlost;                  /* relocations whose field does not hold what they say: left out */
	struct lode_range span;          /* all segments, as linked */
	bool fixed;                      /* ET_EXEC: runs where it was linked */
	uint64_t code;                   /* lode_index_code of the program */
	struct lode_site *uses;          /* places that refer to a variable that all units can name; as linked */
	uint64_t nuses;
	uint64_t tls_end_;
	uint32_t *buckets_;
	uint32_t nbuckets_;
};

/** Memory that is enough for the index of a file of so many bytes. */
#define LODE_INDEX_MEMORY(bytes_of_file) ((size_t)10 * (bytes_of_file) + 65536)

/**
 * lode_index_make - read symbols and kept relocations of a program that was linked with -Wl,-q (--emit-relocs)
 * @image: opened with sections, its source in memory; all borrowed as long as the index
 * @memory, @size: for the index; 16-byte aligned
 * A relaxed instruction is known by what its field holds, so that any linker's file will do (bfd, gold, lld, mold).
 * Errors: machine-unsupported, swap-index, link-strings (names longer than four times the file together), link-names, room-link;
 * time linear in the size of the file.
 * Ref: gABI-41 "Symbol Table", "Relocation"; psABI x86-64 "Relocation Types"; ld(1) --emit-relocs.
 */
int lode_index_make(struct lode_index *index, const struct lode_image *image, void *memory, size_t size, struct lode_diag *why);

/**
 * A hash of the program's executable sections, which stay as they are when it is stripped; what lies between them may change.
 * @image: opened with sections, its source in memory
 * Of sections that share their bytes no more than the file's size counts.
 */
uint64_t lode_index_code(const struct lode_image *image);

/**
 * lode_index_write - an index as bytes of a file, in the form that lode_index_read takes
 * @bytes: may be NULL if @size is 0
 * Returns how many there are; if @size is less, they are of no use. Nothing in them depends on the machine that writes.
 */
size_t lode_index_write(void *bytes, size_t size, const struct lode_index *index);

/** Memory that is enough for the index in a file of so many bytes. */
#define LODE_INDEX_FILE_MEMORY(bytes_of_file) ((size_t)160 * (bytes_of_file) + 65536)

struct lode_index_bytes {
	const void *bytes; /* borrowed as long as the index */
	size_t size;
};

/**
 * lode_index_read - bytes that lode_index_write made
 * @memory: 16-byte aligned
 * Every count, length and address is checked; whether the index is this program's the caller knows by @code. Errors: swap-file,
 * room-link.
 */
int lode_index_read(struct lode_index *index, const struct lode_index_bytes *file, void *memory, size_t size,
	struct lode_diag *why);

/** A variable of another size or type, whose new value a function of the new code makes of the old one. */
struct lode_swap_move {
	struct lode_link_text name;
	struct lode_range before, now; /* addresses in the program */
	uint64_t function;             /* void (void *now, size_t, const void *before, size_t) */
	struct lode_swap_move *next_;
	struct lode_link_unit *unit_;
	uint32_t symbol_;
};

/**
 * The program's memory. 0 if it was done.
 * @migrate: calls the function in the program, with all threads stopped; NULL: such variables are refused
 */
struct lode_swap_host {
	void *host;
	int (*read)(void *host, void *dst, uint64_t addr, size_t size);
	int (*write)(void *host, uint64_t addr, const void *src, size_t size); /* code and data, whatever their protection says */
	int (*migrate)(void *host, const struct lode_swap_move *move);
};

struct lode_swap;

/** A program that runs, with all that was replaced in it. */
struct lode_program {
	const struct lode_index *index;
	uint64_t bias; /* from addresses as linked to those it runs at */
	struct lode_swap_host host;
	struct lode_swap *newest; /* committed replacements, newest first */
};

/** One store, and what it writes over. */
struct lode_store {
	uint64_t addr;
	uint8_t width;
	bool data; /* the program may have written something else since: that stays */
	unsigned char before[8], after[8];
};

/** A function or constant of the old code, and where the new one is. */
struct lode_swap_function {
	struct lode_range old;
	uint64_t now, now_size; /* 0: there is none */
	struct lode_link_text name;
	struct lode_link_unit *unit_; /* of the new one */
	uint32_t symbol_;
	bool newest;            /* the one that @now replaces; others were replaced before */
	bool data;
};

enum { LODE_SWAP_PATH = 128 };

/** Words beside a refusal, and what a replacement amounts to. */
struct lode_swap_account {
	struct lode_link_text datum; /* the variable or function that a refusal is about */
	char path[LODE_SWAP_PATH];   /* after swap-type, swap-call: which part of its type, as it is written behind its name in C */
	struct lode_link_text source; /* after swap-source: the object's source file, which the program has not */
	struct lode_link_text unit;  /* and the one of the program that has the variable */
	uint64_t old_size, new_size;
	bool main;                   /* main is replaced: where it runs, its old code goes on until it returns */
	uint32_t ntyped;             /* variables that stay whose types were compared */
	uint32_t nunread;            /* and not, or not to the end: it takes more work than their number allows for */
	uint32_t nkept, nnew;        /* variables that stay, and that are new */
	uint32_t nmigrated;          /* that begin anew, from what they were */
	uint32_t nmoved;             /* tables of addresses that say something else now: the new code has its own */
	uint32_t nfunctions;         /* addresses of old code that have a successor */
	uint32_t nconstants;         /* and of data that is only read, and that other units may refer to */
	uint32_t nsites, ndoors;     /* references rewritten; entries that jump */
	uint32_t nshort, nbusy;      /* entries that do not: too short for a jump, or in use */
	uint32_t nchanged;           /* data words that the program had written meanwhile, and that were left alone */
};

/** Whether an address is in the code that a replacement takes out of use, or in the code that it brings. */
bool lode_swap_concerns(const struct lode_swap *swap, uint64_t addr);

/**
 * The name of the function that a return address is in: of those that are taken out of use, before a replacement is committed those
 * before, then its own. False: it is in none of them.
 */
bool lode_swap_function_at(const struct lode_swap *swap, struct lode_link_text *name, uint64_t addr);

/** When to commit, as to threads that are in the old code. */
enum lode_swap_policy {
	LODE_SWAP_LAZY, /* they finish there; entries of functions that are in use do not jump */
	LODE_SWAP_IDLE, /* not while there are any: swap-busy */
};

/** A replacement: an object that is linked for a program, then a version of one of its units. Zero-initialise. */
struct lode_swap {
	struct lode_swap_account account;
	struct lode_store *stores;
	uint32_t nstores;
	bool committed;

	struct lode_program *program;
	struct lode_link *link; /* the new code; lives as long as the program may be in it */
	struct lode_swap *older_;
	struct lode_swap_function *functions_;
	uint32_t nfunctions_, max_stores_, unit_;
	struct lode_swap_move *moves_;
	struct lode_diag conflict_; /* no rule: none */
};

/** Begin: the link comes next, with lode_swap_keep and lode_swap_resolve in its host's callbacks. */
void lode_swap_begin(struct lode_swap *swap, struct lode_program *program, struct lode_link *link);

/** For the host's @keep: where the datum's earlier version is. 0: there. */
int lode_swap_keep(struct lode_swap *swap, uint64_t *addr, const struct lode_link_datum *datum);

/** For the host's @resolve, asked first: a symbol of the program as it is now. 0: found. */
int lode_swap_resolve(const struct lode_swap *swap, struct lode_link_answer *answer, const struct lode_link_symbol *symbol);

/**
 * lode_swap_check - after lode_link_plan: whether the old data fits
 * Types are compared where the program and the object both have debug information.
 * Errors: swap-unit, swap-source, swap-size, swap-type, swap-migrate, swap-ambiguous, swap-class; account.datum says which.
 */
int lode_swap_check(struct lode_swap *swap, struct lode_diag *why);

/**
 * lode_swap_plan - after lode_link_place: find every store; nothing is written
 * Memory comes from the link's work space. Errors: swap-nothing, swap-shared, swap-call, swap-migrate,
 * swap-range, swap-read, room-link.
 */
int lode_swap_plan(struct lode_swap *swap, struct lode_diag *why);

/** Code addresses that threads are at or may return to; those that lode_swap_concerns is false for can be left out. */
struct lode_swap_busy {
	const uint64_t *addrs;
	uint32_t count;
	enum lode_swap_policy policy;
};

/**
 * lode_swap_commit - write all of it, with all threads stopped; after a failure every byte is as it was
 * What is to be overwritten has to hold what it held when planning. While variables get new values nobody may be in the old code,
 * whatever the policy. Errors: swap-busy, swap-migrate, swap-changed, swap-read, swap-write.
 */
int lode_swap_commit(struct lode_swap *swap, const struct lode_swap_busy *busy, struct lode_diag *why);

/**
 * Know of a replacement that is committed already: after lode_link_place, with the stores that it made. Errors: swap-*, room-link.
 */
int lode_swap_adopt(struct lode_swap *swap, struct lode_store *stores, uint32_t count, struct lode_diag *why);

/**
 * lode_swap_rollback - take back the newest replacement
 * Its functions jump to those before, for pointers that the program has made copies of, unless a thread is in one.
 * Errors as commit's; swap-nothing if it is not the newest.
 */
int lode_swap_rollback(struct lode_swap *swap, const struct lode_swap_busy *busy, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
