/* SPDX-License-Identifier: MIT */
/* bootloader_api 0.11: 64-bit mode, rdi -> BootInfo. CONFIG: bytes of the configuration (115, 124 or 133). ASLR: it
 * wants addresses at random. */
#include "guest.h"

/* Version 0.11.x; a stack of 64 KiB; everything anywhere; physical memory mapped; recursive tables. */
#if CONFIG == 133
#define PATCH 15
#define AT_OPTIONS 67
#elif CONFIG == 124
#define PATCH 5
#define AT_OPTIONS 58
#else
#define PATCH 0
#define AT_OPTIONS 58
#endif
__attribute__((used, section(".bootloader-config"))) static const unsigned char config[CONFIG] = {
	0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d,
	0, 0, 11, 0, PATCH, 0, 0,
	0, 0, 1, 0, 0, 0, 0, 0,
	[AT_OPTIONS] = 1, [AT_OPTIONS + 10] = 1,
#ifdef ASLR
	[AT_OPTIONS + 20] = 1,
#endif
};

__attribute__((aligned(64), used)) static _Thread_local uint64_t thread_word = 0x5ead5ead5ead5ead;
__attribute__((used)) static _Thread_local uint64_t thread_zero[9];

static const unsigned char *info;

static uint64_t word(uint32_t offset)
{
	return *(const uint64_t *)(info + offset);
}

static uint32_t tag(uint32_t offset)
{
	return *(const uint32_t *)(info + offset);
}

static void check_registers(void)
{
	equal("stack pointer, 16-byte alignment plus 8", entry.sp & 15, 8);
	equal("return address on the stack", *(const uint64_t *)entry.sp, 0);
	equal("top of the stack", entry.sp, ((word(208) + word(216)) & ~UINT64_C(15)) - 8);
	equal("frame pointer", entry.bp, 0);
	equal("cr0: paging, write protection, protection", entry.cr0 & 0x80010001, 0x80010001);
	equal("EFER: no-execute, long mode", read_msr(0xc0000080) & 0xd00, 0xd00);
	equal("flags: no interrupts, forward", entry.flags & 0x600, 0);
}

static void check_regions(void)
{
	uint64_t usable = 0, end = 0;

	for (uint64_t i = 0; i < word(16); i++) {
		const uint64_t *region = (const uint64_t *)(word(8) + 24 * i);

		check("regions ascend", region[0] >= end && region[1] > region[0], region[0]);
		end = region[1];
		usable += (uint32_t)region[2] == 0 ? region[1] - region[0] : 0;
	}
	check("usable memory", usable >= UINT64_C(40) << 20, usable);
}

static void check_mappings(void)
{
	uint64_t physical = word(96), i = *(const uint16_t *)(info + 108), root = i << 39 | i << 30 | i << 21 | i << 12;

	equal("physical memory is mapped", tag(88), 0);
	equal("the kernel's file seen through it", *(const uint32_t *)(physical + word(184)), 0x464c457f);
	equal("recursive entry is told", tag(104), 0);
	if (i >= 256)
		root |= UINT64_C(0xffff) << 48;
	equal("the root seen through itself", ((const uint64_t *)root)[i] & ~UINT64_C(0xfff) & ~(UINT64_C(1) << 63), entry.cr3);
	check("RSDP", tag(112) == 0 && *(const uint64_t *)(physical + word(120)) == 0x2052545020445352, word(120));
	equal("a ramdisk is told", tag(160), 0);
	check("its text", same((const char *)word(168), "first module\n"), word(168));
	equal("its size", word(176), 14);
}

/* The lowest places that there are come up once in 2^35 boots. */
static void check_random(void)
{
	const uint64_t lowest = UINT64_C(1) << 39, most = lowest + (UINT64_C(1) << 30);
#ifdef ASLR
	const bool random = true;
#else
	const bool random = false;
#endif

	equal("the stack is at random", word(208) < lowest || word(208) > most, random);
	equal("physical memory is at random", word(96) < lowest || word(96) > most, random);
	if (word(200) != 0)
		equal("the kernel is at random", word(200) < lowest || word(200) > most, random);
}

static void check_permissions(void)
{
	static unsigned char code_in_data[] = {0xc3};

	equal("a store to text faults", try(WRITE, (uintptr_t)&check_permissions), PAGE_FAULT);
	equal("a store to constants faults", try(WRITE, (uintptr_t)config), PAGE_FAULT);
	equal("a call into data faults", try(EXECUTE, (uintptr_t)code_in_data), PAGE_FAULT);
	equal("the guard page below the stack faults", try(WRITE, word(208) - 8), PAGE_FAULT);
	equal("the lowest word of the stack does not", try(WRITE, word(208)), 0);
	equal("a call into the stack faults", try(EXECUTE, word(208)), PAGE_FAULT);
	equal("address 0 faults", try(READ, 0), PAGE_FAULT);
}

static void check_tls(void)
{
	const unsigned char *template = (const unsigned char *)word(136);

	equal("a TLS template is told", tag(128), 0);
	equal("its first word", *(const uint64_t *)template, 0x5ead5ead5ead5ead);
	check("its sizes", word(152) >= word(144) + sizeof thread_zero, word(152));
	equal("its alignment", (uintptr_t)template & 63, 0);
}

static void check_screen(void)
{
	equal("a framebuffer is told", tag(24), 0);
	if (tag(24) != 0)
		return;
	check("bytes of the framebuffer", word(40) >= word(56) * word(80) * word(72), word(40));
	*(volatile uint32_t *)word(32) = 0xffffff;
	equal("a pixel reads as it was written", *(volatile uint32_t *)word(32) & 0xffffff, 0xffffff);
}

void guest_main(void)
{
	info = (const unsigned char *)entry.di;
	equal("version", word(0) & 0xffffffff, 11 << 16);
	check_registers();
	check_image();
	check_regions();
	check_mappings();
	check_random();
	check_permissions();
	check_tls();
	check_screen();
	check("length of the kernel's file", word(192) > 0, word(192));
	finish();
}
