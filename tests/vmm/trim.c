/* SPDX-License-Identifier: MIT */
/* Pages of files that are mapped read-only: fewer when they were given back, and the program goes on. */
#include <check.h>
#include <vmm.h>

#include <stdlib.h>

/* KiB in memory of mappings that nobody can write to and that have a file. */
static unsigned long mapped(void)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512], mode[8], path[256];
	unsigned long sum = 0, rss, inode;
	bool counts = false;

	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, "%*x-%*x %7s %*x %*s %lu %255s", mode, &inode, path) >= 2)
			counts = mode[1] == '-' && inode != 0;
		else if (counts && sscanf(line, "Rss: %lu kB", &rss) == 1)
			sum += rss;
	}
	if (file)
		fclose(file);
	return sum;
}

static void test_given_back(void)
{
	unsigned long before, after;
	char text[32];

	mapped();
	before = mapped();
	lode_vmm_trim_();
	after = mapped();
	CHECK(before > 300);
	CHECK(after < before);
	snprintf(text, sizeof text, "%d %s", 42, lode_vmm_end_name(LODE_VMM_RESET));
	CHECK_STR(text, "42 reset");
	CHECK(getenv("PATH") != NULL);
	printf("%lu KiB of files are mapped, %lu when they were given back\n", before, after);
}

int main(void)
{
	CASE(test_given_back);
	return check_done();
}
