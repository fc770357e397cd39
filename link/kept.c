/* SPDX-License-Identifier: MIT */
/* Data that were noted of a unit come in; then what lies at a place of a section goes out, and what lies beside it. Offsets and
 * sizes are the file's: data may overlap, offsets are signed, and ends do not wrap. */
#include "link.h"

static uint64_t rank(uint64_t offset)
{
	return offset ^ UINT64_C(1) << 63;
}

static uint64_t end_of(const struct lode_link_kept *kept)
{
	uint64_t begin = rank(kept->offset), size = max_u64(kept->size, 1);

	return size > UINT64_MAX - begin ? UINT64_MAX : begin + size;
}

/* Whether it comes behind a place; data of one place come as they were noted. */
static bool is_behind(const struct lode_link_kept *kept, uint32_t section, uint64_t offset)
{
	return kept->section != section ? kept->section > section : rank(kept->offset) > rank(offset);
}

static bool is_after(const struct lode_link_kept *a, const struct lode_link_kept *b)
{
	if (a->section == b->section && a->offset == b->offset)
		return a->number > b->number;
	return is_behind(a, b->section, b->offset);
}

static void exchange(struct lode_link_kept **a, struct lode_link_kept **b)
{
	struct lode_link_kept *c = *a;

	*a = *b;
	*b = c;
}

/* A heap, the last on top. */
static void sift(struct lode_link_kept **all, uint32_t from, uint32_t count)
{
	for (uint32_t child = 2 * from + 1; child < count; from = child, child = 2 * from + 1) {
		if (child + 1 < count && is_after(all[child + 1], all[child]))
			child++;
		if (!is_after(all[child], all[from]))
			return;
		exchange(&all[from], &all[child]);
	}
}

static void sort(struct lode_link_kept **all, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(all, i, count);
	for (uint32_t i = count; i-- > 1;) {
		exchange(&all[0], &all[i]);
		sift(all, 0, i);
	}
}

int lode_unit_sort_kept_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	uint32_t count = unit->kept ? unit->kept->number + 1 : 0;

	if (count == 0)
		return LODE_OK;
	unit->places = lode_link_keep_(link, (uint64_t)count * sizeof *unit->places, why);
	if (!unit->places)
		return LODE_ERR_ROOM;
	for (struct lode_link_kept *kept = unit->kept; kept; kept = kept->next)
		unit->places[kept->number] = kept;
	sort(unit->places, count);
	for (uint32_t i = 0; i < count; i++) {
		struct lode_link_kept *kept = unit->places[i];
		const struct lode_link_kept *last = i > 0 ? unit->places[i - 1]->farthest : kept;

		kept->farthest = last->section == kept->section && end_of(last) > end_of(kept) ? last : kept;
	}
	unit->nplaces = count;
	return LODE_OK;
}

/* How many come before a place or are there. */
static uint32_t count_to(const struct lode_link_unit *unit, uint32_t section, uint64_t offset)
{
	uint32_t low = 0, high = unit->nplaces;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_behind(unit->places[middle], section, offset))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Counted from 1; NULL: there is none in the section. */
static const struct lode_link_kept *nth(const struct lode_link_unit *unit, uint32_t section, uint32_t number)
{
	if (number == 0 || number > unit->nplaces || unit->places[number - 1]->section != section)
		return NULL;
	return unit->places[number - 1];
}

/* The nearest, or the one that reaches farthest. */
static const struct lode_link_kept *around_place(const struct lode_link_kept *last, uint64_t offset)
{
	if (last && end_of(last) <= rank(offset))
		last = last->farthest;
	return last && end_of(last) > rank(offset) ? last : NULL;
}

const struct lode_link_kept *lode_unit_kept_at_(const struct lode_link_unit *unit, uint32_t section, uint64_t offset)
{
	return around_place(nth(unit, section, count_to(unit, section, offset)), offset);
}

struct link_around lode_unit_kept_around_(const struct lode_link_unit *unit, uint32_t section, uint64_t offset)
{
	uint32_t number = count_to(unit, section, offset);
	const struct lode_link_kept *last = nth(unit, section, number), *next = nth(unit, section, number + 1);
	struct link_around around = {.at = around_place(last, offset), .before = last};

	if (last && around.at == last)
		around.before = nth(unit, section, number - 1);
	if (next)
		around.behind = nth(unit, section, count_to(unit, section, next->offset));
	return around;
}
