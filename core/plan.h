/* SPDX-License-Identifier: MIT */
/* What the planner's files share. While a plan is made, addresses are relative to the first page of the image as linked: below
 * 2^63, so that ends and roundings cannot wrap. The base is added when a run or fill is written down. */
#ifndef LODE_CORE_PLAN_H
#define LODE_CORE_PLAN_H

#include "core.h"

struct lode_planner_ {
	struct lode_plan *plan;
	const struct lode_image *image;
	const struct lode_policy *policy;
	uint64_t first; /* first page as linked */
	uint64_t page;  /* page size */
	uint64_t base;  /* where the first page goes */
};

/* A loadable segment in relative addresses. */
struct lode_load_ {
	const struct lode_segment *segment;
	uint32_t index;
	uint64_t begin;
	uint64_t file_end;
	uint64_t mem_end;
};

static inline bool is_process(const struct lode_planner_ *planner)
{
	return planner->policy->use == LODE_USE_PROCESS;
}

struct lode_load_ lode_load_of_(const struct lode_planner_ *planner, uint32_t index);
/* Permissions of the pages behind the file part. */
uint32_t lode_zero_prot_(const struct lode_planner_ *planner, const struct lode_segment *segment);
/* The pages of [begin, end) as one run of the segment; the caller says which kind and permissions. Empty: an empty run. */
struct lode_run lode_run_(const struct lode_load_ *part, uint64_t begin, uint64_t end, enum lode_run_kind kind);
/* The pages of a segment that no other touches, [low, high) of them, as up to four runs in ascending order. */
uint32_t lode_load_runs_(struct lode_run runs[4], const struct lode_planner_ *planner, const struct lode_load_ *part, uint64_t low,
	uint64_t high);
/* The fills that an own run of a segment needs, and the zeros behind its file part. */
int lode_fill_run_(struct lode_planner_ *planner, const struct lode_load_ *part, const struct lode_run *run, struct lode_diag *why);
int lode_fill_tail_(struct lode_planner_ *planner, const struct lode_load_ *part, const struct lode_run *run,
	struct lode_diag *why);
/* File bytes of a segment in [low, high), relative; none: no fill. */
int lode_fill_bytes_(struct lode_planner_ *planner, const struct lode_load_ *part, uint64_t low, uint64_t high,
	struct lode_diag *why);
/* Append a run (relative), or lengthen the last one if they are alike. */
int lode_add_run_(struct lode_planner_ *planner, const struct lode_run *run, struct lode_diag *why);

/* Everything of the plan beside base and lists: entry, program headers, TLS, RELRO, stack, interpreter. */
int lode_plan_facts_(struct lode_planner_ *planner, struct lode_diag *why);
/* The policy chooses where it goes; else it stays where it was linked. */
static inline bool image_moves(const struct lode_image *image, const struct lode_policy *policy)
{
	return image->type == LODE_ET_DYN && policy->domain == LODE_VIRTUAL;
}

/* The last address of any segment: by end, not by begin, because they may lie over each other. */
uint64_t lode_last_address_(const struct lode_image *image, const struct lode_policy *policy);
/* The last address that the image's class and the policy let it have. */
uint64_t lode_last_possible_(const struct lode_image *image, const struct lode_policy *policy);
/* The first reserved range that a range meets, or NULL; and whether one of the allowed ranges holds it. */
const struct lode_range *lode_reserved_at_(const struct lode_policy *policy, const struct lode_range *range);
bool lode_allowed_at_(const struct lode_policy *policy, const struct lode_range *range);
int lode_plan_sweep_(struct lode_planner_ *planner, struct lode_diag *why);
int lode_plan_paint_(struct lode_planner_ *planner, struct lode_diag *why);

#endif
