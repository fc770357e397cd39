/* SPDX-License-Identifier: MIT */
/* Limine: 64-bit mode in the upper half, requests in the image. REVISION: base revision that is asked for. */
#include "guest.h"

#define ID(third, fourth) {0xc7b1dd30df4c8b88, 0x0a82e883a194f07b, third, fourth}

struct request {
	uint64_t id[4], revision;
	const uint64_t *response;
	uint64_t words[3];
};

struct file {
	uint64_t revision;
	const char *bytes;
	uint64_t size;
	const char *path, *string;
};

struct processor {
	uint32_t uid, lapic;
	uint64_t reserved, goto_address, argument;
};

struct framebuffer {
	uint64_t addr, width, height, pitch;
	uint16_t bpp;
};

#define REQUESTS __attribute__((used, section(".requests"), aligned(8)))
#define MARKER(where) __attribute__((used, section(where), aligned(8))) static volatile uint64_t
MARKER(".requests.start") start[4] = {0xf6b8f4b39de7d1ae, 0xfab91a6940fcb9cf, 0x785c6ed015d3e316, 0x181e920a7852b9d9};
MARKER(".requests.end") end_[2] = {0xadc0e0531bb10d03, 0x9572709f31764c62};
/* Before the markers: from base revision 2 on not to be found. */
MARKER(".requests.outside") outside[9] = {0xc7b1dd30df4c8b88, 0x0a82e883a194f07b, 0x502746e184c088aa, 0xfbc5ec83e6327893};
#if REVISION > 0
REQUESTS static volatile uint64_t tag[3] = {0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, REVISION};
#endif
REQUESTS static volatile struct request memmap = {.id = ID(0x67cf3d9d378a806f, 0xe304acdfc50c3c62)};
REQUESTS static volatile struct request hhdm = {.id = ID(0x48dcf1cb8ad2b852, 0x63984e959a98244b)};
REQUESTS static volatile struct request rsdp = {.id = ID(0xc5e77b6b397e7b43, 0x27637845accdcf3c)};
REQUESTS static volatile struct request modules = {.id = ID(0x3e7e279702be32af, 0xca1c4f3bd1280cee)};
REQUESTS static volatile struct request address = {.id = ID(0x71ba76863cc55f63, 0xb2644a48c516a487)};
REQUESTS static volatile struct request kernel = {.id = ID(0xad97e90e83f1ed67, 0x31eb5d1c5ff23b69)};
REQUESTS static volatile struct request mp = {.id = ID(0x95a67b819a1b857e, 0xa0b61b723b6a73e0)};
REQUESTS static volatile struct request stack = {.id = ID(0x224ef0460a8e8926, 0xe1cb0fc25f46ea3d), .words = {0x20000}};
REQUESTS static volatile struct request loader = {.id = ID(0xf55038d8e2a1202f, 0x279426fcf5f59740)};
REQUESTS static volatile struct request cmdline = {.id = ID(0x4b161536e598651e, 0xb390ad4a2f1f303a)};
REQUESTS static volatile struct request paging = {.id = ID(0x95c1a0edab0944cb, 0xa4e5cb3842f7488a)};
REQUESTS static volatile struct request screen = {.id = ID(0x9d5827dcd881dd75, 0xa3148604f6fab11b)};
REQUESTS static volatile struct request entropy = {.id = ID(0x65ea80255d5682c5, 0x9117240723f493eb), .words = {4}};
#if REVISION >= 2
REQUESTS static volatile struct request date = {.id = ID(0x502746e184c088aa, 0xfbc5ec83e6327893)};
#endif
REQUESTS static volatile struct request nonsense = {.id = ID(0x0123456789abcdef, 0xfedcba9876543210)};

static uint64_t direct_map;

static void check_registers(void)
{
	equal("cs", entry.cs, 0x28);
	equal("ds", entry.ds, 0x30);
	equal("es", entry.es, 0x30);
	equal("fs", entry.fs, 0x30);
	equal("gs", entry.gs, 0x30);
	equal("ss", entry.ss, 0x30);
	equal("general registers that are not zero", entry.ax | entry.bx | entry.cx | entry.dx | entry.si | entry.di | entry.bp, 0);
	equal("flags: no interrupts, forward", entry.flags & 0x600, 0);
	equal("cr0: paging, write protection, protection", entry.cr0 & 0x80010001, 0x80010001);
	equal("EFER: no-execute, long mode", read_msr(0xc0000080) & 0xd00, 0xd00);
	equal("PAT", read_msr(0x277) & 0xffffffffffff, 0x010500070406);
	equal("return address on the stack", *(const uint64_t *)entry.sp, 0);
}

static void check_memory(void)
{
	const uint64_t *const *entries = (const uint64_t *const *)memmap.response[2];
	uint64_t end = 0, usable = 0, kernels = 0;

	for (uint64_t i = 0; i < memmap.response[1]; i++) {
		const uint64_t *e = entries[i];

		check("memory map ascends", e[0] >= end, e[0]);
		end = e[0] + e[1];
		if (e[2] == 0 || e[2] == 5)
			equal("whole pages", (e[0] | e[1]) & 0xfff, 0);
		usable += e[2] == 0 ? e[1] : 0;
		kernels += e[2] == 6;
	}
	check("usable memory", usable >= UINT64_C(40) << 20, usable);
	check("the kernel is told of", kernels >= 1, kernels);
}

static void check_files(void)
{
	const struct file *const *files = (const struct file *const *)modules.response[2];
	const struct file *own = (const struct file *)kernel.response[1];

	equal("modules", modules.response[1], 2);
	check("text of module 0", same(files[0]->bytes, "first module\n"), (uintptr_t)files[0]->bytes);
	equal("size of module 0", files[0]->size, 14);
	check("string of module 1", same(files[1]->string, "with words"), (uintptr_t)files[1]->string);
	equal("modules begin pages", ((uintptr_t)files[0]->bytes | (uintptr_t)files[1]->bytes) & 0xfff, 0);
	check("the kernel's file", own->bytes[0] == 0x7f && own->bytes[1] == 'E', (uintptr_t)own->bytes);
	check("command line", same((const char *)cmdline.response[1], "hello=guest"), cmdline.response[1]);
}

static void check_screen(void)
{
	const struct framebuffer *fb;

	check("a framebuffer is told of", screen.response && screen.response[1] == 1, 0);
	if (!screen.response)
		return;
	fb = *(const struct framebuffer *const *)screen.response[2];
	equal("bits a pixel", fb->bpp, 32);
	equal("bytes a line", fb->pitch >= fb->width * 4, 1);
	for (uint64_t i = 0; i < 64; i++)
		((volatile uint32_t *)(fb->addr + i * fb->pitch))[i] = 0xffffff;
	equal("a pixel reads as it was written", ((volatile uint32_t *)(fb->addr + 5 * fb->pitch))[5] & 0xffffff, 0xffffff);
}

static void check_addresses(void)
{
	uint64_t here = (uint64_t)(uintptr_t)&guest_main, physical = here - address.response[2] + address.response[1];

	equal("direct map", hhdm.response[1], direct_map);
	check("direct map is in the upper half", direct_map >> 63, direct_map);
	equal("the kernel seen through the direct map", *(const uint64_t *)(direct_map + physical), *(const uint64_t *)here);
#if REVISION == 3
	check("RSDP: physical, and the direct map need not have it", rsdp.response[1] - 1 < UINT32_MAX, rsdp.response[1]);
#else
	equal("the RSDP can be read", try(READ, rsdp.response[1]), 0);
	check("RSDP", rsdp.response[1] >= direct_map && *(const uint64_t *)rsdp.response[1] == 0x2052545020445352,
		rsdp.response[1]);
#endif
#if REVISION == 0
	equal("4 KiB are mapped at their own addresses", try(READ, 0x1000), 0);
#else
	equal("address 1 MiB faults", try(READ, 0x100000), PAGE_FAULT);
#endif
}

static void check_permissions(void)
{
	static unsigned char code_in_data[] = {0xc3};
	static const unsigned char code_in_constants[] = {0xc3};

	equal("a store to text faults", try(WRITE, (uintptr_t)&check_permissions), PAGE_FAULT);
	equal("a store to constants faults", try(WRITE, (uintptr_t)code_in_constants), PAGE_FAULT);
	equal("a call into data faults", try(EXECUTE, (uintptr_t)code_in_data), PAGE_FAULT);
	equal("a call into constants faults", try(EXECUTE, (uintptr_t)code_in_constants), PAGE_FAULT);
	equal("a store to data does not", try(WRITE, (uintptr_t)code_in_data), 0);
	equal("address 0 faults", try(READ, 0), PAGE_FAULT);
	equal("what lies below the image faults", try(READ, 0xffffffff7ffff000), PAGE_FAULT);
}

/* Four words, of which no two are alike. */
static void check_entropy(void)
{
	const uint64_t *values;

	check("entropy is answered", !!entropy.response, 0);
	if (!entropy.response)
		return;
	equal("words of entropy", entropy.response[1], 4);
	values = (const uint64_t *)entropy.response[2];
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < i; k++)
			check("words of entropy differ", values[i] != values[k], values[i]);
}

static volatile uint64_t arrived;

/* Another processor's first code: on a stack of its own, rdi -> its structure. */
static void other(struct processor *self)
{
	arrived = self->argument;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void check_processors(void)
{
	struct processor *const *all = (struct processor *const *)mp.response[3];

	if (!mp.response)
		return;
	for (uint64_t i = 0; i < mp.response[2]; i++) {
		if (all[i]->lapic == (uint32_t)(mp.response[1] >> 32))
			continue;
		arrived = 0;
		all[i]->argument = 1000 + i;
		__atomic_store_n(&all[i]->goto_address, (uint64_t)(uintptr_t)other, __ATOMIC_SEQ_CST);
		for (uint64_t n = 0; n < 400000000 && !arrived; n++)
			__asm__ volatile("pause");
		equal("argument that a processor brought", arrived, 1000 + i);
	}
}

void guest_main(void)
{
	direct_map = hhdm.response[1];
	check_registers();
	check_image();
#if REVISION > 0
	equal("the tag is answered", tag[2], 0);
#endif
#if REVISION >= 3
	equal("the revision that is used", tag[1], REVISION);
#endif
	check_memory();
	check_files();
	check_addresses();
	check_permissions();
	check_screen();
	check_entropy();
#if REVISION >= 2
	check("date at boot", date.response && date.response[1] > 1600000000, date.response ? date.response[1] : 0);
#endif
	check_processors();
	check("name of the loader", length((const char *)loader.response[1]) > 0, loader.response[1]);
	check("the stack's size is granted", !!stack.response, 0);
	equal("paging mode: four levels", paging.response ? paging.response[1] : 99, 0);
	check("a request outside of the markers", (outside[5] == 0) == (REVISION >= 2), outside[5]);
	check("what nobody knows is not answered", !nonsense.response, (uintptr_t)nonsense.response);
	finish();
}
