/* SPDX-License-Identifier: MIT */
/* Files that are valid but odd, or odd and wrong -> what open, plan and the tables make of them: the table of
 * docs/embed.md, row by row. */
#include "../unit/file.h"

static struct file file;

enum use { KERNEL, PROCESS };

static struct lode_policy policy_of(enum use use)
{
	struct lode_policy policy = use == KERNEL ? lode_policy_kernel(4096) : lode_policy_process(4096);

	policy.base = 0x7000000;
	policy.relocate = LODE_RELOCATE_NONE;
	return policy;
}

static void sample(const char *name)
{
	file_sample(&file, name, LODE_CLASS64, LODE_DATA2LSB, 0);
}

static void lie(enum mkelf_structure structure, uint32_t index, const char *field, uint64_t value)
{
	mkelf_set(&file.out, structure, index, field, value);
}

static uint64_t truth(enum mkelf_structure structure, uint32_t index, const char *field)
{
	return mkelf_get(&file.out, structure, index, field);
}

/* Load with the preset and expect a rule, "" for success. */
static void expect(enum use use, const char *rule)
{
	struct lode_policy policy = policy_of(use);
	int status = file_load(&file, &policy);

	if (CHECK_EQ(status == LODE_OK, rule[0] == '\0'))
		CHECK_STR(status == LODE_OK ? "" : lode_rule_name(file.why.rule), rule);
}

static void expect_both(const char *rule)
{
	expect(KERNEL, rule);
	expect(PROCESS, rule);
}

static uint32_t first_of(uint32_t type)
{
	uint32_t i = 0;

	while (i + 1 < truth(MKELF_EHDR, 0, "e_phnum") && truth(MKELF_PHDR, i, "p_type") != type)
		i++;
	CHECK_EQ(truth(MKELF_PHDR, i, "p_type"), type);
	return i;
}

static void test_header_sizes(void)
{
	sample("static");
	lie(MKELF_EHDR, 0, "e_ehsize", 1);
	expect_both("");
	CHECK_EQ(file.image.ehsize, 1);
	sample("static");
	lie(MKELF_EHDR, 0, "e_phentsize", 57);
	expect_both("header-phentsize");
	sample("static");
	lie(MKELF_EHDR, 0, "e_version", 2);
	expect_both("header-version");
}

static void test_unaligned_table(void)
{
	struct lode_policy policy = policy_of(KERNEL);
	uint64_t table, size;
	unsigned char *bytes;

	sample("static");
	table = truth(MKELF_EHDR, 0, "e_phoff");
	size = 56 * truth(MKELF_EHDR, 0, "e_phnum");
	bytes = calloc(1, file.out.size + size + 3);
	memcpy(bytes, file.out.bytes, file.out.size);
	memcpy(bytes + file.out.size + 3, file.out.bytes + table, size);
	lie(MKELF_EHDR, 0, "e_phoff", file.out.size + 3);
	memcpy(bytes, file.out.bytes, 64);
	file.source = (struct lode_source){.bytes = bytes, .size = file.out.size + size + 3};
	CHECK_EQ(file_load(&file, &policy), LODE_OK);
	CHECK_EQ(file.image.phoff, file.out.size + 3);
	CHECK(!file.plan.has_phdr); /* no segment shows the table in memory */
	CHECK_EQ(file.plan.phdr, file.plan.bias);
	free(bytes);
}

static void test_section_table(void)
{
	struct lode_policy policy = policy_of(KERNEL);

	sample("static");
	lie(MKELF_EHDR, 0, "e_shoff", UINT64_MAX - 3);
	lie(MKELF_EHDR, 0, "e_shnum", 7);
	lie(MKELF_EHDR, 0, "e_shentsize", 3);
	CHECK_EQ(file_load(&file, &policy), LODE_OK); /* nobody asked for sections */
	CHECK_EQ(file_open(&file, LODE_OPEN_SECTIONS), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(file.why.rule), "header-shentsize");
	lie(MKELF_EHDR, 0, "e_shentsize", 64);
	CHECK_EQ(file_open(&file, LODE_OPEN_SECTIONS), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(file.why.rule), "header-shtable");
}

static void write_loads(const struct mkelf_segment *segments, uint32_t n, uint64_t entry)
{
	const struct mkelf elf = {.segments = segments, .nsegments = n, .tables = MKELF_NOWHERE, .entry = entry};

	file_write(&file, &elf);
}

static void test_order(void)
{
	static const struct mkelf_segment down[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_W, .vaddr = 0x9000, .align = 0x1000, .size = 16},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 16},
	};
	struct lode_policy policy = policy_of(KERNEL);

	write_loads(down, 2, 0x4000);
	expect_both("");
	CHECK_EQ(file.plan.runs[0].addr, 0x4000);
	CHECK_EQ(file.plan.runs[1].addr, 0x9000);
	policy.flags |= LODE_PLAN_SORTED;
	CHECK_EQ(file_plan(&file, &policy), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(file.why.rule), "segment-order");
}

static void test_write_and_execute(void)
{
	static const struct mkelf_segment both[] = {
		{.type = LODE_PT_LOAD, .flags = 7, .vaddr = 0x4000, .align = 0x1000, .size = 16},
	};
	struct lode_policy policy = policy_of(KERNEL);

	write_loads(both, 1, 0x4000);
	expect_both("");
	CHECK_EQ(file.plan.runs[0].prot, 7);
	policy.wx = LODE_WX_DENY;
	CHECK_EQ(file_plan(&file, &policy), LODE_ERR_POLICY);
	CHECK_STR(lode_rule_name(file.why.rule), "plan-wx");
}

static void test_overlap_and_shared_page(void)
{
	static const struct mkelf_segment twice[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 0x1000},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = 0x4800, .align = 0x1000, .size = 16},
	};
	static const struct mkelf_segment page[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 0x700},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = 0x4800, .align = 0x1000, .size = 16},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_W, .vaddr = 0x4900, .align = 0x1000, .size = 16},
	};

	write_loads(twice, 2, 0x4000);
	expect(KERNEL, "segment-overlap");
	expect(PROCESS, "");
	CHECK_EQ(file.plan.nruns, 1);
	CHECK_EQ(file.plan.runs[0].segment, 1); /* the later covers the page */
	write_loads(page, 2, 0x4000);
	expect(KERNEL, "");
	CHECK_EQ(file.plan.nruns, 1);
	CHECK_EQ(file.plan.runs[0].prot, LODE_PF_R | LODE_PF_X); /* the union */
	CHECK_EQ(file.plan.nfills, 2);
	write_loads(page, 3, 0x4000);
	expect(KERNEL, "plan-page-wx");
}

static void test_empty_segments(void)
{
	static const struct mkelf_segment empty[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 16},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_W, .vaddr = 0x6000, .align = 0x1000, .bss = 0x1001},
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = UINT64_MAX - 4, .align = 1},
		{.type = 0x6abcdef0, .flags = 7, .vaddr = 1, .align = 3},
	};

	write_loads(empty, 4, 0x4000);
	lie(MKELF_PHDR, 2, "p_offset", UINT64_MAX);
	lie(MKELF_PHDR, 3, "p_offset", UINT64_MAX);
	lie(MKELF_PHDR, 3, "p_filesz", UINT64_MAX);
	expect_both("");
	CHECK_EQ(file.image.nload, 2);
	CHECK_EQ(file.plan.nruns, 2);
	CHECK_EQ(file.plan.runs[1].kind, LODE_RUN_ZERO);
	CHECK_EQ(file.plan.runs[1].size, 0x2000);
	write_loads(empty + 2, 1, 0);
	expect_both("segment-none");
}

static void test_alignments(void)
{
	static const struct {
		uint64_t align;
		const char *kernel, *process;
	} cases[] = {
		{0, "", ""}, {1, "", ""}, {16, "", ""}, {0x1001, "segment-align", ""}, {UINT64_C(1) << 30, "", ""},
		{UINT64_C(1) << 31, "plan-align-limit", "plan-align-limit"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		sample("static");
		lie(MKELF_PHDR, first_of(LODE_PT_LOAD), "p_align", cases[i].align);
		expect(KERNEL, cases[i].kernel);
		expect(PROCESS, cases[i].process);
	}
}

static void test_incongruent(void)
{
	static const struct mkelf_segment slanted[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4010, .align = 16, .modulus = 0x1000, .size = 16},
	};

	write_loads(slanted, 1, 0x4010);
	lie(MKELF_PHDR, 0, "p_offset", truth(MKELF_PHDR, 0, "p_offset") - 1);
	expect(KERNEL, ""); /* bytes are copied, they may lie anywhere */
	expect(PROCESS, "segment-congruence");
}

static void test_entry(void)
{
	sample("static");
	lie(MKELF_EHDR, 0, "e_entry", 3);
	expect(KERNEL, "entry-outside");
	expect(PROCESS, "");
	CHECK_EQ(file.plan.entry, 3);
}

/* Two program headers of one type: the first counts. */
static void test_two_interpreters(void)
{
	uint32_t interp, other;

	sample("dynamic");
	interp = first_of(LODE_PT_INTERP);
	other = first_of(LODE_PT_NOTE);
	CHECK(interp < other);
	lie(MKELF_PHDR, other, "p_type", LODE_PT_INTERP);
	expect_both("");
	CHECK_EQ(file.plan.interp.offset, truth(MKELF_PHDR, interp, "p_offset"));
	lie(MKELF_PHDR, interp, "p_filesz", 1);
	expect_both("interp-size");
}

static void test_stack(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 16},
		{.type = LODE_PT_GNU_STACK, .flags = LODE_PF_R | LODE_PF_W, .align = 16, .bss = 0x123456},
	};

	write_loads(segments, 2, 0x4000);
	expect_both("");
	CHECK(file.plan.has_stack);
	CHECK_EQ(file.plan.stack_size, 0x123456);
	CHECK_EQ(file.plan.stack_prot, LODE_PF_R | LODE_PF_W);
	write_loads(segments, 1, 0x4000);
	expect_both("");
	CHECK(!file.plan.has_stack);
	CHECK_EQ(file.plan.stack_size, 0);
}

/* Notes packed to 4 bytes that end the range with crumbs, under a p_align of 8 that lies. */
static void test_notes(void)
{
	static const struct mkelf_note notes[] = {{"GNU", 3, "abcdefg", 7}, {"Lode", 9, "x", 1}};
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 64},
		{.type = LODE_PT_NOTE, .flags = LODE_PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	const struct mkelf elf = {.segments = segments, .nsegments = 2, .tables = 0, .entry = 0x4000, .notes = notes, .nnotes = 2};
	const uint64_t aligns[] = {0, 1, 4, 8, 4096};
	struct lode_note note;

	for (size_t i = 0; i < sizeof aligns / sizeof aligns[0]; i++) {
		file_write(&file, &elf);
		lie(MKELF_PHDR, 1, "p_align", aligns[i]);
		lie(MKELF_PHDR, 1, "p_filesz", truth(MKELF_PHDR, 1, "p_filesz") + 3);
		CHECK_EQ(file_open(&file, 0), LODE_OK);
		CHECK_EQ(lode_note_find(&note, &file.image, "Lode", 9, &file.why), 1);
		CHECK_EQ(note.desc_size, 1);
		CHECK_EQ(lode_note_find(&note, &file.image, "GNU", 3, &file.why), 1);
		CHECK_EQ(lode_note_find(&note, &file.image, "GN", 3, &file.why), 0);
	}
}

static void test_duplicate_tags(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R | LODE_PF_X, .vaddr = 0x4000, .align = 0x1000, .size = 64},
		{.type = LODE_PT_DYNAMIC, .flags = LODE_PF_R, .align = 8, .covers = MKELF_DYN},
	};
	static const struct mkelf_dyn dyns[] = {{LODE_DT_INIT, 0x4001}, {0x6abcdef0, 1}, {LODE_DT_INIT, 0x4008}};
	const struct mkelf elf = {
		.segments = segments, .nsegments = 2, .tables = 0, .entry = 0x4000, .dynamic = true, .dyns = dyns, .ndyns = 3};
	struct lode_dynamic dynamic;

	file_write(&file, &elf);
	CHECK_EQ(file_open(&file, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &file.image, &file.why), LODE_OK);
	CHECK_EQ(dynamic.init, 0x4008); /* the last counts, as in ld.so */
	lie(MKELF_PHDR, 1, "p_filesz", 16 * (uint64_t)dynamic.count);
	CHECK_EQ(file_open(&file, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &file.image, &file.why), LODE_OK); /* no DT_NULL: the segment's end */
	CHECK_EQ(dynamic.init, 0x4008);
	lie(MKELF_PHDR, 1, "p_filesz", 17);
	CHECK_EQ(file_open(&file, 0), LODE_OK);
	CHECK_EQ(lode_dynamic_open(&dynamic, &file.image, &file.why), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(file.why.rule), "dynamic-size");
}

static void test_unknown_machine(void)
{
	struct lode_relocation_count count;
	struct lode_policy policy = policy_of(KERNEL);

	sample("static");
	lie(MKELF_EHDR, 0, "e_machine", 0x1234);
	lie(MKELF_EHDR, 0, "e_ident[EI_OSABI]", 99);
	expect_both("");
	CHECK_EQ(lode_relocations_check(&count, &file.image, &file.plan, NULL, &file.why), LODE_OK);
	sample("relocatable");
	lie(MKELF_EHDR, 0, "e_machine", 0x1234);
	CHECK_EQ(file_load(&file, &policy), LODE_OK);
	CHECK_EQ(lode_relocations_check(&count, &file.image, &file.plan, NULL, &file.why), LODE_ERR_UNSUPPORTED);
	CHECK_STR(lode_rule_name(file.why.rule), "machine-unsupported");
}

int main(void)
{
	CASE(test_header_sizes);
	CASE(test_unaligned_table);
	CASE(test_section_table);
	CASE(test_order);
	CASE(test_write_and_execute);
	CASE(test_overlap_and_shared_page);
	CASE(test_empty_segments);
	CASE(test_alignments);
	CASE(test_incongruent);
	CASE(test_entry);
	CASE(test_two_interpreters);
	CASE(test_stack);
	CASE(test_notes);
	CASE(test_duplicate_tags);
	CASE(test_unknown_machine);
	file_free(&file);
	return check_done();
}
