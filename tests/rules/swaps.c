/* SPDX-License-Identifier: MIT */
/* A small program in arrays, and objects that cannot take the place of its unit. */
#include "rules.h"

#include <lode/swap.h>
#include <object.h>

enum { WORK = 1 << 20, SPAN = 1 << 16, TEXT = 0x400000, DATA = 0x410000, NEW = 0x500000, FUNC = 2, DATUM = 1 };
enum { R_64 = 1, R_PC32 = 2, R_PLT32 = 4 };

static struct object built, object;
static struct lode_section sections[OBJECT_ENTRIES];
static struct lode_image image;
static struct lode_index known;
static struct lode_program program;
static struct lode_swap swap;
static struct lode_link module;
static struct lode_link_host host;
static _Alignas(16) unsigned char work[WORK], indexed[WORK], span[SPAN], text[64], data[64];
static uint64_t at;
static bool cannot_read, cannot_write;

static unsigned char *find(uint64_t addr, size_t size)
{
	if (addr >= TEXT && addr + size <= TEXT + sizeof text)
		return text + (addr - TEXT);
	if (addr >= DATA && addr + size <= DATA + sizeof data)
		return data + (addr - DATA);
	return NULL;
}

static int read_program(void *unused, void *dst, uint64_t addr, size_t size)
{
	const unsigned char *from = find(addr, size);

	(void)unused;
	if (!from || cannot_read)
		return -1;
	memcpy(dst, from, size);
	return 0;
}

static int write_program(void *unused, uint64_t addr, const void *src, size_t size)
{
	unsigned char *to = find(addr, size);

	(void)unused;
	if (!to || cannot_write)
		return -1;
	memcpy(to, src, size);
	return 0;
}

static int keep(void *unused, uint64_t *addr, const struct lode_link_datum *datum)
{
	(void)unused;
	return lode_swap_keep(&swap, addr, datum);
}

static uint32_t symbol(struct object *o, const char *name, uint8_t info, uint16_t section, uint64_t value)
{
	uint32_t index = object_symbol(o, name, info, section, value);

	object_put(o->symbols + index * 24 + 16, (info & 15) == FUNC ? 16 : (info & 15) == DATUM ? 4 : 0, 8);
	return index;
}

/** The program: g calls f and table has it, both in u.c; v and the variables s.1 and s.2 of functions. */
static void begin_program(void)
{
	uint32_t relas;

	memset(text, 0x90, sizeof text);
	memset(data, 0, sizeof data);
	text[0] = 0xe8;
	object_put(text + 1, 16 - 5, 4);
	object_put(data + 8, TEXT + 16, 8);
	object_begin(&built, LODE_EM_X86_64);
	object_zeros(&built, ".text", OBJECT_AX, sizeof text);
	object_zeros(&built, ".data", OBJECT_WA, sizeof data);
	memcpy(built.sections[1].bytes, text, sizeof text);
	memcpy(built.sections[2].bytes, data, sizeof data);
	symbol(&built, "u.c", OBJECT_INFO(0, LODE_STT_FILE), 0xfff1, 0);
	symbol(&built, "s.1", OBJECT_INFO(0, DATUM), 2, DATA + 16);
	symbol(&built, "s.2", OBJECT_INFO(0, DATUM), 2, DATA + 20);
	symbol(&built, "v", OBJECT_INFO(1, DATUM), 2, DATA);
	symbol(&built, "g", OBJECT_INFO(1, FUNC), 1, TEXT);
	symbol(&built, "f", OBJECT_INFO(1, FUNC), 1, TEXT + 16);
	relas = object_relas(&built, 1);
	object_rela(&built, relas, TEXT + 1, OBJECT_RELA(6, R_PLT32), (uint64_t)-4);
	relas = object_relas(&built, 2);
	object_rela(&built, relas, DATA + 8, OBJECT_RELA(6, R_64), 0);
}

static int open_program(struct lode_diag *why)
{
	const struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS, .sections = sections,
		.max_sections = OBJECT_ENTRIES};
	static struct lode_source source;
	int status;

	object_end(&built);
	object_put(built.bytes + 16, LODE_ET_EXEC, 2);
	object_put(built.bytes + object_shdr_at(&built, 1, 16), TEXT, 8);
	if (built.nsections > 5)
		object_put(built.bytes + object_shdr_at(&built, 2, 16), DATA, 8);
	source = (struct lode_source){.bytes = built.bytes, .size = built.size};
	status = lode_open(&image, &source, &options, why);
	if (status == LODE_OK)
		status = lode_index_make(&known, &image, indexed, sizeof indexed, why);
	program = (struct lode_program){.index = &known, .host = {.read = read_program, .write = write_program}};
	return status;
}

/** The new object: f, and the variable v. */
static void begin_object(void)
{
	cannot_read = cannot_write = false;
	at = NEW;
	object_begin(&object, LODE_EM_X86_64);
	object_zeros(&object, ".text", OBJECT_AX, 64);
	object_zeros(&object, ".data", OBJECT_WA, 64);
	symbol(&object, "u.c", OBJECT_INFO(0, LODE_STT_FILE), 0xfff1, 0);
}

static void begin(void)
{
	begin_program();
	begin_object();
}

static int link_object(struct lode_diag *why)
{
	const struct lode_link_options options = {.memory = work, .memory_size = sizeof work, .page_size = 4096, .host = &host,
		.machine = LODE_EM_X86_64};
	const struct lode_link_place place = {.addr = at, .view = span};
	int status;

	object_end(&object);
	host = (struct lode_link_host){.keep = keep};
	lode_swap_begin(&swap, &program, &module);
	status = lode_link_begin(&module, &options, why);
	if (status == LODE_OK)
		status = lode_link_add(&module, "new.o", object.bytes, object.size, why);
	if (status == LODE_OK)
		status = lode_link_resolve(&module, why);
	if (status == LODE_OK)
		status = lode_link_plan(&module, why);
	if (status == LODE_OK)
		status = lode_swap_check(&swap, why);
	memset(span, 0, sizeof span);
	return status == LODE_OK ? lode_link_place(&module, &place, why) : status;
}

/** Up to the plan, which the case expects to be good, or not. */
static void plan(struct bad *b)
{
	CHECK_EQ(open_program(&b->why), LODE_OK);
	b->status = link_object(&b->why);
	if (b->status == LODE_OK)
		b->status = lode_swap_plan(&swap, &b->why);
}

static void plan_good(struct bad *b)
{
	begin();
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	CHECK_EQ(b->status, LODE_OK);
	CHECK_EQ(swap.account.nsites, 2);
	CHECK_EQ(swap.account.ndoors, 1);
}

static void commit(struct bad *b, const uint64_t *addrs, uint32_t count)
{
	const struct lode_swap_busy busy = {.addrs = addrs, .count = count, .policy = LODE_SWAP_IDLE};
	unsigned char before[2][64];

	memcpy(before[0], text, sizeof text);
	memcpy(before[1], data, sizeof data);
	b->status = lode_swap_commit(&swap, &busy, &b->why);
	CHECK_MEM(text, before[0], sizeof text);
	CHECK_MEM(data, before[1], sizeof data);
}

static void want(struct bad *b, enum lode_field field, uint64_t value, uint64_t limit)
{
	bad_want(b, field, LODE_NO_INDEX, value, LODE_NO_OFFSET);
	b->want.limit = limit;
}

/** An instruction whose length cannot be told from the bytes before its operand refers to v or to what lies behind. */
void rule_LINK_KEEP(struct bad *b)
{
	static const unsigned char either[] = {0x0f, 0x80, 0x05};
	uint32_t relas, section;

	begin();
	section = symbol(&object, "", OBJECT_INFO(0, LODE_STT_SECTION), 2, 0);
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	symbol(&object, "v", OBJECT_INFO(1, DATUM), 2, 0);
	symbol(&object, "w", OBJECT_INFO(1, DATUM), 2, 4);
	memcpy(object.sections[1].bytes + 4, either, sizeof either);
	relas = object_relas(&object, 1);
	object_rela(&object, relas, 7, OBJECT_RELA(section, R_PC32), (uint64_t)-1);
	plan(b);
	bad_want(b, LODE_FIELD_REL_SYMBOL, 0, section, object_rela_at(&object, relas, 0));
}

void rule_SWAP_INDEX(struct bad *b)
{
	object_begin(&built, LODE_EM_X86_64);
	object_zeros(&built, ".text", OBJECT_AX, 64);
	symbol(&built, "f", OBJECT_INFO(1, FUNC), 1, TEXT);
	b->status = open_program(&b->why);
	want(b, LODE_FIELD_REL_INDEX, 0, 0);
}

/** A byte of an index that was written. */
void rule_SWAP_FILE(struct bad *b)
{
	static unsigned char bytes[4096], memory[1 << 16];
	struct lode_index again;
	size_t size;

	begin_program();
	CHECK_EQ(open_program(&b->why), LODE_OK);
	known.span = (struct lode_range){.addr = TEXT, .size = 0x20000};
	size = lode_index_write(bytes, sizeof bytes, &known);
	CHECK_EQ(lode_index_read(&again, &(struct lode_index_bytes){bytes, size}, memory, sizeof memory, &b->why), LODE_OK);
	CHECK_EQ(again.nsites, 2);
	CHECK_EQ(again.nsymbols, known.nsymbols);
	bytes[8]++;
	b->status = lode_index_read(&again, &(struct lode_index_bytes){bytes, size}, memory, sizeof memory, &b->why);
	want(b, LODE_FIELD_INDEX_EDITION, 3, 2);
}

void rule_SWAP_NOTHING(struct bad *b)
{
	begin();
	symbol(&object, "h", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_FUNCTIONS, 0, 0);
}

/** No source, the object's name is no unit's either, and there is a function of its own. */
void rule_SWAP_UNIT(struct bad *b)
{
	begin();
	object_begin(&object, LODE_EM_X86_64);
	object_zeros(&object, ".text", OBJECT_AX, 64);
	symbol(&object, "own", OBJECT_INFO(0, FUNC), 1, 16);
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_FUNCTIONS, 0, 0);
}

/** A source file that the program has not. With f and a variable of u.c it is u.c renamed; with another of either it is not. */
static void plan_renamed(struct bad *b, const char *function, const char *variable)
{
	begin();
	object_begin(&object, LODE_EM_X86_64);
	object_zeros(&object, ".text", OBJECT_AX, 64);
	object_zeros(&object, ".data", OBJECT_WA, 64);
	symbol(&object, "w.c", OBJECT_INFO(0, LODE_STT_FILE), 0xfff1, 0);
	symbol(&object, variable, OBJECT_INFO(0, DATUM), 2, 0);
	symbol(&object, function, OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
}

void rule_SWAP_SOURCE(struct bad *b)
{
	plan_renamed(b, "f", "t.1");
	CHECK_EQ(b->status, LODE_OK);
	CHECK_EQ(swap.account.nnew, 1);
	plan_renamed(b, "h", "s.1");
	CHECK_EQ(b->why.rule, LODE_RULE_SWAP_NOTHING);
	plan_renamed(b, "f", "s.3");
	want(b, LODE_FIELD_SWAP_FUNCTIONS, 1, 0);
	CHECK_EQ(swap.account.unit.size, 3);
	CHECK_MEM(swap.account.unit.at, "u.c", 3);
	CHECK_MEM(swap.account.source.at, "w.c", 3);
}

void rule_SWAP_SIZE(struct bad *b)
{
	uint32_t v;

	begin();
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	v = symbol(&object, "v", OBJECT_INFO(1, DATUM), 2, 0);
	object_put(object.symbols + v * 24 + 16, 8, 8);
	plan(b);
	want(b, LODE_FIELD_SWAP_DATUM, 8, 4);
	CHECK_EQ(swap.account.datum.size, 1);
}

/** Debug information of v, whose type has an encoding, and of f, whose parameter has a size; where their addresses stand. */
enum { V_AT = 25, F_AT = 34 };
static uint32_t describe(struct object *o, unsigned char encoding, unsigned char size)
{
	static const unsigned char abbrevs[] = {
		1, 0x11, 1, 0, 0,
		2, 0x34, 0, 0x49, 0x13, 0x02, 0x18, 0, 0,
		3, 0x24, 0, 0x0b, 0x0b, 0x3e, 0x0b, 0, 0,
		4, 0x2e, 1, 0x11, 0x01, 0x49, 0x13, 0x27, 0x19, 0, 0,
		5, 0x05, 0, 0x49, 0x13, 0, 0,
		0,
	};
	unsigned char info[53] = {[0] = 49, [4] = 4, [10] = 8, 1, 3, 4, encoding, 3, size, 5, 2, 12, [23] = 9, 3};
	uint32_t section;

	object_put(info + V_AT, DATA, 8);
	info[F_AT - 1] = 4;
	object_put(info + F_AT, TEXT + 16, 8);
	info[F_AT + 8] = 12;
	info[F_AT + 12] = 5;
	info[F_AT + 13] = 15;
	section = object_section(o, ".debug_info", 1, 0);
	object_bytes(o, section, info, sizeof info);
	object_bytes(o, object_section(o, ".debug_abbrev", 1, 0), abbrevs, sizeof abbrevs);
	return section;
}

/** Of the new object: it begins with f and v. */
static void describe_object(unsigned char encoding, unsigned char size)
{
	uint32_t f = symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0), v = symbol(&object, "v", OBJECT_INFO(1, DATUM), 2, 0);
	uint32_t relas = object_relas(&object, describe(&object, encoding, size));

	object_rela(&object, relas, V_AT, OBJECT_RELA(v, R_64), 0);
	object_rela(&object, relas, F_AT, OBJECT_RELA(f, R_64), 0);
}

/** An int becomes a float. */
void rule_SWAP_TYPE(struct bad *b)
{
	begin();
	describe(&built, 5, 4);
	describe_object(5, 4);
	plan(b);
	CHECK_EQ(b->status, LODE_OK);
	CHECK_EQ(swap.account.ntyped, 1);
	begin();
	describe(&built, 5, 4);
	describe_object(4, 4);
	plan(b);
	want(b, LODE_FIELD_SWAP_ENCODING, 4, 5);
	CHECK_EQ(swap.account.datum.size, 1);
}

/** A parameter becomes longer. */
void rule_SWAP_CALL(struct bad *b)
{
	begin();
	describe(&built, 5, 4);
	describe_object(5, 8);
	plan(b);
	want(b, LODE_FIELD_SWAP_TYPE_SIZE, 8, 4);
	CHECK_STR(swap.account.path, "()");
}

/** A hook, and a host that cannot call it. */
void rule_SWAP_MIGRATE(struct bad *b)
{
	uint32_t f, v, relas, hooks;

	begin();
	f = symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	v = symbol(&object, "v", OBJECT_INFO(1, DATUM), 2, 0);
	object_put(object.symbols + v * 24 + 16, 8, 8);
	hooks = object_zeros(&object, ".lode.migrate", OBJECT_WA, 16);
	relas = object_relas(&object, hooks);
	object_rela(&object, relas, 0, OBJECT_RELA(v, R_64), 0);
	object_rela(&object, relas, 8, OBJECT_RELA(f, R_64), 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_DATUM, 8, 4);
}

/** A type of one file that is at another address from now on. */
void rule_SWAP_CLASS(struct bad *b)
{
	begin();
	symbol(&built, "_ZTI1x", OBJECT_INFO(0, DATUM), 2, DATA + 24);
	object_zeros(&object, ".rodata", OBJECT_A, 64);
	symbol(&object, "_ZTI1x", OBJECT_INFO(0, DATUM), 3, 0);
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_DATUM, 4, 4);
	CHECK_EQ(swap.account.datum.size, 6);
}

void rule_SWAP_AMBIGUOUS(struct bad *b)
{
	begin();
	symbol(&object, "s.1", OBJECT_INFO(0, DATUM), 2, 0);
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_DATUM, 4, 0);
	CHECK_EQ(swap.account.datum.size, 3);
}

void rule_SWAP_SHARED(struct bad *b)
{
	begin();
	symbol(&built, "other", OBJECT_INFO(1, FUNC), 1, TEXT + 16);
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_FUNCTION, TEXT + 16, 0);
	CHECK_EQ(swap.account.datum.size, 5);
}

void rule_SWAP_RANGE(struct bad *b)
{
	begin();
	at = UINT64_C(1) << 40;
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_SITE, TEXT + 1, 0);
}

void rule_SWAP_READ(struct bad *b)
{
	begin();
	cannot_read = true;
	symbol(&object, "f", OBJECT_INFO(1, FUNC), 1, 0);
	plan(b);
	want(b, LODE_FIELD_SWAP_SITE, TEXT + 1, 0);
}

void rule_SWAP_WRITE(struct bad *b)
{
	plan_good(b);
	cannot_write = true;
	commit(b, NULL, 0);
	want(b, LODE_FIELD_SWAP_SITE, TEXT + 1, 0);
}

/** The entry where the jump is to be; the call and the word before it are taken back. */
void rule_SWAP_CHANGED(struct bad *b)
{
	plan_good(b);
	text[17] = 0xcc;
	commit(b, NULL, 0);
	want(b, LODE_FIELD_SWAP_SITE, TEXT + 16, 0);
}

void rule_SWAP_BUSY(struct bad *b)
{
	static const uint64_t addrs[] = {TEXT + 3, TEXT + 20};

	plan_good(b);
	commit(b, addrs, 2);
	want(b, LODE_FIELD_SWAP_FUNCTION, TEXT + 20, 0);
}
