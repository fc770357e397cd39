/* SPDX-License-Identifier: MIT */
/* Small good files come in; every prefix of them, every single-bit flip of their tables, every field with every value at a
 * border, and pairs of such fields go to hostile_try(). Arguments: families (unharmed prefix bits fields pairs), and 1/N
 * for every Nth mutation. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "hostile.h"
#include "mutate.h"
#include "try.h"

/* What is being tried, for messages. */
static char what[160];
static unsigned long every = 1, turn, tried;

void hostile_broken(const char *text, const char *file, int line)
{
	char where[320];

	snprintf(where, sizeof where, "%s [%s]", text, what);
	check_true_(false, where, file, line);
}

/* One in N, spread so that neighbours do not always share their fate. */
static bool chosen(void)
{
	turn++;
	return every == 1 || (turn * UINT64_C(0x9e3779b97f4a7c15) >> 33) % every == 0;
}

static void try(const unsigned char *bytes, size_t size)
{
	check_count_(true);
	tried++;
	hostile_try(bytes, size);
}

static void prefixes(struct hostile_seed *seed)
{
	for (size_t size = 0; size <= seed->out.size; size++) {
		unsigned char *bytes;

		if (!chosen() && size >= 64)
			continue;
		snprintf(what, sizeof what, "first %zu bytes", size);
		bytes = malloc(size + (size == 0));
		memcpy(bytes, seed->out.bytes, size);
		try(bytes, size);
		free(bytes);
	}
}

static void bits(struct hostile_seed *seed)
{
	for (int s = 0; s < MKELF_STRUCTURES; s++) {
		const struct mkelf_part *part = &seed->out.parts[s];

		for (uint64_t i = 0; i < part->size * 8; i++) {
			unsigned char *byte = &seed->out.bytes[part->offset + i / 8];

			if (!chosen())
				continue;
			snprintf(what, sizeof what, "bit %u of byte 0x%" PRIx64, (unsigned)(i % 8), part->offset + i / 8);
			*byte ^= (unsigned char)(1u << (i % 8));
			try(seed->out.bytes, seed->out.size);
			*byte ^= (unsigned char)(1u << (i % 8));
		}
	}
}

static void one_field(struct hostile_seed *seed, const struct mutate_place *place)
{
	uint64_t values[MUTATE_VALUES], old = mkelf_peek(&seed->out, place->offset, place->width);
	unsigned n = mutate_values(values, old, seed->out.size, place->width);

	for (unsigned i = 0; i < n; i++) {
		if (!chosen())
			continue;
		snprintf(what, sizeof what, "%s at 0x%" PRIx64 " = 0x%" PRIx64, place->name, place->offset, values[i]);
		mkelf_poke(&seed->out, place->offset, place->width, values[i]);
		try(seed->out.bytes, seed->out.size);
	}
	mkelf_poke(&seed->out, place->offset, place->width, old);
}

static void fields(struct hostile_seed *seed)
{
	struct mutate_place place;

	for (uint32_t i = 0; mutate_place(&place, &seed->out, i); i++)
		if (place.width != 0)
			one_field(seed, &place);
}

static void one_pair(struct hostile_seed *seed, const struct mutate_place *a, const struct mutate_place *b)
{
	uint64_t of_a[MUTATE_VALUES], of_b[MUTATE_VALUES];
	uint64_t old_a = mkelf_peek(&seed->out, a->offset, a->width), old_b = mkelf_peek(&seed->out, b->offset, b->width);
	unsigned na = mutate_values(of_a, old_a, seed->out.size, a->width),
		nb = mutate_values(of_b, old_b, seed->out.size, b->width);

	for (unsigned i = 0; i < na; i++) {
		mkelf_poke(&seed->out, a->offset, a->width, of_a[i]);
		for (unsigned k = 0; k < nb; k++) {
			if (!chosen())
				continue;
			snprintf(what, sizeof what, "%s at 0x%" PRIx64 " = 0x%" PRIx64 ", %s = 0x%" PRIx64, a->name, a->offset,
				of_a[i], b->name, of_b[k]);
			mkelf_poke(&seed->out, b->offset, b->width, of_b[k]);
			try(seed->out.bytes, seed->out.size);
		}
	}
	mkelf_poke(&seed->out, a->offset, a->width, old_a);
	mkelf_poke(&seed->out, b->offset, b->width, old_b);
}

static void pairs(struct hostile_seed *seed)
{
	struct mutate_place a, b;

	for (uint32_t i = 0; mutate_pair(&a, &b, &seed->out, i); i++)
		if (a.width != 0 && b.width != 0)
			one_pair(seed, &a, &b);
}

/* Objects are not loaded; a kernel's addresses are none for a process; the dynamic one names an interpreter that may
 * not be here; Linux knows no extended numbering. */
static bool may_fail(const char *name)
{
	return strstr(name, "object") != NULL || strncmp(name, "kernel", 6) == 0 || strncmp(name, "dynamic", 7) == 0 ||
		strncmp(name, "extended", 8) == 0;
}

/* Without a mutation what the seeds are made for goes well, else the rest shows little. */
static void unharmed(struct hostile_seed *seed)
{
	unsigned long good = hostile_good();

	snprintf(what, sizeof what, "as it was made");
	for (int i = 0; i < 61; i++)
		try(seed->out.bytes, seed->out.size);
	CHECK(hostile_good() > good || may_fail(seed->name));
}

static const struct family {
	const char *name;
	void (*run)(struct hostile_seed *seed);
} families[] = {{"unharmed", unharmed}, {"prefix", prefixes}, {"bits", bits}, {"fields", fields}, {"pairs", pairs}};

static void run_real(const struct family *family)
{
	struct hostile_seed seed;
	bool made;

	for (uint32_t i = 0; hostile_real_seed(&seed, i, &made); i++) {
		if (!hostile_wants(seed.name)) {
			mkelf_free(&seed.out);
			continue;
		}
		check_case("%s %s", family->name, seed.name);
		turn = i;
		if (made)
			family->run(&seed);
		else
			SKIP("the compiler of this machine does not make this file");
		mkelf_free(&seed.out);
	}
}

static void run_family(const struct family *family)
{
	struct hostile_seed seed;

	for (uint32_t i = 0; hostile_seed(&seed, i); i++) {
		if (hostile_wants(seed.name)) {
			check_case("%s %s", family->name, seed.name);
			turn = i;
			family->run(&seed);
		}
		mkelf_free(&seed.out);
	}
	run_real(family);
}

int main(int argc, char **argv)
{
	clock_t begun = clock();

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "1/", 2) == 0)
			every = strtoul(argv[i] + 2, NULL, 10);
	for (size_t k = 0; k < sizeof families / sizeof *families; k++)
		for (int i = 1; i < argc; i++)
			if (strcmp(argv[i], families[k].name) == 0)
				run_family(&families[k]);
	hostile_report();
	printf("%lu mutations, %.1f s\n", tried, (double)(clock() - begun) / CLOCKS_PER_SEC);
	return check_done();
}
