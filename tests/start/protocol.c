/* SPDX-License-Identifier: MIT */
/* Which protocol a file speaks: alone, several at once, and when its header is wrong. And the answers about a finished state. */
#include <elf.h>

#include "state.h"

static struct state s;
static unsigned char code[0x3000];

enum { MB1 = 1, MB2 = 2, LIMINE = 4, RUST = 8, PVH = 16, LINUX = 32 };

static void put64(uint32_t at, uint64_t value)
{
	state_put(code + at, 8, value);
}

static void fill(unsigned what)
{
	static const unsigned char uuid[16] = {
		0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d};

	memset(code, 0, sizeof code);
	if (what & MB1)
		put64(0, 0x1badb002), put64(8, (uint32_t)(0u - 0x1badb002u));
	if (what & MB2)
		put64(0x40, 0xe85250d6), put64(0x48, (uint64_t)(0u - 0xe85250d6u - 24) << 32 | 24), put64(0x50, UINT64_C(8) << 32);
	if (what & LIMINE)
		put64(0x100, LODE_LIMINE_BASE0), put64(0x108, LODE_LIMINE_BASE1), put64(0x110, 3);
	if (what & RUST) {
		memcpy(code + 0x203, uuid, 16);
		code[0x203 + 18] = 11, code[0x203 + 24] = 0x40;
	}
}

static enum lode_protocol find(unsigned what, uint16_t machine, uint8_t class_)
{
	static const unsigned char entry[8] = {0, 0, 0x10};
	static const struct mkelf_note both[] = {{"Xen", 18, entry, 4}, {"Linux", 0x100, entry, 4}};
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = what & LIMINE ? LODE_LIMINE_UPPER : 0x100000, .paddr = 0x100000,
			.align = 0x1000,
			.bytes = code, .size = sizeof code},
		{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	const struct mkelf elf = {.class_ = class_, .machine = machine, .segments = segments, .nsegments = what & (PVH |
		LINUX) ? 2 : 1,
		.entry = 0x100000, .tables = 0, .notes = what & PVH ? both : both + 1,
		.nnotes = (what & PVH ? 1u : 0u) + (what & LINUX ? 1u : 0u)};
	enum lode_protocol protocol;

	fill(what);
	file_write(&s.file, &elf);
	CHECK_EQ(file_open(&s.file, LODE_OPEN_SECTIONS), LODE_OK);
	s.file.image.sections = NULL;
	s.status = lode_protocol_find(&protocol, &s.file.image, &s.file.source, &s.why);
	return s.status == LODE_OK ? protocol : LODE_PROTOCOL_NONE;
}

static void test_order(void)
{
	static const struct { unsigned what; enum lode_protocol want; } rows[] = {
		{0, LODE_PROTOCOL_ELF64}, {MB1, LODE_PROTOCOL_MULTIBOOT}, {MB2, LODE_PROTOCOL_MULTIBOOT2}, {LIMINE,
			LODE_PROTOCOL_LIMINE},
		{RUST, LODE_PROTOCOL_RUST}, {PVH, LODE_PROTOCOL_PVH}, {LINUX, LODE_PROTOCOL_ELF64}, {PVH | LINUX,
		LODE_PROTOCOL_PVH},
		{MB1 | MB2, LODE_PROTOCOL_MULTIBOOT2}, {MB1 | PVH, LODE_PROTOCOL_MULTIBOOT}, {LIMINE | MB1 | MB2 | PVH,
		LODE_PROTOCOL_LIMINE},
		{LIMINE | PVH | LINUX, LODE_PROTOCOL_PVH}, {RUST | LIMINE | MB1, LODE_PROTOCOL_RUST},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK_STR(lode_protocol_name(find(rows[i].what, EM_X86_64, ELFCLASS64)), lode_protocol_name(rows[i].want));
	CHECK_EQ(find(MB1, EM_386, ELFCLASS32), LODE_PROTOCOL_MULTIBOOT);
	CHECK_EQ(find(PVH, EM_386, ELFCLASS32), LODE_PROTOCOL_PVH);
	CHECK_EQ(find(0, EM_386, ELFCLASS32), LODE_PROTOCOL_NONE);
	state_refused(&s, LODE_RULE_START_NONE, LODE_FIELD_FILE);
	CHECK_EQ(find(LIMINE | RUST | PVH, EM_AARCH64, ELFCLASS64), LODE_PROTOCOL_NONE);
	CHECK_STR(lode_protocol_name((enum lode_protocol)99), "");
	CHECK_STR(lode_protocol_name(LODE_PROTOCOL_NONE), "");
}

/* Each mark is seen beside all others; Linux is not searched for those that may stand anywhere. */
static void test_offered(void)
{
	static const struct { enum lode_protocol protocol; unsigned mark; } rows[] = {
		{LODE_PROTOCOL_RUST, RUST}, {LODE_PROTOCOL_LIMINE, LIMINE}, {LODE_PROTOCOL_MULTIBOOT2, MB2},
		{LODE_PROTOCOL_MULTIBOOT, MB1}, {LODE_PROTOCOL_PVH, PVH},
	};

	for (unsigned what = 0; what < 2 * LINUX; what++) {
		find(what, EM_X86_64, ELFCLASS64);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			bool hidden = (what & LINUX) && (rows[i].mark & (RUST | LIMINE));

			CHECK_EQ(lode_protocol_offered(rows[i].protocol, &s.file.image, &s.file.source, NULL),
				(what & rows[i].mark) && !hidden);
			CHECK_EQ(lode_protocol_offered(rows[i].protocol, NULL, &s.file.source, NULL),
				(what & rows[i].mark & (MB1 | MB2)) != 0);
		}
		CHECK_EQ(lode_protocol_offered(LODE_PROTOCOL_ELF64, &s.file.image, &s.file.source, NULL), 1);
		CHECK_EQ(lode_protocol_offered(LODE_PROTOCOL_LINUX, &s.file.image, &s.file.source, NULL), 0);
		CHECK_EQ(lode_protocol_offered(LODE_PROTOCOL_NONE, &s.file.image, &s.file.source, NULL), 0);
	}
}

/* A header that is there and wrong is still that protocol's. */
static void test_wrong(void)
{
	enum lode_protocol protocol;

	find(LIMINE, EM_X86_64, ELFCLASS64);
	mkelf_poke(&s.file.out, s.file.image.segments[0].offset + 0x110, 8, 99);
	CHECK_EQ(lode_protocol_find(&protocol, &s.file.image, &s.file.source, NULL), LODE_OK);
	CHECK_EQ(protocol, LODE_PROTOCOL_LIMINE);
	find(RUST, EM_X86_64, ELFCLASS64);
	mkelf_poke(&s.file.out, s.file.image.segments[0].offset + 0x203 + 31, 1, 9);
	CHECK_EQ(lode_protocol_find(&protocol, &s.file.image, &s.file.source, NULL), LODE_OK);
	CHECK_EQ(protocol, LODE_PROTOCOL_RUST);
}

static void test_bzimage(void)
{
	struct lode_source source = {.bytes = code, .size = 2048};
	enum lode_protocol protocol;

	fill(0);
	code[0x1f1] = 1, code[0x1fe] = 0x55, code[0x1ff] = 0xaa;
	memcpy(code + 0x202, "HdrS\xf\2", 6);
	CHECK_EQ(lode_protocol_find(&protocol, NULL, &source, NULL), LODE_OK);
	CHECK_EQ(protocol, LODE_PROTOCOL_LINUX);
	source.size = 1024;
	CHECK_EQ(lode_protocol_find(&protocol, NULL, &source, NULL), LODE_OK);
	CHECK_EQ(protocol, LODE_PROTOCOL_LINUX);
	code[0x1fe] = 0;
	CHECK_EQ(lode_protocol_find(&protocol, NULL, &source, &s.why), LODE_ERR_UNSUPPORTED);
}

static int fails(void *host, void *dst, uint64_t offset, size_t size)
{
	(void)host, (void)dst, (void)offset, (void)size;
	return 1;
}

/* A source that fails is not a file of no protocol. */
static void test_unreadable(void)
{
	const struct lode_source source = {.size = 1 << 20, .read = fails};
	enum lode_protocol protocol;

	s.status = lode_protocol_find(&protocol, NULL, &source, &s.why);
	state_refused(&s, LODE_RULE_SOURCE_READ, LODE_FIELD_FILE);
	CHECK_EQ(lode_protocol_find(&protocol, NULL, &source, NULL), LODE_ERR_IO);
	CHECK_EQ(protocol, LODE_PROTOCOL_NONE);
}

/* What is left for the 64-bit entry: programs for x86-64 that need no other. */
static void test_plain_elf(void)
{
	enum lode_protocol protocol;

	CHECK_EQ(find(0, EM_X86_64, ELFCLASS32), LODE_PROTOCOL_NONE);
	CHECK_EQ(find(0, EM_AARCH64, ELFCLASS64), LODE_PROTOCOL_NONE);
	for (uint16_t type = ET_NONE; type <= ET_CORE; type++) {
		find(0, EM_X86_64, ELFCLASS64);
		s.file.image.type = type;
		s.status = lode_protocol_find(&protocol, &s.file.image, &s.file.source, &s.why);
		CHECK_EQ(protocol == LODE_PROTOCOL_ELF64, type == ET_EXEC || type == ET_DYN);
	}
	find(LINUX, EM_X86_64, ELFCLASS64);
	mkelf_set(&s.file.out, MKELF_PHDR, 1, "p_type", PT_INTERP);
	CHECK_EQ(file_open(&s.file, 0), LODE_OK);
	CHECK_EQ(lode_protocol_find(&protocol, &s.file.image, &s.file.source, NULL), LODE_ERR_UNSUPPORTED);
}

/* Where planned addresses lie. */
static void test_image(void)
{
	const struct lode_machine machine = state_machine();
	uint64_t phys;

	find(0, EM_X86_64, ELFCLASS64);
	state_load(&s, LODE_PROTOCOL_ELF64, 0, 0);
	state_reset(&s, &machine);
	s.status = lode_start_elf64(&s.start, &s.kernel, &machine, &s.why);
	state_check(&s, &machine);
	CHECK(lode_start_image(&phys, &s.start, 0x100000, 0x3000) && phys == 0x100000);
	CHECK(lode_start_image(&phys, &s.start, 0x102fff, 1) && phys == 0x102fff);
	CHECK(!lode_start_image(&phys, &s.start, 0x102fff, 2));
	CHECK(!lode_start_image(&phys, &s.start, 0xfffff, 1));
	CHECK(lode_start_module(&s.start, 0) == NULL);
}

/* What a person reads of a conflict. */
static void test_words(void)
{
	const struct lode_module module = {0x1000, 0x100800, NULL, NULL};
	struct lode_machine machine = state_machine();
	char line[400];

	machine.modules = &module;
	machine.nmodules = 1;
	state_reset(&s, &machine);
	s.status = lode_start_elf64(&s.start, &s.kernel, &machine, &s.why);
	lode_diag_format(line, sizeof line, &s.why);
	CHECK_STR(line,
		"module 0: address = 0x100800 (against 0x100000), conflicts with kernel 0: two things must not "
		"lie in the same place; move one of the two [start-conflict]");
}

int main(void)
{
	CASE(test_order);
	CASE(test_offered);
	CASE(test_wrong);
	CASE(test_bzimage);
	CASE(test_unreadable);
	CASE(test_plain_elf);
	CASE(test_image);
	CASE(test_words);
	file_free(&s.file);
	return check_done();
}
