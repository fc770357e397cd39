/* SPDX-License-Identifier: MIT */
/* Limine: markers and requests wherever they lie, answers read back through the mappings of every base revision, processors. */
#include <elf.h>
#include <stdlib.h>

#include "../unit/tape.h"
#include "state.h"

#define TEXT UINT64_C(0xffffffff80000000)
#define DATA UINT64_C(0xffffffff80002000)

enum { SLOT = 80, TAG_AT = 0x40, START_AT = 0x80, FIRST = 0x100, DATA_SIZE = 0x1000 };

static struct state s;
static unsigned char data[DATA_SIZE];
static uint64_t hhdm;

static const uint64_t ids[][2] = {
#define LODE_LIMINE_REQUEST_(id, third, fourth) {third, fourth},
	LODE_LIMINE_LIST(LODE_LIMINE_REQUEST_)
#undef LODE_LIMINE_REQUEST_
};

static void put(uint32_t at, uint64_t value)
{
	state_put(data + at, 8, value);
}

static uint32_t slot(uint32_t id)
{
	return FIRST + id * SLOT;
}

static void request(uint32_t at, uint64_t third, uint64_t fourth)
{
	put(at, LODE_LIMINE_COMMON0), put(at + 8, LODE_LIMINE_COMMON1);
	put(at + 16, third), put(at + 24, fourth);
	memset(data + at + 32, 0, SLOT - 32);
}

/* A kernel with every known request. */
static void begin(uint64_t revision)
{
	memset(data, 0xcc, sizeof data);
	put(TAG_AT, LODE_LIMINE_BASE0), put(TAG_AT + 8, LODE_LIMINE_BASE1), put(TAG_AT + 16, revision);
	put(START_AT, LODE_LIMINE_START0), put(START_AT + 8, LODE_LIMINE_START1);
	for (uint32_t id = 0; id < LODE_LIMINE_REQUESTS; id++)
		request(slot(id), ids[id][0], ids[id][1]);
	put(slot(LODE_LIMINE_ENTRY) + 48, TEXT + 0x123);
	put(slot(LODE_LIMINE_REQUESTS), LODE_LIMINE_END0), put(slot(LODE_LIMINE_REQUESTS) + 8, LODE_LIMINE_END1);
}

static const struct mkelf_symbol *symbols;
static uint32_t nsymbols;

static void write_symbols(const struct mkelf_symbol *list, uint32_t n)
{
	symbols = list, nsymbols = n;
}

static void write_file(uint64_t text, uint16_t type, const struct mkelf_reloc *rela, uint32_t nrela)
{
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = text, .align = 0x1000, .size = 0x1800},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = text + 0x2000, .align = 0x1000, .bytes = data, .size = sizeof data,
			.bss = 0x3000},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	};
	const struct mkelf elf = {.type = type, .machine = EM_X86_64, .entry = text + 0x10, .segments = segments,
		.nsegments = type == ET_DYN ? 3 : 2, .tables = type == ET_DYN ? 1 : MKELF_NOWHERE, .dynamic = type == ET_DYN,
		.rela = rela, .nrela = nrela, .symbols = symbols, .nsymbols = nsymbols, .hash = nsymbols > 0};

	file_write(&s.file, &elf);
}

static void run(const struct lode_machine *machine)
{
	struct lode_limine found;

	CHECK_EQ(file_open(&s.file, 0), LODE_OK);
	s.file.image.sections = NULL;
	s.kernel = (struct lode_kernel){NULL, NULL};
	state_reset(&s, machine);
	s.status = lode_limine_find(&found, &s.file.image, &s.why);
	if (s.status != LODE_OK)
		return;
	state_load(&s, LODE_PROTOCOL_LIMINE, found.base, 0);
	state_reset(&s, machine);
	s.status = lode_start_limine(&s.start, &found, &s.kernel, machine, &s.why);
	hhdm = s.start.levels == 5 ? LODE_LIMINE_HHDM5 : LODE_LIMINE_HHDM4;
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

/* Physical address behind a virtual one, and the mapping; NULL: not mapped. */
static const struct lode_start_mapping *walk(uint64_t *phys, uint64_t addr)
{
	for (uint32_t i = 0; i < s.start.nmappings; i++)
		if (addr >= s.mappings[i].addr && addr - s.mappings[i].addr < s.mappings[i].size) {
			*phys = s.mappings[i].phys + (addr - s.mappings[i].addr);
			return &s.mappings[i];
		}
	return NULL;
}

static uint64_t physical(uint64_t addr)
{
	uint64_t phys = 0;

	CHECK(walk(&phys, addr) != NULL);
	return phys;
}

static uint64_t get(uint64_t addr, unsigned width)
{
	return state_get(&s, physical(addr), width);
}

static const char *text(uint64_t addr)
{
	return state_string(&s, physical(addr));
}

/* What was written over 8 bytes of the image; the bytes' own value if nothing was. */
static uint64_t patched(uint64_t vaddr)
{
	uint64_t phys = physical(vaddr), value = state_word_(data + (vaddr - DATA), 8);

	for (uint32_t i = 0; i < s.start.nparts; i++)
		if (s.parts[i].patch && s.parts[i].addr == phys)
			value = s.parts[i].offset;
	return value;
}

/* The answer to a request, 0: none. */
static uint64_t answer(uint32_t id)
{
	return patched(DATA + slot(id) + 40);
}

static const struct lode_framebuffer screen = {.addr = 0xe0000800, .width = 640, .height = 480, .pitch = 2560, .bpp = 32, .red = {8,
	16},
	.green = {8, 8}, .blue = {8, 0}};
static const struct lode_module modules[] = {{0x1801, LODE_ANYWHERE, "cmd", "/a"}, {5, LODE_ANYWHERE, NULL, NULL}};
static const uint32_t apic_ids[] = {7, 9, 300};
static const struct lode_memory_entry memory[] = {
	{0, 0x9fc00, LODE_MEMORY_USABLE},
	{0x9fc00, 0x400, LODE_MEMORY_RESERVED},
	{0x100000, 0x3f00000, LODE_MEMORY_USABLE},
	{0x4000000, 0x2000, LODE_MEMORY_ACPI},
	{0x4002000, 0x1000, LODE_MEMORY_NVS},
	{0x4003000, 0x1000, LODE_MEMORY_FIRMWARE},
	{0x4004000, 0x1000, LODE_MEMORY_BAD},
	{0xe0000000, 0x10000000, LODE_MEMORY_RESERVED},
	{UINT64_C(0x100000000), 0x200000, LODE_MEMORY_USABLE},
	{UINT64_C(0x200000000), 0x1000, LODE_MEMORY_RESERVED},
};

static struct lode_machine machine_of(void)
{
	return (struct lode_machine){.memory = memory, .nmemory = 10, .modules = modules, .nmodules = 2, .apic_ids = apic_ids,
		.ncpus = 3,
		.framebuffer = &screen, .cmdline = "one two", .path = "/kernel", .rsdp = 0x4000010, .smbios64 = 0x4003000,
		.date = 1700000000, .tsc_hz = 2500000000u};
}

static void check_simple(const struct lode_machine *machine, uint64_t revision)
{
	const struct lode_part *kernel = state_part(&s, LODE_FIELD_PART_KERNEL);

	CHECK_EQ(get(answer(LODE_LIMINE_HHDM) + 8, 8), hhdm);
	CHECK_STR(text(get(answer(LODE_LIMINE_BOOTLOADER) + 8, 8)), "Lode");
	CHECK_STR(text(get(answer(LODE_LIMINE_BOOTLOADER) + 16, 8)), LODE_VERSION);
	CHECK_STR(text(get(answer(LODE_LIMINE_CMDLINE) + 8, 8)), machine->cmdline);
	CHECK_EQ(get(answer(LODE_LIMINE_ADDRESS) + 8, 8), kernel->addr);
	CHECK_EQ(get(answer(LODE_LIMINE_ADDRESS) + 16, 8), TEXT);
	CHECK_EQ(get(answer(LODE_LIMINE_DATE) + 8, 8), 1700000000);
	CHECK_EQ(get(answer(LODE_LIMINE_TSC_FREQUENCY) + 8, 8), 2500000000u);
	CHECK_EQ(get(answer(LODE_LIMINE_FIRMWARE) + 8, 8), 0);
	CHECK_EQ(get(answer(LODE_LIMINE_PAGING_MODE) + 8, 8), s.start.levels - 4);
	CHECK_EQ(get(answer(LODE_LIMINE_RSDP) + 8, 8), 0x4000010 + (revision == 3 ? 0 : hhdm));
	CHECK_EQ(get(answer(LODE_LIMINE_SMBIOS) + 8, 8), 0);
	CHECK_EQ(get(answer(LODE_LIMINE_SMBIOS) + 16, 8), 0x4003000 + (revision == 3 || revision == 4 ? 0 : hhdm));
	CHECK(answer(LODE_LIMINE_STACK_SIZE) != 0 && answer(LODE_LIMINE_ENTRY) != 0);
	for (uint32_t id = LODE_LIMINE_DTB; id < LODE_LIMINE_REQUESTS; id++)
		CHECK_EQ(answer(id), 0);
	CHECK_EQ(answer(LODE_LIMINE_ENTROPY), 0);
	CHECK_EQ(patched(DATA + TAG_AT + 16), 0);
	CHECK_EQ(patched(DATA + TAG_AT + 8), revision >= 3 ? revision : LODE_LIMINE_BASE1);
}

/** As many words as are wanted and there; without a word no answer. */
static void test_entropy(void)
{
	static const unsigned char random[] = "0123456789abcdefghijklm";
	static const struct {
		uint32_t have;
		uint64_t want, get;
	} cases[] = {{23, 1, 1}, {23, 2, 2}, {23, 3, 2}, {23, UINT64_MAX, 2}, {8, 5, 1}, {23, 0, 0}, {7, 1, UINT64_MAX},
		{0, 1, UINT64_MAX}};
	struct lode_machine machine = machine_of();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(6);
		put(slot(LODE_LIMINE_ENTROPY) + 48, cases[i].want);
		write_file(TEXT, ET_EXEC, NULL, 0);
		machine.random = random, machine.nrandom = cases[i].have;
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		if (cases[i].get == UINT64_MAX) {
			CHECK_EQ(answer(LODE_LIMINE_ENTROPY), 0);
			continue;
		}
		CHECK_EQ(get(answer(LODE_LIMINE_ENTROPY), 8), 0);
		CHECK_EQ(get(answer(LODE_LIMINE_ENTROPY) + 8, 8), cases[i].get);
		if (cases[i].get == 0)
			CHECK_EQ(get(answer(LODE_LIMINE_ENTROPY) + 16, 8), 0);
		else
			CHECK_MEM(state_at(&s, physical(get(answer(LODE_LIMINE_ENTROPY) + 16, 8)), 8 * cases[i].get), random,
				8 * cases[i].get);
	}
}

static void check_file(uint64_t file, const struct lode_part *part, const char *path, const char *string)
{
	CHECK_EQ(get(file, 8), 0);
	CHECK_EQ(get(file + 8, 8), hhdm + part->addr);
	CHECK_EQ(part->addr % 4096, 0);
	CHECK_EQ(get(file + 16, 8), part->size);
	CHECK_STR(text(get(file + 24, 8)), path);
	CHECK_STR(text(get(file + 32, 8)), string);
}

static void check_files(void)
{
	uint64_t list = get(answer(LODE_LIMINE_MODULES) + 16, 8);

	check_file(get(answer(LODE_LIMINE_FILE) + 8, 8), state_part(&s, LODE_FIELD_PART_KERNEL_FILE), "/kernel", "one two");
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL_FILE)->size, s.file.source.size);
	CHECK_EQ(get(answer(LODE_LIMINE_MODULES) + 8, 8), 2);
	check_file(get(list, 8), lode_start_module(&s.start, 0), "/a", "cmd");
	check_file(get(list + 8, 8), lode_start_module(&s.start, 1), "", "");
}

static void check_screen(void)
{
	static const unsigned char colours[] = {32, 0, 1, 8, 16, 8, 8, 8, 0};
	uint64_t at = answer(LODE_LIMINE_FRAMEBUFFER), phys, fb, mode;
	const struct lode_start_mapping *mapping;

	CHECK_EQ(get(at, 8), 1);
	CHECK_EQ(get(at + 8, 8), 1);
	fb = get(get(at + 16, 8), 8);
	CHECK_EQ(get(fb, 8), hhdm + screen.addr);
	mapping = walk(&phys, get(fb, 8));
	CHECK(mapping != NULL && phys == screen.addr && mapping->cache == LODE_CACHE_WRITE_COMBINING);
	CHECK_EQ(get(fb + 8, 8), 640);
	CHECK_EQ(get(fb + 16, 8), 480);
	CHECK_EQ(get(fb + 24, 8), 2560);
	CHECK_MEM(state_at(&s, physical(fb + 32), 9), colours, 9);
	CHECK_EQ(get(fb + 48, 8) | get(fb + 56, 8), 0);
	CHECK_EQ(get(fb + 64, 8), 1);
	mode = get(get(fb + 72, 8), 8);
	CHECK_EQ(get(mode, 8), 2560);
	CHECK_EQ(get(mode + 8, 8), 640);
	CHECK_MEM(state_at(&s, physical(mode + 24), 2), colours, 2);
	CHECK_MEM(state_at(&s, physical(mode + 26), 7), colours + 2, 7);
}

/* Sorted, whole pages where they must be, and of the right kind wherever something lies. */
static void check_memory(const struct lode_machine *machine, uint64_t revision)
{
	uint64_t at = answer(LODE_LIMINE_MEMMAP), n = get(at + 8, 8), list = get(at + 16, 8), end = 0, usable = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t entry = get(list + 8 * i, 8), base = get(entry, 8), size = get(entry + 8, 8), kind = get(entry + 16, 8);

		CHECK(size > 0 && base >= end);
		end = base + size;
		if (kind == 0 || kind == 5)
			CHECK(base % 4096 == 0 && size % 4096 == 0);
		if (kind == 0)
			usable += size;
		if (kind == 7)
			CHECK(base == 0xe0000000 && size == 0x12d000);
		if (base == 0)
			CHECK_EQ(kind, revision < 3 ? 1 : 0);
		for (uint32_t k = 0; k < s.start.nparts; k++) {
			const struct lode_part *part = &s.parts[k];
			bool kernel = part->what == LODE_FIELD_PART_KERNEL || part->what == LODE_FIELD_PART_MODULE ||
				part->what == LODE_FIELD_PART_KERNEL_FILE;

			if (!part->patch && state_overlap_(base, size, part->addr, part->size))
				CHECK_EQ(kind, kernel ? 6 : 5);
		}
		if (base == 0x4003000)
			CHECK_EQ(kind, revision >= 5 ? 8 : 1);
	}
	CHECK(usable > 0x3000000 && usable < 0x4000000 + 0x9f000 + 0x200000);
	(void)machine;
}

/* Which physical addresses show at their own address, and above the HHDM's base. */
static void check_maps(uint64_t revision)
{
	static const struct { uint64_t addr; uint8_t revisions; } shown[] = {
		/* bit n: base revision n */
		{0, 0x78}, {0x1000, 0x7f}, {0x9fc00, 0x7f}, {0xa0000, 0x07}, {0x100000, 0x7f}, {0x4000000, 0x77}, {0x4002000, 0x77},
		{0x4003000, 0x77}, {0x4004000, 0x07}, {0x5000000, 0x07}, {0xe0000800, 0x7f}, {0xe0200000, 0x07}, {0xfffff000, 0x07},
		{0x100000000, 0x7f}, {0x100200000, 0}, {0x200000000, 0x01}, {0x200001000, 0},
	};
	uint64_t phys;

	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		bool want = shown[i].revisions >> revision & 1;
		const struct lode_start_mapping *m = walk(&phys, hhdm + shown[i].addr);

		CHECK_EQ(m != NULL, want);
		if (m != NULL)
			CHECK(phys == shown[i].addr && m->prot == 7);
		CHECK_EQ(walk(&phys, shown[i].addr) != NULL, want && revision == 0);
	}
	CHECK(walk(&phys, TEXT) != NULL && walk(&phys, TEXT)->prot == 5);
	CHECK(walk(&phys, DATA) != NULL && walk(&phys, DATA)->prot == 6);
	CHECK(walk(&phys, DATA + 0x3fff) != NULL && walk(&phys, DATA + 0x4000) == NULL);
	CHECK_EQ(physical(DATA), state_part(&s, LODE_FIELD_PART_KERNEL)->addr + 0x2000);
}

static void check_registers(uint64_t revision)
{
	const struct lode_registers *r = &s.start.registers;

	CHECK_EQ(r->rip, TEXT + 0x123);
	CHECK_EQ(r->cs.selector, 0x28);
	CHECK_EQ(r->ss.selector, 0x30);
	CHECK_EQ(get(r->gdtr.base + 0x28, 8), r->cs.descriptor);
	CHECK_EQ(get(r->gdtr.base + 0x30, 8), r->ds.descriptor);
	CHECK_EQ(r->gdtr.limit, 55);
	CHECK_EQ(r->cr0, 0x80010011);
	CHECK_EQ(r->cr4, 0x20 | (revision < 5 ? 0x600 : 0) | (s.start.levels == 5 ? 0x1000 : 0));
	CHECK_EQ(r->efer, 0xd00);
	CHECK_EQ(r->pat, 0x0000010500070406);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(r->rax | r->rbx | r->rcx | r->rdx | r->rsi | r->rdi | r->rbp, 0);
	CHECK_EQ(physical(r->rsp) + 8, state_part(&s, LODE_FIELD_PART_STACK)->addr + 0x10000);
	CHECK_EQ(r->tr.descriptor | r->ldtr.descriptor | r->idtr.base, 0);
}

static void check_processors(void)
{
	static const unsigned char park[] = {0x48, 0x83, 0x7f, 0x10, 0, 0x75, 4, 0xf3, 0x90, 0xeb, 0xf5, 0x6a, 2, 0x9d, 0xff, 0x67,
		0x10};
	uint64_t at = answer(LODE_LIMINE_MP), list = get(at + 24, 8);
	struct lode_registers r;

	CHECK_EQ(get(at + 8, 4), 0);
	CHECK_EQ(get(at + 12, 4), 7);
	CHECK_EQ(get(at + 16, 8), 3);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t info = get(list + 8 * i, 8);

		CHECK_EQ(get(info, 4), i);
		CHECK_EQ(get(info + 4, 4), apic_ids[i]);
		CHECK_EQ(get(info + 8, 8) | get(info + 16, 8) | get(info + 24, 8), 0);
		CHECK(lode_start_processor(&r, &s.start, i));
		if (i == 0)
			continue;
		CHECK_EQ(r.rdi, info);
		CHECK_MEM(state_at(&s, physical(r.rip), sizeof park), park, sizeof park);
		CHECK_EQ(physical(r.rsp) % 0x1000, 0xff8);
		CHECK_EQ(r.cr3, s.start.registers.cr3);
	}
	CHECK(!lode_start_processor(&r, &s.start, 3));
}

static void test_revisions(void)
{
	struct lode_machine machine = machine_of();

	for (uint64_t revision = 0; revision <= 6; revision++)
		for (int five = 0; five < 2; five++) {
			machine.la57 = five;
			begin(revision);
			put(slot(LODE_LIMINE_PAGING_MODE) + 48, (uint64_t)five);
			write_file(TEXT, ET_EXEC, NULL, 0);
			run(&machine);
			CHECK_EQ(s.status, LODE_OK);
			CHECK_EQ(s.start.levels, 4 + (unsigned)five);
			check_simple(&machine, revision);
			check_files();
			check_screen();
			check_memory(&machine, revision);
			check_maps(revision);
			check_registers(revision);
			check_processors();
		}
}

/* A kernel that asks for nothing, and a machine that has nothing. */
static void test_little(void)
{
	struct lode_machine machine = state_machine();

	begin(3);
	memset(data + FIRST, 0, sizeof data - FIRST);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(s.start.registers.rip, TEXT + 0x10);
	CHECK_EQ(s.start.others.count, 0);
	begin(3);
	write_file(TEXT, ET_EXEC, NULL, 0);
	machine.rsdp = 0;
	run(&machine);
	CHECK_EQ(answer(LODE_LIMINE_RSDP) | answer(LODE_LIMINE_SMBIOS) | answer(LODE_LIMINE_DATE) |
		answer(LODE_LIMINE_FRAMEBUFFER) |
		answer(LODE_LIMINE_TSC_FREQUENCY), 0);
	CHECK_EQ(get(answer(LODE_LIMINE_MODULES) + 8, 8), 0);
	CHECK_EQ(get(answer(LODE_LIMINE_MP) + 16, 8), 1);
}

static void test_markers(void)
{
	struct lode_machine machine = machine_of();

	for (uint64_t revision = 0; revision <= 6; revision++) {
		begin(revision);
		/* behind the end marker: seen only while markers do not count; unknown: left alone */
		request(0xa00, ids[LODE_LIMINE_HHDM][0], ids[LODE_LIMINE_HHDM][1]);
		memset(data + slot(LODE_LIMINE_HHDM), 0, SLOT);
		request(slot(LODE_LIMINE_RSDP), 1, 2);
		write_file(TEXT, ET_EXEC, NULL, 0);
		run(&machine);
		CHECK_EQ(patched(DATA + 0xa00 + 40) != 0, revision < 2);
		CHECK_EQ(answer(LODE_LIMINE_RSDP), 0);
	}
	begin(6);
	put(slot(LODE_LIMINE_REQUESTS), 0);
	put(0x9f0, LODE_LIMINE_START0), put(0x9f8, LODE_LIMINE_START1);
	request(0xa00, ids[LODE_LIMINE_HHDM][0], ids[LODE_LIMINE_HHDM][1]);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK(patched(DATA + 0xa00 + 40) != 0);
	CHECK_EQ(answer(LODE_LIMINE_HHDM), 0);
	/* of two ends the first counts */
	put(0xa80, LODE_LIMINE_END0), put(0xa88, LODE_LIMINE_END1);
	request(0xb00, ids[LODE_LIMINE_DATE][0], ids[LODE_LIMINE_DATE][1]);
	put(0xc00, LODE_LIMINE_END0), put(0xc08, LODE_LIMINE_END1);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	CHECK(patched(DATA + 0xa00 + 40) != 0);
	CHECK(patched(DATA + 0xb00 + 40) == 0);
}

static void refused(enum lode_rule rule, enum lode_field field)
{
	struct lode_machine machine = machine_of();

	run(&machine);
	state_refused(&s, rule, field);
}

static void test_refused(void)
{
	struct lode_machine machine = machine_of();

	begin(6);
	request(0xa00, ids[LODE_LIMINE_HHDM][0], ids[LODE_LIMINE_HHDM][1]);
	put(slot(LODE_LIMINE_REQUESTS), 0);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_TWICE, LODE_FIELD_LIMINE_REQUEST);
	CHECK_EQ(s.why.value, DATA + 0xa00);
	CHECK_EQ(s.why.limit, DATA + slot(LODE_LIMINE_HHDM));
	begin(6);
	put(0xa00, LODE_LIMINE_BASE0), put(0xa08, LODE_LIMINE_BASE1);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_TWICE, LODE_FIELD_LIMINE_TAG);
	begin(7);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_REVISION, LODE_FIELD_LIMINE_TAG);
	memset(data, 0, sizeof data);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_NONE, LODE_FIELD_LIMINE_TAG);
	begin(6);
	write_file(TEXT - 0x1000, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_ADDRESS, LODE_FIELD_PHDR_VADDR);
	write_file(TEXT - 0x2000, ET_DYN, NULL, 0);
	refused(LODE_RULE_START_LIMINE_ADDRESS, LODE_FIELD_PHDR_VADDR);
	begin(6);
	put(slot(LODE_LIMINE_PAGING_MODE) + 32, 1), put(slot(LODE_LIMINE_PAGING_MODE) + 64, 1);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_LIMINE_PAGING, LODE_FIELD_LIMINE_REQUEST);
	machine.la57 = true;
	run(&machine);
	CHECK_EQ(s.start.levels, 5);
	begin(6);
	put(slot(LODE_LIMINE_ENTRY) + 48, DATA);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_ENTRY, LODE_FIELD_LIMINE_ENTRY);
	begin(6);
	put(slot(LODE_LIMINE_STACK_SIZE) + 48, UINT64_MAX);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_STACK_SIZE);
	begin(6);
	put(slot(LODE_LIMINE_STACK_SIZE) + 48, 0x20001);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_STACK)->size, 0x21000);
	mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_machine", EM_AARCH64);
	refused(LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_MACHINE);
	mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_machine", EM_386);
	refused(LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_MACHINE);
}

static void test_refused_class(void)
{
	static const struct mkelf_segment segment = {
		.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x1000, .align = 0x1000, .size = 16};
	struct mkelf elf = {
		.class_ = ELFCLASS32, .machine = EM_X86_64, .segments = &segment, .nsegments = 1, .tables = MKELF_NOWHERE};

	file_write(&s.file, &elf);
	refused(LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_CLASS);
	elf.class_ = ELFCLASS64;
	elf.data = ELFDATA2MSB;
	file_write(&s.file, &elf);
	refused(LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_DATA);
}

/* Entry points that no processor could begin at; the second only gets here by a policy that lets it. */
static void test_refused_entry(void)
{
	const struct lode_machine machine = machine_of();
	struct lode_limine found;

	begin(6);
	put(slot(LODE_LIMINE_ENTRY) + 48, TEXT + 0x100000);
	write_file(TEXT, ET_EXEC, NULL, 0);
	refused(LODE_RULE_START_ENTRY, LODE_FIELD_LIMINE_ENTRY);
	memset(data + slot(LODE_LIMINE_ENTRY), 0, SLOT);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(lode_limine_find(&found, &s.file.image, NULL), LODE_OK);
	s.file.plan.entry = DATA;
	state_reset(&s, &machine);
	s.status = lode_start_limine(&s.start, &found, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_EHDR_ENTRY);
	CHECK_EQ(s.why.offset, LODE_NO_OFFSET);
	/* the pointer stands behind the file's part: it is 0 */
	begin(6);
	write_file(TEXT, ET_EXEC, NULL, 0);
	mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_filesz", slot(LODE_LIMINE_ENTRY) + 48);
	refused(LODE_RULE_START_ENTRY, LODE_FIELD_LIMINE_ENTRY);
	CHECK_EQ(s.why.value, 0);
}

static void test_refused_memory(void)
{
	static const struct lode_memory_entry top[] = {{UINT64_C(0xffffffffffe01000), 0x1ff000, LODE_MEMORY_USABLE}};
	struct lode_framebuffer high = screen;
	struct lode_machine machine = machine_of();
	struct lode_limine found;

	begin(0);
	write_file(TEXT, ET_EXEC, NULL, 0);
	high.addr = (UINT64_C(1) << 46) - 0x1000;
	machine.framebuffer = &high;
	run(&machine);
	state_refused(&s, LODE_RULE_START_TOO_HIGH, LODE_FIELD_PART_FRAMEBUFFER);
	/* the next multiple of the alignment is behind the last address */
	mkelf_set(&s.file.out, MKELF_PHDR, 0, "p_align", 0x200000);
	machine.memory = top, machine.nmemory = 1, machine.framebuffer = NULL;
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_KERNEL_SIZE);
	CHECK_EQ(lode_limine_find(&found, &s.file.image, NULL), LODE_OK);
	s.start.max_parts = 1;
	s.status = lode_start_limine(&s.start, &found, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_PARTS, LODE_FIELD_START_PARTS);
}

/* 32-bit SMBIOS tables, x2APIC, five levels that are not needed, a kernel aligned to more than pages. */
static void test_rest(void)
{
	struct lode_machine machine = machine_of();

	machine.smbios32 = 0x4003800, machine.smbios64 = 0;
	for (int wants = 0; wants < 2; wants++) {
		begin(6);
		machine.x2apic = true;
		put(slot(LODE_LIMINE_MP) + 48, (uint64_t)wants);
		put(slot(LODE_LIMINE_PAGING_MODE) + 32, 1);
		write_file(TEXT, ET_EXEC, NULL, 0);
		mkelf_set(&s.file.out, MKELF_PHDR, 0, "p_align", 0x400000);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK_EQ(s.start.levels, 4);
		CHECK_EQ(get(answer(LODE_LIMINE_MP) + 8, 4), wants);
		CHECK_EQ(get(answer(LODE_LIMINE_SMBIOS) + 8, 8), 0x4003800 + hhdm);
		CHECK_EQ(get(answer(LODE_LIMINE_SMBIOS) + 16, 8), 0);
		CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL)->addr % 0x200000, 0);
	}
	machine.x2apic = false;
	run(&machine);
	CHECK_EQ(get(answer(LODE_LIMINE_MP) + 8, 4), 0);
}

/* Kinds by address, as the kernel reads them; UINT64_MAX: no entry begins there. */
static uint64_t kind_at(uint64_t addr)
{
	uint64_t at = answer(LODE_LIMINE_MEMMAP), n = get(at + 8, 8), list = get(at + 16, 8);

	for (uint64_t i = 0; i < n; i++)
		if (get(get(list + 8 * i, 8), 8) == addr)
			return get(get(list + 8 * i, 8) + 16, 8);
	return UINT64_MAX;
}

/* Holes, neighbours of one kind, page 0 that is not free, memory beyond what the HHDM shows, the screen in a hole, an empty
 * module. */
static void test_odd_memory(void)
{
	static const struct lode_memory_entry odd[] = {
		{0, 0x1000, LODE_MEMORY_RESERVED}, {0x1000, 0x9e000, LODE_MEMORY_USABLE}, {0x100000, 0x700000, LODE_MEMORY_USABLE},
		{0x800000, 0x100000, LODE_MEMORY_USABLE}, {0xa00000, 0x100000, LODE_MEMORY_USABLE},
		{0xf0000000, 0x1000, LODE_MEMORY_RESERVED},
		{(UINT64_C(1) << 46) - 0x1000, 0x2000, LODE_MEMORY_ACPI}, {UINT64_C(1) << 47, 0x1000, LODE_MEMORY_ACPI},
	};
	static const struct lode_module empty[] = {{0, LODE_ANYWHERE, NULL, NULL}};
	struct lode_machine machine = machine_of();
	uint64_t phys;

	machine.memory = odd, machine.nmemory = 8, machine.modules = empty, machine.nmodules = 1;
	for (uint64_t revision = 0; revision <= 6; revision += 6) {
		begin(revision);
		write_file(TEXT, ET_EXEC, NULL, 0);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK_EQ(kind_at(0), LODE_LIMINE_MEMMAP_RESERVED);
		CHECK_EQ(kind_at(0x1000), LODE_LIMINE_MEMMAP_USABLE);
		CHECK_EQ(kind_at(0x800000), UINT64_MAX);
		CHECK_EQ(kind_at(0xa00000), LODE_LIMINE_MEMMAP_USABLE);
		CHECK_EQ(kind_at(0xe0000000), LODE_LIMINE_MEMMAP_FRAMEBUFFER);
		CHECK_EQ(kind_at(0xf0000000), LODE_LIMINE_MEMMAP_RESERVED);
		CHECK_EQ(kind_at(UINT64_C(1) << 47), LODE_LIMINE_MEMMAP_ACPI_RECLAIMABLE);
		CHECK(walk(&phys, hhdm + (UINT64_C(1) << 46) - 1) != NULL);
		CHECK(walk(&phys, hhdm + (UINT64_C(1) << 46)) == NULL);
	}
}

/* A framebuffer in memory that the map calls usable would be written over. */
static void test_framebuffer_in_memory(void)
{
	struct lode_framebuffer inside = screen;
	struct lode_machine machine = machine_of();

	machine.framebuffer = &inside;
	inside.addr = 0x3ffffff;
	begin(6);
	write_file(TEXT, ET_EXEC, NULL, 0);
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_FRAMEBUFFER, LODE_FIELD_MEMORY);
	CHECK_EQ(s.why.other, 2);
}

/* Linked to 0, moved to the upper 2 GiB; the entry request's pointer is relocated by a table, or by what stands in the file. */
static void test_moved(void)
{
	const struct mkelf_reloc rela = {.offset = 0x2000 + slot(LODE_LIMINE_ENTRY) + 48, .type = R_X86_64_RELATIVE,
		.addend = 0x456};
	struct lode_machine machine = machine_of();

	for (int table = 0; table < 2; table++) {
		begin(4);
		put(slot(LODE_LIMINE_ENTRY) + 48, table ? 0 : 0x123);
		write_file(0, ET_DYN, table ? &rela : NULL, (uint32_t)table);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK_EQ(s.start.registers.rip, TEXT + (table ? 0x456 : 0x123));
		CHECK_EQ(get(answer(LODE_LIMINE_ADDRESS) + 16, 8), TEXT);
		check_simple(&machine, 4);
	}
}

/* Only the relocation at the pointer's place counts, and of those that put an address there; symbols are added. */
static void test_moved_by(void)
{
	static const struct mkelf_symbol symbol = {.name = "entry", .shndx = 1, .value = 0x400};
	const uint32_t place = 0x2000 + slot(LODE_LIMINE_ENTRY) + 48;
	const struct mkelf_reloc rela[] = {{place - 8, R_X86_64_RELATIVE, 0, 0x999}, {place, R_X86_64_GLOB_DAT, 0, 0x999},
		{place, R_X86_64_64, 1, 0x56}};
	struct lode_machine machine = machine_of();

	begin(4);
	put(slot(LODE_LIMINE_ENTRY) + 48, 0);
	write_symbols(&symbol, 1);
	write_file(0, ET_DYN, rela, 3);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(s.start.registers.rip, TEXT + 0x456);
	/* a symbol that is not there; a dynamic table that is none */
	mkelf_set(&s.file.out, MKELF_RELA, 2, "r_info", UINT64_C(77) << 32 | R_X86_64_64);
	run(&machine);
	CHECK(s.status < 0);
	mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_filesz", 7);
	run(&machine);
	CHECK(s.status < 0);
	write_symbols(NULL, 0);
}

/* The tables of a kernel that is moved, each read failing in turn. */
static void test_moved_reads(void)
{
	static const struct mkelf_symbol symbol = {.name = "entry", .shndx = 1, .value = 0x400};
	const struct mkelf_reloc rela[] = {{0x2000 + slot(LODE_LIMINE_ENTRY) + 48, R_X86_64_64, 1, 0x56}};
	const struct lode_machine machine = machine_of();
	struct lode_limine found;
	struct tape tape;

	begin(4);
	write_symbols(&symbol, 1);
	write_file(0, ET_DYN, rela, 1);
	write_symbols(NULL, 0);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(lode_limine_find(&found, &s.file.image, NULL), LODE_OK);
	s.file.source = tape_begin(&tape, s.file.out.bytes, s.file.out.size, true);
	for (tape.fail_at = 0; tape.fail_at <= tape.reads; tape.fail_at++) {
		tape.reads = 0;
		state_reset(&s, &machine);
		s.status = lode_start_limine(&s.start, &found, &s.kernel, &machine, &s.why);
		CHECK(s.status == LODE_OK || s.status == LODE_ERR_IO || s.why.rule == LODE_RULE_START_ENTRY);
	}
	CHECK_EQ(s.status, LODE_OK);
	CHECK(tape.reads > 3);
	tape_end(&tape);
}

/* Marks and requests cut off by the end of the file part, and every truncation of the data. */
static void test_edges(void)
{
	const struct lode_machine machine = machine_of();

	for (uint32_t cut = 0; cut < 0x400; cut++) {
		begin(6);
		write_file(TEXT, ET_EXEC, NULL, 0);
		mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_filesz", cut);
		run(&machine);
		CHECK(s.status == LODE_OK || s.why.rule == LODE_RULE_START_LIMINE_NONE);
		CHECK_EQ(s.status == LODE_OK, cut >= TAG_AT + 16);
	}
	for (uint32_t shift = 0; shift < 2048; shift += 8) {
		memset(data, 0, sizeof data);
		request(shift, ids[LODE_LIMINE_HHDM][0], ids[LODE_LIMINE_HHDM][1]);
		write_file(TEXT, ET_EXEC, NULL, 0);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK(patched(DATA + shift + 40) != 0);
	}
}

/* The image ends before the response pointer does: nothing may be written there. */
static void test_end_of_image(void)
{
	struct lode_machine machine = machine_of();

	for (uint64_t size = 0x100; size < 0x180; size += 8) {
		memset(data, 0, sizeof data);
		put(0, LODE_LIMINE_BASE0), put(8, LODE_LIMINE_BASE1);
		request(0x100, ids[LODE_LIMINE_HHDM][0], ids[LODE_LIMINE_HHDM][1]);
		write_file(TEXT, ET_EXEC, NULL, 0);
		mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_filesz", size);
		mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_memsz", size);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK_EQ(patched(DATA + 0x100 + 40) != 0, size >= 0x130);
	}
	/* and of a tag only the pattern is there */
	memset(data, 0, sizeof data);
	put(0, LODE_LIMINE_BASE0), put(8, LODE_LIMINE_BASE1);
	write_file(TEXT, ET_EXEC, NULL, 0);
	mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_filesz", 16);
	mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_memsz", 16);
	refused(LODE_RULE_START_LIMINE_NONE, LODE_FIELD_LIMINE_TAG);
}

static void test_counts(void)
{
	static struct lode_memory_entry many[200];

	for (uint32_t i = 0; i < 200; i++)
		many[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, i % 5 ? 2 + i % 4 : 1};
	many[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	for (uint32_t n = 1; n <= 200; n += 3) {
		struct lode_machine machine = machine_of();

		machine.memory = many;
		machine.nmemory = n;
		begin(n % 7);
		write_file(TEXT, ET_EXEC, NULL, 0);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		CHECK(get(answer(LODE_LIMINE_MEMMAP) + 8, 8) >= n);
	}
}

static void test_request_of(void)
{
	for (uint32_t id = 0; id < LODE_LIMINE_REQUESTS; id++) {
		CHECK_EQ(lode_limine_request_of(ids[id][0], ids[id][1]), id);
		CHECK_EQ(lode_limine_request_of(ids[id][0], ids[id][1] + 1), LODE_LIMINE_REQUESTS);
		CHECK_EQ(lode_limine_request_of(ids[id][0] + 1, ids[id][1]), LODE_LIMINE_REQUESTS);
	}
}

int main(void)
{
	CASE(test_revisions);
	CASE(test_little);
	CASE(test_markers);
	CASE(test_refused);
	CASE(test_refused_class);
	CASE(test_refused_entry);
	CASE(test_refused_memory);
	CASE(test_rest);
	CASE(test_odd_memory);
	CASE(test_framebuffer_in_memory);
	CASE(test_moved);
	CASE(test_moved_by);
	CASE(test_moved_reads);
	CASE(test_edges);
	CASE(test_end_of_image);
	CASE(test_counts);
	CASE(test_request_of);
	CASE(test_entropy);
	file_free(&s.file);
	return check_done();
}
