/* SPDX-License-Identifier: MIT */
/* Multiboot 2: 32-bit protected mode, eax = 36D76289h, ebx -> tags. */
#include "guest.h"

struct tag {
	uint32_t type, size;
};

__asm__(".section .header, \"a\"\n.balign 8\nheader:\n"
	".long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + (header_end - header))\n"
	/* wanted: command line, memory map, modules (optional), both RSDPs (optional) */
	".short 1, 0\n.long 16\n.long 1, 6\n"
	".short 6, 0\n.long 8\n"
	".short 0, 0\n.long 8\n"
	"header_end:\n.text\n");

static unsigned seen[32];
static uint64_t usable;
static unsigned modules;

static void look_at_memory(const struct tag *tag)
{
	const uint32_t *head = (const uint32_t *)(tag + 1);

	equal("size of a memory map's entry", head[0] % 8, 0);
	for (uint32_t at = 16; at + head[0] <= tag->size; at += head[0]) {
		const uint64_t *words = (const uint64_t *)((uintptr_t)tag + at);

		if ((uint32_t)words[2] == 1)
			usable += words[1];
	}
}

static void look_at_module(const struct tag *tag)
{
	const uint32_t *words = (const uint32_t *)(tag + 1);
	const char *text = (const char *)(uintptr_t)words[0], *cmdline = (const char *)(words + 2);

	if (modules++ == 0) {
		check("text of module 0", same(text, "first module\n"), words[0]);
		equal("size of module 0", words[1] - words[0], 14);
	} else {
		check("string of module 1", same(cmdline, "with words"), words[0]);
	}
	equal("modules begin pages", words[0] & 0xfff, 0);
}

static void look_at(const struct tag *tag)
{
	if (tag->type < COUNT(seen))
		seen[tag->type]++;
	switch (tag->type) {
	case 1: check("command line", same((const char *)(tag + 1), "hello=guest"), tag->size); break;
	case 3: look_at_module(tag); break;
	case 6: look_at_memory(tag); break;
	case 14: check("RSDP", *(const uint32_t *)(tag + 1) == 0x20445352, *(const uint32_t *)(tag + 1)); break;
	default: break;
	}
}

void guest_main(void)
{
	const uint32_t *info = (const uint32_t *)(uintptr_t)entry.bx;
	const struct tag *tag;

	equal("eax", entry.ax, 0x36d76289);
	equal("cr0: protected, no paging", entry.cr0 & 0x80000001, 1);
	equal("flags: no interrupts, no vm86", entry.flags & 0x20200, 0);
	check_image();
	equal("alignment of the information", entry.bx & 7, 0);
	for (uint32_t at = 8; at < info[0]; at += (tag->size + 7) & ~7u) {
		tag = (const struct tag *)((uintptr_t)info + at);
		if (tag->type == 0) {
			equal("the end tag is the end", at + 8, info[0]);
			break;
		}
		look_at(tag);
	}
	equal("command lines", seen[1], 1);
	equal("memory maps", seen[6], 1);
	equal("loader's names", seen[2], 1);
	equal("modules", modules, 2);
	check("usable memory", usable >= UINT64_C(60) << 20, usable);
	finish();
}
