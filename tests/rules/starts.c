/* SPDX-License-Identifier: MIT */
/* Machines and kernels for which there is no start state. The protocols are x86's: the encoding matters to few of them. */
#include <lode/limine.h>
#include <lode/linux.h>
#include <lode/multiboot2.h>
#include <lode/protocol.h>
#include <lode/pvh.h>
#include <lode/rust.h>

#include "rules.h"

enum { PARTS = 128, BYTES = 65536 };

static struct lode_part parts[PARTS];
static struct lode_start_mapping mappings[PARTS];
static unsigned char bytes[BYTES];
static struct lode_start start;
static const struct lode_memory_entry memory[] = {{0, 0x9f000, LODE_MEMORY_USABLE}, {0x100000, 0x7f00000, LODE_MEMORY_USABLE}};

static struct lode_machine machine_of(void)
{
	start = (struct lode_start){.parts = parts, .max_parts = PARTS, .mappings = mappings, .max_mappings = PARTS, .bytes = bytes,
		.max_bytes = BYTES};
	return (struct lode_machine){.memory = memory, .nmemory = 2};
}

/* A bzImage that starts. */
static struct lode_linux linux_of(void)
{
	return (struct lode_linux){.version = 0x20c, .loadflags = 1, .xloadflags = 1, .relocatable = true, .setup_size = 1024,
		.system_size = 0x1000, .pref_address = 0x1000000, .init_size = 0x2000, .alignment = 0x1000, .cmdline_size = 8,
		.initrd_last = 0x7fffffff};
}

static void start_linux(struct bad *b, const struct lode_linux *l, const struct lode_machine *machine)
{
	b->status = lode_start_linux(&start, l, machine, &b->why);
}

void rule_MACHINE_MEMORY(struct bad *b)
{
	const struct lode_memory_entry twice[] = {{0, 0x2000, LODE_MEMORY_USABLE}, {0x1fff, 1, LODE_MEMORY_RESERVED}};
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	machine.memory = twice;
	bad_want(b, LODE_FIELD_MEMORY, 1, 0x1fff, LODE_NO_OFFSET);
	b->want.limit = 0x2000;
	start_linux(b, &l, &machine);
}

void rule_MACHINE_RANGE(struct bad *b)
{
	const struct lode_range reserved[] = {{0x1000, 1}, {2, UINT64_MAX - 1}};
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	machine.reserved = reserved;
	machine.nreserved = 2;
	bad_want(b, LODE_FIELD_RESERVED, 1, 2, LODE_NO_OFFSET);
	b->want.limit = UINT64_MAX - 1;
	start_linux(b, &l, &machine);
}

void rule_START_NONE(struct bad *b)
{
	static const unsigned char text[] = "#!/bin/sh";
	const struct lode_source source = {.bytes = text, .size = sizeof text};
	enum lode_protocol protocol;

	bad_want(b, LODE_FIELD_FILE, LODE_NO_INDEX, sizeof text, LODE_NO_OFFSET);
	b->status = lode_protocol_find(&protocol, NULL, &source, &b->why);
}

void rule_START_MACHINE(struct bad *b)
{
	struct lode_pvh pvh;

	file_sample(&b->file, "static", encoding_class(b->encoding), encoding_data(b->encoding), LODE_EM_RISCV);
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	bad_want(b, LODE_FIELD_EHDR_MACHINE, LODE_NO_INDEX, LODE_EM_RISCV, 18);
	b->status = lode_pvh_find(&pvh, &b->file.image, &b->why);
}

/* A header in an array; the words add up to 0. */
static unsigned char area[512];
static struct lode_source area_source;

static void multiboot(uint32_t flags)
{
	memset(area, 0, sizeof area);
	area_source = (struct lode_source){.bytes = area, .size = sizeof area};
	for (int i = 0; i < 4; i++) {
		area[16 + i] = (unsigned char)(LODE_MULTIBOOT_MAGIC >> 8 * i);
		area[20 + i] = (unsigned char)(flags >> 8 * i);
		area[24 + i] = (unsigned char)((0u - LODE_MULTIBOOT_MAGIC - flags) >> 8 * i);
	}
}

void rule_START_KERNEL_MISSING(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_multiboot found;

	multiboot(2);
	CHECK_EQ(lode_multiboot_find(&found, &area_source, NULL), LODE_OK);
	bad_want(b, LODE_FIELD_MULTIBOOT_FLAGS, LODE_NO_INDEX, 2, 20);
	b->status = lode_start_multiboot(&start, &found, NULL, &machine, &b->why);
}

void rule_START_ENTRY(struct bad *b)
{
	struct lode_multiboot found;

	multiboot(LODE_MULTIBOOT_ADDRESSES);
	area[16 + 14] = area[16 + 18] = 0x10; /* header and load at 1 MiB */
	bad_want(b, LODE_FIELD_MULTIBOOT_ENTRY, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->want.limit = 0x100000;
	b->status = lode_multiboot_find(&found, &area_source, &b->why);
}

void rule_START_OUTSIDE(struct bad *b)
{
	const struct lode_module module = {0x1000, 0x9e800, NULL, NULL};
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	machine.modules = &module;
	machine.nmodules = 1;
	bad_want(b, LODE_FIELD_PART_MODULE, 0, 0x9e800, LODE_NO_OFFSET);
	b->want.limit = 0x9f000;
	start_linux(b, &l, &machine);
}

void rule_START_CONFLICT(struct bad *b)
{
	const struct lode_range reserved[] = {{0x2000000, 1}, {0x1001000, 1}};
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.relocatable = false;
	machine.reserved = reserved;
	machine.nreserved = 2;
	bad_want(b, LODE_FIELD_PART_WORKSPACE, LODE_NO_INDEX, 0x1001000, LODE_NO_OFFSET);
	b->want.limit = 0x1001000;
	b->want.other = 1;
	b->want.with = LODE_FIELD_RESERVED;
	start_linux(b, &l, &machine);
}

void rule_START_NO_PLACE(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.init_size = 0x8000000;
	bad_want(b, LODE_FIELD_PART_KERNEL_SIZE, LODE_NO_INDEX, 0x8000000, LODE_NO_OFFSET);
	b->want.limit = 0x7ffffff; /* where memory ends */
	start_linux(b, &l, &machine);
}

static const struct lode_module two[] = {{5, 0x2000000, NULL, NULL}, {7, 0x2000004, NULL, NULL}};

void rule_START_TOO_HIGH(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.initrd_last = 0x2000003;
	machine.modules = two;
	machine.nmodules = 1;
	bad_want(b, LODE_FIELD_PART_MODULE, LODE_NO_INDEX, 0x2000000, LODE_NO_OFFSET);
	b->want.limit = 0x2000003;
	start_linux(b, &l, &machine);
}

void rule_START_INITRD(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	machine.modules = two;
	machine.nmodules = 2;
	bad_want(b, LODE_FIELD_PART_MODULE, 1, 0x2000004, LODE_NO_OFFSET);
	b->want.limit = 0x2000008;
	start_linux(b, &l, &machine);
}

void rule_START_CMDLINE(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	machine.cmdline = "123456789";
	bad_want(b, LODE_FIELD_CMDLINE, LODE_NO_INDEX, 9, LODE_NO_OFFSET);
	b->want.limit = 8;
	start_linux(b, &l, &machine);
}

/* An x86-64 file, whatever the case's encoding is; planned for a protocol. */
static struct lode_kernel kernel_of(struct bad *b, enum lode_protocol protocol)
{
	b->policy = lode_protocol_policy(protocol);
	file_sample(&b->file, "static", LODE_CLASS64, LODE_DATA2LSB, LODE_EM_X86_64);
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->file.image.sections = NULL;
	CHECK_EQ(file_plan(&b->file, &b->policy), LODE_OK);
	return (struct lode_kernel){&b->file.image, &b->file.plan};
}

void rule_START_MODULES(struct bad *b)
{
	const struct lode_kernel kernel = kernel_of(b, LODE_PROTOCOL_RUST);
	const struct lode_rust rust = {.stack_size = 4096};
	struct lode_machine machine = machine_of();

	machine.modules = two;
	machine.nmodules = 2;
	bad_want(b, LODE_FIELD_MODULE_COUNT, LODE_NO_INDEX, 2, LODE_NO_OFFSET);
	b->want.limit = 1;
	b->status = lode_start_rust(&start, &rust, &kernel, &machine, &b->why);
}

void rule_START_MEMORY_COUNT(struct bad *b)
{
	const struct lode_kernel kernel = kernel_of(b, LODE_PROTOCOL_PVH);
	const struct lode_pvh pvh = {.entry = b->file.image.segments[0].paddr};
	struct lode_machine machine = machine_of();

	machine.nmemory = 0;
	bad_want(b, LODE_FIELD_MEMORY_COUNT, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->want.limit = 1;
	b->status = lode_start_pvh(&start, &pvh, &kernel, &machine, &b->why);
}

void rule_START_PVH_NONE(struct bad *b)
{
	struct lode_pvh pvh;

	kernel_of(b, LODE_PROTOCOL_PVH);
	bad_want(b, LODE_FIELD_PVH_ENTRY, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->status = lode_pvh_find(&pvh, &b->file.image, &b->why);
}

void rule_START_PVH_NOTE(struct bad *b)
{
	static const unsigned char three[3];
	static const struct mkelf_note note[] = {{"Xen", 18, three, 3}};
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = 0x100000, .align = 0x1000, .size = 0x1000},
		{.type = LODE_PT_NOTE, .flags = LODE_PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	const struct mkelf elf = {.segments = segments, .nsegments = 2, .notes = note, .nnotes = 1};
	struct lode_pvh pvh;

	file_write(&b->file, &elf);
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->file.image.sections = NULL;
	bad_want(b, LODE_FIELD_NOTE_DESCSZ, LODE_NO_INDEX, 3, b->file.out.note_offset[0] + 4);
	b->status = lode_pvh_find(&pvh, &b->file.image, &b->why);
}

/* A setup header in an array of 4 sectors. */
static unsigned char setup[2048];
static const struct lode_source setup_source = {.bytes = setup, .size = sizeof setup};

static void read_setup(struct bad *b, uint32_t offset, unsigned char value)
{
	struct lode_linux l;

	memset(setup, 0, sizeof setup);
	setup[0x1f1] = 1;
	setup[0x1fe] = 0x55, setup[0x1ff] = 0xaa;
	memcpy(setup + 0x202, "HdrS", 4);
	setup[0x206] = 0x0f, setup[0x207] = 2;
	setup[offset] = value;
	b->status = lode_linux_read(&l, &setup_source, &b->why);
}

void rule_START_LINUX_NONE(struct bad *b)
{
	bad_want(b, LODE_FIELD_LINUX_MAGIC, LODE_NO_INDEX, 0x73726448, 0x202);
	read_setup(b, 0x205, 's');
}

void rule_START_LINUX_TRUNCATED(struct bad *b)
{
	bad_want(b, LODE_FIELD_LINUX_SETUP_SECTS, LODE_NO_INDEX, 2048, 0x1f1);
	read_setup(b, 0x1f1, 3);
}

void rule_START_LINUX_LOW(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.loadflags = 0x80;
	bad_want(b, LODE_FIELD_LINUX_LOADFLAGS, LODE_NO_INDEX, 0x80, 0x211);
	start_linux(b, &l, &machine);
}

void rule_START_LINUX_16BIT(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.xloadflags = 2;
	bad_want(b, LODE_FIELD_LINUX_XLOADFLAGS, LODE_NO_INDEX, 2, 0x236);
	start_linux(b, &l, &machine);
}

void rule_START_LINUX_ALIGN(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	l.alignment = 0;
	bad_want(b, LODE_FIELD_LINUX_ALIGNMENT, LODE_NO_INDEX, 0, 0x230);
	start_linux(b, &l, &machine);
}

void rule_START_MULTIBOOT_NONE(struct bad *b)
{
	struct lode_multiboot found;

	multiboot(0);
	area[20] = 1;
	bad_want(b, LODE_FIELD_MULTIBOOT_MAGIC, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->want.limit = LODE_MULTIBOOT_MAGIC;
	b->status = lode_multiboot_find(&found, &area_source, &b->why);
}

void rule_START_MULTIBOOT_DEMAND(struct bad *b)
{
	struct lode_multiboot found;

	multiboot(8);
	bad_want(b, LODE_FIELD_MULTIBOOT_FLAGS, LODE_NO_INDEX, 8, 20);
	b->status = lode_multiboot_find(&found, &area_source, &b->why);
}

void rule_START_MULTIBOOT_LOAD(struct bad *b)
{
	struct lode_multiboot found;

	multiboot(LODE_MULTIBOOT_ADDRESSES);
	area[16 + 18] = 0x10; /* load_addr above header_addr */
	bad_want(b, LODE_FIELD_MULTIBOOT_LOAD, LODE_NO_INDEX, 0x100000, 16);
	b->status = lode_multiboot_find(&found, &area_source, &b->why);
}

void rule_START_MULTIBOOT2_TAG(struct bad *b)
{
	const uint32_t words[] = {LODE_MULTIBOOT2_MAGIC, 0, 24, 0u - LODE_MULTIBOOT2_MAGIC - 24, 0, 9};
	struct lode_multiboot2 found;

	multiboot(0);
	for (int i = 0; i < 24; i++)
		area[64 + i] = (unsigned char)(words[i / 4] >> 8 * (i % 4));
	bad_want(b, LODE_FIELD_MULTIBOOT2_TAG_SIZE, LODE_NO_INDEX, 9, 80);
	b->status = lode_multiboot2_find(&found, &area_source, &b->why);
}

/* A kernel of one segment with these words at its beginning, in the upper 2 GiB. */
static void limine(struct bad *b, const uint64_t *words, uint32_t n, uint64_t vaddr)
{
	static unsigned char contents[0x1000];
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = vaddr, .align = 0x1000, .bytes = contents,
			.size = sizeof contents}};
	const struct mkelf elf = {.segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	struct lode_limine found;

	memset(contents, 0, sizeof contents);
	for (uint32_t i = 0; i < 8 * n; i++)
		contents[i] = (unsigned char)(words[i / 8] >> 8 * (i % 8));
	file_write(&b->file, &elf);
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->status = lode_limine_find(&found, &b->file.image, &b->why);
}

void rule_START_LIMINE_NONE(struct bad *b)
{
	bad_want(b, LODE_FIELD_LIMINE_TAG, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	limine(b, NULL, 0, LODE_LIMINE_UPPER);
}

void rule_START_LIMINE_TWICE(struct bad *b)
{
	const uint64_t words[] = {LODE_LIMINE_BASE0, LODE_LIMINE_BASE1, 3, LODE_LIMINE_BASE0, LODE_LIMINE_BASE1, 4};

	limine(b, words, 6, LODE_LIMINE_UPPER);
	bad_want(b, LODE_FIELD_LIMINE_TAG, LODE_NO_INDEX, LODE_LIMINE_UPPER + 24, b->file.image.segments[0].offset + 24);
	b->want.limit = LODE_LIMINE_UPPER;
}

void rule_START_LIMINE_REVISION(struct bad *b)
{
	const uint64_t words[] = {LODE_LIMINE_BASE0, LODE_LIMINE_BASE1, 7};

	limine(b, words, 3, LODE_LIMINE_UPPER);
	bad_want(b, LODE_FIELD_LIMINE_TAG, LODE_NO_INDEX, 7, b->file.image.segments[0].offset);
	b->want.limit = LODE_LIMINE_NEWEST;
}

void rule_START_LIMINE_ADDRESS(struct bad *b)
{
	const uint64_t words[] = {LODE_LIMINE_BASE0, LODE_LIMINE_BASE1, 6};

	bad_want(b, LODE_FIELD_PHDR_VADDR, 0, 0x100000, LODE_NO_OFFSET);
	b->want.limit = LODE_LIMINE_UPPER;
	limine(b, words, 3, 0x100000);
}

void rule_START_LIMINE_PAGING(struct bad *b)
{
	const struct lode_kernel kernel = kernel_of(b, LODE_PROTOCOL_LIMINE);
	struct lode_limine limine_ = {.revision = 6};
	struct lode_machine machine = machine_of();

	limine_.requests[LODE_LIMINE_PAGING_MODE] = (struct lode_limine_found){.addr = 8, .offset = 77, .revision = 1, .words = {1,
		1, 1}};
	bad_want(b, LODE_FIELD_LIMINE_REQUEST, LODE_NO_INDEX, 1, 77);
	b->status = lode_start_limine(&start, &limine_, &kernel, &machine, &b->why);
}

void rule_START_RUST_NONE(struct bad *b)
{
	struct lode_rust rust;

	kernel_of(b, LODE_PROTOCOL_RUST);
	bad_want(b, LODE_FIELD_RUST_SIZE, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->status = lode_rust_find(&rust, &b->file.image, &b->why);
}

/* A configuration of 0.11.15 in a section of some size, with one byte changed. */
static void rust(struct bad *b, uint32_t size, uint32_t offset, unsigned char value)
{
	static const unsigned char head[] = {0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15,
		0x25, 0x3d,
		0, 0, 11, 0, 15, 0, 0, 0, 0x40};
	static unsigned char config[133];
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = LODE_PF_R, .vaddr = 0x100000, .align = 0x1000, .size = 0x1000}};
	const struct mkelf_section more[] = {{.name = ".bootloader-config", .type = LODE_SHT_PROGBITS, .bytes = config,
		.size = size}};
	const struct mkelf elf = {.segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE, .sections = true, .more = more,
		.nmore = 1};
	struct lode_rust found;

	memset(config, 0, sizeof config);
	memcpy(config, head, sizeof head);
	config[offset] = value;
	file_write(&b->file, &elf);
	CHECK_EQ(file_open(&b->file, LODE_OPEN_SECTIONS), LODE_OK);
	b->status = lode_rust_find(&found, &b->file.image, &b->why);
	b->want.offset = found.offset;
}

void rule_START_RUST_SIZE(struct bad *b)
{
	rust(b, 132, 31, 0);
	bad_want(b, LODE_FIELD_RUST_SIZE, LODE_NO_INDEX, 132, b->want.offset);
}

void rule_START_RUST_VERSION(struct bad *b)
{
	rust(b, 133, 18, 10);
	bad_want(b, LODE_FIELD_RUST_VERSION, LODE_NO_INDEX, 10, b->want.offset + 16);
}

void rule_START_RUST_FIELD(struct bad *b)
{
	rust(b, 133, 87, 3);
	bad_want(b, LODE_FIELD_RUST_FIELD, LODE_NO_INDEX, 3, b->want.offset + 87);
}

void rule_START_RUST_ADDRESS(struct bad *b)
{
	const struct lode_kernel kernel = kernel_of(b, LODE_PROTOCOL_RUST);
	const struct lode_rust config = {.stack_size = 4096, .stack = {true, 0x10000001}, .range_end = UINT64_MAX};
	struct lode_machine machine = machine_of();

	bad_want(b, LODE_FIELD_PART_STACK, LODE_NO_INDEX, 0x10000001, LODE_NO_OFFSET);
	b->want.limit = 0x1000;
	b->status = lode_start_rust(&start, &config, &kernel, &machine, &b->why);
}

void rule_ROOM_PARTS(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	start.max_parts = 3;
	bad_want(b, LODE_FIELD_START_PARTS, LODE_NO_INDEX, 3, LODE_NO_OFFSET);
	b->want.limit = LODE_START_PARTS(0u, &machine, 0u);
	start_linux(b, &l, &machine);
}

void rule_ROOM_MAPPINGS(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	start.max_mappings = 3;
	bad_want(b, LODE_FIELD_START_MAPPINGS, LODE_NO_INDEX, 3, LODE_NO_OFFSET);
	b->want.limit = LODE_START_MAPPINGS(0u, &machine);
	start_linux(b, &l, &machine);
}

void rule_ROOM_BYTES(struct bad *b)
{
	struct lode_machine machine = machine_of();
	struct lode_linux l = linux_of();

	start.max_bytes = 100;
	bad_want(b, LODE_FIELD_START_BYTES, LODE_NO_INDEX, 100, LODE_NO_OFFSET);
	b->want.limit = 0x2000;
	start_linux(b, &l, &machine);
}
