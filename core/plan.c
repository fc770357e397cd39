/* SPDX-License-Identifier: MIT */
/* image + policy -> plan: limits, base and everything beside the two lists are decided here; sweep.c and paint.c make the lists. */
#include "plan.h"

struct lode_policy lode_policy_process(uint64_t page_size)
{
	return (struct lode_policy){
		.domain = LODE_VIRTUAL,
		.use = LODE_USE_PROCESS,
		.page_overlap = LODE_PAGE_LAST,
		.wx = LODE_WX_AS_ASKED,
		.relocate = LODE_RELOCATE_NONE,
		.flags = LODE_PLAN_ENTRY_ANY | LODE_PLAN_ALIGN_LENIENT,
		.page_size = page_size,
		.max_segments = LODE_PROCESS_SEGMENTS,
	};
}

struct lode_policy lode_policy_kernel(uint64_t page_size)
{
	return (struct lode_policy){
		.domain = LODE_VIRTUAL,
		.use = LODE_USE_KERNEL,
		.page_overlap = LODE_PAGE_UNION,
		.wx = LODE_WX_AS_ASKED,
		.relocate = LODE_RELOCATE_LOADER,
		.page_size = page_size,
	};
}

/* Where the first page goes; ET_EXEC stays where it was linked. */
static int choose_base(struct lode_planner_ *planner, const struct lode_span *span, struct lode_diag *why)
{
	const struct lode_policy *policy = planner->policy;
	bool moves = image_moves(planner->image, policy);
	uint64_t last = lode_last_possible_(planner->image, policy), bias;

	planner->base = moves ? policy->base : span->range.addr;
	bias = planner->base - span->range.addr;
	if (bias & (span->align - 1))
		return lode_refuse_(why, LODE_RULE_PLAN_BASE, lode_nowhere_(LODE_FIELD_POLICY_BASE, policy->base, span->align));
	if (!within(planner->base, span->range.size - 1, last))
		return lode_refuse_(why, LODE_RULE_PLAN_ADDRESS, lode_nowhere_(LODE_FIELD_RUN, planner->base, last));
	planner->plan->bias = bias;
	planner->plan->span = (struct lode_range){.addr = planner->base, .size = span->range.size};
	planner->plan->align = span->align;
	planner->plan->end = lode_last_address_(planner->image, policy) + 1 + bias;
	return LODE_OK;
}

/* Every run lies in allowed memory and touches nothing that is reserved. */
static int check_runs(const struct lode_plan *plan, const struct lode_policy *policy, struct lode_diag *why)
{
	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_range range = {.addr = plan->runs[i].addr, .size = plan->runs[i].size};
		const struct lode_range *reserved = lode_reserved_at_(policy, &range);
		struct lode_diag place = lode_nowhere_(LODE_FIELD_RUN, range.addr, 0);

		place.index = i;
		if (reserved) {
			place.other = (uint32_t)(reserved - policy->reserved);
			place.limit = reserved->addr;
			return lode_refuse_(why, LODE_RULE_PLAN_RESERVED, place);
		}
		if (!lode_allowed_at_(policy, &range))
			return lode_refuse_(why, LODE_RULE_PLAN_NOT_ALLOWED, place);
	}
	return LODE_OK;
}

static int make_lists(struct lode_planner_ *planner, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;
	int status;

	plan->nruns = plan->nfills = 0;
	status = planner->policy->page_overlap == LODE_PAGE_LAST ? lode_plan_paint_(planner, why) : lode_plan_sweep_(planner, why);
	if (status == LODE_ERR_ROOM) {
		plan->nruns = LODE_PLAN_RUNS(planner->image->nload);
		plan->nfills = LODE_PLAN_FILLS(planner->image->nload);
	}
	return status;
}

int lode_plan(struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	struct lode_planner_ planner = {.plan = plan, .image = image, .policy = policy, .page = policy->page_size};
	struct lode_span span;
	int status = lode_plan_span(&span, image, policy, why);

	if (status != LODE_OK)
		return status;
	planner.first = span.range.addr;
	plan->relocate = policy->relocate;
	plan->flags = policy->flags;
	plan->page_size = policy->page_size;
	status = choose_base(&planner, &span, why);
	if (status == LODE_OK)
		status = make_lists(&planner, why);
	if (status == LODE_OK)
		status = check_runs(plan, policy, why);
	if (status == LODE_OK)
		status = lode_plan_facts_(&planner, why);
	return status;
}

const struct lode_run *lode_plan_run_at(const struct lode_plan *plan, uint64_t addr, uint64_t size)
{
	uint32_t low = 0, high = plan->nruns;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (plan->runs[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !within(addr - plan->runs[low - 1].addr, size, plan->runs[low - 1].size))
		return NULL;
	return &plan->runs[low - 1];
}
