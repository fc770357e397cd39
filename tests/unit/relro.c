/* SPDX-License-Identifier: MIT */
/* PT_GNU_RELRO at every edge of pages and segments: whole pages, and none that holds anything else somebody may write to. */
#include "file.h"

enum { PAGE = 4096 };

static struct file f;

/** Data in [data, data + size), RELRO over [relro, relro + length) of it, and a neighbour of 16 bytes (0: none). */
struct layout {
	uint64_t data, size, relro, length, neighbour;
};

static int load(const struct layout *l, const struct lode_policy *policy)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x10000, .align = PAGE, .size = 64},
		{.type = LODE_PT_LOAD,
			.flags = 6,
			.vaddr = l->data,
			.align = 1,
			.modulus = PAGE,
			.size = l->size / 2,
			.bss = l->size - l->size / 2},
		{.type = LODE_PT_GNU_RELRO, .flags = 4, .vaddr = l->relro, .align = 1},
		{.type = l->neighbour ? LODE_PT_LOAD : LODE_PT_NULL,
			.flags = 6,
			.vaddr = l->neighbour ? l->neighbour : 0x90000,
			.align = 1,
			.bss = 16},
	};
	const struct mkelf elf = {
		.type = LODE_ET_DYN, .entry = 0x10000, .segments = segments, .nsegments = 4, .tables = MKELF_NOWHERE};

	file_write(&f, &elf);
	mkelf_set(&f.out, MKELF_PHDR, 2, "p_vaddr", l->relro);
	mkelf_set(&f.out, MKELF_PHDR, 2, "p_memsz", l->length);
	return file_load(&f, policy);
}

static struct lode_policy kernel(void)
{
	struct lode_policy policy = lode_policy_kernel(PAGE);

	policy.base = 0x510000;
	return policy;
}

static void expect(struct layout l, uint64_t begin, uint64_t size)
{
	const struct lode_policy policy = kernel();

	CHECK_EQ(load(&l, &policy), LODE_OK);
	CHECK_EQ(f.plan.relro.size, size);
	if (size)
		CHECK_EQ(f.plan.relro.addr, begin + 0x500000);
}

/** What holds it all counts, not a segment that begins later, lies over its beginning and is too short. */
static void test_covered(void)
{
	const struct lode_policy policy = lode_policy_process(PAGE);
	const struct layout l = {0x20000, 0x5000, 0x21000, 0x2000, 0x21000};

	CHECK_EQ(load(&l, &policy), LODE_OK);
	CHECK_EQ(f.plan.relro.addr - f.plan.bias, 0x21000);
	CHECK_EQ(f.plan.relro.size, 0x2000);
}

/** Inside a segment both ends go inwards. */
static void test_inside(void)
{
	expect((struct layout){0x20000, 0x5000, 0x21000, 0x2000, 0}, 0x21000, 0x2000);
	expect((struct layout){0x20000, 0x5000, 0x21001, 0x2000, 0}, 0x22000, 0x1000);
	expect((struct layout){0x20000, 0x5000, 0x20fff, 0x2000, 0}, 0x21000, 0x1000);
	expect((struct layout){0x20000, 0x5000, 0x21001, 0xffe, 0}, 0, 0);
	expect((struct layout){0x20000, 0x5000, 0x21000, 0xfff, 0}, 0, 0);
	expect((struct layout){0x20000, 0x5000, 0x21000, 0x1001, 0}, 0x21000, 0x1000);
	expect((struct layout){0x20000, 0x5000, 0x21000, 0, 0}, 0, 0);
}

/** At a segment's first byte the page before it is empty, if nobody else is there. */
static void test_first_page(void)
{
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x200, 0}, 0x20000, 0x1000);
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1200, 0}, 0x20000, 0x2000);
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1fff, 0}, 0x20000, 0x2000);
	expect((struct layout){0x20e00, 0x3000, 0x20e01, 0x11ff, 0}, 0x21000, 0x1000); /* a byte of the segment stays writable */
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1200, 0x20df0}, 0x21000, 0x1000); /* a neighbour ends there */
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x200, 0x20df0}, 0, 0);
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1200, 0x20000}, 0x21000, 0x1000);
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1200, 0x1fff0}, 0x20000, 0x2000); /* ends just before the page */
	expect((struct layout){0x20e00, 0x3000, 0x20e00, 0x1200, 0x1fff1}, 0x21000, 0x1000); /* its last byte is in it */
}

/** The same at a segment's last byte. */
static void test_last_page(void)
{
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x1800, 0}, 0x20000, 0x2000);
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x17ff, 0}, 0x20000, 0x1000);
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x1800, 0x21800}, 0x20000, 0x1000);
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x1800, 0x21ff0}, 0x20000, 0x1000);
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x1800, 0x22000}, 0x20000, 0x2000);
	expect((struct layout){0x20100, 0x80, 0x20100, 0x80, 0}, 0x20000, 0x1000); /* all in one page */
	expect((struct layout){0x20100, 0x80, 0x20100, 0x80, 0x20180}, 0, 0);
	expect((struct layout){0x20100, 0x80, 0x20100, 0x80, 0x200f0}, 0, 0);
}

/** Other page sizes: the same layout, larger pages. */
static void test_page_sizes(void)
{
	const struct layout l = {0x210000, 0x40000, 0x210000, 0x38000, 0};
	struct lode_policy policy = kernel();

	policy.page_size = 0x10000;
	CHECK_EQ(load(&l, &policy), LODE_OK);
	CHECK_EQ(f.plan.relro.addr, 0x710000);
	CHECK_EQ(f.plan.relro.size, 0x30000);
	policy.page_size = 0x200000;
	policy.base = 0x600000;
	CHECK_EQ(load(&l, &policy), LODE_OK);
	CHECK_EQ(f.plan.relro.size, 0); /* ends inside the one page that the segment has */
}

/** Outside a segment: refused, but not for processes, where ld.so sees to it. lld's size up to the end of the page is taken. */
static void test_outside(void)
{
	static const struct layout outside[] = {
		{0x20000, 0x1800, 0x1ffff, 0x100, 0},
		{0x20000, 0x1800, 0x20000, 0x2001, 0},
		{0x20000, 0x1800, 0x21800, 0x100, 0},
		{0x20000, 0x1800, 0x20000, UINT64_MAX, 0},
		{0x20000, 0x1800, UINT64_MAX, 1, 0},
	};
	struct lode_policy policy;

	for (unsigned i = 0; i < 5; i++) {
		policy = kernel();
		CHECK_EQ(load(&outside[i], &policy), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "relro-range", LODE_FIELD_PHDR_VADDR, 2, outside[i].relro, 0,
			mkelf_at(&f.out, MKELF_PHDR, 2, "p_vaddr"));
		policy = lode_policy_process(PAGE);
		CHECK_EQ(load(&outside[i], &policy), LODE_OK);
		CHECK_EQ(f.plan.relro.size, 0);
	}
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x2000, 0}, 0x20000, 0x2000);
	expect((struct layout){0x20000, 0x1800, 0x20000, 0x2000, 0x21900}, 0x20000, 0x1000);
	policy = kernel();
	policy.domain = LODE_PHYSICAL;
	policy.relocate = LODE_RELOCATE_NONE;
	CHECK_EQ(load(&outside[0], &policy), LODE_OK);
	CHECK_EQ(f.plan.relro.size, 0);
}

/** A page turns read-only if RELRO has bytes of it and the segment no others. */
static bool page_wanted(const struct layout *l, uint64_t page)
{
	uint64_t from = page > l->data ? page : l->data, to = page + PAGE < l->data + l->size ? page + PAGE : l->data + l->size;

	return from < to && from >= l->relro && to <= l->relro + l->length;
}

/** Every begin and end around page edges, compared page by page. */
static void test_all_edges(void)
{
	const struct lode_policy policy = kernel();

	for (uint64_t begin = 0x20ffe; begin <= 0x21002; begin++)
		for (uint64_t end = 0x22ffe; end <= 0x23002; end++)
			for (uint64_t from = begin; from <= 0x21003; from++)
				for (uint64_t to = 0x22ffd; to <= end; to++) {
					const struct layout l = {begin, end - begin, from, to - from, 0};

					CHECK_EQ(load(&l, &policy), LODE_OK);
					for (uint64_t page = 0x20000; page < 0x24000; page += PAGE)
						CHECK_EQ(page + 0x500000 - f.plan.relro.addr < f.plan.relro.size,
							page_wanted(&l, page));
				}
}

int main(void)
{
	CASE(test_covered);
	CASE(test_inside);
	CASE(test_first_page);
	CASE(test_last_page);
	CASE(test_page_sizes);
	CASE(test_outside);
	CASE(test_all_edges);
	file_free(&f);
	return check_done();
}
