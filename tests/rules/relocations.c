/* SPDX-License-Identifier: MIT */
/* Bad relocations, symbols that they need, and spaces that refuse. */
#include "rules.h"

/** The relocation types of the two machines: AArch64 in RELA, i386 in REL form. */
static uint32_t type(const struct bad *b, uint32_t wide, uint32_t narrow)
{
	return b->wide ? wide : narrow;
}

static void write_image(const struct bad *b, uint32_t number, uint32_t symbol, uint64_t offset)
{
	const struct mkelf_reloc relocs[] = {{DYN_DATA, 0, 0, 0}, {offset, number, symbol, 0}};
	struct dyn_image image = {.class_ = encoding_class(b->encoding),
		.data = encoding_data(b->encoding),
		.rela = b->wide,
		.relocs = relocs,
		.nrelocs = 2};

	image.machine = b->wide ? LODE_EM_AARCH64 : LODE_EM_386;
	dyn_write(&image);
}

static void place(struct bad *b, const struct lode_relocation *options)
{
	b->status = dyn_place(options, 0);
	b->why = dyn.why;
}

static void want_entry(struct bad *b, enum lode_field field, const char *name, uint64_t value)
{
	bad_want(b, field, 1, value, mkelf_at(&dyn.out, b->wide ? MKELF_RELA : MKELF_REL, 1, name));
}

void rule_SYMBOL_UNDEFINED(struct bad *b)
{
	write_image(b, type(b, 257, 1), DYN_UNDEFINED, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_SYMBOL, "r_info", DYN_UNDEFINED);
	place(b, NULL);
}

static int knows_nothing(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host, (void)address, (void)name, (void)symbol;
	return -1;
}

void rule_SYMBOL_NAME(struct bad *b)
{
	const struct lode_relocation options = {.resolve = knows_nothing};

	write_image(b, type(b, 257, 1), DYN_LONG, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_SYMBOL, "r_info", DYN_LONG);
	place(b, &options);
}

void rule_RELOC_TABLE(struct bad *b)
{
	uint32_t entry;

	bad_sample(b, "relocatable");
	entry = bad_tag(b, b->wide ? LODE_DT_RELASZ : LODE_DT_RELSZ);
	bad_lie(b, MKELF_DYN, entry, "d_val", LODE_FIELD_DYN_VALUE, mkelf_get(&b->file.out, MKELF_DYN, entry, "d_val") - 1);
	b->want.limit = b->wide ? 24 : 8;
	bad_dynamic(b);
}

void rule_RELOC_INDEX(struct bad *b)
{
	const struct lode_reltab table = {.count = 3};
	struct lode_rel rel;

	bad_sample(b, "relocatable");
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	bad_want(b, LODE_FIELD_REL_INDEX, LODE_NO_INDEX, 3, LODE_NO_OFFSET);
	b->want.limit = 3;
	b->status = lode_rel_read(&rel, &b->file.image, &table, 3, &b->why);
}

void rule_RELOC_TYPE(struct bad *b)
{
	write_image(b, 99, 0, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_TYPE, "r_info", 99);
	place(b, NULL);
}

void rule_RELOC_RANGE(struct bad *b)
{
	write_image(b, type(b, 1027, 8), 0, DYN_DATA - 1);
	want_entry(b, LODE_FIELD_REL_OFFSET, "r_offset", DYN_DATA - 1);
	place(b, NULL);
}

void rule_RELOC_TEXT(struct bad *b)
{
	write_image(b, type(b, 1027, 8), 0, DYN_LINKED + 0x180);
	want_entry(b, LODE_FIELD_REL_OFFSET, "r_offset", DYN_LINKED + 0x180);
	place(b, NULL);
}

/** R_RISCV_32 is the one type whose field is smaller than an address: there is no 32-bit case. */
void rule_RELOC_VALUE(struct bad *b)
{
	const struct mkelf_reloc relocs[] = {{DYN_DATA, 0, 0, 0}, {DYN_DATA, 1, 0, INT64_C(0x100000000)}};
	const struct dyn_image image = {.class_ = LODE_CLASS64,
		.data = encoding_data(b->encoding),
		.machine = LODE_EM_RISCV,
		.rela = true,
		.relocs = relocs,
		.nrelocs = 2};

	dyn_write(&image);
	bad_want(b, LODE_FIELD_REL_ADDEND, 1, UINT64_C(0x100000000), mkelf_at(&dyn.out, MKELF_RELA, 1, "r_addend"));
	place(b, NULL);
}

void rule_RELOC_TLS(struct bad *b)
{
	write_image(b, type(b, 1030, 14), DYN_VAR, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_TYPE, "r_info", type(b, 1030, 14));
	place(b, NULL);
}

void rule_RELOC_IRELATIVE(struct bad *b)
{
	write_image(b, type(b, 1032, 42), 0, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_TYPE, "r_info", type(b, 1032, 42));
	place(b, NULL);
}

static int cannot_resolve(void *host, uint64_t *value, uint64_t address)
{
	(void)host, (void)value, (void)address;
	return 1;
}

void rule_RELOC_IFUNC(struct bad *b)
{
	const struct lode_relocation options = {.irelative = LODE_IRELATIVE_CALL, .ifunc = cannot_resolve};

	write_image(b, type(b, 1032, 42), 0, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_TYPE, "r_info", type(b, 1032, 42));
	place(b, &options);
}

void rule_RELOC_RESOLVER(struct bad *b)
{
	const struct lode_relocation options = {.irelative = LODE_IRELATIVE_CALL};

	write_image(b, type(b, 1032, 42), 0, DYN_DATA);
	want_entry(b, LODE_FIELD_REL_TYPE, "r_info", type(b, 1032, 42));
	place(b, &options);
}

void rule_RELR_ORDER(struct bad *b)
{
	static const uint64_t words[] = {7};
	struct dyn_image image = {
		.class_ = encoding_class(b->encoding), .data = encoding_data(b->encoding), .relr_words = words, .nrelr_words = 1};

	image.machine = b->wide ? LODE_EM_AARCH64 : LODE_EM_386;
	dyn_write(&image);
	bad_want(b, LODE_FIELD_RELR_ENTRY, 0, 7, mkelf_at(&dyn.out, MKELF_RELR, 0, "word"));
	place(b, NULL);
}

void rule_MACHINE_UNSUPPORTED(struct bad *b)
{
	write_image(b, type(b, 257, 1), 0, DYN_DATA);
	mkelf_set(&dyn.out, MKELF_EHDR, 0, "e_machine", LODE_EM_PPC64);
	bad_want(b, LODE_FIELD_EHDR_MACHINE, LODE_NO_INDEX, LODE_EM_PPC64, 18);
	place(b, NULL);
}

void rule_SPACE_REFUSED(struct bad *b)
{
	struct lode_array array = {.memory = dyn_memory, .base = DYN_BASE, .size = 0x1000};
	struct lode_space space = lode_array_space(&array);

	b->policy.base = DYN_BASE;
	write_image(b, type(b, 257, 1), 0, DYN_DATA);
	CHECK_EQ(file_load(&dyn, &b->policy), LODE_OK);
	bad_want(b, LODE_FIELD_SPACE_BEGIN, LODE_NO_INDEX, DYN_BASE, LODE_NO_OFFSET);
	b->status = lode_place_relocated(&space, &dyn.image, &dyn.plan, NULL, &b->why);
}

void rule_PLACE_RELOCATE(struct bad *b)
{
	struct lode_array array = {.memory = dyn_memory, .base = DYN_BASE, .size = DYN_MEMORY};
	struct lode_space space = lode_array_space(&array);

	b->policy.base = DYN_BASE;
	write_image(b, type(b, 257, 1), 0, DYN_DATA);
	CHECK_EQ(file_load(&dyn, &b->policy), LODE_OK);
	bad_want(b, LODE_FIELD_POLICY_RELOCATE, LODE_NO_INDEX, LODE_RELOCATE_LOADER, LODE_NO_OFFSET);
	b->status = lode_place(&space, &dyn.image, &dyn.plan, &b->why);
}

void rule_SPACE_CANNOT(struct bad *b)
{
	struct lode_array array = {.memory = dyn_memory, .base = DYN_BASE, .size = DYN_MEMORY};
	struct lode_space space = lode_array_space(&array);

	b->policy.base = DYN_BASE;
	write_image(b, type(b, 257, 1), 0, DYN_DATA);
	CHECK_EQ(file_load(&dyn, &b->policy), LODE_OK);
	space.write = NULL;
	bad_want(b, LODE_FIELD_SPACE_WRITE, LODE_NO_INDEX, 0, LODE_NO_OFFSET);
	b->status = lode_place_relocated(&space, &dyn.image, &dyn.plan, NULL, &b->why);
}
