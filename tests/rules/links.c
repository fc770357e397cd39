/* SPDX-License-Identifier: MIT */
/* Bad objects, archives and wishes for linking. They are 64-bit and little-endian in every encoding that is tried. */
#include "rules.h"

#include <lode/link.h>
#include <object.h>

enum { TEXT = 1, SPAN = 1 << 16, WORK = 1 << 20, ADDR = 0x10000000, FUNC = 2 };
enum { R_64 = 1, R_PC32 = 2, R_TLSGD = 19, SHT_GROUP = 17, SHT_REL = 9, SHT_NOBITS = 8 };

static struct object object;
static struct lode_link module;
static _Alignas(16) unsigned char work[WORK], span[SPAN];
static struct lode_link_host host;
static struct lode_namespace names;

/** A text section of 64 zeros, nothing else yet. */
static void begin(void)
{
	object_begin(&object, LODE_EM_X86_64);
	object_zeros(&object, ".text", OBJECT_AX, 64);
	host = (struct lode_link_host){.host = NULL};
	names = (struct lode_namespace){.buckets = NULL};
}

static int start(struct bad *b, size_t memory)
{
	const struct lode_link_options options = {.memory = work, .memory_size = memory, .page_size = 4096, .host = &host,
		.names = &names, .machine = LODE_EM_X86_64};

	return lode_link_begin(&module, &options, &b->why);
}

/** Through all steps, until one refuses. */
static void link_bytes(struct bad *b, const void *bytes, uint64_t size)
{
	const struct lode_link_place place = {.addr = ADDR, .view = span};

	memset(span, 0, sizeof span);
	b->status = start(b, sizeof work);
	if (b->status == LODE_OK)
		b->status = lode_link_add(&module, "bad.o", bytes, size, &b->why);
	if (b->status == LODE_OK)
		b->status = lode_link_resolve(&module, &b->why);
	if (b->status == LODE_OK)
		b->status = lode_link_plan(&module, &b->why);
	if (b->status == LODE_OK)
		b->status = lode_link_place(&module, &place, &b->why);
	if (b->status == LODE_OK)
		b->status = lode_link_ifuncs(&module, &b->why);
}

static void link_object(struct bad *b)
{
	object_end(&object);
	link_bytes(b, object.bytes, object.size);
}

static void want_section(struct bad *b, uint32_t index, enum lode_field field, uint64_t value)
{
	static const unsigned char at[] = {
		[LODE_FIELD_SHDR_TYPE - LODE_FIELD_SHDR_NAME] = 4,
		[LODE_FIELD_SHDR_FLAGS - LODE_FIELD_SHDR_NAME] = 8,
		[LODE_FIELD_SHDR_SIZE - LODE_FIELD_SHDR_NAME] = 32,
		[LODE_FIELD_SHDR_INFO - LODE_FIELD_SHDR_NAME] = 44,
		[LODE_FIELD_SHDR_ADDRALIGN - LODE_FIELD_SHDR_NAME] = 48,
	};

	bad_want(b, field, index, value, object_shdr_at(&object, index, at[field - LODE_FIELD_SHDR_NAME]));
}

static void want_rela(struct bad *b, uint32_t relas, enum lode_field field, uint64_t value)
{
	bad_want(b, field, 0, value, object_rela_at(&object, relas, 0));
}

void rule_LINK_USE(struct bad *b)
{
	CHECK_EQ(start(b, sizeof work), LODE_OK);
	bad_want(b, LODE_FIELD_LINK_STAGE, LODE_NO_INDEX, 1, LODE_NO_OFFSET);
	b->want.limit = 2;
	b->status = lode_link_plan(&module, &b->why);
}

void rule_LINK_TYPE(struct bad *b)
{
	begin();
	object_end(&object);
	object_put(object.bytes + 16, LODE_ET_DYN, 2);
	bad_want(b, LODE_FIELD_EHDR_TYPE, LODE_NO_INDEX, LODE_ET_DYN, 16);
	b->want.limit = LODE_ET_REL;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_MACHINE(struct bad *b)
{
	begin();
	object.machine = LODE_EM_PPC64;
	bad_want(b, LODE_FIELD_EHDR_MACHINE, LODE_NO_INDEX, LODE_EM_PPC64, 18);
	b->want.limit = LODE_EM_X86_64;
	link_object(b);
}

/** What gcc -flto writes, without machine code; what clang -flto writes is no ELF file. */
void rule_LINK_LTO(struct bad *b)
{
	static const unsigned char bitcode[8] = {'B', 'C', 0xc0, 0xde}, slim[8] = {12, 0, 0, 0, 1}, fat[8] = {12};
	uint32_t kept;

	begin();
	link_bytes(b, bitcode, sizeof bitcode);
	CHECK_EQ(b->why.rule, LODE_RULE_LINK_LTO);
	CHECK_EQ(b->why.value, 0x4243c0de);
	begin();
	object_bytes(&object, object_section(&object, ".gnu.lto_.lto.1", 1, 0), fat, sizeof fat);
	link_object(b);
	CHECK_EQ(b->status, LODE_OK);
	begin();
	kept = object_section(&object, ".gnu.lto_.lto.1", 1, 0);
	object_bytes(&object, kept, slim, sizeof slim);
	object_end(&object);
	want_section(b, kept, LODE_FIELD_SHDR_SIZE, sizeof slim);
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_ARCHIVE(struct bad *b)
{
	static const char archive[] = "!<arch>\nthis is no header of a member, but long enough to be one of them......";

	begin();
	bad_want(b, LODE_FIELD_ARCHIVE_HEADER, LODE_NO_INDEX, 8, 8);
	b->want.limit = sizeof archive - 1;
	link_bytes(b, archive, sizeof archive - 1);
}

/** The index of a thin archive names a member whose file nobody has. */
void rule_LINK_MEMBER(struct bad *b)
{
	static char archive[512];
	int size = snprintf(archive, sizeof archive,
		"!<thin>\n%-48s%-10d`\n%c%c%c%c%c%c%c%cf%c%-48s%-10d`\n",
		"/", 10, 0, 0, 0, 1, 0, 0, 0, 78, 0, "x.o/", 100);

	begin();
	bad_want(b, LODE_FIELD_ARCHIVE_HEADER, LODE_NO_INDEX, 78, 78);
	CHECK_EQ(start(b, sizeof work), LODE_OK);
	CHECK_EQ(lode_link_add(&module, "thin.a", archive, (uint64_t)size, &b->why), LODE_OK);
	object_symbol(&object, "f", OBJECT_INFO(1, 0), 0, 0);
	object_end(&object);
	CHECK_EQ(lode_link_add(&module, "wants.o", object.bytes, object.size, &b->why), LODE_OK);
	b->status = lode_link_resolve(&module, &b->why);
}

/* The hash of names of 16 characters, and its opposite. */
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define INVERSE UINT64_C(0xf1de83e19937733d)

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * FACTOR;
	return hash ^ hash >> 32;
}

static uint64_t unmix(uint64_t hash)
{
	return (hash ^ hash >> 32) * INVERSE;
}

/* A name whose hash is that of all the others; false: it has a NUL within. */
static bool alike(unsigned char *name, uint32_t number)
{
	uint64_t first = 0x6161616161616161, last = unmix(unmix(0x1234567812345678));

	for (unsigned digit = 0; digit < 8; digit++)
		first += (uint64_t)(number >> 4 * digit & 15) << 8 * digit;
	object_put(name, first, 8);
	object_put(name + 8, last ^ mix(0, first), 8);
	return !memchr(name, 0, 16);
}

/** A thousand symbols whose names share one hash; refused where the steps along their chain are more than 64 for each. */
void rule_LINK_NAMES(struct bad *b)
{
	enum { NAMES = 1000, NAME = 17, SYM = 24 };
	static unsigned char bytes[OBJECT_SIZE + NAMES * (NAME + SYM)];
	unsigned char *strings = bytes + OBJECT_SIZE, *symbols = strings + NAMES * NAME;
	uint64_t n = 1, refused = 0;

	begin();
	object_symbol(&object, "x", OBJECT_INFO(1, 0), 0xfff1, 0);
	object_end(&object);
	memcpy(bytes, object.bytes, object.size);
	memset(symbols, 0, NAMES * SYM);
	for (uint32_t i = 0; n < NAMES; i++) {
		if (!alike(strings + n * NAME, i))
			continue;
		object_put(symbols + n * SYM, n * NAME, 4);
		symbols[n * SYM + 4] = OBJECT_INFO(1, 0);
		object_put(symbols + n * SYM + 6, 0xfff1, 2);
		n++;
	}
	object_put(bytes + object_shdr_at(&object, object.strtab, 24), (uint64_t)(strings - bytes), 8);
	object_put(bytes + object_shdr_at(&object, object.strtab, 32), NAMES * NAME, 8);
	object_put(bytes + object_shdr_at(&object, object.symtab, 24), (uint64_t)(symbols - bytes), 8);
	object_put(bytes + object_shdr_at(&object, object.symtab, 32), NAMES * SYM, 8);
	object_put(bytes + object_shdr_at(&object, object.symtab, 44), 1, 4);
	while (refused * (refused + 1) / 2 <= (1 << 18) + 64 * refused)
		refused++;
	bad_want(b, LODE_FIELD_LINK_NAMES, LODE_NO_INDEX, refused * (refused + 1) / 2, LODE_NO_OFFSET);
	b->want.limit = refused;
	link_bytes(b, bytes, sizeof bytes);
}

void rule_LINK_SYMTAB(struct bad *b)
{
	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, 0), TEXT, 0);
	object_end(&object);
	object_put(object.bytes + object_shdr_at(&object, object.symtab, 44), 3, 4);
	want_section(b, object.symtab, LODE_FIELD_SHDR_INFO, 3);
	b->want.limit = 2;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_STRINGS(struct bad *b)
{
	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, 0), TEXT, 0);
	object_end(&object);
	object.bytes[object.sections[object.strtab].offset + object.sections[object.strtab].size - 1] = 'x';
	want_section(b, object.strtab, LODE_FIELD_SHDR_SIZE, object.sections[object.strtab].size);
	link_bytes(b, object.bytes, object.size);
}

/** A section that is the whole object, and another one. */
void rule_LINK_OVERLAP(struct bad *b)
{
	uint32_t other;

	begin();
	other = object_zeros(&object, ".text.other", OBJECT_AX, 8);
	object_end(&object);
	object_put(object.bytes + object_shdr_at(&object, TEXT, 24), 0, 8);
	object_put(object.bytes + object_shdr_at(&object, TEXT, 32), object.size, 8);
	want_section(b, other, LODE_FIELD_SHDR_SIZE, 8);
	b->want.limit = 0;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_SYMBOL(struct bad *b)
{
	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, 0), 77, 0);
	object_end(&object);
	bad_want(b, LODE_FIELD_SYM_SHNDX, 1, 77, object_symbol_at(&object, 1));
	b->want.limit = object.nsections;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_SECTION(struct bad *b)
{
	begin();
	object.sections[TEXT].flags = OBJECT_AX | OBJECT_WA;
	object_end(&object);
	want_section(b, TEXT, LODE_FIELD_SHDR_FLAGS, OBJECT_AX | OBJECT_WA);
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_ALIGN(struct bad *b)
{
	begin();
	object.sections[TEXT].align = 24;
	object_end(&object);
	want_section(b, TEXT, LODE_FIELD_SHDR_ADDRALIGN, 24);
	b->want.limit = UINT64_C(1) << 31;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_SIZE(struct bad *b)
{
	uint32_t bss;

	begin();
	bss = object_section(&object, ".bss", SHT_NOBITS, OBJECT_WA);
	object.sections[bss].size = UINT64_C(1) << 40;
	bad_want(b, LODE_FIELD_LINK_SPAN, LODE_NO_INDEX, 0x1000 + (UINT64_C(1) << 40), LODE_NO_OFFSET);
	b->want.limit = UINT64_C(1) << 31;
	link_object(b);
}

void rule_LINK_GROUP(struct bad *b)
{
	uint32_t group;

	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, 0), TEXT, 0);
	group = object_zeros(&object, ".group", 0, 8);
	object.sections[group].type = SHT_GROUP;
	object.sections[group].info = 1;
	object_put(object.sections[group].bytes + 4, 99, 4);
	object_end(&object);
	want_section(b, group, LODE_FIELD_SHDR_SIZE, 99);
	b->want.limit = object.nsections;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_STACK(struct bad *b)
{
	uint32_t stack;

	begin();
	stack = object_zeros(&object, ".note.GNU-stack", 4, 0);
	object_end(&object);
	want_section(b, stack, LODE_FIELD_SHDR_FLAGS, 4);
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_TWICE(struct bad *b)
{
	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, FUNC), TEXT, 0);
	object_end(&object);
	bad_want(b, LODE_FIELD_SYM_NAME, 1, 1, object_symbol_at(&object, 1));
	CHECK_EQ(start(b, sizeof work), LODE_OK);
	CHECK_EQ(lode_link_add(&module, "one.o", object.bytes, object.size, &b->why), LODE_OK);
	b->status = lode_link_add(&module, "two.o", object.bytes, object.size, &b->why);
	CHECK_EQ(module.blame.other_file.size, 5);
}

void rule_LINK_UNDEFINED(struct bad *b)
{
	struct lode_link_undefined undefined = {.symbol_ = NULL};

	begin();
	object_symbol(&object, "nobody", OBJECT_INFO(1, 0), 0, 0);
	object_end(&object);
	bad_want(b, LODE_FIELD_SYM_NAME, 1, 1, object_symbol_at(&object, 1));
	link_bytes(b, object.bytes, object.size);
	CHECK_EQ(module.nundefined, 1);
	CHECK(lode_link_next_undefined(&undefined, &module));
	CHECK(undefined.name.size == 6 && memcmp(undefined.name.at, "nobody", 6) == 0 && undefined.member.size == 0);
	CHECK(undefined.file.at == module.blame.file.at && undefined.file.size == module.blame.file.size);
	CHECK(!lode_link_next_undefined(&undefined, &module));
	CHECK(module.blame.symbol.size == 6 && memcmp(module.blame.symbol.at, "nobody", 6) == 0);
}

void rule_LINK_RELOCS(struct bad *b)
{
	uint32_t relas;

	begin();
	relas = object_relas(&object, TEXT);
	object_rela(&object, relas, 0, 0, 0);
	object.sections[relas].type = SHT_REL;
	object_end(&object);
	want_section(b, relas, LODE_FIELD_SHDR_TYPE, SHT_REL);
	b->want.limit = LODE_SHT_RELA;
	link_bytes(b, object.bytes, object.size);
}

/** One relocation in .text against a symbol at its begin. */
static uint32_t one_rela(uint64_t offset, uint64_t info, uint64_t addend)
{
	uint32_t relas;

	begin();
	object_symbol(&object, "f", OBJECT_INFO(1, FUNC), TEXT, 0);
	relas = object_relas(&object, TEXT);
	object_rela(&object, relas, offset, info, addend);
	object_end(&object);
	return relas;
}

void rule_LINK_RELOC_SYMBOL(struct bad *b)
{
	want_rela(b, one_rela(0, OBJECT_RELA(9, R_PC32), 0), LODE_FIELD_REL_SYMBOL, 9);
	b->want.limit = 2;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_RELOC_TYPE(struct bad *b)
{
	want_rela(b, one_rela(0, OBJECT_RELA(1, 200), 0), LODE_FIELD_REL_TYPE, 200);
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_RELOC_OFFSET(struct bad *b)
{
	want_rela(b, one_rela(61, OBJECT_RELA(1, R_PC32), 0), LODE_FIELD_REL_OFFSET, 61);
	b->want.limit = 64;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_RANGE(struct bad *b)
{
	want_rela(b, one_rela(4, OBJECT_RELA(1, R_PC32), 0x80000004), LODE_FIELD_REL_FIELD, 0x80000000);
	link_bytes(b, object.bytes, object.size);
}

static int give_tls(void *nobody, struct lode_link_tls *tls)
{
	(void)nobody;
	tls->offset = (uint64_t)-64;
	return 0;
}

void rule_LINK_INSTRUCTION(struct bad *b)
{
	uint32_t relas, data;

	begin();
	data = object_zeros(&object, ".tdata", OBJECT_TLS, 8);
	object_symbol(&object, "t", OBJECT_INFO(1, LODE_STT_TLS), (uint16_t)data, 0);
	relas = object_relas(&object, TEXT);
	object_rela(&object, relas, 8, OBJECT_RELA(1, R_TLSGD), 0);
	object_end(&object);
	want_rela(b, relas, LODE_FIELD_REL_TYPE, R_TLSGD);
	host.tls = give_tls;
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_DROPPED(struct bad *b)
{
	uint32_t relas;

	begin();
	object_zeros(&object, ".debug", 0, 8);
	object_symbol(&object, "", OBJECT_INFO(0, LODE_STT_SECTION), 2, 0);
	relas = object_relas(&object, TEXT);
	object_rela(&object, relas, 0, OBJECT_RELA(1, R_64), 0);
	object_end(&object);
	want_rela(b, relas, LODE_FIELD_REL_SYMBOL, 1);
	link_bytes(b, object.bytes, object.size);
}

void rule_LINK_TLS(struct bad *b)
{
	begin();
	object_zeros(&object, ".tdata", OBJECT_TLS, 8);
	bad_want(b, LODE_FIELD_LINK_TLS, LODE_NO_INDEX, 8, LODE_NO_OFFSET);
	link_object(b);
}

void rule_LINK_IFUNC(struct bad *b)
{
	begin();
	object_symbol(&object, "i", OBJECT_INFO(1, LODE_STT_GNU_IFUNC), TEXT, 16);
	bad_want(b, LODE_FIELD_REL_FIELD, LODE_NO_INDEX, ADDR + 16, LODE_NO_OFFSET);
	link_object(b);
}

void rule_LINK_IN_USE(struct bad *b)
{
	begin();
	link_object(b);
	module.nusers = 2;
	bad_want(b, LODE_FIELD_LINK_USERS, LODE_NO_INDEX, 2, LODE_NO_OFFSET);
	b->status = lode_link_withdraw(&module, &b->why);
}

void rule_ROOM_LINK(struct bad *b)
{
	begin();
	object_end(&object);
	CHECK_EQ(start(b, 64), LODE_OK);
	bad_want(b, LODE_FIELD_LINK_MEMORY, LODE_NO_INDEX, 64, LODE_NO_OFFSET);
	b->status = lode_link_add(&module, "large.o", object.bytes, object.size, &b->why);
	b->want.limit = module.memory_used;
	CHECK(module.memory_used > 64);
}
