/* SPDX-License-Identifier: MIT */
/* Entries of RISC-V's Sv39, Sv48 and Sv57. Ref: RISC-V privileged, "Supervisor-Level ISA", "Svpbmt". */
#include "paging.h"

/*
 *   62 61 | 53           10 | 9    | 8     | 7 | 6 | 5 | 4 | 3 | 2 | 1 | 0
 *   PBMT  | frame >> 12     | held | owned | D | A | G | U | X | W | R | V
 *
 * A and D are set: a processor need not set them itself, it may raise a fault instead. A table has neither R, W nor X.
 */
#define V UINT64_C(1)
#define R UINT64_C(2)
#define W UINT64_C(4)
#define X UINT64_C(8)
#define U UINT64_C(0x10)
#define G UINT64_C(0x20)
#define ACCESSED UINT64_C(0x40)
#define DIRTY UINT64_C(0x80)
#define OWNED UINT64_C(0x100)
#define HELD UINT64_C(0x200)
#define FRAME UINT64_C(0x003ffffffffffc00)

static uint64_t bit(uint32_t set, uint64_t value)
{
	return set ? value : 0;
}

/* Writing without reading is reserved. */
static uint64_t permissions(uint32_t attr)
{
	if (!(attr & (LODE_PF_R | LODE_PF_W | LODE_PF_X)))
		return HELD;
	return V | bit(attr & (LODE_PF_R | LODE_PF_W), R) | bit(attr & LODE_PF_W, W) | bit(attr & LODE_PF_X, X);
}

static uint64_t page(const struct lode_paging *paging, uint64_t frame, uint32_t attr, uint32_t level)
{
	uint64_t entry = frame >> 2 | permissions(attr) | ACCESSED | (uint64_t)(attr >> 8) << 61;

	(void)paging;
	(void)level;
	entry |= bit(attr & LODE_PAGE_USER, U) | bit(attr & LODE_PAGE_GLOBAL, G) | bit(attr & LODE_PAGE_OWNED, OWNED);
	return entry | bit(attr & LODE_PF_W, DIRTY);
}

static uint64_t table(uint64_t frame)
{
	return frame >> 2 | V;
}

static bool is_table(uint64_t entry)
{
	return (entry & (V | R | W | X)) == V;
}

static uint64_t frame_of(uint64_t entry, uint32_t level)
{
	uint64_t frame = (entry & FRAME) << 2;

	return is_table(entry) ? frame : frame & ~(level_size(level) - 1);
}

static uint32_t attr_of(uint64_t entry, uint32_t level)
{
	uint32_t attr = 0;

	(void)level;
	if (entry & V)
		attr = (entry & R ? LODE_PF_R : 0) | (entry & W ? LODE_PF_W : 0) | (entry & X ? LODE_PF_X : 0);
	attr |= (entry & U ? LODE_PAGE_USER : 0u) | (entry & G ? LODE_PAGE_GLOBAL : 0u) | (entry & OWNED ? LODE_PAGE_OWNED : 0u);
	return attr | LODE_PAGE_TYPE(entry >> 61 & 3);
}

#define FORMAT(levels_, half)                                                                                                      \
	{                                                                                                                          \
		.levels = (levels_), .page_level = (levels_)-1, .phys_bits = 56, .types = 3, .types_feature = LODE_PAGING_PBMT,    \
		.low = (half), .high = (half), .kept = ACCESSED | DIRTY, .dirty = DIRTY, .held = HELD, .pinned = HELD,             \
		.page = page, .table = table, .frame = frame_of, .attr = attr_of, .is_table = is_table                             \
	}

const struct lode_format_ lode_format_sv39_ = FORMAT(3, UINT64_C(1) << 38);
const struct lode_format_ lode_format_sv48_ = FORMAT(4, UINT64_C(1) << 47);
const struct lode_format_ lode_format_sv57_ = FORMAT(5, UINT64_C(1) << 56);
