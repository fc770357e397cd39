/* SPDX-License-Identifier: MIT */
/* Segments -> memory, page by page and byte by byte: what a plan has to amount to, written without looking
 * at the planner. And a plan
 * -> memory, so that the two can be compared. */
#ifndef LODE_TESTS_MODEL_H
#define LODE_TESTS_MODEL_H

#include "file.h"

enum { MODEL_PAGES = 16, MODEL_PAGE = 65536, MODEL_SEGMENTS = 6 };

/** Memory from page @first on. */
struct model {
	uint64_t page, first;
	bool there[MODEL_PAGES];
	uint8_t prot[MODEL_PAGES];
	unsigned char bytes[MODEL_PAGES * MODEL_PAGE];
};

/** A loadable segment by the addresses that count. */
struct model_segment {
	uint64_t addr, offset, filesz, memsz;
	uint32_t flags;
};

struct model_image {
	struct model_segment segments[MODEL_SEGMENTS];
	uint32_t n;
	const unsigned char *file;
	uint64_t file_size;
};

static inline uint64_t model_down(uint64_t n, uint64_t page)
{
	return n - n % page;
}

static inline bool model_wx(uint32_t prot)
{
	return (prot & LODE_PF_W) && (prot & LODE_PF_X);
}

/** The page at @addr belongs to the segment. */
static inline bool model_touches(const struct model_segment *s, uint64_t page_addr, uint64_t page)
{
	return s->memsz > 0 && page_addr + page > s->addr && page_addr < s->addr + s->memsz;
}

/** Pages that hold bytes of the file part, or would. */
static inline bool model_backed(const struct model_segment *s, uint64_t page_addr)
{
	return s->filesz > 0 && page_addr < s->addr + s->filesz;
}

static inline unsigned char *model_at(struct model *m, uint64_t addr)
{
	return m->bytes + (addr - m->first);
}

static inline uint32_t model_prot(const struct model_segment *s, uint64_t page_addr, enum lode_use use)
{
	if (use == LODE_USE_PROCESS && !model_backed(s, page_addr))
		return LODE_PF_R | LODE_PF_W | (s->flags & LODE_PF_X);
	return s->flags & 7;
}

/** Only the segment's own bytes. */
static inline void model_copy(struct model *m, const struct model_image *image, const struct model_segment *s, uint64_t page_addr)
{
	uint64_t from = page_addr > s->addr ? page_addr : s->addr;
	uint64_t to = page_addr + m->page < s->addr + s->filesz ? page_addr + m->page : s->addr + s->filesz;

	if (from < to)
		memcpy(model_at(m, from), image->file + s->offset + (from - s->addr), (size_t)(to - from));
}

/** A page of the file; what lies behind the file's end is zero. */
static inline void model_file_page(struct model *m, const struct model_image *image, uint64_t page_addr, uint64_t offset)
{
	uint64_t size = offset > image->file_size ? 0 : image->file_size - offset;

	memset(model_at(m, page_addr), 0, (size_t)m->page);
	memcpy(model_at(m, page_addr), image->file + offset, (size_t)(size < m->page ? size : m->page));
}

/** As Linux maps it: the file's page, the bytes behind the segment's cleared if it is writable and has more memory. */
static inline void model_map(struct model *m, const struct model_image *image, const struct model_segment *s, uint64_t page_addr)
{
	uint64_t end = s->addr + s->filesz;

	if (!model_backed(s, page_addr))
		return;
	model_file_page(m, image, page_addr, s->offset + page_addr - s->addr);
	if (s->memsz > s->filesz && (s->flags & LODE_PF_W) && end < page_addr + m->page)
		memset(model_at(m, end), 0, (size_t)(page_addr + m->page - end));
}

static inline void model_begin(struct model *m, const struct model_image *image, uint64_t page)
{
	m->page = page;
	m->first = UINT64_MAX;
	for (uint32_t i = 0; i < image->n; i++)
		if (image->segments[i].memsz && model_down(image->segments[i].addr, page) < m->first)
			m->first = model_down(image->segments[i].addr, page);
	memset(m->there, 0, sizeof m->there);
	memset(m->prot, 0, sizeof m->prot);
	memset(m->bytes, 0, (size_t)(MODEL_PAGES * page));
}

/** Two segments hold the same byte. */
static inline bool model_overlaps(const struct model_image *image)
{
	for (uint32_t i = 0; i < image->n; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct model_segment *a = &image->segments[i], *b = &image->segments[k];

			if (a->memsz && b->memsz && a->addr < b->addr + b->memsz && b->addr < a->addr + a->memsz)
				return true;
		}
	return false;
}

/** One page that all its segments share. Returns the rule that it breaks. */
static inline enum lode_rule model_union(struct model *m, const struct model_image *image, const struct lode_policy *policy,
	uint64_t p)
{
	uint64_t page_addr = m->first + p * m->page;
	const struct model_segment *only = NULL;
	uint32_t touching = 0;
	bool alone = false;

	for (uint32_t i = 0; i < image->n; i++) {
		const struct model_segment *s = &image->segments[i];
		uint32_t prot = model_prot(s, page_addr, policy->use);

		if (!model_touches(s, page_addr, m->page))
			continue;
		only = s;
		touching++;
		alone = alone || model_wx(prot);
		m->prot[p] |= (uint8_t)prot;
		m->there[p] = true;
		model_copy(m, image, s, page_addr);
	}
	if (touching == 1 && policy->use == LODE_USE_PROCESS)
		model_map(m, image, only, page_addr);
	if (touching > 1 && policy->page_overlap == LODE_PAGE_DENY)
		return LODE_RULE_PLAN_PAGE_OVERLAP;
	if (touching > 1 && model_wx(m->prot[p]) && !alone && policy->wx != LODE_WX_ALLOW)
		return LODE_RULE_PLAN_PAGE_WX;
	return LODE_RULE_NONE;
}

/** One page that the last of its segments takes whole. */
static inline void model_last(struct model *m, const struct model_image *image, const struct lode_policy *policy, uint64_t p)
{
	uint64_t page_addr = m->first + p * m->page;

	for (uint32_t i = image->n; i-- > 0;) {
		const struct model_segment *s = &image->segments[i];

		if (!model_touches(s, page_addr, m->page))
			continue;
		m->there[p] = true;
		m->prot[p] = (uint8_t)model_prot(s, page_addr, policy->use);
		if (policy->use == LODE_USE_PROCESS)
			model_map(m, image, s, page_addr);
		else
			model_copy(m, image, s, page_addr);
		break;
	}
}

/** How many rules this image breaks under this policy, and which; none: the memory is in @m. */
static inline uint64_t model_build(struct model *m, const struct model_image *image, const struct lode_policy *policy, bool *broken)
{
	uint64_t count = 0;

	memset(broken, 0, LODE_RULE_COUNT_ * sizeof *broken);
	model_begin(m, image, policy->page_size);
	for (uint32_t i = 0; i < image->n; i++) {
		const struct model_segment *s = &image->segments[i];

		for (uint64_t a = m->first; a < m->first + MODEL_PAGES * m->page; a += m->page)
			if (policy->wx == LODE_WX_DENY && model_touches(s, a, m->page) && model_wx(model_prot(s, a, policy->use)))
				broken[LODE_RULE_PLAN_WX] = true;
		if (policy->use == LODE_USE_PROCESS && s->filesz && (s->offset - s->addr) % policy->page_size)
			broken[LODE_RULE_SEGMENT_CONGRUENCE] = true;
	}
	if (policy->page_overlap != LODE_PAGE_LAST && model_overlaps(image))
		broken[LODE_RULE_SEGMENT_OVERLAP] = true;
	for (uint64_t p = 0; p < MODEL_PAGES && !broken[LODE_RULE_SEGMENT_CONGRUENCE]; p++) {
		if (policy->page_overlap == LODE_PAGE_LAST)
			model_last(m, image, policy, p);
		else
			broken[model_union(m, image, policy, p)] = true;
	}
	for (uint32_t rule = 1; rule < LODE_RULE_COUNT_; rule++)
		count += broken[rule];
	return count;
}

/** Do what a plan says, and check what every plan promises. */
static inline void model_execute(struct model *m, const struct lode_plan *plan, const struct model_image *image, bool may_share)
{
	uint64_t page = m->page, end = plan->span.addr;

	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		CHECK(run->addr >= end && run->size > 0 && run->addr % page == 0 && run->size % page == 0);
		end = run->addr + run->size;
		CHECK(end <= plan->span.addr + plan->span.size);
		CHECK((run->kind == LODE_RUN_SHARE) == (run->offset != LODE_NO_OFFSET));
		CHECK(run->kind != LODE_RUN_SHARE ||
			(may_share && run->offset % page == 0 && run->offset + run->size - page < image->file_size));
		for (uint64_t a = run->addr - plan->bias; a < run->addr - plan->bias + run->size; a += page) {
			m->there[(a - m->first) / page] = true;
			m->prot[(a - m->first) / page] = (uint8_t)run->prot;
			if (run->kind == LODE_RUN_SHARE)
				model_file_page(m, image, a, run->offset + (a + plan->bias - run->addr));
		}
	}
	for (uint32_t i = 0; i < plan->nfills; i++) {
		const struct lode_fill *fill = &plan->fills[i];
		const struct lode_run *run = lode_plan_run_at(plan, fill->addr, 1),
			*last = lode_plan_run_at(plan, fill->addr + fill->size - 1, 1);

		CHECK(fill->size > 0 && run != NULL && last != NULL);
		for (const struct lode_run *r = run; r != NULL && last != NULL && r <= last; r++)
			CHECK(r->kind == LODE_RUN_OWN || (r->kind == LODE_RUN_SHARE && fill->offset == LODE_FILL_ZEROS));
		CHECK(fill->offset == LODE_FILL_ZEROS ||
			(fill->size <= image->file_size && fill->offset <= image->file_size - fill->size));
		if (fill->offset == LODE_FILL_ZEROS)
			memset(model_at(m, fill->addr - plan->bias), 0, (size_t)fill->size);
		else
			memcpy(model_at(m, fill->addr - plan->bias), image->file + fill->offset, (size_t)fill->size);
	}
}

/** Two memories are the same. */
static inline void model_equal(const struct model *got, const struct model *want)
{
	CHECK_EQ(got->first, want->first);
	CHECK_MEM(got->there, want->there, sizeof want->there);
	CHECK_MEM(got->prot, want->prot, sizeof want->prot);
	CHECK_MEM(got->bytes, want->bytes, (size_t)(MODEL_PAGES * want->page));
}

#endif
