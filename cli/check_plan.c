/* SPDX-License-Identifier: MIT */
/* Image + targets -> what the core refuses to plan or to relocate for them. A refusal is reported, its cause taken out of a copy of
 * the program headers, and the plan made again. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

enum { TRIES = 64 };

static void neutralise(struct lode_segment *segment, enum lode_rule rule)
{
	switch (rule) {
	case LODE_RULE_SEGMENT_CONGRUENCE:
		segment->filesz = 0;
		break;
	case LODE_RULE_SEGMENT_ALIGN:
	case LODE_RULE_PLAN_ALIGN_LIMIT:
		segment->align = 0;
		break;
	default:
		segment->type = LODE_PT_NULL;
		break;
	}
}

/* Taking this fault's cause away leaves the rest as it is. */
static bool can_go_on(const struct lode_diag *why, const struct lode_image *image)
{
	if (why->rule == LODE_RULE_SEGMENT_CONGRUENCE || why->rule == LODE_RULE_SEGMENT_ALIGN ||
		why->rule == LODE_RULE_PLAN_ALIGN_LIMIT)
		return true;
	return why->index < image->nsegments && image->segments[why->index].type != LODE_PT_LOAD &&
		why->field >= LODE_FIELD_PHDR_TYPE && why->field <= LODE_FIELD_PHDR_ALIGN;
}

/* A segment whose bytes were taken out cannot hold the entry any more, and that is no fault of the file. */
static void take_out(struct lode_policy *policy, struct lode_image *image, const struct lode_diag *why)
{
	struct lode_segment *segment = &image->segments[why->index];

	if (image->entry - segment->vaddr < segment->filesz)
		policy->flags |= LODE_PLAN_ENTRY_ANY;
	neutralise(segment, why->rule);
}

/* Half the address space between two segments: the rule that names the one that lies wrong says more. */
static bool told_already(const struct check *c, enum lode_rule rule)
{
	const uint32_t first = LODE_RULE_COUNT_;

	return rule == LODE_RULE_PLAN_SIZE_LIMIT && (c->count[first + CHECK_PADDR_HIGH] != 0 ||
		c->count[first + CHECK_LIMINE_LOW] != 0);
}

static bool make_plan(struct check *c, struct lode_image *image, struct lode_plan *plan, struct lode_policy policy)
{
	for (int i = 0; i < TRIES; i++) {
		struct lode_span span;
		struct lode_diag why;
		int status = lode_plan_span(&span, image, &policy, &why);

		if (status == LODE_OK) {
			policy.base = span.range.addr;
			status = lode_plan(plan, image, &policy, &why);
		}
		if (status == LODE_OK)
			return true;
		if (!told_already(c, why.rule))
			check_add_core(c, &why);
		if (why.rule == LODE_RULE_ENTRY_OUTSIDE)
			policy.flags |= LODE_PLAN_ENTRY_ANY;
		else if (can_go_on(&why, image))
			take_out(&policy, image, &why);
		else
			return false;
	}
	return false;
}

/* Plan a copy of the image, because faults are taken out of it. */
static bool plan_copy(struct check *c, struct lode_plan *plan, const struct lode_policy *policy)
{
	struct lode_image image = c->image;
	size_t size = ((size_t)image.nsegments + 1) * sizeof *image.segments;
	bool done = false;

	image.segments = malloc(size);
	if (plan_make_room(plan, &image) && image.segments) {
		memcpy(image.segments, c->image.segments, size);
		done = make_plan(c, &image, plan, *policy);
	}
	free(image.segments);
	plan_free(plan);
	return done;
}

/* A dynamic linker knows more symbols than the image, and more types of relocations. */
static int known_elsewhere(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host;
	(void)name;
	(void)symbol;
	*address = 0;
	return 0;
}

/* What a loader that relocates (Limine, PIE kernels) would say. The runs are not needed for that. */
static void relocate(struct check *c, const struct lode_plan *plan)
{
	struct lode_relocation options = {.irelative = LODE_IRELATIVE_SKIP, .static_tls = true};
	struct lode_relocation_count count;
	const struct lode_dynamic *d = &c->dynamic;
	struct lode_diag why;

	if (!c->has_dynamic || !check_spend(c, CHECK_ENTRY * (d->rel.count + d->rela.count + d->jmprel.count) + 8 * d->relr.size))
		return;
	if (!(c->targets & (FOR_LIMINE | FOR_RUST))) {
		if (c->dynamic.needed > 0 || lode_segment_find(&c->image, LODE_PT_INTERP))
			return;
		options.resolve = known_elsewhere;
	}
	if (lode_relocations_check(&count, &c->image, plan, &options, &why) != LODE_OK)
		check_add_core(c, &why);
	else if (count.irelative > 0)
		check_add(c, CHECK_IRELATIVE_KERNEL, check_at_file(LODE_NO_OFFSET), "%llu of them",
			(unsigned long long)count.irelative);
}

/* Where user space ends, which Linux asks of each PT_LOAD as it was linked. 0: not known. */
static uint64_t user_end(const struct lode_image *image)
{
	switch (image->machine) {
	case LODE_EM_X86_64: return image->class_ == LODE_CLASS64 ? (UINT64_C(1) << 47) - PAGE : 0;
	case LODE_EM_RISCV: return image->class_ == LODE_CLASS64 ? UINT64_C(1) << 47 : 0;
	case LODE_EM_AARCH64: return UINT64_C(1) << 48;
	default: return 0;
	}
}

/* e_entry is the address of a function descriptor, which is data: ELFv1 ABI of 64-bit PowerPC. */
static bool entry_is_descriptor(const struct lode_image *image)
{
	return image->machine == LODE_EM_PPC64 && (image->flags & 3) != 2;
}

static void plan_process(struct check *c)
{
	struct lode_policy policy = lode_policy_process(PAGE);
	struct lode_plan plan;

	if (c->program && c->image.entry != 0 && !entry_is_descriptor(&c->image))
		policy.flags &= ~(uint32_t)LODE_PLAN_ENTRY_ANY;
	policy.flags &= ~(uint32_t)LODE_PLAN_ALIGN_LENIENT;
	policy.address_limit = user_end(&c->image);
	plan_copy(c, &plan, &policy);
}

/* Unions and W+X are reported by rules of their own: here they pass. */
static void plan_kernel(struct check *c)
{
	struct lode_policy policy = lode_policy_kernel(PAGE);
	struct lode_plan plan;
	bool physical = !(c->targets & (FOR_LIMINE | FOR_RUST | FOR_ANY));

	policy.wx = LODE_WX_ALLOW;
	policy.domain = physical ? LODE_PHYSICAL : LODE_VIRTUAL;
	policy.relocate = physical ? LODE_RELOCATE_NONE : LODE_RELOCATE_LOADER;
	/* check_multiboot() and check_pvh() know which entry counts; a zero has a rule of its own. */
	if (c->image.entry == 0 || (c->targets & (FOR_PVH | FOR_MULTIBOOTS | FOR_ELF64)) || !c->program)
		policy.flags |= LODE_PLAN_ENTRY_ANY;
	if (plan_copy(c, &plan, &policy) && !physical)
		relocate(c, &plan);
}

void check_plan(struct check *c)
{
	uint16_t type = c->image.type;

	if ((type != LODE_ET_EXEC && type != LODE_ET_DYN) || c->kind.id == KIND_DEBUG)
		return;
	if (c->targets & (FOR_KERNELS | FOR_ANY))
		plan_kernel(c);
	if (c->targets & FOR_PROCESS)
		plan_process(c);
}
