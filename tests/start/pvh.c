/* SPDX-License-Identifier: MIT */
/* PVH: notes wherever and however they lie, the structures byte for byte, limits of Linux, kernels that are moved. */
#include <elf.h>
#include <stdlib.h>

#include "state.h"

static struct state s;

static const struct mkelf_segment kernel_segments[] = {
	{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0xffffffff81000000, .paddr = 0x1000000, .align = 0x1000, .size = 0x3000},
	{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0xffffffff81003000, .paddr = 0x1003000, .align = 0x1000, .size = 0x800,
	.bss = 0x2000},
	{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
};

/* One note of type 18 and whatever else is given. */
static void make(const struct mkelf_note *notes, uint32_t n, uint32_t align)
{
	const struct mkelf elf = {.type = ET_EXEC, .machine = EM_X86_64, .entry = 0x1000000, .segments = kernel_segments,
		.nsegments = 3,
		.tables = 1, .notes = notes, .nnotes = n, .note_align = align, .sections = true};

	file_write(&s.file, &elf);
}

static void make_kernel(void)
{
	static const unsigned char entry[8] = {0x10, 0x02, 0x00, 0x01};
	static const struct mkelf_note note[] = {{"Xen", 18, entry, 8}};

	make(note, 1, 4);
	state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
}

static void run(const struct lode_machine *machine)
{
	struct lode_pvh pvh;

	state_reset(&s, machine);
	s.status = lode_pvh_find(&pvh, &s.file.image, &s.why);
	if (s.status == LODE_OK)
		s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, machine, &s.why);
	if (s.status == LODE_OK)
		state_check(&s, machine);
}

/* All bytes of the block, worked out by hand for its place at 1000h. */
static void test_golden(void)
{
	static const struct lode_memory_entry memory[] = {{0, 0x8000000, LODE_MEMORY_USABLE}, {0xfec00000, 0x1000,
		LODE_MEMORY_RESERVED}};
	static const struct lode_module modules[] = {{0x1234, 0x2000000, "one", NULL}, {0x10, 0x3000000, NULL, NULL}};
	const struct lode_machine machine = {.memory = memory, .nmemory = 2, .modules = modules, .nmodules = 2, .cmdline = "a=b",
		.rsdp = 0xe0010};
	static const unsigned char want[] = {
		0x78, 0xc5, 0x6e, 0x33, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, /* magic, version, flags, nr_modules */
		0x98, 0x10, 0, 0, 0, 0, 0, 0, 0xdc, 0x10, 0, 0, 0, 0, 0, 0, /* modlist 1098h, cmdline 10dch */
		0x10, 0x00, 0x0e, 0, 0, 0, 0, 0, 0x68, 0x10, 0, 0, 0, 0, 0, 0, /* rsdp, memmap 1068h */
		2, 0, 0, 0, 0, 0, 0, 0, /* entries */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* GDT at 1038h */
		0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,
		0x67, 0, 0, 0, 0, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* usable */
		0, 0, 0xc0, 0xfe, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, /* reserved */
		0, 0, 0, 2, 0, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0xd8, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 3, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		'o', 'n', 'e', 0, 'a', '=', 'b', 0,
	};

	make_kernel();
	run(&machine);
	CHECK_EQ(s.start.info, 0x1000);
	CHECK_EQ(s.start.nbytes, 0x1000);
	CHECK_MEM(state_at(&s, 0x1000, sizeof want), want, sizeof want);
	for (size_t i = sizeof want; i < 0x1000; i++)
		CHECK_EQ(s.bytes[i], 0);
}

static void test_registers(void)
{
	const struct lode_machine machine = state_machine();
	const struct lode_registers *r = &s.start.registers;
	struct lode_registers other;

	make_kernel();
	run(&machine);
	CHECK_EQ(r->rip, 0x1000210);
	CHECK_EQ(r->rbx, s.start.info);
	CHECK_EQ(r->cr0, 0x11);
	CHECK_EQ(r->cr3 | r->cr4 | r->efer | r->rax | r->rsi | r->rdi | r->rsp, 0);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(lode_descriptor_base(r->cs.descriptor), 0);
	CHECK_EQ(lode_descriptor_limit(r->cs.descriptor), 0xffffffff);
	CHECK_EQ(lode_descriptor_access(r->cs.descriptor), 0xc09b);
	CHECK_EQ(lode_descriptor_limit(r->ds.descriptor), 0xffffffff);
	CHECK_EQ(lode_descriptor_access(r->ss.descriptor), 0xc093);
	CHECK_EQ(lode_descriptor_limit(r->tr.descriptor), 0x67);
	CHECK_EQ(lode_descriptor_access(r->tr.descriptor), 0x8b);
	CHECK_EQ(state_get(&s, r->gdtr.base + r->cs.selector, 8), r->cs.descriptor);
	CHECK_EQ(state_get(&s, r->gdtr.base + r->es.selector, 8), r->es.descriptor);
	CHECK_EQ(state_get(&s, r->gdtr.base + r->tr.selector, 8), r->tr.descriptor);
	CHECK(r->tr.selector + 7u <= r->gdtr.limit);
	CHECK(lode_start_processor(&other, &s.start, 0) && other.rip == r->rip);
	CHECK(!lode_start_processor(&other, &s.start, 1));
	CHECK_EQ(s.start.levels, 0);
}

/* Read back as a kernel would: n memory entries, m modules. */
static void read_back(const struct lode_machine *machine)
{
	uint64_t info = s.start.info, map = state_get(&s, info + 40, 8), list = state_get(&s, info + 16, 8);

	CHECK_EQ(state_get(&s, info, 4), 0x336ec578);
	CHECK_EQ(state_get(&s, info + 48, 4), machine->nmemory);
	CHECK_EQ(state_get(&s, info + 12, 4), machine->nmodules);
	CHECK_EQ(list == 0, machine->nmodules == 0);
	CHECK_STR(state_string(&s, state_get(&s, info + 24, 8)), machine->cmdline != NULL ? machine->cmdline : "");
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		CHECK_EQ(state_get(&s, map + 24 * i, 8), machine->memory[i].addr);
		CHECK_EQ(state_get(&s, map + 24 * i + 8, 8), machine->memory[i].size);
		CHECK_EQ(state_get(&s, map + 24 * i + 16, 8),
			machine->memory[i].type == LODE_MEMORY_FIRMWARE ? 2 : machine->memory[i].type);
	}
	for (uint32_t i = 0; i < machine->nmodules; i++) {
		CHECK_EQ(state_get(&s, list + 32 * i, 8), lode_start_module(&s.start, i)->addr);
		CHECK_EQ(state_get(&s, list + 32 * i + 8, 8), machine->modules[i].size);
		if (machine->modules[i].cmdline != NULL)
			CHECK_STR(state_string(&s, state_get(&s, list + 32 * i + 16, 8)), machine->modules[i].cmdline);
		CHECK(lode_start_module(&s.start, i)->addr + machine->modules[i].size <= UINT64_C(1) << 32);
	}
}

static void test_counts(void)
{
	static struct lode_memory_entry memory[200];
	struct lode_module modules[9];

	for (uint32_t i = 0; i < 200; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, 2 + i % 4};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	memory[1].type = LODE_MEMORY_FIRMWARE;
	for (uint32_t i = 0; i < 9; i++)
		modules[i] = (struct lode_module){i * 4099, LODE_ANYWHERE, i % 2 ? "x y" : NULL, NULL};
	make_kernel();
	for (uint32_t n = 1; n <= 200; n++) {
		const struct lode_machine machine = {.memory = memory, .nmemory = n, .modules = modules, .nmodules = n % 10,
			.cmdline = "console=ttyS0"};

		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		read_back(&machine);
	}
}

/* Every kind of note that lies. */
static void test_notes(void)
{
	static const unsigned char entry[32] = {0x10, 0x02, 0x00, 0x01}, high[8] = {0, 0, 0, 1, 1};
	static const struct {
		struct mkelf_note notes[3];
		uint32_t n, align;
		enum lode_rule rule; /* NONE: found */
	} rows[] = {
		{{{"Xen", 18, entry, 4}}, 1, 4, LODE_RULE_NONE},
		{{{"Xen", 18, entry, 8}}, 1, 4, LODE_RULE_NONE},
		{{{"Xen", 18, entry, 8}}, 1, 8, LODE_RULE_NONE},
		{{{"stapsdt", 18, high, 4}, {"Xen", 18, entry, 4}}, 2, 4, LODE_RULE_NONE},
		{{{"Xen", 18, entry, 3}, {"Xen", 18, entry, 4}}, 2, 4, LODE_RULE_NONE},
		{{{"Xen", 18, entry, 12}, {"Xen", 17, entry, 4}, {"Xen", 18, entry, 8}}, 3, 4, LODE_RULE_NONE},
		{{{"Xen", 18, entry, 4}, {"Xen", 18, high, 8}}, 2, 4, LODE_RULE_NONE},
		{{{"GNU", 5, entry, 12}, {"Xen", 18, entry, 4}}, 2, 4, LODE_RULE_NONE},
		{{{"Xen", 18, high, 8}}, 1, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 18, entry, 3}}, 1, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 18, entry, 12}}, 1, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 18, entry, 0}}, 1, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 18, entry, 32}}, 1, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 17, entry, 4}}, 1, 4, LODE_RULE_START_PVH_NONE},
		{{{"XEN", 18, entry, 4}}, 1, 4, LODE_RULE_START_PVH_NONE},
		{{{"Xen1", 18, entry, 4}}, 1, 4, LODE_RULE_START_PVH_NONE},
		{{{"Xen", 18, entry, 4}, {"Xen", 19, entry, 5}}, 2, 4, LODE_RULE_START_PVH_NOTE},
		{{{"Xen", 18, entry, 4}, {"Xen", 19, entry, 4}}, 2, 4, LODE_RULE_START_PVH_NOTE},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int lie = 0; lie < 8; lie++) {
			static const uint64_t aligns[] = {4, 8, 0, 1, 4096, UINT64_MAX, 3, 16};
			struct lode_pvh pvh;

			make(rows[i].notes, rows[i].n, rows[i].align);
			if (rows[i].align == 8 && aligns[lie] != 8)
				continue;
			mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_align", aligns[lie]);
			CHECK_EQ(file_open(&s.file, 0), LODE_OK);
			s.file.image.sections = NULL;
			s.why = (struct lode_diag){0};
			s.status = lode_pvh_find(&pvh, &s.file.image, &s.why);
			CHECK_EQ(s.status, lode_rule_status(rows[i].rule));
			if (rows[i].rule == LODE_RULE_NONE)
				CHECK_EQ(pvh.entry, 0x1000210);
			else
				CHECK_STR(lode_rule_name(s.why.rule), lode_rule_name(rows[i].rule));
		}
}

/* Many notes before it, in a range that is walked at 8 and at 4: they count once. */
static void test_behind_many(void)
{
	enum { SMALLEST = 12 };
	static const unsigned char entry[4] = {0x10, 0x02, 0x00, 0x01};
	static const struct mkelf_note note[] = {{"Xen", 18, entry, 4}};
	static const uint32_t counts[] = {40000, 65535, 65536};

	for (size_t i = 0; i < 3; i++) {
		const struct mkelf_segment segments[] = {kernel_segments[0], kernel_segments[1],
			{.type = PT_NOTE, .align = 8, .size = counts[i] * SMALLEST}, kernel_segments[2]};
		const struct mkelf elf = {.type = ET_EXEC, .machine = EM_X86_64, .entry = 0x1000000, .segments = segments,
			.nsegments = 4, .tables = 1, .notes = note, .nnotes = 1};
		struct lode_pvh pvh;

		file_write(&s.file, &elf);
		CHECK_EQ(file_open(&s.file, 0), LODE_OK);
		memset(s.file.out.bytes + s.file.segments[2].offset, 0, counts[i] * SMALLEST);
		s.status = lode_pvh_find(&pvh, &s.file.image, &s.why);
		CHECK_EQ(s.status, counts[i] < 65536 ? LODE_OK : LODE_ERR_MALFORMED);
		CHECK_EQ(lode_protocol_offered(LODE_PROTOCOL_PVH, &s.file.image, &s.file.source, NULL), counts[i] < 65536);
		CHECK(s.status == LODE_OK ? pvh.entry == 0x1000210 : s.why.rule == LODE_RULE_NOTE_COUNT);
	}
}

/* No PT_NOTE at all: sections tell it, if they were read. */
static void test_section_only(void)
{
	struct lode_pvh pvh;

	make_kernel();
	mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_type", PT_NULL);
	CHECK_EQ(file_open(&s.file, 0), LODE_OK);
	s.file.image.sections = NULL;
	s.status = lode_pvh_find(&pvh, &s.file.image, &s.why);
	state_refused(&s, LODE_RULE_START_PVH_NONE, LODE_FIELD_PVH_ENTRY);
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(lode_pvh_find(&pvh, &s.file.image, &s.why), LODE_OK);
	CHECK_EQ(pvh.entry, 0x1000210);
	/* the segment's range wraps */
	mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_type", PT_NOTE);
	mkelf_set(&s.file.out, MKELF_PHDR, 2, "p_filesz", UINT64_MAX);
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	CHECK_EQ(lode_pvh_find(&pvh, &s.file.image, &s.why), LODE_OK);
}

/* A relocation note without words: the kernel's own alignment, if it is one. */
static void test_default_align(void)
{
	static const unsigned char entry[4] = {0x10, 0x02, 0x00, 0x01};
	static const struct mkelf_note notes[] = {{"Xen", 18, entry, 4}, {"Xen", 19, entry, 0}};
	static const uint64_t aligns[][2] = {{0x1000, 0x1000}, {0x400000, 0x400000}, {0x80000000, 0x80000000}, {0x800, 0x200000},
		{0x3000, 0x200000}, {UINT64_C(0x100000000), 0x200000}, {0, 0x200000}};
	struct lode_pvh pvh;

	for (size_t i = 0; i < sizeof aligns / sizeof *aligns; i++) {
		make(notes, 2, 4);
		mkelf_set(&s.file.out, MKELF_PHDR, 0, "p_align", aligns[i][0]);
		mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_align", 1);
		CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
		CHECK_EQ(lode_pvh_find(&pvh, &s.file.image, &s.why), LODE_OK);
		CHECK(pvh.relocatable);
		CHECK_EQ(pvh.align, aligns[i][1]);
	}
}

static void test_32_bit(void)
{
	static const unsigned char entry[4] = {0x10, 0x02, 0x10, 0x00};
	static const struct mkelf_note note[] = {{"Xen", 18, entry, 4}};
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x100000, .align = 0x1000, .size = 0x3000},
		{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	struct mkelf elf = {.class_ = ELFCLASS32, .type = ET_EXEC, .machine = EM_386, .entry = 0x100000, .segments = segments,
		.nsegments = 2, .tables = 0, .notes = note, .nnotes = 1};
	const struct lode_machine machine = state_machine();

	file_write(&s.file, &elf);
	state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0x100210);
	mkelf_set(&s.file.out, MKELF_EHDR, 0, "e_machine", EM_ARM);
	state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
	run(&machine);
	state_refused(&s, LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_MACHINE);
	elf.data = ELFDATA2MSB;
	file_write(&s.file, &elf);
	state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
	run(&machine);
	state_refused(&s, LODE_RULE_START_MACHINE, LODE_FIELD_EHDR_DATA);
}

/* What is in the way of a kernel that can be moved: it is, by the note's rules. */
static void test_moved(void)
{
	static const unsigned char entry[4] = {0x10, 0x02, 0x00, 0x01};
	static const unsigned char words[12] = {0, 0, 0x40, 0, 0, 0, 0x10, 0x03, 0xff, 0xff, 0xff,
		0x0f}; /* 4 MiB, 49 MiB, 256 MiB */
	static const struct { uint32_t size; uint64_t want; } rows[] = {{0, 0x1200000}, {4, 0x400000}, {8, 0x3400000}, {12,
		0x3400000}};
	const struct lode_range reserved[] = {{0x1001000, 1}, {0x600000, 0x800000}, {0x100000, 0x200000}, {0x400000, 0}};
	struct lode_machine machine = state_machine();

	machine.reserved = reserved;
	machine.nreserved = 4;
	for (size_t i = 0; i < 4; i++) {
		const struct mkelf_note notes[] = {{"Xen", 18, entry, 4}, {"Xen", 19, words, rows[i].size}};

		make(notes, 2, 4);
		mkelf_set(&s.file.out, MKELF_PHDR, 0, "p_align", 0x200000);
		state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
		run(&machine);
		CHECK_EQ(s.status, LODE_OK);
		if (rows[i].size > 0)
			CHECK_EQ(state_part(&s, LODE_FIELD_PART_KERNEL)->addr, rows[i].want);
		CHECK_EQ(s.start.registers.rip, state_part(&s, LODE_FIELD_PART_KERNEL)->addr + 0x210);
	}
	machine.nreserved = 0;
	run(&machine);
	CHECK_EQ(s.start.registers.rip, 0x1000210);
}

static void test_not_moved(void)
{
	const struct lode_range reserved[] = {{0x1001000, 1}};
	struct lode_machine machine = state_machine();

	machine.reserved = reserved;
	machine.nreserved = 1;
	make_kernel();
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_KERNEL, LODE_FIELD_RESERVED);
	CHECK_EQ(s.why.other, 0);
	CHECK_EQ(s.why.value, 0x1000000);
}

/* Linux takes 126 entries, 2047 characters and one initrd. */
static void test_linux(void)
{
	static const unsigned char entry[4] = {0x10, 0x02, 0x00, 0x01};
	static const struct mkelf_note notes[] = {{"Linux", 0x101, entry, 4}, {"Xen", 18, entry, 4}};
	static struct lode_memory_entry memory[127];
	static char cmdline[2049];
	const struct lode_module modules[] = {{5, LODE_ANYWHERE, NULL, NULL}, {4096, LODE_ANYWHERE, NULL, NULL}, {3, LODE_ANYWHERE,
		NULL, NULL}};
	struct lode_machine machine = {.memory = memory, .nmemory = 126, .modules = modules, .nmodules = 3, .cmdline = cmdline};
	uint64_t list, first;

	for (uint32_t i = 0; i < 127; i++)
		memory[i] = (struct lode_memory_entry){0x10000000 + 0x10000 * (uint64_t)i, 0x8000, 2};
	memory[0] = (struct lode_memory_entry){0, 0x8000000, LODE_MEMORY_USABLE};
	memset(cmdline, 'x', 2047);
	make(notes, 2, 4);
	state_load(&s, LODE_PROTOCOL_PVH, 0, 0);
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_EQ(state_get(&s, s.start.info + 12, 4), 1);
	list = state_get(&s, s.start.info + 16, 8);
	first = lode_start_module(&s.start, 0)->addr;
	CHECK_EQ(state_get(&s, list, 8), first);
	CHECK_EQ(state_get(&s, list + 8, 8), 8 + 4096 + 3);
	CHECK_EQ(lode_start_module(&s.start, 1)->addr, first + 8);
	CHECK_EQ(lode_start_module(&s.start, 2)->addr, first + 8 + 4096);
	CHECK_STR(state_string(&s, state_get(&s, s.start.info + 24, 8)), cmdline);
	machine.nmodules = 0;
	run(&machine);
	CHECK_EQ(state_get(&s, s.start.info + 12, 4) | state_get(&s, s.start.info + 16, 8), 0);
	machine.nmemory = 127;
	run(&machine);
	state_refused(&s, LODE_RULE_START_MEMORY_COUNT, LODE_FIELD_MEMORY_COUNT);
	CHECK_EQ(s.why.limit, 126);
	machine.nmemory = 1;
	cmdline[2047] = 'x';
	run(&machine);
	state_refused(&s, LODE_RULE_START_CMDLINE, LODE_FIELD_CMDLINE);
	CHECK_EQ(s.why.value, 2048);
	CHECK_EQ(s.why.limit, 2047);
}

/* A long command line for a kernel whose limit nobody knows: all of it. */
static void test_long_cmdline(void)
{
	struct lode_machine machine = state_machine();
	char *cmdline = calloc(100001, 1);

	memset(cmdline, 'y', 100000);
	machine.cmdline = cmdline;
	make_kernel();
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	CHECK_STR(state_string(&s, state_get(&s, s.start.info + 24, 8)), cmdline);
	free(cmdline);
}

static void test_refused(void)
{
	struct lode_machine machine = state_machine();
	struct lode_module module = {0x1000, 0x1000800, NULL, NULL};
	struct lode_pvh pvh;

	make_kernel();
	machine.modules = &module;
	machine.nmodules = 1;
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_MODULE, LODE_FIELD_PART_KERNEL);
	CHECK_EQ(s.why.index, 0);
	module.addr = UINT64_C(0xfffff800);
	run(&machine);
	state_refused(&s, LODE_RULE_START_TOO_HIGH, LODE_FIELD_PART_MODULE);
	module.addr = 0x9f000;
	run(&machine);
	state_refused(&s, LODE_RULE_START_OUTSIDE, LODE_FIELD_PART_MODULE);
	module.addr = 0xc0000; /* between two pieces of memory: where the next begins is told */
	run(&machine);
	state_refused(&s, LODE_RULE_START_OUTSIDE, LODE_FIELD_PART_MODULE);
	CHECK_EQ(s.why.limit, 0x100000);
	module = (struct lode_module){0x10000000, LODE_ANYWHERE, NULL, NULL};
	run(&machine);
	state_refused(&s, LODE_RULE_START_NO_PLACE, LODE_FIELD_PART_MODULE_SIZE);
	machine.nmodules = 0;
	machine.nmemory = 2;
	run(&machine);
	state_refused(&s, LODE_RULE_START_OUTSIDE, LODE_FIELD_PART_KERNEL);
	machine.nmemory = 0;
	run(&machine);
	state_refused(&s, LODE_RULE_START_MEMORY_COUNT, LODE_FIELD_MEMORY_COUNT);
	machine = state_machine();
	CHECK_EQ(lode_pvh_find(&pvh, &s.file.image, &s.why), LODE_OK);
	pvh.entry = 0x1006000;
	state_reset(&s, &machine);
	s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_START_ENTRY, LODE_FIELD_PVH_ENTRY);
	CHECK_EQ(s.why.offset, pvh.note);
}

/* Memory maps that are none, and a screen that wraps. One that ends with the last address is one. */
static void test_machines(void)
{
	static const struct lode_memory_entry maps[][3] = {
		{{0, 0x8000000, LODE_MEMORY_USABLE}, {UINT64_MAX - 0xfffff, 0x100000, LODE_MEMORY_USABLE}, {1, 1, LODE_MEMORY_BAD}},
		{{0, 0x8000000, LODE_MEMORY_USABLE}, {UINT64_MAX - 0xfffff, 0x100001, LODE_MEMORY_USABLE}, {1, 1, LODE_MEMORY_BAD}},
		{{0, 0x8000000, LODE_MEMORY_USABLE}, {0x8000000, 0, LODE_MEMORY_USABLE}, {0x9000000, 1, LODE_MEMORY_BAD}},
		{{0, 0x8000000, LODE_MEMORY_USABLE}, {0x7ffffff, 1, LODE_MEMORY_BAD}, {0x9000000, 1, LODE_MEMORY_BAD}},
	};
	struct lode_machine machine = {.nmemory = 3};
	struct lode_framebuffer screen = {.addr = UINT64_MAX - 0x1000, .width = 64, .height = 64, .pitch = 256, .bpp = 32};
	struct lode_module module = {0x123, LODE_ANYWHERE, NULL, NULL};

	make_kernel();
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		machine.memory = maps[i];
		run(&machine);
		state_refused(&s, LODE_RULE_MACHINE_MEMORY, LODE_FIELD_MEMORY);
		CHECK_EQ(s.why.index, i == 0 ? 2 : 1);
	}
	machine.memory = maps[0];
	machine.nmemory = 2;
	machine.modules = &module, machine.nmodules = 1;
	run(&machine);
	CHECK_EQ(s.status, LODE_OK);
	machine.framebuffer = &screen;
	run(&machine);
	state_conflict(&s, LODE_FIELD_PART_FRAMEBUFFER, LODE_FIELD_MEMORY);
}

/* Arrays that are too small say what they need, and that is enough. */
static void test_room(void)
{
	const struct lode_machine machine = state_machine();
	struct lode_pvh pvh;

	make_kernel();
	CHECK_EQ(lode_pvh_find(&pvh, &s.file.image, &s.why), LODE_OK);
	state_reset(&s, &machine);
	s.start.max_bytes = 4095;
	s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_BYTES, LODE_FIELD_START_BYTES);
	CHECK_EQ(s.start.nbytes, 4096);
	CHECK_EQ(s.bytes[0], 0x55);
	s.start.max_bytes = s.start.nbytes;
	CHECK_EQ(lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why), LODE_OK);
	s.start.max_parts--;
	s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_PARTS, LODE_FIELD_START_PARTS);
	CHECK_EQ(s.start.nparts, s.start.max_parts + 1);
	s.start.max_parts++;
	s.start.max_mappings--;
	s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why);
	state_refused(&s, LODE_RULE_ROOM_MAPPINGS, LODE_FIELD_START_MAPPINGS);
	CHECK_EQ(s.start.nmappings, s.start.max_mappings + 1);
}

int main(void)
{
	CASE(test_golden);
	CASE(test_registers);
	CASE(test_counts);
	CASE(test_notes);
	CASE(test_behind_many);
	CASE(test_section_only);
	CASE(test_default_align);
	CASE(test_32_bit);
	CASE(test_moved);
	CASE(test_not_moved);
	CASE(test_linux);
	CASE(test_long_cmdline);
	CASE(test_refused);
	CASE(test_machines);
	CASE(test_room);
	file_free(&s.file);
	return check_done();
}
