/* SPDX-License-Identifier: MIT */
/* lode_plan_fit: the lowest base in a window that is clear of reserved and inside allowed ranges,
 * compared with trying every base. */
#include "file.h"

enum { PAGE = 0x1000, PAGES = 64 };

static struct file f;

/** @pages pages, linked at @vaddr, aligned to @align. */
static struct lode_policy begin(uint64_t vaddr, uint64_t pages, uint64_t align)
{
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = vaddr, .align = align, .bss = pages * PAGE}};
	const struct mkelf elf = {.type = LODE_ET_DYN, .segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	struct lode_policy policy = lode_policy_kernel(PAGE);

	file_write(&f, &elf);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	policy.relocate = LODE_RELOCATE_NONE;
	policy.flags |= LODE_PLAN_ENTRY_ANY;
	return policy;
}

/** A base is good if a plan there is. */
static bool good(struct lode_policy policy, const struct lode_range *window, uint64_t base)
{
	policy.base = base;
	return file_plan(&f, &policy) == LODE_OK && base >= window->addr && f.plan.span.size <= window->size &&
		base - window->addr <= window->size - f.plan.span.size;
}

static void compare(const struct lode_policy *policy, const struct lode_range *window)
{
	uint64_t base = 0, lowest = 0;
	struct lode_diag why;
	int status = lode_plan_fit(&base, &f.image, policy, window, &why);

	while (lowest < PAGES * PAGE && !good(*policy, window, lowest))
		lowest += PAGE;
	if (lowest == PAGES * PAGE) {
		CHECK_EQ(status, LODE_ERR_POLICY);
		CHECK_EQ(why.rule, LODE_RULE_PLAN_NO_PLACE);
	} else {
		CHECK_EQ(status, LODE_OK);
		CHECK_EQ(base, lowest);
	}
}

/** Random ranges of random numbers of pages, some empty, some not whole pages. */
static void test_random(void)
{
	uint64_t seed = 11;

	for (unsigned i = 0; i < 600; i++) {
		struct lode_range reserved[3], allowed[3], window;
		uint64_t align = (uint64_t)PAGE << random_below(&seed, 4);
		struct lode_policy policy = begin(PAGE * random_below(&seed, 20), 1 + random_below(&seed, 8), align);

		if (i % 100 == 0)
			check_case("random windows from %u on", i);
		for (unsigned k = 0; k < 3; k++) {
			reserved[k] = (struct lode_range){random_below(&seed, PAGES * PAGE), random_below(&seed, 8) * PAGE / 2};
			allowed[k] = (struct lode_range){PAGE * random_below(&seed, PAGES), PAGE * random_below(&seed, 40)};
		}
		window = (struct lode_range){random_below(&seed, 20 * PAGE), 1 + random_below(&seed, 40 * PAGE)};
		policy.reserved = reserved;
		policy.nreserved = (uint32_t)random_below(&seed, 4);
		if (i % 2) {
			policy.allowed = allowed;
			policy.nallowed = (uint32_t)random_below(&seed, 4);
		}
		compare(&policy, &window);
	}
}

/** Images of several runs fit as a whole: the holes between them count as taken. */
static void test_limits(void)
{
	struct lode_policy policy = begin(0x5000, 2, PAGE);
	const struct lode_range whole = {0, 2 * PAGE}, small = {0, 2 * PAGE - 1}, none = {0x1000, 0}, wraps = {UINT64_MAX, 2};
	const struct lode_range top = {UINT64_MAX - 0x1fff, 0x2000}, odd = {0x1001, 0x3000};
	const struct lode_range up = {PAGE, UINT64_MAX - PAGE}, everything = {0, UINT64_MAX};
	uint64_t base = 1;

	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &whole, &f.why), LODE_OK);
	CHECK_EQ(base, 0);
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &small, &f.why), LODE_ERR_POLICY);
	CHECK_WHY(f.why, "plan-no-place", LODE_FIELD_SPAN, LODE_NO_INDEX, 2 * PAGE, 2 * PAGE - 1, 64);
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &none, &f.why), LODE_ERR_USE);
	CHECK_WHY(f.why, "plan-window", LODE_FIELD_POLICY_WINDOW, LODE_NO_INDEX, 0x1000, 0, LODE_NO_OFFSET);
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &wraps, &f.why), LODE_ERR_USE);
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &top, &f.why), LODE_OK);
	CHECK_EQ(base, UINT64_MAX - 0x1fff);
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &odd, &f.why), LODE_OK);
	CHECK_EQ(base, 0x2000);
	policy.address_limit = 0x3fff;
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &odd, &f.why),
		LODE_ERR_POLICY); /* nor behind the limit that a plan keeps */
	CHECK_EQ(f.why.rule, LODE_RULE_PLAN_NO_PLACE);
	policy.address_limit = 0x4000;
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &odd, &f.why), LODE_OK);
	policy.address_limit = 0;
	policy.reserved = &everything;
	policy.nreserved = 1;
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &whole, &f.why), LODE_ERR_POLICY);
	policy.reserved = &up; /* ends with the address space: nothing behind it, nothing before it */
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &everything, &f.why), LODE_ERR_POLICY);
	policy.nreserved = 0;
	policy.page_size = 3;
	CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &whole, &f.why), LODE_ERR_USE);
	CHECK_EQ(f.why.rule, LODE_RULE_PLAN_PAGE_SIZE);
}

/** lode_plan_span says what lode_plan then takes. */
static void test_span(void)
{
	struct lode_policy policy = begin(0x5123, 2, 0x8000);
	struct lode_span span;

	CHECK_EQ(lode_plan_span(&span, &f.image, &policy, &f.why), LODE_OK);
	CHECK_EQ(span.range.addr, 0x5000);
	CHECK_EQ(span.range.size, 3 * PAGE);
	CHECK_EQ(span.align, 0x8000);
	policy.base = 0x5000 + 3 * span.align;
	CHECK_EQ(file_plan(&f, &policy), LODE_OK);
	CHECK_EQ(f.plan.span.addr, policy.base);
	CHECK_EQ(f.plan.span.size, span.range.size);
	CHECK_EQ(f.plan.align, span.align);
}

/** An image that stays where it was linked fits there or not at all. */
static void test_fixed(void)
{
	struct lode_policy policy = begin(0x5000, 2, PAGE);
	const struct lode_range exact = {0x5000, 2 * PAGE}, above = {0x5001, 0x100000}, below = {0, 0x5000 + 2 * PAGE - 1};
	const struct lode_range wide = {0x100, 0x100000};
	struct lode_range taken = {0x5000 + 2 * PAGE, PAGE};
	uint64_t base = 0;

	mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_EXEC);
	for (unsigned physical = 0; physical < 2; physical++) {
		CHECK_EQ(file_open(&f, 0), LODE_OK);
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &exact, &f.why), LODE_OK);
		CHECK_EQ(base, 0x5000);
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &wide, &f.why), LODE_OK);
		CHECK_EQ(base, 0x5000);
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &above, &f.why), LODE_ERR_POLICY);
		CHECK_EQ(f.why.rule, LODE_RULE_PLAN_NO_PLACE);
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &below, &f.why), LODE_ERR_POLICY);
		policy.reserved = &taken;
		policy.nreserved = 1;
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &wide, &f.why), LODE_OK);
		taken.addr--;
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &wide, &f.why), LODE_ERR_POLICY);
		taken.addr++;
		policy.reserved = NULL;
		policy.nreserved = 0;
		policy.allowed = &below;
		policy.nallowed = 1;
		CHECK_EQ(lode_plan_fit(&base, &f.image, &policy, &wide, &f.why), LODE_ERR_POLICY);
		policy.allowed = NULL;
		policy.nallowed = 0;
		policy.domain = LODE_PHYSICAL;
		policy.relocate = LODE_RELOCATE_NONE;
		mkelf_set(&f.out, MKELF_EHDR, 0, "e_type", LODE_ET_DYN);
	}
	file_free(&f);
}

int main(void)
{
	CASE(test_fixed);
	test_random();
	CASE(test_limits);
	CASE(test_span);
	file_free(&f);
	return check_done();
}
