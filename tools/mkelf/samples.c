/* SPDX-License-Identifier: MIT */
/* Name, class, byte order, machine -> a good ELF file that shows one thing. The seeds of tests, fuzzing and corpus. */
#include <elf.h>
#include <string.h>

#include "mkelf.h"

#define N(array) (sizeof(array) / sizeof *(array))

/** Relocation types by machine. */
static const struct types {
	uint16_t machine;
	uint32_t relative, word, jump, irelative, tpoff;
} machines[] = {
	{EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_JUMP_SLOT, R_X86_64_IRELATIVE, R_X86_64_TPOFF64},
	{EM_386, R_386_RELATIVE, R_386_32, R_386_JMP_SLOT, R_386_IRELATIVE, R_386_TLS_TPOFF},
	{EM_AARCH64, R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_JUMP_SLOT, R_AARCH64_IRELATIVE, R_AARCH64_TLS_TPREL},
	{EM_RISCV, R_RISCV_RELATIVE, R_RISCV_64, R_RISCV_JUMP_SLOT, R_RISCV_IRELATIVE, R_RISCV_TLS_TPREL64},
	{EM_S390, R_390_RELATIVE, R_390_64, R_390_JMP_SLOT, R_390_IRELATIVE, R_390_TLS_TPOFF},
};

static const struct types *types_of(uint16_t machine)
{
	for (size_t i = 0; i < N(machines); i++)
		if (machines[i].machine == machine)
			return &machines[i];
	return &machines[0];
}

static struct mkelf begin(uint8_t class_, uint8_t data, uint16_t machine, uint16_t type)
{
	return (struct mkelf){
		.class_ = class_, .data = data, .machine = machine, .type = type, .sections = true, .tables = MKELF_NOWHERE};
}

/** Text and data, the headers in the text. */
static void make_static(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x400000, .align = 0x1000, .size = 0x1234, .headers = true},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x403400, .align = 0x1000, .size = 0x345, .bss = 0x2001},
		{.type = PT_GNU_STACK, .flags = PF_R | PF_W, .align = 16},
	};
	struct mkelf elf = begin(class_, data, machine, ET_EXEC);

	elf.entry = 0x400800;
	elf.segments = segments;
	elf.nsegments = N(segments);
	mkelf_write(out, &elf);
}

/** Nothing but zeros beside the text; a p_align of 0 and of 1; a segment without any byte. */
static void make_bss(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x10000, .align = 0, .modulus = 0x1000, .size = 64},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x20010, .align = 1, .modulus = 0x1000, .bss = 0x3000},
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0, .align = 0x1000},
	};
	struct mkelf elf = begin(class_, data, machine, ET_EXEC);

	elf.entry = 0x10000;
	elf.segments = segments;
	elf.nsegments = N(segments);
	mkelf_write(out, &elf);
}

/** Segments that touch one page, out of order, one of them with a gap of 2 MiB before it. */
static void make_pages(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD,
			.flags = PF_R | PF_W,
			.vaddr = 0x602800,
			.align = 4,
			.modulus = 0x1000,
			.size = 0x900,
			.bss = 0x10},
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0x400000, .align = 0x1000, .size = 0x1100},
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x401100, .align = 0x1000, .size = 0x0f00},
	};
	struct mkelf elf = begin(class_, data, machine, ET_EXEC);

	elf.entry = 0x401100;
	elf.segments = segments;
	elf.nsegments = N(segments);
	mkelf_write(out, &elf);
}

static const struct mkelf_symbol pie_symbols[] = {
	{.name = "puts", .bind = STB_GLOBAL, .type = STT_FUNC, .version = 2},
	{.name = "optional", .bind = STB_WEAK, .type = STT_NOTYPE, .version = 1},
	{.name = "main", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 1, .value = 0x1100, .size = 0x20, .version = 1},
	{.name = "table", .bind = STB_GLOBAL, .type = STT_OBJECT, .shndx = 1, .value = 0x3100, .size = 0x80, .version = 1},
};
static const struct mkelf_note pie_notes[] = {
	{.owner = "GNU",
		.type = NT_GNU_BUILD_ID,
		.desc = "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67",
		.size = 20},
	{.owner = "Lode", .type = 7, .desc = "odd", .size = 3},
};
static const struct mkelf_segment pie_segments[] = {
	{.type = PT_PHDR, .flags = PF_R, .align = 8, .covers = MKELF_PHDR},
	{.type = PT_INTERP, .flags = PF_R, .align = 1, .covers = MKELF_INTERP},
	{.type = PT_LOAD, .flags = PF_R, .vaddr = 0, .align = 0x1000, .headers = true},
	{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x1000, .align = 0x1000, .size = 0x7f1},
	{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x2e00, .align = 0x1000, .size = 0x500, .bss = 0x1200},
	{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
	{.type = PT_TLS, .flags = PF_R, .vaddr = 0x2e40, .align = 64, .size = 0x20, .bss = 0x40, .inside = true},
	{.type = PT_GNU_RELRO, .flags = PF_R, .vaddr = 0x2e00, .align = 1, .size = 0x200, .inside = true},
};

static struct mkelf pie(uint8_t class_, uint8_t data, uint16_t machine)
{
	struct mkelf elf = begin(class_, data, machine, ET_DYN);

	elf.entry = 0x1080;
	elf.segments = pie_segments;
	elf.nsegments = N(pie_segments);
	elf.tables = 2;
	elf.notes = pie_notes;
	elf.nnotes = N(pie_notes);
	elf.symbols = pie_symbols;
	elf.nsymbols = N(pie_symbols);
	elf.hash = elf.gnu_hash = true;
	return elf;
}

/** A program for the dynamic loader: everything that one has. */
static void make_dynamic(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const char *const needed[] = {"libc.so.6", "libm.so.6"};
	static const struct mkelf_need needs[] = {
		{"libc.so.6", "GLIBC_2.34", 2}, {"libc.so.6", "GLIBC_2.2.5", 3}, {"libm.so.6", "GLIBC_2.29", 4}};
	static const struct mkelf_dyn dyns[] = {{DT_FLAGS, DF_BIND_NOW}, {DT_FLAGS_1, 0x08000001}, {DT_DEBUG, 0}};
	const struct types *types = types_of(machine);
	const struct mkelf_reloc data_relocs[] = {
		{0x2e80, types->relative, 0, 0x1100},
		{0x2e88, types->relative, 0, 0x3100},
		{0x2e90, types->word, 3, 8},
		{0x2e98, types->word, 2, 0},
	};
	const struct mkelf_reloc jumps[] = {{0x2f00, types->jump, 1, 0}, {0x2f08, types->jump, 3, 0}};
	struct mkelf elf = pie(class_, data, machine);
	bool rela = machine != EM_386;

	elf.interp = class_ == ELFCLASS64 ? "/lib64/ld-linux-x86-64.so.2" : "/lib/ld-linux.so.2";
	elf.needed = needed;
	elf.nneeded = N(needed);
	elf.needs = needs;
	elf.nneeds = N(needs);
	elf.dyns = dyns;
	elf.ndyns = N(dyns);
	*(rela ? &elf.rela : &elf.rel) = data_relocs;
	*(rela ? &elf.nrela : &elf.nrel) = N(data_relocs);
	elf.jmprel = jumps;
	elf.njmprel = N(jumps);
	elf.jmprel_rela = rela;
	mkelf_write(out, &elf);
}

/** A position-independent image that its loader relocates: RELATIVE, RELR and symbols of its own. No interpreter. */
static void make_relocatable(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	const struct types *types = types_of(machine);
	const struct mkelf_reloc relocs[] = {
		{0x2e80, types->relative, 0, 0x1100}, {0x2e90, types->word, 3, 16}, {0x2e98, types->word, 2, 0}};
	static const struct mkelf_reloc relr[] = {
		{.offset = 0x3000, .addend = 0x1100},
		{.offset = 0x3008, .addend = 0x1108},
		{.offset = 0x3018, .addend = 0x1110},
		{.offset = 0x3200, .addend = 0x3100},
		{.offset = 0x3280, .addend = 0x2e00},
	};
	static const struct mkelf_symbol own[] = {
		{.name = "nobody", .bind = STB_WEAK, .type = STT_NOTYPE},
		{.name = "weak", .bind = STB_WEAK, .type = STT_NOTYPE},
		{.name = "main", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 1, .value = 0x1100, .size = 0x20},
		{.name = "table", .bind = STB_GLOBAL, .type = STT_OBJECT, .shndx = 1, .value = 0x3100, .size = 0x80},
	};
	struct mkelf elf = pie(class_, data, machine);
	struct mkelf_segment segments[N(pie_segments)];
	bool rela = machine != EM_386;

	memcpy(segments, pie_segments, sizeof segments);
	segments[1].type = PT_NULL; /* no interpreter */
	segments[1].covers = MKELF_PHDR;
	elf.segments = segments;
	elf.symbols = own;
	elf.nsymbols = N(own);
	*(rela ? &elf.rela : &elf.rel) = relocs;
	*(rela ? &elf.nrela : &elf.nrel) = N(relocs);
	elf.relr = relr;
	elf.nrelr = N(relr);
	mkelf_write(out, &elf);
}

/** A library: name, version definitions, several hash buckets. */
static void make_library(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_def defs[] = {{"libsample.so.1", VER_FLG_BASE, 1}, {"SAMPLE_1.0", 0, 2}, {"SAMPLE_1.1", 0, 3}};
	static const struct mkelf_symbol symbols[] = {
		{.name = "sample_open",
			.bind = STB_GLOBAL,
			.type = STT_FUNC,
			.shndx = 1,
			.value = 0x1000,
			.size = 16,
			.version = 2},
		{.name = "sample_close",
			.bind = STB_GLOBAL,
			.type = STT_FUNC,
			.shndx = 1,
			.value = 0x1010,
			.size = 16,
			.version = 0x8003},
	};
	struct mkelf elf = pie(class_, data, machine);
	struct mkelf_segment segments[N(pie_segments)];

	memcpy(segments, pie_segments, sizeof segments);
	segments[1].type = PT_NULL;
	segments[1].covers = MKELF_PHDR;
	elf.segments = segments;
	elf.entry = 0;
	elf.soname = "libsample.so.1";
	elf.defs = defs;
	elf.ndefs = N(defs);
	elf.symbols = symbols;
	elf.nsymbols = N(symbols);
	mkelf_write(out, &elf);
}

/** A kernel: linked high, loaded low, with the note that names its PVH entry. */
static void make_kernel(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	bool wide = class_ == ELFCLASS64;
	uint64_t high = wide ? UINT64_C(0xffffffff80000000) : 0xc0000000;
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD,
			.flags = PF_R | PF_X,
			.vaddr = high + 0x1000000,
			.paddr = 0x1000000,
			.align = 0x200000,
			.size = 0x2100},
		{.type = PT_LOAD,
			.flags = PF_R | PF_W,
			.vaddr = high + 0x1200000,
			.paddr = 0x1200000,
			.align = 0x200000,
			.size = 0x1010,
			.bss = 0x8000},
		{.type = PT_NOTE, .flags = PF_R, .align = 4, .covers = MKELF_NOTE},
	};
	static const unsigned char entry[2][2][8] = {
		{{0x40, 0, 0, 1, 0, 0, 0, 0}, {1, 0, 0, 0x40}},
		{{0x40, 0, 0, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 1, 0, 0, 0x40}},
	};
	const struct mkelf_note notes[] = {
		{.owner = "Xen", .type = 18, .desc = entry[wide][data == ELFDATA2MSB], .size = wide ? 8 : 4}};
	struct mkelf elf = begin(class_, data, machine, ET_EXEC);

	elf.entry = 0x1000040;
	elf.segments = segments;
	elf.nsegments = N(segments);
	elf.tables = 0;
	elf.notes = notes;
	elf.nnotes = N(notes);
	mkelf_write(out, &elf);
}

/** Counts and indices through section 0, a static symbol table, program headers at the end. */
static void make_extended(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x8000, .align = 0x1000, .size = 0x100},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0xa000, .align = 0x1000, .size = 0x80, .bss = 0x80},
	};
	static const struct mkelf_symbol symtab[] = {
		{.name = "sample.c", .bind = STB_LOCAL, .type = STT_FILE, .shndx = SHN_ABS, .reserved = true},
		{.name = "_start", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 1, .value = 0x8000, .size = 0x10},
		{.name = "far", .bind = STB_GLOBAL, .type = STT_OBJECT, .shndx = 0xff01, .value = 0xa000, .size = 8},
	};
	struct mkelf elf = begin(class_, data, machine, ET_EXEC);

	elf.entry = 0x8000;
	elf.segments = segments;
	elf.nsegments = N(segments);
	elf.symtab = symtab;
	elf.nsymtab = N(symtab);
	elf.extended = true;
	elf.phdrs_last = true;
	mkelf_write(out, &elf);
}

/** A relocatable object: sections, symbols and no program header. */
static void make_object(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine)
{
	static const struct mkelf_section more[] = {
		{.name = ".text",
			.type = SHT_PROGBITS,
			.flags = SHF_ALLOC | SHF_EXECINSTR,
			.bytes = "\x90\x90\x90\xc3",
			.size = 4,
			.addralign = 4},
		{.name = ".bss", .type = SHT_NOBITS, .flags = SHF_ALLOC | SHF_WRITE, .size = 64, .addralign = 16},
	};
	static const struct mkelf_symbol symtab[] = {
		{.name = "here", .bind = STB_GLOBAL, .type = STT_FUNC, .shndx = 3, .size = 4},
		{.name = "elsewhere", .bind = STB_GLOBAL, .type = STT_NOTYPE},
	};
	struct mkelf elf = begin(class_, data, machine, ET_REL);

	elf.more = more;
	elf.nmore = N(more);
	elf.symtab = symtab;
	elf.nsymtab = N(symtab);
	mkelf_write(out, &elf);
}

const struct mkelf_sample mkelf_samples[] = {
	{"static", "text with the headers, data, bss", make_static},
	{"bss", "a segment of zeros, p_align 0 and 1, an empty segment", make_bss},
	{"pages", "segments in one page, unsorted, with a gap between", make_pages},
	{"dynamic", "interpreter, libraries, symbols, versions, relocations, TLS, RELRO, notes", make_dynamic},
	{"relocatable", "position-independent, to be relocated by its loader; RELR", make_relocatable},
	{"library", "soname and version definitions", make_library},
	{"kernel", "linked high, loaded low, PVH entry note", make_kernel},
	{"extended", "PN_XNUM, SHN_XINDEX, program headers at the end", make_extended},
	{"object", "relocatable object with sections and symbols", make_object},
};
const size_t mkelf_nsamples = N(mkelf_samples);

void mkelf_make(struct mkelf_out *out, const char *name, uint8_t class_, uint8_t data, uint16_t machine)
{
	if (!machine)
		machine = class_ == ELFCLASS64 ? EM_X86_64 : EM_386;
	for (size_t i = 0; i < mkelf_nsamples; i++) {
		if (strcmp(mkelf_samples[i].name, name) == 0) {
			mkelf_samples[i].make(out, class_, data, machine);
			return;
		}
	}
	mkelf_die_("no such sample");
}
