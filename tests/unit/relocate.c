/* SPDX-License-Identifier: MIT */
/* Every relocation type of every machine's table, in REL and RELA form and both byte orders, against the psABIs' formulas. */
#include "dynimage.h"

enum { IFUNC_RESULT = 0x5a5a50, MODULE = 7 };

/** What a type computes, spelled as in the psABIs. TP is where the block lies relative to the thread pointer. */
enum formula { NOTHING, B_A, S_A, S, RESOLVED, S_A_TP, A_S_TP, MODULE_ID, S_A_DTV };

static const struct type {
	uint16_t machine;
	uint16_t type;
	uint8_t width;
	enum formula formula;
} types[] = {
	/* psABI x86-64 table 4.10 */
	{LODE_EM_X86_64, 0, 8, NOTHING},
	{LODE_EM_X86_64, 1, 8, S_A},
	{LODE_EM_X86_64, 6, 8, S},
	{LODE_EM_X86_64, 7, 8, S},
	{LODE_EM_X86_64, 8, 8, B_A},
	{LODE_EM_X86_64, 16, 8, MODULE_ID},
	{LODE_EM_X86_64, 17, 8, S_A_DTV},
	{LODE_EM_X86_64, 18, 8, S_A_TP},
	{LODE_EM_X86_64, 37, 8, RESOLVED},
	/* psABI i386 table 4.9, TLS in "ELF Handling For Thread-Local Storage" 4.4 */
	{LODE_EM_386, 0, 4, NOTHING},
	{LODE_EM_386, 1, 4, S_A},
	{LODE_EM_386, 6, 4, S},
	{LODE_EM_386, 7, 4, S},
	{LODE_EM_386, 8, 4, B_A},
	{LODE_EM_386, 14, 4, S_A_TP},
	{LODE_EM_386, 35, 4, MODULE_ID},
	{LODE_EM_386, 36, 4, S_A_DTV},
	{LODE_EM_386, 37, 4, A_S_TP},
	{LODE_EM_386, 42, 4, RESOLVED},
	/* AAELF64 "Dynamic relocations" */
	{LODE_EM_AARCH64, 0, 8, NOTHING},
	{LODE_EM_AARCH64, 256, 8, NOTHING},
	{LODE_EM_AARCH64, 257, 8, S_A},
	{LODE_EM_AARCH64, 1025, 8, S_A},
	{LODE_EM_AARCH64, 1026, 8, S_A},
	{LODE_EM_AARCH64, 1027, 8, B_A},
	{LODE_EM_AARCH64, 1028, 8, MODULE_ID},
	{LODE_EM_AARCH64, 1029, 8, S_A_DTV},
	{LODE_EM_AARCH64, 1030, 8, S_A_TP},
	{LODE_EM_AARCH64, 1032, 8, RESOLVED},
	/* RISC-V ELF psABI "Relocations" */
	{LODE_EM_RISCV, 0, 8, NOTHING},
	{LODE_EM_RISCV, 1, 4, S_A},
	{LODE_EM_RISCV, 2, 8, S_A},
	{LODE_EM_RISCV, 3, 8, B_A},
	{LODE_EM_RISCV, 5, 8, S},
	{LODE_EM_RISCV, 7, 8, MODULE_ID},
	{LODE_EM_RISCV, 9, 8, S_A_DTV},
	{LODE_EM_RISCV, 11, 8, S_A_TP},
	{LODE_EM_RISCV, 58, 8, RESOLVED},
};

/** Offset of the block of DYN_TLS_SIZE bytes, aligned to 16, from the thread pointer. */
static uint64_t tp_of(uint16_t machine)
{
	switch (machine) {
	case LODE_EM_AARCH64: return 16;
	case LODE_EM_RISCV: return 0;
	default: return (uint64_t)0 - 0x50;
	}
}

static uint64_t expected(const struct type *t, uint64_t s, uint64_t a)
{
	switch (t->formula) {
	case B_A: return DYN_BIAS + a;
	case S_A: return s + a;
	case S: return s;
	case RESOLVED: return IFUNC_RESULT + (DYN_BIAS + a);
	case S_A_TP: return s + a + tp_of(t->machine);
	case A_S_TP: return a - s - tp_of(t->machine);
	case MODULE_ID: return MODULE;
	case S_A_DTV: return s + a - (t->machine == LODE_EM_RISCV ? 0x800 : 0);
	default: return 0;
	}
}

static int on_ifunc(void *host, uint64_t *value, uint64_t address)
{
	++*(unsigned *)host;
	*value = IFUNC_RESULT + address;
	return 0;
}

static bool thread_local_type(const struct type *t)
{
	return t->formula == S_A_TP || t->formula == A_S_TP || t->formula == S_A_DTV;
}

/** One type with a symbol and addend that fit it, and with symbol 0. */
static void one(const struct type *t, uint8_t data, bool rela)
{
	bool wide = t->machine != LODE_EM_386;
	uint32_t symbol = t->formula == NOTHING || t->formula == B_A || t->formula == RESOLVED ? 0
		: thread_local_type(t) ? DYN_VAR
		: DYN_OWN;
	uint64_t s = symbol == DYN_VAR ? 0x14 : symbol == DYN_OWN ? DYN_BIAS + DYN_LINKED + 0x1230 : 0;
	const struct mkelf_reloc relocs[] = {{DYN_DATA + 0x10, t->type, symbol, -0x28}, {DYN_DATA + 0x33, t->type, 0, 0x1008},
		{DYN_BSS + 0x1f8, t->type, symbol, 0}};
	const struct dyn_image image = {.class_ = wide ? LODE_CLASS64 : LODE_CLASS32,
		.data = data,
		.machine = t->machine,
		.rela = rela,
		.relocs = relocs,
		.nrelocs = 3};
	unsigned called = 0;
	const struct lode_relocation options = {
		.ifunc = on_ifunc, .host = &called, .irelative = LODE_IRELATIVE_CALL, .static_tls = true, .tls_module = MODULE};
	struct lode_relocation_count count;
	uint64_t mask = t->width == 8 ? UINT64_MAX : UINT32_MAX, first, second, third;

	dyn_write(&image);
	for (unsigned i = 0; !rela && i < 2; i++) /* the writer puts addends into whole words of the class */
		mkelf_poke(&dyn.out, mkelf_get(&dyn.out, MKELF_PHDR, 1, "p_offset") + relocs[i].offset - DYN_DATA, t->width,
			(uint64_t)relocs[i].addend);
	CHECK_EQ(dyn_place(&options, 0), LODE_OK);
	if (t->formula == NOTHING) {
		first = mkelf_peek(&dyn.out, dyn.segments[1].offset + 0x10, t->width);
		second = mkelf_peek(&dyn.out, dyn.segments[1].offset + 0x33, t->width);
		third = 0;
	} else {
		first = expected(t, s, (uint64_t)-0x28);
		second = expected(t, 0, 0x1008);
		third = expected(t, s, 0);
	}
	CHECK_EQ(dyn_word(DYN_DATA + 0x10, t->width), first & mask);
	CHECK_EQ(dyn_word(DYN_DATA + 0x33, t->width), second & mask);
	CHECK_EQ(dyn_word(DYN_BSS + 0x1f8, t->width), third & mask);
	CHECK_EQ(called, t->formula == RESOLVED ? 3 : 0);
	/* what lies around the words is as it was */
	CHECK_EQ(dyn_memory[DYN_DATA - DYN_LINKED + 0x0f], dyn.out.bytes[dyn.segments[1].offset + 0x0f]);
	CHECK_EQ(dyn_memory[DYN_DATA - DYN_LINKED + 0x10 + t->width], dyn.out.bytes[dyn.segments[1].offset + 0x10 + t->width]);
	CHECK_EQ(lode_relocations_check(&count, &dyn.image, &dyn.plan, &options, &dyn.why), LODE_OK);
	CHECK_EQ(count.total, 3);
	CHECK_EQ(count.none, t->formula == NOTHING ? 3 : 0);
	CHECK_EQ(count.relative, t->formula == B_A ? 3 : 0);
	CHECK_EQ(count.symbolic, t->formula == S_A || t->formula == S ? 3 : 0);
	CHECK_EQ(count.irelative, t->formula == RESOLVED ? 3 : 0);
	CHECK_EQ(count.tls, thread_local_type(t) || t->formula == MODULE_ID ? 3 : 0);
}

static void test_types(void)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		for (unsigned k = 0; k < 4; k++) {
			uint8_t data = k & 1 ? LODE_DATA2MSB : LODE_DATA2LSB;

			check_case("machine %u type %u, %s, %s", types[i].machine, types[i].type,
				k & 1 ? "big-endian" : "little-endian", k & 2 ? "RELA" : "REL");
			one(&types[i], data, k & 2);
		}
}

/** No other number is taken, and each refusal names the entry. */
static void test_unknown_types(void)
{
	static const uint16_t machines[] = {LODE_EM_X86_64, LODE_EM_386, LODE_EM_AARCH64, LODE_EM_RISCV};

	for (unsigned m = 0; m < 4; m++)
		for (uint32_t type = 0; type < 1200; type++) {
			bool wide = machines[m] != LODE_EM_386, known = false;
			const struct mkelf_reloc relocs[] = {{DYN_DATA, 0, 0, 0}, {DYN_DATA + 8, type, 0, 0}};
			const struct dyn_image image = {.class_ = wide ? LODE_CLASS64 : LODE_CLASS32,
				.data = LODE_DATA2LSB,
				.machine = machines[m],
				.rela = wide,
				.relocs = relocs,
				.nrelocs = 2};
			const struct lode_relocation options = {.irelative = LODE_IRELATIVE_SKIP, .static_tls = true};
			enum mkelf_structure table = wide ? MKELF_RELA : MKELF_REL;

			for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
				known = known || (types[i].machine == machines[m] && types[i].type == (wide ? type : type & 255));
			dyn_write(&image);
			if (known) {
				CHECK_EQ(dyn_place(&options, 0), LODE_OK);
				continue;
			}
			CHECK_EQ(dyn_place(&options, 0), LODE_ERR_UNSUPPORTED);
			CHECK_WHY(dyn.why, "reloc-type", LODE_FIELD_REL_TYPE, 1, wide ? type : type & 255, 0,
				mkelf_at(&dyn.out, table, 1, "r_info"));
		}
}

/** Machines without a table: refused only if there is anything to relocate. */
static void test_machine(void)
{
	static const struct mkelf_reloc relocs[] = {{DYN_DATA, 0, 0, 0}};
	struct dyn_image image = {
		.class_ = LODE_CLASS64, .data = LODE_DATA2MSB, .machine = LODE_EM_S390, .rela = true, .relocs = relocs};

	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_OK);
	image.nrelocs = 1;
	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_UNSUPPORTED);
	CHECK_WHY(dyn.why, "machine-unsupported", LODE_FIELD_EHDR_MACHINE, LODE_NO_INDEX, LODE_EM_S390, 0, 18);
	image.machine = LODE_EM_X86_64; /* x32: the machine is known, the class is another */
	image.class_ = LODE_CLASS32;
	image.data = LODE_DATA2LSB;
	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_UNSUPPORTED);
	image.machine = LODE_EM_RISCV; /* RV32 */
	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_UNSUPPORTED);
}

int main(void)
{
	test_types();
	CASE(test_unknown_types);
	CASE(test_machine);
	file_free(&dyn);
	return check_done();
}
