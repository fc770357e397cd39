/* SPDX-License-Identifier: MIT */
/* A Limine kernel and a machine -> places, page tables' contents, answers, and the registers of every processor. */
#include "limine.h"
#include "scan.h"

enum { LEAST_STACK = 65536, V_TELLS = 3, FIVE_LEVELS = 1 };
#define CR4_SSE 0x600u
#define LARGEST_STACK LODE_FOUR_GIB_

/* Everything may lie anywhere in memory that the HHDM shows; the first MiB is left for starting processors. */
static const struct lode_wish_ anywhere = {.align = LODE_PAGE_, .min = LODE_ONE_MIB_, .last = UINT64_MAX};

static int choose_levels(struct lode_limine_state_ *s)
{
	const struct lode_limine_found *wish = &s->limine->requests[LODE_LIMINE_PAGING_MODE];
	bool can = s->b->machine->la57, wants = wish->addr != 0 && wish->words[0] >= FIVE_LEVELS;
	bool must = wish->addr != 0 && wish->revision >= 1 && wish->words[2] >= FIVE_LEVELS;

	if (must && !can)
		return lode_refuse_(s->b->why, LODE_RULE_START_LIMINE_PAGING,
			lode_place_at_(LODE_FIELD_LIMINE_REQUEST, wish->words[2], wish->offset));
	s->b->start->levels = can && (wants || must) ? 5 : 4;
	s->hhdm = s->b->start->levels == 5 ? LODE_LIMINE_HHDM5 : LODE_LIMINE_HHDM4;
	return LODE_OK;
}

/* One piece, aligned so that large pages can map it. */
static int take_image(struct lode_limine_state_ *s)
{
	const struct lode_plan *plan = s->kernel->plan;
	struct lode_wish_ wish = anywhere;
	struct lode_part part = {.size = plan->span.size, .offset = plan->span.addr, .what = LODE_FIELD_PART_KERNEL,
		.index = LODE_NO_INDEX, .content = LODE_CONTENT_IMAGE};
	int status;

	wish.align = plan->align > LODE_LARGE_PAGE_ ? LODE_LARGE_PAGE_ : plan->align;
	status = lode_start_put_(&part, s->b, &wish);
	s->image = part.addr;
	return status;
}

static int take_stacks(struct lode_limine_state_ *s)
{
	const struct lode_limine_found *wish = &s->limine->requests[LODE_LIMINE_STACK_SIZE];
	uint32_t others = lode_limine_asked_(s, LODE_LIMINE_MP) && s->b->machine->ncpus > 0 ? s->b->machine->ncpus - 1 : 0;
	struct lode_part part = {.what = LODE_FIELD_PART_STACK, .index = LODE_NO_INDEX, .content = LODE_CONTENT_ZERO};
	uint64_t size = wish->addr != 0 && wish->words[0] > LEAST_STACK ? wish->words[0] : LEAST_STACK;
	int status;

	if (size > LARGEST_STACK)
		return lode_start_no_place_(s->b->why, lode_place_at_(part.what, size, wish->offset));
	s->stack_size = part.size = align_up(size, LODE_PAGE_);
	status = lode_start_put_(&part, s->b, &anywhere);
	s->stack = part.addr;
	s->b->start->others.count = others;
	part.size *= others;
	if (status == LODE_OK && others > 0)
		status = lode_start_put_(&part, s->b, &anywhere);
	s->stacks = part.addr;
	return status;
}

static int take_entry(struct lode_limine_state_ *s)
{
	const struct lode_limine_found *wish = &s->limine->requests[LODE_LIMINE_ENTRY];
	const struct lode_plan *plan = s->kernel->plan;
	const struct lode_run *run;
	int status = LODE_OK;

	s->entry = plan->entry;
	if (wish->addr != 0)
		status = lode_start_loaded_pointer_(&s->entry, s->kernel->image, wish->addr + LODE_LIMINE_WORDS, plan->bias,
			s->b->why);
	run = lode_plan_run_at(plan, s->entry, 1);
	if (status == LODE_OK && (!run || !(run->prot & LODE_PF_X)))
		return lode_refuse_(s->b->why, LODE_RULE_START_ENTRY,
			lode_place_at_(wish->addr != 0 ? LODE_FIELD_LIMINE_ENTRY : LODE_FIELD_EHDR_ENTRY, s->entry,
				wish->addr != 0 ? wish->offset + LODE_LIMINE_WORDS : LODE_NO_OFFSET));
	return status;
}

static void compose(struct lode_form_ *form, void *context)
{
	lode_limine_compose_(form, context);
}

static int place(struct lode_limine_state_ *s)
{
	const struct lode_composition_ composition = {compose, s, LODE_FIELD_PART_INFO};
	int status = take_entry(s);

	if (status == LODE_OK)
		status = choose_levels(s);
	if (status == LODE_OK)
		status = take_image(s);
	if (status == LODE_OK)
		status = lode_start_put_modules_(s->b, &anywhere);
	if (status == LODE_OK && lode_limine_asked_(s, LODE_LIMINE_FILE))
		status = lode_start_put_file_(&s->file, s->b, s->kernel->image, &anywhere);
	if (status == LODE_OK)
		status = take_stacks(s);
	if (status == LODE_OK)
		status = lode_limine_map_(s);
	if (status == LODE_OK)
		status = lode_start_put_tables_(s->b, &anywhere);
	s->max_regions = lode_regions_most_(s->b, 1) + 3;
	return status == LODE_OK ? lode_start_compose_(s->b, &composition, &anywhere) : status;
}

/* The image, as it will be in memory, gets the addresses of the answers. */
static void answer(struct lode_limine_state_ *s)
{
	const struct lode_limine *limine = s->limine;
	uint64_t move = s->image - s->kernel->plan->span.addr + s->kernel->plan->bias;

	for (uint32_t i = 0; i < LODE_LIMINE_REQUESTS; i++)
		if (s->answers[i] != 0)
			lode_start_patch_(s->b, limine->requests[i].addr + move + LODE_LIMINE_RESPONSE, s->hhdm + s->answers[i]);
	if (limine->tag != 0 && limine->revision >= V_TELLS)
		lode_start_patch_(s->b, limine->tag + move + 8, limine->revision);
	if (limine->tag != 0)
		lode_start_patch_(s->b, limine->tag + move + 16, 0);
}

static void set_registers(struct lode_limine_state_ *s)
{
	struct lode_start *start = s->b->start;
	struct lode_registers *registers = &start->registers;
	const struct lode_selector data = {LODE_LIMINE_DATA_, LODE_LIMINE_DATA64_};

	registers->cs = (struct lode_selector){LODE_LIMINE_CODE_, LODE_LIMINE_CODE64_};
	registers->ds = registers->es = registers->fs = registers->gs = registers->ss = data;
	registers->gdtr = (struct lode_table){s->hhdm + s->gdt, LODE_LIMINE_GDT_SIZE_ - 1};
	registers->cr0 = LODE_CR0_PE_ | LODE_CR0_ET_ | LODE_CR0_WP_;
	lode_registers_long_(start);
	registers->efer |= LODE_EFER_NX_;
	registers->cr4 |= s->limine->revision < LODE_LIMINE_NO_SSE ? CR4_SSE : 0;
	registers->pat = LODE_PAT_WC_;
	registers->rip = s->entry;
	registers->rsp = s->hhdm + s->stack + s->stack_size - 8;
	start->others.rip = s->hhdm + s->park;
	start->others.rdi = s->hhdm + s->info + LODE_LIMINE_MP_INFO;
	start->others.rdi_step = LODE_LIMINE_MP_INFO;
	start->others.rsp = s->hhdm + s->stacks + s->stack_size - 8;
	start->others.rsp_step = s->stack_size;
}

int lode_start_limine(struct lode_start *start, const struct lode_limine *limine, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	struct lode_limine_state_ s = {.b = &b, .limine = limine, .kernel = kernel};
	int status = lode_start_begin_(&b, LODE_PROTOCOL_LIMINE, kernel->plan->nruns, 0);

	if (status == LODE_OK)
		status = place(&s);
	if (status != LODE_OK)
		return status;
	answer(&s);
	set_registers(&s);
	return LODE_OK;
}
