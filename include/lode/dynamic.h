/* SPDX-License-Identifier: MIT */
/* The dynamic table, its strings, symbols, versions and relocation tables, as file ranges. */
#ifndef LODE_DYNAMIC_H
#define LODE_DYNAMIC_H

#include <lode/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One raw entry. */
struct lode_dyn {
	int64_t tag;
	uint64_t value;
};

/**
 * struct lode_dynamic - what the dynamic table names, addresses turned into file ranges
 *
 * What has size 0 is absent. Extents, tables and init_array, fini_array are proven to lie in the file part of one PT_LOAD (what
 * the arrays' words hold may come from relocations); init and fini are as the file says.
 */
struct lode_dynamic {
	uint64_t offset;        /* file offset of the table itself */
	uint32_t count;         /* entries before DT_NULL */
	uint32_t needed;        /* how many DT_NEEDED */
	struct lode_symtab symbols; /* count from DT_HASH, else from DT_GNU_HASH, else as many as can lie there (see counted) */
	struct lode_extent hash, gnu_hash;
	struct lode_reltab rel, rela, jmprel;
	struct lode_extent relr;
	struct lode_extent versym, verdef, verneed; /* to the end of their segment's file part */
	uint64_t verdefnum, verneednum;
	uint64_t relacount;     /* DT_RELACOUNT or DT_RELCOUNT: a hint, never a bound */
	uint64_t init, fini;    /* addresses as linked, 0: none */
	struct lode_range init_array, fini_array; /* addresses as linked */
	uint64_t flags, flags_1;
	uint64_t soname, rpath, runpath; /* string table offsets, LODE_NO_OFFSET: none */
	bool counted;           /* symbols.count is exact */
	bool textrel, bind_now, debug;
};

/**
 * lode_dynamic_open - decode the table of the first PT_DYNAMIC
 * @dynamic: filled in; an image that has none leaves it empty: count 0, soname, rpath, runpath LODE_NO_OFFSET
 * Errors: dynamic-*, hash-*, reloc-table, segment-past-end, source-*. Unknown tags are passed over; of duplicate tags the last
 * counts, as in ld.so. More than 1048576 entries are refused.
 * Work is bounded by the file's size.
 * Ref: gABI-41 ch. 5 "Dynamic Section"; GNU hash: docs/refs.md.
 */
int lode_dynamic_open(struct lode_dynamic *dynamic, const struct lode_image *image, struct lode_diag *why);
/** Raw entry @index. Precondition: index < dynamic->count. Errors: source-*. */
int lode_dynamic_entry(struct lode_dyn *entry, const struct lode_image *image, const struct lode_dynamic *dynamic, uint32_t index,
	struct lode_diag *why);

/** A symbol's version: an index into the version tables (bit 15 of the file's word taken off), and that bit. */
struct lode_versym {
	uint16_t index;
	bool hidden;
};
/** Version of symbol number @symbol. Precondition: versym present. Errors: version-range, source-*. */
int lode_versym_read(struct lode_versym *version, const struct lode_image *image, const struct lode_dynamic *dynamic,
	uint64_t symbol, struct lode_diag *why);

/** One entry of the version tables: a definition, or a need with its file. */
struct lode_version {
	uint16_t index;  /* as in versym */
	uint16_t flags;
	uint32_t hash;
	uint64_t name;   /* string table offset */
	uint64_t file;   /* string table offset of the library, LODE_NO_OFFSET: a definition */
};
/* Where the next entry of a list lies, and what said so: the core's alone. */
struct lode_version_link_ {
	const struct lode_extent *table;
	uint64_t offset;       /* of the entry in the file */
	uint64_t left;         /* how many the file says there are */
	enum lode_field field; /* that led here; LODE_FIELD_VERSION_TABLE: the table begins here */
	uint64_t at;           /* file offset of that field */
	uint32_t step;         /* its value */
};
/** A walk over verdef, then verneed. Image and dynamic table are borrowed until its end. */
struct lode_versions {
	const struct lode_image *image_;
	const struct lode_dynamic *dynamic_;
	struct lode_version_link_ def_, need_, aux_;
	uint64_t file_; /* of the library whose needs are walked */
	uint64_t steps_;
};
/** Begin at the first definition. */
void lode_versions_begin(struct lode_versions *walk, const struct lode_image *image, const struct lode_dynamic *dynamic);
/** Next version: 1 and filled in, 0 at the end, or negative. Errors: version-range, source-*. */
int lode_version_next(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
