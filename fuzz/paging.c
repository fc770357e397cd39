/* SPDX-License-Identifier: MIT */
/* Bytes are changes of page tables of some format; a sorted list of mappings says what the tables have to say. Then they are
 * spoiled, and looking at them does no harm. */
#include <stdlib.h>
#include <string.h>

#include <frames.h>

#include "fuzz.h"

enum { MAPPINGS = 96, SMALL = 4096, CHANGES = 48 };

/* What is mapped: ascending, neighbours that continue each other as one. */
struct list {
	struct lode_mapping at[MAPPINGS + 4];
	uint32_t n;
};

static struct frames frames;
static struct lode_paging paging;
static struct list model;

static uint64_t take_wide(struct fuzz_tape *tape)
{
	uint64_t high = fuzz_take(tape, 4);

	return high << 32 | fuzz_take(tape, 4);
}

/* An address, frame or size near the edges that matter, or anything. */
static uint64_t take_number(struct fuzz_tape *tape)
{
	static const unsigned units[] = {12, 12, 21, 30};
	uint32_t how = fuzz_take(tape, 1);
	uint64_t n = fuzz_take(tape, 1);

	if (how == 0xff)
		return take_wide(tape);
	n = (n & 15) << units[how & 3];
	if (how & 4)
		n += (uint64_t)(fuzz_take(tape, 1) & 7) << 12;
	if (how & 8)
		n -= (uint64_t)(fuzz_take(tape, 1) & 7) << 12;
	return n;
}

static uint64_t take_address(struct fuzz_tape *tape)
{
	const struct lode_range low = lode_paging_half(&paging, false), high = lode_paging_half(&paging, true);
	uint32_t how = fuzz_take(tape, 1);
	uint64_t n = take_number(tape);

	switch (how % 4) {
	case 0: return low.size ? n : high.addr + n;
	case 1: return low.size - n;
	case 2: return high.addr + n;
	default: return 0 - n;
	}
}

static uint32_t take_attr(struct fuzz_tape *tape)
{
	uint32_t attr = fuzz_take(tape, 2);

	return attr & (attr & 0x8000 ? 0xffdf : 0x71f & ~(uint32_t)LODE_PAGE_OWNED);
}

/* What the format makes of attributes. */
static uint32_t effective(uint32_t attr)
{
	if (attr & (paging.format >= LODE_PAGING_SV39 ? LODE_PF_W : 7u))
		attr |= LODE_PF_R;
	return attr;
}

static int collect(void *host, const struct lode_mapping *mapping)
{
	struct list *list = host;

	HOLDS(list->n < MAPPINGS + 4);
	list->at[list->n++] = *mapping;
	return 0;
}

/* The tables say what the list says, and walking naively does so at the begin and the end of each mapping. */
static void tables_are(const struct list *want)
{
	struct list got = {.n = 0};

	for (int upper = 0; upper < 2; upper++) {
		const struct lode_range half = lode_paging_half(&paging, upper);

		if (half.size)
			HOLDS(lode_paging_walk(&paging, &half, collect, &got, NULL) == LODE_OK);
	}
	HOLDS(got.n == want->n);
	for (uint32_t i = 0; i < got.n; i++) {
		const struct lode_mapping *a = &got.at[i], *b = &want->at[i];
		struct walked w;
		uint64_t last = a->size - SMALL;

		HOLDS(a->addr == b->addr && a->frame == b->frame && a->size == b->size && a->attr == b->attr);
		HOLDS(walk_naively(&w, &frames, &paging, a->addr) == ((a->attr & 7) != 0));
		HOLDS(!(a->attr & 7) || (w.frame == a->frame && w.w == !!(a->attr & 2) && w.x == (a->attr & 1)));
		HOLDS(walk_naively(&w, &frames, &paging, a->addr + last) == ((a->attr & 7) != 0));
		HOLDS(!(a->attr & 7) || w.frame == a->frame + last);
	}
}

static void add(struct list *list, uint64_t addr, uint64_t end, uint64_t frame, uint32_t attr)
{
	struct lode_mapping *last = list->n ? &list->at[list->n - 1] : NULL;

	if (addr == end)
		return;
	if (last && last->addr + last->size == addr && last->frame + last->size == frame && last->attr == attr)
		last->size += end - addr;
	else
		list->at[list->n++] = (struct lode_mapping){addr, frame, end - addr, attr};
}

/* True if something (free: nothing) of the range is mapped all through. (Ends are compared as distances: 2^64 is one.) */
static uint64_t covered(const struct lode_range *range)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < model.n; i++) {
		const struct lode_mapping *m = &model.at[i];
		uint64_t begin = m->addr > range->addr ? m->addr : range->addr;
		uint64_t last_a = m->addr + (m->size - 1), last_b = range->addr + (range->size - 1),
			last = last_a < last_b ? last_a : last_b;

		if (begin <= last)
			sum += last - begin + 1;
	}
	return sum;
}

/* The list with the range cut out and something else put in: 0 map, 1 nothing, 2 the same with other attributes. */
static void imagine(int kind, const struct lode_mapping *m)
{
	struct list new = {.n = 0};
	uint64_t end = m->addr + m->size;
	bool done = kind != 0;

	for (uint32_t i = 0; i < model.n; i++) {
		const struct lode_mapping *old = &model.at[i];
		uint64_t old_end = old->addr + old->size, from, to;

		if (!done && old->addr > m->addr) {
			add(&new, m->addr, end, m->frame, m->attr);
			done = true;
		}
		/* three parts: before the range, in it, behind it */
		from = old->addr < m->addr ? (old_end - 1 < m->addr ? old_end : m->addr) : old->addr;
		to = old_end - 1 > end - 1 ? (old->addr > end - 1 ? old->addr : end) : old_end;
		if (kind == 0 || old_end - 1 < m->addr || old->addr > end - 1) {
			add(&new, old->addr, old_end, old->frame, old->attr);
			continue;
		}
		add(&new, old->addr, from, old->frame, old->attr);
		if (kind == 2)
			add(&new, from, to, old->frame + (from - old->addr), m->attr);
		add(&new, to, old_end, old->frame + (to - old->addr), old->attr);
	}
	if (!done)
		add(&new, m->addr, end, m->frame, m->attr);
	model = new;
}

static int run(int kind, const struct lode_mapping *m, uint64_t max_page, struct lode_diag *why)
{
	const struct lode_range range = {m->addr, m->size};

	switch (kind) {
	case 0: return lode_paging_map(&paging, m, max_page, why);
	case 1: return lode_paging_unmap(&paging, &range, why);
	default: return lode_paging_protect(&paging, &range, m->attr, why);
	}
}

static void change(struct fuzz_tape *tape)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_mapping m;
	uint32_t how = fuzz_take(tape, 1);
	int kind = (int)(how % 3), status;
	uint64_t max_page, before;

	m.addr = take_address(tape);
	m.size = take_number(tape);
	m.frame = take_number(tape);
	m.attr = take_attr(tape);
	max_page = how & 0x40 ? take_number(tape) : 0;
	frames.asked = 0;
	frames.fail_at = how & 0x80 ? fuzz_take(tape, 1) % 8 : UINT32_MAX;
	frames_remember(&frames);
	status = run(kind, &m, max_page, &why);
	if (status != LODE_OK) {
		HOLDS(frames_same(&frames));
		HOLDS(why.rule != LODE_RULE_NONE && (int)why.status == status);
		HOLDS(why.rule != LODE_RULE_PAGE_TABLE && why.rule != LODE_RULE_PAGE_RECURSIVE);
		before = covered(&(struct lode_range){m.addr, m.size ? m.size : 1});
		HOLDS(why.rule != LODE_RULE_PAGE_MAPPED || (kind == 0 && before > 0));
		HOLDS(why.rule != LODE_RULE_PAGE_UNMAPPED || (kind == 2 && before < m.size));
		return;
	}
	before = covered(&(struct lode_range){m.addr, m.size});
	HOLDS(kind != 0 || before == 0);
	HOLDS(kind != 2 || before == m.size);
	m.attr = effective(m.attr);
	imagine(kind, &m);
}

/* A host with few frames would have been out of them: what is left is looked at, and nothing changes or breaks. */
static void spoil(struct fuzz_tape *tape)
{
	struct lode_mapping page;
	struct list seen;

	for (int i = 0; i < 16 && tape->at < tape->end; i++) {
		uint32_t frame = fuzz_take(tape, 1) % 32, index = fuzz_take(tape, 2) % 512;
		uint64_t to = fuzz_take(tape, 1) % 40, value = FRAMES_BASE + to * SMALL;

		value = paging.format >= LODE_PAGING_SV39 ? value >> 2 : value;
		walker_poke(&frames, FRAMES_BASE + (uint64_t)frame * SMALL, index, value | fuzz_take(tape, 1));
	}
	frames_remember(&frames);
	for (int i = 0; i < 8; i++) {
		struct lode_range range = {take_address(tape), take_number(tape)};

		lode_paging_query(&page, &paging, range.addr);
		range.size = range.size % (32 * SMALL);
		seen.n = 0;
		lode_paging_walk(&paging, &range, collect, &seen, NULL);
	}
	HOLDS(frames_same(&frames));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	uint32_t how = fuzz_take(&tape, 1);
	int changes = 0;

	if (frames.memory == NULL)
		frames_begin(&frames);
	frames_reset(&frames);
	frames.limit = 96;
	paging = frames_paging(&frames, (enum lode_paging_format)(how % FORMATS));
	paging.flush = how & 0x40 ? frames_flush : NULL;
	model.n = 0;
	HOLDS(lode_paging_init(&paging, NULL) == LODE_OK);
	while (tape.at < tape.end && model.n < MAPPINGS && changes++ < CHANGES && fuzz_take(&tape, 1) != 0xfe)
		change(&tape);
	tables_are(&model);
	if (how & 0x80) {
		spoil(&tape);
	} else {
		HOLDS(lode_paging_release(&paging, NULL) == LODE_OK);
		HOLDS(frames.count == 0);
	}
	HOLDS(frames.wrong == 0);
	return 0;
}
