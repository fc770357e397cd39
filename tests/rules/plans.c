/* SPDX-License-Identifier: MIT */
/* Images and policies that no plan fits, arrays that are too small, a stack that is too large. */
#include "rules.h"

/** The offset of a program header's field. */
static uint64_t at(const struct bad *b, uint32_t index, const char *name)
{
	return mkelf_at(&b->file.out, MKELF_PHDR, index, name);
}

static void no_relocation(struct bad *b)
{
	b->policy.relocate = LODE_RELOCATE_NONE;
}

void rule_SEGMENT_ALIGN(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_PHDR, 1, "p_align", LODE_FIELD_PHDR_ALIGN, 0x1001);
	bad_plan(b);
}

void rule_SEGMENT_CONGRUENCE(struct bad *b)
{
	bad_sample(b, "static");
	b->policy = lode_policy_process(0x1000);
	bad_set(b, MKELF_PHDR, 1, "p_vaddr", 0x403401);
	bad_want(b, LODE_FIELD_PHDR_OFFSET, 1, mkelf_get(&b->file.out, MKELF_PHDR, 1, "p_offset"), at(b, 1, "p_offset"));
	b->want.limit = 0x1000;
	bad_plan(b);
}

void rule_SEGMENT_ORDER(struct bad *b)
{
	bad_sample(b, "pages");
	b->policy.flags |= LODE_PLAN_SORTED;
	bad_want(b, LODE_FIELD_PHDR_VADDR, 2, 0x401100, at(b, 2, "p_vaddr"));
	b->want.limit = 0x602800;
	b->want.other = 0;
	bad_plan(b);
}

void rule_SEGMENT_OVERLAP(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_PHDR, 1, "p_vaddr", LODE_FIELD_PHDR_VADDR,
		0x400000 + mkelf_get(&b->file.out, MKELF_PHDR, 0, "p_memsz") - 1);
	b->want.limit = b->want.value + 1;
	b->want.other = 0;
	bad_plan(b);
}

void rule_SEGMENT_LIMIT(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.max_segments = 1;
	bad_want(b, LODE_FIELD_LOADS, LODE_NO_INDEX, 2, b->wide ? 64 : 56);
	b->want.limit = 1;
	bad_plan(b);
}

void rule_SEGMENT_NONE(struct bad *b)
{
	bad_sample(b, "object");
	bad_set(b, MKELF_EHDR, 0, "e_type", LODE_ET_DYN);
	bad_want(b, LODE_FIELD_LOADS, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->want.limit = 1;
	bad_plan(b);
}

void rule_PLAN_PAGE_SIZE(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.page_size = 2048;
	bad_want(b, LODE_FIELD_POLICY_PAGE_SIZE, LODE_NO_INDEX, 2048, LODE_NO_OFFSET);
	b->want.limit = 4096;
	bad_plan(b);
}

void rule_PLAN_DOMAIN(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.domain = LODE_PHYSICAL;
	bad_want(b, LODE_FIELD_POLICY_RELOCATE, LODE_NO_INDEX, LODE_RELOCATE_LOADER, LODE_NO_OFFSET);
	bad_plan(b);
}

void rule_PLAN_BASE(struct bad *b)
{
	bad_sample(b, "dynamic");
	b->policy.base = 0x100800;
	bad_want(b, LODE_FIELD_POLICY_BASE, LODE_NO_INDEX, 0x100800, LODE_NO_OFFSET);
	b->want.limit = 0x1000;
	bad_plan(b);
}

void rule_PLAN_ALIGN_LIMIT(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.max_align = 0x10000;
	bad_lie(b, MKELF_PHDR, 1, "p_align", LODE_FIELD_PHDR_ALIGN, 0x20000);
	b->want.limit = 0x10000;
	bad_plan(b);
}

void rule_PLAN_SIZE_LIMIT(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.max_size = 0x5fff;
	bad_want(b, LODE_FIELD_SPAN, LODE_NO_INDEX, 0x6000, b->wide ? 64 : 56);
	b->want.limit = 0x5fff;
	bad_plan(b);
}

void rule_PLAN_ADDRESS(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.address_limit = 0x405fff;
	bad_want(b, LODE_FIELD_RUN, LODE_NO_INDEX, 0x400000, LODE_NO_OFFSET);
	b->want.limit = 0x405ffe;
	bad_plan(b);
}

void rule_PLAN_RESERVED(struct bad *b)
{
	static const struct lode_range reserved[] = {{0x402000, 0x1000}, {0x403fff, 1}};

	bad_sample(b, "static");
	b->policy.reserved = reserved;
	b->policy.nreserved = 2;
	bad_want(b, LODE_FIELD_RUN, 1, 0x403000, LODE_NO_OFFSET);
	b->want.limit = 0x403fff;
	b->want.other = 1;
	bad_plan(b);
}

void rule_PLAN_NOT_ALLOWED(struct bad *b)
{
	static const struct lode_range allowed[] = {{0x400000, 0x3000}, {0x403000, 0xfff}};

	bad_sample(b, "static");
	b->policy.allowed = allowed;
	b->policy.nallowed = 2;
	bad_want(b, LODE_FIELD_RUN, 1, 0x403000, LODE_NO_OFFSET);
	bad_plan(b);
}

/** Choose a base for the dynamic sample in a window. */
static void fit(struct bad *b, struct lode_range window)
{
	uint64_t base;

	bad_sample(b, "dynamic");
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->status = lode_plan_fit(&base, &b->file.image, &b->policy, &window, &b->why);
}

void rule_PLAN_NO_PLACE(struct bad *b)
{
	bad_want(b, LODE_FIELD_SPAN, LODE_NO_INDEX, 0x5000, b->wide ? 64 : 56);
	b->want.limit = 0x5000;
	fit(b, (struct lode_range){0x10001, 0x5000});
}

void rule_PLAN_WINDOW(struct bad *b)
{
	bad_want(b, LODE_FIELD_POLICY_WINDOW, LODE_NO_INDEX, UINT64_MAX - 5, LODE_NO_OFFSET);
	b->want.limit = 7;
	fit(b, (struct lode_range){UINT64_MAX - 5, 7});
}

void rule_PLAN_PAGE_OVERLAP(struct bad *b)
{
	bad_sample(b, "pages");
	b->policy.page_overlap = LODE_PAGE_DENY;
	bad_want(b, LODE_FIELD_PHDR_VADDR, 2, 0x401100, at(b, 2, "p_vaddr"));
	b->want.limit = 0x1000;
	b->want.other = 1;
	bad_plan(b);
}

void rule_PLAN_PAGE_WX(struct bad *b)
{
	bad_sample(b, "pages");
	bad_set(b, MKELF_PHDR, 1, "p_flags", 6);
	bad_want(b, LODE_FIELD_PHDR_VADDR, 1, 0x400000, at(b, 1, "p_vaddr"));
	b->want.limit = 0x1000;
	b->want.other = 2;
	bad_plan(b);
}

void rule_PLAN_WX(struct bad *b)
{
	bad_sample(b, "static");
	b->policy.wx = LODE_WX_DENY;
	bad_lie(b, MKELF_PHDR, 0, "p_flags", LODE_FIELD_PHDR_FLAGS, 7);
	bad_plan(b);
}

void rule_ENTRY_OUTSIDE(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_entry", LODE_FIELD_EHDR_ENTRY, 0x403400);
	bad_plan(b);
}

void rule_TLS_RANGE(struct bad *b)
{
	no_relocation(b);
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_PHDR, 7, "p_vaddr", LODE_FIELD_PHDR_VADDR, 0x2e00);
	bad_plan(b);
}

void rule_TLS_COUNT(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_PHDR, 8, "p_type", LODE_FIELD_PHDR_TYPE, LODE_PT_TLS);
	bad_plan(b);
}

void rule_TLS_TOO_LARGE(struct bad *b)
{
	const struct lode_tls tls = {.align = 1, .mem_size = UINT64_MAX};
	struct lode_tls_layout layout;

	bad_want(b, LODE_FIELD_PHDR_MEMSZ, LODE_NO_INDEX, UINT64_MAX, LODE_NO_OFFSET);
	b->want.limit = UINT64_C(1) << 62;
	b->status = lode_tls_layout(&layout, &tls, b->wide ? LODE_EM_AARCH64 : LODE_EM_386, &b->why);
}

void rule_RELRO_RANGE(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_PHDR, 8, "p_vaddr", LODE_FIELD_PHDR_VADDR, 0x2dff);
	bad_plan(b);
}

void rule_INTERP_SIZE(struct bad *b)
{
	bad_sample(b, "dynamic");
	bad_lie(b, MKELF_PHDR, 1, "p_filesz", LODE_FIELD_PHDR_FILESZ, 1);
	b->want.limit = 2;
	bad_plan(b);
}

static void plan_with_room(struct bad *b, uint32_t runs, uint32_t fills)
{
	bad_sample(b, "static");
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->file.plan = (struct lode_plan){.runs = b->file.runs, .max_runs = runs, .fills = b->file.fills, .max_fills = fills};
	b->status = lode_plan(&b->file.plan, &b->file.image, &b->policy, &b->why);
}

void rule_ROOM_RUNS(struct bad *b)
{
	bad_want(b, LODE_FIELD_PLAN_RUNS, LODE_NO_INDEX, 2, LODE_NO_OFFSET);
	b->want.limit = LODE_PLAN_RUNS(2);
	plan_with_room(b, 2, 9);
}

void rule_ROOM_FILLS(struct bad *b)
{
	bad_want(b, LODE_FIELD_PLAN_FILLS, LODE_NO_INDEX, 1, LODE_NO_OFFSET);
	b->want.limit = LODE_PLAN_FILLS(2);
	plan_with_room(b, 9, 1);
}

void rule_STACK_TOO_LARGE(struct bad *b)
{
	static const char *const argv[] = {"a string that is longer than the room"};
	const struct lode_stack stack = {.argv = argv, .argc = 1, .execfn = "x", .word = b->wide ? 8 : 4, .big = b->encoding & 2};
	struct lode_stack_layout layout;

	/* zeros, both strings, and AT_NULL, which is the first that does not fit */
	bad_want(b, LODE_FIELD_STACK, LODE_NO_INDEX, 48 + 2 * (uint64_t)stack.word, LODE_NO_OFFSET);
	b->want.limit = 48;
	b->status = lode_stack_measure(&layout, &stack, 48, &b->why);
}
