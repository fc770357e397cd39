/* SPDX-License-Identifier: MIT */
/* Small good files come in; every prefix of them, every single-bit flip of their tables, every field with every value at a border, and
 * pairs of such fields go through all of the core. Arguments: families (prefix bits fields pairs), then 1/N for every Nth mutation. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "hostile.h"
#include "mutate.h"

/* What is being tried, for messages. */
static char what[160];
static unsigned long every = 1, turn;

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
	hostile_all(bytes, size);
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
		one_field(seed, &place);
}

static void one_pair(struct hostile_seed *seed, const struct mutate_place *a, const struct mutate_place *b)
{
	uint64_t of_a[MUTATE_VALUES], of_b[MUTATE_VALUES];
	uint64_t old_a = mkelf_peek(&seed->out, a->offset, a->width), old_b = mkelf_peek(&seed->out, b->offset, b->width);
	unsigned na = mutate_values(of_a, old_a, seed->out.size, a->width), nb = mutate_values(of_b, old_b, seed->out.size, b->width);

	for (unsigned i = 0; i < na; i++) {
		mkelf_poke(&seed->out, a->offset, a->width, of_a[i]);
		for (unsigned k = 0; k < nb; k++) {
			if (!chosen())
				continue;
			snprintf(what, sizeof what, "%s at 0x%" PRIx64 " = 0x%" PRIx64 ", %s = 0x%" PRIx64, a->name, a->offset, of_a[i], b->name, of_b[k]);
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
		if (b.width != 0)
			one_pair(seed, &a, &b);
}

/* Without a mutation most of what the seeds are made for is accepted, else the rest shows little. */
static void unharmed(struct hostile_seed *seed)
{
	unsigned long planned = hostile_count.planned, placed = hostile_count.placed;
	bool object = strstr(seed->name, "object") != NULL;

	snprintf(what, sizeof what, "as it was made");
	for (int i = 0; i < 61; i++)
		try(seed->out.bytes, seed->out.size);
	CHECK(object || hostile_count.planned > planned + 4 * 61);
	CHECK(object || hostile_count.placed > placed);
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
		check_case("%s %s", family->name, seed.name);
		turn = i;
		family->run(&seed);
		mkelf_free(&seed.out);
	}
	run_real(family);
}

/* So that nobody takes a run for thorough in which everything was refused at the door. */
static void report(clock_t begun)
{
	unsigned seen = 0;

	for (int i = 0; i < LODE_RULE_COUNT_; i++)
		seen += hostile_count.rule[i] > 0;
	printf("%lu files, %lu opened, %lu plans, %lu placed, %lu relocated, %lu refusals by %u rules, %.1f s\n", hostile_count.files,
		hostile_count.opened, hostile_count.planned, hostile_count.placed, hostile_count.relocated, hostile_count.refused, seen,
		(double)(clock() - begun) / CLOCKS_PER_SEC);
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
	report(begun);
	return check_done();
}
