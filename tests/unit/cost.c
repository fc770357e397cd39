/* SPDX-License-Identifier: MIT */
/* What planning costs: no read of the file, the same work for a small and a huge file, and a bound on what many segments
 * can ask for. */
#include <time.h>

#include "file.h"
#include "tape.h"

enum { MANY = 65000, ROUNDS = 1000 };

static struct file f;

/** Four segments as vmlinux has them: 2 MiB apart, with a bss, and file sizes that add up to @size. */
static int open_vmlinux(uint64_t size)
{
	static const uint64_t begin[] = {0, 0x2000000, 0x3000000, 0x3200000};
	const uint64_t base = UINT64_C(0xffffffff81000000);
	struct mkelf_segment segments[4];
	const struct mkelf elf = {.entry = 0x1000000, .segments = segments, .nsegments = 4, .tables = MKELF_NOWHERE};

	for (unsigned i = 0; i < 4; i++)
		segments[i] = (struct mkelf_segment){.type = LODE_PT_LOAD,
			.flags = i ? 6 : 5,
			.vaddr = base + begin[i],
			.paddr = 0x1000000 + begin[i],
			.align = 0x200000,
			.bss = i == 3 ? 0x400000 : 0};
	file_write(&f, &elf);
	for (unsigned i = 0; i < 4; i++) {
		mkelf_set(&f.out, MKELF_PHDR, i, "p_offset", 0x200000 + i * size / 4);
		mkelf_set(&f.out, MKELF_PHDR, i, "p_filesz", size / 4);
		mkelf_set(&f.out, MKELF_PHDR, i, "p_memsz", size / 4 + (i == 3 ? 0x400000 : 0));
	}
	f.source.size = size + 0x200000; /* nobody reads what is not there */
	return file_open(&f, 0);
}

static void test_vmlinux(void)
{
	static const uint64_t sizes[] = {0x4000, 0x800000};
	struct lode_policy policy = lode_policy_kernel(0x200000);
	struct tape tape;
	uint32_t nruns = 0;

	policy.domain = LODE_PHYSICAL;
	policy.relocate = LODE_RELOCATE_NONE;
	for (unsigned i = 0; i < 2; i++) {
		clock_t begun;

		CHECK_EQ(open_vmlinux(sizes[i]), LODE_OK);
		f.source = tape_begin(&tape, f.out.bytes, f.source.size > f.out.size ? f.out.size : f.source.size, true);
		f.source.size = sizes[i] + 0x200000;
		begun = clock();
		for (unsigned k = 0; k < ROUNDS; k++)
			CHECK_EQ(file_plan(&f, &policy), LODE_OK);
		printf("a plan of 4 segments in a file of %" PRIu64 " bytes: %.2f us\n", f.source.size,
			(double)(clock() - begun) * 1e6 / CLOCKS_PER_SEC / (double)ROUNDS);
		CHECK_EQ(tape.reads, 0);
		CHECK(i == 0 || f.plan.nruns == nruns);
		nruns = f.plan.nruns;
		tape_end(&tape);
	}
}

/** A table of MANY segments, a page and a byte each; backwards or forwards. */
static void make_many(struct mkelf_out *out, bool backwards)
{
	struct mkelf_segment *segments = calloc(MANY, sizeof *segments);
	const struct mkelf elf = {.segments = segments, .nsegments = MANY, .tables = MKELF_NOWHERE};

	if (!segments)
		exit(2);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t place = backwards ? MANY - 1 - i : i;

		segments[i] = (struct mkelf_segment){
			.type = LODE_PT_LOAD, .flags = i % 2 ? 4 : 6, .vaddr = 0x10000 + 0x2000 * (uint64_t)place, .bss = 0x1001};
	}
	mkelf_write(out, &elf);
	free(segments);
}

/** 65,000 segments: each header is read once, and the plan takes them or a policy refuses them;
 * processes have Linux's own limit. */
static void test_many(void)
{
	struct lode_segment *segments = calloc(MANY, sizeof *segments);
	struct lode_run *runs = calloc(LODE_PLAN_RUNS(MANY), sizeof *runs);
	struct lode_plan plan = {.runs = runs, .max_runs = LODE_PLAN_RUNS(MANY)};
	const struct lode_open_options options = {.segments = segments, .max_segments = MANY};
	struct mkelf_out out = {0};

	for (unsigned backwards = 0; backwards < 2; backwards++) {
		struct lode_policy policy = lode_policy_kernel(0x1000);
		struct lode_source source;
		struct lode_image image;
		struct lode_diag why;
		struct tape tape;
		clock_t begun;

		make_many(&out, backwards);
		source = tape_begin(&tape, out.bytes, out.size, true);
		begun = clock();
		CHECK_EQ(lode_open(&image, &source, &options, NULL), LODE_OK);
		CHECK_EQ(tape_twice(&tape), 0);
		CHECK_EQ(tape.reads, 2 + MANY);
		policy.relocate = LODE_RELOCATE_NONE;
		policy.flags |= LODE_PLAN_ENTRY_ANY;
		CHECK_EQ(lode_plan(&plan, &image, &policy, &why), LODE_OK);
		CHECK_EQ(plan.nruns, MANY);
		CHECK_EQ(tape.reads, 2 + MANY);
		printf("%d segments %s, opened and planned: %.0f ms\n", MANY, backwards ? "backwards" : "in order",
			(double)(clock() - begun) * 1e3 / CLOCKS_PER_SEC);
		policy.max_segments = MANY - 1;
		CHECK_EQ(lode_plan(&plan, &image, &policy, &why), LODE_ERR_POLICY);
		CHECK_EQ(why.rule, LODE_RULE_SEGMENT_LIMIT);
		policy = lode_policy_process(0x1000);
		CHECK_EQ(lode_plan(&plan, &image, &policy, &why), LODE_ERR_POLICY);
		CHECK_EQ(why.rule, LODE_RULE_SEGMENT_LIMIT);
		CHECK_EQ(why.limit, 65536 / 56);
		tape_end(&tape);
	}
	mkelf_free(&out);
	free(segments);
	free(runs);
}

int main(void)
{
	CASE(test_vmlinux);
	CASE(test_many);
	file_free(&f);
	return check_done();
}
