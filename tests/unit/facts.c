/* SPDX-License-Identifier: MIT */
/* What a plan says beside its lists: entry, program headers in memory, TLS template, stack, interpreter, properties. */
#include "file.h"

static struct file f;

static struct lode_policy kernel(void)
{
	struct lode_policy policy = lode_policy_kernel(4096);

	policy.relocate = LODE_RELOCATE_NONE;
	return policy;
}

static void test_entry(void)
{
	struct lode_policy policy = kernel();
	uint64_t end;

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.entry, 0x400800);
	end = 0x400000 + f.segments[0].filesz;
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", end - 1);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", end);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "entry-outside", LODE_FIELD_EHDR_ENTRY, LODE_NO_INDEX, end, 0, 24);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", 0x3fffff);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", 0x403400); /* data */
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	policy.flags |= LODE_PLAN_ENTRY_ANY;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.entry, 0x403400);
	file_free(&f);
}

/** A kernel linked high and loaded low: e_entry may be a physical or a virtual address. */
static void test_physical_entry(void)
{
	struct lode_policy policy = kernel();

	for (unsigned k = 0; k < 2; k++) {
		uint64_t high = k ? UINT64_C(0xffffffff80000000) : 0xc0000000;

		policy.domain = LODE_PHYSICAL;
		file_sample(&f, "kernel", encoding_class(k), LODE_DATA2LSB, 0);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.entry, 0x1000040);
		CHECK_EQ(f.plan.bias, 0);
		CHECK_EQ(f.plan.span.addr, 0x1000000);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", high + 0x1000050);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.entry, 0x1000050);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", 0x1200000);
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
		CHECK_EQ(f.why.rule, LODE_RULE_ENTRY_OUTSIDE);
		policy.domain = LODE_VIRTUAL;
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", high + 0x1000050);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.entry, high + 0x1000050);
	}
	file_free(&f);
}

/** Where it may be any, permissions do not matter: it is translated by whatever segment has it. */
static void test_physical_entry_any(void)
{
	struct lode_policy policy = kernel();

	policy.domain = LODE_PHYSICAL;
	file_sample(&f, "kernel", encoding_class(1), LODE_DATA2LSB, 0);
	for (uint32_t flags = 0; flags < 3; flags++) {
		policy.flags |= LODE_PLAN_ENTRY_ANY;
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_entry", UINT64_C(0xffffffff81000050));
		mkelf_set(&f.out, MKELF_PHDR, 0, "p_flags", LODE_PF_R | (flags & 1 ? LODE_PF_W : 0) | (flags & 2 ? LODE_PF_X : 0));
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.entry, 0x1000050);
		policy.flags &= ~(uint32_t)LODE_PLAN_ENTRY_ANY;
		CHECK_EQ(file_load(&f, &policy), flags & 2 ? LODE_OK : LODE_ERR_MALFORMED);
	}
	file_free(&f);
}

/** AT_PHDR: the segment whose file part holds e_phoff, or the bias. */
static void test_headers(void)
{
	struct lode_policy policy = kernel();

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	policy.base = 0x700000;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(f.plan.has_phdr);
	CHECK_EQ(f.plan.phdr, 0x700040);
	CHECK_EQ(f.plan.bias, 0x700000);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_vaddr", 0x12340000); /* what PT_PHDR says does not matter, nor that it is there */
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.phdr, 0x700040);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_type", LODE_PT_NULL);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.phdr, 0x700040);
	file_sample(&f, "pages", LODE_CLASS64, LODE_DATA2LSB, 0); /* headers outside all segments */
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(!f.plan.has_phdr);
	CHECK_EQ(f.plan.phdr, 0);
	mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_DYN);
	policy.base = 0x1000000;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(!f.plan.has_phdr);
	CHECK_EQ(f.plan.phdr, 0x1000000 - 0x400000);
	policy.domain = LODE_PHYSICAL;
	file_sample(&f, "static", LODE_CLASS32, LODE_DATA2MSB, 0);
	mkelf_set(&f.out, MKELF_PHDR, 0, "p_paddr", 0x100000);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.phdr, 0x100000 + f.image.phoff);
	file_free(&f);
}

static void test_stack(void)
{
	struct lode_policy policy = kernel();

	file_sample(&f, "static", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(f.plan.has_stack);
	CHECK_EQ(f.plan.stack_prot, LODE_PF_R | LODE_PF_W);
	CHECK_EQ(f.plan.stack_size, 0);
	mkelf_set(&f.out, MKELF_PHDR, 2, "p_memsz", 0x800000);
	mkelf_set(&f.out, MKELF_PHDR, 2, "p_flags", 7);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.stack_prot, 7);
	CHECK_EQ(f.plan.stack_size, 0x800000);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_type", LODE_PT_GNU_STACK); /* of two the last counts */
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.stack_prot, 7);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_type", LODE_PT_NULL);
	mkelf_set(&f.out, MKELF_PHDR, 2, "p_type", LODE_PT_NULL);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(!f.plan.has_stack);
	CHECK_EQ(f.plan.stack_prot, 0);
	CHECK_EQ(f.plan.stack_size, 0);
	file_free(&f);
}

static void test_interpreter(void)
{
	struct lode_policy policy = kernel();
	static const struct {
		uint64_t size;
		int status;
	} sizes[] = {{0, LODE_ERR_MALFORMED}, {1, LODE_ERR_MALFORMED}, {2, LODE_OK}, {4097, LODE_ERR_MALFORMED},
		{UINT64_MAX, LODE_ERR_MALFORMED}};

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.interp.offset, f.out.parts[MKELF_INTERP].offset);
	CHECK_EQ(f.plan.interp.size, f.out.parts[MKELF_INTERP].size);
	for (unsigned i = 0; i < 5; i++) {
		mkelf_set(&f.out, MKELF_PHDR, 1, "p_filesz", sizes[i].size);
		CHECK_EQ(file_load(&f, &policy), sizes[i].status);
		if (sizes[i].status != LODE_OK)
			CHECK_WHY(f.why, "interp-size", LODE_FIELD_PHDR_FILESZ, 1, sizes[i].size, sizes[i].size < 2 ? 2 : 4096,
				mkelf_at(&f.out, MKELF_PHDR, 1, "p_filesz"));
	}
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_filesz", 8);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_offset", f.out.size - 8);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	mkelf_set(&f.out, MKELF_PHDR, 1, "p_offset", f.out.size - 7);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "segment-past-end", LODE_FIELD_PHDR_FILESZ, 1, 8, 7, mkelf_at(&f.out, MKELF_PHDR, 1, "p_filesz"));
	policy.flags |= LODE_PLAN_INTERP_IGNORE;
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.interp.size, 0);
	file_free(&f);
}

static void test_property(void)
{
	struct lode_policy policy = kernel();

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.property.size, 0);
	mkelf_set(&f.out, MKELF_PHDR, 6, "p_type", LODE_PT_GNU_PROPERTY);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.property.offset, f.out.parts[MKELF_NOTE].offset);
	CHECK_EQ(f.plan.property.size, f.out.parts[MKELF_NOTE].size);
	mkelf_set(&f.out, MKELF_PHDR, 6, "p_offset", f.out.size);
	CHECK_EQ(file_load(&f, &policy), LODE_OK); /* nobody needs it: left out, not refused */
	CHECK_EQ(f.plan.property.size, 0);
	file_free(&f);
}

enum { TLS = 7 };

static void set_tls(const char *field, uint64_t value)
{
	mkelf_set(&f.out, MKELF_PHDR, TLS, field, value);
}

static void test_tls(void)
{
	struct lode_policy policy = kernel();

	for (unsigned k = 0; k < 4; k++) {
		file_sample(&f, "dynamic", encoding_class(k), encoding_data(k), 0);
		policy.base = 0x10000;
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK(f.plan.has_tls);
		CHECK_EQ(f.plan.tls.addr, 0x12e40);
		CHECK_EQ(f.plan.tls.bias, 0x10000);
		CHECK_EQ(f.plan.tls.offset, f.segments[4].offset + 0x40);
		CHECK_EQ(f.plan.tls.file_size, 0x20);
		CHECK_EQ(f.plan.tls.mem_size, 0x60);
		CHECK_EQ(f.plan.tls.align, 64);
		set_tls("p_align", 0);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK_EQ(f.plan.tls.align, 1);
		/* .tbss alone needs no bytes in the image */
		set_tls("p_filesz", 0);
		set_tls("p_vaddr", 0x7fffff00);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK(f.plan.has_tls);
		CHECK_EQ(f.plan.tls.file_size, 0);
		set_tls("p_type", LODE_PT_NULL);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK(!f.plan.has_tls);
		CHECK_EQ(f.plan.tls.align, 1);
	}
	file_free(&f);
}

/** Where the template is loaded, if that is elsewhere than where it is linked, and not a multiple of its alignment away. */
static void test_physical_tls(void)
{
	struct lode_policy policy = kernel();
	struct lode_tls_layout layout;

	policy.domain = LODE_PHYSICAL;
	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	for (uint32_t i = 0; i < f.image.nsegments; i++)
		if (f.segments[i].type == LODE_PT_LOAD)
			mkelf_set(&f.out, MKELF_PHDR, i, "p_paddr", 0x1000010 + f.segments[i].vaddr);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK(f.plan.has_tls);
	CHECK_EQ(f.plan.tls.addr, 0x1002e50);
	CHECK_EQ(f.plan.tls.bias, 0x1000010);
	CHECK_EQ(lode_tls_layout(&layout, &f.plan.tls, LODE_EM_X86_64, &f.why), LODE_OK);
	CHECK_EQ((layout.offset - 0x2e40) % 64, 0);
	/* a segment that is loaded elsewhere and lies over the template's first half only is not where it is */
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_type", LODE_PT_LOAD);
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_vaddr", 0x2e40);
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_paddr", 0x7000000);
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_filesz", 0);
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_memsz", 0x10);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.tls.addr, 0x1002e50);
	set_tls("p_filesz", 0);
	set_tls("p_vaddr", 0x7fffff00);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.tls.addr, 0x7fffff00);
	CHECK_EQ(f.plan.tls.bias, 0);
	file_free(&f);
}

/** A template that cannot be one: refused, but for processes, which set up their own. */
static void test_tls_refused(void)
{
	static const struct {
		const char *field;
		uint64_t value;
		const char *rule;
		enum lode_field why;
		uint64_t named; /* value that the diagnosis names */
	} lies[] = {
		{"p_memsz", 0x1f, "segment-size", LODE_FIELD_PHDR_FILESZ, 0x20},
		{"p_align", 3, "segment-align", LODE_FIELD_PHDR_ALIGN, 3},
		{"p_vaddr", 0x2dff, "tls-range", LODE_FIELD_PHDR_VADDR, 0x2dff},
		{"p_vaddr", 0x32e1, "tls-range", LODE_FIELD_PHDR_VADDR, 0x32e1}, /* runs past the file part */
		{"p_vaddr", 0x2e41, "tls-range", LODE_FIELD_PHDR_VADDR, 0x2e41}, /* its offset is another */
		{"p_offset", 0, "tls-range", LODE_FIELD_PHDR_VADDR, 0x2e40},
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct lode_policy policy = kernel();

		file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
		set_tls(lies[i].field, lies[i].value);
		CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, lies[i].rule, lies[i].why, TLS, lies[i].named, i ? 0 : 0x1f,
			lode_segment_offset(&f.image, TLS, lies[i].why));
		policy = lode_policy_process(4096);
		file_rewind_(&f);
		CHECK_EQ(file_load(&f, &policy), LODE_OK);
		CHECK(!f.plan.has_tls);
		CHECK_EQ(f.why.rule, LODE_RULE_NONE);
	}
	file_free(&f);
}

static void test_two_templates(void)
{
	struct lode_policy policy = kernel();

	file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
	mkelf_set(&f.out, MKELF_PHDR, 8, "p_type", LODE_PT_TLS);
	CHECK_EQ(file_load(&f, &policy), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "tls-count", LODE_FIELD_PHDR_TYPE, 8, LODE_PT_TLS, 0, mkelf_at(&f.out, MKELF_PHDR, 8, "p_type"));
	file_free(&f);
}

int main(void)
{
	CASE(test_entry);
	CASE(test_physical_entry);
	CASE(test_physical_entry_any);
	CASE(test_headers);
	CASE(test_stack);
	CASE(test_interpreter);
	CASE(test_property);
	CASE(test_tls);
	CASE(test_physical_tls);
	CASE(test_tls_refused);
	CASE(test_two_templates);
	return check_done();
}
