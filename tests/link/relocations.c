/* SPDX-License-Identifier: MIT */
/* Each relocation type of x86-64 with its value at the edges of its range, from both sides: written, or refused by link-range. */
#include <object.h>

#include <lode/link.h>

#include "check.h"

enum { TEXT = 1, DATA = 2, SPAN = 1 << 16, WORK = 1 << 20, AT = 16, FUNC = 2, OBJECT = 1 };
#define ADDR UINT64_C(0x10000000)

static struct object object;
static struct lode_link module;
static _Alignas(4096) unsigned char span[SPAN];
static _Alignas(16) unsigned char work[WORK];
static struct lode_diag why;
static uint64_t external; /* what the host says of "x" */
static uint8_t external_type;

static int resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	(void)host;
	(void)symbol;
	answer->value = external;
	answer->type = external_type;
	return 0;
}

static int tls(void *host, struct lode_link_tls *block)
{
	(void)host;
	block->offset = (uint64_t)-0x100;
	return 0;
}

static const struct lode_link_host host = {.resolve = resolve, .tls = tls};

static int link_at(const void *bytes, uint64_t size, uint64_t addr)
{
	const struct lode_link_options options = {.memory = work, .memory_size = sizeof work, .page_size = 4096, .host = &host,
		.machine = LODE_EM_X86_64};
	const struct lode_link_place place = {.addr = addr, .view = span};
	int status = lode_link_begin(&module, &options, &why);

	memset(span, 0, sizeof span);
	if (status == LODE_OK)
		status = lode_link_add(&module, "test.o", bytes, size, &why);
	if (status == LODE_OK)
		status = lode_link_resolve(&module, &why);
	if (status == LODE_OK)
		status = lode_link_plan(&module, &why);
	CHECK(status != LODE_OK || module.size <= sizeof span);
	return status == LODE_OK ? lode_link_place(&module, &place, &why) : status;
}

/** Code of 64 bytes, data of 32, and symbols: 1 text, 2 data (local), 3 x (the host's), 4 absolute, 5 thread-local. */
static void begin(const void *code, size_t size)
{
	uint32_t tdata;

	object_begin(&object, LODE_EM_X86_64);
	object_zeros(&object, ".text", OBJECT_AX, 64);
	memcpy(object.sections[TEXT].bytes, code, size);
	object_zeros(&object, ".data", OBJECT_WA, 32);
	tdata = object_zeros(&object, ".tdata", OBJECT_TLS, 16);
	object_symbol(&object, "text", OBJECT_INFO(0, FUNC), TEXT, 0);
	object_symbol(&object, "data", OBJECT_INFO(0, OBJECT), DATA, 8);
	object_symbol(&object, "x", OBJECT_INFO(1, 0), 0, 0);
	object_symbol(&object, "absolute", OBJECT_INFO(1, 0), LODE_SHN_ABS, 0x1000);
	object_symbol(&object, "local", OBJECT_INFO(1, LODE_STT_TLS), (uint16_t)tdata, 8);
}
enum { SYM_TEXT = 1, SYM_DATA, SYM_X, SYM_ABSOLUTE, SYM_TLS };

static int one(uint32_t type, uint32_t symbol, uint64_t addend)
{
	uint32_t relas = object_relas(&object, TEXT);

	object_rela(&object, relas, AT, OBJECT_RELA(symbol, type), addend);
	object_end(&object);
	return link_at(object.bytes, object.size, ADDR);
}

struct edge {
	const char *name;
	uint32_t type, symbol;
	unsigned width;
	uint64_t addend, want;
	bool fits;
};

/* P is ADDR + 16, x is at ADDR + 0x100000, absolute is 0x1000. */
#define P (ADDR + AT)
#define X (ADDR + 0x100000)
#define MAX32 UINT64_C(0x7fffffff)
static const struct edge edges[] = {
	{"64", 1, SYM_X, 8, 5, X + 5, true},
	{"64 wraps", 1, SYM_X, 8, (uint64_t)-X, 0, true},
	{"PC32 largest", 2, SYM_X, 4, P - X + MAX32, 0x7fffffff, true},
	{"PC32 too large", 2, SYM_X, 4, P - X + MAX32 + 1, 0, false},
	{"PC32 smallest", 2, SYM_X, 4, P - X - MAX32 - 1, 0x80000000, true},
	{"PC32 too small", 2, SYM_X, 4, P - X - MAX32 - 2, 0, false},
	{"PLT32 largest", 4, SYM_TEXT, 4, AT + MAX32, 0x7fffffff, true},
	{"PLT32 too large", 4, SYM_TEXT, 4, AT + MAX32 + 1, 0, false},
	{"32 largest", 10, SYM_ABSOLUTE, 4, 0xffffffff - 0x1000, 0xffffffff, true},
	{"32 too large", 10, SYM_ABSOLUTE, 4, UINT64_C(0x100000000) - 0x1000, 0, false},
	{"32 negative", 10, SYM_ABSOLUTE, 4, (uint64_t)-0x1001, 0, false},
	{"32S largest", 11, SYM_ABSOLUTE, 4, MAX32 - 0x1000, 0x7fffffff, true},
	{"32S too large", 11, SYM_ABSOLUTE, 4, MAX32 - 0xfff, 0, false},
	{"32S smallest", 11, SYM_ABSOLUTE, 4, -UINT64_C(0x80001000), 0x80000000, true},
	{"32S too small", 11, SYM_ABSOLUTE, 4, -UINT64_C(0x80001001), 0, false},
	{"16 largest", 12, SYM_ABSOLUTE, 2, 0xefff, 0xffff, true},
	{"16 too large", 12, SYM_ABSOLUTE, 2, 0xf000, 0, false},
	{"16 smallest", 12, SYM_ABSOLUTE, 2, (uint64_t)-0x9000, 0x8000, true},
	{"16 too small", 12, SYM_ABSOLUTE, 2, (uint64_t)-0x9001, 0, false},
	{"PC16 largest", 13, SYM_TEXT, 2, AT + 0x7fff, 0x7fff, true},
	{"PC16 too large", 13, SYM_TEXT, 2, AT + 0x8000, 0, false},
	{"PC16 smallest", 13, SYM_TEXT, 2, (uint64_t)AT - 0x8000, 0x8000, true},
	{"PC16 too small", 13, SYM_TEXT, 2, (uint64_t)AT - 0x8001, 0, false},
	{"8 largest", 14, SYM_ABSOLUTE, 1, (uint64_t)-0xf01, 0xff, true},
	{"8 too large", 14, SYM_ABSOLUTE, 1, (uint64_t)-0xf00, 0, false},
	{"8 smallest", 14, SYM_ABSOLUTE, 1, (uint64_t)-0x1080, 0x80, true},
	{"8 too small", 14, SYM_ABSOLUTE, 1, (uint64_t)-0x1081, 0, false},
	{"PC8 largest", 15, SYM_TEXT, 1, AT + 0x7f, 0x7f, true},
	{"PC8 too large", 15, SYM_TEXT, 1, AT + 0x80, 0, false},
	{"PC8 smallest", 15, SYM_TEXT, 1, (uint64_t)AT - 0x80, 0x80, true},
	{"PC8 too small", 15, SYM_TEXT, 1, (uint64_t)AT - 0x81, 0, false},
	{"PC64", 24, SYM_X, 8, 3, X + 3 - P, true},
	{"SIZE32", 32, SYM_DATA, 4, 7, 7, true},
	{"SIZE32 too large", 32, SYM_DATA, 4, UINT64_C(0x100000000), 0, false},
	{"SIZE64", 33, SYM_DATA, 8, UINT64_C(0x100000000), UINT64_C(0x100000000), true},
	{"TPOFF32", 23, SYM_TLS, 4, 1, (uint32_t)-0xf7, true},
	{"TPOFF32 too large", 23, SYM_TLS, 4, MAX32 + 0xf9, 0, false},
	{"TPOFF64", 18, SYM_TLS, 8, 1, (uint64_t)-0xf7, true},
	{"DTPOFF32 becomes TPOFF32", 21, SYM_TLS, 4, 0, (uint32_t)-0xf8, true},
	{"DTPOFF64 becomes TPOFF64", 17, SYM_TLS, 8, 0, (uint64_t)-0xf8, true},
	{"NONE", 0, SYM_X, 4, 9, 0, true},
};

static void test_edges(void)
{
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		const struct edge *e = &edges[i];
		int status;

		check_case("%s", e->name);
		begin("", 0);
		external = X;
		external_type = LODE_STT_OBJECT;
		status = one(e->type, e->symbol, e->addend);
		CHECK_EQ(status, e->fits ? LODE_OK : lode_rule_status(LODE_RULE_LINK_RANGE));
		if (e->fits)
			CHECK_EQ(object_get(span + AT, e->width), e->want);
		else
			CHECK_STR(lode_rule_name(why.rule), "link-range");
	}
}

/* Where GOT and stubs lie is the linker's business: the field has to lead to a word that holds the value. */
static uint64_t word_at(uint64_t addr)
{
	CHECK(addr >= ADDR && addr + 8 <= ADDR + module.size);
	return addr >= ADDR && addr + 8 <= ADDR + module.size ? object_get(span + (addr - ADDR), 8) : 0;
}

static uint64_t relative(unsigned at)
{
	return ADDR + at + (uint64_t)(int64_t)(int32_t)object_get(span + at, 4);
}

static void test_got(void)
{
	uint64_t slot;

	check_case("GOTPCREL");
	begin("", 0);
	external = UINT64_C(0x7f0000001000);
	CHECK_EQ(one(9, SYM_X, (uint64_t)-4), LODE_OK);
	slot = relative(AT) + 4;
	CHECK_EQ(word_at(slot), external);
	check_case("GOTPCREL64");
	begin("", 0);
	CHECK_EQ(one(28, SYM_X, 2), LODE_OK);
	CHECK_EQ(word_at(P + object_get(span + AT, 8) - 2), external);
	check_case("GOT64 and the base");
	begin("", 0);
	{
		uint32_t relas = object_relas(&object, TEXT);

		object_rela(&object, relas, AT, OBJECT_RELA(SYM_X, 27), 0);
		object_rela(&object, relas, AT + 8, OBJECT_RELA(SYM_X, 29), 0);
		object_rela(&object, relas, AT + 16, OBJECT_RELA(SYM_DATA, 25), 0);
		object_rela(&object, relas, AT + 24, OBJECT_RELA(SYM_X, 31), 0);
	}
	object_end(&object);
	CHECK_EQ(link_at(object.bytes, object.size, ADDR), LODE_OK);
	{
		uint64_t got = ADDR + AT + 8 + object_get(span + AT + 8, 8);

		CHECK_EQ(word_at(got + object_get(span + AT, 8)), external);
		CHECK_EQ(got + object_get(span + AT + 16, 8), module.runs[LODE_REGION_DATA].addr + 8);
		CHECK_EQ(got + object_get(span + AT + 24, 8), external);
	}
	check_case("a slot for a symbol is one slot");
	begin("", 0);
	{
		uint32_t relas = object_relas(&object, TEXT);

		for (unsigned i = 0; i < 4; i++)
			object_rela(&object, relas, AT + 4 * i, OBJECT_RELA(i < 2 ? SYM_X : SYM_DATA, 9), 0);
	}
	object_end(&object);
	CHECK_EQ(link_at(object.bytes, object.size, ADDR), LODE_OK);
	CHECK_EQ(relative(AT), relative(AT + 4));
	CHECK_EQ(relative(AT + 8), relative(AT + 12));
	CHECK(relative(AT) != relative(AT + 8));
}

static void test_stub(void)
{
	uint64_t stub;

	check_case("PLT32 far away goes through a stub");
	begin("\xe8", 1);
	external = UINT64_C(0x7f0000001000);
	external_type = LODE_STT_FUNC;
	CHECK_EQ(one(4, SYM_X, (uint64_t)-4), LODE_OK);
	stub = relative(AT) + 4;
	CHECK(stub > ADDR && stub < ADDR + module.size);
	CHECK_MEM(span + (stub - ADDR), "\xf3\x0f\x1e\xfa\xff\x25", 6);
	CHECK_EQ(word_at(stub + 10 + (uint64_t)(int64_t)(int32_t)object_get(span + (stub - ADDR) + 6, 4)), external);
	check_case("near it does not");
	begin("\xe8", 1);
	external = X;
	CHECK_EQ(one(4, SYM_X, (uint64_t)-4), LODE_OK);
	CHECK_EQ(relative(AT) + 4, X);
	check_case("PC32 to a function far away is its stub");
	begin("", 0);
	external = UINT64_C(0x7f0000001000);
	CHECK_EQ(one(2, SYM_X, (uint64_t)-4), LODE_OK);
	CHECK(relative(AT) + 4 < ADDR + module.size);
	check_case("PC32 to data far away is refused");
	begin("", 0);
	external_type = LODE_STT_OBJECT;
	CHECK_EQ(one(2, SYM_X, (uint64_t)-4), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_LINK_RANGE);
}

struct relaxed {
	const char *name;
	uint32_t type;
	const char *before, *after; /* up to the field */
	unsigned size;
	uint64_t target; /* 0: near */
	bool absolute, jump;
};

static const struct relaxed relaxed[] = {
	{"mov becomes lea", 42, "\x48\x8b\x05", "\x48\x8d\x05", 3, 0, false, false},
	{"mov of a high register", 42, "\x4c\x8b\x3d", "\x4c\x8d\x3d", 3, 0, false, false},
	{"call", 41, "\xff\x15", "\x67\xe8", 2, 0, false, false},
	{"cmp", 42, "\x48\x3b\x05", "\x48\x81\xf8", 3, 0, true, false},
	{"add of a high register", 42, "\x4c\x03\x05", "\x49\x81\xc0", 3, 0, true, false},
	{"test", 42, "\x48\x85\x05", "\x48\xf7\xc0", 3, 0, true, false},
	{"test of a high register", 42, "\x4c\x85\x3d", "\x49\xf7\xc7", 3, 0, true, false},
	{"sbb without REX", 41, "\x1b\x0d", "\x81\xd9", 2, 0, true, false},
	{"push stays", 41, "\xff\x35", "\xff\x35", 2, 0, false, true},
	{"mov far away stays", 42, "\x48\x8b\x05", "\x48\x8b\x05", 3, UINT64_C(0x7f0000001000), false, true},
	{"call far away stays", 41, "\xff\x15", "\xff\x15", 2, UINT64_C(0x7f0000001000), false, true},
	{"cmp far away stays", 42, "\x48\x3b\x05", "\x48\x3b\x05", 3, UINT64_C(0x80000000), false, true},
};

static void test_relaxed(void)
{
	for (size_t i = 0; i < sizeof relaxed / sizeof *relaxed; i++) {
		const struct relaxed *r = &relaxed[i];
		unsigned char code[AT];

		check_case("%s", r->name);
		memset(code, 0x90, sizeof code);
		memcpy(code + AT - r->size, r->before, r->size);
		begin(code, sizeof code);
		external = r->target ? r->target : X;
		external_type = LODE_STT_FUNC;
		CHECK_EQ(one(r->type, SYM_X, (uint64_t)-4), LODE_OK);
		CHECK_MEM(span + AT - r->size, r->after, r->size);
		if (r->absolute)
			CHECK_EQ(object_get(span + AT, 4), external);
		else if (r->jump)
			CHECK_EQ(word_at(relative(AT) + 4), external);
		else
			CHECK_EQ(relative(AT) + 4, external);
	}
	check_case("jmp");
	begin("\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\xff\x25", 16);
	external = X;
	CHECK_EQ(one(41, SYM_X, (uint64_t)-4), LODE_OK);
	CHECK_EQ(span[AT - 2], 0xe9);
	CHECK_EQ(relative(AT - 1) + 4, X);
	CHECK_EQ(span[AT + 3], 0x90);
	check_case("another addend is not relaxed");
	begin("\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x48\x8b\x05", 16);
	CHECK_EQ(one(42, SYM_X, 0), LODE_OK);
	CHECK_MEM(span + AT - 3, "\x48\x8b\x05", 3);
	CHECK_EQ(word_at(relative(AT)), X);
}

struct sequence {
	const char *name;
	uint32_t type, call_type;
	const char *before;
	unsigned size, field, call; /* offsets in it */
	const char *after;
	unsigned value; /* offset of the thread pointer offset, 0: none */
	bool good;
};

#define LOAD "\x64\x48\x8b\x04\x25\0\0\0\0"
static const struct sequence sequences[] = {
	{"general dynamic", 19, 4, "\x66\x48\x8d\x3d\0\0\0\0\x66\x66\x48\xe8\0\0\0\0", 16, 4, 12, LOAD "\x48\x8d\x80", 12, true},
	{"general dynamic without a stub", 19, 41, "\x66\x48\x8d\x3d\0\0\0\0\x66\x48\xff\x15\0\0\0\0", 16, 4, 12,
		LOAD "\x48\x8d\x80", 12, true},
	{"general dynamic, large", 19, 31, "\x48\x8d\x3d\0\0\0\0\x48\xb8\0\0\0\0\0\0\0\0\x48\x01\xd8\xff\xd0", 22, 3, 9,
		LOAD "\x48\x8d\x80", 12, true},
	{"local dynamic", 20, 4, "\x48\x8d\x3d\0\0\0\0\xe8\0\0\0\0", 12, 3, 8, "\x66\x66\x66" LOAD, 0, true},
	{"local dynamic without a stub", 20, 41, "\x48\x8d\x3d\0\0\0\0\xff\x15\0\0\0\0", 13, 3, 9,
		"\x66\x66\x66\x66" LOAD, 0, true},
	{"local dynamic, large", 20, 31, "\x48\x8d\x3d\0\0\0\0\x48\xb8\0\0\0\0\0\0\0\0\x48\x01\xd8\xff\xd0", 22, 3, 9,
		"\x66\x2e\x0f\x1f\x84\0\0\0\0\0\x66\x66\x66" LOAD, 0, true},
	{"initial exec, mov", 22, 0, "\x48\x8b\x05\0\0\0\0", 7, 3, 0, "\x48\xc7\xc0", 3, true},
	{"initial exec, add of a high register", 22, 0, "\x4c\x03\x25\0\0\0\0", 7, 3, 0, "\x49\x81\xc4", 3, true},
	{"descriptor", 34, 0, "\x4c\x8d\x05\0\0\0\0", 7, 3, 0, "\x49\xc7\xc0", 3, true},
	{"call of a descriptor", 35, 0, "\xff\x10", 2, 0, 0, "\x66\x90", 0, true},
	{"general dynamic: other code", 19, 4, "\x66\x48\x8d\x35\0\0\0\0\x66\x66\x48\xe8\0\0\0\0", 16, 4, 12, "", 0, false},
	{"general dynamic: no call", 19, 0, "\x66\x48\x8d\x3d\0\0\0\0\x66\x66\x48\xe8\0\0\0\0", 16, 4, 0, "", 0, false},
	{"local dynamic: other code", 20, 4, "\x48\x8d\x3d\0\0\0\0\x90\0\0\0\0", 12, 3, 8, "", 0, false},
	{"descriptor: other code", 34, 0, "\x48\x8b\x05\0\0\0\0", 7, 3, 0, "", 0, false},
	{"call of a descriptor: other code", 35, 0, "\xff\x11", 2, 0, 0, "", 0, false},
};

static unsigned length_of(const struct sequence *s)
{
	return s->value ? s->value : s->size;
}

static void test_thread_local(void)
{
	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		const struct sequence *s = &sequences[i];
		uint32_t relas;

		check_case("%s", s->name);
		begin(s->before, s->size);
		relas = object_relas(&object, TEXT);
		object_rela(&object, relas, s->field, OBJECT_RELA(SYM_TLS, s->type), s->type == 35 ? 0 : (uint64_t)-4);
		if (s->call)
			object_rela(&object, relas, s->call, OBJECT_RELA(SYM_X, s->call_type), (uint64_t)-4);
		object_end(&object);
		external = X;
		external_type = LODE_STT_FUNC;
		CHECK_EQ(link_at(object.bytes, object.size, ADDR) == LODE_OK, s->good);
		if (!s->good) {
			CHECK_STR(lode_rule_name(why.rule), "link-instruction");
			continue;
		}
		CHECK_MEM(span, s->after, length_of(s));
		if (s->value)
			CHECK_EQ(object_get(span + s->value, 4), (uint32_t)-0xf8);
	}
	check_case("initial exec by another instruction keeps its slot");
	begin("\x48\x39\x05", 3);
	{
		uint32_t relas = object_relas(&object, TEXT);

		object_rela(&object, relas, 3, OBJECT_RELA(SYM_TLS, 22), (uint64_t)-4);
	}
	object_end(&object);
	CHECK_EQ(link_at(object.bytes, object.size, ADDR), LODE_OK);
	CHECK_EQ(word_at(relative(3) + 4), (uint64_t)-0xf8);
}

/* A thread-local symbol where an address is wanted, and the other way round. */
static void test_mixed(void)
{
	check_case("address of a thread-local symbol");
	begin("", 0);
	CHECK(one(1, SYM_TLS, 0) != LODE_OK);
	CHECK_STR(lode_rule_name(why.rule), "link-reloc-symbol");
	check_case("thread pointer offset of an address");
	begin("", 0);
	CHECK(one(23, SYM_DATA, 0) != LODE_OK);
	CHECK_STR(lode_rule_name(why.rule), "link-reloc-symbol");
}

/* Every number that is no type of objects. */
static void test_unknown(void)
{
	static const unsigned char unknown[] = {5, 6, 7, 8, 16, 36, 37, 38, 39, 40, 45, 46, 47, 48, 49, 51, 52, 53, 255};

	for (size_t i = 0; i < sizeof unknown; i++) {
		check_case("type %u", unknown[i]);
		begin("", 0);
		CHECK_EQ(one(unknown[i], SYM_DATA, 0), LODE_ERR_UNSUPPORTED);
		CHECK_STR(lode_rule_name(why.rule), "link-reloc-type");
	}
}

int main(void)
{
	test_edges();
	test_got();
	test_stub();
	test_relaxed();
	test_thread_local();
	test_mixed();
	test_unknown();
	return check_done();
}
