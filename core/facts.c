/* SPDX-License-Identifier: MIT */
/* What a plan says beside its runs and fills: entry, program headers, TLS template, RELRO, stack, interpreter, properties. */
#include "plan.h"

enum { MIN_INTERP = 2, MAX_INTERP = 4096 };

/* A segment with a file byte at an address of a domain, an executable one if there is any. */
static const struct lode_segment *holder_of(const struct lode_image *image, enum lode_domain domain, uint64_t addr)
{
	const struct lode_segment *holder = NULL;

	for (uint32_t k = 0; k < image->nload; k++) {
		const struct lode_segment *segment = &image->segments[nth_load(image, domain, k)];

		if (addr - segment_addr(segment, domain) >= segment->filesz)
			continue;
		if (segment->flags & LODE_PF_X)
			return segment;
		holder = segment;
	}
	return holder;
}

/* In the physical domain e_entry may be either: Linux's vmlinux gives a physical address, other kernels a virtual one, which comes
 * first, as in GRUB. */
static int find_entry(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_image *image = planner->image;
	const struct lode_segment *holder = holder_of(image, LODE_VIRTUAL, image->entry);
	bool physical = planner->policy->domain == LODE_PHYSICAL;
	struct lode_plan *plan = planner->plan;

	plan->entry = image->entry + plan->bias;
	if (physical && holder)
		plan->entry = image->entry - holder->vaddr + holder->paddr;
	else if (physical)
		holder = holder_of(image, LODE_PHYSICAL, image->entry);
	if (!(holder && (holder->flags & LODE_PF_X)) && !(planner->policy->flags & LODE_PLAN_ENTRY_ANY))
		return lode_refuse_(why, LODE_RULE_ENTRY_OUTSIDE, lode_at_header_(image, LODE_FIELD_EHDR_ENTRY, image->entry, 0));
	return LODE_OK;
}

/* The first PT_LOAD whose file part holds e_phoff shows the table in memory. Nobody does: the bias stands in, as on Linux. */
static void find_headers(struct lode_planner_ *planner)
{
	const struct lode_image *image = planner->image;
	struct lode_plan *plan = planner->plan;

	plan->has_phdr = false;
	plan->phdr = plan->bias;
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type != LODE_PT_LOAD || image->phoff < segment->offset ||
			image->phoff - segment->offset >= segment->filesz)
			continue;
		plan->has_phdr = true;
		plan->phdr = plan->bias + segment_addr(segment, planner->policy->domain) + (image->phoff - segment->offset);
		return;
	}
}

/* The template's bytes lie in the file part of a PT_LOAD; .tbss behind them takes no room in the image. */
static bool tls_in_image(const struct lode_image *image, const struct lode_segment *tls)
{
	uint64_t offset;

	if (tls->filesz == 0)
		return true;
	return lode_vaddr_to_offset(&offset, image, tls->vaddr, tls->filesz) && offset == tls->offset;
}

static int check_tls(const struct lode_image *image, const struct lode_segment *tls, struct lode_diag *why)
{
	uint32_t index = lode_segment_index(image, tls);

	for (uint32_t i = index + 1; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_TLS)
			return lode_refuse_(why, LODE_RULE_TLS_COUNT, lode_at_segment_(image, i, LODE_FIELD_PHDR_TYPE, 0));
	if (tls->filesz > tls->memsz)
		return lode_refuse_(why, LODE_RULE_SEGMENT_SIZE,
			lode_at_segment_(image, index, LODE_FIELD_PHDR_FILESZ, tls->memsz));
	if (tls->align != 0 && !power_of_two(tls->align))
		return lode_refuse_(why, LODE_RULE_SEGMENT_ALIGN, lode_at_segment_(image, index, LODE_FIELD_PHDR_ALIGN, 0));
	if (!tls_in_image(image, tls))
		return lode_refuse_(why, LODE_RULE_TLS_RANGE, lode_at_segment_(image, index, LODE_FIELD_PHDR_VADDR, 0));
	return LODE_OK;
}

/* A process sets up its own TLS: there a bad template is no reason to refuse, it is only not reported. */
static int find_tls(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_segment *tls = lode_segment_find(planner->image, LODE_PT_TLS), *owner;
	struct lode_plan *plan = planner->plan;
	uint64_t bias = plan->bias;
	int status;

	plan->has_tls = false;
	plan->tls = (struct lode_tls){.align = 1};
	if (!tls)
		return LODE_OK;
	status = check_tls(planner->image, tls, is_process(planner) ? NULL : why);
	if (status != LODE_OK)
		return is_process(planner) ? LODE_OK : status;
	owner = lode_segment_at(planner->image, tls->vaddr, tls->filesz);
	if (owner && planner->policy->domain == LODE_PHYSICAL)
		bias += owner->paddr - owner->vaddr;
	plan->has_tls = true;
	plan->tls = (struct lode_tls){
		.addr = tls->vaddr + bias,
		.bias = bias,
		.offset = tls->offset,
		.file_size = tls->filesz,
		.mem_size = tls->memsz,
		.align = max_u64(tls->align, 1),
	};
	return LODE_OK;
}

/* True if no other segment has bytes on the page of addr. */
static bool page_alone(const struct lode_planner_ *planner, const struct lode_segment *owner, uint64_t addr)
{
	const struct lode_image *image = planner->image;
	uint64_t page = align_down(addr, planner->page);

	for (uint32_t k = 0; k < image->nload; k++) {
		const struct lode_segment *other = &image->segments[image->segments[k].by_vaddr];
		bool begins = other->vaddr - page < planner->page, reaches = page - other->vaddr < other->memsz;

		if (other != owner && (begins || reaches))
			return false;
	}
	return true;
}

/* Whole pages of RELRO: outward only where the page holds nothing else that somebody may want to write. */
static struct lode_range round_relro(const struct lode_planner_ *planner, const struct lode_segment *relro,
	const struct lode_segment *owner)
{
	uint64_t page = planner->page, begin = relro->vaddr - planner->first;
	uint64_t owner_end = owner->vaddr - planner->first + owner->memsz, end = min_u64(begin + relro->memsz, owner_end);

	if (relro->vaddr == owner->vaddr && page_alone(planner, owner, relro->vaddr))
		begin = align_down(begin, page);
	else
		begin = align_up(begin, page);
	if (end == owner_end && page_alone(planner, owner, owner->vaddr + (owner->memsz - 1)))
		end = align_up(end, page);
	else
		end = align_down(end, page);
	return (struct lode_range){.addr = planner->base + begin, .size = end > begin ? end - begin : 0};
}

/* The segment that holds all of RELRO. lld before 18 rounds its size up to the end of the segment's last page. */
static const struct lode_segment *owner_of_relro(const struct lode_planner_ *planner, const struct lode_segment *relro)
{
	const struct lode_segment *owner = lode_segment_at(planner->image, relro->vaddr, relro->memsz);
	uint64_t padding;

	if (owner)
		return owner;
	owner = lode_segment_at(planner->image, relro->vaddr, 1);
	if (!owner)
		return NULL;
	padding = (0 - (owner->vaddr + owner->memsz)) & (planner->page - 1);
	if (!within(relro->vaddr - owner->vaddr, relro->memsz - min_u64(relro->memsz, padding), owner->memsz))
		return NULL;
	return owner;
}

static int find_relro(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_image *image = planner->image;
	const struct lode_segment *relro = lode_segment_find(image, LODE_PT_GNU_RELRO), *owner;
	struct lode_plan *plan = planner->plan;

	plan->relro = (struct lode_range){0};
	if (!relro || relro->memsz == 0 || planner->policy->domain == LODE_PHYSICAL)
		return LODE_OK;
	owner = owner_of_relro(planner, relro);
	if (owner)
		plan->relro = round_relro(planner, relro, owner);
	else if (!is_process(planner))
		return lode_refuse_(why, LODE_RULE_RELRO_RANGE,
			lode_at_segment_(image, lode_segment_index(image, relro), LODE_FIELD_PHDR_VADDR, 0));
	return LODE_OK;
}

static int find_interp(struct lode_planner_ *planner, struct lode_diag *why)
{
	const struct lode_image *image = planner->image;
	const struct lode_segment *interp = lode_segment_find(image, LODE_PT_INTERP);
	uint32_t index;

	planner->plan->interp = (struct lode_extent){0};
	if (!interp || (planner->policy->flags & LODE_PLAN_INTERP_IGNORE))
		return LODE_OK;
	index = lode_segment_index(image, interp);
	if (interp->filesz < MIN_INTERP)
		return lode_refuse_(why, LODE_RULE_INTERP_SIZE, lode_at_segment_(image, index, LODE_FIELD_PHDR_FILESZ, MIN_INTERP));
	if (interp->filesz > MAX_INTERP)
		return lode_refuse_(why, LODE_RULE_INTERP_SIZE, lode_at_segment_(image, index, LODE_FIELD_PHDR_FILESZ, MAX_INTERP));
	if (!within(interp->offset, interp->filesz, image->source->size))
		return lode_refuse_(why, LODE_RULE_SEGMENT_PAST_END, lode_past_end_(image, index));
	planner->plan->interp = (struct lode_extent){.offset = interp->offset, .size = interp->filesz};
	return LODE_OK;
}

/* Of several the last counts, as on Linux. */
static void find_stack(struct lode_planner_ *planner)
{
	const struct lode_image *image = planner->image;
	struct lode_plan *plan = planner->plan;

	plan->has_stack = false;
	plan->stack_prot = 0;
	plan->stack_size = 0;
	for (uint32_t i = 0; i < image->nsegments; i++) {
		if (image->segments[i].type != LODE_PT_GNU_STACK)
			continue;
		plan->has_stack = true;
		plan->stack_prot = image->segments[i].flags;
		plan->stack_size = image->segments[i].memsz;
	}
}

static void find_property(struct lode_planner_ *planner)
{
	const struct lode_segment *property = lode_segment_find(planner->image, LODE_PT_GNU_PROPERTY);

	planner->plan->property = (struct lode_extent){0};
	if (property && within(property->offset, property->filesz, planner->image->source->size))
		planner->plan->property = (struct lode_extent){.offset = property->offset, .size = property->filesz};
}

int lode_plan_facts_(struct lode_planner_ *planner, struct lode_diag *why)
{
	int status = find_entry(planner, why);

	find_headers(planner);
	find_stack(planner);
	find_property(planner);
	if (status == LODE_OK)
		status = find_tls(planner, why);
	if (status == LODE_OK)
		status = find_relro(planner, why);
	if (status == LODE_OK)
		status = find_interp(planner, why);
	return status;
}
