/* SPDX-License-Identifier: MIT */
/* image + policy -> how much room the image wants, and a place that has it. */
#include "plan.h"

#define GIB (UINT64_C(1) << 30)
#define HALF (UINT64_C(1) << 63)

enum { MIN_PAGE = 4096, MAX_SEGMENTS = 65536 };

/* A refusal that is about the program headers as a whole. */
static struct lode_diag at_table(const struct lode_image *image, enum lode_field field, uint64_t value, uint64_t limit)
{
	return lode_at_entry_(field, LODE_NO_INDEX, image->nsegments > 0 ? image->phoff : LODE_NO_OFFSET, value, limit);
}

static int check_policy(const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	uint32_t limit = policy->max_segments != 0 ? policy->max_segments : MAX_SEGMENTS;

	if (!power_of_two(policy->page_size) || policy->page_size < MIN_PAGE)
		return lode_refuse_(why, LODE_RULE_PLAN_PAGE_SIZE,
			lode_nowhere_(LODE_FIELD_POLICY_PAGE_SIZE, policy->page_size, MIN_PAGE));
	if (policy->domain == LODE_PHYSICAL && policy->relocate == LODE_RELOCATE_LOADER)
		return lode_refuse_(why, LODE_RULE_PLAN_DOMAIN,
			lode_nowhere_(LODE_FIELD_POLICY_RELOCATE, (uint64_t)policy->relocate, 0));
	if (image->type != LODE_ET_EXEC && image->type != LODE_ET_DYN)
		return lode_refuse_(why, LODE_RULE_HEADER_TYPE,
			lode_at_header_(image, LODE_FIELD_EHDR_TYPE, image->type, LODE_ET_DYN));
	if (image->nload == 0)
		return lode_refuse_(why, LODE_RULE_SEGMENT_NONE, at_table(image, LODE_FIELD_LOADS, 0, 1));
	if (image->nload > limit)
		return lode_refuse_(why, LODE_RULE_SEGMENT_LIMIT, at_table(image, LODE_FIELD_LOADS, image->nload, limit));
	return LODE_OK;
}

/* p_align of one segment: 0 and 1 ask for nothing. */
static int check_align(const struct lode_image *image, const struct lode_policy *policy, uint32_t index, struct lode_diag *why)
{
	uint64_t align = image->segments[index].align, limit = policy->max_align != 0 ? policy->max_align : GIB;

	if (align == 0 || (!power_of_two(align) && (policy->flags & LODE_PLAN_ALIGN_LENIENT)))
		return LODE_OK;
	if (!power_of_two(align))
		return lode_refuse_(why, LODE_RULE_SEGMENT_ALIGN, lode_at_segment_(image, index, LODE_FIELD_PHDR_ALIGN, 0));
	if (align > limit)
		return lode_refuse_(why, LODE_RULE_PLAN_ALIGN_LIMIT, lode_at_segment_(image, index, LODE_FIELD_PHDR_ALIGN, limit));
	return LODE_OK;
}

/* Linux maps file pages; where offset and address differ within the page it cannot. */
static int check_congruence(const struct lode_image *image, const struct lode_policy *policy, uint32_t index, struct lode_diag *why)
{
	const struct lode_segment *segment = &image->segments[index];

	if (policy->use != LODE_USE_PROCESS || segment->filesz == 0)
		return LODE_OK;
	if (((segment->offset ^ segment_addr(segment, policy->domain)) & (policy->page_size - 1)) == 0)
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_SEGMENT_CONGRUENCE,
		lode_at_segment_(image, index, LODE_FIELD_PHDR_OFFSET, policy->page_size));
}

/* Writable and executable by its flags, or because a process gets writable pages of zeros behind its code. */
static bool wants_wx(const struct lode_segment *segment, const struct lode_policy *policy)
{
	uint64_t addr = segment_addr(segment, policy->domain);
	bool zeros =
		segment->filesz == 0 || ((addr + (segment->filesz - 1)) | (policy->page_size - 1)) < addr + (segment->memsz - 1);

	if (!(segment->flags & LODE_PF_X))
		return false;
	return (segment->flags & LODE_PF_W) || (policy->use == LODE_USE_PROCESS && zeros);
}

static int check_segment(const struct lode_image *image, const struct lode_policy *policy, uint32_t index, struct lode_diag *why)
{
	const struct lode_segment *segment = &image->segments[index];
	int status = check_align(image, policy, index, why);

	if (status == LODE_OK)
		status = check_congruence(image, policy, index, why);
	if (status != LODE_OK)
		return status;
	if (policy->domain == LODE_PHYSICAL && !within(segment->paddr, segment->memsz - 1, image_last_addr(image)))
		return lode_refuse_(why, LODE_RULE_SEGMENT_WRAP,
			lode_at_segment_(image, index, LODE_FIELD_PHDR_PADDR, image_last_addr(image)));
	if (policy->wx == LODE_WX_DENY && wants_wx(segment, policy))
		return lode_refuse_(why, LODE_RULE_PLAN_WX, lode_at_segment_(image, index, LODE_FIELD_PHDR_FLAGS, 0));
	return LODE_OK;
}

/* The table's own order, for policies that insist on the gABI's. */
static int check_order(const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	if (!(policy->flags & LODE_PLAN_SORTED))
		return LODE_OK;
	for (uint32_t k = 1; k < image->nload; k++) {
		uint32_t index = nth_load(image, policy->domain, k), before = nth_load(image, policy->domain, k - 1);

		if (index < before) {
			struct lode_diag place = lode_at_segment_(image, before, addr_field(policy->domain),
				segment_addr(&image->segments[index], policy->domain));

			place.other = index;
			return lode_refuse_(why, LODE_RULE_SEGMENT_ORDER, place);
		}
	}
	return LODE_OK;
}

/* The last address of any segment: by end, not by begin, because they may lie over each other. */
uint64_t lode_last_address_(const struct lode_image *image, const struct lode_policy *policy)
{
	uint64_t last = 0;

	for (uint32_t k = 0; k < image->nload; k++) {
		const struct lode_segment *segment = &image->segments[nth_load(image, policy->domain, k)];

		last = max_u64(last, segment_addr(segment, policy->domain) + (segment->memsz - 1));
	}
	return last;
}

static uint64_t largest_align(const struct lode_image *image, const struct lode_policy *policy)
{
	uint64_t align = policy->page_size;

	for (uint32_t k = 0; k < image->nload; k++) {
		uint64_t wanted = image->segments[nth_load(image, policy->domain, k)].align;

		if (power_of_two(wanted))
			align = max_u64(align, wanted);
	}
	return align;
}

/* Linux asks of each PT_LOAD, also of one without memory, that it lies in user space as it was linked. */
static int check_linked(const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	uint64_t last = lode_last_possible_(image, policy);

	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_LOAD && !within(segment->vaddr, max_u64(segment->memsz, 1) - 1, last))
			return lode_refuse_(why, LODE_RULE_PLAN_ADDRESS, lode_at_segment_(image, i, LODE_FIELD_PHDR_VADDR, last));
	}
	return LODE_OK;
}

static int check_segments(const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	int status = check_policy(image, policy, why);

	for (uint32_t k = 0; status == LODE_OK && k < image->nload; k++)
		status = check_segment(image, policy, nth_load(image, policy->domain, k), why);
	if (status == LODE_OK && policy->use == LODE_USE_PROCESS)
		status = check_linked(image, policy, why);
	if (status == LODE_OK)
		status = check_order(image, policy, why);
	return status;
}

int lode_plan_span(struct lode_span *span, const struct lode_image *image, const struct lode_policy *policy, struct lode_diag *why)
{
	uint64_t limit = policy->max_size != 0 ? min_u64(policy->max_size, HALF) : HALF;
	int status = check_segments(image, policy, why);
	uint64_t first, last, size;

	if (status != LODE_OK)
		return status;
	first = align_down(segment_addr(&image->segments[nth_load(image, policy->domain, 0)], policy->domain), policy->page_size);
	last = align_down(lode_last_address_(image, policy), policy->page_size);
	if (!add_ok(&size, last - first, policy->page_size))
		size = UINT64_MAX;
	if (size > limit)
		return lode_refuse_(why, LODE_RULE_PLAN_SIZE_LIMIT, at_table(image, LODE_FIELD_SPAN, size, limit));
	span->range = (struct lode_range){.addr = first, .size = size};
	span->align = largest_align(image, policy);
	return LODE_OK;
}

/* a is not empty, b may be. */
static bool overlap(const struct lode_range *a, const struct lode_range *b)
{
	if (b->size == 0)
		return false;
	return a->addr <= b->addr ? b->addr - a->addr < a->size : a->addr - b->addr < b->size;
}

/* The first reserved range that a range meets, or NULL. */
const struct lode_range *lode_reserved_at_(const struct lode_policy *policy, const struct lode_range *range)
{
	for (uint32_t i = 0; i < policy->nreserved; i++)
		if (overlap(range, &policy->reserved[i]))
			return &policy->reserved[i];
	return NULL;
}

bool lode_allowed_at_(const struct lode_policy *policy, const struct lode_range *range)
{
	if (!policy->allowed)
		return true;
	for (uint32_t i = 0; i < policy->nallowed; i++)
		if (range->addr >= policy->allowed[i].addr &&
			within(range->addr - policy->allowed[i].addr, range->size, policy->allowed[i].size))
			return true;
	return false;
}

/* The next address at or above addr that is rest modulo align; false if there is none. */
static bool next_place(uint64_t *addr, uint64_t rest, uint64_t align)
{
	return add_ok(addr, *addr, (rest - *addr) & (align - 1));
}

/* Next candidate above one that failed: behind the reserved range, or in the next allowed range. */
static bool skip(uint64_t *addr, const struct lode_policy *policy, const struct lode_range *range)
{
	const struct lode_range *reserved = lode_reserved_at_(policy, range);
	uint64_t best = UINT64_MAX;

	if (reserved)
		return add_ok(addr, reserved->addr, reserved->size);
	for (uint32_t i = 0; i < policy->nallowed; i++)
		if (policy->allowed[i].addr > *addr)
			best = min_u64(best, policy->allowed[i].addr);
	*addr = best;
	return best != UINT64_MAX;
}

uint64_t lode_last_possible_(const struct lode_image *image, const struct lode_policy *policy)
{
	uint64_t last = image_last_addr(image);

	return policy->address_limit != 0 ? min_u64(last, policy->address_limit - 1) : last;
}

int lode_plan_fit(uint64_t *base, const struct lode_image *image, const struct lode_policy *policy, const struct lode_range *window,
	struct lode_diag *why)
{
	struct lode_span span = {.align = 1};
	struct lode_range range;
	uint64_t last = lode_last_possible_(image, policy);
	bool moves = image_moves(image, policy);
	int status = lode_plan_span(&span, image, policy, why);

	if (status != LODE_OK)
		return status;
	if (window->size == 0 || !within(window->addr, window->size - 1, UINT64_MAX))
		return lode_refuse_(why, LODE_RULE_PLAN_WINDOW,
			lode_nowhere_(LODE_FIELD_POLICY_WINDOW, window->addr, window->size));
	range = (struct lode_range){.addr = moves ? window->addr : span.range.addr, .size = span.range.size};
	while (next_place(&range.addr, span.range.addr, span.align) && range.addr >= window->addr &&
		within(range.addr - window->addr, range.size, window->size)) {
		if (!within(range.addr, range.size - 1, last))
			break;
		if (lode_allowed_at_(policy, &range) && !lode_reserved_at_(policy, &range)) {
			*base = range.addr;
			return LODE_OK;
		}
		if (!moves || !skip(&range.addr, policy, &range))
			break;
	}
	return lode_refuse_(why, LODE_RULE_PLAN_NO_PLACE, at_table(image, LODE_FIELD_SPAN, span.range.size, window->size));
}
