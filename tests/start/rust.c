/* SPDX-License-Identifier: MIT */
/* bootloader_api 0.11: configurations of every size and with every byte wrong, BootInfo byte for byte, mappings of all kinds. */
#include <elf.h>
#include <stdlib.h>

#include "../unit/random.h"
#include "state.h"

#define TEXT UINT64_C(0xffffffff80000000)

enum { CONFIG = 0x200, DATA_SIZE = 0x1000 };

static struct state s;
static unsigned char data[DATA_SIZE];
static uint32_t config_size;

static const unsigned char uuid[16] = {
	0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d};

static void put(uint32_t at, unsigned width, uint64_t value)
{
	state_put(data + CONFIG + at, width, value);
}

/* Offsets of the form of 133 bytes; the shorter ones close up. */
static uint32_t at(uint32_t offset)
{
	return config_size < 133 && offset >= 49 ? offset - 9 : offset;
}

static void fixed(uint32_t offset, uint64_t addr)
{
	put(at(offset), 1, 1);
	put(at(offset) + 1, 8, addr);
}

/* All anywhere, a stack of 80 KiB. */
static void begin(uint32_t size)
{
	memset(data, 0, sizeof data);
	config_size = size;
	memcpy(data + CONFIG, uuid, 16);
	put(18, 2, 11);
	put(20, 2, size == 133 ? 15 : size == 124 ? 4 : 0);
	put(23, 8, 80 * 1024);
}

static const struct mkelf_segment tls = {.type = PT_TLS, .flags = PF_R, .vaddr = TEXT + 0x2010, .align = 16, .inside = true,
	.size = 0x20,
	.bss = 0x40};

static void write_file(uint16_t type, bool section)
{
	const uint64_t text = type == ET_DYN ? 0 : TEXT;
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = text, .align = 0x1000, .size = 0x1800},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = text + 0x2000, .align = 0x1000, .bytes = data, .size = sizeof data,
			.bss = 0x1800},
		type == ET_DYN ? (struct mkelf_segment){.type = PT_GNU_RELRO, .flags = PF_R, .vaddr = 0x2000, .align = 1,
		.inside = true,
			.size = 0x1000} : tls,
	};
	const struct mkelf_section sections[] = {{.name = ".bootloader-config", .type = SHT_PROGBITS, .flags = SHF_ALLOC,
		.addr = text + 0x2000 + CONFIG, .size = config_size}};
	struct mkelf elf = {.type = type, .machine = EM_X86_64, .entry = text + 0x10, .segments = segments, .nsegments = 3,
		.tables = MKELF_NOWHERE, .sections = true, .more = sections, .nmore = section};

	file_write(&s.file, &elf);
	if (!section)
		return;
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	for (uint32_t i = 1; i < s.file.image.nsections; i++)
		if (s.file.image.sections[i].addr == text + 0x2000 + CONFIG)
			mkelf_set(&s.file.out, MKELF_SHDR, i, "sh_offset", s.file.image.segments[1].offset + CONFIG);
}

static struct lode_rust found;

static void run(const struct lode_machine *machine)
{
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	s.kernel = (struct lode_kernel){NULL, NULL};
	state_reset(&s, machine);
	s.status = lode_rust_find(&found, &s.file.image, &s.why);
	if (s.status != LODE_OK)
		return;
	state_load(&s, LODE_PROTOCOL_RUST, lode_rust_base(&found, &s.file.image, machine), LODE_OPEN_SECTIONS);
	state_reset(&s, machine);
	s.status = lode_start_rust(&s.start, &found, &s.kernel, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

static const struct lode_start_mapping *mapping_of(enum lode_field what)
{
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (s.mappings[i].what == what && s.mappings[i].prot != 0)
			return &s.mappings[i];
	return NULL;
}

static uint64_t physical(uint64_t addr)
{
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (s.mappings[i].prot != 0 && addr >= s.mappings[i].addr && addr - s.mappings[i].addr < s.mappings[i].size)
			return s.mappings[i].phys + (addr - s.mappings[i].addr);
	CHECK(false && "not mapped");
	return 0;
}

static uint64_t get(uint64_t addr, unsigned width)
{
	return state_get(&s, physical(addr), width);
}

static void test_sizes(void)
{
	static const uint32_t sizes[] = {115, 124, 133};
	const struct lode_machine machine = state_machine();

	for (int i = 0; i < 3; i++)
		for (int section = 0; section < 2; section++) {
			begin(sizes[i]);
			fixed(49, 0x1234567890000);
			fixed(58, 0x2000);
			put(at(67), 1, 1), fixed(68, 0x3000);
			put(at(87), 1, 1);
			put(at(88), 1, 1), put(at(89), 8, 0x4000);
			put(at(97), 1, 1), put(at(98), 8, 0x5fff);
			if (sizes[i] == 133)
				fixed(40, 0x6000);
			if (sizes[i] >= 124)
				fixed(106, 0x7000);
			put(sizes[i] - 18, 1, 1), put(sizes[i] - 17, 8, 600);
			write_file(ET_EXEC, section);
			CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
			CHECK_EQ(lode_rust_find(&found, &s.file.image, &s.why), LODE_OK);
			CHECK_EQ(found.size, sizes[i]);
			CHECK_EQ(found.minor, 11);
			CHECK_EQ(found.stack_size, 80 * 1024);
			CHECK(!found.stack.fixed && found.boot_info.fixed && found.framebuffer.fixed && found.has_physical &&
				found.aslr);
			CHECK_EQ(found.boot_info.addr, 0x1234567890000);
			CHECK_EQ(found.framebuffer.addr, 0x2000);
			CHECK(found.physical.fixed && found.physical.addr == 0x3000 && !found.has_recursive);
			CHECK_EQ(found.range_start, 0x4000);
			CHECK_EQ(found.range_end, 0x5fff);
			CHECK_EQ(found.kernel_base.addr, sizes[i] == 133 ? 0x6000 : 0);
			CHECK_EQ(found.ramdisk.addr, sizes[i] >= 124 ? 0x7000 : 0);
			CHECK_EQ(found.offset, s.file.image.segments[1].offset + CONFIG);
		}
	(void)machine;
}

static void refused(enum lode_rule rule, enum lode_field field)
{
	const struct lode_machine machine = state_machine();

	run(&machine);
	state_refused(&s, rule, field);
}

static void test_refused(void)
{
	static const uint32_t flags[] = {31, 40, 49, 58, 67, 68, 77, 78, 87, 88, 97, 106, 115, 124};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		begin(133);
		put(flags[i], 1, 2);
		write_file(ET_EXEC, true);
		refused(LODE_RULE_START_RUST_FIELD, LODE_FIELD_RUST_FIELD);
		CHECK_EQ(s.why.offset, found.offset + flags[i]);
		if (flags[i] == 67 || flags[i] == 77 || flags[i] == 87)
			continue;
		put(flags[i], 1, 0);
		put(flags[i] + 8, 1, 1);
		write_file(ET_EXEC, true);
		refused(LODE_RULE_START_RUST_FIELD, LODE_FIELD_RUST_FIELD);
	}
	for (uint32_t size = 0; size < 140; size++) {
		begin(133);
		config_size = size;
		write_file(ET_EXEC, true);
		if (size != 115 && size != 124 && size != 133)
			refused(LODE_RULE_START_RUST_SIZE, LODE_FIELD_RUST_SIZE);
	}
	begin(133);
	put(18, 2, 12);
	write_file(ET_EXEC, true);
	refused(LODE_RULE_START_RUST_VERSION, LODE_FIELD_RUST_VERSION);
	begin(133);
	put(3, 1, 0);
	write_file(ET_EXEC, true);
	refused(LODE_RULE_START_RUST_FIELD, LODE_FIELD_RUST_FIELD);
	write_file(ET_EXEC, false);
	refused(LODE_RULE_START_RUST_NONE, LODE_FIELD_RUST_SIZE);
	for (size_t i = 0; i < 3; i++) {
		static const uint64_t stacks[] = {UINT64_MAX, (UINT64_C(1) << 32) + 1, 15};

		begin(133);
		put(23, 8, stacks[i]);
		write_file(ET_EXEC, true);
		refused(LODE_RULE_START_RUST_FIELD, LODE_FIELD_RUST_STACK);
	}
}

/* Files of other machines, and what no policy of its own would let through. */
static void test_refused_kernel(void)
{
	const struct lode_machine machine = state_machine();

	begin(133);
	write_file(ET_EXEC, true);
	mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_machine", EM_386);
	refused(LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_MACHINE);
	write_file(ET_EXEC, true);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	for (int i = 0; i < 2; i++) {
		s.file.plan.entry = i ? TEXT + 0x2000 : TEXT + 0x100000;
		state_reset(&s, &machine);
		s.status = lode_start_rust(&s.start, &found, &s.kernel, &machine, &s.why);
		state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_EHDR_ENTRY);
	}
	s.start.max_mappings = 1;
	s.status = lode_start_rust(&s.start, &found, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_MAPPINGS, LODE_FIELD_START_MAPPINGS);
}

static int find(void)
{
	return lode_rust_find(&found, &s.file.image, &s.why);
}

/* Section tables that do not name it: not read, empty, names that lead nowhere, without bytes. The bytes are found all the same. */
static void test_sections(void)
{
	begin(133);
	write_file(ET_EXEC, true);
	CHECK_EQ(file_open(&s.file, 0), LODE_OK);
	s.file.image.sections = NULL;
	CHECK_EQ(find(), LODE_OK);
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	for (uint32_t i = 1; i < s.file.image.nsections; i++) {
		s.file.sections[i].type = SHT_NOBITS;
		CHECK_EQ(find(), LODE_OK);
		s.file.sections[i].type = SHT_PROGBITS;
		s.file.sections[i].name = UINT32_MAX;
	}
	CHECK_EQ(find(), LODE_OK);
	CHECK_EQ(found.size, 133);
	s.file.image.nsections = 0;
	s.file.image.shstrndx = 0;
	CHECK_EQ(find(), LODE_OK);
}

/* The base of an image that is moved: by its alignment, if that is one; that of one without pages is of no interest. */
static void test_base(void)
{
	static const uint64_t aligns[][2] = {{0x1000, 0x8000000000}, {0x80000000, 0x8000000000},
		{UINT64_C(1) << 40, UINT64_C(1) << 40}, {0x300000, 0x8000000000}, {UINT64_C(1) << 50, UINT64_C(1) << 50}};
	static const unsigned char random[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct lode_machine machine = {.random = random, .nrandom = 8}, none = {.random = random, .nrandom = 7};

	for (size_t i = 0; i < sizeof aligns / sizeof *aligns; i++) {
		begin(133);
		write_file(ET_DYN, true);
		mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_align", aligns[i][0]);
		CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(find(), LODE_OK);
		CHECK_EQ(found.base, aligns[i][1]);
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine), found.base);
		found.aslr = true;
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &none), found.base);
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine) != found.base, aligns[i][0] >> 47 == 0);
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine) % found.align, 0);
		s.file.image.segments[s.file.image.segments[1].by_vaddr].memsz = UINT64_MAX - 0x10000;
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine), found.base);
		found.kernel_base.fixed = true;
		CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine), found.base);
	}
	mkelf_set(&s.file.out, MKELF_PHDR, 0, "p_type", PT_NULL);
	mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_type", PT_NULL);
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(find(), LODE_OK);
	found.aslr = true;
	CHECK_EQ(lode_rust_base(&found, &s.file.image, &machine), found.base);
}

static const struct lode_framebuffer screen = {.addr = 0xfd000800, .width = 640, .height = 480, .pitch = 2560, .bpp = 32, .red = {8,
	16},
	.green = {8, 8}, .blue = {8, 0}};

static void check_regions(const struct lode_machine *machine, uint64_t info)
{
	uint64_t table = get(info + 8, 8), n = get(info + 16, 8), end = 0;

	CHECK_EQ(table % 8, 0);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t start = get(table + 24 * i, 8), past = get(table + 24 * i + 8, 8), kind = get(table + 24 * i + 16, 4);

		CHECK(start >= end && past > start);
		end = past;
		if (kind == 3)
			CHECK_EQ(get(table + 24 * i + 20, 4), 2);
		for (uint32_t k = 0; k < s.start.nparts; k++)
			if (state_overlap_(start, past - start, s.parts[k].addr, s.parts[k].size))
				CHECK_EQ(kind, 1);
		if (kind == 0)
			CHECK(state_usable_(machine, start, past - start));
	}
}

/* The whole structure, for a kernel that asks for everything at fixed addresses. */
static void test_golden(void)
{
	static const struct lode_module ramdisk = {0x12345, 0x2000000, NULL, NULL};
	struct lode_machine machine = state_machine();
	uint64_t info = 0x10000001008, file;
	unsigned char want[232] = {0};

	begin(133);
	fixed(31, 0x20000000000);
	fixed(49, info);
	fixed(58, 0x30000000000);
	put(67, 1, 1), fixed(68, 0x40000000000);
	put(77, 1, 1), fixed(78, 0xffffff0000000000);
	fixed(106, 0x50000000000);
	machine.framebuffer = &screen, machine.modules = &ramdisk, machine.nmodules = 1;
	write_file(ET_EXEC, true);
	run(&machine);
	CHECK_EQ(s.start.registers.rdi, info);
	file = state_part(&s, LODE_FIELD_PART_KERNEL_FILE)->addr;
	state_put(want + 2, 2, 11), state_put(want + 4, 2, 15);
	state_put(want + 8, 8, get(info + 8, 8)), state_put(want + 16, 8, get(info + 16, 8));
	state_put(want + 32, 8, 0x30000000800), state_put(want + 40, 8, 2560 * 480), state_put(want + 48, 8, 640);
	state_put(want + 56, 8, 480), state_put(want + 64, 4, 1), state_put(want + 72, 8, 4), state_put(want + 80, 8, 640);
	state_put(want + 96, 8, 0x40000000000);
	state_put(want + 108, 2, 510);
	state_put(want + 120, 8, 0xe0000);
	state_put(want + 136, 8, TEXT + 0x2010), state_put(want + 144, 8, 0x20), state_put(want + 152, 8, 0x60);
	state_put(want + 168, 8, 0x50000000000), state_put(want + 176, 8, 0x12345);
	state_put(want + 184, 8, file), state_put(want + 192, 8, s.file.source.size), state_put(want + 200, 8, 0);
	state_put(want + 208, 8, 0x20000001000), state_put(want + 216, 8, 80 * 1024);
	CHECK_MEM(state_at(&s, physical(info), 232), want, 232);
	check_regions(&machine, info);
	CHECK_EQ(s.start.recursive, 510);
	/* the recursive entry needs no table: the root is all there is to it */
	CHECK(s.start.tables.size < 0x30000);
	CHECK_EQ(physical(0x50000000000), 0x2000000);
	CHECK_EQ(physical(0x40000123456), 0x123456);
	CHECK_EQ(physical(0x30000000800), 0xfd000800);
	CHECK_EQ(mapping_of(LODE_FIELD_PART_FRAMEBUFFER)->cache, LODE_CACHE_WRITE_COMBINING);
	CHECK_EQ(mapping_of(LODE_FIELD_MAP_PHYSICAL)->prot, 6);
	CHECK_EQ(mapping_of(LODE_FIELD_MAP_PHYSICAL)->size, UINT64_C(1) << 32);
}

/* What becomes of a pixel's layout. */
static void test_formats(void)
{
	static const struct { unsigned char bpp, red, green, blue, size; uint32_t format, bytes; } rows[] = {
		{32, 16, 8, 0, 8, 1, 4}, {24, 0, 8, 16, 8, 0, 3}, {32, 0, 16, 8, 8, 3, 4}, {32, 8, 16, 24, 8, 3, 4},
		{32, 16, 8, 1, 8, 3, 4}, {32, 0, 8, 17, 8, 3, 4}, {32, 1, 8, 0, 8, 3, 4}, {16, 11, 5, 0, 5, 3, 2},
		{8, 0, 0, 0, 0, 2, 1}, {0, 0, 0, 0, 0, 3, 0},
	};
	struct lode_framebuffer other = screen;
	struct lode_machine machine = state_machine();

	machine.framebuffer = &other;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int odd = 0; odd < 3; odd++) {
			uint64_t info;

			begin(133);
			other.bpp = rows[i].bpp;
			other.red = (struct lode_colour){rows[i].size, rows[i].red};
			other.green = (struct lode_colour){(uint8_t)(rows[i].size - (odd == 1)), rows[i].green};
			other.blue = (struct lode_colour){(uint8_t)(rows[i].size - (odd == 2)), rows[i].blue};
			write_file(ET_EXEC, true);
			run(&machine);
			info = s.start.registers.rdi;
			CHECK_EQ(get(info + 64, 4), odd && rows[i].format < 2 ? 3 : rows[i].format);
			CHECK_EQ(get(info + 72, 8), rows[i].bytes);
			CHECK_EQ(get(info + 80, 8), rows[i].bytes != 0 ? 2560 / rows[i].bytes : 0);
			if (get(info + 64, 4) == 3)
				CHECK_EQ(get(info + 68, 4), rows[i].red | rows[i].green << 8 | rows[i].blue << 16);
		}
}

/* Memory above 4 GiB is mapped too, as far as an address can reach; a disk of no bytes is none. */
static void test_much_memory(void)
{
	static const struct lode_memory_entry memory[] = {{0x100000, 0x1000000, LODE_MEMORY_USABLE},
		{UINT64_C(0x100000000), 0x12345000, LODE_MEMORY_USABLE}, {UINT64_C(1) << 46, 0x1000, LODE_MEMORY_RESERVED}};
	static const struct lode_module empty = {0, LODE_ANYWHERE, NULL, NULL};
	const struct lode_machine machine = {.memory = memory, .nmemory = 3, .modules = &empty, .nmodules = 1};

	begin(133);
	put(67, 1, 1);
	write_file(ET_EXEC, true);
	run(&machine);
	CHECK_EQ(mapping_of(LODE_FIELD_MAP_PHYSICAL)->size, UINT64_C(0x112400000));
	CHECK(mapping_of(LODE_FIELD_PART_MODULE) == NULL);
	CHECK_EQ(get(s.start.registers.rdi + 160, 4), 1);
	CHECK_EQ(get(s.start.registers.rdi + 176, 8), 0);
}

/* A range that is too small for what may be anywhere, when all before it is fixed: the refusal tells the size. */
static void test_range_too_small(void)
{
	static const enum lode_field fields[] = {LODE_FIELD_PART_FRAMEBUFFER_SIZE, LODE_FIELD_MAP_PHYSICAL_SIZE,
		LODE_FIELD_MAP_RECURSIVE_SIZE};
	struct lode_machine machine = state_machine();

	machine.framebuffer = &screen;
	for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
		begin(133);
		fixed(31, 0x30000010000), fixed(49, 0x10000000000);
		if (i > 0)
			fixed(58, 0x30000800000);
		put(67, 1, i == 1);
		put(77, 1, i == 2);
		put(88, 1, 1), put(89, 8, 0x10000), put(97, 1, 1), put(98, 8, 0x20000);
		write_file(ET_EXEC, true);
		run(&machine);
		state_refused(&s, LODE_RULE_START_NO_PLACE, fields[i]);
	}
}

/* Ranges for what may be anywhere: across the hole, up to the last address, and too small in every way. */
static void test_ranges(void)
{
	static const struct { uint64_t begin, end, stack; } rows[] = {
		{0x7ffffffff000, UINT64_MAX, 0xffff800000001000}, {0x900000000000, UINT64_MAX, 0xffff800000001000},
		{0xfffffffffffff001, UINT64_MAX, 0}, {0xfffffffffffff000, 0xffffffffffffffff, 0}, {0x10001, 0x10fff, 0},
		{0x9000000000, 0x9000014fff, 0x9000001000}, {0x9000000000, 0x9000014ffe, 0},
	};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(133);
		fixed(49, 0x10000000000);
		put(88, 1, 1), put(89, 8, rows[i].begin), put(97, 1, 1), put(98, 8, rows[i].end);
		write_file(ET_EXEC, true);
		run(&machine);
		if (rows[i].stack == 0)
			state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_STACK_SIZE);
		else
			CHECK_EQ(mapping_of(LODE_FIELD_PART_STACK)->addr, rows[i].stack);
	}
	/* a mapping that ends with the last address leaves nothing behind it */
	begin(133);
	fixed(31, 0xffffffffffffe000 - 80 * 1024), put(23, 8, 80 * 1024 + 0x1000);
	put(88, 1, 1), put(89, 8, 0xffffffffffffc000);
	write_file(ET_EXEC, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_INFO_SIZE);
	begin(133);
	put(67, 1, 1), fixed(68, 0xffffffffffe00000);
	write_file(ET_DYN, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_RUST_ADDRESS, LODE_FIELD_MAP_PHYSICAL);
}

static unsigned char random_bytes[56];

static void set_random(uint32_t number, uint64_t value)
{
	state_put(random_bytes + 8 * number, 8, value);
}

static bool canonical(const struct lode_start_mapping *mapping)
{
	return (mapping->addr + mapping->size - 1) >> 47 == mapping->addr >> 47 && ((mapping->addr >> 47) + 1) % 0x20000 < 2;
}

/* Everything anywhere, at random: in the halves of the address space, apart, the same for the same numbers. */
static void test_random(void)
{
	static const struct lode_module ramdisk = {0x12345, LODE_ANYWHERE, NULL, NULL};
	struct lode_machine machine = state_machine();
	uint64_t seed = 1, low = 0, high = 0, last = 0;

	machine.framebuffer = &screen, machine.modules = &ramdisk, machine.nmodules = 1;
	machine.random = random_bytes, machine.nrandom = sizeof random_bytes;
	begin(133);
	put(67, 1, 1), put(77, 1, 1), put(87, 1, 1);
	write_file(ET_DYN, true);
	for (int i = 0; i < 200; i++) {
		for (uint32_t k = 0; k < sizeof random_bytes; k++)
			random_bytes[k] = (unsigned char)random_next(&seed);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		for (uint32_t k = 0; k < s.start.nmappings; k++) {
			CHECK(canonical(&s.mappings[k]));
			*(s.mappings[k].addr >> 63 ? &high : &low) += 1;
		}
		CHECK(s.kernel.plan->bias % 0x200000 == 0 && s.kernel.plan->bias != last);
		last = s.kernel.plan->bias;
	}
	CHECK(low > 500 && high > 500);
	run(&machine);
	CHECK_EQ(s.kernel.plan->bias, last);
	machine.nrandom = 7;
	run(&machine);
	CHECK_EQ(s.kernel.plan->bias, 0x8000000000);
}

/* The places that numbers name, from the first to the last; in the way of another, and then from the begin again. */
static void test_random_places(void)
{
	static const struct { uint64_t first, last, number, stack; } rows[] = {
		{0x9000000000, 0x900003ffff, 0, 0x9000000000}, {0x9000000000, 0x900003ffff, 1, 0x9000001000},
		{0x9000000000, 0x900003ffff, 0x29fff, 0x900002a000}, {0x9000000000, 0x900003ffff, 0x2a000, 0x9000000000},
		{0x9000000000, 0x900003ffff, 0x3ffff, 0x9000016000}, {0x9000000000, 0x9000015fff, 5, 0x9000000000},
		{0x7fffffff0000, 0xffff80000001ffff, 0x5000, 0xffff800000005000},
		{0x7ffffffe0000, 0xffff80000001ffff, 0x9000, 0x7ffffffe9000},
		{0x7ffffffe0000, 0xffff80000001ffff, 0xa001, 0xffff800000001000},
		{0x900000000000, 0xffff80000001ffff, 0x2000, 0xffff800000002000},
		{0xffff900000000000, 0xffff90000001ffff, 0x2000, 0xffff900000002000},
	};
	struct lode_machine machine = state_machine();

	machine.random = random_bytes, machine.nrandom = sizeof random_bytes;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(133);
		fixed(49, 0x10000000000), put(87, 1, 1);
		put(88, 1, 1), put(89, 8, rows[i].first), put(97, 1, 1), put(98, 8, rows[i].last);
		set_random(1, rows[i].number);
		write_file(ET_EXEC, true);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK_EQ(mapping_of(LODE_FIELD_PART_STACK)->addr, rows[i].stack + 0x1000);
	}
	begin(133);
	fixed(49, 0x10000000000), put(87, 1, 1);
	put(88, 1, 1), put(89, 8, 0x9000000000), put(97, 1, 1), put(98, 8, 0x90001fffff);
	set_random(1, 0x150000), set_random(2, 0x50000);
	machine.framebuffer = &screen;
	write_file(ET_EXEC, true);
	run(&machine);
	CHECK_EQ(mapping_of(LODE_FIELD_PART_STACK)->addr, 0x9000151000);
	CHECK_EQ(mapping_of(LODE_FIELD_PART_FRAMEBUFFER)->addr, 0x9000000000);
}

/* What turns read-only, at every place in a run: before, at the begin, in the middle, at the end. */
static void test_relro(void)
{
	static const uint64_t rows[][4] = {{0x2000, 0x1000, 0x2000, 0x3000}, {0x3000, 0x1000, 0x3000, 0x4000},
		{0x4000, 0x800, 0x4000, 0x5000}, {0x2000, 0x2800, 0x2000, 0x5000}, {0x3000, 0x1800, 0x3000, 0x5000}};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(133);
		write_file(ET_DYN, true);
		mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_vaddr", rows[i][0]);
		mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_memsz", rows[i][1]);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		for (uint64_t page = 0x2000; page < 0x5000; page += 0x1000)
			for (uint32_t k = 0; k < s.start.nmappings; k++)
				if (page + 0x8000000000 - s.mappings[k].addr < s.mappings[k].size)
					CHECK_EQ(s.mappings[k].prot, page >= rows[i][2] && page < rows[i][3] ? 4 : 6);
	}
}

static void test_registers(void)
{
	const struct lode_machine machine = state_machine();
	const struct lode_registers *r = &s.start.registers;
	const struct lode_start_mapping *stack;
	uint64_t none = 0;

	begin(133);
	put(23, 8, 5000);
	write_file(ET_EXEC, true);
	run(&machine);
	stack = mapping_of(LODE_FIELD_PART_STACK);
	CHECK_EQ(stack->size, 0x2000);
	CHECK_EQ(stack->prot, 6);
	CHECK_EQ(r->rsp, ((stack->addr + 5000) & ~15ull) - 8);
	CHECK_EQ(r->rip, TEXT + 0x10);
	CHECK_EQ(r->rbp, 0);
	CHECK_EQ(r->cr0, 0x80010011);
	CHECK_EQ(r->efer, 0xd00);
	CHECK_EQ(r->cs.selector, 8);
	CHECK_EQ(r->ss.selector, 16);
	CHECK_EQ(get(r->gdtr.base + 8, 8), r->cs.descriptor);
	CHECK_EQ(get(r->gdtr.base + 16, 8), r->ss.descriptor);
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (s.mappings[i].prot == 0) {
			CHECK_EQ(s.mappings[i].addr + 4096, stack->addr);
			CHECK_EQ(s.mappings[i].size, 4096);
			none++;
		}
	CHECK_EQ(none, 1);
	/* nothing in the first 512 GiB but what the kernel asks for, and nothing physical below 1 MiB */
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		CHECK(s.mappings[i].addr >= UINT64_C(0x8000000000));
	for (uint32_t i = 0; i < s.start.nparts; i++)
		CHECK(s.parts[i].addr >= 0x100000);
	/* the options that are not there */
	CHECK_EQ(get(r->rdi + 24, 4), 1);
	CHECK_EQ(get(r->rdi + 88, 4), 1);
	CHECK_EQ(get(r->rdi + 104, 4), 1);
	CHECK_EQ(get(r->rdi + 112, 4), 0);
	CHECK_EQ(get(r->rdi + 160, 4), 1);
	check_regions(&machine, r->rdi);
}

/* Position-independent: moved to a free place, or by a fixed amount; RELRO pages are read-only. */
static void test_moved(void)
{
	const struct lode_machine machine = state_machine();

	begin(133);
	write_file(ET_DYN, true);
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0x8000000010);
	CHECK_EQ(get(s.start.registers.rdi + 200, 8), 0x8000000000);
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (s.mappings[i].addr == 0x8000002000)
			CHECK(s.mappings[i].prot == 4 && s.mappings[i].size == 0x1000);
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (s.mappings[i].addr == 0x8000003000)
			CHECK(s.mappings[i].prot == 6);
	begin(133);
	fixed(40, 0x7000000000);
	write_file(ET_DYN, true);
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0x7000000010);
	begin(133);
	put(88, 1, 1), put(89, 8, 0xffff900000000000);
	write_file(ET_DYN, true);
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0xffff900000000010);
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		CHECK(s.mappings[i].addr >= 0xffff900000000000);
}

static void test_conflicts(void)
{
	static const struct lode_module two[2] = {{1, LODE_ANYWHERE, NULL, NULL}, {1, LODE_ANYWHERE, NULL, NULL}};
	struct lode_machine machine = state_machine();

	machine.framebuffer = &screen;
	begin(133);
	fixed(31, TEXT + 0x1000);
	write_file(ET_EXEC, true);
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_STACK, LODE_FIELD_PART_KERNEL);
	begin(133);
	fixed(31, 0x30000010000), fixed(58, 0x30000000000);
	write_file(ET_EXEC, true);
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_FRAMEBUFFER, LODE_FIELD_PART_STACK);
	begin(133);
	fixed(58, 0x30000000800);
	write_file(ET_EXEC, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_RUST_ADDRESS, LODE_FIELD_PART_FRAMEBUFFER);
	begin(133);
	put(67, 1, 1), fixed(68, 0x7fff80000000);
	write_file(ET_EXEC, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_RUST_ADDRESS, LODE_FIELD_MAP_PHYSICAL);
	begin(133);
	put(88, 1, 1), put(89, 8, 0x10000), put(97, 1, 1), put(98, 8, 0x20000);
	write_file(ET_EXEC, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_STACK_SIZE);
	begin(133);
	fixed(49, 0x10000001004);
	write_file(ET_EXEC, true);
	run(&machine);
	state_refused(&s, LODE_RULE_START_RUST_ADDRESS, LODE_FIELD_PART_INFO);
	begin(133);
	write_file(ET_EXEC, true);
	machine.modules = two, machine.nmodules = 2;
	run(&machine);
	state_refused(&s, LODE_RULE_START_MODULES, LODE_FIELD_MODULE_COUNT);
	machine.nmodules = 1, machine.cmdline = "x";
	run(&machine);
	state_refused(&s, LODE_RULE_START_CMDLINE, LODE_FIELD_CMDLINE);
}

/* Every byte of the configuration at its edges: a state that holds its promises, or a refusal. */
static void test_hostile(void)
{
	static const unsigned char values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
	struct lode_machine machine = state_machine();

	machine.framebuffer = &screen;
	for (uint32_t i = 16; i < 133; i++)
		for (size_t k = 0; k < sizeof values; k++)
			for (int all = 0; all < 2; all++) {
				begin(133);
				if (all)
					for (uint32_t m = 31; m <= 106; m += 9)
						if (m < 67 || m == 106)
							fixed(m, UINT64_C(0x10000000000) * m);
				put(i, 1, values[k]);
				write_file(all ? ET_DYN : ET_EXEC, true);
				/* the planner's own refusals are not of interest here */
				if (all && i >= 40 && i < 49)
					continue;
				run(&machine);
				CHECK(s.status == LODE_OK || (int)s.why.status == s.status);
			}
}

static void test_counts(void)
{
	static struct lode_memory_entry memory[200];

	for (uint32_t i = 0; i < 200; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, i % 5 ? 2 : 1};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	begin(124);
	write_file(ET_EXEC, true);
	for (uint32_t n = 1; n <= 200; n += 3) {
		const struct lode_machine machine = {.memory = memory, .nmemory = n};

		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		check_regions(&machine, s.start.registers.rdi);
	}
}

int main(void)
{
	CASE(test_sizes);
	CASE(test_refused);
	CASE(test_refused_kernel);
	CASE(test_sections);
	CASE(test_base);
	CASE(test_golden);
	CASE(test_formats);
	CASE(test_much_memory);
	CASE(test_range_too_small);
	CASE(test_ranges);
	CASE(test_random);
	CASE(test_random_places);
	CASE(test_relro);
	CASE(test_registers);
	CASE(test_moved);
	CASE(test_conflicts);
	CASE(test_hostile);
	CASE(test_counts);
	file_free(&s.file);
	return check_done();
}
