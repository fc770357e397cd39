/* SPDX-License-Identifier: MIT */
/* Groups of files, apart by "--" -> a line for each, fields apart by tabs: name of the last file; ms to link all into this process,
 * from mapping the files to text that is executable: the first time, median and shortest of the others, and shortest without
 * .eh_frame; units, relocations; shortest ms to place into pages that are there, and to copy as many bytes; KiB of work space and
 * of the span. None is run. --dlopen FILE -> ms of that call, the first in the process. */
#include <dlfcn.h>
#include <fcntl.h>
#include <lode/live.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "times.h"

enum { RUNS = 31, FILES_MOST = 8 };

struct file {
	const char *name;
	void *bytes;
	size_t size;
};

struct group {
	char **names;
	int count;
	struct file files[FILES_MOST];
	size_t size; /* of all */
	struct lode_link link;
	double first, middle, best, frameless, place, copy; /* ms */
};

static void report(const struct lode_link *link, const struct lode_diag *why)
{
	char line[512];

	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "%.*s: %s\n", (int)link->blame.symbol.size, link->blame.symbol.at, line);
	exit(1);
}

static double link_once(struct group *group, bool frames)
{
	static struct lode_live live;
	struct lode_diag why;
	double begun = now(), took;

	lode_live_begin(&live, &(struct lode_live_options){.no_frames = !frames});
	for (int i = 0; i < group->count; i++)
		if (lode_live_add(&live, group->names[i]) != LODE_OK) {
			perror(group->names[i]);
			exit(1);
		}
	if (lode_live_link(&live, &why) != LODE_OK)
		report(&live.link, &why);
	took = (now() - begun) / 1e3;
	group->link = live.link;
	lode_live_end(&live, NULL);
	return took;
}

/* What a module lacks is said to be near it: host is its place. */
static int answer(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	*answer = (struct lode_link_answer){(uint64_t)(uintptr_t)host, symbol->type};
	return 0;
}

static void *map(size_t size)
{
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes != MAP_FAILED)
		return bytes;
	perror("mmap");
	exit(1);
}

static void read_file(struct file *file, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(name);
		exit(1);
	}
	file->name = name;
	file->size = (size_t)st.st_size;
	file->bytes = map(file->size);
	if (read(fd, file->bytes, file->size) != st.st_size)
		exit(1);
	close(fd);
}

static void keep_shortest(double *best, double begun)
{
	double took = (now() - begun) / 1e3;

	if (*best == 0 || took < *best)
		*best = took;
}

/* Into pages that are there already; then as many bytes are copied to the same place. */
static void place_once(struct group *group, void *memory, unsigned char *span, const unsigned char *other)
{
	const struct lode_link_host host = {.host = span, .resolve = answer};
	const struct lode_link_options options = {.memory = memory, .memory_size = LODE_LINK_MEMORY(group->size), .host = &host,
		.page_size = 4096, .machine = LODE_EM_X86_64};
	const struct lode_link_place place = {(uint64_t)(uintptr_t)span, span};
	static struct lode_link link;
	struct lode_diag why;
	int status = lode_link_begin(&link, &options, &why);
	double begun;

	for (int i = 0; i < group->count && status == LODE_OK; i++)
		status = lode_link_add(&link, group->files[i].name, group->files[i].bytes, group->files[i].size, &why);
	if (status == LODE_OK)
		status = lode_link_resolve(&link, &why);
	if (status == LODE_OK)
		status = lode_link_plan(&link, &why);
	memset(span, 0, group->link.size);
	begun = now();
	if (status == LODE_OK)
		status = lode_link_place(&link, &place, &why);
	keep_shortest(&group->place, begun);
	if (status != LODE_OK)
		report(&link, &why);
	begun = now();
	for (uint32_t i = 0; i < LODE_REGIONS; i++)
		memcpy(span + (link.runs[i].addr - link.addr), other + (link.runs[i].addr - link.addr), link.runs[i].filled);
	keep_shortest(&group->copy, begun);
}

static void measure_place(struct group *group)
{
	unsigned char *span = map(group->link.size), *other = map(group->link.size);
	void *memory;

	for (int i = 0; i < group->count; i++) {
		read_file(&group->files[i], group->names[i]);
		group->size += group->files[i].size;
	}
	memory = map(LODE_LINK_MEMORY(group->size));
	for (int i = 0; i < RUNS; i++)
		place_once(group, memory, span, other);
}

static void measure(char **names, int count)
{
	static struct group group;
	double took[RUNS];
	const char *slash = strrchr(names[count - 1], '/');

	group = (struct group){.names = names, .count = count};
	group.first = link_once(&group, true);
	for (int i = 0; i < RUNS; i++) {
		double without = link_once(&group, false);

		if (i == 0 || without < group.frameless)
			group.frameless = without;
		took[i] = link_once(&group, true);
	}
	group.middle = median_of(took, RUNS);
	group.best = took[0];
	measure_place(&group);
	printf("%s\t%.3f\t%.3f\t%.3f\t%.3f\t", slash ? slash + 1 : names[count - 1], group.first, group.middle, group.best,
		group.frameless);
	printf("%u\t%llu\t%.4f\t%.4f\t%zu\t%llu\n", group.link.nunits, (unsigned long long)group.link.nrelocations, group.place,
		group.copy, group.link.memory_used >> 10, (unsigned long long)group.link.size >> 10);
}

static int open_library(const char *name)
{
	double begun = now();

	if (!dlopen(name, RTLD_NOW | RTLD_GLOBAL)) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	printf("%.3f\n", (now() - begun) / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	int first = 1;

	if (argc == 3 && strcmp(argv[1], "--dlopen") == 0)
		return open_library(argv[2]);
	dlopen("libm.so.6", RTLD_LAZY | RTLD_GLOBAL);
	for (int i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "--") != 0)
			continue;
		if (i > first && i - first <= FILES_MOST)
			measure(argv + first, i - first);
		first = i + 1;
	}
	return 0;
}
