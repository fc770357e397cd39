/* SPDX-License-Identifier: MIT */
/* Versions that a program needs of a library, and the library's file -> those that it does not define. */
#include "check_search.h"
#include <string.h>

enum { WEAK = 2 };              /* VER_FLG_WEAK: ld.so goes on without it */
enum { VERSION = 16, PAGES = 2048 }; /* of the budget: for each version, and for so many bytes of a library */
enum { LARGEST = 1 << 28 };     /* bytes of a library that is looked into */

static bool is_string(const struct lode_strings *strings, uint64_t index, const char *text)
{
	char buf[LIBRARY_NAME];

	return lode_string_read(buf, sizeof buf, strings, index, NULL) == LODE_OK && strcmp(buf, text) == 0;
}

/* Also true if its tables say nothing that can be relied on. Ref: glibc elf/dl-version.c, match_symbol. */
static bool defines(struct check *c, const struct file *library, const struct lode_dynamic *dynamic,
	const struct lode_version *need, const char *name)
{
	struct lode_version version;
	struct lode_versions walk;
	int more;

	lode_versions_begin(&walk, &library->image, dynamic);
	do {
		more = check_spend(c, VERSION) ? lode_version_next(&version, &walk, NULL) : -1;
		if (more > 0 && version.file == LODE_NO_OFFSET && version.hash == need->hash &&
			is_string(&dynamic->symbols.strings, version.name, name))
			return true;
	} while (more > 0 && version.file == LODE_NO_OFFSET);
	return more < 0;
}

/* The versions that are needed of the library of this name. */
static void compare(struct check *c, const struct file *library, const struct lode_dynamic *dynamic, const char *name)
{
	const struct lode_strings *strings = &c->dynamic.symbols.strings;
	struct lode_versions walk;
	struct lode_version need;
	char version[LIBRARY_NAME];

	lode_versions_begin(&walk, &c->image, &c->dynamic);
	while (check_spend(c, VERSION) && lode_version_next(&need, &walk, NULL) > 0) {
		if (need.file == LODE_NO_OFFSET || (need.flags & WEAK) || !is_string(strings, need.file, name))
			continue;
		if (lode_string_read(version, sizeof version, strings, need.name, NULL) == LODE_OK &&
			!defines(c, library, dynamic, &need, version))
			check_add(c, CHECK_NEEDED_VERSION, check_at("version need", need.index, "vna_name", need.name,
				LODE_NO_OFFSET), "%s of %s, which is %s", version, name, library->input.name);
	}
}

/* Counting symbols may be work for 2^24 of them, whatever the library's size on the disk. */
static bool open_dynamic(struct lode_dynamic *dynamic, struct check *c, const struct file *library)
{
	enum { COUNTED = 16, REFUSED = 1 << 20 };

	if (lode_dynamic_open(dynamic, &library->image, NULL) == LODE_OK)
		return check_spend(c, dynamic->symbols.count / COUNTED);
	check_spend(c, REFUSED);
	return false;
}

void check_needed_versions(struct check *c, const struct search *search, const char *name)
{
	struct lode_dynamic dynamic;
	struct file library;

	if (c->dynamic.verneed.size == 0)
		return;
	/* A library without definitions is taken with a warning if its symbols have versions: ld.so asserts that they do. */
	if (file_open(&library, search->path, INPUT_RAW | INPUT_NO_SECTIONS) == 0 && library.input.source.size <= LARGEST &&
		check_spend(c, library.input.source.size / PAGES) && open_dynamic(&dynamic, c, &library) &&
		(dynamic.verdef.size > 0 || dynamic.versym.size == 0))
		compare(c, &library, &dynamic, name);
	file_close(&library);
}
