/* SPDX-License-Identifier: MIT */
/* One file that speaks every protocol, and too little of everything: memory page by page, arrays byte by byte, reads one by one ->
 * a refusal that says what is missing, until there is enough. */
#include <elf.h>

#include <lode/boot.h>

#include "../unit/tape.h"
#include "state.h"

#define TEXT UINT64_C(0xffffffff80000000)

enum { CODE_SIZE = 0x3000, MB2_AT = 0x40, LIMINE_AT = 0x100, REQUESTS_AT = 0x200, RUST_AT = 0x2800, PAGES = 400, MIB = 0x100000 };

static struct state s;
static unsigned char code[CODE_SIZE];

static void put64(uint32_t at, uint64_t value)
{
	state_put(code + at, 8, value);
}

/* All requests but the entry point, behind each other. */
static void write_limine(uint64_t revision)
{
	static const uint64_t ids[][2] = {
#define LODE_LIMINE_REQUEST_(id, third, fourth) {third, fourth},
		LODE_LIMINE_LIST(LODE_LIMINE_REQUEST_)
#undef LODE_LIMINE_REQUEST_
	};

	put64(LIMINE_AT, LODE_LIMINE_BASE0), put64(LIMINE_AT + 8, LODE_LIMINE_BASE1), put64(LIMINE_AT + 16, revision);
	for (uint32_t id = 0; id < LODE_LIMINE_REQUESTS; id++) {
		uint32_t at = REQUESTS_AT + 80 * id;

		put64(at, LODE_LIMINE_COMMON0), put64(at + 8, LODE_LIMINE_COMMON1);
		put64(at + 16, ids[id][0]), put64(at + 24, ids[id][1]);
	}
	put64(REQUESTS_AT + 80 * LODE_LIMINE_ENTRY + 48, TEXT + 0x20);
}

/* Everything anywhere, with all of physical memory and a recursive entry. */
static void write_rust(void)
{
	static const unsigned char uuid[16] = {
		0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d};

	memcpy(code + RUST_AT, uuid, sizeof uuid);
	code[RUST_AT + 18] = 11, code[RUST_AT + 20] = 15;
	state_put(code + RUST_AT + 23, 8, 0x5000);
	code[RUST_AT + 67] = code[RUST_AT + 77] = 1;
}

static void write_multiboot(void)
{
	state_put(code, 4, 0x1badb002);
	state_put(code + 8, 4, 0u - 0x1badb002u);
	state_put(code + MB2_AT, 4, 0xe85250d6);
	state_put(code + MB2_AT + 8, 4, 64);
	state_put(code + MB2_AT + 12, 4, 0u - 0xe85250d6u - 64);
	/* a request for the memory map, and where the image may be moved to */
	state_put(code + MB2_AT + 16, 4, 1), state_put(code + MB2_AT + 20, 4, 12), state_put(code + MB2_AT + 24, 4, 6);
	state_put(code + MB2_AT + 32, 4, 10), state_put(code + MB2_AT + 36, 4, 24), state_put(code + MB2_AT + 44, 4, UINT32_MAX);
	state_put(code + MB2_AT + 60, 4, 8);
}

static void write_file(uint64_t revision, bool is_linux)
{
	static const unsigned char entry[8] = {0, 1, 0x10}, align[4] = {0, 0x10};
	static const struct mkelf_note notes[] = {{"Xen", 18, entry, 4}, {"Xen", 19, align, 4}, {"Linux", 0x100, entry, 4}};
	static const struct mkelf_symbol symbols[] = {{.name = "start", .shndx = 1, .value = TEXT}};
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = TEXT, .paddr = MIB, .align = 0x1000, .bytes = code,
			.size = CODE_SIZE},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = TEXT + 0x4000, .paddr = MIB + 0x4000, .align = 0x1000,
			.size = 0x800, .bss = 0x1000},
		{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	const struct mkelf elf = {.class_ = ELFCLASS64, .type = ET_EXEC, .machine = EM_X86_64, .entry = TEXT + 0x20,
		.segments = segments, .nsegments = 3, .tables = 1, .notes = notes, .nnotes = is_linux ? 3 : 2, .sections = true,
		.symtab = symbols, .nsymtab = 1};

	memset(code, 0, sizeof code);
	write_limine(revision);
	write_rust();
	write_multiboot();
	file_write(&s.file, &elf);
}

/* A system of two sectors behind one of setup, at 1 MiB. */
static void write_bzimage(void)
{
	memset(s.file.out.bytes + 0x1f1, 0, 0x290 - 0x1f1);
	mkelf_poke(&s.file.out, 0x1f1, 1, 1);
	mkelf_poke(&s.file.out, 0x1f4, 4, 64);
	mkelf_poke(&s.file.out, 0x1fe, 2, 0xaa55);
	memcpy(s.file.out.bytes + 0x202, "HdrS\xf\2", 6);
	mkelf_poke(&s.file.out, 0x211, 1, 1);
	mkelf_poke(&s.file.out, 0x22c, 4, 0x7fffffff);
	mkelf_poke(&s.file.out, 0x236, 2, 3);
	mkelf_poke(&s.file.out, 0x238, 4, 2047);
	mkelf_poke(&s.file.out, 0x258, 8, MIB);
	mkelf_poke(&s.file.out, 0x260, 4, 0x4000);
}

static const struct way {
	const char *name;
	enum lode_protocol protocol;
	uint32_t flags;
	uint64_t revision; /* of Limine */
	uint32_t nmodules;
	bool is_linux;
} ways[] = {
	{"pvh", LODE_PROTOCOL_PVH, 0, 0, 2, false},
	{"pvh of Linux", LODE_PROTOCOL_PVH, 0, 0, 2, true},
	{"linux", LODE_PROTOCOL_LINUX, 0, 0, 2, true},
	{"elf64", LODE_PROTOCOL_ELF64, 0, 0, 2, false},
	{"elf64 of Linux", LODE_PROTOCOL_ELF64, 0, 0, 2, true},
	{"multiboot", LODE_PROTOCOL_MULTIBOOT, LODE_OPEN_SECTIONS, 0, 2, false},
	{"multiboot 2", LODE_PROTOCOL_MULTIBOOT2, LODE_OPEN_SECTIONS, 0, 2, false},
	{"limine 0", LODE_PROTOCOL_LIMINE, 0, 0, 2, false},
	{"limine 6", LODE_PROTOCOL_LIMINE, 0, 6, 2, false},
	{"rust", LODE_PROTOCOL_RUST, 0, 0, 1, false},
};
enum { WAYS = sizeof ways / sizeof *ways };

static const struct lode_framebuffer screen = {.addr = 0xe0000000, .width = 640, .height = 480, .pitch = 2560, .bpp = 32,
	.red = {8, 16}, .green = {8, 8}, .blue = {8, 0}};
static const struct lode_module modules[] = {{5001, LODE_ANYWHERE, NULL, NULL}, {1, LODE_ANYWHERE, NULL, NULL}};

static struct lode_machine machine_of(const struct way *way, const struct lode_memory_entry *memory)
{
	return (struct lode_machine){.memory = memory, .nmemory = 1, .modules = modules, .nmodules = way->nmodules, .ncpus = 3,
		.framebuffer = &screen, .rsdp = 0xe0000, .no_bios = true};
}

static void load(const struct way *way)
{
	write_file(way->revision, way->is_linux);
	state_load(&s, way->protocol, TEXT, way->flags);
	if (way->protocol == LODE_PROTOCOL_LINUX) { /* the file is no ELF file to it */
		write_bzimage();
		s.kernel = (struct lode_kernel){NULL, NULL};
	}
}

static int start_by(const struct way *way, const struct lode_machine *machine)
{
	struct lode_boot boot = {.protocol = way->protocol, .image = s.kernel.image, .source = &s.file.source};
	int status = lode_boot_read(&boot, machine, &s.why);

	return status == LODE_OK ? lode_boot_start(&s.start, &boot, s.kernel.plan, machine, &s.why) : status;
}

static void start(const struct way *way, const struct lode_machine *machine)
{
	state_reset(&s, machine);
	s.status = start_by(way, machine);
	if (s.status == LODE_OK)
		state_check(&s, machine);
	else
		CHECK_EQ((int)s.why.status, s.status);
}

/* From the first page too many on it goes, and it goes with more. */
static void test_memory(const struct way *way)
{
	struct lode_memory_entry memory = {MIB, 0, LODE_MEMORY_USABLE};
	const struct lode_machine machine = machine_of(way, &memory);
	uint32_t enough = 0;

	load(way);
	for (uint32_t pages = 1; pages < PAGES; pages++) {
		memory.size = pages * UINT64_C(4096);
		start(way, &machine);
		if (s.status == LODE_OK && enough == 0)
			enough = pages;
		CHECK_EQ(s.status == LODE_OK, enough != 0);
		if (s.status == LODE_OK)
			continue;
		CHECK(s.why.rule == LODE_RULE_START_NO_PLACE || s.why.rule == LODE_RULE_START_OUTSIDE);
		CHECK_STR(lode_field_name(s.why.field), s.why.rule == LODE_RULE_START_NO_PLACE ? "size" : "address");
	}
	CHECK(enough > 6 && enough < PAGES);
}

/* The same if it is there, and somebody else's. */
static void test_reserved(const struct way *way)
{
	const struct lode_memory_entry memory = {MIB, 0x1000000, LODE_MEMORY_USABLE};
	struct lode_machine machine = machine_of(way, &memory);
	struct lode_range reserved[2] = {{MIB + 0x3000, 0x1000}};
	uint32_t enough = 0;

	machine.reserved = reserved;
	machine.nreserved = 2;
	load(way);
	for (uint32_t pages = 8; pages < PAGES; pages++) {
		reserved[1] = (struct lode_range){MIB + pages * UINT64_C(4096), 0x1000000 - pages * UINT64_C(4096)};
		start(way, &machine);
		if (s.status == LODE_OK && enough == 0)
			enough = pages;
		CHECK_EQ(s.status == LODE_OK, enough != 0);
	}
	CHECK(enough > 0 || way->protocol == LODE_PROTOCOL_LINUX);
	CHECK(s.status == LODE_OK || s.why.with == LODE_FIELD_RESERVED);
}

/* Every byte of the boot structures is asked for before one is written. */
static void test_bytes(const struct way *way)
{
	const struct lode_memory_entry memory = {0, 0x1000000, LODE_MEMORY_USABLE};
	const struct lode_machine machine = machine_of(way, &memory);
	uint64_t need;

	load(way);
	start(way, &machine);
	CHECK_EQ(s.status, LODE_OK);
	need = s.start.nbytes;
	for (uint64_t room = 0; room < need; room += room + 0x100 < need ? 0x100 : 1) {
		state_reset(&s, &machine);
		s.start.max_bytes = room;
		s.status = start_by(way, &machine);
		state_refused(&s, LODE_RULE_ROOM_BYTES, LODE_FIELD_START_BYTES);
		CHECK_EQ(s.start.nbytes, need);
		CHECK_EQ(s.bytes[room < 4095 ? room : 4095], 0x55);
	}
}

/* One entry too few in either list. */
static void test_lists(const struct way *way)
{
	const struct lode_memory_entry memory = {0, 0x1000000, LODE_MEMORY_USABLE};
	const struct lode_machine machine = machine_of(way, &memory);

	load(way);
	for (int list = 0; list < 2; list++) {
		state_reset(&s, &machine);
		s.start.max_parts -= list == 0;
		s.start.max_mappings -= list == 1;
		s.status = start_by(way, &machine);
		if (list == 0)
			state_refused(&s, LODE_RULE_ROOM_PARTS, LODE_FIELD_START_PARTS);
		else
			state_refused(&s, LODE_RULE_ROOM_MAPPINGS, LODE_FIELD_START_MAPPINGS);
	}
}

/* The file can be read up to the n-th time. */
static void test_reads(const struct way *way)
{
	const struct lode_memory_entry memory = {0, 0x1000000, LODE_MEMORY_USABLE};
	const struct lode_machine machine = machine_of(way, &memory);
	struct tape tape;
	uint64_t most = 0;

	load(way);
	s.file.source = tape_begin(&tape, s.file.out.bytes, s.file.out.size, true);
	for (uint64_t n = 0; n <= most; n++) {
		tape.reads = 0;
		tape.fail_at = n;
		start(way, &machine);
		if (s.status != LODE_OK)
			state_refused(&s, LODE_RULE_SOURCE_READ, LODE_FIELD_FILE);
		most = tape.reads > most ? tape.reads : most;
	}
	CHECK_EQ(s.status, LODE_OK);
	tape_end(&tape);
}

/* Which protocol it is: a file that cannot be read is no file of another. */
static void test_find(void)
{
	enum lode_protocol protocol;
	struct tape tape;

	load(&ways[0]);
	s.file.source = tape_begin(&tape, s.file.out.bytes, s.file.out.size, true);
	for (uint64_t n = 0; n < 40; n++) {
		tape.reads = 0;
		tape.fail_at = n;
		s.status = lode_protocol_find(&protocol, &s.file.image, &s.file.source, n % 2 ? NULL : &s.why);
		CHECK(s.status == LODE_OK ? protocol == LODE_PROTOCOL_RUST : s.status == LODE_ERR_IO);
	}
	CHECK_EQ(s.status, LODE_OK);
	tape_end(&tape);
}

int main(void)
{
	for (size_t i = 0; i < WAYS; i++) {
		check_case("%s: memory", ways[i].name);
		test_memory(&ways[i]);
		check_case("%s: reserved", ways[i].name);
		test_reserved(&ways[i]);
		check_case("%s: bytes", ways[i].name);
		test_bytes(&ways[i]);
		check_case("%s: lists", ways[i].name);
		test_lists(&ways[i]);
		check_case("%s: reads", ways[i].name);
		test_reads(&ways[i]);
	}
	CASE(test_find);
	file_free(&s.file);
	return check_done();
}
