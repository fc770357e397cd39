/* SPDX-License-Identifier: MIT */
/* Mappings, permissions and images -> page tables of x86-64, AArch64 and RISC-V, in frames of the caller. */
#ifndef LODE_PAGING_H
#define LODE_PAGING_H

#include <lode/space.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Whose tables. All have 512 entries of 8 bytes, little-endian, and pages of 4 KiB, 2 MiB, 1 GiB. */
enum lode_paging_format {
	LODE_PAGING_X86_64,        /* 4 levels, 48 bits of address */
	LODE_PAGING_X86_64_5,      /* 5 levels (CR4.LA57), 57 bits */
	LODE_PAGING_AARCH64,       /* stage 1, 4 KiB granule, 48 bits: addresses below 2^48 (TTBR0) */
	LODE_PAGING_AARCH64_UPPER, /* the same for addresses from 2^64 - 2^48 on (TTBR1) */
	LODE_PAGING_SV39,          /* RISC-V, 3 levels */
	LODE_PAGING_SV48,          /* 4 levels; also pages of 512 GiB */
	LODE_PAGING_SV57,          /* 5 levels; also pages of 512 GiB and 256 TiB */
};

/* What the processor has beyond the least. */
enum {
	LODE_PAGING_NX = 1,   /* x86-64: EFER.NXE is or will be set. Without it every page is executable */
	LODE_PAGING_1G = 2,   /* x86-64: pages of 1 GiB (CPUID 80000001 EDX.26) */
	LODE_PAGING_PBMT = 4, /* RISC-V: memory types by Svpbmt */
};

/*
 * Attributes of a page: LODE_PF_R, LODE_PF_W, LODE_PF_X, and these. What a format cannot say is rounded up: with W or X there is R
 * (X alone stays so on RISC-V). No permission at all is an entry that the processor takes for absent and that keeps its frame.
 */
enum {
	LODE_PAGE_USER = 8,    /* for user mode. AArch64: each side executes its own pages only */
	LODE_PAGE_GLOBAL = 16, /* the same in all address spaces */
	LODE_PAGE_OWNED = 32,  /* the frame came from alloc: unmap gives it back. Kept by protect */
};
/**
 * Memory type @n. x86-64: entry 0 to 7 of the PAT (0 is write back, 5 free for write combining); AArch64: Attr0 to Attr7 of
 * MAIR; RISC-V with Svpbmt: 0 as the memory is, 1 not cached, 2 I/O.
 */
#define LODE_PAGE_TYPE(n) ((uint32_t)(n) << 8)

/**
 * struct lode_paging - tables, and the host that keeps them
 * @format, @features, @phys_bits: of the processor; bits of a physical address (MAXPHYADDR): 32 to 52, AArch64 48, RISC-V 56
 * @alloc: a frame of @size bytes (4 KiB, or the size of a larger page for images), aligned to it, any contents; 0 if there is one
 * @free: gives a frame back. A large one comes back in parts if its page was split meanwhile
 * @pointer: the 4 KiB at a frame, aligned to 8 bytes and valid as long as the frame is; NULL: the host has no memory there
 * @flush: [addr, addr + size) was changed or taken away: translations that a processor holds are to be dropped before it returns.
 *         NULL: nobody uses these tables now
 * @host: handed to all of them
 * @root: frame of the top table, for CR3, TTBR or satp; from lode_paging_init or lode_paging_adopt
 *
 * An entry is written whole, by one store where the machine has such, and a table is complete before an entry points at it; so
 * other processors may walk the tables meanwhile. Two changes at once, and bits that a processor sets in an entry just being
 * changed, are for the caller to keep apart. Nothing but @flush orders stores.
 */
struct lode_paging {
	enum lode_paging_format format;
	uint32_t features;
	uint32_t phys_bits;
	int (*alloc)(void *host, uint64_t *frame, uint64_t size);
	void (*free)(void *host, uint64_t frame, uint64_t size);
	void *(*pointer)(void *host, uint64_t frame);
	void (*flush)(void *host, uint64_t addr, uint64_t size);
	void *host;
	uint64_t root;
};

/** [addr, addr + size) shows [frame, frame + size). */
struct lode_mapping {
	uint64_t addr, frame, size;
	uint32_t attr;
};

/*
 * Functions that change tables check everything and get every frame that they will need first; after a failure tables and frames
 * are as they were, byte for byte. Addresses, frames and sizes are multiples of 4 KiB. Ranges may end at 2^64; they must not wrap
 * or reach into addresses that the format does not translate.
 *
 * Errors that each of them may meet: page-align, page-canonical, page-physical, page-attributes, page-recursive, page-table,
 * page-frames.
 */

/**
 * lode_paging_init - an empty top table
 * @paging: everything but root is set, as struct lode_paging says
 * LODE_OK with root, or a status with *why and root as it was. Asks alloc for one frame of 4 KiB.
 * Errors: paging-format (also features or phys_bits that the format does not have), page-frames.
 * Ref: Intel SDM volume 3A, 5.5; Arm ARM D8.3; RISC-V privileged (Sv39, Sv48, Sv57).
 */
int lode_paging_init(struct lode_paging *paging, struct lode_diag *why);
/**
 * lode_paging_adopt - go on with tables that are there
 * @paging: as for lode_paging_init
 * @root: frame of their top table, a multiple of 4 KiB
 * Entries that point at tables must take nothing away (x86-64: present, writable, not NX), as those that Lode writes, and bits
 * that it uses must not mean anything else: 9 and 10 on x86-64, 55 and 56 on AArch64, 8 and 9 on RISC-V.
 * Errors: paging-format, page-table.
 */
int lode_paging_adopt(struct lode_paging *paging, uint64_t root, struct lode_diag *why);
/**
 * lode_paging_release - give back every owned frame, every table, pinned ones too, and the top table
 * Precondition: no processor uses the tables any more; root means nothing afterwards. Errors: page-table; then all is as it was.
 */
int lode_paging_release(struct lode_paging *paging, struct lode_diag *why);

/**
 * lode_paging_map - put a mapping where nothing is
 * @mapping: whole pages of 4 KiB; attr: LODE_PF_* and LODE_PAGE_*. Borrowed for the call
 * @max_page: largest page to use, bytes; 0: whatever fits. A page fits where address, frame and size allow it.
 * Errors: page-mapped (value: address, limit: the frame that is there).
 */
int lode_paging_map(struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page, struct lode_diag *why);
/**
 * lode_paging_unmap - take away what is mapped in a range, holes are fine
 * @range: whole pages of 4 KiB
 * Tables that become empty are given back, pages across its ends split; owned frames go to free, after flush.
 * Errors: those of all. Ref: Intel SDM volume 3A, 5.10.4; Arm ARM D8.16 (break-before-make).
 */
int lode_paging_unmap(struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why);
/**
 * lode_paging_protect - other attributes for mapped pages; pages across the ends are split, unless they have @attr already
 * @range: whole pages of 4 KiB, all of them mapped
 * @attr: LODE_PF_* and LODE_PAGE_*; LODE_PAGE_OWNED stays what it is
 * Errors: page-unmapped (value: first address that nothing is mapped at).
 */
int lode_paging_protect(struct lode_paging *paging, const struct lode_range *range, uint32_t attr, struct lode_diag *why);

/**
 * lode_paging_query - the page that holds an address: its whole extent and frame
 * @page: filled in if it is true
 * @addr: any byte. One that the format does not translate is not mapped
 * True if there is one. Attributes are those that the processor grants: R and W by the entry, X also where it cannot be denied.
 * An address in a recursive entry shows the tables, as the processor sees them.
 */
bool lode_paging_query(struct lode_mapping *page, const struct lode_paging *paging, uint64_t addr);
/**
 * lode_paging_walk - every mapping in a range, ascending; neighbours that continue each other in frame and attributes as one
 * @range: whole pages of 4 KiB; mappings across its ends are cut
 * @visit: anything but 0 ends the walk, which succeeds all the same. It may not change the tables.
 * What lies behind a recursive entry is passed over.
 */
int lode_paging_walk(const struct lode_paging *paging, const struct lode_range *range,
	int (*visit)(void *host, const struct lode_mapping *mapping), void *host, struct lode_diag *why);

/**
 * Addresses that the tables translate, in bytes: the lower part or the upper one; size 0: it has none. Of format alone: no root is
 * needed.
 */
struct lode_range lode_paging_half(const struct lode_paging *paging, bool upper);
/** Addresses between the two: the canonical hole. For struct lode_intervals. Ref: Intel SDM volume 1, 3.3.7.1. */
struct lode_range lode_paging_hole(const struct lode_paging *paging);

/*
 * Top table
 */

/** One bit for each of the 512 entries of a top table; entry i is bit i % 64 of word i / 64. */
struct lode_top {
	uint64_t used[8];
};
/** The entries that are in use, also those that are not present but hold a frame. Precondition: paging->root. */
void lode_paging_top(struct lode_top *top, const struct lode_paging *paging);
/** Add those that a range would use: a run of an image, a mapping to come. Errors: page-align, page-canonical. */
int lode_paging_top_mark(struct lode_top *top, const struct lode_paging *paging, const struct lode_range *range,
	struct lode_diag *why);
/**
 * lode_paging_recursive - let an entry of the top table point at the top table, so that the tables show in the address space
 * @addr: filled in: where they show; entry i covers the i-th part of the address space
 * @index: 0 to 511, of an entry that is free
 * Supervisor, writable, not executable. x86-64 and AArch64. Errors: page-recursive, page-mapped.
 */
int lode_paging_recursive(uint64_t *addr, struct lode_paging *paging, uint32_t index, struct lode_diag *why);
/**
 * lode_paging_pin - tables behind the top entries of a range that stay for good, empty or not
 * @range: whole pages of 4 KiB
 * For address spaces that are to share them: copy the top entries after this. Errors: page-mapped (a page of the top table).
 */
int lode_paging_pin(struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why);

/*
 * Physical memory
 */

/** Physical memory of one kind. */
struct lode_region {
	uint64_t frame, size;
	uint32_t attr;
};
/**
 * struct lode_memory - regions to be seen at @offset + frame
 * @regions: ascending and disjoint, whole pages. Neighbours with the same attributes are mapped as one.
 * @max_page: as for lode_paging_map. On x86-64 the first 2 MiB have small pages: memory types differ within them.
 */
struct lode_memory {
	const struct lode_region *regions;
	uint32_t nregions;
	uint64_t offset;
	uint64_t max_page;
};
/**
 * lode_paging_map_memory - map all regions with the largest pages, or none
 * @memory: borrowed for the call
 * Holes between regions stay unmapped. Up to levels - 1 more frames than needed may be asked for and given back at each border.
 * Errors: memory-order, page-mapped.
 */
int lode_paging_map_memory(struct lode_paging *paging, const struct lode_memory *memory, struct lode_diag *why);

/*
 * Address ranges
 */

/**
 * struct lode_interval - addresses that somebody holds, or wishes
 * @before, @after: bytes beside it that have to stay free: guard pages
 * @align: power of two, 0: 4 KiB. Of wishes without an address only
 * @owner: the caller's number, by which conflicts name it
 */
struct lode_interval {
	uint64_t addr, size;
	uint64_t before, after;
	uint64_t align;
	uint32_t owner;
};
/**
 * struct lode_intervals - who holds which addresses. The caller's array, sorted by address.
 * @first, @last: where addresses are chosen, guards included: [first, last]. Fixed ones may lie outside
 * @hole: never given out: lode_paging_hole()
 */
struct lode_intervals {
	struct lode_interval *entries;
	uint32_t nentries, max_entries;
	uint64_t first, last;
	struct lode_range hole;
};
/*
 * Each of the three that take adds one entry to the caller's array, or leaves it as it was; addresses and sizes are bytes.
 * Errors: interval-range (empty, wraps, bad alignment, or in the hole), interval-taken (index: owner of the
 * wish, other: of what is there, value and limit: their addresses), interval-no-place, room-intervals. O(n).
 */
/** lode_intervals_take - exactly wish->addr, which may lie outside of [first, last]. */
int lode_intervals_take(struct lode_intervals *intervals, const struct lode_interval *wish, struct lode_diag *why);
/** lode_intervals_take_first - the lowest place in [first, last]; its address in *addr. wish->addr is not looked at. */
int lode_intervals_take_first(uint64_t *addr, struct lode_intervals *intervals, const struct lode_interval *wish,
	struct lode_diag *why);
/** lode_intervals_take_random - any place in [first, last], all alike likely if @random is 64 random bits; its address in *addr. */
int lode_intervals_take_random(uint64_t *addr, struct lode_intervals *intervals, const struct lode_interval *wish, uint64_t random,
	struct lode_diag *why);
/** The one that holds @addr (guards not counted), or NULL. O(log n). */
const struct lode_interval *lode_intervals_at(const struct lode_intervals *intervals, uint64_t addr);
/** Let the one go that begins at @addr; false if there is none. */
bool lode_intervals_drop(struct lode_intervals *intervals, uint64_t addr);

/*
 * An image in page tables
 */

/**
 * struct lode_paged - where an image is placed by page tables
 * @paging: borrowed; must have a root
 * @attr: beside the permissions: LODE_PAGE_USER, GLOBAL, TYPE
 * @max_page: largest page and frame, bytes; 0: 4 KiB. If alloc has no large frame, smaller ones are used
 * @file_frame: frame that holds the file's page at @offset, zeros behind the file's end; 0 if there is one. NULL: plan without
 *              LODE_PLAN_SHARE. Its host is @host
 * @plan: the plan to be placed; needed with @file_frame
 * @span, @why: of the placing under way or done: addresses, and why a callback failed
 *
 * Set the first ones, zero the rest. A page of the file is mapped where it lies if it is not writable, and by one permission only:
 * a page that an earlier run shows with other permissions, one that is writable, and one that gets bytes become copies in frames
 * of their own. So no frame of the file is writable, nor both data and code, through what is placed here. Each shared page is
 * looked up in the runs before its own.
 */
struct lode_paged {
	struct lode_paging *paging;
	uint32_t attr;
	uint64_t max_page;
	int (*file_frame)(void *host, uint64_t *frame, uint64_t offset);
	void *host;
	const struct lode_plan *plan;
	struct lode_range span;
	struct lode_diag why;
};
/**
 * lode_paged_space - callbacks over page tables; @paged is borrowed
 *
 * begin wants the span free. Bytes go through paging->pointer, so the tables need not be active. abort gives back every frame and
 * table. What was placed is taken away by lode_paging_unmap of the span.
 */
struct lode_space lode_paged_space(struct lode_paged *paged);

#ifdef __cplusplus
}
#endif

#endif
