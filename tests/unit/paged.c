/* SPDX-License-Identifier: MIT */
/* Images into page tables -> what a naive placer says, seen by a naive walker: bytes, permissions, no frame of the file writable or
 * under two permissions, nothing left of what failed or was taken away. */
#include "random.h"

#include "frames.h"

enum { IMAGES = 400, GAPS = 30, PAGE = 4096 };
#define MIB2 UINT64_C(0x200000)

static struct file f;
static struct model want;
static struct model_image image;
static struct frames frames;
static struct lode_paging paging;
static struct lode_paged paged;
static uint64_t file_first, file_pages;
static uint32_t in_between;
static int reads_left = INT32_MAX;
static unsigned long placed, mapped_from_file, copied, refused;

static int file_frame(void *host, uint64_t *frame, uint64_t offset)
{
	CHECK(host == &frames && offset % PAGE == 0);
	*frame = file_first + offset;
	return offset / PAGE < file_pages ? 0 : -1;
}

/** The file's bytes in frames of their own, zeros behind. */
static void begin(enum lode_paging_format format, bool shares)
{
	uint64_t frame = 0, gaps[GAPS];

	frames_begin(&frames);
	paging = frames_paging(&frames, format);
	CHECK_EQ(lode_paging_init(&paging, NULL), LODE_OK);
	file_pages = (f.out.size + PAGE - 1) / PAGE;
	for (uint64_t i = 0; i < file_pages; i++) {
		size_t size = f.out.size - i * PAGE < PAGE ? f.out.size - (size_t)i * PAGE : PAGE;

		CHECK_EQ(frames_alloc(&frames, &frame, PAGE), 0);
		memset(frames_pointer(&frames, frame), 0, PAGE);
		memcpy(frames_pointer(&frames, frame), f.out.bytes + i * PAGE, size);
		file_first = i ? file_first : frame;
	}
	/* what is free then lies in pieces */
	for (int i = 0; i < GAPS; i++)
		CHECK_EQ(frames_alloc(&frames, &gaps[i], PAGE), 0);
	for (int i = 0; i < GAPS; i += 3)
		frames_free(&frames, gaps[i], PAGE);
	in_between = frames.count - 1 - (uint32_t)file_pages;
	paged = (struct lode_paged){.paging = &paging, .file_frame = shares ? file_frame : NULL, .host = &frames, .plan = &f.plan};
	frames_remember(&frames);
}

static void end(void)
{
	CHECK_EQ(lode_paging_release(&paging, NULL), LODE_OK);
	CHECK_EQ(frames.count, file_pages + in_between);
	frames_end(&frames);
}

/** What this format makes of p_flags. */
static uint32_t effective(uint32_t prot)
{
	if (paging.format >= LODE_PAGING_SV39)
		return prot & 2 ? prot | 4 : prot;
	return prot ? prot | 4 : 0;
}

static void check_page(uint64_t p, uint8_t *file_prot)
{
	const uint64_t addr = want.first + p * PAGE + f.plan.bias;
	struct lode_mapping page = {0};
	struct walked w = {0};
	bool seen = walk_naively(&w, &frames, &paging, addr), held = lode_paging_query(&page, &paging, addr);
	uint32_t prot = w.r * 4u + w.w * 2u + w.x;

	CHECK_EQ(held, want.there[p]);
	CHECK_EQ(seen, want.there[p] && want.prot[p]);
	CHECK(!seen || (w.frame == page.frame && w.size == PAGE));
	CHECK_EQ(prot, effective(want.prot[p]));
	if (!held)
		return;
	CHECK_MEM(frames_pointer(&frames, page.frame), want.bytes + p * PAGE, PAGE);
	if (page.frame - file_first < file_pages * PAGE) {
		uint8_t *before = &file_prot[(page.frame - file_first) / PAGE];

		CHECK(!(prot & 2) && !(page.attr & LODE_PAGE_OWNED) && (*before == 0xff || *before == prot));
		*before = (uint8_t)prot;
		mapped_from_file++;
	} else {
		CHECK(page.attr & LODE_PAGE_OWNED);
		copied++;
	}
}

/** The file's frames hold the file. */
static void check_file(void)
{
	for (uint64_t at = 0; at < f.out.size; at++)
		if (((unsigned char *)frames_pointer(&frames, file_first + at / PAGE * PAGE))[at % PAGE] != f.out.bytes[at]) {
			CHECK_EQ(at, LODE_NO_OFFSET); /* the file's own pages changed */
			return;
		}
}

static void check_placed(void)
{
	uint8_t file_prot[FRAMES];
	struct lode_mapping page;

	memset(file_prot, 0xff, sizeof file_prot);
	for (uint64_t p = 0; p < MODEL_PAGES * want.page / PAGE; p++)
		if (want.page == PAGE)
			check_page(p, file_prot);
	CHECK(!lode_paging_query(&page, &paging, f.plan.span.addr - PAGE));
	CHECK(!lode_paging_query(&page, &paging, f.plan.span.addr + f.plan.span.size));
	check_file();
	placed++;
}

static int place(struct lode_diag *why)
{
	struct lode_space space = lode_paged_space(&paged);

	return lode_place_relocated(&space, &f.image, &f.plan, NULL, why);
}

/** Every allocation fails in turn; then it goes through; then it is taken away. */
static void place_everywhere(enum lode_paging_format format, bool shares, bool failures)
{
	struct lode_diag why;
	int status;

	begin(format, shares);
	for (frames.fail_at = failures ? 0 : UINT32_MAX;; frames.fail_at++) {
		frames.asked = 0;
		status = place(&why);
		if (status == LODE_OK)
			break;
		if (!CHECK_EQ(why.rule, LODE_RULE_SPACE_REFUSED) || !CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_FRAMES) ||
			!CHECK(frames_same(&frames)))
			break;
		refused++;
	}
	if (status == LODE_OK) {
		check_placed();
		CHECK_EQ(lode_paging_unmap(&paging, &paged.span, NULL), LODE_OK);
		CHECK(frames_same(&frames));
	}
	end();
}

static struct lode_policy policy_of(unsigned k)
{
	struct lode_policy policy = k & 2 ? lode_policy_process(PAGE) : lode_policy_kernel(PAGE);

	policy.relocate = LODE_RELOCATE_NONE;
	policy.flags = LODE_PLAN_ENTRY_ANY | LODE_PLAN_ALIGN_LENIENT | (k & 1 ? LODE_PLAN_SHARE : 0);
	return policy;
}

/** The file through a callback, as images that are not in memory come. */
static int read_file(void *host, void *dst, uint64_t offset, size_t size)
{
	CHECK(host == &f && offset <= f.out.size && size <= f.out.size - offset);
	if (reads_left-- == 0)
		return -1;
	memcpy(dst, f.out.bytes + offset, size);
	return 0;
}

/** Plan and place under four policies, low and at the end of all addresses where the format has them. */
static void place_image(unsigned seed, uint16_t type, bool failures)
{
	for (unsigned k = 0; k < 4; k++) {
		static const enum lode_paging_format formats[] = {LODE_PAGING_X86_64, LODE_PAGING_AARCH64, LODE_PAGING_SV39};
		enum lode_paging_format format = formats[(seed + k) % 3];
		struct lode_policy policy = policy_of(k);
		bool broken[LODE_RULE_COUNT_];
		struct lode_span span;

		if (seed % 2)
			f.source = (struct lode_source){.size = f.out.size, .read = read_file, .host = &f};
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		if (model_build(&want, &image, &policy, broken) > 0 || lode_plan_span(&span, &f.image, &policy, NULL) != LODE_OK)
			continue;
		policy.base = type == LODE_ET_DYN && format != LODE_PAGING_AARCH64 ? 0 - span.range.size : 0x40000000;
		policy.base -= (policy.base - span.range.addr) & (span.align - 1);
		if (CHECK_EQ(file_plan(&f, &policy), LODE_OK))
			place_everywhere(format, k & 1, failures);
	}
}

/*
 * Edges that have been got wrong elsewhere.
 */

struct edge {
	const char *name;
	struct model_segment segments[4];
	uint64_t align;
	uint32_t n;
};

static const struct edge edges[] = {
	{"bss ends on a page edge", {{0x1000, 0x1000, 0x800, 0x2000, 6}, {0x3000, 0x2000, 0x1000, 0x1000, 5}}, 0x1000, 2},
	{"bss ends one before a page edge", {{0x1000, 0x1000, 0x800, 0x1fff, 6}, {0x3000, 0x2000, 0x1000, 0x1000, 5}}, 0x1000, 2},
	{"bss ends one after a page edge", {{0x1000, 0x1000, 0x800, 0x2001, 6}, {0x4000, 0x2000, 0x1000, 0x1000, 5}}, 0x1000, 2},
	{"bss ends one after an edge, in the next one's page",
		{{0x1000, 0x1000, 0x800, 0x2001, 6}, {0x3800, 0x2800, 0x800, 0x800, 4}}, 0x1000, 2},
	{"file part ends on a page edge", {{0x1000, 0x1000, 0x1000, 0x1800, 6}}, 0x1000, 1},
	{"bss alone, unaligned", {{0x1234, 0x1234, 0, 0x1000, 6}}, 0x1000, 1},
	{"bss alone, one byte", {{0x1fff, 0x1000, 0, 1, 6}}, 0x1000, 1},
	{"bss alone, read-only", {{0x1000, 0x1000, 0, 0x1800, 4}}, 0x1000, 1},
	{"three in a page",
		{{0x1000, 0x1000, 0x100, 0x100, 4}, {0x1100, 0x1100, 0x200, 0x200, 6}, {0x1800, 0x1800, 0x300, 0x800, 4}}, 0x1000,
		3},
	{"a page of the file at three addresses",
		{{0x1000, 0x1000, 0x400, 0x400, 4}, {0x3400, 0x1400, 0x400, 0x400, 5}, {0x5800, 0x1800, 0x400, 0x1400, 6}}, 0x1000,
		3},
	{"code and data in one page of the file", {{0x1000, 0x1000, 0x1000, 0x1000, 5}, {0x3000, 0x1000, 0x1000, 0x1000, 4}},
		0x1000, 2},
	{"the same page of the file twice", {{0x1000, 0x1000, 0x1000, 0x1000, 5}, {0x3000, 0x1000, 0x1000, 0x1000, 5}}, 0x1000, 2},
	{"nothing at 0", {{0, 0, 0, 0, 0}, {0x2000, 0x1000, 0x1000, 0x1000, 5}, {0, 0, 0, 0, 0}}, 0x1000, 3},
	{"p_align 0", {{0x1010, 0x1010, 0x800, 0x900, 6}}, 0, 1},
	{"p_align 1", {{0x1010, 0x1010, 0x800, 0x900, 6}}, 1, 1},
	{"p_align 4", {{0x1010, 0x1110, 0x800, 0x900, 6}}, 4, 1},
	{"p_align 16", {{0x200010, 0x1110, 0x800, 0x900, 6}}, 16, 1},
	{"p_align 2 MiB", {{0x200000, 0x1000, 0x1800, 0x3000, 7}}, MIB2, 1},
	{"no permissions", {{0x1000, 0x1000, 0x1000, 0x1000, 0}, {0x2000, 0x2000, 0x800, 0x1800, 6}}, 0x1000, 2},
	{"writable only", {{0x1000, 0x1000, 0x1000, 0x1800, 2}}, 0x1000, 1},
	{"executable only", {{0x1000, 0x1000, 0x1000, 0x1000, 1}}, 0x1000, 1},
	{"one byte", {{0x1fff, 0x1fff, 1, 1, 4}}, 0x1000, 1},
	{"a tail read-only", {{0x1000, 0x1000, 0x800, 0x800, 4}, {0x2000, 0x1800, 0x800, 0x800, 5}}, 0x1000, 2},
};

static void test_edge(const struct edge *edge, uint16_t type)
{
	const struct random_wish wish = {.seed = 1, .page = PAGE};

	memcpy(image.segments, edge->segments, sizeof edge->segments);
	image.n = edge->n;
	random_write(&f, &image, &wish, LODE_CLASS64, type);
	for (uint32_t i = 0; i < edge->n; i++)
		mkelf_set(&f.out, MKELF_PHDR, i, "p_align", edge->align);
	for (unsigned seed = 0; seed < 3; seed++)
		place_image(seed, type, true);
}

static void test_random(unsigned number)
{
	struct random_wish wish = {.seed = number, .page = PAGE, .apart = number % 4 != 0, .congruent = number % 8 != 1};
	bool any = false;

	random_image(&image, &wish);
	for (uint32_t i = 0; i < image.n; i++)
		any |= image.segments[i].memsz > 0;
	if (!any)
		return;
	random_write(&f, &image, &wish, LODE_CLASS64, number % 3 ? LODE_ET_DYN : LODE_ET_EXEC);
	place_image(number, number % 3 ? LODE_ET_DYN : LODE_ET_EXEC, number % 8 == 0);
}

/*
 * The callbacks one by one.
 */

static const struct lode_run big = {.addr = 4 * MIB2, .size = 2 * MIB2, .offset = LODE_NO_OFFSET, .prot = 6};

/** Large frames where there are, and small ones behind a refusal; a part protected is split; all of it goes back. */
static void test_large(void)
{
	struct lode_range span = {4 * MIB2 - PAGE, 2 * MIB2 + 2 * PAGE}, at;
	struct lode_run head = {.addr = span.addr, .size = span.size, .offset = LODE_NO_OFFSET, .prot = 6};
	struct lode_space space;
	struct lode_mapping page;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	f.out.size = 0;
	begin(LODE_PAGING_X86_64, false);
	paged.max_page = MIB2;
	space = lode_paged_space(&paged);
	CHECK(space.share == NULL);
	CHECK_EQ(space.begin(space.host, &span), 0);
	CHECK_EQ(space.own(space.host, &head), 0);
	CHECK(lode_paging_query(&page, &paging, big.addr));
	CHECK_EQ(page.size, MIB2);
	CHECK(lode_paging_query(&page, &paging, span.addr));
	CHECK_EQ(page.size, PAGE);
	CHECK_EQ(space.protect(space.host, big.addr + PAGE, PAGE, LODE_PF_R), 0);
	CHECK(lode_paging_query(&page, &paging, big.addr + PAGE));
	CHECK_EQ(page.attr, LODE_PF_R | LODE_PAGE_OWNED);
	CHECK_EQ(space.write(space.host, big.addr + PAGE - 2, "abcd", 4), 0);
	CHECK_EQ(space.read(space.host, big.addr + PAGE - 2, &page, 4), 0);
	CHECK_MEM(&page, "abcd", 4);
	space.abort(space.host);
	CHECK(frames_same(&frames));
	CHECK_EQ(paged.span.size, 0);
	frames.no_large = true;
	CHECK_EQ(space.begin(space.host, &span), 0);
	at = paged.span;
	CHECK_EQ(at.addr, span.addr);
	frames.asked = 0;
	CHECK_EQ(space.own(space.host, &big), 0);
	CHECK_EQ(frames.asked, 1 + 1024 + 4); /* one try, the pages, their tables */
	CHECK(lode_paging_query(&page, &paging, big.addr));
	CHECK_EQ(page.size, PAGE);
	space.abort(space.host);
	CHECK(frames_same(&frames));
	end();
}

/** The file fails while it is read into a page: the refusal says so, and where. */
static void test_read_fails(void)
{
	const struct random_wish wish = {.seed = 1, .page = PAGE};
	struct lode_policy policy = policy_of(0);
	struct lode_space space;
	struct lode_diag why;
	struct lode_fill fill = {.addr = 0x1000, .offset = 0, .size = 1};

	image = (struct model_image){.segments = {{0x1000, 0x1010, 0x1800, 0x1800, 6}}, .n = 1};
	random_write(&f, &image, &wish, LODE_CLASS64, LODE_ET_EXEC);
	f.source = (struct lode_source){.size = f.out.size, .read = read_file, .host = &f};
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	begin(LODE_PAGING_X86_64, false);
	reads_left = 1;
	CHECK_EQ(place(&why), LODE_ERR_IO);
	CHECK_EQ(why.rule, LODE_RULE_SOURCE_READ);
	CHECK_EQ(why.offset, 0x1010 + PAGE);
	CHECK(frames_same(&frames));
	reads_left = INT32_MAX;
	space = lode_paged_space(&paged);
	CHECK(space.fill(space.host, &fill, &f.source, &why) != 0); /* nothing was begun */
	end();
}

/** Outside of the span, and spans that cannot be. */
static void test_span(void)
{
	const struct lode_range span = {0x10000, 0x4000},
				bad[] = {{0x10800, 0x1000}, {UINT64_C(1) << 47, 0x1000}, {0xf000, 0x2000}};
	struct lode_space space;
	struct lode_run run = {.addr = 0x11000, .size = PAGE, .offset = LODE_NO_OFFSET, .prot = 4};
	char byte = 0;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	f.out.size = 0;
	begin(LODE_PAGING_X86_64, false);
	CHECK_EQ(lode_paging_map(&paging, &(struct lode_mapping){0xf000, 0, 0x1000, 4}, 0, NULL), LODE_OK);
	space = lode_paged_space(&paged);
	for (int i = 0; i < 3; i++)
		CHECK(space.begin(space.host, &bad[i]) != 0);
	CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_MAPPED);
	paged.attr = 0x80;
	CHECK(space.begin(space.host, &span) != 0);
	CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_ATTRIBUTES);
	paged.attr = LODE_PAGE_USER;
	CHECK_EQ(space.begin(space.host, &span), 0);
	CHECK_EQ(space.own(space.host, &run), 0);
	CHECK_EQ(space.write(space.host, 0x11fff, &byte, 1), 0);
	CHECK(space.write(space.host, 0x11fff, &paged, 2) != 0); /* 0x12000 is in the span, but a hole */
	CHECK(space.write(space.host, 0xffff, &byte, 1) != 0);
	CHECK(space.write(space.host, 0x14000, &byte, 1) != 0);
	CHECK(space.read(space.host, 0xffff, &byte, 1) != 0);
	CHECK(space.protect(space.host, 0x11000, 0x2000, 4) != 0);
	CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_UNMAPPED);
	space.abort(space.host);
	end();
}

/** Frames from nowhere, too high, or not aligned. */
static uint64_t strange;

static int strange_alloc(void *host, uint64_t *frame, uint64_t size)
{
	int status = frames_alloc(host, frame, size);

	if (strange && status == 0) {
		frames_free(host, *frame, size);
		*frame = strange;
	}
	return status;
}

static void strange_free(void *host, uint64_t frame, uint64_t size)
{
	if (frame != strange)
		frames_free(host, frame, size);
}

static void test_strange_frames(void)
{
	static const uint64_t frames_[] = {FRAMES_BASE + 0x800, UINT64_C(1) << 46, 0x1000};
	const struct lode_range span = {0x10000, 0x4000};
	const struct lode_run run = {.addr = 0x11000, .size = PAGE, .offset = LODE_NO_OFFSET, .prot = 4};
	struct lode_space space;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	begin(LODE_PAGING_X86_64, false);
	paging.alloc = strange_alloc;
	paging.free = strange_free;
	space = lode_paged_space(&paged);
	CHECK_EQ(space.begin(space.host, &span), 0);
	for (int i = 0; i < 3; i++) {
		strange = frames_[i];
		CHECK(space.own(space.host, &run) != 0);
		CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_FRAMES);
		CHECK(frames_same(&frames));
	}
	strange = 0;
	space.abort(space.host);
	end();
}

/** A page of the file that the host does not have, or cannot look at; each frame missing while a page is made writable. */
static void test_share(void)
{
	static struct lode_run runs[] = {{.addr = 0x10000, .size = 2 * PAGE, .offset = 0, .prot = 5},
		{.addr = 0x13000, .size = PAGE, .offset = 0, .prot = 6},
		{.addr = 0x15000, .size = PAGE, .offset = 0x100000, .prot = 4}};
	struct lode_plan plan = {.runs = runs, .nruns = 3};
	const struct lode_range span = {0x10000, 0x10000};
	struct lode_space space;
	uint64_t first;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	f.out.size = 2 * PAGE < f.out.size ? 2 * PAGE : f.out.size;
	begin(LODE_PAGING_X86_64, true);
	paged.plan = &plan;
	file_pages = 2;
	space = lode_paged_space(&paged);
	CHECK_EQ(space.begin(space.host, &span), 0);
	CHECK_EQ(space.share(space.host, &runs[0]), 0);
	CHECK(space.share(space.host, &runs[2]) != 0);
	CHECK_EQ(paged.why.field, LODE_FIELD_SPACE_SHARE);
	first = file_first;
	file_first = 0x1000;
	CHECK(space.share(space.host, &runs[1]) != 0);
	CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_TABLE);
	file_first = first;
	/* tables are there: the copy is what fails */
	frames.fail_at = frames.asked;
	CHECK(space.write(space.host, 0x10010, "x", 1) != 0);
	CHECK_EQ(paged.why.rule, LODE_RULE_PAGE_FRAMES);
	frames.fail_at = UINT32_MAX;
	CHECK_EQ(space.write(space.host, 0x10010, "x", 1), 0);
	check_file();
	space.abort(space.host);
	CHECK(frames_same(&frames));
	/* the only page of its table: a new table has to be had before it is there again */
	CHECK_EQ(space.begin(space.host, &span), 0);
	runs[0].size = PAGE;
	CHECK_EQ(space.share(space.host, &runs[0]), 0);
	frames.fail_at = frames.asked + 1;
	CHECK(space.write(space.host, 0x10010, "x", 1) != 0);
	frames.fail_at = UINT32_MAX;
	space.abort(space.host);
	CHECK(frames_same(&frames));
	file_pages = (f.out.size + PAGE - 1) / PAGE;
	end();
}

/** Frames of the file in any order, in one large page, or where the host cannot look. */
static uint64_t (*order)(uint64_t offset);

static int ordered_frame(void *host, uint64_t *frame, uint64_t offset)
{
	(void)host;
	*frame = order(offset);
	return 0;
}

static uint64_t backwards(uint64_t offset)
{
	return FRAMES_BASE + 0x100000 - offset;
}

static uint64_t in_line(uint64_t offset)
{
	return FRAMES_BASE + MIB2 + offset;
}

static uint64_t nowhere(uint64_t offset)
{
	return 0x100000 + offset;
}

static void test_order(void)
{
	static struct lode_run runs[] = {{.addr = 4 * MIB2, .size = MIB2, .offset = 0, .prot = 5}};
	struct lode_plan plan = {.runs = runs, .nruns = 0};
	const struct lode_range span = {4 * MIB2, MIB2};
	struct lode_space space;
	struct lode_mapping page;
	char byte;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	begin(LODE_PAGING_X86_64, true);
	paged.plan = &plan;
	paged.file_frame = ordered_frame;
	paged.max_page = MIB2;
	space = lode_paged_space(&paged);
	for (int i = 0; i < 3; i++) {
		order = i == 0 ? backwards : i == 1 ? in_line : nowhere;
		runs[0].size = i == 1 ? MIB2 : 2 * PAGE;
		CHECK_EQ(space.begin(space.host, &span), 0);
		frames.fail_at = frames.asked;
		CHECK(space.share(space.host, &runs[0]) != 0);
		frames.fail_at = UINT32_MAX;
		CHECK_EQ(space.share(space.host, &runs[0]), 0);
		CHECK(lode_paging_query(&page, &paging, runs[0].addr));
		CHECK_EQ(page.size, i == 1 ? MIB2 : PAGE);
		CHECK_EQ(page.frame, order(0));
		CHECK_EQ(space.read(space.host, runs[0].addr, &byte, 1) == 0, i < 2);
		frames.fail_at = frames.asked + 1; /* the copy is there, the table to split the page is not */
		CHECK_EQ(space.write(space.host, runs[0].addr, "x", 1) == 0, i == 0);
		frames.fail_at = UINT32_MAX;
		space.abort(space.host);
		CHECK(frames_same(&frames));
	}
	end();
}

/** A page of the file, and behind it in the same run a copy whose frame happens to follow. */
static uint64_t shared_frame;

static uint64_t before_the_copy(uint64_t offset)
{
	return shared_frame + offset;
}

static void test_copy_in_line(void)
{
	static struct lode_run runs[] = {{.addr = 0x10000, .size = PAGE, .offset = PAGE, .prot = 4},
		{.addr = 0x11000, .size = 2 * PAGE, .offset = 0, .prot = 5}};
	struct lode_plan plan = {.runs = runs, .nruns = 2};
	const struct lode_range span = {0x10000, 0x3000};
	struct lode_space space;
	struct lode_mapping page;
	uint64_t copy = 0;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	begin(LODE_PAGING_X86_64, true);
	paged.plan = &plan;
	paged.file_frame = ordered_frame;
	order = before_the_copy;
	space = lode_paged_space(&paged);
	CHECK_EQ(space.begin(space.host, &span), 0);
	shared_frame = FRAMES_BASE;
	CHECK_EQ(space.share(space.host, &runs[0]), 0);
	CHECK_EQ(frames_alloc(&frames, &copy, PAGE), 0);
	frames_free(&frames, copy, PAGE);
	shared_frame = copy - PAGE;
	CHECK_EQ(space.share(space.host, &runs[1]), 0);
	CHECK(lode_paging_query(&page, &paging, 0x11000));
	CHECK_EQ(page.frame, copy - PAGE);
	CHECK_EQ(page.attr, 5);
	CHECK(lode_paging_query(&page, &paging, 0x12000));
	CHECK_EQ(page.frame, copy);
	CHECK_EQ(page.attr, 5 | LODE_PAGE_OWNED);
	space.abort(space.host);
	CHECK(frames_same(&frames));
	end();
}

/** Frames of different sizes that follow each other are pages of different sizes. */
static void test_sizes_in_line(void)
{
	const struct lode_range span = {4 * MIB2 - PAGE, MIB2 + PAGE};
	const struct lode_run run = {.addr = span.addr, .size = span.size, .offset = LODE_NO_OFFSET, .prot = 6};
	struct lode_space space;
	struct lode_mapping page;
	uint64_t frame = 0;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	begin(LODE_PAGING_X86_64, false);
	paged.max_page = MIB2;
	while (frame < FRAMES_BASE + 510 * PAGE)
		CHECK_EQ(frames_alloc(&frames, &frame, PAGE), 0);
	frames_remember(&frames);
	space = lode_paged_space(&paged);
	CHECK_EQ(space.begin(space.host, &span), 0);
	CHECK_EQ(space.own(space.host, &run), 0);
	CHECK(lode_paging_query(&page, &paging, span.addr));
	CHECK_EQ(page.frame, FRAMES_BASE + 511 * PAGE);
	CHECK_EQ(page.size, PAGE);
	CHECK(lode_paging_query(&page, &paging, 4 * MIB2));
	CHECK_EQ(page.frame, FRAMES_BASE + 512 * PAGE);
	CHECK_EQ(page.size, MIB2);
	space.abort(space.host);
	CHECK(frames_same(&frames));
	in_between = frames.count - 1 - (uint32_t)file_pages;
	end();
}

static void test_tally(void)
{
	CHECK(placed > IMAGES);
	CHECK(mapped_from_file > IMAGES / 2);
	CHECK(copied > IMAGES * 4);
	CHECK(refused > IMAGES);
	printf("%lu images placed, %lu refused for want of a frame; %lu pages of the file mapped, %lu pages of their own\n", placed,
		refused, mapped_from_file, copied);
}

int main(void)
{
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
		for (uint16_t type = LODE_ET_EXEC; type <= LODE_ET_DYN; type++) {
			check_case("%s, type %u", edges[i].name, type);
			test_edge(&edges[i], type);
		}
	for (unsigned i = 0; i < IMAGES; i++) {
		if (i % 50 == 0)
			check_case("random images from %u on", i);
		test_random(i);
	}
	CASE(test_large);
	CASE(test_read_fails);
	CASE(test_span);
	CASE(test_strange_frames);
	CASE(test_share);
	CASE(test_order);
	CASE(test_copy_in_line);
	CASE(test_sizes_in_line);
	CASE(test_tally);
	file_free(&f);
	return check_done();
}
