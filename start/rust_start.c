/* SPDX-License-Identifier: MIT */
/* A kernel made with bootloader_api and a machine -> places, mappings, BootInfo and registers. */
#include "rust.h"

enum { CODE = 8, DATA = 16 };

static const struct lode_wish_ anywhere = {.align = LODE_PAGE_, .min = LODE_ONE_MIB_, .last = UINT64_MAX};

/* What this protocol has no way to hand over is refused, not dropped. */
static int check(const struct lode_rust_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	const struct lode_plan *plan = s->kernel->plan;
	const struct lode_run *run = lode_plan_run_at(plan, plan->entry, 1);

	if (machine->nmodules > 1)
		return lode_refuse_(s->b->why, LODE_RULE_START_MODULES, lode_nowhere_(LODE_FIELD_MODULE_COUNT,
			machine->nmodules, 1));
	if (lode_string_size_(machine->cmdline) > 1)
		return lode_refuse_(s->b->why, LODE_RULE_START_CMDLINE,
			lode_nowhere_(LODE_FIELD_CMDLINE, lode_string_size_(machine->cmdline) - 1, 0));
	if (!run || !(run->prot & LODE_PF_X))
		return lode_refuse_(s->b->why, LODE_RULE_START_ENTRY, lode_nowhere_(LODE_FIELD_EHDR_ENTRY, plan->entry, 0));
	return LODE_OK;
}

/* Addresses for as many pages as the structures will have; their memory is known only once they are placed. */
static int map_info(struct lode_rust_state_ *s)
{
	struct lode_rust_mapping wish = s->config->boot_info;
	struct lode_start_mapping mapping = {.prot = LODE_PF_R | LODE_PF_W, .what = LODE_FIELD_PART_INFO};
	uint64_t inside = wish.fixed ? wish.addr & (LODE_PAGE_ - 1) : 0;
	struct lode_form_ form = {.base = 0};
	int status;

	s->boot_info = inside;
	lode_rust_compose_(&form, s);
	mapping.size = s->info_pages = align_up(form.size, LODE_PAGE_);
	if (inside % 8 != 0)
		return lode_refuse_(s->b->why, LODE_RULE_START_RUST_ADDRESS, lode_nowhere_(LODE_FIELD_PART_INFO, wish.addr,
			8));
	wish.addr -= inside;
	status = lode_rust_room_(s, &wish, &mapping, LODE_PAGE_);
	s->boot_info = mapping.addr + inside;
	return status;
}

static void compose(struct lode_form_ *form, void *context)
{
	lode_rust_compose_(form, context);
}

static int place(struct lode_rust_state_ *s)
{
	const struct lode_composition_ composition = {compose, s, LODE_FIELD_PART_INFO};
	struct lode_start *start = s->b->start;
	uint32_t info;
	int status = lode_rust_image_(s, &anywhere);

	if (status == LODE_OK)
		status = lode_start_put_modules_(s->b, &anywhere);
	if (status == LODE_OK)
		status = lode_start_put_file_(&s->file, s->b, s->kernel->image, &anywhere);
	if (status == LODE_OK)
		status = lode_rust_map_(s);
	s->max_regions = lode_regions_most_(s->b, 2);
	if (status == LODE_OK)
		status = map_info(s);
	info = start->nmappings - 1;
	if (status == LODE_OK)
		status = lode_start_put_tables_(s->b, &anywhere);
	if (status == LODE_OK)
		status = lode_start_compose_(s->b, &composition, &anywhere);
	if (status == LODE_OK)
		start->mappings[info].phys = align_down(s->info, LODE_PAGE_);
	return status;
}

static void set_registers(const struct lode_rust_state_ *s)
{
	struct lode_start *start = s->b->start;
	struct lode_registers *registers = &start->registers;
	const struct lode_selector data = {DATA, LODE_DATA32_};

	registers->cs = (struct lode_selector){CODE, LODE_CODE64_};
	registers->ds = registers->es = registers->fs = registers->gs = registers->ss = data;
	registers->gdtr = (struct lode_table){s->boot_info + (s->gdt - s->info), LODE_RUST_GDT_SIZE_ - 1};
	registers->cr0 = LODE_CR0_PE_ | LODE_CR0_ET_ | LODE_CR0_WP_;
	lode_registers_long_(start);
	registers->efer |= LODE_EFER_NX_;
	registers->pat = LODE_PAT_WC_;
	registers->rip = s->kernel->plan->entry;
	registers->rdi = s->boot_info;
	registers->rsp = align_down(s->stack + s->config->stack_size, 16) - 8;
	start->info = s->info;
}

int lode_start_rust(struct lode_start *start, const struct lode_rust *rust, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	struct lode_rust_state_ s = {.b = &b, .config = rust, .kernel = kernel, .drawn = 1};
	int status = lode_start_begin_(&b, LODE_PROTOCOL_RUST, kernel->plan->nruns, 0);

	start->levels = 4;
	if (status == LODE_OK)
		status = check(&s);
	if (status == LODE_OK)
		status = place(&s);
	if (status == LODE_OK)
		set_registers(&s);
	return status;
}
