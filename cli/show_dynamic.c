/* SPDX-License-Identifier: MIT */
/* The dynamic table -> needed libraries, names, flags and the versions of symbols. */
#include "show.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *show_dynamic_string(char *buf, size_t size, const struct show *show, uint64_t offset)
{
	int status = lode_string_read(buf, size, &show->dynamic.symbols.strings, offset, NULL);

	if (status == LODE_ERR_ROOM)
		buf[size - 1] = '\0';
	else if (status != LODE_OK)
		buf[0] = '\0';
	return buf;
}

static void print_string(const struct show *show, const char *title, uint64_t offset)
{
	char name[1024];

	if (offset == LODE_NO_OFFSET)
		return;
	printf("  %-13s ", title);
	put_name(stdout, show_dynamic_string(name, sizeof name, show, offset));
	putchar('\n');
}

/* Libraries on as few lines as fit. */
static void print_needed(const struct show *show)
{
	char name[256], safe[1032];
	size_t at = 0;

	for (uint32_t i = 0, seen = 0; i < show->dynamic.count && seen < show->dynamic.needed; i++) {
		struct lode_dyn entry;
		size_t length;

		if (lode_dynamic_entry(&entry, &show->file.image, &show->dynamic, i, NULL) != LODE_OK)
			break;
		if (entry.tag != LODE_DT_NEEDED)
			continue;
		show_dynamic_string(name, sizeof name, show, entry.value);
		length = escape_bytes(safe, sizeof safe, name, strlen(name));
		if (seen++ == 0)
			at = (size_t)printf("  %-13s ", "needs");
		else if (at + length + 2 > (size_t)show->width)
			at = (size_t)printf("\n  %-13s ", "") - 1;
		else
			at += (size_t)printf("  ");
		at += length;
		fputs(safe, stdout);
	}
	if (at > 0)
		putchar('\n');
}

static void add_word(char *list, size_t size, const char *word)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}

static void print_flags(const struct show *show)
{
	static const struct { uint64_t bit; const char *name;
	} words[] = {
		{0x1, "bind now"},
		{0x2, "global"},
		{0x8, "never unloaded"},
		{0x10, "load filter"},
		{0x20, "initialise first"},
		{0x40, "no dlopen"},
		{0x80, "origin"},
		{0x400, "interpose"},
		{0x800, "no default libraries"},
		{0x08000000, "PIE"},
	};
	const struct lode_dynamic *dynamic = &show->dynamic;
	uint64_t rest = dynamic->flags_1 & ~UINT64_C(1);
	char list[256] = "", number[40];

	if (dynamic->bind_now || (dynamic->flags_1 & 1))
		add_word(list, sizeof list, "bind now");
	if (dynamic->textrel)
		add_word(list, sizeof list, "text relocations");
	for (size_t i = 1; i < sizeof words / sizeof *words; i++) {
		if (rest & words[i].bit)
			add_word(list, sizeof list, words[i].name);
		rest &= ~words[i].bit;
	}
	snprintf(number, sizeof number, "DT_FLAGS_1 0x%" PRIx64, rest);
	if (rest != 0)
		add_word(list, sizeof list, number);
	if (list[0] == '\0')
		return;
	printf("  %-13s ", "binding");
	put_wrapped(list, show->width, 16, 16);
	putchar('\n');
}

void show_dynamic_print(const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	if (show->dynamic_why.status != LODE_OK || dynamic->count == 0)
		return;
	print_needed(show);
	print_string(show, "soname", dynamic->soname);
	print_string(show, "rpath", dynamic->rpath);
	print_string(show, "runpath", dynamic->runpath);
	print_flags(show);
}

enum { MOST_VERSIONS = 0x7fff };

void show_versions_read(struct show_versions *versions, const struct show *show)
{
	struct lode_versions walk;
	struct lode_version version;

	*versions = (struct show_versions){.names = NULL};
	if (show->dynamic_why.status != LODE_OK || show->dynamic.versym.size == 0)
		return;
	versions->names = calloc(MOST_VERSIONS + 1, sizeof *versions->names);
	if (!versions->names)
		return;
	lode_versions_begin(&walk, &show->file.image, &show->dynamic);
	while (lode_version_next(&version, &walk, NULL) > 0) {
		uint32_t index = version.index & MOST_VERSIONS;

		/* The file's own name stands among its definitions; symbols of it have no version. */
		if (index < 2 && version.file == LODE_NO_OFFSET)
			continue;
		show_dynamic_string(versions->names[index].name, sizeof versions->names->name, show, version.name);
		versions->names[index].needed = version.file != LODE_NO_OFFSET;
		if (index >= versions->n)
			versions->n = index + 1;
	}
}

void show_versions_free(struct show_versions *versions)
{
	free(versions->names);
	versions->names = NULL;
}

/* Like other tools: @@ marks the version of a definition that a linker takes by default. */
const char *show_version_of(char *buf, size_t size, const struct show_versions *versions, const struct show *show, uint64_t symbol)
{
	struct lode_versym version;

	buf[0] = '\0';
	if (!versions->names ||
		lode_versym_read(&version, &show->file.image, &show->dynamic, symbol, NULL) != LODE_OK)
		return buf;
	if (version.index < versions->n && versions->names[version.index].name[0] != '\0')
		snprintf(buf, size, "%s%s", version.hidden || versions->names[version.index].needed ? "@" : "@@",
			versions->names[version.index].name);
	return buf;
}
