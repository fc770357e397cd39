/* SPDX-License-Identifier: MIT */
/* Segments in order of address come in, runs and fills go out: pages that several segments touch are joined, or refused. */
#include "plan.h"

/* The page that the segments so far have in common with the next one. It is held back until the last of them has added to it. */
struct common {
	bool open;
	struct lode_run run;
	bool wx_alone;             /* one of them asks for writable and executable by itself */
	uint32_t writer, executor; /* the last of them that asks for it */
};

static bool writable_executable(uint32_t prot)
{
	return (prot & LODE_PF_W) && (prot & LODE_PF_X);
}

static struct lode_diag at_conflict(const struct lode_planner_ *planner, uint32_t index, uint32_t other, uint64_t limit)
{
	struct lode_diag place = lode_at_segment_(planner->image, index, addr_field(planner->policy->domain), limit);

	place.other = other;
	return place;
}

/* Permissions of a segment's part of a common page: pages with no file bytes are as zero pages are. */
static uint32_t page_prot(const struct lode_planner_ *planner, const struct lode_load_ *part, bool bytes)
{
	return bytes ? part->segment->flags & (LODE_PF_R | LODE_PF_W | LODE_PF_X) : lode_zero_prot_(planner, part->segment);
}

/* Add what a segment has on the common page. */
static int join(struct lode_planner_ *planner, struct common *common, const struct lode_load_ *part, struct lode_diag *why)
{
	struct lode_run *run = &common->run;
	bool bytes = part->segment->filesz > 0 && part->file_end > run->addr;
	uint32_t prot = page_prot(planner, part, bytes);

	run->prot |= prot;
	common->wx_alone = common->wx_alone || writable_executable(prot);
	if (prot & LODE_PF_W)
		common->writer = part->index;
	if (prot & LODE_PF_X)
		common->executor = part->index;
	if (bytes)
		run->kind = LODE_RUN_OWN;
	return lode_fill_bytes_(planner, part, run->addr, run->addr + run->size, why);
}

static void hold(struct lode_planner_ *planner, struct common *common, const struct lode_load_ *part, uint64_t page)
{
	common->open = true;
	common->wx_alone = false;
	common->run = lode_run_(part, page, page + planner->page, LODE_RUN_ZERO);
	common->run.prot = 0;
}

/* Write the common page down, now that everybody has joined. */
static int flush(struct lode_planner_ *planner, struct common *common, struct lode_diag *why)
{
	bool made = writable_executable(common->run.prot) && !common->wx_alone;

	common->open = false;
	if (made && planner->policy->wx != LODE_WX_ALLOW)
		return lode_refuse_(why, LODE_RULE_PLAN_PAGE_WX,
			at_conflict(planner, common->writer, common->executor, planner->page));
	return lode_add_run_(planner, &common->run, why);
}

/* Pages [low, high) that the segment has for itself. */
static int place_alone(struct lode_planner_ *planner, const struct lode_load_ *part, uint64_t low, uint64_t high,
	struct lode_diag *why)
{
	struct lode_run runs[4];
	uint32_t n = low < high ? lode_load_runs_(runs, planner, part, low, high) : 0;
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < n; i++) {
		status = lode_add_run_(planner, &runs[i], why);
		if (status == LODE_OK)
			status = lode_fill_run_(planner, part, &runs[i], why);
		if (status == LODE_OK)
			status = lode_fill_tail_(planner, part, &runs[i], why);
	}
	return status;
}

/* The next segment by address, if there is one; bytes of the two must not meet. */
static int look_ahead(const struct lode_planner_ *planner, struct lode_load_ *next, const struct lode_load_ *part, uint32_t k,
	struct lode_diag *why)
{
	next->begin = UINT64_MAX;
	if (k + 1 == planner->image->nload)
		return LODE_OK;
	*next = lode_load_of_(planner, nth_load(planner->image, planner->policy->domain, k + 1));
	if (next->begin < part->mem_end)
		return lode_refuse_(why, LODE_RULE_SEGMENT_OVERLAP,
			at_conflict(planner, next->index, part->index, planner->first + part->mem_end));
	if (planner->policy->page_overlap == LODE_PAGE_DENY && next->begin < align_up(part->mem_end, planner->page))
		return lode_refuse_(why, LODE_RULE_PLAN_PAGE_OVERLAP,
			at_conflict(planner, next->index, part->index, planner->page));
	return LODE_OK;
}

static int sweep_one(struct lode_planner_ *planner, struct common *common, const struct lode_load_ *part, uint64_t next_begin,
	struct lode_diag *why)
{
	uint64_t low = align_down(part->begin, planner->page), high = align_up(part->mem_end, planner->page);
	uint64_t last = high - planner->page;
	bool tail_common = next_begin < high;
	int status = LODE_OK;

	if (common->open) {
		status = join(planner, common, part, why);
		low += planner->page;
		if (status != LODE_OK || (tail_common && last < low))
			return status;
		status = flush(planner, common, why);
	}
	if (status == LODE_OK)
		status = place_alone(planner, part, low, tail_common ? last : high, why);
	if (status != LODE_OK || !tail_common)
		return status;
	hold(planner, common, part, last);
	return join(planner, common, part, why);
}

int lode_plan_sweep_(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_image *image = planner->image;
	struct common common = {.open = false};

	for (uint32_t k = 0; k < image->nload; k++) {
		struct lode_load_ part = lode_load_of_(planner, nth_load(image, planner->policy->domain, k)), next;
		int status = look_ahead(planner, &next, &part, k, why);

		if (status == LODE_OK)
			status = sweep_one(planner, &common, &part, next.begin, why);
		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}
