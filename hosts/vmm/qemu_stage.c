/* SPDX-License-Identifier: MIT */
/* Start state -> what the ROM and the stage read: a record of registers and port writes, and page tables in between. */
#include <stddef.h>
#include <string.h>

#include "qemu.h"
#include "stage.h"
#include "tables.h"

enum { PAGE = 4096, RWX = LODE_PF_R | LODE_PF_W | LODE_PF_X, MOV_RAX_CR3 = 3 };

struct port_write {
	uint16_t port, size;
	uint32_t value;
};

struct record {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8_r15[8], rip, rflags;
	uint64_t cr0, cr3, cr4, efer, pat;
	uint16_t fill[3], gdt_limit;
	uint64_t gdt_base;
	uint64_t cs, ds, es, fs, gs, ss, tr;
	uint64_t stage_cr3, jump;
	uint32_t is_long, shim, others, arrived;
	uint64_t other_rip, other_rdi, other_rdi_step, other_rsp, other_rsp_step;
	uint32_t nports, fill2;
	struct port_write ports[RECORD_PORTS_MOST];
	uint16_t fill3[3], idt_limit;
	uint64_t idt_base;
};

#define AT(field, offset) _Static_assert(offsetof(struct record, field) == (offset), #field)
AT(rsp, RECORD_RSP);
AT(rip, RECORD_RIP);
AT(pat, RECORD_PAT);
AT(gdt_limit, RECORD_GDTR);
AT(tr, RECORD_TR);
AT(jump, RECORD_JUMP);
AT(shim, RECORD_SHIM);
AT(arrived, RECORD_ARRIVED);
AT(other_rsp_step, RECORD_OTHER_RSP_STEP);
AT(ports, RECORD_PORTS);
AT(idt_limit, RECORD_IDTR);

static void out(struct record *record, uint16_t port, uint16_t size, uint32_t value)
{
	if (record->nports < RECORD_PORTS_MOST)
		record->ports[record->nports++] = (struct port_write){port, size, value};
}

static void config(struct record *record, uint32_t device, uint32_t offset, uint32_t value)
{
	out(record, 0xcf8, 4, 0x80000000u | device << 11 | (offset & 0xfc));
	out(record, 0xcfc, 4, value);
}

static void display(struct record *record, uint16_t index, uint32_t value)
{
	out(record, 0x1ce, 2, index);
	out(record, 0x1cf, 2, value);
}

/* What firmware does on a q35: power management at its ports, the configuration space, both interrupt controllers quiet, a mode. */
static void set_board(struct record *record, const struct vmm *vm)
{
	enum { HOST_BRIDGE = 0, ISA_BRIDGE = 31, VGA = 1 };

	config(record, ISA_BRIDGE, 0x40, vm->engine->board->pm_base | 1u);
	config(record, ISA_BRIDGE, 0x44, 0x80); /* ACPI on, its interrupt is 9 */
	config(record, HOST_BRIDGE, 0x60, (uint32_t)VMM_PCI_CONFIG | 1u);
	out(record, 0x21, 1, 0xff);
	out(record, 0xa1, 1, 0xff);
	if (!vm->machine.framebuffer)
		return;
	config(record, VGA, 0x10, (uint32_t)vm->layout.screen.addr);
	config(record, VGA, 0x04, 3);
	display(record, 4, 0);
	display(record, 1, vm->layout.screen.width);
	display(record, 2, vm->layout.screen.height);
	display(record, 3, vm->layout.screen.bpp);
	display(record, 4, 0x41);
	out(record, 0x3c0, 1, 0x20); /* not blank: the attribute controller passes pixels on */
}

static void set_registers(struct record *record, const struct lode_start *start)
{
	const struct lode_registers *r = &start->registers;

	record->rax = r->rax, record->rbx = r->rbx, record->rcx = r->rcx, record->rdx = r->rdx;
	record->rsi = r->rsi, record->rdi = r->rdi, record->rbp = r->rbp, record->rsp = r->rsp;
	memcpy(record->r8_r15, r->r8_r15, sizeof record->r8_r15);
	record->rip = r->rip, record->rflags = r->rflags;
	record->cr0 = r->cr0, record->cr3 = r->cr3, record->cr4 = r->cr4, record->efer = r->efer, record->pat = r->pat;
	record->gdt_limit = r->gdtr.limit, record->gdt_base = r->gdtr.base;
	record->idt_limit = r->idtr.limit, record->idt_base = r->idtr.base;
	record->cs = r->cs.selector, record->ds = r->ds.selector, record->es = r->es.selector;
	record->fs = r->fs.selector, record->gs = r->gs.selector, record->ss = r->ss.selector, record->tr = r->tr.selector;
	record->is_long = start->levels != 0;
	record->others = start->others.count;
	record->other_rip = start->others.rip;
	record->other_rdi = start->others.rdi, record->other_rdi_step = start->others.rdi_step;
	record->other_rsp = start->others.rsp, record->other_rsp_step = start->others.rsp_step;
}

/* Where the kernel's own tables show the stage executable and writable; 0: nowhere. */
static uint64_t find_stage(const struct lode_start *start)
{
	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *m = &start->mappings[i];

		if ((m->prot & (LODE_PF_W | LODE_PF_X)) == (LODE_PF_W | LODE_PF_X) && m->phys <= STAGE_CODE &&
			STAGE_RECORD + PAGE - m->phys <= m->size)
			return m->addr + (STAGE_CODE - m->phys);
	}
	return 0;
}

static int map(struct vmm_tables *tables, struct vmm *vm, uint64_t addr, uint64_t frame, uint64_t size)
{
	const struct lode_mapping mapping = {addr, frame, size, RWX};

	return lode_vmm_tables_map_(tables, vm, &mapping);
}

/* No place is seen under both tables. So the last instruction before the kernel's first one loads CR3 from rax, and ends at the
 * address where the kernel begins; rax is of no meaning to such kernels. */
static int make_shim(struct vmm_tables *tables, struct vmm *vm, struct record *record)
{
	static const unsigned char mov[MOV_RAX_CR3] = {0x0f, 0x22, 0xd8};
	uint64_t addr = record->rip - MOV_RAX_CR3, page = addr & ~(uint64_t)(PAGE - 1),
		gdt = record->gdt_base & ~(uint64_t)(PAGE - 1);
	struct vmm_tables target;
	struct lode_mapping seen;

	memcpy(vm->ram.bytes + STAGE_SHIM + (addr - page), mov, sizeof mov);
	record->rax = record->cr3;
	record->rip = addr;
	record->shim = 1;
	if (lode_vmm_tables_adopt_(&target, vm, record->cr3, vm->kernel.start.levels) != 0)
		return -1;
	if (!lode_paging_query(&seen, &target.paging, record->gdt_base))
		return lode_vmm_fail_(vm, 0, "the kernel's tables do not show its descriptor table");
	if (map(tables, vm, page, STAGE_SHIM, 2 * PAGE) != 0)
		return -1;
	return map(tables, vm, gdt, seen.frame + (gdt - seen.addr), PAGE);
}

static int make_tables(struct vmm *vm, struct record *record)
{
	const struct lode_range room = {STAGE_TABLES, STAGE_TABLES_END - STAGE_TABLES};
	uint64_t alias = find_stage(&vm->kernel.start), last = (uint64_t)(lode_vmm_last_ - lode_vmm_stage_);
	struct vmm_tables tables;

	if (lode_vmm_tables_begin_(&tables, vm, &room, vm->kernel.start.levels) != 0 ||
		map(&tables, vm, STAGE_CODE, STAGE_CODE, STAGE_OTHERS + PAGE - STAGE_CODE) != 0 ||
		map(&tables, vm, 0xfee00000, 0xfee00000, PAGE) != 0 || map(&tables, vm, 0xfffff000, 0xfffff000, PAGE) != 0)
		return -1;
	record->stage_cr3 = tables.paging.root;
	record->jump = (alias ? alias : STAGE_CODE) + last;
	if (!alias)
		return make_shim(&tables, vm, record);
	return alias == STAGE_CODE ? 0 : map(&tables, vm, alias, STAGE_CODE, STAGE_RECORD + PAGE - STAGE_CODE);
}

int lode_vmm_qemu_stage_(struct vmm *vm)
{
	struct record record = {.nports = 0};

	set_registers(&record, &vm->kernel.start);
	set_board(&record, vm);
	memcpy(vm->ram.bytes + STAGE_CODE, lode_vmm_stage_, (size_t)(lode_vmm_stage_end_ - lode_vmm_stage_));
	memcpy(vm->ram.bytes + STAGE_OTHERS, lode_vmm_other_, (size_t)(lode_vmm_other_end_ - lode_vmm_other_));
	if (record.is_long && make_tables(vm, &record) != 0)
		return -1;
	memcpy(vm->ram.bytes + STAGE_RECORD, &record, sizeof record);
	return 0;
}
