/* SPDX-License-Identifier: MIT */
/* `-l NAME`, as linkers take it. */
#ifndef LODE_CLI_LINK_LIBRARY_H
#define LODE_CLI_LINK_LIBRARY_H

#include <stdbool.h>

enum { LIBRARY_DIRECTORIES = 64 };

/* Where libraries are looked for before the system's own places, and what is done with an archive: 0, or it was complained of. */
struct libraries {
	const char *directories[LIBRARY_DIRECTORIES];
	int ndirectories;
	int (*archive)(void *host, const char *path);
	void *host;
	int nscripts; /* that were followed */
};

/*
 * libNAME.so is loaded into this process; where there is only libNAME.a, that goes to the callback. A name with a dot is a file's.
 * 0, or -1 and it was complained of.
 */
int library_load(struct libraries *libraries, const char *name);
/* The same of a file: it is looked for nowhere else. */
int library_load_file(struct libraries *libraries, const char *path);
/* Text that stands for libraries: of a linker script. */
bool library_is_script(const char *path);

#endif
