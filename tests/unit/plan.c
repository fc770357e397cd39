/* SPDX-License-Identifier: MIT */
/* Plans of images made for one property each: runs and fills as they have to come out, page size by page size. */
#include "file.h"

static struct file f;

static struct lode_policy kernel(uint64_t page)
{
	struct lode_policy policy = lode_policy_kernel(page);

	policy.relocate = LODE_RELOCATE_NONE;
	policy.flags |= LODE_PLAN_ENTRY_ANY;
	return policy;
}

static int plan_of(const struct mkelf_segment *segments, uint32_t n, const struct lode_policy *policy)
{
	const struct mkelf elf = {.segments = segments, .nsegments = n, .tables = MKELF_NOWHERE};

	file_write(&f, &elf);
	return file_load(&f, policy);
}

static void expect_run(uint32_t i, uint64_t addr, uint64_t size, enum lode_run_kind kind, uint32_t prot, uint32_t segment)
{
	if (!CHECK(i < f.plan.nruns))
		return;
	CHECK_EQ(f.runs[i].addr, addr);
	CHECK_EQ(f.runs[i].size, size);
	CHECK_EQ(f.runs[i].kind, kind);
	CHECK_EQ(f.runs[i].prot, prot);
	CHECK_EQ(f.runs[i].segment, segment);
}

static void expect_fill(uint32_t i, uint64_t addr, uint64_t offset, uint64_t size)
{
	if (!CHECK(i < f.plan.nfills))
		return;
	CHECK_EQ(f.fills[i].addr, addr);
	CHECK_EQ(f.fills[i].offset, offset);
	CHECK_EQ(f.fills[i].size, size);
}

static const uint64_t page_sizes[] = {0x1000, 0x4000, 0x10000, 0x200000};

/** Text and data pages apart, for each page size and both uses. */
static void test_page_sizes(void)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t page = page_sizes[i];
		const struct mkelf_segment segments[] = {
			{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x10000000, .align = page, .modulus = page, .size = page + 1},
			{.type = LODE_PT_LOAD,
				.flags = 6,
				.vaddr = 0x10000000 + 4 * page + 8,
				.align = page,
				.modulus = page,
				.size = 16,
				.bss = 2 * page},
		};
		struct lode_policy policy = kernel(page);
		uint64_t text, data;

		CHECK_EQ(plan_of(segments, 2, &policy), LODE_OK);
		text = f.segments[0].offset;
		data = f.segments[1].offset;
		CHECK_EQ(f.plan.nruns, 3);
		expect_run(0, 0x10000000, 2 * page, LODE_RUN_OWN, 5, 0);
		expect_run(1, 0x10000000 + 4 * page, page, LODE_RUN_OWN, 6, 1);
		expect_run(2, 0x10000000 + 5 * page, 2 * page, LODE_RUN_ZERO, 6, 1);
		CHECK_EQ(f.plan.nfills, 2);
		expect_fill(0, 0x10000000, text, page + 1);
		expect_fill(1, 0x10000000 + 4 * page + 8, data, 16);
		CHECK_EQ(f.plan.span.addr, 0x10000000);
		CHECK_EQ(f.plan.span.size, 7 * page);
		CHECK_EQ(f.plan.end, 0x10000000 + 6 * page + 24);
		CHECK_EQ(f.plan.align, page);
		policy.use = LODE_USE_PROCESS;
		policy.flags |= LODE_PLAN_SHARE;
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.nruns, 3);
		expect_run(0, 0x10000000, 2 * page, LODE_RUN_SHARE, 5, 0);
		CHECK_EQ(f.runs[0].offset, text);
		expect_run(1, 0x10000000 + 4 * page, page, LODE_RUN_SHARE, 6, 1);
		CHECK_EQ(f.runs[1].offset, data - 8);
		expect_run(2, 0x10000000 + 5 * page, 2 * page, LODE_RUN_ZERO, 6, 1);
		CHECK_EQ(f.plan.nfills, 1);
		expect_fill(0, 0x10000000 + 4 * page + 24, LODE_FILL_ZEROS, page - 24);
	}
}

/** Segments without a byte in the file: aligned or not, ending on, one before and one after the edge of a page. */
static void test_bss_only(void)
{
	static const uint64_t begins[] = {0x20000, 0x20001, 0x20fff}, ends[] = {0x22fff, 0x23000, 0x23001};

	for (unsigned i = 0; i < 9; i++)
		for (unsigned use = 0; use < 2; use++) {
			uint64_t begin = begins[i / 3], end = ends[i % 3];
			const struct mkelf_segment segments[] = {
				{.type = LODE_PT_LOAD, .flags = 4, .vaddr = begin, .bss = end - begin}};
			struct lode_policy policy = kernel(0x1000);

			policy.use = use ? LODE_USE_PROCESS : LODE_USE_KERNEL;
			policy.flags |= LODE_PLAN_SHARE;
			CHECK_EQ(plan_of(segments, 1, &policy), LODE_OK);
			CHECK_EQ(f.plan.nruns, 1);
			expect_run(0, 0x20000, end > 0x23000 ? 0x4000 : 0x3000, LODE_RUN_ZERO, use ? 6 : 4, 0);
			CHECK_EQ(f.plan.nfills, 0);
			CHECK_EQ(f.plan.end, end);
		}
}

/** The tail behind p_filesz at, before and after the edge of a page. */
static void test_bss_behind_data(void)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t size = 0x1fff + i;
		const struct mkelf_segment segments[] = {
			{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x20000, .align = 0x1000, .size = size, .bss = 0x1000}};
		struct lode_policy policy = lode_policy_process(0x1000);

		policy.flags |= LODE_PLAN_SHARE;
		CHECK_EQ(plan_of(segments, 1, &policy), LODE_OK);
		CHECK_EQ(f.plan.nruns, 2);
		expect_run(0, 0x20000, i == 2 ? 0x3000 : 0x2000, LODE_RUN_SHARE, 6, 0);
		expect_run(1, i == 2 ? 0x23000 : 0x22000, 0x1000, LODE_RUN_ZERO, 6, 0);
		CHECK_EQ(f.plan.nfills, i != 1);
		if (i != 1)
			expect_fill(0, 0x20000 + size, LODE_FILL_ZEROS, i == 2 ? 0xfff : 1);
	}
}

/** p_align 0, 1, 4 and 16 to 1 GiB: the base of ET_DYN follows it, ET_EXEC does not move. */
static void test_alignments(void)
{
	for (uint64_t align = 0; align <= UINT64_C(1) << 30; align = align ? 2 * align : 1) {
		const struct mkelf_segment segments[] = {
			{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x1000, .align = align, .modulus = 1, .size = 64}};
		uint64_t wanted = align > 0x1000 ? align : 0x1000;
		struct lode_policy policy = kernel(0x1000);

		CHECK_EQ(plan_of(segments, 1, &policy), LODE_OK);
		CHECK_EQ(f.plan.bias, 0);
		CHECK_EQ(f.plan.align, wanted);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_DYN);
		policy.base = UINT64_C(3) << 30 | 0x1000;
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.bias, UINT64_C(3) << 30);
		CHECK_EQ(f.runs[0].addr, policy.base);
		policy.base += wanted / 2;
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_USE);
		CHECK_WHY(f.why, "plan-base", LODE_FIELD_POLICY_BASE, LODE_NO_INDEX, policy.base, wanted, LODE_NO_OFFSET);
	}
}

/** No bytes, no memory: not there at all, wherever it says it is. */
static void test_empty_segments(void)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x20000, .align = 0x1000, .size = 64},
		{.type = LODE_PT_LOAD, .flags = 7, .vaddr = 0, .align = 0x1000},
		{.type = LODE_PT_LOAD, .flags = 7, .vaddr = 0x20010},
		{.type = LODE_PT_LOAD, .flags = 7, .vaddr = 0x90000},
	};

	for (unsigned share = 0; share < 3; share++) {
		struct lode_policy policy = kernel(0x1000);

		policy.page_overlap = (enum lode_page_overlap)share;
		policy.wx = LODE_WX_DENY;
		CHECK_EQ(plan_of(segments, 4, &policy), LODE_OK);
		mkelf_set(&f.out, MKELF_PHDR, 3, "p_offset", UINT64_MAX);
		mkelf_set(&f.out, MKELF_PHDR, 2, "p_align", 0x80000000);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.nruns, 1);
		expect_run(0, 0x20000, 0x1000, LODE_RUN_OWN, 5, 0);
		CHECK_EQ(f.plan.span.size, 0x1000);
		CHECK_EQ(f.plan.align, 0x1000);
	}
}

/** Three segments in one page: a union with a fill each, the last one alone, or a refusal that names the pair. */
static void test_three_in_a_page(void)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20100, .align = 1, .size = 0x100},
		{.type = LODE_PT_LOAD, .flags = 2, .vaddr = 0x20200, .align = 1, .size = 0x100},
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20400, .align = 1, .size = 0x100, .bss = 0x100},
	};
	struct lode_policy policy = kernel(0x1000);

	CHECK_EQ(plan_of(segments, 3, &policy), LODE_OK);
	CHECK_EQ(f.plan.nruns, 1);
	expect_run(0, 0x20000, 0x1000, LODE_RUN_OWN, 6, 0);
	CHECK_EQ(f.plan.nfills, 2); /* the first two lie side by side in memory and in the file */
	expect_fill(0, 0x20100, f.segments[0].offset, 0x200);
	expect_fill(1, 0x20400, f.segments[2].offset, 0x100);
	policy.page_overlap = LODE_PAGE_LAST;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.nruns, 1);
	expect_run(0, 0x20000, 0x1000, LODE_RUN_OWN, 4, 2);
	CHECK_EQ(f.plan.nfills, 1);
	expect_fill(0, 0x20400, f.segments[2].offset, 0x100);
	policy.page_overlap = LODE_PAGE_DENY;
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-page-overlap", LODE_FIELD_PHDR_VADDR, 1, 0x20200, 0x1000,
		mkelf_at(&f.out, MKELF_PHDR, 1, "p_vaddr"));
	CHECK_EQ(f.why.other, 0);
}

/** Unsorted tables: taken, or refused by name if the policy insists on the gABI's order. */
static void test_unsorted(void)
{
	struct lode_policy policy = kernel(0x1000);

	file_sample(&f, "pages", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.nruns, 3);
	expect_run(0, 0x400000, 0x1000, LODE_RUN_OWN, 4, 1);
	expect_run(1, 0x401000, 0x1000, LODE_RUN_OWN, 5, 1);
	expect_run(2, 0x602000, 0x2000, LODE_RUN_OWN, 6, 0);
	policy.flags |= LODE_PLAN_SORTED;
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "segment-order", LODE_FIELD_PHDR_VADDR, 2, 0x401100, 0x602800, mkelf_at(&f.out, MKELF_PHDR, 2, "p_vaddr"));
	CHECK_EQ(f.why.other, 0);
	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
}

/** All four encodings of one image plan alike. */
static void test_encodings(void)
{
	static struct file g;
	struct lode_policy policy = kernel(0x1000);

	policy.base = 0x10000;
	for (size_t s = 0; s < mkelf_nsamples; s++)
		for (unsigned k = 0; k < 4; k++) {
			int status;

			file_sample(&f, mkelf_samples[s].name, encoding_class(k), LODE_DATA2LSB, LODE_EM_S390);
			file_sample(&g, mkelf_samples[s].name, encoding_class(k), encoding_data(k), LODE_EM_S390);
			status = file_load(&f, &policy);
			CHECK_EQ(file_load(&g, &policy), status);
			if (status != LODE_OK)
				continue;
			CHECK_EQ(g.plan.nruns, f.plan.nruns);
			CHECK_EQ(g.plan.nfills, f.plan.nfills);
			CHECK_EQ(g.plan.entry, f.plan.entry);
			CHECK_EQ(g.plan.relro.size, f.plan.relro.size);
			CHECK_MEM(g.fills, f.fills, f.plan.nfills * sizeof *f.fills);
			for (uint32_t i = 0; i < f.plan.nruns; i++) {
				CHECK_EQ(g.runs[i].addr, f.runs[i].addr);
				CHECK_EQ(g.runs[i].size, f.runs[i].size);
				CHECK_EQ(g.runs[i].prot, f.runs[i].prot);
				CHECK_EQ(g.runs[i].kind, f.runs[i].kind);
			}
		}
	file_free(&g);
}

/** The last byte of the address space can be part of an image. */
static void test_top(void)
{
	const struct mkelf_segment segments[] = {{.type = LODE_PT_LOAD,
		.flags = 6,
		.vaddr = UINT64_C(0xffffffffffffe000),
		.align = 0x1000,
		.size = 0x10,
		.bss = 0x1ff0}};
	struct lode_policy policy = kernel(0x1000);

	for (unsigned share = 0; share < 3; share += 2) {
		policy.page_overlap = (enum lode_page_overlap)share;
		CHECK_EQ(plan_of(segments, 1, &policy), LODE_OK);
		CHECK_EQ(f.plan.nruns, 2);
		expect_run(0, UINT64_C(0xffffffffffffe000), 0x1000, LODE_RUN_OWN, 6, 0);
		expect_run(1, UINT64_C(0xfffffffffffff000), 0x1000, LODE_RUN_ZERO, 6, 0);
		CHECK_EQ(f.plan.end, 0);
		CHECK(lode_plan_run_at(&f.plan, UINT64_MAX, 1) == &f.runs[1]);
		CHECK(lode_plan_run_at(&f.plan, UINT64_MAX, 2) == NULL);
		CHECK(lode_plan_run_at(&f.plan, UINT64_C(0xffffffffffffdfff), 1) == NULL);
		CHECK(lode_plan_run_at(&f.plan, UINT64_C(0xffffffffffffe000), 0x1000) == &f.runs[0]);
		CHECK(lode_plan_run_at(&f.plan, UINT64_C(0xffffffffffffe001), 0x1000) == NULL);
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_memsz", 0x2001);
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "segment-wrap", LODE_FIELD_PHDR_VADDR, 0, UINT64_C(0xffffffffffffe000), UINT64_MAX,
			mkelf_at(&f.out, MKELF_PHDR, 0, "p_vaddr"));
	}
}

/** ELFCLASS32 ends at 2^32. */
static void test_top_of_32(void)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0xfffff000, .align = 0x1000, .bss = 0x1000}};
	const struct mkelf elf = {.class_ = LODE_CLASS32, .segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	struct lode_policy policy = kernel(0x1000);

	file_write(&f, &elf);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.end, UINT64_C(0x100000000));
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_memsz", 0x1001);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_EQ(f.why.limit, UINT32_MAX);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_memsz", 0x1000);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_DYN);
	policy.base = UINT64_C(0x100000000);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-address", LODE_FIELD_RUN, LODE_NO_INDEX, UINT64_C(0x100000000), UINT32_MAX, LODE_NO_OFFSET);
	policy.base = 0xfffff000;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
}

int main(void)
{
	CASE(test_page_sizes);
	CASE(test_bss_only);
	CASE(test_bss_behind_data);
	CASE(test_alignments);
	CASE(test_empty_segments);
	CASE(test_three_in_a_page);
	CASE(test_unsorted);
	CASE(test_encodings);
	CASE(test_top);
	CASE(test_top_of_32);
	file_free(&f);
	return check_done();
}
