/* SPDX-License-Identifier: MIT */
/* What the files of paging/ share: formats, entries, a cursor over them, frames put aside, checks. Not for embedders. */
#ifndef LODE_PAGING_PAGING_H
#define LODE_PAGING_PAGING_H

#include <lode/paging.h>

#include "core.h"

enum { LODE_LEVELS_ = 5, LODE_ENTRIES_ = 512 };
#define LODE_SMALL_ UINT64_C(4096)
/* Bit 0 says in every format that the processor may use an entry. */
#define LODE_VALID_ UINT64_C(1)

/* A format: what its entries look like. Level 0 is that of 4 KiB pages. An entry is a table's, a page's, or 0. */
struct lode_format_ {
	uint32_t levels;
	uint32_t page_level;    /* highest level that has pages */
	uint32_t large_feature; /* feature without which pages end at level 1 */
	uint32_t types_feature; /* feature without which there is one memory type */
	uint32_t phys_bits;     /* most that it can say */
	uint32_t types;         /* memory types */
	uint64_t low, high;     /* bytes from 0 on, and up to 2^64, that it translates */
	uint64_t small;         /* physical memory below has small pages in maps of memory */
	uint64_t kept;          /* bits of a page's entry that are not the caller's: the processor's and other software's */
	uint64_t dirty;         /* the one that goes with permission to write */
	uint64_t held;          /* software's: a page without permissions */
	uint64_t pinned;        /* software's: a table that stays */
	uint64_t user_table;    /* what tables of user pages need */
	bool recursive;         /* a table's entry can be that of a page too */
	bool breaks;            /* size or type of a live page is changed by way of an invalid entry */
	uint64_t (*page)(const struct lode_paging *paging, uint64_t frame, uint32_t attr, uint32_t level);
	uint64_t (*table)(uint64_t frame);
	uint64_t (*frame)(uint64_t entry, uint32_t level); /* of a page's or a table's entry */
	uint32_t (*attr)(uint64_t entry, uint32_t level);
	bool (*is_table)(uint64_t entry); /* of a level above the lowest */
};
extern const struct lode_format_ lode_format_x86_64_, lode_format_x86_64_5_, lode_format_aarch64_, lode_format_aarch64_upper_,
	lode_format_sv39_, lode_format_sv48_, lode_format_sv57_;
/* Precondition: the format is one. */
const struct lode_format_ *lode_format_of_(const struct lode_paging *paging);
/* Highest level of pages of at most max_page bytes (0: any) that this processor has. */
uint32_t lode_page_level_(const struct lode_paging *paging, uint64_t max_page);

static inline uint64_t level_size(uint32_t level)
{
	return LODE_SMALL_ << 9 * level;
}

static inline bool aligned(uint64_t n, uint32_t level)
{
	return (n & (level_size(level) - 1)) == 0;
}

static inline uint32_t level_index(uint64_t addr, uint32_t level)
{
	return (uint32_t)(addr >> (12 + 9 * level)) & (LODE_ENTRIES_ - 1);
}

/* Between this machine's order of bytes and the tables'. (No memcpy: without a C library that is a call.) */
static inline uint64_t little(uint64_t value)
{
	const unsigned char *b = (const unsigned char *)&value;

	return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
		(uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

/* Volatile: a processor may walk the table at any moment, so each is one access, in this order. */
static inline uint64_t entry_load(const volatile uint64_t *entry)
{
	return little(*entry);
}

static inline void entry_store(volatile uint64_t *entry, uint64_t value)
{
	*entry = little(value);
}

/* Checks of arguments; each refuses with its rule. */
int lode_check_range_(const struct lode_paging *paging, const struct lode_range *range, struct lode_diag *why);
int lode_check_attr_(const struct lode_paging *paging, uint32_t attr, struct lode_diag *why);
int lode_check_mapping_(const struct lode_paging *paging, const struct lode_mapping *mapping, struct lode_diag *why);

/* Frames put aside for tables, with a link in their first word, which no processor takes for an entry. */
struct lode_frames_ {
	uint64_t first;
	uint64_t count;
};
int lode_frames_reserve_(struct lode_frames_ *frames, const struct lode_paging *paging, uint64_t count, struct lode_diag *why);
void lode_frames_push_(struct lode_frames_ *frames, const struct lode_paging *paging, uint64_t frame);
/* The next one: to be filled, or an empty table. Precondition: count > 0. */
uint64_t lode_frames_pop_(volatile uint64_t **table, struct lode_frames_ *frames, const struct lode_paging *paging);
uint64_t lode_frames_pop_empty_(struct lode_frames_ *frames, const struct lode_paging *paging);
void lode_frames_free_(struct lode_frames_ *frames, const struct lode_paging *paging);

/* A cursor over the entries that describe a range: pages, and holes as large as the tables leave them. */
struct lode_entries_ {
	const struct lode_paging *paging;
	const struct lode_format_ *format;
	uint64_t addr, left; /* not visited yet */
	bool moved;          /* the tables changed: look again from the root */
	/* of the entry that it stands on */
	volatile uint64_t *path[LODE_LEVELS_]; /* it, and at higher levels those that lead to it */
	uint32_t level;
	uint64_t value;
	uint64_t at, size; /* the part of the range that it describes */
	bool recursive;    /* a recursive entry leads here */
};
void lode_entries_begin_(struct lode_entries_ *entries, const struct lode_paging *paging, uint64_t addr, uint64_t size);
/* 1: on the next entry, 0: at the end, or a status: page-table. */
int lode_entries_find_(struct lode_entries_ *entries, struct lode_diag *why);
static inline int lode_entries_next_(struct lode_entries_ *e, struct lode_diag *why)
{
	/* nearly all steps go from one small page to the next in its table */
	if (e->left == 0 || e->level != 0 || e->moved || level_index(e->addr, 0) == 0)
		return lode_entries_find_(e, why);
	e->value = entry_load(++e->path[e->level]);
	e->at = e->addr;
	e->addr += e->size;
	e->left -= e->size;
	return 1;
}
/* Every table is there, none of it is behind a recursive entry, and, if asked for, nothing or everything is mapped. */
enum lode_expect_ {
	LODE_EXPECT_ANY_,
	LODE_EXPECT_FREE_,
	LODE_EXPECT_MAPPED_,
	LODE_EXPECT_TABLES_ /* recursive entries are fine */
};
int lode_entries_check_(const struct lode_paging *paging, const struct lode_range *range, enum lode_expect_ expect,
	struct lode_diag *why);
/* The same for the entry that a cursor stands on. */
int lode_entry_check_(const struct lode_entries_ *entries, enum lode_expect_ expect, struct lode_diag *why);
/* Entries of tables on the way to this one let user mode through if the attributes need it. */
void lode_entries_let_user_(const struct lode_entries_ *entries, uint32_t attr);

/* A page's entry with other attributes or size, and what is not the caller's kept. */
uint64_t lode_page_again_(const struct lode_entries_ *entries, uint64_t frame, uint32_t attr, uint32_t level);
/* Exchange the entry that the cursor stands on, the way the format wants it for live tables. */
void lode_entry_replace_(const struct lode_entries_ *entries, uint64_t value);

/*
 * Large pages across the ends of a range: how many tables splitting takes, and the splitting. Those that have attr are left.
 * Precondition: lode_entries_check_ found every table.
 */
#define LODE_ANY_ATTR_ UINT32_MAX
uint64_t lode_split_count_(const struct lode_paging *paging, const struct lode_range *range, uint32_t attr);
void lode_split_(const struct lode_paging *paging, const struct lode_range *range, uint32_t attr, struct lode_frames_ *frames);

/* Mapping in two steps: what is in the way and how many tables are missing; then, with that many frames, the effect. */
int lode_map_count_(uint64_t *count, const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page,
	struct lode_diag *why);
void lode_map_apply_(const struct lode_paging *paging, const struct lode_mapping *mapping, uint64_t max_page,
	struct lode_frames_ *frames);

#endif
