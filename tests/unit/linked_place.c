/* SPDX-License-Identifier: MIT */
/* linked_place FILE BASE: the file placed and relocated at BASE (hexadecimal) -> its whole span on standard output,
 * preceded by nothing. Symbols that it does not define resolve to 0x5eed0000; ifuncs are left alone. For linked.py. */
#include <stdio.h>
#include <stdlib.h>

#include <lode/lode.h>

static int complain(const char *what, const struct lode_diag *why)
{
	char line[512];

	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "linked_place: %s: %s\n", what, line);
	return 1;
}

static int resolve(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host, (void)name, (void)symbol;
	*address = 0x5eed0000;
	return 0;
}

static int place(const struct lode_source *source, uint64_t base)
{
	static struct lode_segment segments[64];
	static struct lode_run runs[LODE_PLAN_RUNS(64)];
	static struct lode_fill fills[LODE_PLAN_FILLS(64)];
	const struct lode_open_options options = {.segments = segments, .max_segments = 64};
	const struct lode_relocation relocation = {.resolve = resolve, .irelative = LODE_IRELATIVE_SKIP, .static_tls = true};
	struct lode_plan plan = {.runs = runs, .max_runs = LODE_PLAN_RUNS(64), .fills = fills, .max_fills = LODE_PLAN_FILLS(64)};
	struct lode_policy policy = lode_policy_kernel(4096);
	struct lode_array array = {.base = base};
	struct lode_space space;
	struct lode_image image;
	struct lode_diag why;
	int failed;

	policy.base = base;
	policy.flags = LODE_PLAN_ENTRY_ANY;
	if (lode_open(&image, source, &options, &why) != LODE_OK)
		return complain("open", &why);
	if (lode_plan(&plan, &image, &policy, &why) != LODE_OK)
		return complain("plan", &why);
	array.size = plan.span.size;
	array.memory = calloc((size_t)array.size, 1);
	if (array.memory == NULL)
		return 1;
	space = lode_array_space(&array);
	failed = lode_place_relocated(&space, &image, &plan, &relocation, &why) != LODE_OK ? complain("place", &why) : 0;
	if (!failed && fwrite(array.memory, 1, (size_t)array.size, stdout) != array.size)
		failed = 1;
	free(array.memory);
	return failed;
}

int main(int argc, char **argv)
{
	struct lode_source source = {0};
	unsigned char *bytes;
	FILE *file;
	int failed;

	if (argc != 3 || (file = fopen(argv[1], "rb")) == NULL)
		return 2;
	bytes = malloc(64 << 20);
	if (bytes == NULL)
		return 2;
	source.bytes = bytes;
	source.size = fread(bytes, 1, 64 << 20, file);
	fclose(file);
	failed = place(&source, strtoull(argv[2], NULL, 16));
	free(bytes);
	return failed;
}
