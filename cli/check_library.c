/* SPDX-License-Identifier: MIT */
/* DT_NEEDED names -> those that ld.so would not find on this machine: run path, ld.so.cache, default directories. */
#include "check.h"
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIBRARY_NAME = 1024, MAX_CACHE = 1 << 24, MAX_NEEDED = 256 };
enum { ASKED = 1024 }; /* of the budget, for each look at the file system */

/* What is looked through for each name. */
struct search {
	char origin[PATH_MAX]; /* directory of the program */
	char path[4096];       /* run path, "" if there is none */
	bool unread;           /* it cannot be read, or is longer than that: anything may be found there */
	char *cache;
	size_t cache_size;
};

static void read_cache(struct search *search)
{
	FILE *file = fopen("/etc/ld.so.cache", "rb");

	if (!file)
		return;
	search->cache = malloc(MAX_CACHE);
	if (search->cache)
		search->cache_size = fread(search->cache, 1, MAX_CACHE, file);
	fclose(file);
}

/* Names stand in the cache between two NULs; paths end with them but have a slash before. */
static bool in_cache(const struct search *search, const char *name)
{
	size_t size = strlen(name) + 2;
	char pattern[LIBRARY_NAME + 2] = "";

	if (!search->cache || size > sizeof pattern)
		return false;
	memcpy(pattern + 1, name, size - 1);
	return memmem(search->cache, search->cache_size, pattern, size) != NULL;
}

static bool in_defaults(const char *name)
{
	static const char *const directories[] = {"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu"};
	char path[LIBRARY_NAME + 64];

	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		snprintf(path, sizeof path, "%s/%s", directories[i], name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* One element of the run path, n bytes of it, with $ORIGIN replaced. Others of ld.so's tokens are taken for found. An empty
 * one is the current directory. */
static bool in_element(const struct search *search, const char *element, size_t n, const char *name)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	char path[2 * PATH_MAX + LIBRARY_NAME];

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(tokens[i]);

		if (n >= size && memcmp(element, tokens[i], size) == 0) {
			snprintf(path, sizeof path, "%s%.*s/%s", search->origin, (int)(n - size), element + size, name);
			return access(path, F_OK) == 0;
		}
	}
	if (memchr(element, '$', n))
		return true;
	snprintf(path, sizeof path, "%.*s%s%s", (int)n, element, n > 0 ? "/" : "", name);
	return access(path, F_OK) == 0;
}

static bool in_path(struct check *c, const struct search *search, const char *name)
{
	const char *p = search->path;

	if (search->unread || p[0] == '\0')
		return search->unread;
	for (;; p++) {
		size_t n = strcspn(p, ":");

		if (!check_spend(c, ASKED))
			return true;
		if (n < PATH_MAX && in_element(search, p, n, name))
			return true;
		p += n;
		if (*p == '\0')
			return false;
	}
}

static void begin(struct search *search, struct check *c, uint64_t runpath)
{
	char *real = realpath(c->name, NULL);

	*search = (struct search){.cache = NULL};
	snprintf(search->origin, sizeof search->origin, "%s", real ? dirname(real) : ".");
	free(real);
	search->unread = runpath != LODE_NO_OFFSET &&
		lode_string_read(search->path, sizeof search->path, &c->dynamic.symbols.strings, runpath, NULL) != LODE_OK;
	read_cache(search);
}

static void check_one(struct check *c, const struct search *search, uint32_t index, const struct lode_dyn *entry)
{
	uint64_t word = lode_word_size(&c->image);
	char name[LIBRARY_NAME];

	if (lode_string_read(name, sizeof name, &c->dynamic.symbols.strings, entry->value, NULL) != LODE_OK)
		return;
	if (name[0] == '\0' || strchr(name, '/') || in_path(c, search, name) || in_cache(search, name) || in_defaults(name))
		return;
	check_add(c, CHECK_NEEDED_MISSING, check_at("dynamic entry", index, "DT_NEEDED", entry->value,
		c->dynamic.offset + 2 * word * index), "\"%s\"", name);
}

/* glibc's rules, so only for programs of its interpreter that are for this machine. */
static bool concerns(const struct check *c)
{
	const struct lode_segment *interp = lode_segment_find(&c->image, LODE_PT_INTERP);
	char path[64] = "";
	size_t size = interp->filesz < sizeof path - 1 ? (size_t)interp->filesz : sizeof path - 1;

	return check_read(c, path, interp->offset, size) && strstr(path, "/ld-linux") != NULL && access(path, F_OK) == 0;
}

void check_libraries(struct check *c, uint64_t runpath)
{
	struct search *search;

	if (!(c->targets & FOR_PROCESS) || !concerns(c))
		return;
	search = malloc(sizeof *search);
	if (!search)
		return;
	begin(search, c, runpath);
	for (uint32_t i = 0, needed = 0; i < c->dynamic.count && needed < MAX_NEEDED; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &c->image, &c->dynamic, i, NULL) != LODE_OK || entry.tag != LODE_DT_NEEDED)
			continue;
		needed++;
		check_one(c, search, i, &entry);
	}
	free(search->cache);
	free(search);
}
