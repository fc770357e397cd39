/* SPDX-License-Identifier: MIT */
/* An image comes in and is planned by every policy; what is planned is placed and compared. */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

static const struct lode_range low_memory = {.addr = 0x1000, .size = 0x7000};
static const struct lode_range reserved[2] = {{.addr = 0, .size = 0x1000}, {.addr = 0x401000, .size = 1}};
static const struct lode_range allowed[2] = {{.addr = 0x400000, .size = 0x10000}, {.addr = 0x10000000, .size = 0x10000000}};

enum { PAGE4K = 4096, PAGE2M = 2 << 20 };

static const struct wish {
	bool process;
	enum lode_page_overlap share;
	uint32_t page;
	uint32_t flags; /* exclusive-or with the policy's own */
	bool physical;
	enum lode_wx wx;
	int limits; /* 1: reserved ranges, 2: allowed ones, 3: sizes */
} wishes[] = {
	{.process = false, .share = LODE_PAGE_UNION, .page = PAGE4K},
	{.process = true, .share = LODE_PAGE_LAST, .page = PAGE4K},
	{.process = true, .share = LODE_PAGE_LAST, .page = PAGE4K, .flags = LODE_PLAN_SHARE},
	{.process = false, .share = LODE_PAGE_LAST, .page = PAGE4K, .flags = LODE_PLAN_ENTRY_ANY},
	{.process = true, .share = LODE_PAGE_UNION, .page = PAGE4K, .flags = LODE_PLAN_SHARE, .wx = LODE_WX_ALLOW},
	{.process = false,
		.share = LODE_PAGE_UNION,
		.page = PAGE4K,
		.flags = LODE_PLAN_SHARE | LODE_PLAN_ENTRY_ANY | LODE_PLAN_TEXTREL,
		.wx = LODE_WX_ALLOW},
	{.process = false,
		.share = LODE_PAGE_LAST,
		.page = PAGE4K,
		.flags = LODE_PLAN_SHARE | LODE_PLAN_TEXTREL,
		.wx = LODE_WX_ALLOW},
	{.process = false, .share = LODE_PAGE_UNION, .page = PAGE2M, .flags = LODE_PLAN_ENTRY_ANY, .wx = LODE_WX_ALLOW},
	{.process = false, .share = LODE_PAGE_LAST, .page = PAGE2M, .flags = LODE_PLAN_ENTRY_ANY},
	{.process = true, .share = LODE_PAGE_LAST, .page = PAGE2M, .flags = LODE_PLAN_SHARE},
	{.process = true, .share = LODE_PAGE_UNION, .page = PAGE2M, .wx = LODE_WX_ALLOW},
	{.process = false, .share = LODE_PAGE_UNION, .page = PAGE4K, .physical = true, .flags = LODE_PLAN_ENTRY_ANY},
	{.process = false, .share = LODE_PAGE_LAST, .page = PAGE4K, .physical = true, .flags = LODE_PLAN_SHARE},
	{.process = true, .share = LODE_PAGE_DENY, .page = PAGE4K, .flags = LODE_PLAN_SORTED | LODE_PLAN_ALIGN_LENIENT},
	{.process = false, .share = LODE_PAGE_DENY, .page = PAGE4K, .flags = LODE_PLAN_SORTED, .wx = LODE_WX_DENY, .limits = 1},
	{.process = false, .share = LODE_PAGE_DENY, .page = PAGE2M, .limits = 2},
	{.process = false, .share = LODE_PAGE_UNION, .page = 1 << 16, .limits = 3},
	{.process = false, .share = LODE_PAGE_LAST, .page = 1 << 14, .limits = 2, .flags = LODE_PLAN_ENTRY_ANY},
};
const uint32_t hostile_npolicies = sizeof wishes / sizeof wishes[0];

struct lode_policy hostile_policy(uint32_t index)
{
	const struct wish *wish = &wishes[index];
	struct lode_policy policy = wish->process ? lode_policy_process(wish->page) : lode_policy_kernel(wish->page);

	policy.page_overlap = wish->share;
	policy.wx = wish->wx;
	policy.flags ^= wish->flags;
	if (wish->physical) {
		policy.domain = LODE_PHYSICAL;
		policy.relocate = LODE_RELOCATE_NONE;
	}
	policy.reserved = reserved;
	policy.nreserved = wish->limits == 1 ? 2 : 0;
	policy.allowed = wish->limits == 2 ? allowed : NULL;
	policy.nallowed = wish->limits == 2 ? 2 : 0;
	policy.max_size = wish->limits == 3 ? 0x100000 : 0;
	policy.max_align = wish->limits == 3 ? 0x10000 : 0;
	policy.address_limit = wish->limits == 3 ? 0x80000000 : 0;
	policy.max_segments = wish->limits == 3 ? 5 : 0;
	return policy;
}

static void check_fit(uint64_t base, const struct lode_span *span, const struct lode_range *window,
	const struct lode_policy *policy)
{
	HOLDS(base >= window->addr && base - window->addr <= window->size &&
		span->range.size <= window->size - (base - window->addr));
	HOLDS(((base - span->range.addr) & (span->align - 1)) == 0);
	for (uint32_t i = 0; i < policy->nreserved; i++)
		HOLDS(base >= policy->reserved[i].addr + policy->reserved[i].size ||
			policy->reserved[i].addr - base >= span->range.size);
}

uint64_t hostile_base(const struct lode_image *image, const struct lode_policy *policy)
{
	const struct lode_range windows[2] = {{.addr = 0x10000000, .size = 0x60000000}, low_memory};
	struct lode_diag why = hostile_unfilled();
	struct lode_span span;
	uint64_t base = 0;
	int status = lode_plan_span(&span, image, policy, &why);

	if (status != LODE_OK) {
		hostile_refusal(status, &why, image->source->size);
		HOLDS(lode_plan_fit(&base, image, policy, &windows[0], &why) == status);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		why = hostile_unfilled();
		status = lode_plan_fit(&base, image, policy, &windows[i], &why);
		if (status == LODE_OK) {
			check_fit(base, &span, &windows[i], policy);
			return base;
		}
		hostile_refusal(status, &why, image->source->size);
	}
	return span.range.addr;
}

static int try_plan(struct hostile_plan *p, const struct lode_image *image, const struct lode_policy *policy, uint32_t nruns,
	uint32_t nfills)
{
	struct lode_diag why = hostile_unfilled();
	int status;

	p->runs = malloc(nruns * sizeof *p->runs + 1);
	p->fills = malloc(nfills * sizeof *p->fills + 1);
	memset(&p->plan, 0xee, sizeof p->plan);
	p->plan.runs = p->runs;
	p->plan.fills = p->fills;
	p->plan.max_runs = nruns;
	p->plan.max_fills = nfills;
	status = lode_plan(&p->plan, image, policy, &why);
	if (status != LODE_OK) {
		hostile_refusal(status, &why, image->source->size);
		hostile_plan_free(p);
	}
	return status;
}

int hostile_plan(struct hostile_plan *p, const struct lode_image *image, const struct lode_policy *policy)
{
	int status = try_plan(p, image, policy, LODE_PLAN_RUNS(image->nload), LODE_PLAN_FILLS(image->nload));

	HOLDS(status != LODE_ERR_ROOM);
	if (status != LODE_OK)
		return status;
	hostile_count.planned++;
	hostile_check_plan(&p->plan, image, policy);
	return status;
}

void hostile_plan_free(struct hostile_plan *p)
{
	free(p->runs);
	free(p->fills);
	p->runs = NULL;
	p->fills = NULL;
}

static bool same_runs(const struct lode_plan *a, const struct lode_plan *b)
{
	for (uint32_t i = 0; i < a->nruns; i++) {
		const struct lode_run *x = &a->runs[i], *y = &b->runs[i];

		if (x->addr != y->addr || x->size != y->size || x->offset != y->offset || x->prot != y->prot || x->kind != y->kind)
			return false;
	}
	return a->nruns == b->nruns;
}

/* With exactly the room that was used the plan is the same; with one entry less it says how many there must be.
 * LODE_PAGE_LAST may need more while it is made than in the end. */
static void check_room(const struct hostile_plan *p, const struct lode_image *image, const struct lode_policy *policy)
{
	struct hostile_plan other;
	int status = try_plan(&other, image, policy, p->plan.nruns, p->plan.nfills);

	HOLDS(status == LODE_OK || (status == LODE_ERR_ROOM && policy->page_overlap == LODE_PAGE_LAST));
	if (status == LODE_OK) {
		HOLDS(same_runs(&other.plan, &p->plan));
		HOLDS(memcmp(other.fills, p->fills, p->plan.nfills * sizeof *p->fills) == 0);
		hostile_plan_free(&other);
	}
	status = try_plan(&other, image, policy, p->plan.nruns - 1, p->plan.nfills);
	HOLDS(status == LODE_ERR_ROOM && other.plan.nruns == LODE_PLAN_RUNS(image->nload));
	if (p->plan.nfills == 0)
		return;
	status = try_plan(&other, image, policy, LODE_PLAN_RUNS(image->nload), p->plan.nfills - 1);
	HOLDS(status == LODE_ERR_ROOM && other.plan.nfills == LODE_PLAN_FILLS(image->nload));
}

/* Large spans are placed now and then only: they cost milliseconds. Which policies beside the first two place a file
 * changes from file to file. */
static bool to_place(const struct lode_plan *plan, uint32_t index, unsigned long turn)
{
	if (plan->span.size > (256u << 10))
		return plan->span.size <= HOSTILE_ARENA && turn % 61 == index;
	return index < 2 || turn % 7 == index % 7;
}

void hostile_plans(const struct lode_image *image, const unsigned char *bytes, uint64_t size, unsigned long turn)
{
	for (uint32_t i = 0; i < hostile_npolicies; i++) {
		struct lode_policy policy = hostile_policy(i);
		struct hostile_plan planned;

		policy.base = hostile_base(image, &policy);
		if (hostile_plan(&planned, image, &policy) != LODE_OK)
			continue;
		if (turn % 16 == i % 16)
			check_room(&planned, image, &policy);
		if (to_place(&planned.plan, i, turn))
			hostile_place(image, &planned, &policy, bytes, size, true);
		hostile_plan_free(&planned);
	}
}
