/* SPDX-License-Identifier: MIT */
/* Groups of files, apart by "--" -> the time to link each into this process, from mapping the files to text that is
 * executable; none is run. */
#include <dlfcn.h>
#include <lode/live.h>
#include <stdio.h>
#include <string.h>

#include "times.h"

enum { RUNS = 31 };

struct result {
	double best;
	struct lode_link link;
};

static int once(struct result *r, char **names, int count, bool frames)
{
	static struct lode_live live;
	struct lode_diag why;
	double begun = us_of(CLOCK_PROCESS_CPUTIME_ID), took;
	char line[512];

	lode_live_begin(&live, &(struct lode_live_options){.no_frames = !frames});
	for (int i = 0; i < count; i++)
		if (lode_live_add(&live, names[i]) != LODE_OK)
			return -1;
	if (lode_live_link(&live, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		fprintf(stderr, "%.*s: %s\n", (int)live.link.blame.symbol.size, live.link.blame.symbol.at, line);
		return -1;
	}
	took = (us_of(CLOCK_PROCESS_CPUTIME_ID) - begun) / 1e3;
	if (r->best == 0 || took < r->best)
		r->best = took;
	r->link = live.link;
	return lode_live_end(&live, NULL);
}

static int measure(char **names, int count)
{
	struct result with = {.best = 0}, without = {.best = 0};
	const char *name;

	for (int i = 0; i < RUNS; i++)
		if (once(&with, names, count, true) != 0 || once(&without, names, count, false) != 0)
			return -1;
	name = strrchr(names[count - 1], '/') ? strrchr(names[count - 1], '/') + 1 : names[count - 1];
	printf("%-16s %8.3f %8.3f %6u %8llu %6.1f %8zu %8llu\n", name, without.best, with.best, without.link.nunits,
		(unsigned long long)without.link.nrelocations, (double)without.link.nrelocations / without.best / 1e3,
		without.link.memory_used >> 10, (unsigned long long)without.link.size >> 10);
	return 0;
}

int main(int argc, char **argv)
{
	int first = 1;

	dlopen("libm.so.6", RTLD_LAZY | RTLD_GLOBAL);
	printf("linked into this process, ms of processor time, best of %d\n%-16s %8s %8s %6s %8s %6s %8s %8s\n", RUNS, "", "",
		"+frames", "units", "relocs", "M/s", "work KiB", "KiB");
	for (int i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "--") != 0)
			continue;
		if (i > first && measure(argv + first, i - first) != 0)
			return 1;
		first = i + 1;
	}
	return 0;
}
