/* SPDX-License-Identifier: MIT */
/* Multiboot 1 and 2: headers anywhere and broken in every field, information byte for byte, sections, kernels that move. */
#include <elf.h>
#include <stdlib.h>

#include "../unit/tape.h"
#include "state.h"

static struct state s;
static unsigned char code[0x3000]; /* the first segment: the header goes into it */

static void put(uint32_t offset, uint32_t value)
{
	state_put(code + offset, 4, value);
}

static void header1(uint32_t at, uint32_t flags)
{
	memset(code, 0x90, sizeof code);
	put(at, 0x1badb002);
	put(at + 4, flags);
	put(at + 8, 0u - 0x1badb002u - flags);
}

/* Tags follow from at + 16 on; the caller writes them. */
static void header2(uint32_t at, uint32_t length)
{
	memset(code, 0, sizeof code);
	put(at, 0xe85250d6);
	put(at + 4, 0);
	put(at + 8, length);
	put(at + 12, 0u - 0xe85250d6u - length);
}

static uint32_t tag(uint32_t at, uint16_t type, uint16_t flags, uint32_t size)
{
	state_put(code + at, 2, type);
	state_put(code + at + 2, 2, flags);
	put(at + 4, size);
	return at + ((size + 7) & ~7u);
}

static void make(uint8_t class_, uint32_t flags)
{
	static const struct mkelf_symbol symbols[] = {{.name = "start", .shndx = 1, .value = 0x100000}};
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x100000, .align = 0x1000, .bytes = code, .size = sizeof code},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x103000, .align = 0x1000, .size = 0x800, .bss = 0x2000},
	};
	const struct mkelf elf = {.class_ = class_, .type = ET_EXEC, .machine = class_ == ELFCLASS64 ? EM_X86_64 : EM_386,
		.entry = 0x100020, .segments = segments, .nsegments = 2, .tables = MKELF_NOWHERE, .sections = true,
		.symtab = symbols,
		.nsymtab = 1};

	file_write(&s.file, &elf);
	state_load(&s, LODE_PROTOCOL_MULTIBOOT, 0, flags);
}

static void run1(const struct lode_machine *machine, bool elf)
{
	struct lode_multiboot found;

	state_reset(&s, machine);
	s.status = lode_multiboot_find(&found, &s.file.source, &s.why);
	if (s.status == LODE_OK)
		s.status = lode_start_multiboot(&s.start, &found, elf ? &s.kernel : NULL, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

static void run2(const struct lode_machine *machine, bool elf)
{
	struct lode_multiboot2 found;

	state_reset(&s, machine);
	s.status = lode_multiboot2_find(&found, &s.file.source, &s.why);
	if (s.status == LODE_OK)
		s.status = lode_start_multiboot2(&s.start, &found, elf ? &s.kernel : NULL, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

static const struct lode_framebuffer screen = {.addr = 0xfd000000, .width = 800, .height = 600, .pitch = 3200, .bpp = 32, .red = {8,
	16},
	.green = {8, 8}, .blue = {8, 0}};

static void test_golden1(void)
{
	static const struct lode_memory_entry memory[] = {{0, 0x9fc00, LODE_MEMORY_USABLE}, {0x100000, 0x700000,
		LODE_MEMORY_USABLE},
		{0x800000, 0x1000, LODE_MEMORY_PERSISTENT}};
	static const struct lode_module modules[] = {{0x321, 0x200000, "m", NULL}};
	const struct lode_machine machine = {.memory = memory, .nmemory = 3, .modules = modules, .nmodules = 1, .cmdline = "k",
		.framebuffer = &screen};
	static const unsigned char want[] = {
		0x4d, 0x12, 0, 0, 0x7f, 2, 0, 0, 0, 0x1c, 0, 0, 0, 0, 0, 0, /* flags, mem_lower 639, mem_upper 7168, boot_device */
		0x02, 0x11, 0, 0, 1, 0, 0, 0, 0xf0, 0x10, 0, 0, 0, 0, 0, 0, /* cmdline 1102h, mods 1 at 10f0h, syms */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0, 0, 0, /* syms, mmap_length 72 */
		0xa8, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* mmap 10a8h */
		0x04, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* loader name 1104h */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0, 0, 0, 0, /* vbe, framebuffer */
		0x80, 0x0c, 0, 0, 0x20, 3, 0, 0, 0x58, 2, 0, 0, 32, 1, 16, 8, /* pitch, width, height, bpp, type, red */
		8, 8, 0, 8, 0, 0, 0, 0, /* green, blue */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf,
			0,
		0x67, 0, 0, 0, 0, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfc, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		20, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x70, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		20, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
		0, 0, 0x20, 0, 0x21, 3, 0x20, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, /* module */
		'm', 0, 'k', 0, 'L', 'o', 'd', 'e', ' ',
	};

	header1(0x40, 7);
	make(ELFCLASS32, 0);
	run1(&machine, true);
	CHECK_EQ(s.start.info, 0x1000);
	CHECK_MEM(state_at(&s, 0x1000, sizeof want), want, sizeof want);
	CHECK_STR(state_string(&s, 0x1104), "Lode " LODE_VERSION);
}

static void check_registers(uint32_t eax, uint64_t rip)
{
	const struct lode_registers *r = &s.start.registers;

	CHECK_EQ(r->rax, eax);
	CHECK_EQ(r->rbx, s.start.info);
	CHECK_EQ(r->rip, rip);
	CHECK_EQ(r->cr0, 0x11);
	CHECK_EQ(r->cr4 | r->efer | r->cr3, 0);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(lode_descriptor_limit(r->cs.descriptor), 0xffffffff);
	CHECK_EQ(lode_descriptor_limit(r->ss.descriptor), 0xffffffff);
}

static void test_classes1(void)
{
	const struct lode_machine machine = state_machine();

	for (uint8_t class_ = ELFCLASS32; class_ <= ELFCLASS64; class_++) {
		header1(0, 3);
		make(class_, 0);
		run1(&machine, true);
		check_registers(0x2badb002, 0x100020);
		CHECK_EQ(state_get(&s, s.start.info, 4) & (1 << 5 | 1 << 12), 0);
	}
}

/* What a BIOS leaves, where there is none; not if something lies there or the memory is not usable. */
static void test_bios_data(void)
{
	const struct lode_range reserved[] = {{0x4ff, 1}};
	struct lode_machine machine = state_machine();

	for (int v = 1; v <= 2; v++) {
		machine.no_bios = true;
		machine.nreserved = 0;
		if (v == 1)
			header1(0, 3);
		else
			header2(0, 24), tag(0x10, 0, 0, 8);
		make(ELFCLASS32, 0);
		(v == 1 ? run1 : run2)(&machine, true);
		CHECK_EQ(state_get(&s, 0x400, 2), 0x3f8);
		CHECK_EQ(state_get(&s, 0x40e, 2), 0x9fc0);
		CHECK_EQ(state_get(&s, 0x413, 2), 639);
		/* int 10h to 1fh set carry, all others return */
		CHECK_EQ(state_get(&s, 0x10 * 4, 4), 0x4f0);
		CHECK_EQ(state_get(&s, 0x1f * 4, 4), 0x4f0);
		CHECK_EQ(state_get(&s, 0x4f0, 8), 0x5d01064e80e58955);
		CHECK_EQ(state_get(&s, 0x0f * 4, 4), 0x4f8);
		CHECK_EQ(state_get(&s, 0xff * 4, 4), 0x4f8);
		CHECK_EQ(state_get(&s, 0x4f8, 1), 0xcf);
		machine.reserved = reserved;
		machine.nreserved = 1;
		(v == 1 ? run1 : run2)(&machine, true);
		CHECK_EQ(s.status, LODE_OK);
		for (uint32_t i = 0; i < s.start.nparts; i++)
			CHECK(s.parts[i].what != LODE_FIELD_PART_BIOS_DATA);
	}
}

/* Where the header may stand: at multiples of 4 in the first 8 KiB, the words wholly inside. */
static void test_search1(void)
{
	struct lode_multiboot found;
	unsigned char *bytes = calloc(1, 9000);
	struct lode_source source = {.bytes = bytes, .size = 9000};

	for (uint32_t at = 0; at < 8300; at += at < 4 || at > 8100 || (at > 500 && at < 520) ? 1 : 4) {
		int want = at % 4 == 0 && at + 12 <= 8192 ? LODE_OK : LODE_ERR_UNSUPPORTED;

		state_put(bytes + at, 4, 0x1badb002);
		state_put(bytes + at + 8, 4, 0u - 0x1badb002u);
		CHECK_EQ(lode_multiboot_find(&found, &source, &s.why), want);
		if (want == LODE_OK)
			CHECK_EQ(found.offset, at);
		for (source.size = at; want == LODE_OK && source.size < at + 12; source.size++)
			CHECK_EQ(lode_multiboot_find(&found, &source, &s.why), LODE_ERR_UNSUPPORTED);
		source.size = 9000;
		memset(bytes + at, 0, 12);
	}
	free(bytes);
}

static void test_demands1(void)
{
	const struct lode_machine machine = state_machine();

	for (uint32_t bit = 0; bit < 32; bit++) {
		header1(0x100, 1u << bit);
		make(ELFCLASS32, 0);
		run1(&machine, true);
		if (bit >= 3 && bit < 16)
			state_refused(&s, LODE_RULE_START_MULTIBOOT_DEMAND, LODE_FIELD_MULTIBOOT_FLAGS);
		else if (bit != 16)
			CHECK_EQ(s.status, LODE_OK);
	}
}

/* The header's own addresses: a flat file, with and without ends. */
static void test_raw(void)
{
	static const struct { uint32_t header, load, load_end, bss_end, entry; enum lode_field field; } rows[] = {
		{0x200100, 0x200000, 0x201000, 0x202000, 0x200010, LODE_FIELD_NONE},
		{0x200100, 0x200100, 0, 0, 0x202fff - 0x1000, LODE_FIELD_NONE},
		{0x200100, 0x200000, 0, 0x203000, 0x200000, LODE_FIELD_NONE},
		{0x1fffff, 0x200000, 0, 0, 0x200000, LODE_FIELD_MULTIBOOT_LOAD},
		{0x200104, 0x200000, 0, 0, 0x200000, LODE_FIELD_MULTIBOOT_LOAD},
		{0x200100, 0x200000, 0x1fffff, 0, 0x200000, LODE_FIELD_MULTIBOOT_LOAD},
		{0x200100, 0x200000, 0x203001, 0, 0x200000, LODE_FIELD_MULTIBOOT_LOAD_END},
		{0xfffff100, 0xfffff000, 0, 0, 0xfffff000, LODE_FIELD_MULTIBOOT_LOAD_END},
		{0x200100, 0x200000, 0x201000, 0x200fff, 0x200000, LODE_FIELD_MULTIBOOT_BSS_END},
	};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		header1(0x100, 0x10000);
		put(0x10c, rows[i].header), put(0x110, rows[i].load), put(0x114, rows[i].load_end);
		put(0x118, rows[i].bss_end), put(0x11c, rows[i].entry);
		s.file.source = (struct lode_source){.bytes = code, .size = sizeof code};
		s.kernel = (struct lode_kernel){NULL, NULL};
		run1(&machine, false);
		if (rows[i].field != LODE_FIELD_NONE) {
			state_refused(&s, LODE_RULE_START_MULTIBOOT_LOAD, rows[i].field);
			continue;
		}
		check_registers(0x2badb002, rows[i].entry);
		CHECK_EQ(s.parts[0].addr, rows[i].load);
		CHECK_EQ(s.parts[0].offset, 0x100 - (rows[i].header - rows[i].load));
		CHECK_EQ(s.parts[0].size, rows[i].load_end ? rows[i].load_end - rows[i].load : sizeof code - s.parts[0].offset);
		CHECK_EQ(s.parts[0].content, LODE_CONTENT_FILE);
	}
	put(0x118, 0), put(0x11c, 0x201000), put(0x114, 0x201000);
	run1(&machine, false);
	state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_MULTIBOOT_ENTRY);
	header1(0x100, 0);
	run1(&machine, false);
	state_refused(&s, LODE_RULE_START_KERNEL_MISSING, LODE_FIELD_MULTIBOOT_FLAGS);
}

/* Where no memory is; and as far as the file goes, of which nobody knows how far that is. */
static void test_raw_refused(void)
{
	const struct lode_machine machine = state_machine();
	struct tape tape;

	header1(0x100, 0x10000);
	put(0x10c, 0x20000100), put(0x110, 0x20000000), put(0x114, 0), put(0x118, 0), put(0x11c, 0x20000000);
	s.file.source = (struct lode_source){.bytes = code, .size = sizeof code};
	s.kernel = (struct lode_kernel){NULL, NULL};
	run1(&machine, false);
	state_refused(&s, LODE_RULE_START_OUTSIDE, LODE_FIELD_PART_KERNEL);
	s.file.source = tape_begin(&tape, code, sizeof code, false);
	run1(&machine, false);
	state_refused(&s, LODE_RULE_START_MULTIBOOT_LOAD, LODE_FIELD_MULTIBOOT_LOAD_END);
	tape_end(&tape);
}

/* The section table in memory names every section where it now is. */
static void check_sections(uint64_t table, uint32_t n, uint32_t size)
{
	const struct lode_image *image = &s.file.image;
	bool wide = size == 64;

	CHECK_EQ(n, image->nsections);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = table + (uint64_t)i * size, addr = state_get(&s, at + (wide ? 16 : 12), wide ? 8 : 4);
		uint64_t bytes = state_get(&s, at + (wide ? 32 : 20), wide ? 8 : 4), found = 0;

		CHECK_EQ(state_get(&s, at, 4), image->sections[i].name);
		CHECK_EQ(state_get(&s, at + 4, 4), image->sections[i].type);
		CHECK_EQ(bytes, image->sections[i].size);
		CHECK_EQ(state_get(&s, at + (wide ? 40 : 24), 4), image->sections[i].link);
		CHECK_EQ(state_get(&s, at + (wide ? 56 : 36), wide ? 8 : 4), image->sections[i].entsize);
		for (uint32_t k = 0; k < s.start.nparts; k++)
			if (s.parts[k].what == LODE_FIELD_PART_SECTION && s.parts[k].index == i) {
				CHECK_EQ(s.parts[k].offset, image->sections[i].offset);
				CHECK_EQ(s.parts[k].size, bytes);
				found = s.parts[k].addr;
			}
		CHECK_EQ(addr, found != 0 ? found : image->sections[i].addr);
		if (image->sections[i].type == SHT_SYMTAB || image->sections[i].type == SHT_STRTAB)
			CHECK(addr != 0);
	}
}

static void test_sections1(void)
{
	const struct lode_machine machine = state_machine();

	for (uint8_t class_ = ELFCLASS32; class_ <= ELFCLASS64; class_++) {
		header1(0x80, 0);
		make(class_, LODE_OPEN_SECTIONS);
		run1(&machine, true);
		CHECK(state_get(&s, s.start.info, 4) & 1 << 5);
		CHECK_EQ(state_get(&s, s.start.info + 32, 4), class_ == ELFCLASS64 ? 64 : 40);
		CHECK_EQ(state_get(&s, s.start.info + 40, 4), s.file.image.shstrndx);
		check_sections(state_get(&s, s.start.info + 36, 4), (uint32_t)state_get(&s, s.start.info + 28, 4),
			class_ == ELFCLASS64 ? 64 : 40);
	}
}

/* Sections of no bytes get no place, whatever else they say. */
static void test_empty_sections(void)
{
	const struct lode_machine machine = state_machine();

	header1(0x80, 0);
	make(ELFCLASS64, LODE_OPEN_SECTIONS);
	mkelf_set(&s.file.out, MKELF_SHDR, 0, "sh_size", 5);
	mkelf_set(&s.file.out, MKELF_SHDR, 1, "sh_type", SHT_NOBITS);
	mkelf_set(&s.file.out, MKELF_SHDR, 1, "sh_flags", 0);
	state_load(&s, LODE_PROTOCOL_MULTIBOOT, 0, LODE_OPEN_SECTIONS);
	CHECK(s.file.image.sections[1].size > 0);
	run1(&machine, true);
	for (uint32_t i = 0; i < s.start.nparts; i++)
		CHECK(s.parts[i].what != LODE_FIELD_PART_SECTION || s.parts[i].index > 1);
	s.file.image.nsections = 0;
	run1(&machine, true);
	CHECK_EQ(state_get(&s, s.start.info, 4) & 1 << 5, 0);
}

static void test_counts(void)
{
	static struct lode_memory_entry memory[200];
	struct lode_module modules[9];

	for (uint32_t i = 0; i < 200; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, 2 + i % 4};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	for (uint32_t i = 0; i < 9; i++)
		modules[i] = (struct lode_module){i * 4099, LODE_ANYWHERE, i % 2 ? "x y" : NULL, NULL};
	header1(0x40, 3);
	make(ELFCLASS32, 0);
	for (uint32_t n = 1; n <= 200; n++) {
		const struct lode_machine machine = {.memory = memory, .nmemory = n, .modules = modules, .nmodules = n % 10};
		uint64_t info, map, list;

		run1(&machine, true);
		info = s.start.info, map = state_get(&s, info + 48, 4), list = state_get(&s, info + 24, 4);
		CHECK_EQ(state_get(&s, info + 44, 4), 24 * n);
		CHECK_EQ(state_get(&s, info + 20, 4), n % 10);
		for (uint32_t i = 0; i < n; i++)
			CHECK_EQ(state_get(&s, map + 24 * i + 4, 8), memory[i].addr);
		for (uint32_t i = 0; i < n % 10; i++) {
			uint64_t begin = state_get(&s, list + 16 * i, 4);

			CHECK_EQ(begin, lode_start_module(&s.start, i)->addr);
			CHECK_EQ(begin % 4096, 0);
			CHECK_EQ(state_get(&s, list + 16 * i + 4, 4) - begin, modules[i].size);
			CHECK_STR(state_string(&s, state_get(&s, list + 16 * i + 8, 4)), i % 2 ? "x y" : "");
		}
	}
}

/* The tags in order, up to the one with type 0; the offset of the first of a type, or 0. */
static uint64_t find_tag(uint32_t type, uint32_t skip)
{
	uint64_t info = s.start.info, size = state_get(&s, info, 4), at = 8;

	while (at < size) {
		uint64_t tag_type = state_get(&s, info + at, 4), tag_size = state_get(&s, info + at + 4, 4);

		if (tag_type == type && skip-- == 0)
			return info + at;
		if (tag_type == 0) {
			CHECK_EQ(tag_size, 8);
			CHECK_EQ(at + 8, size);
			return 0;
		}
		CHECK(tag_size >= 8);
		at += (tag_size + 7) & ~7u;
	}
	CHECK(false && "no end tag");
	return 0;
}

static void test_tags(void)
{
	static const unsigned char rsdp[36] = "RSD PTR and twenty-eight bytes more";
	static const struct lode_module modules[] = {{0x321, 0x200000, "first module", NULL}, {0, LODE_ANYWHERE, NULL, NULL}};
	struct lode_machine machine = state_machine();
	uint64_t at;

	header2(0x100, 24);
	tag(0x110, 0, 0, 8);
	make(ELFCLASS64, LODE_OPEN_SECTIONS);
	machine.modules = modules, machine.nmodules = 2, machine.cmdline = "abcdefg", machine.framebuffer = &screen;
	machine.rsdp_bytes = rsdp, machine.rsdp_size = 36;
	run2(&machine, true);
	check_registers(0x36d76289, 0x100020);
	CHECK_EQ(s.start.info % 8, 0);
	CHECK_EQ(state_get(&s, s.start.info + 4, 4), 0);
	at = find_tag(1, 0);
	CHECK_EQ(at, s.start.info + 8);
	CHECK_EQ(state_get(&s, at + 4, 4), 16);
	CHECK_STR(state_string(&s, at + 8), "abcdefg");
	CHECK_STR(state_string(&s, find_tag(2, 0) + 8), "Lode " LODE_VERSION);
	at = find_tag(4, 0);
	CHECK_EQ(state_get(&s, at + 8, 4), 639);
	CHECK_EQ(state_get(&s, at + 12, 4), 0xff00000 / 1024);
	at = find_tag(6, 0);
	CHECK_EQ(state_get(&s, at + 4, 4), 16 + 4 * 24);
	CHECK_EQ(state_get(&s, at + 8, 8), 24);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_EQ(state_get(&s, at + 16 + 24 * i, 8), state_memory[i].addr);
		CHECK_EQ(state_get(&s, at + 24 + 24 * i, 8), state_memory[i].size);
		CHECK_EQ(state_get(&s, at + 32 + 24 * i, 8), state_memory[i].type);
	}
	at = find_tag(3, 0);
	CHECK_EQ(state_get(&s, at + 8, 4), 0x200000);
	CHECK_EQ(state_get(&s, at + 12, 4), 0x200321);
	CHECK_STR(state_string(&s, at + 16), "first module");
	CHECK_STR(state_string(&s, find_tag(3, 1) + 16), "");
	CHECK_EQ(find_tag(3, 2), 0);
	at = find_tag(8, 0);
	CHECK_EQ(state_get(&s, at + 4, 4), 38);
	CHECK_EQ(state_get(&s, at + 8, 8), 0xfd000000);
	CHECK_EQ(state_get(&s, at + 28, 8), 0x0808081000000120);
	CHECK_EQ(state_get(&s, at + 34, 4), 0x08000808);
	at = find_tag(9, 0);
	CHECK_EQ(state_get(&s, at + 4, 4), 20 + 64 * s.file.image.nsections);
	check_sections(at + 20, (uint32_t)state_get(&s, at + 8, 4), (uint32_t)state_get(&s, at + 12, 4));
	CHECK_MEM(state_at(&s, find_tag(14, 0) + 8, 20), rsdp, 20);
	CHECK_MEM(state_at(&s, find_tag(15, 0) + 8, 36), rsdp, 36);
	CHECK_EQ(find_tag(21, 0), 0);
}

static void test_header_tags(void)
{
	static const struct { uint16_t type, flags; uint32_t size, word; enum lode_rule rule; } rows[] = {
		{1, 0, 12, 6, LODE_RULE_NONE}, {1, 0, 12, 12, LODE_RULE_START_MULTIBOOT_DEMAND}, {1, 1, 12, 12, LODE_RULE_NONE},
		{1, 0, 12, 99, LODE_RULE_START_MULTIBOOT_DEMAND}, {1, 0, 8, 0, LODE_RULE_NONE}, {3, 0, 12, 0x100030,
		LODE_RULE_NONE},
		{3, 0, 8, 0, LODE_RULE_START_MULTIBOOT2_TAG}, {3, 0, 12, 0x300000, LODE_RULE_START_ENTRY}, {4, 0, 12, 3,
		LODE_RULE_NONE},
		{6, 0, 8, 0, LODE_RULE_NONE}, {7, 0, 8, 0, LODE_RULE_NONE}, {8, 0, 12, 1, LODE_RULE_NONE}, {9, 0, 12, 1,
		LODE_RULE_NONE},
		{11, 0, 8, 0, LODE_RULE_START_MULTIBOOT_DEMAND}, {11, 1, 8, 0, LODE_RULE_NONE}, {77, 1, 7, 0,
		LODE_RULE_START_MULTIBOOT2_TAG},
		{5, 0, 20, 640, LODE_RULE_NONE}, {2, 0, 20, 0, LODE_RULE_START_MULTIBOOT2_TAG}, {10, 0, 24, 0, LODE_RULE_NONE},
		{0, 0, 7, 0, LODE_RULE_START_MULTIBOOT2_TAG}, {77, 1, 0xffffffff, 0, LODE_RULE_START_MULTIBOOT2_TAG},
	};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t next;

		header2(0x100, 56);
		next = tag(0x110, rows[i].type, rows[i].flags, rows[i].size);
		put(0x118, rows[i].word);
		if (rows[i].type == 10)
			put(0x11c, 0xffffffff), put(0x120, 0x1000);
		tag(next < 0x130 && next >= 0x118 ? next : 0x128, 0, 0, 8);
		make(ELFCLASS32, 0);
		run2(&machine, true);
		CHECK_STR(s.status == LODE_OK ? "" : lode_rule_name(s.why.rule), lode_rule_name(rows[i].rule));
		if (rows[i].type == 3 && rows[i].rule == LODE_RULE_NONE)
			CHECK_EQ(s.start.registers.rip, 0x100030);
	}
	header2(0x100, 16);
	make(ELFCLASS32, 0);
	run2(&machine, true);
	state_refused(&s, LODE_RULE_START_MULTIBOOT2_TAG, LODE_FIELD_MULTIBOOT2_TAG_SIZE);
	header2(0x100, 24);
	put(0x104, 4);
	put(0x10c, 0u - 0xe85250d6u - 24 - 4);
	make(ELFCLASS32, 0);
	run2(&machine, true);
	state_refused(&s, LODE_RULE_START_MACHINE, LODE_FIELD_MULTIBOOT2_ARCH);
	header2(0x100, 15);
	make(ELFCLASS32, 0);
	run2(&machine, true);
	state_refused(&s, LODE_RULE_START_MULTIBOOT2_TAG, LODE_FIELD_MULTIBOOT2_LENGTH);
	header2(0x100, 0x10000000);
	make(ELFCLASS32, 0);
	run2(&machine, true);
	state_refused(&s, LODE_RULE_START_MULTIBOOT2_TAG, LODE_FIELD_MULTIBOOT2_LENGTH);
	header2(0x104, 24);
	make(ELFCLASS32, 0);
	run2(&machine, true);
	state_refused(&s, LODE_RULE_START_MULTIBOOT_NONE, LODE_FIELD_MULTIBOOT2_MAGIC);
}

static void test_relocatable(void)
{
	static const struct { uint32_t min, last, align, preference; uint64_t want; } rows[] = {
		{0, 0xffffffff, 0x1000, 0, 0x100000}, {0x100000, 0x105fff, 0x1000, 0, 0x100000}, {0x200000, 0xffffffff, 0x1000, 0,
			0x200000},
		{0, 0xffffffff, 0x200000, 0, 0x200000}, {0x100000, 0xffffffff, 0x200000, 1, 0x200000}, {0, 0xffffffff, 0x200000, 2,
		0xfe00000},
		{0, 0x104fff, 0x1000, 0, 0x1000},
		{0, 0x7ffffff, 0x1000, 2, 0x8000000 - 0x6000}, {0, 0x6fff, 0x1000, 1, 0x1000}, {0x100001, 0x105ffe, 1, 1,
		UINT64_MAX},
	};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		header2(0x100, 48);
		tag(tag(0x110, 10, 0, 24), 0, 0, 8);
		put(0x118, rows[i].min), put(0x11c, rows[i].last), put(0x120, rows[i].align), put(0x124, rows[i].preference);
		make(ELFCLASS32, 0);
		run2(&machine, true);
		if (rows[i].want == UINT64_MAX) {
			state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_KERNEL_SIZE);
			continue;
		}
		CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL)->addr, rows[i].want);
		CHECK_EQ(s.start.registers.rip, rows[i].want + 0x20);
		CHECK_EQ(state_get(&s, find_tag(21, 0) + 8, 4), rows[i].want);
	}
}

/* It may stay where it is by its own wish, but something else is there. */
static void test_in_the_way(void)
{
	const struct lode_range reserved[] = {{0x101000, 1}};
	struct lode_machine machine = state_machine();

	header2(0x100, 48);
	tag(tag(0x110, 10, 0, 24), 0, 0, 8);
	put(0x118, 0), put(0x11c, 0xffffffff), put(0x120, 0x1000), put(0x124, 0);
	make(ELFCLASS32, 0);
	machine.reserved = reserved, machine.nreserved = 1;
	run2(&machine, true);
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL)->addr, 0x1000);
}

/* What both versions refuse in an ELF file: machine and entry; then too little room. */
static void test_refused(void)
{
	const struct lode_machine machine = state_machine();
	struct lode_multiboot2 found2;
	struct lode_multiboot found;

	for (int v = 1; v <= 2; v++)
		for (int has_entry = 0; has_entry < v; has_entry++) {
			if (v == 1)
				header1(0x100, 0);
			else
				header2(0x100, 40), tag(has_entry ? tag(0x110, 3, 0, 12) : 0x110, 0, 0, 8), put(0x118, 0x103900);
			make(ELFCLASS32, 0);
			mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_entry", 0x103900);
			state_load(&s, LODE_PROTOCOL_MULTIBOOT, 0, 0);
			(v == 1 ? run1 : run2)(&machine, true);
			state_refused(&s, LODE_RULE_START_ENTRY, has_entry ? LODE_FIELD_MULTIBOOT_ENTRY : LODE_FIELD_EHDR_ENTRY);
			mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_machine", EM_ARM);
			state_load(&s, LODE_PROTOCOL_MULTIBOOT, 0, 0);
			(v == 1 ? run1 : run2)(&machine, true);
			state_refused(&s, LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_MACHINE);
		}
	CHECK_EQ(lode_multiboot2_find(&found2, &s.file.source, NULL), LODE_OK);
	s.start.max_parts = 1;
	s.status = lode_start_multiboot2(&s.start, &found2, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_PARTS, LODE_FIELD_START_PARTS);
	header1(0, 0);
	make(ELFCLASS32, 0);
	CHECK_EQ(lode_multiboot_find(&found, &s.file.source, NULL), LODE_OK);
	s.status = lode_start_multiboot(&s.start, &found, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_PARTS, LODE_FIELD_START_PARTS);
}

/* Much memory: more than the field for it can say. */
static void test_upper_memory(void)
{
	static const struct lode_memory_entry memory[] = {
		{0, 0x9fc00, LODE_MEMORY_USABLE}, {0x100000, UINT64_C(1) << 43, LODE_MEMORY_USABLE}};
	const struct lode_machine machine = {.memory = memory, .nmemory = 2};

	header1(0, 2);
	make(ELFCLASS32, 0);
	run1(&machine, true);
	CHECK_EQ(state_get(&s, s.start.info + 8, 4), UINT32_MAX);
}

static void test_raw2(void)
{
	const struct lode_machine machine = state_machine();

	header2(0x100, 64);
	tag(tag(tag(0x110, 2, 0, 24), 3, 0, 12), 0, 0, 8);
	put(0x118, 0x200100), put(0x11c, 0x200000), put(0x120, 0), put(0x124, 0x204000), put(0x130, 0x200400);
	s.file.source = (struct lode_source){.bytes = code, .size = sizeof code};
	s.kernel = (struct lode_kernel){NULL, NULL};
	run2(&machine, false);
	check_registers(0x36d76289, 0x200400);
	CHECK_EQ(s.parts[0].size, 0x3000);
	CHECK_EQ(s.parts[1].size, 0x1000);
	CHECK_EQ(s.parts[1].content, LODE_CONTENT_ZERO);
	tag(0x128, 4, 0, 12);
	run2(&machine, false);
	state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_MULTIBOOT_ENTRY);
	header2(0x100, 24);
	tag(0x110, 0, 0, 8);
	run2(&machine, false);
	state_refused(&s, LODE_RULE_START_KERNEL_MISSING, LODE_FIELD_MULTIBOOT2_MAGIC);
}

/* Every word of both headers at its edges, and every length. */
static void test_hostile(void)
{
	static const uint32_t values[] = {0, 1, 7, 8, 0xffff, 0x10000, 0x1ffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	const struct lode_machine machine = state_machine();

	for (uint32_t at = 4; at < 0x60; at += 2)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			header1(0, 0x10007);
			put(0xc, 0x200000), put(0x10, 0x200000), put(0x1c, 0x200000);
			if (at < 0x30)
				put(at, values[i]), put(8, 0u - 0x1badb002u - (uint32_t)state_word_(code + 4, 4));
			s.file.source = (struct lode_source){.bytes = code, .size = sizeof code};
			s.kernel = (struct lode_kernel){NULL, NULL};
			run1(&machine, false);
			CHECK(s.status == LODE_OK || (int)s.why.status == s.status);
			header2(0, 88);
			tag(tag(tag(tag(0x10, 2, 0, 24), 3, 0, 12), 10, 0, 24), 0, 0, 8);
			put(at, values[i]), put(0xc, 0u - 0xe85250d6u - (uint32_t)state_word_(code + 4,
				4) - (uint32_t)state_word_(code + 8, 4));
			run2(&machine, false);
			CHECK(s.status == LODE_OK || (int)s.why.status == s.status);
		}
	for (uint32_t size = 0; size < 0x80; size++) {
		unsigned char *copy = malloc(size + (size == 0));

		header2(0, 88);
		tag(tag(tag(tag(0x10, 2, 0, 24), 3, 0, 12), 10, 0, 24), 0, 0, 8);
		memcpy(copy, code, size);
		s.file.source = (struct lode_source){.bytes = copy, .size = size};
		run2(&machine, false);
		CHECK(s.status < 0 || size >= 88);
		free(copy);
	}
}

int main(void)
{
	CASE(test_golden1);
	CASE(test_classes1);
	CASE(test_search1);
	CASE(test_bios_data);
	CASE(test_demands1);
	CASE(test_raw);
	CASE(test_raw_refused);
	CASE(test_sections1);
	CASE(test_empty_sections);
	CASE(test_counts);
	CASE(test_tags);
	CASE(test_header_tags);
	CASE(test_relocatable);
	CASE(test_in_the_way);
	CASE(test_refused);
	CASE(test_upper_memory);
	CASE(test_raw2);
	CASE(test_hostile);
	file_free(&s.file);
	return check_done();
}
