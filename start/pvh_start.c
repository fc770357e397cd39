/* SPDX-License-Identifier: MIT */
/* A PVH kernel and a machine -> start_info and what it points at, and the registers of its 32-bit entry. */
#include <lode/pvh.h>

#include "linux.h"

/* What the structures are made of, and where they came to lie. */
struct pvh_state {
	const struct lode_builder_ *b;
	const struct lode_pvh *pvh;
	uint64_t info, gdt;
};

static uint64_t put_module(struct lode_form_ *form, uint64_t at, const struct lode_range *range, const char *cmdline)
{
	lode_form_put_(form, at + LODE_PVH_MODULE_ADDR, 8, range->addr);
	lode_form_put_(form, at + LODE_PVH_MODULE_LENGTH, 8, range->size);
	if (cmdline)
		lode_form_put_(form, at + LODE_PVH_MODULE_CMDLINE, 8, lode_form_string_(form, cmdline));
	return at + LODE_PVH_MODULE_SIZE;
}

/* Linux takes the first module only: it gets all of them as one. */
static void put_modules(struct lode_form_ *form, const struct pvh_state *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint32_t n = s->pvh->is_linux && machine->nmodules > 0 ? 1 : machine->nmodules;
	uint64_t list = lode_form_room_(form, (uint64_t)n * LODE_PVH_MODULE_SIZE, 8), at = list;
	struct lode_range range = lode_linux_initrd_(s->b->start);

	if (n == 0)
		return;
	lode_form_put_(form, s->info + LODE_PVH_NR_MODULES, 4, n);
	lode_form_put_(form, s->info + LODE_PVH_MODLIST, 8, list);
	if (s->pvh->is_linux) {
		put_module(form, at, &range, machine->modules[0].cmdline);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct lode_part *part = lode_start_module(s->b->start, i);

		range = (struct lode_range){part->addr, part->size};
		at = put_module(form, at, &range, machine->modules[i].cmdline);
	}
}

static void put_memory(struct lode_form_ *form, const struct pvh_state *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t table = lode_form_room_(form, (uint64_t)machine->nmemory * LODE_PVH_MEMORY_SIZE, 8);

	lode_form_put_(form, s->info + LODE_PVH_MEMMAP, 8, table);
	lode_form_put_(form, s->info + LODE_PVH_MEMMAP_ENTRIES, 4, machine->nmemory);
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		uint64_t at = table + (uint64_t)i * LODE_PVH_MEMORY_SIZE;

		lode_form_put_(form, at + LODE_PVH_MEMORY_ADDR, 8, machine->memory[i].addr);
		lode_form_put_(form, at + LODE_PVH_MEMORY_LENGTH, 8, machine->memory[i].size);
		lode_form_put_(form, at + LODE_PVH_MEMORY_TYPE, 4, lode_e820_type_(machine->memory[i].type));
	}
}

static void compose(struct lode_form_ *form, void *context)
{
	struct pvh_state *s = context;

	s->info = lode_form_room_(form, LODE_PVH_SIZE, 8);
	lode_form_put_(form, s->info + LODE_PVH_MAGIC, 4, LODE_PVH_MAGIC_VALUE);
	lode_form_put_(form, s->info + LODE_PVH_VERSION, 4, 1);
	lode_form_put_(form, s->info + LODE_PVH_RSDP, 8, s->b->machine->rsdp);
	s->gdt = lode_form_gdt_(form, LODE_CODE32_);
	put_memory(form, s);
	put_modules(form, s);
	lode_form_put_(form, s->info + LODE_PVH_CMDLINE, 8, lode_form_string_(form, s->b->machine->cmdline));
}

/* Where it is linked, or else at the lowest place that it allows; the first MiB is not memory like any other. */
static int take_image(uint64_t *move, struct lode_builder_ *b, const struct lode_pvh *pvh, const struct lode_plan *plan)
{
	const struct lode_wish_ wish = {.align = pvh->align > LODE_PAGE_ ? pvh->align : LODE_PAGE_,
		.min = pvh->min > LODE_ONE_MIB_ ? pvh->min : LODE_ONE_MIB_, .last = pvh->last};
	struct lode_part part = {.size = plan->span.size, .what = LODE_FIELD_PART_KERNEL, .index = LODE_NO_INDEX};

	*move = 0;
	if (pvh->relocatable && !lode_start_image_fits_(b, plan, 0)) {
		if (!lode_start_find_(&part, b, &wish))
			return lode_start_no_place_(b->why,
				lode_nowhere_(part.what, part.size, wish.last));
		*move = part.addr - plan->span.addr;
	}
	return lode_start_take_image_(b, plan, *move);
}

static int check(const struct lode_builder_ *b, const struct lode_pvh *pvh, const struct lode_kernel *kernel)
{
	uint32_t n = b->machine->nmemory;

	if (!lode_start_physical_byte_(kernel->image, pvh->entry))
		return lode_refuse_(b->why, LODE_RULE_START_ENTRY, lode_place_at_(LODE_FIELD_PVH_ENTRY, pvh->entry,
			pvh->note));
	if (n == 0 || (pvh->is_linux && n > LODE_PVH_LINUX_MEMORY))
		return lode_refuse_(b->why, LODE_RULE_START_MEMORY_COUNT,
			lode_nowhere_(LODE_FIELD_MEMORY_COUNT, n, n == 0 ? 1 : LODE_PVH_LINUX_MEMORY));
	return pvh->is_linux ? lode_linux_check_cmdline_(b, LODE_LINUX_CMDLINE) : LODE_OK;
}

static int place(struct pvh_state *s, uint64_t *move, struct lode_builder_ *b, const struct lode_kernel *kernel)
{
	const struct lode_wish_ high = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = LODE_BELOW_4G_, .high = true};
	const struct lode_wish_ low = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = LODE_BELOW_4G_};
	const struct lode_composition_ composition = {compose, s, LODE_FIELD_PART_INFO};
	int status = take_image(move, b, s->pvh, kernel->plan);

	if (status == LODE_OK)
		status = s->pvh->is_linux ? lode_linux_put_initrd_(b, &high) : lode_start_put_modules_(b, &high);
	return status == LODE_OK ? lode_start_compose_(b, &composition, &low) : status;
}

int lode_start_pvh(struct lode_start *start, const struct lode_pvh *pvh, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	struct pvh_state s = {.b = &b, .pvh = pvh};
	uint64_t move;
	int status = lode_start_begin_(&b, LODE_PROTOCOL_PVH, kernel->plan->nruns, 0);

	if (status == LODE_OK)
		status = check(&b, pvh, kernel);
	if (status == LODE_OK)
		status = place(&s, &move, &b, kernel);
	if (status != LODE_OK)
		return status;
	lode_registers_flat_(&start->registers, s.gdt, LODE_CODE32_);
	start->info = s.info;
	start->registers.rbx = s.info;
	start->registers.rip = pvh->entry + move;
	return LODE_OK;
}
