/* SPDX-License-Identifier: MIT */
/* A library's name -> the file that ld.so takes for it: run path, ld.so.cache, default directories. Ref: glibc elf/dl-load.c,
 * open_verify: a file of another class or machine is passed over, one that is no library ends the search and the program. */
#include "check_search.h"
#include "input.h"
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CACHE = 1 << 24 };

static bool end_with(struct search *search, enum search_end end)
{
	search->end = end;
	return true;
}

/* Where an ELF header has its fields. */
enum { AT_CLASS = 4, AT_DATA = 5, AT_TYPE = 16, AT_MACHINE = 18, EHDR = 64 };

static void pass_over(struct search *search, unsigned class_, uint16_t machine)
{
	const char *name = machine_name(machine);
	int size = (int)sizeof search->passed - 48;

	if (search->passed[0] != '\0')
		return;
	if (class_ != search->check->image.class_)
		snprintf(search->passed, sizeof search->passed, "%.*s has %d-bit code", size, search->path,
			class_ == LODE_CLASS64 ? 64 : 32);
	else if (name)
		snprintf(search->passed, sizeof search->passed, "%.*s is for %s", size, search->path, name);
	else
		snprintf(search->passed, sizeof search->passed, "%.*s is for machine %u", size, search->path, machine);
}

/* The file at search->path; true: the search ends there. */
static bool try_path(struct search *search)
{
	const struct lode_image *image = &search->check->image;
	bool big = image->data == LODE_DATA2MSB;
	unsigned char head[EHDR];
	size_t have = input_head(head, sizeof head, search->path);
	uint16_t machine;

	if (have == 0 && errno)
		return errno == EACCES && end_with(search, SEARCH_ANYTHING);
	if (have < sizeof head || memcmp(head, "\177ELF", 4) != 0)
		return end_with(search, SEARCH_BROKEN);
	machine = (uint16_t)load_number(head + AT_MACHINE, 2, big);
	if (head[AT_CLASS] == image->class_ && head[AT_DATA] != image->data)
		return end_with(search, SEARCH_BROKEN);
	if (head[AT_CLASS] == image->class_ && machine == image->machine)
		return end_with(search, load_number(head + AT_TYPE, 2, big) == LODE_ET_DYN ? SEARCH_FOUND : SEARCH_BROKEN);
	pass_over(search, head[AT_CLASS], machine);
	return false;
}

/* The file at search->path, whose folder is one of the run path. In front of it ld.so looks into variants for processors, of which
 * this one may be any. */
static bool try_folder(struct search *search)
{
	char variants[sizeof search->path];
	char *slash;
	struct stat st;

	memcpy(variants, search->path, sizeof variants);
	slash = strrchr(variants, '/');
	snprintf(slash, sizeof variants - (size_t)(slash - variants), "/glibc-hwcaps");
	return stat(variants, &st) == 0 ? end_with(search, SEARCH_ANYTHING) : try_path(search);
}

/* One element of the run path, n bytes of it, with $ORIGIN replaced. Others of ld.so's tokens may lead anywhere. An empty element
 * is the current directory. */
static bool in_element(struct search *search, const char *element, size_t n, const char *name)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(tokens[i]);

		if (n >= size && memcmp(element, tokens[i], size) == 0) {
			snprintf(search->path, sizeof search->path, "%s%.*s/%s", search->origin, (int)(n - size), element + size,
				name);
			return try_folder(search);
		}
	}
	if (memchr(element, '$', n))
		return end_with(search, SEARCH_ANYTHING);
	snprintf(search->path, sizeof search->path, "%.*s/%s", n > 0 ? (int)n : 1, n > 0 ? element : ".", name);
	return try_folder(search);
}

static bool in_run_path(struct search *search, const char *name)
{
	const char *p = search->run_path;

	if (search->unread)
		return end_with(search, SEARCH_ANYTHING);
	if (p[0] == '\0')
		return false;
	for (;; p++) {
		size_t n = strcspn(p, ":");

		if (!check_spend(search->check, CHECK_ASKED))
			return end_with(search, SEARCH_ANYTHING);
		if (n < PATH_MAX && in_element(search, p, n, name))
			return true;
		p += n;
		if (*p == '\0')
			return false;
	}
}

static const char *const directories[] = {"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu"};

/* -z nodefaultlib takes away the default directories, also where the cache leads there. */
static bool is_barred(const struct search *search, const char *path)
{
	enum { NODEFLIB = 0x800 };
	size_t n = (size_t)(strrchr(path, '/') ? strrchr(path, '/') - path : 0);

	if (!(search->check->dynamic.flags_1 & NODEFLIB))
		return false;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (strlen(directories[i]) == n && memcmp(directories[i], path, n) == 0)
			return true;
	return false;
}

static uint32_t native32(const char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof value);
	return value;
}

/* Where the cache's own format begins: behind an older one, if that is there too. NULL: there is none. */
static const char *cache_begin(const struct search *search)
{
	static const char magic[] = "glibc-ld.so.cache1.1";

	return search->cache ? memmem(search->cache, search->cache_size, magic, sizeof magic - 1) : NULL;
}

/* Ref: glibc sysdeps/generic/dl-cache.h. Offsets of strings count from the header. */
static bool in_cache(struct search *search, const char *name)
{
	enum { HEADER = 48, COUNT = 20, ENTRY = 24, KEY = 4, VALUE = 8 };
	const char *begin = cache_begin(search);
	size_t left = begin ? search->cache_size - (size_t)(begin - search->cache) : 0;

	if (left < HEADER)
		return search->cache && end_with(search, SEARCH_ANYTHING);
	for (size_t i = 0; i < native32(begin + COUNT) && i < (left - HEADER) / ENTRY; i++) {
		const char *entry = begin + HEADER + i * ENTRY;
		uint32_t key = native32(entry + KEY), value = native32(entry + VALUE);

		if (key >= left || value >= left || strcmp(begin + key, name) != 0)
			continue;
		snprintf(search->path, sizeof search->path, "%s", begin + value);
		if (!is_barred(search, search->path) && try_path(search))
			return true;
	}
	return false;
}

static bool in_defaults(struct search *search, const char *name)
{
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		snprintf(search->path, sizeof search->path, "%s/%s", directories[i], name);
		if (!is_barred(search, search->path) && try_path(search))
			return true;
	}
	return false;
}

static void read_cache(struct search *search)
{
	FILE *file = fopen("/etc/ld.so.cache", "rb");

	if (!file)
		return;
	search->cache = malloc(MAX_CACHE + 1);
	if (search->cache) {
		search->cache_size = fread(search->cache, 1, MAX_CACHE, file);
		search->cache[search->cache_size] = '\0'; /* ends the last string */
	}
	fclose(file);
}

struct search *search_begin(struct check *c, uint64_t run_path)
{
	struct search *search = calloc(1, sizeof *search);
	char *real = realpath(c->name, NULL);

	if (search) {
		search->check = c;
		snprintf(search->origin, sizeof search->origin, "%s", real ? dirname(real) : ".");
		search->unread = run_path != LODE_NO_OFFSET && lode_string_read(search->run_path, sizeof search->run_path,
			&c->dynamic.symbols.strings, run_path, NULL) != LODE_OK;
		read_cache(search);
	}
	free(real);
	return search;
}

void search_end(struct search *search)
{
	free(search->cache);
	free(search);
}

enum search_end search_library(struct search *search, const char *name)
{
	search->passed[0] = '\0';
	if (!in_run_path(search, name) && !in_cache(search, name) && !in_defaults(search, name))
		search->end = SEARCH_NONE;
	return search->end;
}
