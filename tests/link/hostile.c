/* SPDX-License-Identifier: MIT */
/* Objects and an archive, each cut at every byte, with every bit turned, with every word at the edges of what it can hold: linked,
 * or refused by a rule, and nothing else touched. `hostile N/M` runs every M-th change from the N-th on. */
#include "check.h"
#include "scenes.h"
#include "try.h"
#include <lode/swap.h>
#include <time.h>

static struct object objects[4];
static unsigned char thin[512], archive[SCENE_SIZE * 2], work[SCENE_SIZE * 2];
static unsigned long first, step = 1, number;
static unsigned long linked, refused;

struct scene {
	const char *name;
	const void *bytes;
	size_t size;
	struct link_try how;
};

static bool mine(void)
{
	return number++ % step == first;
}

static void try_bytes(const struct scene *s, size_t size)
{
	struct link_result r = link_try(&s->how, work, size);

	if (r.status == LODE_OK)
		linked++;
	else
		refused++;
	CHECK(true);
}

static void prefixes(const struct scene *s)
{
	check_case("%s: prefixes", s->name);
	CHECK(true);
	memcpy(work, s->bytes, s->size);
	for (size_t size = 0; size < s->size; size++)
		if (mine())
			try_bytes(s, size);
}

static void bits(const struct scene *s)
{
	check_case("%s: bits", s->name);
	CHECK(true);
	for (size_t bit = 0; bit < s->size * 8; bit++) {
		if (!mine())
			continue;
		memcpy(work, s->bytes, s->size);
		work[bit / 8] ^= (unsigned char)(1 << bit % 8);
		try_bytes(s, s->size);
	}
}

static void words(const struct scene *s, unsigned width)
{
	static const uint64_t values[] = {0, 1, 2, 0x7f, 0xff, 0xfff1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffff0, 0xffffffffffffffff};

	check_case("%s: words of %u bytes", s->name, width);
	CHECK(true);
	for (size_t at = 0; at + width <= s->size; at += width)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			if (!mine() || (width < 8 && values[i] >> 8 * width))
				continue;
			memcpy(work, s->bytes, s->size);
			object_put(work + at, values[i], width);
			try_bytes(s, s->size);
		}
}

static void unharmed(const struct scene *s)
{
	struct link_result r = link_try(&s->how, s->bytes, s->size);

	check_case("%s: unharmed", s->name);
	CHECK_EQ(r.status, LODE_OK);
	CHECK_STR(r.status == LODE_OK ? "" : lode_rule_name(r.why.rule), "");
}

static void run(const struct scene *s)
{
	unharmed(s);
	prefixes(s);
	bits(s);
	words(s, 2);
	words(s, 4);
	words(s, 8);
}

static int open_sections(struct lode_image *image, const struct lode_source *source, struct lode_section *sections, uint32_t count)
{
	const struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS, .sections = sections, .max_sections = count};

	return lode_open(image, source, &options, NULL);
}

/* That an index of the bytes as a program breaks. */
static const char *index_rule(const unsigned char *bytes, size_t size)
{
	const struct lode_source source = {.bytes = bytes, .size = size};
	struct lode_section sections[16];
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	struct lode_index index;
	struct lode_image image;
	void *memory = malloc(LODE_INDEX_MEMORY(size));

	if (CHECK(memory != NULL) && CHECK_EQ(open_sections(&image, &source, sections, 16), LODE_OK))
		lode_index_make(&index, &image, memory, LODE_INDEX_MEMORY(size), &why);
	free(memory);
	return lode_rule_name(why.rule);
}

/* Headers and symbols by the thousand that share one long name: the work stays in proportion to the file. */
static void test_long_names(void)
{
	static struct object o;
	struct link_try how = {.machine = LODE_EM_X86_64};
	size_t size = 1 << 20, symbols = size / 48;
	unsigned char *bytes = calloc(1, 2 * size);
	uint64_t strtab, symtab;

	check_case("one long name for all symbols");
	if (!CHECK(bytes != NULL))
		return;
	object_begin(&o, LODE_EM_X86_64);
	object_symbol(&o, "x", OBJECT_INFO(1, 0), 0xfff1, 0);
	object_end(&o);
	memcpy(bytes, o.bytes, o.size);
	strtab = size / 2;
	memset(bytes + strtab, 'n', size / 2);
	bytes[size - 1] = 0;
	symtab = size;
	for (size_t i = 1; i < symbols; i++) {
		bytes[symtab + i * 24 + 4] = 0x20;
		object_put(bytes + symtab + i * 24 + 6, 0xfff1, 2);
	}
	object_put(bytes + object_shdr_at(&o, o.strtab, 24), strtab, 8);
	object_put(bytes + object_shdr_at(&o, o.strtab, 32), size / 2, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 24), symtab, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 32), symbols * 24, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 44), 1, 4);
	CHECK_STR(lode_rule_name(link_try(&how, bytes, size + symbols * 24).why.rule), "link-strings");
	for (size_t i = 1; i < symbols; i++) {
		object_put(bytes + symtab + i * 24, 1, 4);
		object_put(bytes + symtab + i * 24 + 6, 1, 2);
	}
	object_put(bytes + 16, LODE_ET_EXEC, 2); /* objects have no index */
	CHECK_STR(index_rule(bytes, size + symbols * 24), "link-strings");
	free(bytes);
}

/* Functions at addresses that all belong in one place of a table of addresses, by the multiplier that it is filled by. */
static void test_crowded_addresses(void)
{
	enum { SYMBOLS = 20000 };
	const uint64_t multiplier = UINT64_C(0x9e3779b97f4a7c15);
	static struct object o;
	unsigned char *bytes;
	uint64_t inverse = multiplier, symtab;
	uint32_t relas;

	check_case("addresses of one place");
	for (int i = 0; i < 6; i++)
		inverse *= 2 - multiplier * inverse;
	object_begin(&o, LODE_EM_X86_64);
	object_zeros(&o, ".text", OBJECT_AX, 64);
	relas = object_relas(&o, 1);
	object_rela(&o, relas, 0, OBJECT_RELA(object_symbol(&o, "f", OBJECT_INFO(1, 2), 1, 8), 1), 0);
	object_end(&o);
	symtab = o.size;
	bytes = calloc(1, o.size + SYMBOLS * 24);
	if (!CHECK(bytes != NULL))
		return;
	memcpy(bytes, o.bytes, o.size);
	object_put(bytes + 16, LODE_ET_EXEC, 2);
	for (uint64_t i = 1; i < SYMBOLS; i++) {
		bytes[symtab + i * 24] = 1;
		bytes[symtab + i * 24 + 4] = OBJECT_INFO(1, 2);
		object_put(bytes + symtab + i * 24 + 6, 1, 2);
		object_put(bytes + symtab + i * 24 + 8, inverse * (i << 40), 8);
	}
	object_put(bytes + object_shdr_at(&o, o.symtab, 24), symtab, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 32), SYMBOLS * 24, 8);
	CHECK_STR(index_rule(bytes, o.size + SYMBOLS * 24), "link-names");
	for (uint64_t i = 1; i < SYMBOLS; i++)
		object_put(bytes + symtab + i * 24 + 8, 16 * i, 8);
	CHECK_STR(index_rule(bytes, o.size + SYMBOLS * 24), "");
	free(bytes);
}

/* Headers that all name the same code: as much is hashed as the file has, whatever the last one says. */
static void test_shared_code(void)
{
	enum { HEADERS = 12 };
	static struct object o;
	struct lode_section sections[HEADERS + 8];
	struct lode_source source;
	struct lode_image image;
	uint64_t code;

	check_case("headers that share their bytes");
	object_begin(&o, LODE_EM_X86_64);
	for (unsigned i = 0; i < HEADERS; i++)
		object_zeros(&o, ".text", OBJECT_AX, 8);
	object_symbol(&o, "x", OBJECT_INFO(1, 0), 1, 0);
	object_end(&o);
	for (unsigned i = 0; i < HEADERS; i++) {
		object_put(o.bytes + object_shdr_at(&o, i + 1, 24), 0, 8);
		object_put(o.bytes + object_shdr_at(&o, i + 1, 32), o.size, 8);
	}
	source = (struct lode_source){.bytes = o.bytes, .size = o.size};
	if (!CHECK_EQ(open_sections(&image, &source, sections, HEADERS + 8), LODE_OK))
		return;
	code = lode_index_code(&image);
	sections[HEADERS].size = 1;
	CHECK_EQ(lode_index_code(&image), code);
	sections[1].size = 1;
	CHECK(lode_index_code(&image) != code);
}

enum { KEPT = 0x50000000, STRIDE = 7919 };

static int keep(void *unused, uint64_t *addr, const struct lode_link_datum *datum)
{
	(void)unused;
	*addr = KEPT + 16 * (uint64_t)(datum->size - 8);
	return 0;
}

/* n variables of 8 bytes and more that overlap, each referred to by its section and place, from words of that section. */
static unsigned char *many_data(size_t *size, uint32_t n)
{
	static struct object o;
	unsigned char *bytes = calloc(n, 64);
	uint64_t at = 4096, relas, symtab;
	uint32_t data;

	object_begin(&o, LODE_EM_X86_64);
	data = object_zeros(&o, ".data", OBJECT_WA, 8);
	object_symbol(&o, "", OBJECT_INFO(0, LODE_STT_SECTION), (uint16_t)data, 0);
	relas = object_relas(&o, data);
	object_end(&o);
	if (!bytes)
		abort();
	memcpy(bytes, o.bytes, o.size);
	object_put(bytes + object_shdr_at(&o, data, 24), at, 8);
	object_put(bytes + object_shdr_at(&o, data, 32), 8 * (uint64_t)n, 8);
	symtab = at + 8 * (uint64_t)n;
	object_put(bytes + object_shdr_at(&o, o.symtab, 24), symtab, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 32), 24 * (uint64_t)n, 8);
	object_put(bytes + object_shdr_at(&o, o.symtab, 44), n, 4);
	memcpy(bytes + symtab + 24, bytes + object_symbol_at(&o, 1), 24);
	at = symtab + 24 * (uint64_t)n;
	object_put(bytes + object_shdr_at(&o, (uint32_t)relas, 24), at, 8);
	object_put(bytes + object_shdr_at(&o, (uint32_t)relas, 32), 24 * (uint64_t)(n - 2), 8);
	for (uint32_t i = 2; i < n; i++) {
		unsigned char *symbol = bytes + symtab + 24 * (uint64_t)i, *rela = bytes + at + 24 * (uint64_t)(i - 2);

		symbol[4] = OBJECT_INFO(0, LODE_STT_OBJECT);
		object_put(symbol + 6, data, 2);
		object_put(symbol + 8, 8 * (uint64_t)(i - 2), 8);
		object_put(symbol + 16, 8 + (uint64_t)(i - 2), 8);
		object_put(rela, 8 * (uint64_t)(i - 2), 8);
		object_put(rela + 8, OBJECT_RELA(1, 1), 8);
		object_put(rela + 16, 8 * ((uint64_t)(i - 2) * STRIDE % (n - 2)), 8);
	}
	*size = (size_t)(at + 24 * (uint64_t)(n - 2));
	return bytes;
}

static void check_words(const struct lode_link *link, const unsigned char *span, uint32_t count)
{
	struct lode_link_piece piece = {.addr = 0};
	uint32_t wrong = 0, seen = 0;

	while (lode_link_next_piece(&piece, link))
		for (uint64_t i = 0; piece.size == 8 * (uint64_t)(count + 2) && i < count; i++, seen++)
			wrong += object_get(span + (piece.addr - link->addr) + 8 * i, 8) != KEPT + 16 * (i * STRIDE % count);
	CHECK_EQ(seen, count);
	CHECK_EQ(wrong, 0);
}

/* Seconds of the processor. */
static double time_kept(uint32_t n)
{
	const struct lode_link_host host = {.keep = keep};
	size_t size;
	unsigned char *bytes = many_data(&size, n), *memory = malloc(LODE_LINK_MEMORY(size)), *span;
	const struct lode_link_options options = {.memory = memory, .memory_size = LODE_LINK_MEMORY(size), .host = &host,
		.page_size = 4096, .machine = LODE_EM_X86_64};
	struct lode_link_place place = {.addr = 0x40000000};
	struct lode_link link;
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	clock_t begun = clock();

	CHECK_EQ(lode_link_begin(&link, &options, &why), LODE_OK);
	CHECK_EQ(lode_link_add(&link, "file", bytes, size, &why), LODE_OK);
	CHECK_EQ(lode_link_resolve(&link, &why), LODE_OK);
	CHECK_EQ(lode_link_plan(&link, &why), LODE_OK);
	place.view = span = calloc(1, link.size ? link.size : 1);
	if (CHECK_EQ(lode_link_place(&link, &place, &why), LODE_OK))
		check_words(&link, span, n - 2);
	CHECK_STR(lode_rule_name(why.rule), lode_rule_name(LODE_RULE_NONE));
	free(span);
	free(memory);
	free(bytes);
	return (double)(clock() - begun) / CLOCKS_PER_SEC;
}

/* Eight times the variables may cost little more than eight times the time, far from 64 times. */
static void test_kept(void)
{
	double small = 1e9, large = 1e9;

	check_case("references to many variables that stay");
	for (int i = 0; i < 3; i++) {
		double a = time_kept(4000), b = time_kept(32000);

		small = a < small ? a : small;
		large = b < large ? b : large;
	}
	printf("4,000 variables that stay: %.2f ms, 32,000: %.2f ms\n", 1e3 * small, 1e3 * large);
	CHECK(large < 32 * small);
}

int main(int argc, char **argv)
{
	const struct object *members[2] = {&objects[0], &objects[3]};
	const char *symbols[2] = {"main", "wanted"};
	struct scene scenes[] = {
		{"x86-64", objects[0].bytes, 0, {.machine = LODE_EM_X86_64}},
		{"aarch64", objects[1].bytes, 0, {.machine = LODE_EM_AARCH64}},
		{"riscv64", objects[2].bytes, 0, {.machine = LODE_EM_RISCV}},
		{"archive", archive, 0, {.machine = LODE_EM_X86_64}},
		{"thin archive", thin, 0, {.machine = LODE_EM_X86_64}},
	};

	if (argc > 1 && sscanf(argv[1], "%lu/%lu", &first, &step) != 2)
		return 2;
	scene_x86_64(&objects[0]);
	scene_other(&objects[1], LODE_EM_AARCH64);
	scene_other(&objects[2], LODE_EM_RISCV);
	object_begin(&objects[3], LODE_EM_X86_64);
	object_symbol(&objects[3], "main", OBJECT_INFO(1, 0), 0, 0);
	object_end(&objects[3]);
	for (unsigned i = 0; i < 3; i++)
		scenes[i].size = objects[i].size;
	scenes[3].how.extra = objects[3].bytes;
	scenes[3].how.extra_size = objects[3].size;
	scenes[3].size = scene_archive(archive, members, symbols, 2);
	scenes[4].how.extra = objects[0].bytes;
	scenes[4].how.extra_size = objects[0].size;
	scenes[4].size = scene_thin(thin);
	for (unsigned i = 0; i < 5; i++)
		run(&scenes[i]);
	test_long_names();
	test_crowded_addresses();
	test_shared_code();
	test_kept();
	printf("%lu changed files linked, %lu refused\n", linked, refused);
	return check_done();
}
