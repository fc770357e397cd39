/* SPDX-License-Identifier: MIT */
/* A 64-bit kernel without any protocol's mark: long mode, rsi -> Linux's boot_params. */
#include "guest.h"

static const unsigned char *params;

static uint64_t get(uint32_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = size; i-- > 0;)
		value = value << 8 | params[offset + i];
	return value;
}

static uint64_t usable(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < params[0x1e8]; i++)
		if (get(0x2d0 + 20 * i + 16, 4) == 1)
			sum += get(0x2d0 + 20 * i + 8, 8);
	return sum;
}

static void check_machine(void)
{
	equal("cr0: protected, paging", entry.cr0 & 0x80000001, 0x80000001);
	equal("cr4: physical address extension", entry.cr4 & 0x20, 0x20);
	equal("EFER: long mode", read_msr(0xc0000080) & 0x500, 0x500);
	equal("flags: no interrupts, forward", entry.flags & 0x600, 0);
	equal("cs", entry.cs, 0x10);
	equal("ds", entry.ds, 0x18);
	equal("es", entry.es, 0x18);
	equal("ss", entry.ss, 0x18);
}

void guest_main(void)
{
	const char *text;

	params = (const unsigned char *)(uintptr_t)entry.si;
	check_machine();
	check_image();
	equal("boot_flag", get(0x1fe, 2), 0xaa55);
	equal("header", get(0x202, 4), 0x53726448);
	check("type_of_loader is told", params[0x210] != 0, params[0x210]);
	text = (const char *)(uintptr_t)(get(0x228, 4) | get(0x0c8, 4) << 32);
	check("command line", same(text, "hello=guest"), (uintptr_t)text);
	check("usable memory", usable() >= UINT64_C(60) << 20, usable());
	text = (const char *)(uintptr_t)(get(0x218, 4) | get(0x0c0, 4) << 32);
	equal("size of the initrd", get(0x21c, 4), 14 + 2 + 15);
	check("text of the initrd", same(text, "first module\n"), (uintptr_t)text);
	check("RSDP", *(const uint32_t *)(uintptr_t)get(0x070, 8) == 0x20445352, get(0x070, 8));
	finish();
}
