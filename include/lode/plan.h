/* SPDX-License-Identifier: MIT */
/* image + policy -> plan: what goes where, decided completely before anything is touched. */
#ifndef LODE_PLAN_H
#define LODE_PLAN_H

#include <lode/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which addresses of the program headers count. */
enum lode_domain { LODE_VIRTUAL, LODE_PHYSICAL };

/**
 * What the pages of an image show beyond the bytes of their segments.
 * LODE_USE_PROCESS: as Linux maps a process: whole file pages are visible to the left and right of a segment's bytes; the tail of a
 *   page behind p_filesz is zeroed only if p_memsz is larger and the segment writable; pages of zeros are RW whatever p_flags says
 *   (X is kept).
 * LODE_USE_KERNEL: only the segments' bytes; everything else in their pages is zero; permissions are those of p_flags.
 */
enum lode_use { LODE_USE_PROCESS, LODE_USE_KERNEL };

/** A page that two segments touch. */
enum lode_page_overlap {
	LODE_PAGE_UNION, /* one own page with both segments' bytes and the union of their permissions */
	LODE_PAGE_DENY,  /* refused */
	LODE_PAGE_LAST,  /* the segment that stands later in the table takes the whole page, as MAP_FIXED does */
};

/** Writable and executable at once. */
enum lode_wx {
	LODE_WX_AS_ASKED, /* a segment that asks for it gets it; a union that would make it is refused */
	LODE_WX_DENY,     /* refused */
	LODE_WX_ALLOW,    /* unions too */
};

/** Who applies dynamic relocations. */
enum lode_relocate {
	LODE_RELOCATE_NONE,   /* the image does it itself (static-PIE, ld.so) or needs none: exec's mode */
	LODE_RELOCATE_LOADER, /* lode_place_relocated does it: PIE kernels and the like */
};

enum {
	LODE_PLAN_SHARE = 1,        /* the host can map file pages: plan LODE_RUN_SHARE runs */
	LODE_PLAN_SORTED = 2,       /* PT_LOADs must stand in ascending order (gABI); without it any order is taken */
	LODE_PLAN_ENTRY_ANY = 4,    /* do not demand that e_entry lies in the bytes of an executable segment */
	LODE_PLAN_ALIGN_LENIENT = 8, /* a p_align that is no power of two counts as none, as on Linux; else it is refused */
	LODE_PLAN_TEXTREL = 16,     /* relocations may write into segments that are not writable */
	LODE_PLAN_INTERP_IGNORE = 32, /* the image is itself an interpreter: its own PT_INTERP is not looked at */
};

/** Everything that decides a plan. Start from lode_policy_process() or lode_policy_kernel() and change what differs. */
struct lode_policy {
	enum lode_domain domain;
	enum lode_use use;
	enum lode_page_overlap page_overlap;
	enum lode_wx wx;
	enum lode_relocate relocate;
	uint32_t flags;     /* LODE_PLAN_* */
	uint64_t page_size; /* power of two, 4 KiB at least */
	/* ET_DYN, virtual: address of the first page, a multiple of the alignment away from the linked one. Else ignored */
	uint64_t base;
	uint64_t address_limit;  /* no byte at or above it; 0: the whole 64 bit (32 bit for ELFCLASS32) */
	uint64_t max_size;       /* largest span, bytes; 0: no limit */
	uint64_t max_align;      /* largest p_align that is honoured; above it: refused; 0: 1 GiB */
	uint32_t max_segments;   /* most PT_LOADs; 0: 65536, which with LODE_PAGE_LAST can take many seconds: see lode_plan */
	const struct lode_range *allowed;  /* each run must lie in one of these; NULL: everywhere */
	const struct lode_range *reserved; /* no run may touch any of these */
	uint32_t nallowed, nreserved;
};

/** Linux reads no program header table of more than 65536 bytes. */
#define LODE_PROCESS_SEGMENTS (65536u / 56u)

/** Linux's rules for a process: last mapping wins, whole file pages, RWX as asked, any entry, 1170 segments at the most. */
struct lode_policy lode_policy_process(uint64_t page_size);
/** A kernel or guest: zeros beside the bytes, union of permissions, loader relocates, entry checked. */
struct lode_policy lode_policy_kernel(uint64_t page_size);

enum lode_run_kind {
	LODE_RUN_SHARE, /* whole pages that equal file pages at @offset and may be mapped privately from there */
	LODE_RUN_OWN,   /* private pages, zero but for the fills */
	LODE_RUN_ZERO,  /* private pages of zeros */
};

/** Whole pages of one kind. Runs are ascending and disjoint. */
struct lode_run {
	uint64_t addr;
	uint64_t size;
	uint64_t offset;  /* LODE_RUN_SHARE: of the first page in the file, whose end the last may pass; else LODE_NO_OFFSET */
	uint32_t prot;    /* LODE_PF_* when all is done */
	enum lode_run_kind kind;
	uint32_t segment; /* first segment of it, an index into image->segments */
};

#define LODE_FILL_ZEROS UINT64_MAX

/** Bytes to put into own pages, or zeros over the tail of a shared one. In the order in which they are to be written. */
struct lode_fill {
	uint64_t addr;
	uint64_t offset; /* in the file, or LODE_FILL_ZEROS */
	uint64_t size;
};

/** The initialisation image of thread-local storage. align is 1 at least. */
struct lode_tls {
	uint64_t addr;     /* in the destination */
	uint64_t bias;     /* addr - bias is p_vaddr, in both domains: it decides where the block lies modulo align */
	uint64_t offset;   /* in the file */
	uint64_t file_size;
	uint64_t mem_size;
	uint64_t align;
};

/** Room that a plan of n PT_LOAD segments can need at the most. */
#define LODE_PLAN_RUNS(n) (5u * (n) + 1u)
#define LODE_PLAN_FILLS(n) (6u * (n) + 1u)

/** The caller sets runs, max_runs, fills, max_fills; lode_plan fills in the rest. */
struct lode_plan {
	struct lode_run *runs;
	struct lode_fill *fills;
	uint32_t max_runs, max_fills;
	uint32_t nruns, nfills;

	uint64_t bias;          /* added to every address of the image, modulo 2^64 */
	struct lode_range span; /* first page to the end of the last */
	uint64_t align;         /* what bias has to be a multiple of: the largest p_align, at least a page */
	uint64_t end;           /* first byte behind the highest segment, not rounded: where brk begins */
	uint64_t entry;         /* e_entry + bias; LODE_PHYSICAL: where it lies, if it is a virtual address of the image */
	bool has_phdr;
	uint64_t phdr;          /* address of the program headers in memory (AT_PHDR); nobody maps them: the bias, as on Linux */
	bool has_tls;
	struct lode_tls tls;
	struct lode_range relro; /* rounded so that nothing else turns read-only; size 0: none */
	bool has_stack;
	uint32_t stack_prot;     /* PT_GNU_STACK's flags */
	uint64_t stack_size;     /* its p_memsz: 0 = no wish */
	struct lode_extent interp;   /* PT_INTERP's string, NUL included; size 0: none */
	struct lode_extent property; /* PT_GNU_PROPERTY; size 0: none */
	enum lode_relocate relocate;
	uint32_t flags;
	uint64_t page_size;
};

/** Size and alignment that an image wants, for hosts that choose the base. */
struct lode_span {
	struct lode_range range; /* as linked, whole pages */
	uint64_t align;
};
/**
 * lode_plan_span - what the host needs to know to choose policy->base
 * Errors: as lode_plan's, but for room, base and ranges. Time O(n).
 */
int lode_plan_span(struct lode_span *span, const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why);

/**
 * lode_plan_fit - lowest base for an image in a window, its span clear of policy->reserved and inside one of policy->allowed
 * @window: addresses to choose from
 * An image that does not move (ET_EXEC, or the physical domain) has one place: its first page as linked, tested like any other.
 * Errors: plan-no-place, plan-window and those of lode_plan_span.
 */
int lode_plan_fit(uint64_t *base, const struct lode_image *image, const struct lode_policy *policy, const struct lode_range *window,
	struct lode_diag *why);

/**
 * lode_plan - decide everything
 * @plan: arrays set by the caller, LODE_PLAN_RUNS(image->nload) and LODE_PLAN_FILLS(image->nload) entries are always enough.
 *        After room-runs or room-fills nruns and nfills hold that many.
 * @image: from lode_open. The file is not read.
 * @policy: see there
 * After success: runs are ascending, disjoint, page-aligned; fills lie in runs and in the file; nothing lies outside the policy's
 * limits.
 * Errors: plan-*, room-runs, room-fills, header-type, and the segment-*, tls-*, relro-*, interp-*, entry-* rules.
 * Time O(n) for LODE_PAGE_UNION and LODE_PAGE_DENY, O(n^2) for LODE_PAGE_LAST, n = PT_LOAD segments: 65536 of a hostile file take
 * about ten seconds, 1170 (lode_policy_process) milliseconds. A caller of LODE_PAGE_LAST sets max_segments.
 * Ref: gABI-41 ch. 5 "Program Header", "Program Loading"; Linux-gABI for PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY; Linux
 * binfmt_elf for LODE_USE_PROCESS.
 */
int lode_plan(struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why);

/** The run that holds [addr, addr + size), or NULL. O(log n). */
const struct lode_run *lode_plan_run_at(const struct lode_plan *plan, uint64_t addr, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
