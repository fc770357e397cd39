/* SPDX-License-Identifier: MIT */
/* Multiboot 1: 32-bit protected mode, eax = 2BADB002h, ebx -> the information structure. AOUT: with the address fields. */
#include "guest.h"

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, nmodules, modules, syms[4], mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr, config_table, loader_name, apm_table, vbe[4];
	uint64_t fb_addr;
	uint32_t fb_pitch, fb_width, fb_height;
	uint8_t fb_bpp, fb_type;
};

struct module {
	uint32_t start, end, string, reserved;
};

__asm__(".section .header, \"a\"\n.balign 4\nheader:\n"
#ifdef AOUT
	".long 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)\n.long header, header, data_end, bss_end, _start\n"
#else
	".long 0x1badb002, 3, -(0x1badb002 + 3)\n"
#endif
	".text\n");

static const void *at(uint32_t addr)
{
	return (const void *)(uintptr_t)addr;
}

static uint64_t usable(const struct info *info)
{
	uint64_t sum = 0;

	for (uint32_t at_entry = info->mmap_addr; at_entry < info->mmap_addr + info->mmap_length;) {
		const uint32_t *words = at(at_entry);

		if (words[5] == 1)
			sum += words[3];
		at_entry += words[0] + 4;
	}
	return sum;
}

static void check_modules(const struct info *info)
{
	const struct module *module = at(info->modules);

	equal("modules", info->nmodules, 2);
	if (info->nmodules != 2)
		return;
	check("text of module 0", same(at(module[0].start), "first module\n"), module[0].start);
	equal("size of module 0", module[0].end - module[0].start, 14);
	check("string of module 1", same(at(module[1].string), "with words"), module[1].string);
	equal("modules begin pages", (module[0].start | module[1].start) & 0xfff, 0);
}

void guest_main(void)
{
	const struct info *info = at((uint32_t)entry.bx);

	equal("eax", entry.ax, 0x2badb002);
	equal("cr0: protected, no paging", entry.cr0 & 0x80000001, 1);
	equal("flags: no interrupts, no vm86", entry.flags & 0x20200, 0);
	check_image();
	equal("flags of what is told", info->flags & 0x4d, 0x4d);
	equal("memory below 640 KiB", info->mem_lower > 600 && info->mem_lower <= 640, 1);
	check("memory above 1 MiB", info->mem_upper >= 60 * 1024, info->mem_upper);
	check("command line ends with what was asked", same((const char *)at(info->cmdline) + length(at(info->cmdline)) - 11,
		"hello=guest"), info->cmdline);
	check("usable memory", usable(info) >= 60u << 20, usable(info));
	check_modules(info);
	finish();
}
