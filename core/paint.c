/* SPDX-License-Identifier: MIT */
/* Segments in the order of the table come in, runs and fills go out: the later covers the earlier, as MAP_FIXED does. */
#include "plan.h"

/* While painting, plan->runs hold relative addresses, ascending and disjoint; what lies where is replaced as the segments come. */

static struct lode_diag no_room(const struct lode_planner_ *planner)
{
	return lode_nowhere_(LODE_FIELD_PLAN_RUNS, planner->plan->max_runs, LODE_PLAN_RUNS(planner->image->nload));
}

/* Make room for one run at position at. */
static int insert(struct lode_planner_ *planner, uint32_t at, const struct lode_run *run, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;

	if (plan->nruns == plan->max_runs)
		return lode_refuse_(why, LODE_RULE_ROOM_RUNS, no_room(planner));
	for (uint32_t i = plan->nruns; i > at; i--)
		plan->runs[i] = plan->runs[i - 1];
	plan->runs[at] = *run;
	plan->nruns++;
	return LODE_OK;
}

static void erase(struct lode_plan *plan, uint32_t at, uint32_t count)
{
	for (uint32_t i = at + count; i < plan->nruns; i++)
		plan->runs[i - count] = plan->runs[i];
	plan->nruns -= count;
}

/* The run without its first pages. */
static struct lode_run behind(struct lode_run run, uint64_t addr)
{
	if (run.kind == LODE_RUN_SHARE)
		run.offset += addr - run.addr;
	run.size -= addr - run.addr;
	run.addr = addr;
	return run;
}

/* Clear [begin, end) and say at which position a run that begins there belongs. */
static int clear(struct lode_planner_ *planner, uint32_t *at, uint64_t begin, uint64_t end, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;
	uint32_t i = 0, covered;

	while (i < plan->nruns && plan->runs[i].addr + plan->runs[i].size <= begin)
		i++;
	if (i < plan->nruns && plan->runs[i].addr < begin) {
		struct lode_run rest = behind(plan->runs[i], begin);
		int status = insert(planner, i + 1, &rest, why);

		if (status != LODE_OK)
			return status;
		plan->runs[i].size = begin - plan->runs[i].addr;
		i++;
	}
	for (covered = i; covered < plan->nruns && plan->runs[covered].addr + plan->runs[covered].size <= end;)
		covered++;
	erase(plan, i, covered - i);
	if (i < plan->nruns && plan->runs[i].addr < end)
		plan->runs[i] = behind(plan->runs[i], end);
	*at = i;
	return LODE_OK;
}

static int paint_one(struct lode_planner_ *planner, const struct lode_load_ *part, struct lode_diag *why)
{
	uint64_t low = align_down(part->begin, planner->page), high = align_up(part->mem_end, planner->page);
	struct lode_run runs[4];
	uint32_t n = lode_load_runs_(runs, planner, part, low, high), at = 0;
	int status = clear(planner, &at, low, high, why);

	for (uint32_t i = 0; status == LODE_OK && i < n; i++)
		status = insert(planner, at + i, &runs[i], why);
	return status;
}

/* What is left of each segment gets its bytes; then the addresses become the destination's. */
static int fill_all(struct lode_planner_ *planner, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;

	for (uint32_t i = 0; i < plan->nruns; i++) {
		struct lode_load_ part = lode_load_of_(planner, plan->runs[i].segment);
		int status = lode_fill_run_(planner, &part, &plan->runs[i], why);

		if (status == LODE_OK)
			status = lode_fill_tail_(planner, &part, &plan->runs[i], why);
		if (status != LODE_OK)
			return status;
	}
	for (uint32_t i = 0; i < plan->nruns; i++)
		plan->runs[i].addr += planner->base;
	return LODE_OK;
}

int lode_plan_paint_(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_image *image = planner->image;

	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];
		struct lode_load_ part;
		int status;

		if (segment->type != LODE_PT_LOAD || segment->memsz == 0)
			continue;
		part = lode_load_of_(planner, i);
		status = paint_one(planner, &part, why);
		if (status != LODE_OK)
			return status;
	}
	return fill_all(planner, why);
}
