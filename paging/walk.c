/* SPDX-License-Identifier: MIT */
/* An address -> its page; a range -> the mappings in it, as few as possible. */
#include "paging.h"

/* As the processor goes, through recursive entries too: at most one step for each level. */
bool lode_paging_query(struct lode_mapping *page, const struct lode_paging *paging, uint64_t addr)
{
	const struct lode_format_ *format = lode_format_of_(paging);
	const struct lode_range here = {addr & ~(LODE_SMALL_ - 1), LODE_SMALL_};
	uint32_t level = format->levels;
	uint64_t frame = paging->root, value;

	if (lode_check_range_(paging, &here, NULL) != LODE_OK)
		return false;
	do {
		volatile uint64_t *table = paging->pointer(paging->host, frame);

		if (!table)
			return false;
		level--;
		value = entry_load(table + level_index(addr, level));
		frame = format->frame(value, level);
	} while (level > 0 && format->is_table(value));
	if (!(value & (LODE_VALID_ | format->held)))
		return false;
	*page = (struct lode_mapping){.addr = addr & ~(level_size(level) - 1),
		.frame = frame,
		.size = level_size(level),
		.attr = format->attr(value, level)};
	return true;
}

/* The part of a page that the cursor stands on. */
static struct lode_mapping part(const struct lode_entries_ *e)
{
	return (struct lode_mapping){.addr = e->at,
		.frame = e->format->frame(e->value, e->level) + (e->at & (level_size(e->level) - 1)),
		.size = e->size,
		.attr = e->format->attr(e->value, e->level)};
}

static bool continues(const struct lode_mapping *a, const struct lode_mapping *b)
{
	return a->addr + a->size == b->addr && a->frame + a->size == b->frame && a->attr == b->attr;
}

int lode_paging_walk(const struct lode_paging *paging, const struct lode_range *range,
	int (*visit)(void *host, const struct lode_mapping *mapping), void *host, struct lode_diag *why)
{
	struct lode_mapping open = {.size = 0}, next;
	struct lode_entries_ e;
	int status = lode_check_range_(paging, range, why);

	if (status != LODE_OK)
		return status;
	lode_entries_begin_(&e, paging, range->addr, range->size);
	while ((status = lode_entries_next_(&e, why)) > 0) {
		if (e.recursive || !(e.value & (LODE_VALID_ | e.format->held)))
			continue;
		next = part(&e);
		if (continues(&open, &next)) {
			open.size += next.size;
			continue;
		}
		if (open.size > 0 && visit(host, &open) != 0)
			return LODE_OK;
		open = next;
	}
	if (status == LODE_OK && open.size > 0)
		visit(host, &open);
	return status;
}
