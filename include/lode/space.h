/* SPDX-License-Identifier: MIT */
/* A destination as a struct of callbacks, and placing a plan into one. */
#ifndef LODE_SPACE_H
#define LODE_SPACE_H

#include <lode/dynamic.h>
#include <lode/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct lode_space - where an image is placed: guest RAM, page tables, a process, an arena, an array
 *
 * Addresses are the destination's and are never dereferenced by the core. Each callback returns 0 if done and anything else if
 * not; a failure ends the placing with rule space-refused, and @abort is called.
 *
 * Order of calls: begin; share, own, zero for each run (ascending, disjoint, page-aligned); then write, fill, read inside
 * those; then protect; then commit. Until protect every own and zero page, and every shared page that is to be written, must take
 * writes; share with LODE_PF_W is always a private (copy on write) mapping. A NULL callback means what stands beside it.
 */
struct lode_space {
	void *host;
	/** The whole span, before any effect: check it, reserve it, remember it. NULL: nothing to do. */
	int (*begin)(void *host, const struct lode_range *span);
	/** Whole file pages at @offset. NULL: the space cannot share; plan without LODE_PLAN_SHARE. */
	int (*share)(void *host, const struct lode_run *run);
	/** Private pages that read as zeros. Required. */
	int (*own)(void *host, const struct lode_run *run);
	/** Private pages of zeros that get no fill (demand-zero is fine; relocations may still write). NULL: @own. */
	int (*zero)(void *host, const struct lode_run *run);
	/** Bytes to @addr. Required. */
	int (*write)(void *host, uint64_t addr, const void *bytes, size_t size);
	/**
	 * Bytes of the file straight into the destination: @fill of @source. Called only for sources with @read; bytes that are in
	 * memory come through @write. If the source is what fails, lode_source_read or the callback fills in @why, and the placing
	 * is refused by that rule. NULL: the core reads and writes through a small buffer.
	 */
	int (*fill)(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why);
	/** Bytes from @addr, as placed so far. Required where addends stand in the place (lode_relocation_count.in_place). */
	int (*read)(void *host, uint64_t addr, void *bytes, size_t size);
	/** Final permissions of whole pages: own and zero runs, and the RELRO range. NULL: the space has no permissions. */
	int (*protect)(void *host, uint64_t addr, uint64_t size, uint32_t prot);
	/** All done: from here on nothing fails. NULL: nothing to do. */
	void (*commit)(void *host);
	/**
	 * Leave the destination as it was before begin. Called once after any failure that follows a successful begin. Required. A
	 * space that cannot bring back what it wrote over says what it leaves instead, as struct lode_array does.
	 */
	void (*abort)(void *host);
};

/** Who runs the resolvers of IRELATIVE relocations and ifunc symbols: they are the image's code. */
enum lode_irelative {
	LODE_IRELATIVE_REFUSE, /* nobody: such an image is refused */
	LODE_IRELATIVE_SKIP,   /* the image's own start-up */
	LODE_IRELATIVE_CALL,   /* the host, through ifunc */
};

/** What relocation needs to know beyond the image; all zero is a good start. */
struct lode_relocation {
	/**
	 * Address of an undefined symbol: 0 and *address set if it is known. NULL: none is. Weak ones that stay unknown are 0.
	 * Asked up to three times for a relocation: when checked, when applied, and again if ifuncs need a second pass. Never asked
	 * for thread-local relocations: they are refused (reloc-tls) if the image does not define the symbol.
	 */
	int (*resolve)(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol);
	/** Value of an IRELATIVE or of an ifunc symbol: calls the resolver at @address. Required with LODE_IRELATIVE_CALL. */
	int (*ifunc)(void *host, uint64_t *value, uint64_t address);
	void *host;
	enum lode_irelative irelative;
	uint64_t tls_module;  /* value of DTPMOD relocations; 0: 1, the main program */
	bool static_tls;      /* TPOFF relocations are allowed: the host puts the image's TLS block where lode_tls_layout says */
};

/**
 * lode_place - put a planned image into a space, all or nothing; its relocations are its own business
 * @space: see there
 * @image, @plan: the plan is of this image and its source is unchanged since; plan->relocate is LODE_RELOCATE_NONE
 * A program that only calls this does not link the relocation engine and the machines' tables.
 * Errors: place-relocate, space-*, source-*.
 */
int lode_place(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan, struct lode_diag *why);

/**
 * lode_place_relocated - lode_place for every plan: relocates if plan->relocate is LODE_RELOCATE_LOADER
 * @relocation: may be NULL for the defaults
 * Before the first effect every relocation is checked (type, range, symbol). If the source's bytes change after that, a later check
 * refuses with the same rules; the space is aborted like after any other failure.
 * Errors: space-*, source-*, and those of lode_relocations_check.
 */
int lode_place_relocated(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why);

/** What lode_relocations_check found. */
struct lode_relocation_count {
	uint64_t total, relative, symbolic, irelative, tls, none;
	uint64_t in_place; /* of all those the ones whose addend stands in the place (REL, RELR): the space has to read it */
};
/**
 * lode_relocations_check - read every dynamic relocation of the image and check it without any effect
 * @plan: if it has no runs, the permissions are those of the segments alone
 * Errors: dynamic-*, reloc-*, symbol-*, source-*.
 * Ref: psABI supplements of x86-64, i386, AArch64, RISC-V; RELR: gABI proposal, docs/refs.md.
 */
int lode_relocations_check(struct lode_relocation_count *count, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why);

/** Where a thread-local block lies relative to the thread pointer, per the machine's TLS variant. */
struct lode_tls_layout {
	uint64_t offset; /* block begins at tp + offset (modulo 2^64: negative for variant II) */
	uint64_t size;   /* bytes of the block and padding on its side of tp */
	uint64_t align;  /* of tp */
};
/**
 * lode_tls_layout - place of the main program's TLS block (module 1)
 * Variant II (x86): the block ends below tp; variant I (AArch64: 16 bytes above tp; RISC-V: at tp).
 * Errors: machine-unsupported, tls-too-large. Ref: ELF Handling For Thread-Local Storage, 0.22; psABIs.
 */
int lode_tls_layout(struct lode_tls_layout *layout, const struct lode_tls *tls, uint16_t machine, struct lode_diag *why);

/*
 * Ready-made spaces
 */

/**
 * struct lode_array - a flat array as destination: memory[0] is address @base
 * @undo: as large as @memory, or NULL. With it a failure restores every byte. Without it abort leaves zeros in the span instead of
 *        what was there: for memory that holds nothing yet.
 * Freestanding. No permissions, no sharing.
 */
struct lode_array {
	unsigned char *memory;
	uint64_t base;
	uint64_t size;
	unsigned char *undo;
	struct lode_range span; /* of the placing under way */
};
/** Callbacks over an array; @array is borrowed. */
struct lode_space lode_array_space(struct lode_array *array);

#ifdef __cplusplus
}
#endif

#endif
