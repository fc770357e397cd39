/* SPDX-License-Identifier: MIT */
/* An element of a run path -> whether anybody may put libraries there. */
#include "check.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* The folder at a path, or one above it, that anybody may write; path is cut to it. In a sticky one only what is missing can be put
 * there by others. False: there is none. */
static bool find_open(struct check *c, char *path)
{
	bool there = false;

	while (check_spend(c, CHECK_ASKED)) {
		char *slash = strrchr(path, '/');
		struct stat st;

		if (stat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode) && (st.st_mode & S_IWOTH) && !(there && (st.st_mode & S_ISVTX)))
				return true;
			there = true;
		}
		if (path[1] == '\0')
			return false;
		slash[slash == path] = '\0';
	}
	return false;
}

void check_writable(struct check *c, const char *element, size_t n, struct check_place place)
{
	char path[PATH_MAX];

	while (n > 1 && element[n - 1] == '/')
		n--;
	if (!(c->targets & FOR_PROCESS) || n >= sizeof path)
		return;
	memcpy(path, element, n);
	path[n] = '\0';
	if (find_open(c, path))
		check_add(c, CHECK_RUN_PATH_WRITABLE, place, "\"%.*s\": anybody may write to %s", n < 80 ? (int)n : 80, element,
			path);
}
