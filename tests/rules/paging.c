/* SPDX-License-Identifier: MIT */
/* Page tables and address ranges that cannot be had: what each refusal says. Classes and byte orders make no difference here. */
#include <lode/paging.h>

#include "rules.h"

enum { FRAMES = 16, R = LODE_PF_R };
#define FRAMES_BASE UINT64_C(0x100000)

static uint64_t memory[FRAMES][512];
static uint64_t next_frame, last_frame;

static int take(void *host, uint64_t *frame, uint64_t size)
{
	(void)host;
	*frame = next_frame;
	next_frame += size;
	return next_frame <= last_frame ? 0 : -1;
}

static void give(void *host, uint64_t frame, uint64_t size)
{
	(void)host;
	(void)frame;
	(void)size;
}

static void *look(void *host, uint64_t frame)
{
	(void)host;
	return frame >= FRAMES_BASE && frame < FRAMES_BASE + sizeof memory ? memory[(frame - FRAMES_BASE) / 4096] : NULL;
}

static struct lode_paging tables(enum lode_paging_format format)
{
	struct lode_paging paging = {
		.format = format, .features = LODE_PAGING_NX, .phys_bits = 40, .alloc = take, .free = give, .pointer = look};

	next_frame = FRAMES_BASE;
	last_frame = FRAMES_BASE + sizeof memory;
	CHECK_EQ(lode_paging_init(&paging, NULL), LODE_OK);
	return paging;
}

static void want(struct bad *b, enum lode_field field, uint64_t value, uint64_t limit)
{
	bad_want(b, field, LODE_NO_INDEX, value, LODE_NO_OFFSET);
	b->want.limit = limit;
}

static void map(struct bad *b, struct lode_paging *paging, uint64_t addr, uint64_t frame, uint32_t attr)
{
	const struct lode_mapping mapping = {addr, frame, 0x1000, attr};

	b->status = lode_paging_map(paging, &mapping, 0, &b->why);
}

void rule_PAGING_FORMAT(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	paging.phys_bits = 53;
	want(b, LODE_FIELD_PAGING_PHYS_BITS, 53, 52);
	b->status = lode_paging_init(&paging, &b->why);
}

void rule_PAGE_ALIGN(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	want(b, LODE_FIELD_MAPPING_FRAME, 0x800, 0x1000);
	map(b, &paging, 0x1000, 0x800, R);
}

void rule_PAGE_CANONICAL(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_SV39);

	want(b, LODE_FIELD_MAPPING_ADDR, UINT64_C(1) << 38, UINT64_C(1) << 38);
	map(b, &paging, UINT64_C(1) << 38, 0, R);
}

void rule_PAGE_PHYSICAL(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_AARCH64);

	want(b, LODE_FIELD_MAPPING_FRAME, UINT64_C(1) << 40, UINT64_C(1) << 40);
	map(b, &paging, 0, UINT64_C(1) << 40, R);
}

void rule_PAGE_ATTRIBUTES(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_SV39);

	want(b, LODE_FIELD_MAPPING_ATTR, R | LODE_PAGE_TYPE(1), 1);
	map(b, &paging, 0, 0, R | LODE_PAGE_TYPE(1));
}

void rule_PAGE_MAPPED(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	map(b, &paging, 0x5000, 0x9000, R);
	want(b, LODE_FIELD_MAPPING_ADDR, 0x5000, 0x9000);
	map(b, &paging, 0x5000, 0, R);
}

void rule_PAGE_UNMAPPED(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);
	const struct lode_range range = {0x4000, 0x2000};

	map(b, &paging, 0x4000, 0, R);
	want(b, LODE_FIELD_MAPPING_ADDR, 0x5000, 0);
	b->status = lode_paging_protect(&paging, &range, R | LODE_PF_W, &b->why);
}

void rule_PAGE_RECURSIVE(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);
	uint64_t addr = 0;

	CHECK_EQ(lode_paging_recursive(&addr, &paging, 300, NULL), LODE_OK);
	want(b, LODE_FIELD_MAPPING_ADDR, addr + 0x3000, paging.root);
	map(b, &paging, addr + 0x3000, 0, R);
}

void rule_PAGE_TABLE(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	want(b, LODE_FIELD_PAGING_POINTER, 0x1000, 0);
	b->status = lode_paging_adopt(&paging, 0x1000, &b->why);
}

void rule_PAGE_FRAMES(struct bad *b)
{
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	last_frame = next_frame + 0x2000;
	want(b, LODE_FIELD_PAGING_ALLOC, 2, 3);
	map(b, &paging, 0, 0, R);
}

void rule_MEMORY_ORDER(struct bad *b)
{
	static const struct lode_region regions[] = {{0x1000, 0x2000, R}, {0x2000, 0x1000, R}};
	const struct lode_memory all = {.regions = regions, .nregions = 2};
	struct lode_paging paging = tables(LODE_PAGING_X86_64);

	bad_want(b, LODE_FIELD_REGION, 1, 0x2000, LODE_NO_OFFSET);
	b->want.other = 0;
	b->want.limit = 0x3000;
	b->status = lode_paging_map_memory(&paging, &all, &b->why);
}

static struct lode_interval entries[2];

static struct lode_intervals intervals_of(struct bad *b, uint32_t max)
{
	struct lode_intervals intervals = {
		.entries = entries, .max_entries = max, .first = 0x10000, .last = 0x1ffff, .hole = {0x8000, 0x1000}};
	const struct lode_interval kernel = {.addr = 0x14000, .size = 0x4000, .before = 0x1000, .owner = 7};

	CHECK_EQ(lode_intervals_take(&intervals, &kernel, &b->why), LODE_OK);
	return intervals;
}

void rule_INTERVAL_RANGE(struct bad *b)
{
	struct lode_intervals intervals = intervals_of(b, 2);
	const struct lode_interval wish = {.addr = 0x7000, .size = 0x2000, .owner = 9};

	bad_want(b, LODE_FIELD_INTERVAL_ADDR, 9, 0x7000, LODE_NO_OFFSET);
	b->want.limit = 0x1000;
	b->status = lode_intervals_take(&intervals, &wish, &b->why);
}

void rule_INTERVAL_TAKEN(struct bad *b)
{
	struct lode_intervals intervals = intervals_of(b, 2);
	const struct lode_interval wish = {.addr = 0x12000, .size = 0x2000, .owner = 9};

	bad_want(b, LODE_FIELD_INTERVAL_ADDR, 9, 0x12000, LODE_NO_OFFSET);
	b->want.other = 7;
	b->want.limit = 0x14000;
	b->status = lode_intervals_take(&intervals, &wish, &b->why);
}

void rule_INTERVAL_NO_PLACE(struct bad *b)
{
	struct lode_intervals intervals = intervals_of(b, 2);
	const struct lode_interval wish = {.size = 0x9000, .owner = 9};
	uint64_t addr;

	bad_want(b, LODE_FIELD_INTERVAL_SIZE, 9, 0x9000, LODE_NO_OFFSET);
	b->want.limit = 0x1000;
	b->status = lode_intervals_take_first(&addr, &intervals, &wish, &b->why);
}

void rule_ROOM_INTERVALS(struct bad *b)
{
	struct lode_intervals intervals = intervals_of(b, 1);
	const struct lode_interval wish = {.size = 0x1000};
	uint64_t addr;

	want(b, LODE_FIELD_INTERVALS, 2, 1);
	b->status = lode_intervals_take_first(&addr, &intervals, &wish, &b->why);
}
