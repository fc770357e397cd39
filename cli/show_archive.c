/* SPDX-License-Identifier: MIT */
/* An archive itself -> its members and what each is by its first bytes, its index of symbols, and how to ask for a member. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <string.h>

enum index { INDEX_NONE, INDEX_SYMBOLS, INDEX_BROKEN };

/* What a first walk finds. */
struct survey {
	uint64_t members, symbols;
	enum index index;
	bool thin;
};

/* Indices of GNU and BSD: a number in front, in bytes or entries, which the table has room for. */
static const struct index_format {
	const char *name;
	unsigned word, entry; /* entry: bytes of the table for each symbol */
	bool big, in_bytes;
} index_formats[] = {
	{"/", 4, 4, true, false},
	{"/SYM64/", 8, 8, true, false},
	{"__.SYMDEF_64", 8, 16, false, true},
	{"__.SYMDEF", 4, 8, false, true},
};

static const struct index_format *index_format_of(const struct archive_member *member)
{
	for (size_t i = 0; member->table && i < sizeof index_formats / sizeof *index_formats; i++) {
		const char *name = index_formats[i].name;

		if (strcmp(member->name, name) == 0 || (name[0] == '_' && strncmp(member->name, name, strlen(name)) == 0))
			return &index_formats[i];
	}
	return NULL;
}

static void read_index(struct survey *survey, const struct input *input, const struct archive_member *member)
{
	const struct index_format *format = index_format_of(member);
	unsigned char raw[8];
	uint64_t number;

	if (!format || survey->index != INDEX_NONE)
		return;
	survey->index = INDEX_BROKEN;
	if (member->size < format->word || !input_exact(input, raw, member->offset, format->word))
		return;
	number = load_number(raw, format->word, format->big);
	if (format->in_bytes)
		number /= format->entry;
	if (number > (member->size - format->word) / format->entry)
		return;
	survey->index = INDEX_SYMBOLS;
	survey->symbols = number;
}

static struct survey survey_of(const struct input *input)
{
	struct survey survey = {.index = INDEX_NONE};
	struct archive_member member;
	struct archive_walk walk;

	archive_begin(&walk, input);
	survey.thin = walk.thin;
	while (archive_next(&member, &walk) > 0) {
		survey.members += !member.table;
		read_index(&survey, input, &member);
	}
	return survey;
}

static const char *elf_words(uint16_t type)
{
	switch (type) {
	case LODE_ET_REL: return "relocatable object";
	case LODE_ET_EXEC: return "program at a fixed address";
	case LODE_ET_DYN: return "shared library or program";
	case LODE_ET_CORE: return "core dump";
	default: return "ELF file of unknown type";
	}
}

/* By the ELF header or the first bytes; "" of a member of a thin archive, which is a file elsewhere. */
static void member_words(char *words, size_t size, const struct input *input, const struct archive_member *member)
{
	struct archive_part part;
	struct lode_source source = archive_source(&part, input, member);
	struct lode_image image;
	const char *machine;

	words[0] = '\0';
	if (member->thin)
		return;
	if (lode_open(&image, &source, NULL, NULL) != LODE_OK) {
		snprintf(words, size, "%s", kind_of_bytes(&source).words);
		return;
	}
	machine = machine_name(image.machine);
	if (machine)
		snprintf(words, size, "%s, %s", elf_words(image.type), machine);
	else
		snprintf(words, size, "%s, machine %u", elf_words(image.type), image.machine);
}

static void print_member(const struct archive_member *member, const char *words)
{
	printf("  %10" PRIu64 "  ", member->size);
	put_name(stdout, member->name);
	if (words[0] != '\0') {
		fputs(": ", stdout);
		put_name(stdout, words);
	}
	putchar('\n');
}

static void json_member(struct json *json, const struct archive_member *member, const char *words)
{
	json_object(json, NULL);
	json_string(json, "name", member->name);
	json_number(json, "size", member->size);
	json_number(json, "offset", member->offset);
	json_string(json, "kind", words[0] != '\0' ? words : NULL);
	json_object_end(json);
}

static void print_head(const struct input *input, const struct survey *survey)
{
	put_name(stdout, input->name);
	printf(": %sarchive, %" PRIu64 " member%s, ", survey->thin ? "thin " : "", survey->members,
		survey->members == 1 ? "" : "s");
	if (survey->index == INDEX_SYMBOLS)
		printf("an index of %" PRIu64 " symbol%s", survey->symbols, survey->symbols == 1 ? "" : "s");
	else
		fputs(survey->index == INDEX_NONE ? "no symbol index" : "a broken symbol index", stdout);
	puts("; `lode show ARCHIVE:MEMBER` shows a member");
}

static void json_head(struct json *json, const struct input *input, const struct survey *survey)
{
	json_begin(json, stdout);
	json_object(json, NULL);
	json_string(json, "format", "lode-show-archive");
	json_number(json, "version", 1);
	json_string(json, "file", input->name);
	json_bool(json, "thin", survey->thin);
	json_bool(json, "index", survey->index != INDEX_NONE);
	if (survey->index == INDEX_SYMBOLS)
		json_number(json, "symbols", survey->symbols);
	else
		json_null(json, "symbols");
	json_array(json, "members");
}

int show_archive(const struct input *input, bool as_json)
{
	const struct survey survey = survey_of(input);
	struct archive_walk walk;
	struct archive_member member;
	struct json json;
	char words[200];
	int more;

	if (as_json)
		json_head(&json, input, &survey);
	else
		print_head(input, &survey);
	archive_begin(&walk, input);
	while ((more = archive_next(&member, &walk)) > 0) {
		if (member.table)
			continue;
		member_words(words, sizeof words, input, &member);
		if (as_json)
			json_member(&json, &member, words);
		else
			print_member(&member, words);
	}
	if (as_json) {
		json_array_end(&json);
		json_object_end(&json);
		json_end(&json);
	}
	if (more == 0)
		return EXIT_DONE;
	complain(input->name, "the archive is damaged: no member header at byte 0x%" PRIx64, walk.next);
	return EXIT_FAILED;
}
