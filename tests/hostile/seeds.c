/* SPDX-License-Identifier: MIT */
/* A number comes in, a small good file goes out: the writer's samples in both classes and byte orders, and files for what
 * those leave out. */
#include <elf.h>
#include <string.h>

#include "hostile.h"

#define N(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* Segments that share pages in every way that UNION takes: text with data, three in one page, bss against the next segment. */
static void make_shared(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0x10000, .align = 0x1000, .size = 0x1480, .headers = true},
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0x11900, .align = 4, .modulus = 0x1000, .size = 0x90},
		{.type = PT_LOAD,
			.flags = PF_R | PF_W,
			.vaddr = 0x11a00,
			.align = 4,
			.modulus = 0x1000,
			.size = 0x200,
			.bss = 0x1010},
		{.type = PT_LOAD,
			.flags = PF_R | PF_W,
			.vaddr = 0x12e00,
			.align = 4,
			.modulus = 0x1000,
			.size = 0x300,
			.bss = 0x1400},
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x15000, .align = 0x1000, .size = 0x321},
		{.type = PT_GNU_RELRO, .flags = PF_R, .vaddr = 0x12e00, .align = 1, .size = 0x300, .inside = true},
	};
	struct mkelf elf = {.class_ = class_, .data = data, .machine = machine, .type = ET_EXEC, .entry = 0x15010, .sections = true,
		.segments = segments, .nsegments = N(segments), .tables = MKELF_NOWHERE};

	mkelf_write(out, &elf);
}

/* Relocation types by machine. */
static const struct kinds {
	uint16_t machine;
	uint32_t relative, word, got, jump, irelative, tpoff, dtpmod, dtpoff;
} kinds[] = {
	{EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT, R_X86_64_IRELATIVE, R_X86_64_TPOFF64,
		R_X86_64_DTPMOD64, R_X86_64_DTPOFF64},
	{EM_386, R_386_RELATIVE, R_386_32, R_386_GLOB_DAT, R_386_JMP_SLOT, R_386_IRELATIVE, R_386_TLS_TPOFF, R_386_TLS_DTPMOD32,
		R_386_TLS_DTPOFF32},
	{EM_AARCH64, R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT, R_AARCH64_IRELATIVE,
		R_AARCH64_TLS_TPREL, 1028, 1029},
	{EM_RISCV, R_RISCV_RELATIVE, R_RISCV_64, R_RISCV_64, R_RISCV_JUMP_SLOT, R_RISCV_IRELATIVE, R_RISCV_TLS_TPREL64,
		R_RISCV_TLS_DTPMOD64, R_RISCV_TLS_DTPREL64},
};

static const struct kinds *kinds_of(uint16_t machine)
{
	for (size_t i = 0; i < N(kinds); i++)
		if (kinds[i].machine == machine)
			return &kinds[i];
	return &kinds[0];
}

/* Every kind of relocation that the machine has, RELR with bitmaps, TLS with an odd address, GNU hash in three buckets. */
static void make_relocs(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x1000, .align = 0x1000, .size = 0x40, .headers = true},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x4c00, .align = 0x1000, .size = 0x600, .bss = 0xa00},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
		{.type = PT_TLS, .flags = PF_R, .vaddr = 0x4c48, .align = 16, .size = 0x18, .bss = 0x21, .inside = true},
		{.type = PT_NOTE, .flags = PF_R, .align = 8, .covers = MKELF_NOTE},
	};
	static const struct mkelf_symbol symbols[] = {
		{.name = "outside", .bind = STB_GLOBAL, .type = STT_FUNC},
		{.name = "nowhere", .bind = STB_WEAK, .type = STT_NOTYPE},
		{.name = "here", .bind = STB_GLOBAL, .type = STT_OBJECT, .shndx = 1, .value = 0x4d00, .size = 8},
		{.name = "fixed", .bind = STB_GLOBAL, .type = STT_NOTYPE, .shndx = SHN_ABS, .reserved = true, .value = 0x1234},
		{.name = "thread", .bind = STB_GLOBAL, .type = STT_TLS, .shndx = 1, .value = 0x10, .size = 4},
		{.name = "chosen", .bind = STB_GLOBAL, .type = STT_GNU_IFUNC, .shndx = 1, .value = 0x1200, .size = 4},
	};
	static const struct mkelf_note notes[] = {
		{.owner = "GNU", .type = 5, .desc = "\2\0\0\xc0\4\0\0\0\3\0\0\0\0\0\0\0", .size = 16},
		{.owner = NULL, .type = 1, .desc = "12345678", .size = 8},
	};
	/* the largest table of RELR: three addresses, then bitmaps, the last all ones of its low 24 bits */
	static const uint64_t relr[] = {0x4e00, 0xf, 0x4f00, 0x01fffff1};
	const struct kinds *k = kinds_of(machine);
	const struct mkelf_reloc relocs[] = {
		{0x4c80, k->relative, 0, 0x4d00},
		{0x4c88, k->word, 3, 4},
		{0x4c90, k->got, 1, 0},
		{0x4c98, k->word, 2, 0},
		{0x4ca0, k->word, 4, -4},
		{0x4ca8, k->tpoff, 5, 0},
		{0x4cb0, k->tpoff, 0, 8},
		{0x4cb8, k->dtpmod, 0, 0},
		{0x4cc0, k->dtpoff, 5, 2},
		{0x4cc8, k->irelative, 0, 0x1200},
		{0x4cd0, k->word, 6, 12},
		{0x4cd8, 0, 0, 0},
		{0x51f8, k->relative, 0, 0x4c00},
		{0x5300, k->relative, 0, 0x4c08},
	};
	const struct mkelf_reloc jumps[] = {{0x4ce0, k->jump, 1, 0}, {0x4ce8, k->jump, 6, 0}};
	bool rela = machine != EM_386;
	struct mkelf elf = {.class_ = class_,
		.data = data,
		.machine = machine,
		.type = ET_DYN,
		.entry = 0x1000 + 0x200,
		.segments = segments,
		.nsegments = N(segments),
		.tables = 0,
		.symbols = symbols,
		.nsymbols = N(symbols),
		.gnu_hash = true,
		.notes = notes,
		.nnotes = N(notes),
		.note_align = 8,
		.relr_words = relr,
		.nrelr_words = N(relr),
		.jmprel = jumps,
		.njmprel = N(jumps),
		.jmprel_rela = rela};

	*(rela ? &elf.rela : &elf.rel) = relocs;
	*(rela ? &elf.nrela : &elf.nrel) = N(relocs);
	mkelf_write(out, &elf);
}

/* A library again, with the SysV hash table only and its tables at odd alignments. */
static void make_sysv(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0, .align = 0x1000, .size = 0x33, .headers = true},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x2000, .align = 0x1000, .size = 0x80, .bss = 0x80},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	};
	static const struct mkelf_symbol symbols[] = {
		{.name = "first", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 1, .value = 0x10, .version = 2},
		{.name = "second", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 1, .value = 0x20, .version = 2},
		{.name = "third", .bind = STB_LOCAL, .type = STT_OBJECT, .shndx = 1, .value = 0x2000, .version = 3},
	};
	static const struct mkelf_def defs[] = {{"libodd.so", VER_FLG_BASE, 1}, {"ODD_1", 0, 2}};
	static const struct mkelf_need needs[] = {{"libc.so.6", "GLIBC_2.36", 3}};
	static const char *const needed[] = {"libc.so.6"};
	struct mkelf elf = {.class_ = class_,
		.data = data,
		.machine = machine,
		.type = ET_DYN,
		.sections = true,
		.segments = segments,
		.nsegments = N(segments),
		.symbols = symbols,
		.nsymbols = N(symbols),
		.hash = true,
		.nbucket = 2,
		.defs = defs,
		.ndefs = N(defs),
		.needs = needs,
		.nneeds = N(needs),
		.needed = needed,
		.nneeded = 1,
		.soname = "libodd.so",
		.entry = 0x10};

	mkelf_write(out, &elf);
}

static const struct mkelf_sample more[] = {
	{"shared", "segments that share pages", make_shared},
	{"relocs", "every kind of relocation, TLS, 8-aligned notes", make_relocs},
	{"sysv", "SysV hash only, verdef and verneed", make_sysv},
};

/* Other machines than x86 have the relocations seed to themselves. */
static const uint16_t machines[] = {EM_AARCH64, EM_RISCV};

static void make(struct hostile_seed *seed, const struct mkelf_sample *sample, unsigned encoding, uint16_t machine)
{
	bool wide = (encoding & 1) == 0, big = (encoding & 2) != 0;
	uint16_t native = wide ? EM_X86_64 : EM_386;

	snprintf(seed->name, sizeof seed->name, "%s-%s-%s%s", sample->name, wide ? "64" : "32", big ? "big" : "little",
		machine == EM_AARCH64 ? "-aarch64" : machine == EM_RISCV ? "-riscv" : "");
	sample->make(&seed->out, wide ? ELFCLASS64 : ELFCLASS32, big ? ELFDATA2MSB : ELFDATA2LSB, machine != 0 ? machine : native);
}

bool hostile_seed(struct hostile_seed *seed, uint32_t index)
{
	uint32_t nsamples = (uint32_t)mkelf_nsamples, all = 4 * (nsamples + N(more));

	memset(seed, 0, sizeof *seed);
	if (index < 4 * nsamples)
		make(seed, &mkelf_samples[index / 4], index % 4, 0);
	else if (index < all)
		make(seed, &more[index / 4 - nsamples], index % 4, 0);
	else if (index - all < 2 * N(machines))
		make(seed, &more[1], (index - all) % 2 * 2, machines[(index - all) / 2]);
	else
		return false;
	return true;
}
