/* SPDX-License-Identifier: MIT */
/* Mappings of the start state -> page tables in RAM that the start state has set aside. */
#include "tables.h"

enum { PAGE = 4096 };
#define LARGE (UINT64_C(2) << 20)

static int take_frame(void *host, uint64_t *frame, uint64_t size)
{
	struct vmm_tables *tables = host;

	if (size != PAGE || tables->room.size - tables->used < PAGE)
		return -1;
	*frame = tables->room.addr + tables->used;
	tables->used += PAGE;
	return 0;
}

/* Taken for a border case and not needed: the last ones go back, others stay unused. */
static void drop_frame(void *host, uint64_t frame, uint64_t size)
{
	struct vmm_tables *tables = host;

	if (frame + size == tables->room.addr + tables->used)
		tables->used -= size;
}

static void *pointer(void *host, uint64_t frame)
{
	const struct vmm_tables *tables = host;

	return lode_vmm_ram_at_(tables->ram, frame, PAGE);
}

static void set_up(struct vmm_tables *tables, struct vmm *vm, uint32_t levels)
{
	tables->ram = &vm->ram;
	tables->paging = (struct lode_paging){
		.format = levels == 5 ? LODE_PAGING_X86_64_5 : LODE_PAGING_X86_64,
		.features = vm->kernel.start.registers.efer & (1u << 11) ? LODE_PAGING_NX : 0,
		.phys_bits = 52, .alloc = take_frame, .free = drop_frame, .pointer = pointer, .host = tables,
	};
}

int lode_vmm_tables_begin_(struct vmm_tables *tables, struct vmm *vm, const struct lode_range *room, uint32_t levels)
{
	struct lode_diag why;

	*tables = (struct vmm_tables){.room = *room};
	set_up(tables, vm, levels);
	return lode_paging_init(&tables->paging, &why) == LODE_OK ? 0 : lode_vmm_fail_diag_(vm, &why);
}

int lode_vmm_tables_map_(struct vmm_tables *tables, struct vmm *vm, const struct lode_mapping *mapping)
{
	struct lode_diag why;

	return lode_paging_map(&tables->paging, mapping, LARGE, &why) == LODE_OK ? 0 : lode_vmm_fail_diag_(vm, &why);
}

int lode_vmm_tables_adopt_(struct vmm_tables *tables, struct vmm *vm, uint64_t root, uint32_t levels)
{
	struct lode_diag why;

	*tables = (struct vmm_tables){.used = 0};
	set_up(tables, vm, levels);
	return lode_paging_adopt(&tables->paging, root, &why) == LODE_OK ? 0 : lode_vmm_fail_diag_(vm, &why);
}

static int map_all(struct vmm_tables *tables, struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;

	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *from = &start->mappings[i];
		struct lode_mapping mapping = {from->addr, from->phys, from->size, from->prot | LODE_PAGE_TYPE(from->cache)};

		/* without permissions: addresses that are kept free */
		if (from->prot != 0 && lode_vmm_tables_map_(tables, vm, &mapping) != 0)
			return -1;
	}
	return 0;
}

int lode_vmm_tables_make_(struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;
	struct vmm_tables tables;
	struct lode_diag why;
	uint64_t seen;

	if (start->levels == 0)
		return 0;
	if (lode_vmm_tables_begin_(&tables, vm, &start->tables, start->levels) != 0 || map_all(&tables, vm) != 0)
		return -1;
	if (start->recursive && lode_paging_recursive(&seen, &tables.paging, (uint32_t)start->recursive, &why) != LODE_OK)
		return lode_vmm_fail_diag_(vm, &why);
	return 0;
}
