/* SPDX-License-Identifier: MIT */
/* An ELF64 kernel that is entered without anybody having mapped or relocated it -> what it has to do by itself. */
#include "check.h"

enum { RELR = 8 }; /* bytes of an entry, each of which is one relocation or more */

void check_elf64_entry(struct check *c, uint64_t entry)
{
	if (!c->kind.linux_kernel && entry != c->image.entry)
		check_add(c, CHECK_ELF64_VIRTUAL, check_at_header(c, LODE_FIELD_EHDR_ENTRY), "it is entered at 0x%llx",
			(unsigned long long)entry);
}

void check_elf64(struct check *c)
{
	uint64_t count = 0;

	if (c->image.type != LODE_ET_EXEC && c->image.type != LODE_ET_DYN)
		return;
	if (c->has_dynamic)
		count = c->dynamic.rel.count + c->dynamic.rela.count + c->dynamic.jmprel.count + c->dynamic.relr.size / RELR;
	if (count > 0)
		check_add(c, CHECK_KERNEL_RELOCATIONS, check_at("dynamic table", LODE_NO_INDEX, NULL, 0, c->dynamic.offset),
			"%llu entries", (unsigned long long)count);
}
