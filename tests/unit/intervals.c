/* SPDX-License-Identifier: MIT */
/* Wishes for addresses -> places beside each other, guards and holes respected, as a map page by page says. */
#include <lode/paging.h>

#include "file.h"

enum { PAGES = 256, ENTRIES = 24, OPS = 20000 };
#define PAGE UINT64_C(0x1000)

static struct lode_interval entries[ENTRIES];
static struct lode_intervals all;
static struct lode_diag why;

static void begin(uint64_t first, uint64_t last)
{
	all = (struct lode_intervals){.entries = entries, .max_entries = ENTRIES, .first = first, .last = last};
}

static int take(uint64_t addr, uint64_t size, uint64_t before, uint64_t after, uint32_t owner)
{
	const struct lode_interval wish = {.addr = addr, .size = size, .before = before, .after = after, .owner = owner};

	return lode_intervals_take(&all, &wish, &why);
}

static void test_fixed(void)
{
	begin(0, UINT64_MAX);
	CHECK_EQ(take(0x5000, 0x2000, 0x1000, 0, 1), LODE_OK);
	CHECK_EQ(take(0x7000, 0x1000, 0, 0, 2), LODE_OK);
	CHECK_EQ(take(0x4000, 0x1000, 0, 0, 3), LODE_ERR_POLICY);
	CHECK_EQ(why.index, 3);
	CHECK_EQ(why.other, 1);
	CHECK_EQ(take(0x3000, 0x1000, 0, 0, 3), LODE_OK);
	CHECK_EQ(take(0x9000, 0x1000, 0x2000, 0, 4), LODE_ERR_POLICY);
	CHECK_EQ(why.other, 2);
	CHECK_EQ(take(0x1000, 0x100000, 0, 0, 5), LODE_ERR_POLICY);
	CHECK_EQ(take(0, 0x1000, 0, 0x2000, 5), LODE_OK);
	CHECK_EQ(take(0 - PAGE, PAGE, 0, 0, 6), LODE_OK);
	CHECK_EQ(take(0 - 2 * PAGE, PAGE, 0, PAGE, 6), LODE_ERR_POLICY);
	CHECK_EQ(all.nentries, 5);
	for (uint32_t i = 1; i < 5; i++)
		CHECK(entries[i - 1].addr < entries[i].addr);
	CHECK_EQ(lode_intervals_at(&all, 0x6fff)->owner, 1);
	CHECK(lode_intervals_at(&all, 0x4fff) == NULL);
	CHECK(lode_intervals_at(&all, 0x1000) == NULL);
	CHECK_EQ(lode_intervals_at(&all, UINT64_MAX)->owner, 6);
	CHECK(!lode_intervals_drop(&all, 0x6000));
	CHECK(!lode_intervals_drop(&all, 0x8000));
	CHECK(lode_intervals_drop(&all, 0x5000));
	CHECK(lode_intervals_at(&all, 0x5000) == NULL);
	CHECK_EQ(all.nentries, 4);
	all.nentries = 0;
	CHECK(lode_intervals_at(&all, 0x5000) == NULL);
}

static void test_refused(void)
{
	static const struct lode_interval bad[] = {
		{.addr = 0x1000},
		{.addr = 0x1800, .size = 0x1000},
		{.addr = 0x1000, .size = 0x800},
		{.addr = 0x1000, .size = 0x1000, .before = 0x800},
		{.addr = 0x1000, .size = 0x1000, .after = 0x800},
		{.addr = 0x1000, .size = 0x1000, .before = 0x2000},
		{.addr = 0xfffffffffffff000, .size = 0x2000},
		{.addr = 0xfffffffffffff000, .size = 0x1000, .after = 0x1000},
		{.addr = 0x1000, .size = 0x1000, .after = 0xfffffffffffff000},
		{.addr = 0x1000, .size = 0x1000, .before = 0xfffffffffffff000},
		{.addr = 0x1000, .size = 0x1000, .before = 0x1000, .after = 0xffffffffffffe000},
		{.addr = 0x1000, .size = 0x1000, .align = 0x3000},
		{.addr = 0x1000, .size = 0x1000, .align = 0x800},
		{.addr = 0x7ffffffff000, .size = 0x2000},
		{.addr = 0x7ffffffff000, .size = 0x1000, .after = 0x1000},
		{.addr = 0xffff800000000000, .size = 0x1000, .before = 0x1000},
		{.addr = 0x900000000000, .size = 0x1000},
		{.addr = 0x1000, .size = 0xffffffffffffe000},
	};

	begin(0, UINT64_MAX);
	all.hole = (struct lode_range){UINT64_C(0x800000000000), UINT64_C(0xffff000000000000)};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK_EQ(lode_intervals_take(&all, &bad[i], &why), LODE_ERR_USE);
		CHECK_EQ(why.rule, LODE_RULE_INTERVAL_RANGE);
	}
	CHECK_EQ(take(0x7ffffffff000, 0x1000, 0, 0, 1), LODE_OK);
	CHECK_EQ(take(0xffff800000000000, 0x1000, 0, 0, 1), LODE_OK);
	CHECK_EQ(lode_intervals_take_first(&(uint64_t){0}, &all, &bad[11], &why), LODE_ERR_USE);
}

/** The canonical hole stands between the places, and what is chosen lies in [first, last]. */
static void test_hole(void)
{
	struct lode_interval wish = {.size = 0x3000, .align = 0x200000, .owner = 1};
	uint64_t addr = 0;

	begin(UINT64_C(0x7fffffe00000), UINT64_MAX);
	all.hole = (struct lode_range){UINT64_C(0x800000000000), UINT64_C(0xffff000000000000)};
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0x7fffffe00000));
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0xffff800000000000));
	wish.before = wish.after = 0x1000;
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0xffff800000200000));
	all.last = UINT64_C(0xffff8000002fffff);
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_INTERVAL_NO_PLACE);
	all.first = 0x2000;
	all.last = 0x1fff;
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_ERR_POLICY);
	/* an entry at the very end */
	begin(0 - 4 * PAGE, UINT64_MAX);
	CHECK_EQ(take(0 - PAGE, PAGE, 0, 0, 1), LODE_OK);
	CHECK_EQ(take(0 - 4 * PAGE, PAGE, 0, 0, 1), LODE_OK);
	wish = (struct lode_interval){.size = 2 * PAGE};
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_OK);
	CHECK_EQ(addr, 0 - 3 * PAGE);
	CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), LODE_ERR_POLICY);
	all.max_entries = all.nentries;
	CHECK_EQ(take(0x1000, 0x1000, 0, 0, 1), LODE_ERR_ROOM);
	CHECK_EQ(why.value, all.nentries + 1);
}

static unsigned char owner_of[PAGES];

static bool is_free(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		if (i >= PAGES || owner_of[i])
			return false;
	return true;
}

/** All places for a wish, in pages. */
static uint32_t places(uint64_t *list, const struct lode_interval *wish)
{
	uint64_t align = wish->align ? wish->align / PAGE : 1, before = wish->before / PAGE, size = wish->size / PAGE;
	uint32_t n = 0;

	for (uint64_t page = all.first / PAGE; page <= all.last / PAGE; page++)
		if (page % align == 0 && page - all.first / PAGE >= before &&
			page + size + wish->after / PAGE <= all.last / PAGE + 1 &&
			is_free(page - before, page + size + wish->after / PAGE))
			list[n++] = page;
	return n;
}

static void mark(const struct lode_interval *wish, unsigned char owner)
{
	for (uint64_t i = (wish->addr - wish->before) / PAGE; i < (wish->addr + wish->size + wish->after) / PAGE; i++)
		owner_of[i] = owner;
}

/** First fit finds the first place, a random number chooses among all of them in proportion, fixed ones fit where a place is. */
static void test_model(void)
{
	uint64_t seed = 1, list[PAGES], addr = 0;

	begin(20 * PAGE, 240 * PAGE - 1);
	all.hole = (struct lode_range){100 * PAGE, 11 * PAGE};
	memset(owner_of, 0, sizeof owner_of);
	memset(owner_of + 100, 0xff, 11);
	for (int i = 0; i < OPS && !check_state_.failures; i++) {
		struct lode_interval wish = {
			.size = (1 + random_below(&seed, 20)) * PAGE, .owner = 1 + (uint32_t)random_below(&seed, 200)};
		uint64_t random = random_next(&seed);
		uint32_t n;
		int status;

		wish.before = random_below(&seed, 3) * PAGE;
		wish.after = random_below(&seed, 3) * PAGE;
		wish.align = random_below(&seed, 2) ? PAGE << random_below(&seed, 5) : 0;
		n = places(list, &wish);
		if (all.nentries == ENTRIES || random_below(&seed, 3) == 0) {
			if (all.nentries == 0)
				continue;
			wish = entries[random_below(&seed, all.nentries)];
			mark(&wish, 0);
			CHECK(lode_intervals_drop(&all, wish.addr));
			continue;
		}
		switch (random_below(&seed, 3)) {
		case 0:
			CHECK_EQ(lode_intervals_take_first(&addr, &all, &wish, &why), n ? LODE_OK : LODE_ERR_POLICY);
			CHECK(!n || addr == list[0] * PAGE);
			break;
		case 1:
			CHECK_EQ(lode_intervals_take_random(&addr, &all, &wish, random, &why), n ? LODE_OK : LODE_ERR_POLICY);
			CHECK(!n || addr == list[(random >> 32) * n >> 32] * PAGE ||
				addr == list[((random >> 32) + 1) * n >> 32] * PAGE);
			break;
		default:
			addr = wish.addr = random_below(&seed, PAGES - 30) * PAGE;
			n = wish.before <= addr && is_free((addr - wish.before) / PAGE, (addr + wish.size + wish.after) / PAGE);
			status = lode_intervals_take(&all, &wish, &why);
			CHECK_EQ(status == LODE_OK, n);
			break;
		}
		wish.addr = addr;
		if (n)
			mark(&wish, (unsigned char)wish.owner);
	}
}

/** Every place comes up about equally often. */
static void test_even(void)
{
	uint64_t seed = 7, addr = 0;
	unsigned hits[16] = {0};

	begin(0, 16 * PAGE - 1);
	CHECK_EQ(take(5 * PAGE, PAGE, 0, 0, 1), LODE_OK);
	for (int i = 0; i < 15000; i++) {
		const struct lode_interval wish = {.size = PAGE};

		CHECK_EQ(lode_intervals_take_random(&addr, &all, &wish, random_next(&seed), NULL), LODE_OK);
		hits[addr / PAGE]++;
		lode_intervals_drop(&all, addr);
	}
	for (int i = 0; i < 16; i++)
		CHECK(i == 5 ? hits[i] == 0 : hits[i] > 850 && hits[i] < 1150);
	CHECK_EQ(lode_intervals_take_random(&addr, &all, &(struct lode_interval){.size = PAGE}, UINT64_MAX, NULL), LODE_OK);
	CHECK_EQ(addr, 15 * PAGE);
}

/** The whole of 64 bits has room for everything, and numbers of places that need more than 32 bits. */
static void test_wide(void)
{
	uint64_t addr = 0;

	begin(0, UINT64_MAX);
	CHECK_EQ(lode_intervals_take_random(&addr, &all, &(struct lode_interval){.size = PAGE}, UINT64_C(0x123456789abcdef0), NULL),
		LODE_OK);
	CHECK_EQ(addr, UINT64_C(0x123456789abcd000));
	CHECK_EQ(lode_intervals_take_random(&addr, &all, &(struct lode_interval){.size = PAGE, .align = UINT64_C(1) << 63},
		UINT64_MAX, NULL),
		LODE_OK);
	CHECK_EQ(addr, UINT64_C(1) << 63);
	CHECK_EQ(take(0, UINT64_C(0x1000000000000000), 0, 0, 1), LODE_OK);
}

int main(void)
{
	CASE(test_fixed);
	CASE(test_refused);
	CASE(test_hole);
	CASE(test_model);
	CASE(test_even);
	CASE(test_wide);
	return check_done();
}
