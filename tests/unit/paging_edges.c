/* SPDX-License-Identifier: MIT */
/* Splitting, flushing, pinned and recursive entries, walks, physical memory, tables of others: case by case. */
#include "frames.h"

#define GIB UINT64_C(0x40000000)
#define MIB2 UINT64_C(0x200000)
enum { R = LODE_PF_R, W = LODE_PF_W, X = LODE_PF_X };

static struct frames f;
static struct lode_paging paging;
static struct lode_diag why;

static void begin(enum lode_paging_format format)
{
	frames_begin(&f);
	paging = frames_paging(&f, format);
	CHECK_EQ(lode_paging_init(&paging, NULL), LODE_OK);
	why = (struct lode_diag){0};
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

static int unmap(uint64_t addr, uint64_t size)
{
	const struct lode_range range = {addr, size};

	return lode_paging_unmap(&paging, &range, &why);
}

static int protect(uint64_t addr, uint64_t size, uint32_t attr)
{
	const struct lode_range range = {addr, size};

	return lode_paging_protect(&paging, &range, attr, &why);
}

/** Where the entry of an address lies, found by the naive way down. */
struct place {
	uint64_t table, index;
};

static struct place place_of(uint64_t addr, int level)
{
	static const int levels[FORMATS] = {4, 5, 4, 4, 3, 4, 5};
	struct place place = {paging.root, 0};

	for (int i = levels[paging.format] - 1;; i--) {
		uint64_t entry;

		place.index = addr >> (12 + 9 * i) & 511;
		if (i == level)
			return place;
		entry = walker_entry(&f, place.table, place.index);
		place.table = (paging.format < LODE_PAGING_SV39 ? entry : entry << 2) & UINT64_C(0xfffffffff000);
	}
}

static uint64_t peek(uint64_t addr, int level)
{
	struct place place = place_of(addr, level);

	return walker_entry(&f, place.table, place.index);
}

static void poke(uint64_t addr, int level, uint64_t value)
{
	struct place place = place_of(addr, level);

	walker_poke(&f, place.table, place.index, value);
}

static struct lode_mapping seen[64];
static uint32_t nseen, stop_at;

static int see(void *host, const struct lode_mapping *mapping)
{
	CHECK(host == &f);
	seen[nseen++ % 64] = *mapping;
	return nseen == stop_at;
}

static int walk(uint64_t addr, uint64_t size)
{
	const struct lode_range range = {addr, size};

	nseen = 0;
	return lode_paging_walk(&paging, &range, see, &f, &why);
}

static void check_seen(uint32_t i, uint64_t addr, uint64_t frame, uint64_t size, uint32_t attr)
{
	CHECK_EQ(seen[i].addr, addr);
	CHECK_EQ(seen[i].frame, frame);
	CHECK_EQ(seen[i].size, size);
	CHECK_EQ(seen[i].attr, attr);
}

/** A page of 1 GiB taken apart at every kind of edge: as many tables as that needs, and the rest shows what it did. */
static void test_split(void)
{
	static const struct {
		uint64_t addr, size;
		uint32_t tables; /* beside the top and the one below */
	} cases[] = {
		{0, 0x1000, 2},
		{0x1000, 0x1000, 2},
		{GIB - 0x1000, 0x1000, 2},
		{0, MIB2, 1},
		{MIB2, MIB2, 1},
		{MIB2, MIB2 + 0x1000, 2},
		{MIB2 - 0x1000, 0x2000, 3},
		{MIB2 - 0x1000, 4 * MIB2, 3},
		{0x5000, GIB - 0x6000, 3},
		{0, GIB, 0},
		{0x1000, MIB2 - 0x1000, 2},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const uint64_t at = GIB + cases[i].addr, size = cases[i].size, rest = GIB - cases[i].addr - size;

		begin(LODE_PAGING_X86_64);
		CHECK_EQ(map(GIB, 4 * GIB, GIB, R | W), LODE_OK);
		CHECK_EQ(f.count, 2);
		CHECK_EQ(protect(at, size, R | X), LODE_OK);
		CHECK_EQ(f.count, 2 + cases[i].tables);
		CHECK_EQ(walk(0, 4 * GIB), LODE_OK);
		CHECK_EQ(nseen, 1u + (cases[i].addr > 0) + (rest > 0));
		check_seen(cases[i].addr > 0, at, 4 * GIB + cases[i].addr, size, R | X);
		/* the same once more takes no frame */
		f.limit = 0;
		CHECK_EQ(protect(at, size, R | X), LODE_OK);
		f.limit = FRAMES;
		CHECK_EQ(unmap(at, size), LODE_OK);
		CHECK_EQ(walk(0, 4 * GIB), LODE_OK);
		CHECK_EQ(nseen, 0u + (cases[i].addr > 0) + (rest > 0));
		end();
	}
}

/** Pages across the ends that have the attributes already are left whole. */
static void test_split_not(void)
{
	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(0, 0, 3 * GIB, R), LODE_OK);
	CHECK_EQ(protect(0x1000, 0x1000, R), LODE_OK);
	CHECK_EQ(protect(GIB - 0x1000, GIB, R), LODE_OK);
	CHECK_EQ(f.count, 2);
	CHECK_EQ(protect(0, GIB, R | W), LODE_OK);
	CHECK_EQ(f.count, 2);
	CHECK_EQ(protect(GIB - 0x1000, 0x2000, R), LODE_OK);
	CHECK_EQ(f.count, 4);
	end();
}

/** What the processor wrote into an entry stays through splitting and protecting; but what is not writable is not dirty. */
static void test_kept(void)
{
	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(0, 0, MIB2, R | W), LODE_OK);
	poke(0, 1, peek(0, 1) | 0x60 | UINT64_C(0x5550000000000800)); /* accessed, dirty, ignored bits, a protection key */
	CHECK_EQ(protect(0x3000, 0x1000, R | W | X), LODE_OK);
	CHECK_EQ(peek(0x2000, 0), UINT64_C(0xd550000000002863));
	CHECK_EQ(peek(0x3000, 0), UINT64_C(0x5550000000003863));
	CHECK_EQ(protect(0x3000, 0x1000, R), LODE_OK);
	CHECK_EQ(peek(0x3000, 0), UINT64_C(0xd550000000003821));
	end();
	begin(LODE_PAGING_SV48);
	CHECK_EQ(map(0, 0, 0x1000, R | W), LODE_OK);
	CHECK_EQ(protect(0, 0x1000, R), LODE_OK);
	CHECK_EQ(peek(0, 0) & 0xff, 0x43);
	end();
}

/** Frames go back after the flush that makes them unreachable, tables after a second one. */
static void test_flush(void)
{
	uint64_t own;

	begin(LODE_PAGING_X86_64);
	paging.flush = frames_flush;
	CHECK_EQ(map(GIB, 0, 0x3000, R), LODE_OK);
	CHECK_EQ(frames_alloc(&f, &own, 0x1000), 0);
	CHECK_EQ(map(GIB + 0x3000, own, 0x1000, R | LODE_PAGE_OWNED), LODE_OK);
	CHECK_EQ(f.nflushed, 0);
	CHECK_EQ(protect(GIB, 0x1000, R | W), LODE_OK);
	CHECK_EQ(f.nflushed, 1);
	CHECK_EQ(f.flushed[0].addr, GIB);
	CHECK_EQ(f.flushed[0].size, 0x1000);
	CHECK_EQ(unmap(GIB, 0x2000), LODE_OK);
	CHECK_EQ(f.nflushed, 2);
	CHECK_EQ(f.count, 5);
	CHECK_EQ(unmap(0, 4 * GIB), LODE_OK);
	CHECK_EQ(f.nflushed, 4);
	CHECK_EQ(f.freed_at_flush, 4); /* the owned frame was back, the tables not yet */
	CHECK_EQ(f.count, 1);
	CHECK_EQ(unmap(0, 4 * GIB), LODE_OK);
	end();
}

/** AArch64: a live block becomes a table, and a page another memory type, by way of an invalid entry. */
static void test_break_before_make(void)
{
	begin(LODE_PAGING_AARCH64);
	paging.flush = frames_flush;
	CHECK_EQ(map(0, 0, GIB, R), LODE_OK);
	CHECK_EQ(protect(0x1000, 0x1000, R | W), LODE_OK);
	CHECK_EQ(f.nflushed, 3);
	CHECK_EQ(f.flushed[0].size, GIB);
	CHECK_EQ(f.flushed[1].size, MIB2);
	CHECK_EQ(f.flushed[2].size, 0x1000);
	CHECK_EQ(protect(0x1000, 0x1000, R | W | LODE_PAGE_TYPE(1)), LODE_OK);
	CHECK_EQ(f.nflushed, 5);
	/* what is not live needs no such detour */
	CHECK_EQ(protect(0x1000, 0x1000, LODE_PAGE_TYPE(1)), LODE_OK);
	CHECK_EQ(protect(0x1000, 0x1000, LODE_PAGE_TYPE(2)), LODE_OK);
	CHECK_EQ(f.nflushed, 7);
	paging.flush = NULL;
	CHECK_EQ(protect(0x1000, 0x1000, R | LODE_PAGE_TYPE(3)), LODE_OK);
	CHECK_EQ(protect(0x1000, 0x1000, R), LODE_OK);
	end();
}

static void test_recursive(void)
{
	struct lode_mapping page = {0};
	uint64_t addr = 0;

	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(0x5000, 0x9000, 0x1000, R), LODE_OK);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 511, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0xffffff8000000000));
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 510, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0xffffff0000000000));
	CHECK_EQ(walker_entry(&f, paging.root, 511), (UINT64_C(1) << 63) | paging.root | 3);
	/* entry i of the last tables shows at addr + 8 i */
	CHECK(lode_paging_query(&page, &paging, UINT64_C(0xffffff8000000000) + 8 * 5));
	CHECK_EQ(page.size, 0x1000);
	CHECK_EQ(page.frame, peek(0, 1) & UINT64_C(0xfffffffff000));
	CHECK(lode_paging_query(&page, &paging, UINT64_C(0xfffffffffffff000)));
	CHECK_EQ(page.frame, paging.root);
	CHECK_EQ(page.attr & 7, R | W);
	frames_remember(&f);
	CHECK_EQ(map(UINT64_C(0xffffffff80000000), 0, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_RECURSIVE);
	CHECK_EQ(unmap(UINT64_C(0xfffffffffffff000), 0x1000), LODE_ERR_USE);
	CHECK_EQ(protect(UINT64_C(0xfffffffffffff000), 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 511, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_MAPPED);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 512, &why), LODE_ERR_USE);
	CHECK(frames_same(&f));
	CHECK_EQ(walk(UINT64_C(0xffff800000000000), UINT64_C(1) << 47), LODE_OK);
	CHECK_EQ(nseen, 0);
	/* the end of this range lies in the recursive entry */
	CHECK_EQ(map(UINT64_C(0xfffffefffffff000), 0, 0x1000, R), LODE_OK);
	CHECK_EQ(unmap(UINT64_C(0xfffffefffffff000), 0x2000), LODE_ERR_USE);
	CHECK_EQ(lode_paging_pin(&paging, &(struct lode_range){UINT64_C(0xfffffffffffff000), 0x1000}, &why), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_RECURSIVE);
	end();
	begin(LODE_PAGING_AARCH64);
	CHECK_EQ(map(0x5000, 0x9000, 0x1000, R), LODE_OK);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 256, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(1) << 47);
	{
		struct walked w = {0};

		/* as the processor sees a table's entry: a page that both read and write, and nobody executes */
		CHECK(walk_naively(&w, &f, &paging, addr));
		CHECK(w.w && !w.x && !w.user);
		CHECK_EQ(w.frame, peek(0, 1) & UINT64_C(0xfffffffff000));
	}
	end();
	begin(LODE_PAGING_AARCH64_UPPER);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 0, &why), LODE_OK);
	CHECK_EQ(addr, UINT64_C(0xffff000000000000));
	end();
	begin(LODE_PAGING_SV48);
	CHECK_EQ(lode_paging_recursive(&addr, &paging, 0, &why), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_RECURSIVE);
	end();
}

static void test_pin(void)
{
	const struct lode_range upper = {UINT64_C(0xffff800000000000), UINT64_C(4) << 39}, all = {0, UINT64_C(1) << 38};

	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(upper.addr, 0, 0x1000, R), LODE_OK);
	frames_remember(&f);
	f.asked = 0;
	for (f.fail_at = 0; f.fail_at < 3; f.fail_at++) {
		f.asked = 0;
		CHECK_EQ(lode_paging_pin(&paging, &upper, &why), LODE_ERR_IO);
		CHECK(frames_same(&f));
	}
	f.fail_at = UINT32_MAX;
	CHECK_EQ(lode_paging_pin(&paging, &upper, &why), LODE_OK);
	CHECK_EQ(f.count, 7);
	for (int i = 256; i < 260; i++)
		CHECK_EQ(walker_entry(&f, paging.root, (uint64_t)i) & 0xfff, 0x403);
	CHECK_EQ(map(upper.addr + 0x1000, 0x1000, UINT64_C(3) << 39, R), LODE_OK);
	CHECK_EQ(unmap(upper.addr, upper.size), LODE_OK);
	CHECK_EQ(f.count, 5);
	CHECK_EQ(walker_entry(&f, paging.root, 256) & 0xfff, 0x403);
	CHECK_EQ(lode_paging_pin(&paging, &upper, &why), LODE_OK);
	CHECK_EQ(lode_paging_pin(&paging, &(struct lode_range){0x800, 0x1000}, &why), LODE_ERR_USE);
	end();
	begin(LODE_PAGING_SV39);
	CHECK_EQ(map(GIB, GIB, GIB, R), LODE_OK);
	CHECK_EQ(lode_paging_pin(&paging, &all, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_MAPPED);
	CHECK_EQ(why.value, 1);
	end();
}

static void test_top(void)
{
	const struct lode_range ranges[] = {{0x1000, 0x1000}, {UINT64_C(0x7fffffffff), 0x1000},
		{(UINT64_C(1) << 39) - 0x1000, 0x2000}, {UINT64_C(0xffffff7fffe00000), 0x400000},
		{UINT64_C(0xfffffffffffff000), 0x1000}};
	struct lode_top top, marks = {{0}};

	begin(LODE_PAGING_X86_64);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(lode_paging_top_mark(&marks, &paging, &ranges[i], &why), i == 1 ? LODE_ERR_USE : LODE_OK);
		if (i != 1)
			CHECK_EQ(unmap(ranges[i].addr, ranges[i].size) + map(ranges[i].addr, 0, ranges[i].size, R), LODE_OK);
	}
	lode_paging_top(&top, &paging);
	CHECK_EQ(top.used[0], 3);
	CHECK_EQ(top.used[7], UINT64_C(3) << 62);
	for (int i = 1; i < 7; i++)
		CHECK_EQ(top.used[i], 0);
	CHECK_MEM(&marks, &top, sizeof top);
	end();
}

static void test_walk(void)
{
	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(MIB2 - 0x2000, GIB - 0x2000, MIB2 + 0x2000, R), LODE_OK);  /* small pages, then a large one, in one line */
	CHECK_EQ(map(2 * MIB2, 2 * GIB, 0x1000, R), LODE_OK);                   /* other frame */
	CHECK_EQ(map(2 * MIB2 + 0x1000, 2 * GIB + 0x1000, 0x1000, W), LODE_OK); /* other attributes */
	CHECK_EQ(map(2 * MIB2 + 0x3000, 2 * GIB + 0x3000, 0x1000, W), LODE_OK); /* a gap */
	CHECK_EQ(map(2 * MIB2 + 0x4000, 2 * GIB + 0x4000, 0x1000, 0), LODE_OK); /* no permission */
	CHECK_EQ(walk(0, UINT64_C(1) << 47), LODE_OK);
	CHECK_EQ(nseen, 5);
	check_seen(0, MIB2 - 0x2000, GIB - 0x2000, MIB2 + 0x2000, R);
	check_seen(1, 2 * MIB2, 2 * GIB, 0x1000, R);
	check_seen(2, 2 * MIB2 + 0x1000, 2 * GIB + 0x1000, 0x1000, R | W);
	check_seen(4, 2 * MIB2 + 0x4000, 2 * GIB + 0x4000, 0x1000, 0);
	/* cut to the range, in the middle of a page */
	CHECK_EQ(walk(MIB2 + 0x3000, 0x2000), LODE_OK);
	CHECK_EQ(nseen, 1);
	check_seen(0, MIB2 + 0x3000, GIB + 0x3000, 0x2000, R);
	stop_at = 2;
	CHECK_EQ(walk(0, UINT64_C(1) << 47), LODE_OK);
	CHECK_EQ(nseen, 2);
	stop_at = 0;
	CHECK_EQ(walk(0x800, 0x1000), LODE_ERR_USE);
	end();
}

/** Tables of somebody else: entries that are absent by their rules, and pages that lie nowhere. */
static void test_foreign(void)
{
	struct lode_mapping page;
	struct lode_paging other;
	uint64_t entry;

	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(0x1000, 0x1000, 0x2000, R), LODE_OK);
	other = paging;
	CHECK_EQ(lode_paging_adopt(&other, paging.root, &why), LODE_OK);
	poke(0x1000, 0, 0x12345000); /* swapped out */
	CHECK(!lode_paging_query(&page, &other, 0x1000));
	CHECK_EQ(walk(0, GIB), LODE_OK);
	CHECK_EQ(nseen, 1);
	CHECK_EQ(map(0x1000, 0, 0x1000, R), LODE_ERR_POLICY);
	other.root = 0x1000;
	CHECK(!lode_paging_query(&page, &other, 0x1000));
	CHECK_EQ(lode_paging_walk(&other, &(struct lode_range){0, GIB}, see, &f, &why), LODE_ERR_IO);
	/* a table where there is no memory */
	frames_remember(&f);
	entry = peek(0x1000, 2);
	poke(0x1000, 2, entry + (UINT64_C(1) << 40));
	CHECK(!lode_paging_query(&page, &paging, 0x1000));
	CHECK_EQ(map(0x4000, 0, 0x1000, R), LODE_ERR_IO);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_TABLE);
	CHECK_EQ(unmap(0x1000, 0x1000), LODE_ERR_IO);
	CHECK_EQ(protect(0x1000, 0x1000, R), LODE_ERR_IO);
	CHECK_EQ(walk(0, GIB), LODE_ERR_IO);
	CHECK_EQ(walk(0, UINT64_C(1) << 47), LODE_ERR_IO);
	CHECK_EQ(lode_paging_release(&paging, &why), LODE_ERR_IO);
	poke(0x1000, 2, entry);
	CHECK(frames_same(&f));
	end();
}

/** An empty table that stays is in the way of a page as large as it is. */
static void test_pages_around_a_table(void)
{
	const uint64_t part = UINT64_C(1) << 39;

	begin(LODE_PAGING_SV48);
	CHECK_EQ(lode_paging_pin(&paging, &(struct lode_range){part, 0x1000}, &why), LODE_OK);
	f.asked = 0;
	CHECK_EQ(map(0, 0, 3 * part, R), LODE_OK);
	CHECK_EQ(f.asked, 0);
	CHECK_EQ(peek(0, 3) & 0xf, 3);
	CHECK_EQ(peek(part, 3) & 0xf, 1);
	CHECK_EQ(peek(part, 2) & 0xf, 3);
	CHECK_EQ(walk(0, 4 * part), LODE_OK);
	CHECK_EQ(nseen, 1);
	check_seen(0, 0, 0, 3 * part, R);
	end();
}

static void test_arguments(void)
{
	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(0, 0, 0x1000, R), LODE_OK);
	CHECK_EQ(protect(0x800, 0x1000, R), LODE_ERR_USE);
	CHECK_EQ(protect(0, 0x1000, R | 0x40), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_ATTRIBUTES);
	CHECK_EQ(unmap(0x800, 0x1000), LODE_ERR_USE);
	CHECK_EQ(unmap((UINT64_C(1) << 47) - 0x1000, 0x2000), LODE_ERR_USE);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_CANONICAL);
	end();
}

/** Only the end of a range lies in a table that is lost. */
static void test_lost_at_the_end(void)
{
	uint64_t entry;

	begin(LODE_PAGING_X86_64);
	CHECK_EQ(map(GIB - 0x1000, 0, 0x3000, R), LODE_OK);
	entry = peek(GIB, 2);
	poke(GIB, 2, entry + (UINT64_C(1) << 40));
	frames_remember(&f);
	CHECK_EQ(protect(GIB - 0x1000, 0x1000, R | W), LODE_OK); /* ends at the edge of a table */
	CHECK_EQ(protect(GIB - 0x1000, 0x2000, R), LODE_ERR_IO);
	CHECK_EQ(unmap(GIB - 0x2000, 0x3000), LODE_ERR_IO);
	poke(GIB, 2, entry);
	end();
}

/** A host that gives frames which no table can have. */
static uint64_t bad_frame;

static int bad_alloc(void *host, uint64_t *frame, uint64_t size)
{
	(void)size;
	CHECK(host == &f);
	*frame = bad_frame;
	return 0;
}

static void no_free(void *host, uint64_t frame, uint64_t size)
{
	CHECK(host == &f && frame == bad_frame && size == 0x1000);
	f.nflushed++;
}

static void test_bad_frames(void)
{
	static const uint64_t bad[] = {FRAMES_BASE + 0x800, UINT64_C(1) << 46, 0x1000};

	begin(LODE_PAGING_X86_64);
	paging.alloc = bad_alloc;
	paging.free = no_free;
	frames_remember(&f);
	for (int i = 0; i < 3; i++) {
		bad_frame = bad[i];
		CHECK_EQ(map(0, 0, 0x1000, R), LODE_ERR_IO);
		CHECK_EQ(why.rule, LODE_RULE_PAGE_FRAMES);
		CHECK_EQ(f.nflushed, (uint64_t)i + 1);
		CHECK(frames_same(&f));
	}
	paging.alloc = frames_alloc;
	paging.free = frames_free;
	end();
}

static void check_memory(const struct lode_memory *memory, uint32_t pages)
{
	uint64_t before = f.count;

	CHECK_EQ(lode_paging_map_memory(&paging, memory, &why), LODE_OK);
	CHECK_EQ(walk(memory->offset, GIB * 64), LODE_OK);
	CHECK_EQ(nseen, pages);
	CHECK_EQ(unmap(memory->offset, GIB * 64), LODE_OK);
	CHECK_EQ(f.count, before);
}

static void test_memory(void)
{
	const uint64_t offset = UINT64_C(0xffff800000000000);
	struct lode_region regions[] = {
		{0, 0xa0000, R | W}, {0x100000, 0x3ff00000, R | W}, {GIB, 3 * GIB, R | W}, {4 * GIB, GIB, R}, {6 * GIB, 0x1000, R}};
	struct lode_memory memory = {.regions = regions, .nregions = 5, .offset = offset};
	struct lode_mapping page;

	begin(LODE_PAGING_X86_64);
	check_memory(&memory, 4);
	CHECK_EQ(lode_paging_map_memory(&paging, &memory, &why), LODE_OK);
	CHECK(lode_paging_query(&page, &paging, offset + 0x1ff000));
	CHECK_EQ(page.size, 0x1000);
	CHECK(lode_paging_query(&page, &paging, offset + MIB2));
	CHECK_EQ(page.size, MIB2);
	CHECK(lode_paging_query(&page, &paging, offset + GIB));
	CHECK_EQ(page.size, GIB);
	CHECK(!lode_paging_query(&page, &paging, offset + 0xa0000));
	CHECK_EQ(lode_paging_map_memory(&paging, &memory, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_PAGE_MAPPED);
	CHECK_EQ(unmap(offset, 64 * GIB), LODE_OK);
	memory.max_page = MIB2;
	CHECK_EQ(lode_paging_map_memory(&paging, &memory, &why), LODE_OK);
	CHECK(lode_paging_query(&page, &paging, offset + GIB));
	CHECK_EQ(page.size, MIB2);
	end();
}

static void test_memory_refused(void)
{
	struct lode_region good[3] = {{0, 0x1000, R}, {0x1000, 0x1000, R}, {0x5000, MIB2, W}}, bad[3];
	struct lode_memory memory = {.regions = bad, .nregions = 3, .offset = GIB};
	static const struct {
		int index;
		uint64_t frame, size;
		uint32_t attr;
		enum lode_rule rule;
	} cases[] = {{1, 0x1800, 0x1000, R, LODE_RULE_PAGE_ALIGN}, {1, 0x1000, 0x800, R, LODE_RULE_PAGE_ALIGN},
		{2, UINT64_C(1) << 46, 0x1000, R, LODE_RULE_PAGE_PHYSICAL}, {1, 0, 0x1000, R, LODE_RULE_MEMORY_ORDER},
		{2, 0x1000, 0x1000, R, LODE_RULE_MEMORY_ORDER}, {0, 0, 0, R, LODE_RULE_MEMORY_ORDER},
		{2, 0x5000, 0x1000, 0x800, LODE_RULE_PAGE_ATTRIBUTES}};

	begin(LODE_PAGING_X86_64);
	frames_remember(&f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memcpy(bad, good, sizeof good);
		bad[cases[i].index] = (struct lode_region){cases[i].frame, cases[i].size, cases[i].attr};
		CHECK(lode_paging_map_memory(&paging, &memory, &why) < 0);
		CHECK_STR(lode_rule_name(why.rule), lode_rule_name(cases[i].rule));
		CHECK(frames_same(&f));
	}
	memcpy(bad, good, sizeof good);
	for (f.fail_at = 0; f.fail_at < 100; f.fail_at++) {
		f.asked = 0;
		if (lode_paging_map_memory(&paging, &memory, &why) == LODE_OK)
			break;
		CHECK_EQ(why.rule, LODE_RULE_PAGE_FRAMES);
		CHECK(frames_same(&f));
	}
	CHECK(f.fail_at > 4 && f.fail_at < 12);
	CHECK_EQ(f.count, 5); /* tables of 1 GiB's and 2 MiB's pages, two of small ones; the top */
	f.fail_at = UINT32_MAX;
	end();
	begin(LODE_PAGING_SV48);
	memory.regions = good;
	CHECK_EQ(lode_paging_map_memory(&paging, &memory, &why), LODE_OK);
	end();
}

int main(void)
{
	CASE(test_split);
	CASE(test_split_not);
	CASE(test_kept);
	CASE(test_flush);
	CASE(test_break_before_make);
	CASE(test_recursive);
	CASE(test_pin);
	CASE(test_top);
	CASE(test_walk);
	CASE(test_foreign);
	CASE(test_pages_around_a_table);
	CASE(test_arguments);
	CASE(test_lost_at_the_end);
	CASE(test_bad_frames);
	CASE(test_memory);
	CASE(test_memory_refused);
	return check_done();
}
