/* SPDX-License-Identifier: MIT */
/* A range of addresses -> the entries that describe it, one after the other. */
#include "paging.h"

void lode_entries_begin_(struct lode_entries_ *entries, const struct lode_paging *paging, uint64_t addr, uint64_t size)
{
	*entries = (struct lode_entries_){
		.paging = paging, .format = lode_format_of_(paging), .addr = addr, .left = size, .moved = true};
}

static void stand_on(struct lode_entries_ *e, volatile uint64_t *entry)
{
	e->path[e->level] = entry;
	e->value = entry_load(entry);
}

/* False: the host cannot reach the table; value is then its frame. */
static bool enter(struct lode_entries_ *e, uint64_t frame, uint32_t level)
{
	volatile uint64_t *table = e->paging->pointer(e->paging->host, frame);

	e->value = frame;
	if (!table)
		return false;
	e->level = level;
	stand_on(e, table + level_index(e->addr, level));
	return true;
}

/* Down to the page or hole that holds addr. */
static bool descend(struct lode_entries_ *e)
{
	while (e->level > 0 && e->format->is_table(e->value)) {
		uint64_t frame = e->format->frame(e->value, e->level);

		e->recursive = e->level == e->format->levels - 1 && frame == e->paging->root;
		if (e->recursive)
			return true;
		if (!enter(e, frame, e->level - 1))
			return false;
	}
	return true;
}

/* To the next entry at whatever level stands there: beside the last one, or from the root. */
static bool step(struct lode_entries_ *e)
{
	if (e->moved || level_index(e->addr, e->level) == 0)
		return enter(e, e->paging->root, e->format->levels - 1);
	stand_on(e, e->path[e->level] + 1);
	return true;
}

int lode_entries_find_(struct lode_entries_ *e, struct lode_diag *why)
{
	if (e->left == 0)
		return 0;
	e->recursive = false;
	if (!step(e) || !descend(e))
		return lode_refuse_(why, LODE_RULE_PAGE_TABLE, lode_nowhere_(LODE_FIELD_PAGING_POINTER, e->value, e->addr));
	e->moved = false;
	e->at = e->addr;
	e->size = min_u64(e->left, level_size(e->level) - (e->at & (level_size(e->level) - 1)));
	e->addr += e->size;
	e->left -= e->size;
	return 1;
}

int lode_entry_check_(const struct lode_entries_ *e, enum lode_expect_ expect, struct lode_diag *why)
{
	enum lode_rule rule = LODE_RULE_NONE;

	if (e->recursive && expect != LODE_EXPECT_TABLES_)
		rule = LODE_RULE_PAGE_RECURSIVE;
	else if (expect == LODE_EXPECT_FREE_ && e->value != 0)
		rule = LODE_RULE_PAGE_MAPPED;
	else if (expect == LODE_EXPECT_MAPPED_ && e->value == 0)
		rule = LODE_RULE_PAGE_UNMAPPED;
	if (rule == LODE_RULE_NONE)
		return LODE_OK;
	return lode_refuse_(why, rule, lode_nowhere_(LODE_FIELD_MAPPING_ADDR, e->at, e->format->frame(e->value, e->level)));
}

int lode_entries_check_(const struct lode_paging *paging, const struct lode_range *range, enum lode_expect_ expect,
	struct lode_diag *why)
{
	struct lode_entries_ e;
	int status = LODE_OK, refused = LODE_OK;

	lode_entries_begin_(&e, paging, range->addr, range->size);
	while (refused == LODE_OK && (status = lode_entries_next_(&e, why)) > 0)
		refused = lode_entry_check_(&e, expect, why);
	return refused != LODE_OK ? refused : status;
}

void lode_entries_let_user_(const struct lode_entries_ *e, uint32_t attr)
{
	const uint64_t user = attr & LODE_PAGE_USER ? e->format->user_table : 0;

	for (uint32_t level = e->level + 1; user != 0 && level < e->format->levels; level++) {
		uint64_t value = entry_load(e->path[level]);

		if ((value & user) != user)
			entry_store(e->path[level], value | user);
	}
}

uint64_t lode_page_again_(const struct lode_entries_ *e, uint64_t frame, uint32_t attr, uint32_t level)
{
	uint64_t kept = e->value & e->format->kept;

	/* A page that is not writable but dirty means something else to some processors: x86-64's shadow stacks, AArch64's DBM. */
	if (!(attr & LODE_PF_W))
		kept &= ~e->format->dirty;
	return e->format->page(e->paging, frame, attr, level) | kept;
}

void lode_entry_replace_(const struct lode_entries_ *e, uint64_t value)
{
	const uint64_t size = level_size(e->level);

	if (e->format->breaks && e->paging->flush && e->value & LODE_VALID_) {
		entry_store(e->path[e->level], 0);
		e->paging->flush(e->paging->host, e->at & ~(size - 1), size);
	}
	entry_store(e->path[e->level], value);
}
