/* SPDX-License-Identifier: MIT */
/* What the core hands out comes in; what it promises of it is checked: refusals, images, plans. */
#include <string.h>

#include "hostile.h"

struct lode_diag hostile_unfilled(void)
{
	struct lode_diag why;

	memset(&why, 0xee, sizeof why);
	return why;
}

/* Places where bytes are missing lie behind the end of the file by their nature. */
static bool place_may_be_outside(enum lode_rule rule)
{
	return rule == LODE_RULE_SOURCE_PAST_END || rule == LODE_RULE_SOURCE_READ;
}

void hostile_refusal(int status, const struct lode_diag *why, uint64_t size)
{
	char line[512];

	hostile_count.refused++;
	HOLDS(status < 0 && status >= LODE_ERR_USE);
	HOLDS((int)why->status == status);
	HOLDS(why->rule > LODE_RULE_NONE && why->rule < LODE_RULE_COUNT_);
	HOLDS((int)lode_rule_status(why->rule) == status);
	HOLDS(why->field > LODE_FIELD_NONE && why->field < LODE_FIELD_COUNT_);
	if (why->offset != LODE_NO_OFFSET && why->offset >= size && !place_may_be_outside(why->rule))
		hostile_broken(lode_rule_name(why->rule), "place outside the file", (int)why->field);
	if ((hostile_count.refused & 63) == 0)
		HOLDS(lode_diag_format(line, sizeof line, why) > 20 && strlen(line) > 20);
	if (why->rule < LODE_RULE_COUNT_)
		hostile_count.rule[why->rule]++;
}

static bool inside(uint64_t offset, uint64_t size, uint64_t whole)
{
	return size <= whole && offset <= whole - size;
}

static void check_load(const struct lode_image *image, const struct lode_segment *s)
{
	uint64_t last = image->class_ == LODE_CLASS64 ? UINT64_MAX : UINT32_MAX;

	HOLDS(s->filesz <= s->memsz);
	HOLDS(s->filesz == 0 || inside(s->offset, s->filesz, image->source->size));
	HOLDS(s->memsz == 0 || (s->vaddr <= last && s->memsz - 1 <= last - s->vaddr));
}

static void check_order(const struct lode_image *image)
{
	for (uint32_t k = 0; k < image->nload; k++) {
		const struct lode_segment *v = &image->segments[image->segments[k].by_vaddr];
		const struct lode_segment *p = &image->segments[image->segments[k].by_paddr];

		HOLDS(v->type == LODE_PT_LOAD && v->memsz > 0 && p->type == LODE_PT_LOAD && p->memsz > 0);
		HOLDS(k == 0 || image->segments[image->segments[k - 1].by_vaddr].vaddr <= v->vaddr);
		HOLDS(k == 0 || image->segments[image->segments[k - 1].by_paddr].paddr <= p->paddr);
	}
}

void hostile_check_image(const struct lode_image *image)
{
	uint64_t size = image->source->size, entry = image->class_ == LODE_CLASS64 ? 56 : 32;
	uint32_t loads = 0;

	HOLDS(inside(image->phoff, image->nsegments * entry, size) || image->nsegments == 0);
	for (uint32_t i = 0; i < image->nsegments; i++) {
		if (image->segments[i].type != LODE_PT_LOAD)
			continue;
		check_load(image, &image->segments[i]);
		loads += image->segments[i].memsz > 0;
	}
	HOLDS(loads == image->nload);
	check_order(image);
	if (image->sections == NULL)
		return;
	entry = image->class_ == LODE_CLASS64 ? 64 : 40;
	HOLDS(image->nsections == 0 || inside(image->shoff, image->nsections * entry, size));
	HOLDS(image->nsections == 0 || image->shstrndx < image->nsections);
	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		HOLDS(s->type == LODE_SHT_NOBITS || s->type == LODE_SHT_NULL || s->size == 0 || inside(s->offset, s->size, size));
	}
}

static void check_run(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy, uint32_t i)
{
	const struct lode_run *run = &plan->runs[i];
	uint64_t mask = policy->page_size - 1;

	HOLDS(run->size > 0 && ((run->addr | run->size) & mask) == 0);
	HOLDS(run->addr >= plan->span.addr && inside(run->addr - plan->span.addr, run->size, plan->span.size));
	HOLDS(i == 0 || (run[-1].addr < run->addr && run->addr - run[-1].addr >= run[-1].size));
	HOLDS((run->prot & ~(LODE_PF_R | LODE_PF_W | LODE_PF_X)) == 0);
	HOLDS(run->segment < image->nsegments && image->segments[run->segment].type == LODE_PT_LOAD);
	if (run->kind != LODE_RUN_SHARE) {
		HOLDS(run->offset == LODE_NO_OFFSET);
		return;
	}
	HOLDS((policy->flags & LODE_PLAN_SHARE) != 0 && (run->offset & mask) == 0);
	HOLDS(run->size <= image->source->size || run->size - image->source->size < policy->page_size);
	HOLDS(inside(run->offset, run->size - mask, image->source->size));
}

/* Every byte of a fill lies in some run, and in none of zeros. A fill may go on over the border of two runs. */
static void check_fill(const struct lode_plan *plan, const struct lode_image *image, const struct lode_fill *fill)
{
	uint64_t addr = fill->addr, left = fill->size;

	HOLDS(fill->size > 0);
	HOLDS(fill->offset == LODE_FILL_ZEROS || inside(fill->offset, fill->size, image->source->size));
	while (left > 0) {
		const struct lode_run *run = lode_plan_run_at(plan, addr, 1);
		uint64_t part;

		HOLDS(run != NULL && run->kind != LODE_RUN_ZERO);
		HOLDS(run == NULL || run->kind != LODE_RUN_SHARE || fill->offset == LODE_FILL_ZEROS);
		if (run == NULL)
			return;
		part = run->size - (addr - run->addr);
		addr += part;
		left = left > part ? left - part : 0;
	}
}

static uint64_t address(const struct lode_segment *s, const struct lode_policy *policy)
{
	return policy->domain == LODE_PHYSICAL ? s->paddr : s->vaddr;
}

/* First and last byte of a segment lie in runs. The pages between are compared with the reference. */
static void check_covered(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];
		uint64_t begin = address(s, policy) + plan->bias;

		if (s->type != LODE_PT_LOAD || s->memsz == 0)
			continue;
		HOLDS(lode_plan_run_at(plan, begin, 1) != NULL);
		HOLDS(lode_plan_run_at(plan, begin + (s->memsz - 1), 1) != NULL);
		HOLDS(plan->end - plan->bias - address(s, policy) >= s->memsz || plan->end == 0);
	}
}

/* RELRO lies in the pages of one segment and holds no byte of memory that is not RELRO. */
static void check_relro(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy)
{
	const struct lode_segment *relro = lode_segment_find(image, LODE_PT_GNU_RELRO);
	uint64_t first = plan->relro.addr - plan->bias, last = first + (plan->relro.size - 1);

	if (plan->relro.size == 0)
		return;
	HOLDS(relro != NULL && ((plan->relro.addr | plan->relro.size) & (policy->page_size - 1)) == 0);
	HOLDS(plan->relro.addr >= plan->span.addr && inside(plan->relro.addr - plan->span.addr, plan->relro.size, plan->span.size));
	for (uint32_t i = 0; relro != NULL && i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];
		uint64_t begin = s->vaddr > first ? s->vaddr : first, end;

		if (s->type != LODE_PT_LOAD || s->memsz == 0 || s->vaddr > last || s->vaddr + (s->memsz - 1) < first)
			continue;
		end = s->vaddr + (s->memsz - 1) < last ? s->vaddr + (s->memsz - 1) : last;
		HOLDS(begin >= relro->vaddr && end - relro->vaddr < relro->memsz);
	}
}

/* Segments that lie over each other may give several answers to where an address is: one is enough. */
static bool code_at(const struct lode_image *image, uint64_t vaddr)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];

		if (s->type == LODE_PT_LOAD && (s->flags & LODE_PF_X) && vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz)
			return true;
	}
	return false;
}

static void check_facts(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy)
{
	uint64_t size = image->source->size;
	bool anywhere = (policy->flags & LODE_PLAN_ENTRY_ANY) != 0;

	HOLDS(anywhere || policy->domain == LODE_PHYSICAL || code_at(image, plan->entry - plan->bias));
	HOLDS(inside(plan->interp.offset, plan->interp.size, size) && inside(plan->property.offset, plan->property.size, size));
	HOLDS(plan->tls.align > 0 && (plan->tls.align & (plan->tls.align - 1)) == 0);
	HOLDS(plan->tls.file_size <= plan->tls.mem_size);
	HOLDS(plan->tls.file_size == 0 || inside(plan->tls.offset, plan->tls.file_size, size));
	HOLDS(plan->has_phdr || plan->phdr == plan->bias);
	check_relro(plan, image, policy);
}

static bool meets(const struct lode_run *run, const struct lode_range *range)
{
	return range->size > 0 && run->addr <= range->addr + (range->size - 1) && range->addr <= run->addr + (run->size - 1);
}

void hostile_check_plan(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy)
{
	const struct lode_run *last = &plan->runs[plan->nruns - 1];

	HOLDS(plan->nruns > 0 && plan->nruns <= LODE_PLAN_RUNS(image->nload) && plan->nfills <= LODE_PLAN_FILLS(image->nload));
	HOLDS(((plan->bias | plan->align) & (policy->page_size - 1)) == 0 && (plan->bias & (plan->align - 1)) == 0);
	for (uint32_t i = 0; i < plan->nruns; i++) {
		check_run(plan, image, policy, i);
		for (uint32_t k = 0; k < policy->nreserved; k++)
			HOLDS(!meets(&plan->runs[i], &policy->reserved[k]));
	}
	for (uint32_t i = 0; i < plan->nfills; i++)
		check_fill(plan, image, &plan->fills[i]);
	HOLDS(plan->runs[0].addr == plan->span.addr && last->addr + last->size == plan->span.addr + plan->span.size);
	HOLDS(policy->address_limit == 0 || last->addr + (last->size - 1) < policy->address_limit);
	HOLDS(policy->max_size == 0 || plan->span.size <= policy->max_size);
	check_covered(plan, image, policy);
	check_facts(plan, image, policy);
}
