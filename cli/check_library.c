/* SPDX-License-Identifier: MIT */
/* DT_NEEDED names -> those that ld.so would not find on this machine, or not in the version that is needed. */
#include "check_search.h"
#include <string.h>
#include <unistd.h>

enum { MAX_NEEDED = 256 };

static void check_missing(struct check *c, const struct search *search, const char *name, struct check_place place)
{
	if (search->end == SEARCH_BROKEN)
		check_add(c, CHECK_NEEDED_MISSING, place, "\"%s\"; ld.so ends at %s, which is no library", name, search->path);
	else
		check_add(c, CHECK_NEEDED_MISSING, place, "\"%s\"%s%s", name, *search->passed ? "; " : "", search->passed);
}

static void check_one(struct check *c, struct search *search, uint32_t index, const struct lode_dyn *entry)
{
	uint64_t word = lode_word_size(&c->image);
	char name[LIBRARY_NAME];

	if (lode_string_read(name, sizeof name, &c->dynamic.symbols.strings, entry->value, NULL) != LODE_OK)
		return;
	if (name[0] == '/' && access(name, F_OK) != 0)
		check_add(c, CHECK_NEEDED_MISSING, check_at("dynamic entry", index, "DT_NEEDED", entry->value,
			c->dynamic.offset + 2 * word * index), "\"%s\"", name);
	if (name[0] == '\0' || strchr(name, '/'))
		return;
	if (search_library(search, name) < SEARCH_FOUND)
		check_missing(c, search, name, check_at("dynamic entry", index, "DT_NEEDED", entry->value,
			c->dynamic.offset + 2 * word * index));
	else if (search->end == SEARCH_FOUND)
		check_needed_versions(c, search, name);
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
	search = search_begin(c, runpath);
	if (!search)
		return;
	for (uint32_t i = 0, needed = 0; i < c->dynamic.count && needed < MAX_NEEDED; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &c->image, &c->dynamic, i, NULL) != LODE_OK || entry.tag != LODE_DT_NEEDED)
			continue;
		needed++;
		check_one(c, search, i, &entry);
	}
	search_end(search);
}
