/* SPDX-License-Identifier: MIT */
/* What a policy forbids, at the last value that is allowed and the first that is not: limits, reserved and
 * allowed memory, W^X, room. */
#include "file.h"

static struct file f;

/** Two pages of text at 0x20000, a page of data at 0x30000. */
static const struct mkelf_segment segments[] = {
	{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x20000, .align = 0x1000, .size = 0x1001},
	{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x30000, .align = 0x4000, .size = 0x10},
};

static struct lode_policy begin(uint16_t type)
{
	const struct mkelf elf = {.type = type, .entry = 0x20000, .segments = segments, .nsegments = 2, .tables = MKELF_NOWHERE};
	struct lode_policy policy = lode_policy_kernel(0x1000);

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	policy.relocate = LODE_RELOCATE_NONE;
	return policy;
}

static uint64_t field_at(uint32_t segment, const char *field)
{
	return mkelf_at(&f.out, MKELF_PHDR, segment, field);
}

static void test_page_size(void)
{
	static const uint64_t bad[] = {0, 1, 2048, 4095, 4097, 0x3000, UINT64_MAX};
	struct lode_policy policy = begin(LODE_ET_EXEC);

	for (unsigned i = 0; i < 7; i++) {
		policy.page_size = bad[i];
		CHECK_EQ(file_plan(&f, &policy), LODE_ERR_USE);
		CHECK_WHY(f.why, "plan-page-size", LODE_FIELD_POLICY_PAGE_SIZE, LODE_NO_INDEX, bad[i], 4096, LODE_NO_OFFSET);
	}
	policy.wx = LODE_WX_ALLOW; /* text and data share the larger pages */
	for (uint64_t page = 0x1000; page <= UINT64_C(1) << 40; page *= 2) {
		policy.page_size = page;
		CHECK_EQ(file_plan(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.page_size, page);
		CHECK_EQ(f.plan.span.addr % page, 0);
	}
}

static void test_domain(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.domain = LODE_PHYSICAL;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.relocate = LODE_RELOCATE_LOADER;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_USE);
	CHECK_WHY(f.why, "plan-domain", LODE_FIELD_POLICY_RELOCATE, LODE_NO_INDEX, LODE_RELOCATE_LOADER, 0, LODE_NO_OFFSET);
	policy.relocate = LODE_RELOCATE_NONE;
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_paddr", UINT64_MAX - 0xe);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "segment-wrap", LODE_FIELD_PHDR_PADDR, 1, UINT64_MAX - 0xe, UINT64_MAX, field_at(1, "p_paddr"));
	policy.domain = LODE_VIRTUAL; /* where nobody looks at it */
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_DYN); /* physical addresses do not move */
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_paddr", 0x40000);
	policy.domain = LODE_PHYSICAL;
	policy.base = 0x777000;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.bias, 0);
	CHECK_EQ(f.plan.span.size, 0x21000);
}

static void test_types(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	for (unsigned type = 0; type < 0x10000; type += type < 8 ? 1 : 0x1ff) {
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", type);
		policy.base = 0x20000;
		if (type == LODE_ET_EXEC || type == LODE_ET_DYN) {
			CHECK_EQ(file_load(&f, &policy), LODE_OK);
			continue;
		}
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_UNSUPPORTED);
		CHECK_WHY(f.why, "header-type", LODE_FIELD_EHDR_TYPE, LODE_NO_INDEX, type, LODE_ET_DYN, 16);
	}
}

static void test_limits(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.max_segments = 2;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.max_segments = 1;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "segment-limit", LODE_FIELD_LOADS, LODE_NO_INDEX, 2, 1, f.image.phoff);
	policy.max_segments = 0;
	policy.max_size = 0x11000;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.max_size--;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-size-limit", LODE_FIELD_SPAN, LODE_NO_INDEX, 0x11000, 0x10fff, f.image.phoff);
	policy.max_size = 0x10000; /* less than the distance of the pages */
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	policy.max_size = 1;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	policy.max_size = UINT64_MAX;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.max_align = 0x4000;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.max_align = 0x2000;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-align-limit", LODE_FIELD_PHDR_ALIGN, 1, 0x4000, 0x2000, field_at(1, "p_align"));
	policy.max_align = 0;
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_align", UINT64_C(1) << 31);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_EQ(f.why.limit, 1 << 30);
	policy.max_align = UINT64_C(1) << 63;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
}

/** Half of 2^64 and more is no image, whatever the limit. */
static void test_wide_span(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", (UINT64_C(1) << 63) + 0x20000);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-size-limit", LODE_FIELD_SPAN, LODE_NO_INDEX, (UINT64_C(1) << 63) + 0x1000, UINT64_C(1) << 63,
		f.image.phoff);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", (UINT64_C(1) << 63) + 0x1f000);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.span.size, UINT64_C(1) << 63);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", UINT64_C(0xffffffffffff0000));
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_EQ(f.why.value, UINT64_C(0xfffffffffffd1000));
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_vaddr", 0);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", UINT64_C(0xfffffffffffff000)); /* all of 2^64 */
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_EQ(f.why.value, UINT64_MAX);
}

/** A p_align that is no power of two: refused, or as none where Linux's leniency is asked for. */
static void test_odd_alignment(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	mkelf_set(&f.out, MKELF_PHDR, 1, "p_align", 0x3000);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "segment-align", LODE_FIELD_PHDR_ALIGN, 1, 0x3000, 0, field_at(1, "p_align"));
	policy.flags |= LODE_PLAN_ALIGN_LENIENT;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.align, 0x1000);
}

static void test_address_limit(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.address_limit = 0x31000;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.address_limit--;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-address", LODE_FIELD_RUN, LODE_NO_INDEX, 0x20000, 0x30ffe, LODE_NO_OFFSET);
	policy.address_limit = 0x20000;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	policy.address_limit = 1;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	policy.address_limit = UINT64_MAX;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
}

/** Linux asks of each PT_LOAD of a process that it lies in user space as it was linked, also of one that moves or has no memory. */
static void test_linked_address(void)
{
	static const struct mkelf_segment own[] = {
		{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0x20000, .align = 0x1000, .size = 0x1000},
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x30fff, .align = 1},
		{.type = LODE_PT_NOTE, .flags = 4, .vaddr = 0x900000, .align = 4},
	};
	const struct mkelf elf = {.type = LODE_ET_DYN, .entry = 0x20000, .segments = own, .nsegments = 3, .tables = MKELF_NOWHERE};
	struct lode_policy policy = lode_policy_process(0x1000);

	file_write(&f, &elf);
	policy.address_limit = 0x31000;
	policy.base = 0x1000;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", 0x31000);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-address", LODE_FIELD_PHDR_VADDR, 1, 0x31000, 0x30fff, field_at(1, "p_vaddr"));
	policy.use = LODE_USE_KERNEL;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	policy.use = LODE_USE_PROCESS;
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", 0x30fff);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_vaddr", 0x31000);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-address", LODE_FIELD_PHDR_VADDR, 0, 0x31000, 0x30fff, field_at(0, "p_vaddr"));
}

/** Reserved ranges: each run against each range, touching is not overlapping, the gap between runs is free. */
static void test_reserved(void)
{
	static const struct {
		uint64_t addr, size;
		uint32_t run; /* LODE_NO_INDEX: no conflict */
	} cases[] = {{0x22000, 0xe000, LODE_NO_INDEX}, {0x1f000, 0x1000, LODE_NO_INDEX},
		{0x31000, UINT64_MAX - 0x31000, LODE_NO_INDEX}, {0, 0x20000, LODE_NO_INDEX}, {0x20800, 0, LODE_NO_INDEX},
		{0x1f000, 0x1001, 0}, {0x21fff, 1, 0}, {0x20000, 1, 0}, {0x30fff, 1, 1}, {0x22000, 0xe001, 1}, {0, UINT64_MAX, 0}};
	struct lode_policy policy = begin(LODE_ET_EXEC);

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct lode_range reserved[] = {{0x1000, 0x1000}, {cases[i].addr, cases[i].size}};

		policy.reserved = reserved;
		policy.nreserved = 2;
		if (cases[i].run == LODE_NO_INDEX) {
			CHECK_EQ(file_plan(&f, &policy), LODE_OK);
			continue;
		}
		CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
		CHECK_WHY(f.why, "plan-reserved", LODE_FIELD_RUN, cases[i].run, cases[i].run ? 0x30000 : 0x20000, cases[i].addr,
			LODE_NO_OFFSET);
		CHECK_EQ(f.why.other, 1);
	}
}

static void test_allowed(void)
{
	struct lode_range allowed[] = {{0x20000, 0x2000}, {0x30000, 0x1000}};
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.allowed = allowed;
	policy.nallowed = 2;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	allowed[1].size--;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-not-allowed", LODE_FIELD_RUN, 1, 0x30000, 0, LODE_NO_OFFSET);
	allowed[1].size++;
	allowed[0].addr++;
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	CHECK_EQ(f.why.index, 0);
	policy.nallowed = 0; /* nothing is allowed */
	CHECK_EQ(file_plan(&f, &policy), LODE_ERR_POLICY);
	policy.allowed = NULL;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
}

/** W^X of single segments and of unions; a union's refusal names who writes and who executes. */
static void test_write_execute(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.wx = LODE_WX_DENY;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_flags", 7);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-wx", LODE_FIELD_PHDR_FLAGS, 1, 7, 0, field_at(1, "p_flags"));
	policy.wx = LODE_WX_AS_ASKED;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.runs[f.plan.nruns - 1].prot, 7);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_flags", 6);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", 0x21800);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-page-wx", LODE_FIELD_PHDR_VADDR, 1, 0x21800, 0x1000, field_at(1, "p_vaddr"));
	CHECK_EQ(f.why.other, 0);
	policy.wx = LODE_WX_ALLOW;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.runs[f.plan.nruns - 1].prot, 7);
	policy.wx = LODE_WX_AS_ASKED; /* one of them wants both: nothing is made that nobody asked for */
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_flags", 7);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	/* the pages of zeros behind code, which processes may write to */
	policy = lode_policy_process(0x1000);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_flags", 5);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_vaddr", 0x30000);
	policy.wx = LODE_WX_DENY;
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_memsz", 0x2000);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_memsz", 0x2001);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-wx", LODE_FIELD_PHDR_FLAGS, 0, 5, 0, field_at(0, "p_flags"));
}

/** Too few entries: told how many are always enough; every smaller number is refused or holds the plan whole. */
static void test_room(void)
{
	for (unsigned share = 0; share < 3; share += 2)
		for (unsigned use = 0; use < 2; use++) {
			struct lode_policy policy = use ? lode_policy_process(0x1000) : lode_policy_kernel(0x1000);
			uint32_t nruns, nfills;

			policy.page_overlap = (enum lode_page_overlap)share;
			policy.flags |= LODE_PLAN_ENTRY_ANY;
			file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
			CHECK_EQ(file_load(&f, &policy), LODE_OK);
			nruns = f.plan.nruns;
			nfills = f.plan.nfills;
			for (uint32_t n = 0; n < nruns; n++) {
				f.plan.max_runs = n;
				CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_ERR_ROOM);
				CHECK_WHY(f.why, "room-runs", LODE_FIELD_PLAN_RUNS, LODE_NO_INDEX, n, LODE_PLAN_RUNS(f.image.nload),
					LODE_NO_OFFSET);
				CHECK_EQ(f.plan.nruns, LODE_PLAN_RUNS(f.image.nload));
				CHECK_EQ(f.plan.nfills, LODE_PLAN_FILLS(f.image.nload));
			}
			f.plan.max_runs = LODE_PLAN_RUNS(f.image.nload);
			for (uint32_t n = 0; n < nfills; n++) {
				f.plan.max_fills = n;
				CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_ERR_ROOM);
				CHECK_WHY(f.why, "room-fills", LODE_FIELD_PLAN_FILLS, LODE_NO_INDEX, n,
					LODE_PLAN_FILLS(f.image.nload), LODE_NO_OFFSET);
				CHECK_EQ(f.plan.nfills, LODE_PLAN_FILLS(f.image.nload));
			}
			f.plan.max_fills = nfills;
			CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_OK);
		}
}

/** Room runs out where a page is shared, and where a segment splits the run of an earlier one. */
static void test_room_inside(void)
{
	static const struct mkelf_segment shared[] = {
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20100, .align = 1, .size = 0x10},
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20200, .align = 1, .size = 0x10, .modulus = 0x1000},
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20400, .align = 1, .size = 0x10, .modulus = 0x1000},
	};
	static const struct mkelf_segment split[] = {
		{.type = LODE_PT_LOAD, .flags = 4, .vaddr = 0x20000, .bss = 0x5000},
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x22000, .bss = 0x1000},
	};
	struct mkelf elf = {.segments = shared, .nsegments = 3, .tables = MKELF_NOWHERE};
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.flags = LODE_PLAN_ENTRY_ANY;
	file_write(&f, &elf);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.nfills, 3);
	for (f.plan.max_fills = 0; f.plan.max_fills < 3; f.plan.max_fills++) {
		CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_ERR_ROOM);
		CHECK_EQ(f.why.rule, LODE_RULE_ROOM_FILLS);
	}
	CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_OK);
	f.plan.max_runs = 0;
	CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_ERR_ROOM);
	elf.segments = split;
	elf.nsegments = 2;
	policy.page_overlap = LODE_PAGE_LAST;
	file_write(&f, &elf);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.nruns, 3);
	for (f.plan.max_runs = 0; f.plan.max_runs < 3; f.plan.max_runs++) {
		CHECK_EQ(lode_plan(&f.plan, &f.image, &policy, &f.why), LODE_ERR_ROOM);
		CHECK_WHY(f.why, "room-runs", LODE_FIELD_PLAN_RUNS, LODE_NO_INDEX, f.plan.max_runs, LODE_PLAN_RUNS(2),
			LODE_NO_OFFSET);
	}
}

/** Pages that relocations may write to are not shared, if they are not writable: text stays the process's own. */
static void test_shared_text(void)
{
	struct lode_policy policy = begin(LODE_ET_EXEC);

	policy.flags |= LODE_PLAN_SHARE;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	CHECK_EQ(f.runs[0].kind, LODE_RUN_SHARE);
	policy.flags |= LODE_PLAN_TEXTREL;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	CHECK_EQ(f.runs[0].kind, LODE_RUN_OWN);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_flags", 7);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.runs[0].kind, LODE_RUN_SHARE);
}

/** A process's image through a pipe: nobody knows where the file ends, so the segments' own bytes end the pages. */
static void test_unknown_size(void)
{
	struct lode_policy policy = lode_policy_process(0x1000);

	begin(LODE_ET_EXEC);
	f.source.size = LODE_SIZE_UNKNOWN;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.nfills, 2);
	CHECK_EQ(f.fills[0].size, 0x1001);
	CHECK_EQ(f.fills[1].size, 0x10);
}

int main(void)
{
	CASE(test_page_size);
	CASE(test_domain);
	CASE(test_types);
	CASE(test_limits);
	CASE(test_wide_span);
	CASE(test_odd_alignment);
	CASE(test_address_limit);
	CASE(test_linked_address);
	CASE(test_reserved);
	CASE(test_allowed);
	CASE(test_write_execute);
	CASE(test_room);
	CASE(test_room_inside);
	CASE(test_shared_text);
	CASE(test_unknown_size);
	file_free(&f);
	return check_done();
}
