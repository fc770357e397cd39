/* SPDX-License-Identifier: MIT */
/* bzImage and ELF64 by the 64-bit entry: headers of every version, boot_params read back, initrd and command line at limits. */
#include <elf.h>
#include <stdlib.h>

#include "../unit/tape.h"
#include "state.h"

enum { SETUP = 1024, SYSTEM = 0x3000, FILE_BYTES = SETUP + SYSTEM };

static struct state s;
static unsigned char image[FILE_BYTES];
static struct lode_source source = {.bytes = image, .size = FILE_BYTES};

static void set(uint32_t offset, unsigned width, uint64_t value)
{
	state_put(image + offset, width, value);
}

/* A kernel of protocol 2.15, one sector of setup, loaded at 1 MiB. */
static void make(void)
{
	for (uint32_t i = 0; i < FILE_BYTES; i++)
		image[i] = (unsigned char)(i * 7);
	memset(image + 0x1f1, 0, 0x290 - 0x1f1);
	set(0x1f1, 1, 1);
	set(0x1f4, 4, SYSTEM / 16);
	set(0x1fe, 2, 0xaa55);
	set(0x200, 2, 0x6aeb);
	memcpy(image + 0x202, "HdrS", 4);
	set(0x206, 2, 0x20f);
	set(0x211, 1, 1);
	set(0x22c, 4, 0x7fffffff);
	set(0x230, 4, 0x200000);
	set(0x234, 1, 1);
	set(0x236, 2, 3);
	set(0x238, 4, 2047);
	set(0x248, 4, 0x100);
	set(0x24c, 4, 0x2000);
	set(0x258, 8, 0x1000000);
	set(0x260, 4, 0x500000);
	source.size = FILE_BYTES;
}

static void run(const struct lode_machine *machine)
{
	struct lode_linux found;

	s.kernel = (struct lode_kernel){NULL, NULL};
	state_reset(&s, machine);
	s.status = lode_linux_read(&found, &source, &s.why);
	if (s.status == LODE_OK)
		s.status = lode_start_linux(&s.start, &found, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

static void test_header(void)
{
	struct lode_linux l;

	make();
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
	CHECK_EQ(l.version, 0x20f);
	CHECK_EQ(l.setup_size, SETUP);
	CHECK_EQ(l.system_size, SYSTEM);
	CHECK_EQ(l.pref_address, 0x1000000);
	CHECK_EQ(l.init_size, 0x500000);
	CHECK_EQ(l.alignment, 0x200000);
	CHECK_EQ(l.cmdline_size, 2047);
	CHECK_EQ(l.initrd_last, 0x7fffffff);
	CHECK_EQ(l.payload.offset, SETUP + 0x100);
	CHECK_EQ(l.payload.size, 0x2000);
	CHECK_EQ(l.header_size, 0x202 + 0x6a - 0x1f1);
	CHECK_EQ(l.xloadflags, 3);
	CHECK(l.relocatable);
}

/* What a field stands for in versions that do not have it. */
static void test_versions(void)
{
	struct lode_linux l;

	for (uint32_t v = 0x200; v <= 0x20f; v++) {
		make();
		set(0x206, 2, v);
		CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
		CHECK_EQ(l.initrd_last, v >= 0x203 ? 0x7fffffff : 0x37ffffff);
		CHECK_EQ(l.relocatable, v >= 0x205);
		CHECK_EQ(l.cmdline_size, v >= 0x206 ? 2047 : 255);
		CHECK_EQ(l.payload.size, v >= 0x208 ? 0x2000 : 0);
		CHECK_EQ(l.pref_address, v >= 0x20a ? 0x1000000 : 0x100000);
		CHECK_EQ(l.init_size, v >= 0x20a ? 0x500000 : 0);
		CHECK_EQ(l.xloadflags, v >= 0x20c ? 3 : 0);
	}
	make();
	set(0x1f1, 1, 0);
	set(0x1f4, 4, (FILE_BYTES - 5 * 512) / 16);
	set(0x24c, 4, 0x1000);
	CHECK_EQ(lode_linux_read(&l, &source, &s.why), LODE_OK);
	CHECK_EQ(l.setup_size, 5 * 512);
}

static void refused(enum lode_rule rule, enum lode_field field)
{
	struct lode_machine machine = state_machine();

	run(&machine);
	state_refused(&s, rule, field);
}

static void test_refused(void)
{
	make();
	source.size = 0x28f;
	refused(LODE_RULE_START_LINUX_NONE, LODE_FIELD_FILE);
	make();
	set(0x1fe, 2, 0xaa54);
	refused(LODE_RULE_START_LINUX_NONE, LODE_FIELD_LINUX_MAGIC);
	make();
	set(0x205, 1, 's');
	refused(LODE_RULE_START_LINUX_NONE, LODE_FIELD_LINUX_MAGIC);
	make();
	set(0x1f1, 1, 25);
	refused(LODE_RULE_START_LINUX_TRUNCATED, LODE_FIELD_LINUX_SETUP_SECTS);
	make();
	set(0x1f4, 4, SYSTEM / 16 + 1);
	refused(LODE_RULE_START_LINUX_TRUNCATED, LODE_FIELD_LINUX_SYSSIZE);
	make();
	set(0x24c, 4, SYSTEM - 0x100 + 1);
	refused(LODE_RULE_START_LINUX_TRUNCATED, LODE_FIELD_LINUX_PAYLOAD);
	make();
	set(0x211, 1, 0);
	refused(LODE_RULE_START_LINUX_LOW, LODE_FIELD_LINUX_LOADFLAGS);
	make();
	set(0x206, 2, 0x20b);
	refused(LODE_RULE_START_LINUX_16BIT, LODE_FIELD_LINUX_VERSION);
	make();
	set(0x236, 2, 2);
	refused(LODE_RULE_START_LINUX_16BIT, LODE_FIELD_LINUX_XLOADFLAGS);
	make();
	set(0x230, 4, 0x300000);
	refused(LODE_RULE_START_LINUX_ALIGN, LODE_FIELD_LINUX_ALIGNMENT);
	make();
	set(0x260, 4, 0xf000001);
	refused(LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_KERNEL_SIZE);
	make();
	set(0x234, 1, 0);
	set(0x258, 8, 0x80000);
	refused(LODE_RULE_START_OUTSIDE, LODE_FIELD_PART_WORKSPACE);
}

/* A file that grew a signature behind the system, and one whose last paragraph is not full. */
static void test_sizes(void)
{
	struct lode_linux l;

	make();
	set(0x1f4, 4, SYSTEM / 16 - 2);
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
	CHECK_EQ(l.system_size, SYSTEM - 32);
	make();
	source.size -= 15;
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
	CHECK_EQ(l.system_size, SYSTEM - 15);
	source.size--;
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_ERR_MALFORMED);
}

/* A pipe's end is not known: the header has to say how much there is. */
static void test_unknown_size(void)
{
	struct lode_linux l;
	struct tape tape;

	make();
	source = tape_begin(&tape, image, FILE_BYTES, false);
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
	CHECK_EQ(l.system_size, SYSTEM);
	set(0x1f4, 4, 0);
	s.status = lode_linux_read(&l, &source, &s.why);
	state_refused(&s, LODE_RULE_START_LINUX_TRUNCATED, LODE_FIELD_LINUX_SYSSIZE);
	tape_end(&tape);
	source = (struct lode_source){.bytes = image, .size = FILE_BYTES};
	CHECK_EQ(lode_linux_read(&l, &source, NULL), LODE_OK);
	CHECK_EQ(l.system_size, SYSTEM);
}

static void test_registers(void)
{
	const struct lode_machine machine = state_machine();
	const struct lode_registers *r = &s.start.registers;
	const struct lode_part *stack, *kernel;

	make();
	run(&machine);
	kernel = state_part(&s, LODE_FIELD_PART_KERNEL);
	stack = state_part(&s, LODE_FIELD_PART_STACK);
	CHECK_EQ(kernel->addr, 0x1000000);
	CHECK_EQ(kernel->size, SYSTEM);
	CHECK_EQ(kernel->offset, SETUP);
	CHECK_EQ(kernel->content, LODE_CONTENT_FILE);
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_WORKSPACE)->addr, 0x1000000 + SYSTEM);
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_WORKSPACE)->size, 0x500000 - SYSTEM);
	CHECK_EQ(r->rip, 0x1000200);
	CHECK_EQ(r->rsi, s.start.info);
	CHECK_EQ(r->cr0, 0x80000011);
	CHECK_EQ(r->cr4, 0x20);
	CHECK_EQ(r->efer, 0x500);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(r->cs.selector, 0x10);
	CHECK_EQ(r->ds.selector, 0x18);
	CHECK_EQ(r->cs.descriptor, 0x00af9b000000ffff);
	CHECK_EQ(r->rsp, stack->addr + stack->size - 16);
	CHECK_EQ(r->cr3, s.start.tables.addr);
	CHECK_EQ(s.start.levels, 4);
	CHECK_EQ(s.start.nmappings, 1);
	CHECK_EQ(s.mappings[0].addr, 0);
	CHECK_EQ(s.mappings[0].phys, 0);
	CHECK_EQ(s.mappings[0].size, UINT64_C(1) << 32);
	CHECK_EQ(s.mappings[0].prot, 7);
	/* root, one table of 512 GiB, four of 1 GiB at least */
	CHECK(s.start.tables.size >= 6 * 4096);
}

/* e820 and what of it went into the chain, as the kernel would gather it. */
static void check_e820(const struct lode_machine *machine)
{
	uint64_t params = s.start.info, n = state_get(&s, params + 0x1e8, 1), link = state_get(&s, params + 0x250, 8), seen = 0;

	CHECK_EQ(n, machine->nmemory < 128 ? machine->nmemory : 128);
	for (uint64_t at = params + 0x2d0; seen < machine->nmemory; seen++, at += 20) {
		if (seen == 128) {
			CHECK_EQ(state_get(&s, link + 8, 4), 1);
			CHECK_EQ(state_get(&s, link + 12, 4), (machine->nmemory - 128) * 20);
			at = link + 16;
		}
		CHECK_EQ(state_get(&s, at, 8), machine->memory[seen].addr);
		CHECK_EQ(state_get(&s, at + 8, 8), machine->memory[seen].size);
		CHECK_EQ(state_get(&s, at + 16, 4), machine->memory[seen].type);
	}
	if (machine->nmemory > 128)
		link = state_get(&s, link, 8);
	if (machine->nrandom > 0) {
		CHECK_EQ(state_get(&s, link + 8, 4), 9);
		CHECK_EQ(state_get(&s, link + 12, 4), machine->nrandom);
		CHECK_MEM(state_at(&s, link + 16, machine->nrandom), machine->random, machine->nrandom);
		link = state_get(&s, link, 8);
	}
	CHECK_EQ(link, 0);
}

static void test_params(void)
{
	static struct lode_framebuffer screen = {.addr = UINT64_C(0x4e0000000), .width = 1024, .height = 768, .pitch = 4096,
		.bpp = 32,
		.red = {8, 16}, .green = {8, 8}, .blue = {8, 0}};
	static const unsigned char colours[6] = {8, 16, 8, 8, 8, 0};
	struct lode_module module = {0x12345, LODE_ANYWHERE, NULL, NULL};
	struct lode_machine machine = state_machine();
	uint64_t p, initrd;

	machine.framebuffer = &screen;
	machine.modules = &module;
	machine.nmodules = 1;
	machine.cmdline = "root=/dev/vda";
	make();
	run(&machine);
	p = s.start.info;
	/* the header is the file's but for what a loader sets */
	CHECK_MEM(state_at(&s, p + 0x1f1, 0x1f), image + 0x1f1, 0x210 - 0x1f1);
	CHECK_EQ(state_get(&s, p + 0x210, 1), 0xff);
	CHECK_EQ(state_get(&s, p + 0x211, 1), 1);
	CHECK_EQ(state_get(&s, p + 0x214, 4), 0x1000000);
	CHECK_MEM(state_at(&s, p + 0x22c, 0x24), image + 0x22c, 0x250 - 0x22c);
	CHECK_EQ(state_get(&s, p + 0x1ef, 1), 0);
	CHECK_EQ(state_get(&s, p + 0x70, 8), 0xe0000);
	CHECK_STR(state_string(&s, state_get(&s, p + 0x228, 4) | state_get(&s, p + 0xc8, 4) << 32), "root=/dev/vda");
	initrd = lode_start_module(&s.start, 0)->addr;
	CHECK_EQ(initrd, 0x10000000 - 0x13000);
	CHECK_EQ(state_get(&s, p + 0x218, 4), initrd);
	CHECK_EQ(state_get(&s, p + 0x21c, 4), 0x12345);
	CHECK_EQ(state_get(&s, p + 0xc0, 8), 0);
	CHECK_EQ(state_get(&s, p + 0x0f, 1), 0x23);
	CHECK_EQ(state_get(&s, p + 0x12, 2), 1024);
	CHECK_EQ(state_get(&s, p + 0x14, 2), 768);
	CHECK_EQ(state_get(&s, p + 0x16, 2), 32);
	CHECK_EQ(state_get(&s, p + 0x18, 4), 0xe0000000);
	CHECK_EQ(state_get(&s, p + 0x3a, 4), 4);
	CHECK_EQ(state_get(&s, p + 0x36, 4), 2);
	CHECK_EQ(state_get(&s, p + 0x1c, 4), 48);
	CHECK_EQ(state_get(&s, p + 0x24, 2), 4096);
	CHECK_MEM(state_at(&s, p + 0x26, 6), colours, 6);
	check_e820(&machine);
	screen.addr = 0xe0000000;
	run(&machine);
	CHECK_EQ(state_get(&s, s.start.info + 0x18, 4), 0xe0000000);
	CHECK_EQ(state_get(&s, s.start.info + 0x3a, 4) | state_get(&s, s.start.info + 0x36, 4), 0);
}

static void test_counts(void)
{
	static struct lode_memory_entry memory[200];
	static unsigned char seed[32] = "thirty-two bytes of a seed......";

	for (uint32_t i = 0; i < 200; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, 2 + i % 4};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	make();
	for (uint32_t n = 1; n <= 200; n++) {
		const struct lode_machine machine = {.memory = memory, .nmemory = n, .random = seed, .nrandom = n % 3 ? 32 : 0};

		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		check_e820(&machine);
	}
}

static void test_cmdline(void)
{
	struct lode_machine machine = state_machine();
	char cmdline[2049] = "";

	make();
	machine.cmdline = cmdline;
	memset(cmdline, 'c', 2047);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_STR(state_string(&s, state_get(&s, s.start.info + 0x228, 4)), cmdline);
	cmdline[2047] = 'c';
	run(&machine);
	state_refused(&s, LODE_RULE_START_CMDLINE, LODE_FIELD_CMDLINE);
	CHECK_EQ(s.why.limit, 2047);
	set(0x238, 4, 2048);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	machine.cmdline = NULL;
	run(&machine);
	CHECK_STR(state_string(&s, state_get(&s, s.start.info + 0x228, 4)), "");
}

/* The initrd keeps below the kernel's limit, or goes above 4 GiB where the kernel knows that. */
static void test_initrd(void)
{
	static const struct lode_memory_entry memory[] = {{0, 0x9f000, LODE_MEMORY_USABLE}, {0x100000, 0x7ff00000,
		LODE_MEMORY_USABLE},
		{UINT64_C(0x100000000), UINT64_C(0x200000000), LODE_MEMORY_USABLE}};
	struct lode_module module = {0x100000, LODE_ANYWHERE, NULL, NULL};
	struct lode_machine machine = {.memory = memory, .nmemory = 3, .modules = &module, .nmodules = 1};

	make();
	set(0x22c, 4, 0x37ffffff);
	run(&machine);
	CHECK_EQ(lode_start_module(&s.start, 0)->addr, 0x38000000 - 0x100000);
	module.size = UINT64_C(0x100000000) + 5;
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(lode_start_module(&s.start, 0)->addr, UINT64_C(0x1fffff000));
	CHECK_EQ(state_get(&s, s.start.info + 0x218, 4), 0xfffff000);
	CHECK_EQ(state_get(&s, s.start.info + 0xc0, 4), 1);
	CHECK_EQ(state_get(&s, s.start.info + 0x21c, 4), 5);
	CHECK_EQ(state_get(&s, s.start.info + 0xc4, 4), 1);
	CHECK_EQ(s.mappings[0].size, UINT64_C(0x300000000));
	set(0x236, 2, 1);
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_MODULE_SIZE);
	module = (struct lode_module){0x1000, UINT64_C(0x200000000), NULL, NULL};
	run(&machine);
	state_refused(&s, LODE_RULE_START_TOO_HIGH, LODE_FIELD_PART_MODULE);
	module = (struct lode_module){0x1000, 0x1002000, NULL, NULL};
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_MODULE, LODE_FIELD_PART_KERNEL);
	module.addr = 0x1100000;
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_MODULE, LODE_FIELD_PART_WORKSPACE);
	module.size = 0;
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
}

static void test_initrds(void)
{
	struct lode_module modules[3] = {{7, 0x4000000, NULL, NULL}, {4, LODE_ANYWHERE, NULL, NULL}, {9, 0x400000c, NULL, NULL}};
	struct lode_machine machine = state_machine();

	make();
	machine.modules = modules;
	machine.nmodules = 3;
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(lode_start_module(&s.start, 1)->addr, 0x4000008);
	CHECK_EQ(state_get(&s, s.start.info + 0x21c, 4), 21);
	modules[2].addr = 0x4000010;
	run(&machine);
	state_refused(&s, LODE_RULE_START_INITRD, LODE_FIELD_PART_MODULE);
	CHECK_EQ(s.why.index, 2);
	CHECK_EQ(s.why.limit, 0x400000c);
	modules[1].size = UINT64_MAX - 2;
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_MODULE_SIZE);
}

/* Something is where the kernel would like to be. */
static void test_moved(void)
{
	const struct lode_range reserved[] = {{0x14fffff, 1}};
	struct lode_machine machine = state_machine();

	make();
	machine.reserved = reserved;
	machine.nreserved = 1;
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0x1600200);
	CHECK_EQ(state_get(&s, s.start.info + 0x214, 4), 0x1600000);
	set(0x234, 1, 0);
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_WORKSPACE, LODE_FIELD_RESERVED);
}

/* Every field at its edges, and every length: no crash, and a refusal that names a rule. */
static void test_hostile(void)
{
	static const uint64_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff,
		UINT64_C(0x100000000), INT64_MAX, UINT64_MAX, UINT64_MAX - 0xfff};
	const struct lode_machine machine = state_machine();

	for (uint32_t at = 0x1f1; at < 0x290; at++)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			unsigned width = 1u << i % 4;

			make();
			set(at, at + width <= 0x290 ? width : 1, values[i]);
			run(&machine);
			CHECK(s.status == LODE_OK || (s.why.rule != LODE_RULE_NONE && (int)s.why.status == s.status));
		}
	for (uint64_t size = 0; size < FILE_BYTES; size += size < 0x300 ? 1 : 61) {
		unsigned char *copy = malloc(size + (size == 0));

		make();
		memcpy(copy, image, size);
		source = (struct lode_source){.bytes = copy, .size = size};
		run(&machine);
		CHECK(s.status < 0 || size > FILE_BYTES - 16);
		free(copy);
		source = (struct lode_source){.bytes = image, .size = FILE_BYTES};
	}
}

static const struct mkelf_segment segments[] = {
	{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0xffffffff80200000, .paddr = 0x200000, .align = 0x1000, .size = 0x3000},
	{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0xffffffff80203000, .paddr = 0x203000, .align = 0x1000, .size = 0x800,
	.bss = 0x2000},
	{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
};

static void make_elf(uint64_t entry, const struct mkelf_note *notes)
{
	const struct mkelf elf = {.type = ET_EXEC, .machine = EM_X86_64, .entry = entry, .segments = segments,
		.nsegments = notes != NULL ? 3 : 2, .tables = 1, .notes = notes, .nnotes = notes != NULL};

	file_write(&s.file, &elf);
	state_load(&s, LODE_PROTOCOL_ELF64, 0, 0);
}

static void run_elf(const struct lode_machine *machine)
{
	state_reset(&s, machine);
	s.status = lode_start_elf64(&s.start, &s.kernel, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

static void test_elf(void)
{
	static const uint64_t outside[] = {0x205900, 0x203900, 0xffffffff80203900, 0x1fffff, UINT64_MAX};
	struct lode_machine machine = state_machine();
	uint64_t p;

	make_elf(0xffffffff80200123, NULL);
	machine.cmdline = "hello";
	run_elf(&machine);
	p = s.start.info;
	CHECK_EQ(s.start.registers.rip, 0x200123);
	CHECK_EQ(s.start.registers.rsi, p);
	CHECK_EQ(state_get(&s, p + 0x1fe, 2), 0xaa55);
	CHECK_MEM(state_at(&s, p + 0x202, 4), "HdrS", 4);
	CHECK_EQ(state_get(&s, p + 0x206, 2), 0x20c);
	CHECK_EQ(state_get(&s, p + 0x210, 1), 0xff);
	CHECK_EQ(state_get(&s, p + 0x238, 4), 5);
	CHECK_STR(state_string(&s, state_get(&s, p + 0x228, 4)), "hello");
	check_e820(&machine);
	CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL)->addr, 0x200000);
	make_elf(0x200456, NULL);
	run_elf(&machine);
	CHECK_EQ(s.start.registers.rip, 0x200456);
	for (size_t i = 0; i < 5; i++) {
		make_elf(outside[i], NULL);
		run_elf(&machine);
		state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_EHDR_ENTRY);
	}
}

static void test_elf_machines(void)
{
	static const struct { uint8_t class_, data; uint16_t machine; enum lode_field field; } rows[] = {
		{ELFCLASS64, ELFDATA2LSB, EM_AARCH64, LODE_FIELD_EHDR_MACHINE},
		{ELFCLASS32, ELFDATA2LSB, EM_386, LODE_FIELD_EHDR_MACHINE},
		{ELFCLASS32, ELFDATA2LSB, EM_X86_64, LODE_FIELD_EHDR_CLASS},
		{ELFCLASS64, ELFDATA2MSB, EM_X86_64, LODE_FIELD_EHDR_DATA},
	};
	const struct lode_machine machine = state_machine();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct mkelf_segment one = {
			.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x200000, .align = 0x1000, .size = 16};
		const struct mkelf elf = {.class_ = rows[i].class_, .data = rows[i].data, .type = ET_EXEC,
			.machine = rows[i].machine, .entry = 0x200000, .segments = &one, .nsegments = 1, .tables = MKELF_NOWHERE};

		file_write(&s.file, &elf);
		state_load(&s, LODE_PROTOCOL_ELF64, 0, 0);
		run_elf(&machine);
		state_refused(&s, LODE_RULE_START_MACHINE, rows[i].field);
	}
}

static void test_elf_limits(void)
{
	static const struct mkelf_note note[] = {{"Linux", 0x100, "1", 1}};
	static struct lode_memory_entry memory[129];
	struct lode_machine machine = {.memory = memory, .nmemory = 129};
	char cmdline[2049] = "";

	for (uint32_t i = 0; i < 129; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, 2};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	make_elf(0x200000, NULL);
	run_elf(&machine);
	state_refused(&s, LODE_RULE_START_MEMORY_COUNT, LODE_FIELD_MEMORY_COUNT);
	make_elf(0x200000, note);
	run_elf(&machine);
	check_e820(&machine);
	memset(cmdline, 'c', 2048);
	machine.cmdline = cmdline;
	run_elf(&machine);
	state_refused(&s, LODE_RULE_START_CMDLINE, LODE_FIELD_CMDLINE);
	machine.nmemory = 1;
	make_elf(0x200000, NULL);
	run_elf(&machine);
	CHECK_EQ(s.status, LODE_OK);
}

int main(void)
{
	CASE(test_header);
	CASE(test_versions);
	CASE(test_refused);
	CASE(test_sizes);
	CASE(test_unknown_size);
	CASE(test_registers);
	CASE(test_params);
	CASE(test_counts);
	CASE(test_cmdline);
	CASE(test_initrd);
	CASE(test_initrds);
	CASE(test_moved);
	CASE(test_hostile);
	CASE(test_elf);
	CASE(test_elf_machines);
	CASE(test_elf_limits);
	file_free(&s.file);
	return check_done();
}
