/* SPDX-License-Identifier: MIT */
/* Thousands of random images under every combination of policies: plans compared with a naive placer (model.h), byte by byte. */
#include "random.h"

enum { IMAGES = 2000 };

static struct file f;
static struct model want, got;
static struct model_image image;

/** How often what happened: a test of random images has to show that it saw all kinds. */
static struct {
	unsigned long placed, shared, refused[LODE_RULE_COUNT_];
} tally;

/** Policy number @k of all that are combined here. */
enum { POLICIES = 2 * 3 * 3 * 2 };

static struct lode_policy policy_of(unsigned k, const struct random_wish *wish)
{
	struct lode_policy policy = lode_policy_kernel(wish->page);

	policy.relocate = LODE_RELOCATE_NONE;
	policy.flags = LODE_PLAN_ENTRY_ANY | (k & 1 ? LODE_PLAN_SHARE : 0);
	policy.use = k / 2 % 2 ? LODE_USE_PROCESS : LODE_USE_KERNEL;
	policy.page_overlap = (enum lode_page_overlap)(k / 4 % 3);
	policy.wx = (enum lode_wx)(k / 12 % 3);
	policy.domain = wish->physical ? LODE_PHYSICAL : LODE_VIRTUAL;
	return policy;
}

static bool empty(void)
{
	for (uint32_t i = 0; i < image.n; i++)
		if (image.segments[i].memsz)
			return false;
	return true;
}

static void check_refused(const struct lode_policy *policy, int status, uint64_t breaks, const bool *broken)
{
	if (!CHECK(breaks > 0))
		printf("     refused with %s\n", lode_rule_name(f.why.rule));
	CHECK(broken[f.why.rule]);
	CHECK_EQ(status, lode_rule_status(f.why.rule));
	CHECK(f.why.index < image.n);
	CHECK((f.why.other == LODE_NO_INDEX) == (f.why.rule == LODE_RULE_PLAN_WX || f.why.rule == LODE_RULE_SEGMENT_CONGRUENCE));
	if (f.why.rule == LODE_RULE_PLAN_PAGE_WX && policy->use == LODE_USE_KERNEL) {
		CHECK(image.segments[f.why.index].flags & LODE_PF_W);
		CHECK(image.segments[f.why.other].flags & LODE_PF_X);
	}
	tally.refused[f.why.rule]++;
}

static void check_planned(const struct lode_policy *policy)
{
	bool shares = (policy->flags & LODE_PLAN_SHARE) != 0;
	uint64_t end = 0;

	for (uint32_t i = 0; i < image.n; i++)
		if (image.segments[i].memsz && image.segments[i].addr + image.segments[i].memsz > end)
			end = image.segments[i].addr + image.segments[i].memsz;
	CHECK_EQ(f.plan.end, end + f.plan.bias);
	CHECK_EQ(f.plan.span.addr, want.first + f.plan.bias);
	CHECK_EQ(f.plan.span.size, model_down(end - 1, policy->page_size) + policy->page_size - want.first);
	CHECK(f.plan.nruns <= LODE_PLAN_RUNS(f.image.nload) && f.plan.nfills <= LODE_PLAN_FILLS(f.image.nload));
	model_begin(&got, &image, policy->page_size);
	model_execute(&got, &f.plan, &image, shares);
	model_equal(&got, &want);
	for (uint32_t i = 0; i < f.plan.nruns; i++)
		tally.shared += f.plan.runs[i].kind == LODE_RUN_SHARE;
	tally.placed++;
}

static void one(unsigned number, struct random_wish wish, uint8_t class_, uint16_t type)
{
	uint64_t base = wish.page * (1 + wish.seed % 7);

	random_image(&image, &wish);
	if (empty())
		return;
	random_write(&f, &image, &wish, class_, type);
	if (!CHECK_EQ(file_open(&f, 0), LODE_OK))
		return;
	for (unsigned k = 0; k < POLICIES; k++) {
		struct lode_policy policy = policy_of(k, &wish);
		bool broken[LODE_RULE_COUNT_];
		unsigned failures = check_state_.failures;
		uint64_t breaks;
		int status;

		policy.base = base;
		breaks = model_build(&want, &image, &policy, broken);
		status = file_plan(&f, &policy);
		if (status != LODE_OK)
			check_refused(&policy, status, breaks, broken);
		else if (CHECK_EQ(breaks, 0))
			check_planned(&policy);
		if (type == LODE_ET_EXEC || wish.physical)
			CHECK_EQ(f.plan.bias, 0);
		else if (status == LODE_OK)
			CHECK_EQ(f.plan.span.addr, base);
		if (check_state_.failures > failures)
			printf("     image %u, use %u, share %u, wx %u, flags %u\n", number, policy.use, policy.page_overlap,
				policy.wx, policy.flags);
	}
}

static void test_images(void)
{
	static const uint64_t pages[] = {
		4096, 4096, 4096, 4096, 4096, 4096, 4096, 16384, 4096, 4096, 65536, 4096, 4096, 4096, 4096, 4096};

	for (unsigned i = 0; i < IMAGES; i++) {
		struct random_wish wish = {.seed = i,
			.page = i % 64 < 16 ? pages[i % 16] : 4096,
			.apart = i % 4 != 0,
			.congruent = i % 8 != 1,
			.physical = i % 16 == 6};

		if (i % 100 == 0)
			check_case("random images from %u on", i);
		one(i, wish, encoding_class(i / 2), i % 3 ? LODE_ET_EXEC : LODE_ET_DYN);
	}
}

/** Nothing is proven by images that are all refused, or all alike. */
static void test_tally(void)
{
	CHECK(tally.placed > IMAGES * 5);
	CHECK(tally.shared > IMAGES);
	CHECK(tally.refused[LODE_RULE_SEGMENT_OVERLAP] > IMAGES / 10);
	CHECK(tally.refused[LODE_RULE_SEGMENT_CONGRUENCE] > IMAGES / 10);
	CHECK(tally.refused[LODE_RULE_PLAN_PAGE_OVERLAP] > IMAGES / 10);
	CHECK(tally.refused[LODE_RULE_PLAN_PAGE_WX] > IMAGES / 10);
	CHECK(tally.refused[LODE_RULE_PLAN_WX] > IMAGES / 10);
	printf("%lu plans compared, %lu runs of shared pages among them\n", tally.placed, tally.shared);
}

int main(void)
{
	test_images();
	CASE(test_tally);
	file_free(&f);
	return check_done();
}
