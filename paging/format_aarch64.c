/* SPDX-License-Identifier: MIT */
/* Descriptors of AArch64's stage 1, 4 KiB granule, 48 bits. Ref: Arm ARM D8.3 "Translation table descriptor formats". */
#include "paging.h"

/*
 *   56   | 55    | 54  | 53  | 52 50 | 47              12 | 11 | 10 | 9 8 | 7  | 6  | 4 2      | 1 0
 *   held | owned | UXN | PXN |       | frame              | nG | AF | SH  | RO | EL0 | AttrIndx | 01 block, 11 page or table
 */
#define VALID UINT64_C(1)
#define TABLE UINT64_C(2) /* or a page of 4 KiB */
#define EL0 UINT64_C(0x40)
#define READ_ONLY UINT64_C(0x80)
#define INNER UINT64_C(0x300)
#define AF UINT64_C(0x400)
#define NG UINT64_C(0x800)
#define FRAME UINT64_C(0x0000fffffffff000)
#define DIRTY_MANAGED (UINT64_C(1) << 51)
#define GUARDED (UINT64_C(1) << 50)
#define PXN (UINT64_C(1) << 53)
#define UXN (UINT64_C(1) << 54)
#define OWNED (UINT64_C(1) << 55)
#define HELD (UINT64_C(1) << 56)
#define KEPT (UINT64_C(3) << 57 | DIRTY_MANAGED | GUARDED)

static uint64_t bit(uint32_t set, uint64_t value)
{
	return set ? value : 0;
}

/* Each side executes its own pages only. */
static uint64_t execution(uint32_t attr)
{
	if (!(attr & LODE_PF_X))
		return PXN | UXN;
	return attr & LODE_PAGE_USER ? PXN : UXN;
}

static uint64_t page(const struct lode_paging *paging, uint64_t frame, uint32_t attr, uint32_t level)
{
	uint64_t entry = frame | AF | INNER | execution(attr) | (uint64_t)(attr >> 8) << 2;

	(void)paging;
	entry |= attr & (LODE_PF_R | LODE_PF_W | LODE_PF_X) ? VALID : HELD;
	entry |= bit(!level, TABLE) | bit(attr & LODE_PAGE_USER, EL0) | bit(~attr & LODE_PF_W, READ_ONLY);
	return entry | bit(~attr & LODE_PAGE_GLOBAL, NG) | bit(attr & LODE_PAGE_OWNED, OWNED);
}

/* The processor ignores all but valid, table and frame here; the rest is for pages that a recursive entry makes of tables. */
static uint64_t table(uint64_t frame)
{
	return frame | VALID | TABLE | AF | INNER | PXN | UXN;
}

static bool is_table(uint64_t entry)
{
	return (entry & (VALID | TABLE)) == (VALID | TABLE);
}

static uint64_t frame_of(uint64_t entry, uint32_t level)
{
	return entry & (is_table(entry) ? FRAME : FRAME & ~(level_size(level) - 1));
}

static uint32_t attr_of(uint64_t entry, uint32_t level)
{
	uint32_t attr = 0;

	(void)level;
	if (entry & VALID)
		attr = LODE_PF_R | (entry & READ_ONLY ? 0 : LODE_PF_W) | (entry & (entry & EL0 ? UXN : PXN) ? 0 : LODE_PF_X);
	attr |= (entry & EL0 ? LODE_PAGE_USER : 0u) | (entry & NG ? 0u : LODE_PAGE_GLOBAL) | (entry & OWNED ? LODE_PAGE_OWNED : 0u);
	return attr | LODE_PAGE_TYPE(entry >> 2 & 7);
}

#define FORMAT(low_, high_)                                                                                                        \
	{                                                                                                                          \
		.levels = 4, .page_level = 2, .phys_bits = 48, .types = 8, .low = (low_), .high = (high_), .kept = KEPT,           \
		.dirty = DIRTY_MANAGED, .held = HELD, .pinned = HELD, .recursive = true, .breaks = true, .page = page,             \
		.table = table, .frame = frame_of, .attr = attr_of, .is_table = is_table                                           \
	}

const struct lode_format_ lode_format_aarch64_ = FORMAT(UINT64_C(1) << 48, 0);
const struct lode_format_ lode_format_aarch64_upper_ = FORMAT(0, UINT64_C(1) << 48);
