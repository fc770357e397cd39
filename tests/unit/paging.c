/* SPDX-License-Identifier: MIT */
/* Mappings in each format -> entries bit by bit as the manuals draw them; configurations and ranges that are refused. */
#include "frames.h"

static struct frames f;
static struct lode_paging paging;
static struct lode_diag why;

static void begin(enum lode_paging_format format)
{
	frames_begin(&f);
	paging = frames_paging(&f, format);
	CHECK_EQ(lode_paging_init(&paging, NULL), LODE_OK);
}

static void end(void)
{
	CHECK_EQ(lode_paging_release(&paging, NULL), LODE_OK);
	CHECK_EQ(f.count, 0);
	frames_end(&f);
}

static int map(uint64_t addr, uint64_t frame, uint64_t size, uint32_t attr)
{
	const struct lode_mapping mapping = {addr, frame, size, attr};

	return lode_paging_map(&paging, &mapping, 0, &why);
}

/** The entry that describes an address, and those that lead there: path[0] of the top table. */
static uint64_t entry(uint64_t addr, int depth, int levels, unsigned shift)
{
	uint64_t table = paging.root, value = 0;

	for (int i = 0; i <= depth; i++) {
		value = walker_entry(&f, table, addr >> (12 + 9 * (levels - 1 - i)) & 511);
		table = shift ? value << 2 & UINT64_C(0xfffffffffff000) : value & UINT64_C(0xfffffffff000);
	}
	return value;
}

#define NX (UINT64_C(1) << 63)
enum { R = LODE_PF_R, W = LODE_PF_W, X = LODE_PF_X, U = LODE_PAGE_USER, G = LODE_PAGE_GLOBAL, OWNED = LODE_PAGE_OWNED };

struct sample {
	uint64_t addr, frame, size;
	uint32_t attr;
	int depth;
	uint64_t want;
};

static void check_samples(const struct sample *samples, size_t n, int levels, unsigned shift)
{
	for (size_t i = 0; i < n; i++) {
		const struct sample *s = &samples[i];
		const struct lode_range range = {s->addr, s->size};
		struct lode_mapping page = {0};

		CHECK_EQ(map(s->addr, s->frame, s->size, s->attr), LODE_OK);
		CHECK_EQ(entry(s->addr, s->depth, levels, shift), s->want);
		CHECK(lode_paging_query(&page, &paging, s->addr + s->size - 1));
		CHECK_EQ(page.addr, s->addr);
		CHECK_EQ(page.frame, s->frame);
		CHECK_EQ(page.size, s->size);
		CHECK_EQ(page.attr, s->attr);
		frames_remember(&f);
		CHECK_EQ(lode_paging_protect(&paging, &range, s->attr, NULL), LODE_OK);
		CHECK(frames_same(&f));
		/* no frame of the test's own is really owned */
		CHECK_EQ(lode_paging_protect(&paging, &range, s->attr & ~(uint32_t)OWNED, NULL), LODE_OK);
		CHECK(frames_same(&f));
	}
}

static void test_x86_64(void)
{
	static const struct sample samples[] = {
		{0x1000, 0x12345000, 0x1000, R, 3, NX | 0x12345001},
		{0x2000, 0x12345000, 0x1000, R | W, 3, NX | 0x12345003},
		{0x3000, 0x12345000, 0x1000, R | X, 3, 0x12345001},
		{0x4000, 0x12345000, 0x1000, R | W | X | U, 3, 0x12345007},
		{0x5000, 0x12345000, 0x1000, R | G, 3, NX | 0x12345101},
		{0x6000, 0x12345000, 0x1000, R | LODE_PAGE_TYPE(1), 3, NX | 0x12345009},
		{0x7000, 0x12345000, 0x1000, R | LODE_PAGE_TYPE(2), 3, NX | 0x12345011},
		{0x8000, 0x12345000, 0x1000, R | LODE_PAGE_TYPE(5), 3, NX | 0x12345089},
		{0x9000, UINT64_C(0x3ffffffff000), 0x1000, R, 3, NX | UINT64_C(0x3ffffffff001)},
		{0x200000, 0x12400000, 0x200000, R | W, 2, NX | 0x12400083},
		{0x400000, 0x12400000, 0x200000, R | W | LODE_PAGE_TYPE(5), 2, NX | 0x1240108b},
		{0x40000000, 0x80000000, 0x40000000, R | X, 1, 0x80000081},
		{0x80000000, 0x80000000, 0x40000000, R | X | G | LODE_PAGE_TYPE(7), 1, 0x80001199},
		{UINT64_C(0xffffffffc0000000), 0x80000000, 0x40000000, R | X, 1, 0x80000081},
		{UINT64_C(0xffffffff80000000), 0x1000, 0x1000, R | X, 3, 0x1001},
		{0xa000, 0x12345000, 0x1000, 0, 3, UINT64_C(0xfffffedcba400)},
		{0x600000, 0x12400000, 0x200000, LODE_PAGE_TYPE(4), 2, UINT64_C(0xfffffeda01480)},
	};

	begin(LODE_PAGING_X86_64);
	check_samples(samples, sizeof samples / sizeof *samples, 4, 0);
	/* present, writable, never NX; user only on the way to user pages */
	CHECK_EQ(entry(0x1000, 0, 4, 0) & 0xfff, 7);
	CHECK_EQ(entry(0x1000, 1, 4, 0) & 0xfff, 7);
	CHECK_EQ(entry(0x1000, 2, 4, 0) & 0xfff, 7);
	CHECK_EQ(entry(UINT64_C(0xffffffff80000000), 0, 4, 0) & 0xfff, 3);
	CHECK_EQ(entry(UINT64_C(0xffffffff80000000), 2, 4, 0) & (NX | 0xfff), 3);
	CHECK_EQ(map(UINT64_C(0x7ffffffff000), 0, 0x1000, R | OWNED), LODE_OK);
	CHECK_EQ(entry(UINT64_C(0x7ffffffff000), 3, 4, 0), NX | 0x201);
	frames_end(&f);
}

static void test_x86_64_features(void)
{
	struct lode_mapping page;

	begin(LODE_PAGING_X86_64);
	paging.features = 0;
	CHECK_EQ(map(0, 0, UINT64_C(0x80000000), R | W), LODE_OK);
	CHECK_EQ(entry(0, 2, 4, 0), 0x83);
	CHECK(lode_paging_query(&page, &paging, 0x40000000));
	CHECK_EQ(page.size, 0x200000);
	CHECK_EQ(page.attr, R | W | X);
	end();
	begin(LODE_PAGING_X86_64_5);
	CHECK_EQ(map(UINT64_C(0x00ffffffffe00000), 0x200000, 0x200000, R), LODE_OK);
	CHECK_EQ(entry(UINT64_C(0x00ffffffffe00000), 3, 5, 0), NX | 0x200081);
	CHECK_EQ(map(UINT64_C(0xff00000000000000), 0x200000, 0x200000, R), LODE_OK);
	end();
}

#define XN (UINT64_C(3) << 53)
#define PXN (UINT64_C(1) << 53)
#define UXN (UINT64_C(1) << 54)

static void test_aarch64(void)
{
	static const struct sample samples[] = {
		{0x1000, 0x12345000, 0x1000, R, 3, XN | 0x12345f83},
		{0x2000, 0x12345000, 0x1000, R | W, 3, XN | 0x12345f03},
		{0x3000, 0x12345000, 0x1000, R | X, 3, UXN | 0x12345f83},
		{0x4000, 0x12345000, 0x1000, R | X | U, 3, PXN | 0x12345fc3},
		{0x5000, 0x12345000, 0x1000, R | W | U | G, 3, XN | 0x12345743},
		{0x6000, 0x12345000, 0x1000, R | W | LODE_PAGE_TYPE(7), 3, XN | 0x12345f1f},
		{0x200000, 0x12400000, 0x200000, R | W | LODE_PAGE_TYPE(1), 2, XN | 0x12400f05},
		{0x40000000, 0x80000000, 0x40000000, R | X, 1, UXN | 0x80000f81},
		{UINT64_C(0xfffffffff000), 0x12345000, 0x1000, R, 3, XN | 0x12345f83},
		{0x7000, 0x12345000, 0x1000, 0, 3, XN | UINT64_C(1) << 56 | 0x12345f82},
	};

	begin(LODE_PAGING_AARCH64);
	check_samples(samples, sizeof samples / sizeof *samples, 4, 0);
	CHECK_EQ(entry(0x1000, 0, 4, 0) & ~UINT64_C(0xfffffffff000), XN | 0x703);
	CHECK_EQ(entry(0x1000, 2, 4, 0) & ~UINT64_C(0xfffffffff000), XN | 0x703);
	CHECK_EQ(map(UINT64_C(1) << 48, 0, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(map(UINT64_C(0xffff000000000000), 0, 0x1000, R), LODE_ERR_USE);
	end();
	begin(LODE_PAGING_AARCH64_UPPER);
	CHECK_EQ(map(UINT64_C(0xffff000000000000), 0x200000, 0x200000, R), LODE_OK);
	CHECK_EQ(entry(0, 2, 4, 0), XN | 0x200f81);
	CHECK_EQ(map(UINT64_C(0xffffffffffe00000), 0x200000, 0x200000, R), LODE_OK);
	CHECK_EQ(map(0, 0, 0x1000, R), LODE_ERR_USE);
	end();
}

static void test_riscv64(void)
{
	static const struct sample samples[] = {
		{0x1000, 0x12345000, 0x1000, R, 2, 0x48d1400 | 0x43},
		{0x2000, 0x12345000, 0x1000, R | W, 2, 0x48d1400 | 0xc7},
		{0x3000, 0x12345000, 0x1000, R | X, 2, 0x48d1400 | 0x4b},
		{0x4000, 0x12345000, 0x1000, X, 2, 0x48d1400 | 0x49},
		{0x5000, 0x12345000, 0x1000, R | W | U | G, 2, 0x48d1400 | 0xf7},
		{0x6000, 0x12345000, 0x1000, R | LODE_PAGE_TYPE(2), 2, UINT64_C(2) << 61 | 0x48d1400 | 0x43},
		{0x7000, 0x12345000, 0x1000, 0, 2, 0x48d1400 | 0x240},
		{0x200000, 0x12400000, 0x200000, R | W, 1, 0x4900000 | 0xc7},
		{0x40000000, 0x80000000, 0x40000000, R | X, 0, 0x20000000 | 0x4b},
		{UINT64_C(0xffffffc000000000), 0x80000000, 0x40000000, R | X, 0, 0x20000000 | 0x4b},
	};

	begin(LODE_PAGING_SV39);
	check_samples(samples, sizeof samples / sizeof *samples, 3, 1);
	CHECK_EQ(entry(0x1000, 1, 3, 1) & 0x3ff, 1);
	end();
	begin(LODE_PAGING_SV48);
	CHECK_EQ(map(UINT64_C(1) << 39, UINT64_C(1) << 39, UINT64_C(1) << 39, R), LODE_OK);
	CHECK_EQ(entry(UINT64_C(1) << 39, 0, 4, 1), UINT64_C(1) << 37 | 0x43);
	CHECK_EQ(f.count, 1);
	end();
	begin(LODE_PAGING_SV57);
	CHECK_EQ(map(UINT64_C(1) << 48, UINT64_C(1) << 48, UINT64_C(1) << 48, R), LODE_OK);
	CHECK_EQ(entry(UINT64_C(1) << 48, 0, 5, 1), UINT64_C(1) << 46 | 0x43);
	end();
	begin(LODE_PAGING_SV39);
	CHECK_EQ(map(0, 0, 0x1000, W), LODE_OK);
	CHECK_EQ(entry(0, 2, 3, 1), 0xc7);
	paging.features = 0;
	CHECK_EQ(map(0x1000, 0, 0x1000, R | LODE_PAGE_TYPE(1)), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_ATTRIBUTES);
	end();
}

/** What a description of tables must not be. */
static void test_format(void)
{
	struct lode_paging good, bad[8];

	frames_begin(&f);
	good = frames_paging(&f, LODE_PAGING_SV57);
	for (int i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].format = (enum lode_paging_format)(LODE_PAGING_SV57 + 1);
	bad[1].features = 8;
	bad[2].phys_bits = 31;
	bad[3].phys_bits = 57;
	bad[4].alloc = NULL;
	bad[5].free = NULL;
	bad[6].pointer = NULL;
	bad[7].format = LODE_PAGING_X86_64;
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(lode_paging_init(&bad[i], &why), LODE_ERR_USE);
		CHECK_EQ(why.rule, LODE_RULE_PAGING_FORMAT);
		CHECK_EQ(lode_paging_adopt(&bad[i], FRAMES_BASE, &why), LODE_ERR_USE);
	}
	f.fail_at = f.asked;
	CHECK_EQ(lode_paging_init(&good, &why), LODE_ERR_IO);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_FRAMES);
	CHECK_EQ(lode_paging_adopt(&good, FRAMES_BASE + 8, &why), LODE_ERR_IO);
	CHECK_EQ(lode_paging_adopt(&good, UINT64_C(1) << 60, &why), LODE_ERR_IO);
	CHECK_EQ(lode_paging_adopt(&good, 0, &why), LODE_ERR_IO);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_TABLE);
	frames_end(&f);
}

/** Ranges around the halves of every format. */
static void test_halves(enum lode_paging_format format)
{
	struct lode_range low, high, hole;

	begin(format);
	low = lode_paging_half(&paging, false);
	high = lode_paging_half(&paging, true);
	hole = lode_paging_hole(&paging);
	CHECK_EQ(low.addr + low.size, hole.addr);
	CHECK_EQ(hole.addr + hole.size, high.addr);
	CHECK_EQ(high.addr + high.size, 0);
	if (low.size) {
		CHECK_EQ(map(low.size - 0x1000, 0, 0x1000, R), LODE_OK);
		CHECK_EQ(map(0, 0, 0x1000, R), LODE_OK);
		CHECK_EQ(map(low.size - 0x1000, 0, 0x2000, R), LODE_ERR_USE);
	}
	if (high.size) {
		CHECK_EQ(map(high.addr, 0, 0x1000, R), LODE_OK);
		CHECK_EQ(map(0 - UINT64_C(0x1000), 0, 0x1000, R), LODE_OK);
		CHECK_EQ(map(high.addr - 0x1000, 0, 0x1000, R), LODE_ERR_USE);
		CHECK_EQ(map(0 - UINT64_C(0x1000), 0, 0x2000, R), LODE_ERR_USE);
	}
	CHECK_EQ(map(hole.addr, 0, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_CANONICAL);
	CHECK_EQ(map(hole.addr + hole.size - 0x1000, 0, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(map(low.addr, 0, UINT64_MAX & ~UINT64_C(0xfff), R), LODE_ERR_USE);
	CHECK(!lode_paging_query(&(struct lode_mapping){0}, &paging, hole.addr));
	end();
}

static void test_arguments(void)
{
	const uint64_t limit = UINT64_C(1) << 46;

	begin(LODE_PAGING_X86_64);
	frames_remember(&f);
	CHECK_EQ(map(0x800, 0, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(map(0, 0x800, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(map(0, 0, 0x800, R), LODE_ERR_USE);
	CHECK_EQ(map(0, 0, 0, R), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_ALIGN);
	CHECK_EQ(map(0, limit, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(map(0, limit - 0x1000, 0x2000, R), LODE_ERR_USE);
	CHECK_EQ(map(0, UINT64_MAX - 0xfff, 0x2000, R), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_PHYSICAL);
	CHECK_EQ(why.limit, limit);
	CHECK_EQ(map(0, 0, 0x1000, R | LODE_PAGE_TYPE(8)), LODE_ERR_USE);
	CHECK_EQ(map(0, 0, 0x1000, R | 0x40), LODE_ERR_USE);
	CHECK_EQ(map(0, 0, 0x1000, R | 0x80000000), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_ATTRIBUTES);
	CHECK(frames_same(&f));
	CHECK_EQ(map(0, limit - 0x1000, 0x1000, R), LODE_OK);
	CHECK_EQ(map(0, 0, 0x1000, R), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_MAPPED);
	CHECK_EQ(why.limit, limit - 0x1000);
	end();
}

int main(void)
{
	CASE(test_x86_64);
	CASE(test_x86_64_features);
	CASE(test_aarch64);
	CASE(test_riscv64);
	CASE(test_format);
	CASE(test_arguments);
	for (int i = 0; i < FORMATS; i++) {
		check_case("halves of %s", format_names[i]);
		test_halves((enum lode_paging_format)i);
	}
	return check_done();
}
