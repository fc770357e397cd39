/* SPDX-License-Identifier: MIT */
/* Relocations at their limits: ranges, text, symbols of all kinds, the resolve and ifunc callbacks, TLS,
 * values that do not fit, RELR. */
#include "dynimage.h"

static struct lode_relocation_count count;

/** One RELA entry on x86-64, or on another machine. */
static struct dyn_image image_of(const struct mkelf_reloc *relocs, uint32_t n)
{
	return (struct dyn_image){.class_ = LODE_CLASS64,
		.data = LODE_DATA2LSB,
		.machine = LODE_EM_X86_64,
		.rela = true,
		.relocs = relocs,
		.nrelocs = n};
}

static int place_one(uint32_t type, uint32_t symbol, uint64_t offset, const struct lode_relocation *options)
{
	const struct mkelf_reloc relocs[] = {{offset, type, symbol, 0x10}};
	const struct dyn_image image = image_of(relocs, 1);

	dyn_write(&image);
	return dyn_place(options, 0);
}

static void check_limit(const char *rule, enum lode_field field, uint64_t value, uint64_t limit, const char *name)
{
	CHECK_WHY(dyn.why, rule, field, 0, value, limit, mkelf_at(&dyn.out, MKELF_RELA, 0, name));
	for (size_t i = 0; i < DYN_MEMORY; i++) /* refused before the first effect */
		if (!CHECK_EQ(dyn_memory[i], 0x33))
			break;
}

static void check_why(const char *rule, enum lode_field field, uint64_t value, const char *name)
{
	check_limit(rule, field, value, 0, name);
}

/** The last place that lies wholly in a segment's memory, and the first that does not. */
static void test_range(void)
{
	uint64_t end;

	CHECK_EQ(place_one(8, 0, DYN_DATA, NULL), LODE_OK);
	end = DYN_DATA + dyn.segments[1].memsz;
	CHECK_EQ(place_one(8, 0, end - 8, NULL), LODE_OK);
	CHECK_EQ(dyn_word(end - 8, 8), DYN_BIAS + 0x10);
	for (unsigned i = 0; i < 8; i++) {
		const uint64_t bad[] = {end - 7, end - 1, end, DYN_DATA - 1, 0, UINT64_MAX, UINT64_MAX - 7, DYN_LINKED - 8};

		CHECK_EQ(place_one(8, 0, bad[i], NULL), LODE_ERR_MALFORMED);
		check_why("reloc-range", LODE_FIELD_REL_OFFSET, bad[i], "r_offset");
	}
}

/** Into text: refused, by policy taken, and taken anyway where the segment is writable. */
static void test_text(void)
{
	const struct mkelf_reloc relocs[] = {{DYN_LINKED + 0x200, 8, 0, 0x10}};
	struct dyn_image image = image_of(relocs, 1);

	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_POLICY);
	check_why("reloc-text", LODE_FIELD_REL_OFFSET, DYN_LINKED + 0x200, "r_offset");
	CHECK_EQ(dyn_place(NULL, LODE_PLAN_TEXTREL), LODE_OK);
	CHECK_EQ(dyn_word(DYN_LINKED + 0x200, 8), DYN_BIAS + 0x10);
	image.text_writable = true;
	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_OK);
}

/** The segment is writable, but its page is another's, which took it: the pages' permissions count, at both ends of the place. */
static void test_text_of_another(void)
{
	enum { AT = DYN_DATA + 8 };
	struct lode_run *runs;
	uint64_t end;

	CHECK_EQ(place_one(8, 0, AT, NULL), LODE_OK);
	CHECK_EQ(lode_relocations_check(&count, &dyn.image, &dyn.plan, NULL, &dyn.why), LODE_OK);
	runs = dyn.plan.runs;
	end = dyn.plan.span.addr + dyn.plan.span.size;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t cut = AT + DYN_BIAS + (i < 2 ? 4 : 8);

		runs[0] = (struct lode_run){.addr = dyn.plan.span.addr, .size = cut - dyn.plan.span.addr, .prot = i == 1 ? 4 : 6};
		runs[1] = (struct lode_run){.addr = cut, .size = end - cut, .prot = i == 0 ? 4 : 6};
		dyn.plan.nruns = i == 3 ? 0 : 2;
		CHECK_EQ(lode_relocations_check(&count, &dyn.image, &dyn.plan, NULL, &dyn.why), i < 2 ? LODE_ERR_POLICY : LODE_OK);
		if (i < 2)
			CHECK_EQ(dyn.why.rule, LODE_RULE_RELOC_TEXT);
	}
}

struct resolver {
	unsigned calls;
	char name[16];
	int status;
	uint64_t address;
};

static int on_resolve(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	struct resolver *resolver = host;

	resolver->calls++;
	snprintf(resolver->name, sizeof resolver->name, "%s", name);
	CHECK_EQ(symbol->shndx, LODE_SHN_UNDEF);
	*address = resolver->address;
	return resolver->status;
}

static void test_symbols(void)
{
	static const uint32_t symbolic[] = {1, 6, 7};

	for (unsigned i = 0; i < 3; i++) {
		uint64_t add = symbolic[i] == 1 ? 0x10 : 0;

		CHECK_EQ(place_one(symbolic[i], DYN_ABS, DYN_DATA, NULL), LODE_OK);
		CHECK_EQ(dyn_word(DYN_DATA, 8), 0x4321 + add); /* absolute: no bias */
		CHECK_EQ(place_one(symbolic[i], DYN_WEAK, DYN_DATA, NULL), LODE_OK);
		CHECK_EQ(dyn_word(DYN_DATA, 8), add);
		CHECK_EQ(place_one(symbolic[i], DYN_UNDEFINED, DYN_DATA, NULL), LODE_ERR_MALFORMED);
		check_why("symbol-undefined", LODE_FIELD_REL_SYMBOL, DYN_UNDEFINED, "r_info");
		CHECK_EQ(place_one(symbolic[i], DYN_COMMON, DYN_DATA, NULL), LODE_ERR_MALFORMED);
		check_why("symbol-undefined", LODE_FIELD_REL_SYMBOL, DYN_COMMON, "r_info");
		CHECK_EQ(place_one(symbolic[i], DYN_SYMBOLS, DYN_DATA, NULL), LODE_ERR_MALFORMED);
		check_limit("symbol-index", LODE_FIELD_REL_SYMBOL, DYN_SYMBOLS, DYN_SYMBOLS, "r_info");
		CHECK_EQ(place_one(symbolic[i], UINT32_MAX, DYN_DATA, NULL), LODE_ERR_MALFORMED);
		check_limit("symbol-index", LODE_FIELD_REL_SYMBOL, UINT32_MAX, DYN_SYMBOLS, "r_info");
	}
}

static void test_resolve(void)
{
	struct resolver resolver = {.address = 0x123456};
	const struct lode_relocation options = {.resolve = on_resolve, .host = &resolver};

	CHECK_EQ(place_one(1, DYN_UNDEFINED, DYN_DATA, &options), LODE_OK);
	mkelf_set(&dyn.out, MKELF_SYM, DYN_UNDEFINED, "st_info", LODE_STB_GLOBAL << 4 | LODE_STT_GNU_IFUNC);
	resolver.calls = 0;
	CHECK_EQ(dyn_place(&options, 0), LODE_OK); /* what the host gives is an address, not a resolver of the image's */
	CHECK_STR(resolver.name, "undefined");
	CHECK_EQ(resolver.calls, 2); /* once to check, once to apply */
	CHECK_EQ(dyn_word(DYN_DATA, 8), 0x123466);
	CHECK_EQ(place_one(1, DYN_WEAK, DYN_DATA, &options), LODE_OK);
	CHECK_EQ(dyn_word(DYN_DATA, 8), 0x123466);
	CHECK_EQ(place_one(1, DYN_OWN, DYN_DATA, &options), LODE_OK);
	CHECK_EQ(resolver.calls, 4); /* nobody is asked for what the image defines */
	resolver.status = -1;        /* unknown, whatever stands in *address */
	CHECK_EQ(place_one(1, DYN_WEAK, DYN_DATA, &options), LODE_OK);
	CHECK_EQ(dyn_word(DYN_DATA, 8), 0x10);
	CHECK_EQ(place_one(1, DYN_UNDEFINED, DYN_DATA, &options), LODE_ERR_MALFORMED);
	check_why("symbol-undefined", LODE_FIELD_REL_SYMBOL, DYN_UNDEFINED, "r_info");
	CHECK_EQ(place_one(1, DYN_LONG, DYN_DATA, &options), LODE_ERR_UNSUPPORTED);
	check_why("symbol-name", LODE_FIELD_REL_SYMBOL, DYN_LONG, "r_info");
	CHECK_EQ(place_one(1, DYN_UNDEFINED, DYN_DATA, &options), LODE_ERR_MALFORMED);
	mkelf_set(&dyn.out, MKELF_SYM, DYN_UNDEFINED, "st_name", UINT32_MAX);
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(dyn.why.rule), "string-outside");
}

struct ifuncs {
	unsigned calls;
	int status;
	uint64_t seen; /* the word at DYN_DATA + 8 when it was called */
};

static int on_ifunc(void *host, uint64_t *value, uint64_t address)
{
	struct ifuncs *ifuncs = host;

	ifuncs->calls++;
	ifuncs->seen = dyn_word(DYN_DATA + 8, 8);
	*value = address * 2;
	return ifuncs->status;
}

/** Resolvers run last, when all that they may use is in place; REFUSE, SKIP and a host that cannot. */
static void test_irelative(void)
{
	static const struct mkelf_reloc relocs[] = {
		{DYN_DATA, 37, 0, DYN_LINKED + 0x1340}, {DYN_DATA + 8, 8, 0, 0x77}, {DYN_DATA + 16, 1, DYN_IFUNC, 4}};
	const struct dyn_image image = image_of(relocs, 3);
	struct ifuncs ifuncs = {0};
	struct lode_relocation options = {.host = &ifuncs};
	uint64_t before;

	dyn_write(&image);
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_POLICY);
	check_why("reloc-irelative", LODE_FIELD_REL_TYPE, 37, "r_info");
	options.irelative = LODE_IRELATIVE_SKIP;
	CHECK_EQ(dyn_place(&options, 0), LODE_OK);
	before = mkelf_peek(&dyn.out, dyn.segments[1].offset, 8);
	CHECK_EQ(dyn_word(DYN_DATA, 8), before);
	CHECK_EQ(dyn_word(DYN_DATA + 8, 8), DYN_BIAS + 0x77);
	options.irelative = LODE_IRELATIVE_CALL;
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_USE); /* no callback */
	check_why("reloc-resolver", LODE_FIELD_REL_TYPE, 37, "r_info");
	options.ifunc = on_ifunc;
	CHECK_EQ(dyn_place(&options, 0), LODE_OK);
	CHECK_EQ(ifuncs.calls, 2);
	CHECK_EQ(ifuncs.seen, DYN_BIAS + 0x77);
	CHECK_EQ(dyn_word(DYN_DATA, 8), 2 * (uint64_t)(DYN_BASE + 0x1340));
	CHECK_EQ(dyn_word(DYN_DATA + 16, 8),
		2 * (uint64_t)(DYN_BASE + 0x1340) + 4); /* S is what the resolver at the symbol returns */
	ifuncs.status = 1;
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_IO);
	CHECK_STR(lode_rule_name(dyn.why.rule), "reloc-ifunc");
}

/** TPOFF wants a host that places the block, and a template; module number 1 is the main program's. */
static void test_thread_local(void)
{
	const struct mkelf_reloc relocs[] = {{DYN_DATA, 18, DYN_VAR, 0}};
	struct dyn_image image = image_of(relocs, 1);
	const struct lode_relocation options = {.static_tls = true};

	dyn_write(&image);
	CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_POLICY);
	check_why("reloc-tls", LODE_FIELD_REL_TYPE, 18, "r_info");
	CHECK_EQ(dyn_place(&options, 0), LODE_OK);
	CHECK_EQ(dyn_word(DYN_DATA, 8), (uint64_t)0x14 - 0x50);
	image.no_tls = true;
	dyn_write(&image);
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_POLICY);
	check_why("reloc-tls", LODE_FIELD_REL_TYPE, 18, "r_info");
	CHECK_EQ(place_one(16, DYN_VAR, DYN_DATA, NULL), LODE_OK);
	CHECK_EQ(dyn_word(DYN_DATA, 8), 1);
	/* a template that no address space can hold */
	image.no_tls = false;
	dyn_write(&image);
	mkelf_set(&dyn.out, MKELF_PHDR, 3, "p_memsz", UINT64_MAX);
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_MALFORMED);
	CHECK_STR(lode_rule_name(dyn.why.rule), "tls-too-large");
}

static int count_calls(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)name, (void)symbol;
	++*(unsigned *)host;
	*address = 0x1234;
	return 0;
}

/** Thread-local relocations by the symbol of another module, weak or not: no address of it would be right. */
static void test_foreign_thread_local(void)
{
	static const uint32_t types[] = {16, 17, 18}; /* DTPMOD64, DTPOFF64, TPOFF64 */
	unsigned calls = 0;
	const struct lode_relocation options = {.resolve = count_calls, .host = &calls, .static_tls = true};

	for (unsigned i = 0; i < 6; i++) {
		uint32_t symbol = i & 1 ? DYN_WEAK : DYN_UNDEFINED;

		CHECK_EQ(place_one(types[i / 2], symbol, DYN_DATA, &options), LODE_ERR_POLICY);
		check_why("reloc-tls", LODE_FIELD_REL_SYMBOL, symbol, "r_info");
	}
	CHECK_EQ(calls, 0);
	CHECK_EQ(place_one(1, DYN_UNDEFINED, DYN_DATA, &options), LODE_OK);
	CHECK(calls > 0);
}

/** R_RISCV_32: what fits 32 bits signed or unsigned. */
static void test_values(void)
{
	static const struct {
		int64_t addend;
		bool fits;
	} values[] = {{0xffffffff, true}, {INT64_C(0x100000000), false}, {-INT64_C(0x80000000), true},
		{-INT64_C(0x80000001), false}, {INT64_MIN, false}, {INT64_MAX, false}, {0, true}};

	for (unsigned i = 0; i < 7; i++) {
		const struct mkelf_reloc relocs[] = {{DYN_DATA, 1, 0, values[i].addend}};
		struct dyn_image image = image_of(relocs, 1);

		image.machine = LODE_EM_RISCV;
		dyn_write(&image);
		CHECK_EQ(dyn_place(NULL, 0), values[i].fits ? LODE_OK : LODE_ERR_MALFORMED);
		if (values[i].fits)
			CHECK_EQ(dyn_word(DYN_DATA, 4), (uint64_t)values[i].addend & UINT32_MAX);
		else
			check_why("reloc-value", LODE_FIELD_REL_ADDEND, (uint64_t)values[i].addend, "r_addend");
	}
}

/** In REL form the addend is not known until the word is read: refused then, and what was placed is taken back. */
static void test_values_in_place(void)
{
	static const struct mkelf_reloc relocs[] = {{DYN_DATA, 1, DYN_OWN, 0x7fffffff}, {DYN_DATA + 16, 58, 0, 0}};
	const struct lode_relocation options = {.irelative = LODE_IRELATIVE_SKIP};
	struct dyn_image image = image_of(relocs, 2);

	image.machine = LODE_EM_RISCV;
	image.rela = false;
	dyn_write(&image);
	CHECK_EQ(dyn_place(&options, 0), LODE_OK);
	CHECK_EQ(dyn_word(DYN_DATA, 4), (uint32_t)(DYN_BASE + 0x1230) + UINT32_C(0x7fffffff));
	dyn_base = UINT64_C(0x100000000);
	CHECK_EQ(dyn_place(&options, 0), LODE_ERR_MALFORMED);
	CHECK_WHY(dyn.why, "reloc-value", LODE_FIELD_REL_ADDEND, 0, dyn_base + 0x1230 + 0x7fffffff, 0,
		mkelf_at(&dyn.out, MKELF_REL, 0, "r_info"));
	CHECK_EQ(lode_relocations_check(&count, &dyn.image, &dyn.plan, &options, NULL), LODE_OK);
	CHECK_EQ(count.symbolic, 1);
	CHECK_EQ(count.irelative, 1);
	CHECK_EQ(count.in_place, 2);
	for (size_t i = 0; i < dyn.plan.span.size; i++)
		CHECK_EQ(dyn_memory[i], 0);
	CHECK_EQ(dyn_memory[dyn.plan.span.size], 0x33);
	dyn_base = DYN_BASE;
}

/** Of i386's REL entries these have no addend: nothing is read from the place. */
static void test_no_addends(void)
{
	static const struct mkelf_reloc relocs[] = {
		{DYN_DATA, 0, 0, 0}, {DYN_DATA, 6, DYN_OWN, 7}, {DYN_DATA + 4, 7, DYN_OWN, 7}, {DYN_DATA + 8, 35, DYN_VAR, 7}};
	struct lode_array array = {.memory = dyn_memory, .base = DYN_BASE, .size = DYN_MEMORY};
	struct lode_space space = lode_array_space(&array);
	struct lode_policy policy = lode_policy_kernel(0x1000);
	struct dyn_image image = image_of(relocs, 4);

	image.class_ = LODE_CLASS32;
	image.machine = LODE_EM_386;
	image.rela = false;
	dyn_write(&image);
	policy.base = DYN_BASE;
	CHECK_EQ(file_load(&dyn, &policy), LODE_OK);
	CHECK_EQ(lode_relocations_check(&count, &dyn.image, &dyn.plan, NULL, NULL), LODE_OK);
	CHECK_EQ(count.total, 4);
	CHECK_EQ(count.in_place, 0);
	space.read = NULL;
	CHECK_EQ(lode_place_relocated(&space, &dyn.image, &dyn.plan, NULL, NULL), LODE_OK);
	CHECK_EQ(mkelf_peek(&dyn.out, dyn.segments[1].offset, 4), 7);
	CHECK_EQ(dyn_memory[DYN_DATA - DYN_LINKED] | dyn_memory[DYN_DATA - DYN_LINKED + 1] << 8, (DYN_BASE + 0x1230) & 0xffff);
	CHECK_EQ(dyn_memory[DYN_DATA - DYN_LINKED + 8], 1); /* the module's number */
}

int main(void)
{
	CASE(test_no_addends);
	CASE(test_range);
	CASE(test_text);
	CASE(test_text_of_another);
	CASE(test_symbols);
	CASE(test_resolve);
	CASE(test_irelative);
	CASE(test_thread_local);
	CASE(test_foreign_thread_local);
	CASE(test_values);
	CASE(test_values_in_place);
	file_free(&dyn);
	return check_done();
}
