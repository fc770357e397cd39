/* SPDX-License-Identifier: MIT */
/* Page tables in a range of the guest's RAM. */
#ifndef LODE_HOSTS_VMM_TABLES_H
#define LODE_HOSTS_VMM_TABLES_H

#include <lode/paging.h>

#include "vmm.h"

/** Frames are given out one behind the other and never taken back. */
struct vmm_tables {
	struct lode_paging paging;
	const struct vmm_ram *ram;
	struct lode_range room;
	uint64_t used;
};

/** Empty tables of @levels in @room, the root first. */
int lode_vmm_tables_begin_(struct vmm_tables *tables, struct vmm *vm, const struct lode_range *room, uint32_t levels);
int lode_vmm_tables_map_(struct vmm_tables *tables, struct vmm *vm, const struct lode_mapping *mapping);
/** Take up tables that are there, to look into them. */
int lode_vmm_tables_adopt_(struct vmm_tables *tables, struct vmm *vm, uint64_t root, uint32_t levels);

#endif
