/* SPDX-License-Identifier: MIT */
/* Entries of x86-64's tables, 4 and 5 levels. Ref: Intel SDM 3A 5.5 "4-Level Paging and 5-Level Paging". */
#include "paging.h"

/*
 *   63 | 62      52 | 51             12 | 11 | 10   | 9     | 8 | 7        | 6 | 5 | 4   | 3   | 2 | 1 | 0
 *   NX |            | frame             |    | held | owned | G | PAT / PS | D | A | PCD | PWT | U | W | P
 *
 * The PAT bit of a large page is bit 12. A page without permissions is not present and has its frame's bits inverted: a processor
 * that speculates on absent entries (L1TF) then finds an address that no memory has.
 */
#define P UINT64_C(1)
#define W UINT64_C(2)
#define U UINT64_C(4)
#define PWT UINT64_C(8)
#define PCD UINT64_C(0x10)
#define ACCESSED UINT64_C(0x20)
#define DIRTY UINT64_C(0x40)
#define SMALL_PAT UINT64_C(0x80)
#define PS UINT64_C(0x80)
#define G UINT64_C(0x100)
#define OWNED UINT64_C(0x200)
#define HELD UINT64_C(0x400)
#define LARGE_PAT UINT64_C(0x1000)
#define FRAME UINT64_C(0x000ffffffffff000)
#define NX (UINT64_C(1) << 63)
#define KEPT (UINT64_C(0x7ff0000000000800) | ACCESSED | DIRTY)

static uint64_t bit(uint32_t set, uint64_t value)
{
	return set ? value : 0;
}

static uint64_t permissions(const struct lode_paging *paging, uint32_t attr)
{
	if (!(attr & (LODE_PF_R | LODE_PF_W | LODE_PF_X)))
		return HELD;
	return P | bit(attr & LODE_PF_W, W) | bit(!(attr & LODE_PF_X) && paging->features & LODE_PAGING_NX, NX);
}

static uint64_t page(const struct lode_paging *paging, uint64_t frame, uint32_t attr, uint32_t level)
{
	uint64_t entry = permissions(paging, attr);
	uint32_t type = attr >> 8;

	entry |= bit(attr & LODE_PAGE_USER, U) | bit(attr & LODE_PAGE_GLOBAL, G) | bit(attr & LODE_PAGE_OWNED, OWNED);
	entry |= bit(type & 1, PWT) | bit(type & 2, PCD) | bit(type & 4, level ? LARGE_PAT : SMALL_PAT) | bit(level, PS);
	return (entry & P ? frame : frame ^ (FRAME & ~(level_size(level) - 1))) | entry;
}

static uint64_t table(uint64_t frame)
{
	return frame | P | W;
}

static uint64_t frame_of(uint64_t entry, uint32_t level)
{
	uint64_t mask = FRAME & ~(level_size(level) - 1);

	if (entry & P && level && !(entry & PS))
		mask = FRAME;
	return ((entry & (P | HELD)) == HELD ? ~entry : entry) & mask;
}

static uint32_t attr_of(uint64_t entry, uint32_t level)
{
	uint32_t attr = 0;

	if (entry & P)
		attr = LODE_PF_R | (entry & W ? LODE_PF_W : 0) | (entry & NX ? 0 : LODE_PF_X);
	attr |= (entry & U ? LODE_PAGE_USER : 0u) | (entry & G ? LODE_PAGE_GLOBAL : 0u) | (entry & OWNED ? LODE_PAGE_OWNED : 0u);
	return attr |
		LODE_PAGE_TYPE((entry & PWT ? 1 : 0) | (entry & PCD ? 2 : 0) | (entry & (level ? LARGE_PAT : SMALL_PAT) ? 4 : 0));
}

static bool is_table(uint64_t entry)
{
	return (entry & (P | PS)) == P;
}

#define FORMAT(levels_, half)                                                                                                      \
	{                                                                                                                          \
		.levels = (levels_), .page_level = 2, .large_feature = LODE_PAGING_1G, .phys_bits = 52, .types = 8, .low = (half), \
		.high = (half), .small = UINT64_C(0x200000), .kept = KEPT, .dirty = DIRTY, .held = HELD, .pinned = HELD,           \
		.user_table = U, .recursive = true, .page = page, .table = table, .frame = frame_of, .attr = attr_of,              \
		.is_table = is_table                                                                                               \
	}

const struct lode_format_ lode_format_x86_64_ = FORMAT(4, UINT64_C(1) << 47);
const struct lode_format_ lode_format_x86_64_5_ = FORMAT(5, UINT64_C(1) << 56);
