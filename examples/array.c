/* SPDX-License-Identifier: MIT */
/* array FILE: an ELF file -> its memory image in an array, as an emulator, a boot loader or a firmware flasher wants it. */
#include <lode/lode.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEGMENTS = 32, FILE_MAX = 16 << 20, PAGE = 4096 };

static int refused(const char *path, const struct lode_diag *why)
{
	char line[512];

	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "%s: %s\n", path, line);
	return 1;
}

static void report(const struct lode_plan *plan, const struct lode_array *array)
{
	static const char *const kinds[] = {"share", "bytes", "zeros"};
	static const char *const prots[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};

	for (uint32_t i = 0; i < plan->nruns; i++)
		printf("%#10llx %8llu %s %s\n", (unsigned long long)plan->runs[i].addr, (unsigned long long)plan->runs[i].size,
			prots[plan->runs[i].prot & 7], kinds[plan->runs[i].kind]);
	printf("entry %#llx:", (unsigned long long)plan->entry);
	for (uint64_t addr = plan->entry; addr < plan->end && addr - plan->entry < 4; addr++)
		printf(" %02x", array->memory[addr - array->base]);
	printf("\n");
}

int main(int argc, char **argv)
{
	static unsigned char file[FILE_MAX];
	static struct lode_segment segments[SEGMENTS];
	static struct lode_run runs[LODE_PLAN_RUNS(SEGMENTS)];
	static struct lode_fill fills[LODE_PLAN_FILLS(SEGMENTS)];
	struct lode_plan plan = {
		.runs = runs, .max_runs = LODE_PLAN_RUNS(SEGMENTS), .fills = fills, .max_fills = LODE_PLAN_FILLS(SEGMENTS)};
	struct lode_open_options options = {.segments = segments, .max_segments = SEGMENTS};
	struct lode_policy policy = lode_policy_kernel(PAGE);
	struct lode_source source = {.bytes = file};
	const char *path = argc == 2 ? argv[1] : NULL;
	FILE *stream = path ? fopen(path, "rb") : NULL;
	struct lode_image image;
	struct lode_diag why;

	if (!path)
		return fputs("usage: array FILE\n", stderr), 2;
	if (stream == NULL)
		return perror(path), 1;
	source.size = fread(file, 1, sizeof file, stream);
	policy.base = 0x100000; /* where a position-independent image goes */
	policy.max_size = 64 << 20;
	if (lode_open(&image, &source, &options, &why) != LODE_OK || lode_plan(&plan, &image, &policy, &why) != LODE_OK)
		return refused(path, &why);

	struct lode_array array = {.memory = calloc(1, plan.span.size), .base = plan.span.addr, .size = plan.span.size};
	struct lode_space space = lode_array_space(&array);

	if (array.memory == NULL || lode_place_relocated(&space, &image, &plan, NULL, &why) != LODE_OK)
		return array.memory == NULL ? (perror(path), 1) : refused(path, &why);
	report(&plan, &array);
	return 0;
}
