/* SPDX-License-Identifier: MIT */
/* One segment comes in, the runs and fills of its pages go out, by the rules of the plan's use. */
#include "plan.h"

struct lode_load_ lode_load_of_(const struct lode_planner_ *planner, uint32_t index)
{
	const struct lode_segment *segment = &planner->image->segments[index];
	uint64_t begin = segment_addr(segment, planner->policy->domain) - planner->first;

	return (struct lode_load_){
		.segment = segment,
		.index = index,
		.begin = begin,
		.file_end = begin + segment->filesz,
		.mem_end = begin + segment->memsz,
	};
}

/* Linux maps what lies behind the file part with its own idea of permissions: writable always, executable if asked. */
uint32_t lode_zero_prot_(const struct lode_planner_ *planner, const struct lode_segment *segment)
{
	if (is_process(planner))
		return LODE_PF_R | LODE_PF_W | (segment->flags & LODE_PF_X);
	return segment->flags & (LODE_PF_R | LODE_PF_W | LODE_PF_X);
}

struct lode_run lode_run_(const struct lode_load_ *part, uint64_t begin, uint64_t end, enum lode_run_kind kind)
{
	struct lode_run run = {.addr = begin,
		.size = begin < end ? end - begin : 0,
		.offset = LODE_NO_OFFSET,
		.kind = kind,
		.segment = part->index};

	run.prot = part->segment->flags & (LODE_PF_R | LODE_PF_W | LODE_PF_X);
	if (kind == LODE_RUN_SHARE)
		run.offset = part->segment->offset + (begin - part->begin);
	return run;
}

/* Pages of the file can stand in for pages of memory if both begin alike; text that relocations write to must be private. */
static bool may_share(const struct lode_planner_ *planner, const struct lode_load_ *part)
{
	uint32_t flags = planner->policy->flags;

	if (!(flags & LODE_PLAN_SHARE) || ((part->segment->offset ^ part->begin) & (planner->page - 1)))
		return false;
	return !(flags & LODE_PLAN_TEXTREL) || (part->segment->flags & LODE_PF_W);
}

/* Cut [begin, end) to [low, high). */
static struct lode_run cut(const struct lode_load_ *part, struct lode_range pages, uint64_t low, uint64_t high,
	enum lode_run_kind kind)
{
	return lode_run_(part, max_u64(pages.addr, low), min_u64(pages.addr + pages.size, high), kind);
}

uint32_t lode_load_runs_(struct lode_run runs[4], const struct lode_planner_ *planner, const struct lode_load_ *part, uint64_t low,
	uint64_t high)
{
	uint64_t begin = align_down(part->begin, planner->page), file_end = align_up(part->file_end, planner->page);
	uint64_t whole_begin = begin, whole_end = file_end;
	enum lode_run_kind kind = may_share(planner, part) ? LODE_RUN_SHARE : LODE_RUN_OWN;
	uint32_t n = 0, kept = 0;

	if (part->segment->filesz == 0) {
		file_end = whole_end = begin;
	} else if (kind == LODE_RUN_SHARE && !is_process(planner)) {
		whole_begin = min_u64(align_up(part->begin, planner->page), file_end);
		whole_end = max_u64(align_down(part->file_end, planner->page), whole_begin);
	}
	runs[n++] = cut(part, (struct lode_range){begin, whole_begin - begin}, low, high, LODE_RUN_OWN);
	runs[n++] = cut(part, (struct lode_range){whole_begin, whole_end - whole_begin}, low, high, kind);
	runs[n++] = cut(part, (struct lode_range){whole_end, file_end - whole_end}, low, high, LODE_RUN_OWN);
	runs[n] = lode_run_(part, max_u64(file_end, low), high, LODE_RUN_ZERO);
	runs[n++].prot = lode_zero_prot_(planner, part->segment);
	for (uint32_t i = 0; i < n; i++)
		if (runs[i].size > 0)
			runs[kept++] = runs[i];
	return kept;
}

/* Bytes that follow the last fill in memory and in the file. */
static bool extends(const struct lode_plan *plan, uint64_t addr, uint64_t offset)
{
	const struct lode_fill *last;

	if (plan->nfills == 0)
		return false;
	last = &plan->fills[plan->nfills - 1];
	return offset != LODE_FILL_ZEROS && last->offset != LODE_FILL_ZEROS && last->addr + last->size == addr &&
		last->offset + last->size == offset;
}

static int add_fill(struct lode_planner_ *planner, uint64_t begin, uint64_t size, uint64_t offset, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;

	if (size == 0)
		return LODE_OK;
	if (extends(plan, planner->base + begin, offset)) {
		plan->fills[plan->nfills - 1].size += size;
		return LODE_OK;
	}
	if (plan->nfills == plan->max_fills)
		return lode_refuse_(why, LODE_RULE_ROOM_FILLS,
			lode_nowhere_(LODE_FIELD_PLAN_FILLS, plan->max_fills, LODE_PLAN_FILLS(planner->image->nload)));
	plan->fills[plan->nfills++] = (struct lode_fill){.addr = planner->base + begin, .offset = offset, .size = size};
	return LODE_OK;
}

int lode_fill_bytes_(struct lode_planner_ *planner, const struct lode_load_ *part, uint64_t low, uint64_t high,
	struct lode_diag *why)
{
	uint64_t begin = max_u64(part->begin, low), end = min_u64(part->file_end, high);

	return begin < end ? add_fill(planner, begin, end - begin, part->segment->offset + (begin - part->begin), why) : LODE_OK;
}

/* The whole file pages that Linux would show: to the left as far as the page reaches, to the right as far as page and file do.
 * Nobody knows where a pipe ends: there the segment's bytes end the page. */
static int fill_pages(struct lode_planner_ *planner, const struct lode_load_ *part, const struct lode_run *run,
	struct lode_diag *why)
{
	uint64_t size = planner->image->source->size;
	uint64_t offset = part->segment->offset + (run->addr - part->begin);

	if (size == LODE_SIZE_UNKNOWN)
		size = part->segment->offset + part->segment->filesz;
	return add_fill(planner, run->addr, min_u64(run->size, size - offset), offset, why);
}

int lode_fill_run_(struct lode_planner_ *planner, const struct lode_load_ *part, const struct lode_run *run, struct lode_diag *why)
{
	if (run->kind != LODE_RUN_OWN)
		return LODE_OK;
	if (is_process(planner))
		return fill_pages(planner, part, run, why);
	return lode_fill_bytes_(planner, part, run->addr, run->addr + run->size, why);
}

int lode_fill_tail_(struct lode_planner_ *planner, const struct lode_load_ *part, const struct lode_run *run, struct lode_diag *why)
{
	uint64_t page_end = align_up(part->file_end, planner->page);

	if (!is_process(planner) || run->kind == LODE_RUN_ZERO || part->segment->memsz == part->segment->filesz)
		return LODE_OK;
	if (!(part->segment->flags & LODE_PF_W) || page_end != run->addr + run->size)
		return LODE_OK;
	return add_fill(planner, part->file_end, page_end - part->file_end, LODE_FILL_ZEROS, why);
}

static bool continues(const struct lode_run *last, const struct lode_run *run)
{
	if (last->addr + last->size != run->addr || last->kind != run->kind || last->prot != run->prot)
		return false;
	return run->kind != LODE_RUN_SHARE || last->offset + last->size == run->offset;
}

int lode_add_run_(struct lode_planner_ *planner, const struct lode_run *run, struct lode_diag *why)
{
	struct lode_plan *plan = planner->plan;
	struct lode_run placed = *run;

	placed.addr += planner->base;
	if (plan->nruns > 0 && continues(&plan->runs[plan->nruns - 1], &placed)) {
		plan->runs[plan->nruns - 1].size += placed.size;
		return LODE_OK;
	}
	if (plan->nruns == plan->max_runs)
		return lode_refuse_(why, LODE_RULE_ROOM_RUNS,
			lode_nowhere_(LODE_FIELD_PLAN_RUNS, plan->max_runs, LODE_PLAN_RUNS(planner->image->nload)));
	plan->runs[plan->nruns++] = placed;
	return LODE_OK;
}
