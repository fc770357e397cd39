/* SPDX-License-Identifier: MIT */
/* Modes of the processor -> registers and descriptors. */
#include "start.h"

enum { CODE = 0x10, DATA = 0x18, TASK = 0x20, GDT_SIZE = 0x30 };

uint64_t lode_form_gdt_(struct lode_form_ *form, uint64_t code)
{
	uint64_t gdt = lode_form_room_(form, GDT_SIZE, 8);

	lode_form_put_(form, gdt + CODE, 8, code);
	lode_form_put_(form, gdt + DATA, 8, LODE_DATA32_);
	lode_form_put_(form, gdt + TASK, 8, LODE_TSS_);
	return gdt;
}

void lode_registers_flat_(struct lode_registers *registers, uint64_t gdt, uint64_t code)
{
	const struct lode_selector data = {DATA, LODE_DATA32_};

	registers->cs = (struct lode_selector){CODE, code};
	registers->ds = registers->es = registers->fs = registers->gs = registers->ss = data;
	registers->tr = (struct lode_selector){TASK, LODE_TSS_};
	registers->gdtr = (struct lode_table){gdt, GDT_SIZE - 1};
	/* ET is not a choice: processors hold it at 1. */
	registers->cr0 = LODE_CR0_PE_ | LODE_CR0_ET_;
}

void lode_registers_long_(struct lode_start *start)
{
	struct lode_registers *registers = &start->registers;

	registers->cr0 |= LODE_CR0_PG_;
	registers->cr3 = start->tables.addr;
	registers->cr4 = LODE_CR4_PAE_ | (start->levels == 5 ? LODE_CR4_LA57_ : 0);
	registers->efer = LODE_EFER_LONG_;
}

bool lode_start_processor(struct lode_registers *registers, const struct lode_start *start, uint32_t number)
{
	const struct lode_others *others = &start->others;

	*registers = start->registers;
	if (number == 0)
		return true;
	if (number > others->count)
		return false;
	registers->rip = others->rip;
	registers->rdi = others->rdi + (number - 1) * others->rdi_step;
	registers->rsp = others->rsp + (number - 1) * others->rsp_step;
	return true;
}
