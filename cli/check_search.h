/* SPDX-License-Identifier: MIT */
/* The search of ld.so for needed libraries, on this machine. */
#ifndef LODE_CLI_CHECK_SEARCH_H
#define LODE_CLI_CHECK_SEARCH_H

#include "check.h"
#include <limits.h>

enum { LIBRARY_NAME = 1024 };

/* What a search ends with. */
enum search_end {
	SEARCH_NONE,     /* there is no such file */
	SEARCH_BROKEN,   /* ld.so ends at a file that is no library for it */
	SEARCH_FOUND,
	SEARCH_ANYTHING, /* it cannot be told from here */
};

/* What is looked through for each name, and what the last search came to. */
struct search {
	struct check *check;
	char origin[PATH_MAX]; /* directory of the program */
	char run_path[4096];   /* "" if there is none */
	bool unread;           /* it cannot be read, or is longer than that: anything may be found there */
	char *cache;
	size_t cache_size;
	enum search_end end;
	char path[2 * PATH_MAX + LIBRARY_NAME]; /* where it ended */
	char passed[200];      /* the first file that was passed over because it is for another machine, in words; "": none was */
};

/* NULL: no memory. run_path: in the string table, or LODE_NO_OFFSET. */
struct search *search_begin(struct check *c, uint64_t run_path);
void search_end(struct search *search);
enum search_end search_library(struct search *search, const char *name);
/* check_version.c: what the program needs of the library that the search for this name found */
void check_needed_versions(struct check *c, const struct search *search, const char *name);

#endif
