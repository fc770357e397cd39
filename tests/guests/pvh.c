/* SPDX-License-Identifier: MIT */
/* PVH: 32-bit protected mode without paging, ebx -> start_info. NOTE_SIZE: bytes of the entry note's descriptor. */
#include "guest.h"

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct module {
	uint64_t addr, size, cmdline, reserved;
};

struct memory {
	uint64_t addr, size;
	uint32_t type, reserved;
};

void _start(void);

__asm__(".section .note.Xen, \"a\", @note\n.balign 4\n.long 4, 1f - 0f, 18\n.asciz \"Xen\"\n"
#if NOTE_SIZE == 8
	"0:	.long _start, 0\n"
#else
	"0:	.long _start\n"
#endif
	"1:	.balign 4\n"
#ifdef RELOCATABLE
	".long 4, 12, 19\n.asciz \"Xen\"\n.long 0x200000, 0x1000000, 0x3fffffff\n"
#endif
	".text\n");

static const void *at(uint64_t addr)
{
	return (const void *)(uintptr_t)addr;
}

static void check_registers(void)
{
	equal("cr0", entry.cr0 & ~UINT64_C(0x10), 1);
	equal("cr4", entry.cr4, 0);
	equal("flags that are set", entry.flags & 0x20200, 0);
	check("ds holds a segment", entry.ds != 0, entry.ds);
	equal("es", entry.es, entry.ds);
	equal("ss", entry.ss, entry.ds);
	check("cs is not ds", entry.cs != 0 && entry.cs != entry.ds, entry.cs);
}

static uint64_t check_memory(const struct start_info *info)
{
	const struct memory *memory = at(info->memmap);
	uint64_t usable = 0, end = 0;

	for (uint32_t i = 0; i < info->memmap_entries; i++) {
		check("memory map ascends", memory[i].addr >= end, memory[i].addr);
		end = memory[i].addr + memory[i].size;
		equal("reserved field of the memory map", memory[i].reserved, 0);
		if (memory[i].type == 1)
			usable += memory[i].size;
	}
	return usable;
}

static void check_modules(const struct start_info *info)
{
	const struct module *module = at(info->modlist);

	equal("modules", info->nr_modules, 2);
	if (info->nr_modules != 2)
		return;
	check("text of module 0", same(at(module[0].addr), "first module\n"), module[0].addr);
	check("text of module 1", same(at(module[1].addr), "second module\n"), module[1].addr);
	equal("size of module 0", module[0].size, 14);
	check("command line of module 1", same(at(module[1].cmdline), "with words"), module[1].cmdline);
	equal("modules begin pages", (module[0].addr | module[1].addr) & 0xfff, 0);
}

void guest_main(void)
{
	const struct start_info *info = at(entry.bx);

	check_registers();
	check_image();
	equal("magic", info->magic, 0x336ec578);
	equal("version", info->version, 1);
	equal("flags", info->flags, 0);
	check("command line", same(at(info->cmdline), "hello=guest"), info->cmdline);
	check("memory map has entries", info->memmap_entries >= 2, info->memmap_entries);
	check("usable memory", check_memory(info) >= (UINT64_C(60) << 20), 0);
	check_modules(info);
	if (info->rsdp != 0)
		check("signature of the RSDP", *(const uint32_t *)at(info->rsdp) == 0x20445352, info->rsdp);
	else
		check("there is an RSDP", false, 0);
	finish();
}
