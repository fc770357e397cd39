/* SPDX-License-Identifier: MIT */
/* A FILE argument -> an opened ELF image with arrays as large as its tables; section trouble is kept apart from the rest. */
#include "input.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tables_free(struct lode_open_options *options)
{
	free(options->segments);
	free(options->sections);
	*options = (struct lode_open_options){.flags = options->flags};
}

bool tables_make_room(struct lode_open_options *options, const struct lode_image *image)
{
	bool sections = (options->flags & LODE_OPEN_SECTIONS) != 0;

	tables_free(options);
	if (image->nsegments > HEADERS_MOST)
		return false;
	options->max_segments = image->nsegments;
	options->segments = calloc((size_t)image->nsegments + 1, sizeof *options->segments);
	if (sections) {
		options->max_sections = image->nsections;
		options->sections = calloc((size_t)image->nsections + 1, sizeof *options->sections);
	}
	if (options->segments && (!sections || options->sections))
		return true;
	tables_free(options);
	return false;
}

static int open_with_room(struct file *file, struct lode_open_options *options, struct lode_diag *why)
{
	int status = lode_open(&file->image, &file->input.source, options, why);

	if (status != LODE_ERR_ROOM)
		return status;
	if ((options->flags & LODE_OPEN_SECTIONS) && file->image.nsections > HEADERS_MOST) {
		*why = lode_diag_of(LODE_RULE_ROOM_SECTIONS, LODE_FIELD_EHDR_SHNUM, file->image.nsections, HEADERS_MOST);
		return LODE_ERR_ROOM;
	}
	if (!tables_make_room(options, &file->image)) {
		input_fail(&file->input, ENOMEM, "no room for its tables");
		return LODE_ERR_ROOM;
	}
	return lode_open(&file->image, &file->input.source, options, why);
}

/* Rules that a section table can break; the program headers may be fine all the same. */
static bool concerns_sections(enum lode_rule rule)
{
	return rule == LODE_RULE_SECTION_PAST_END || rule == LODE_RULE_SECTION_INDEX || rule == LODE_RULE_HEADER_SHENTSIZE ||
		rule == LODE_RULE_HEADER_SHTABLE || rule == LODE_RULE_HEADER_SHSTRNDX || rule == LODE_RULE_SOURCE_PAST_END ||
		rule == LODE_RULE_SOURCE_READ || rule == LODE_RULE_ROOM_SECTIONS;
}

static struct lode_strings section_names(const struct lode_image *image)
{
	const struct lode_section *names;

	if (!image->sections || image->shstrndx == LODE_SHN_UNDEF || image->shstrndx >= image->nsections)
		return (struct lode_strings){.size = 0};
	names = &image->sections[image->shstrndx];
	if (names->type != LODE_SHT_STRTAB)
		return (struct lode_strings){.size = 0};
	return (struct lode_strings){image->source, names->offset, names->size};
}

const char *section_name(char *buf, size_t size, const struct lode_image *image, uint32_t index)
{
	const struct lode_strings names = section_names(image);
	int status;

	buf[0] = '\0';
	if (names.size == 0 || index >= image->nsections)
		return buf;
	status = lode_string_read(buf, size, &names, image->sections[index].name, NULL);
	if (status == LODE_ERR_ROOM)
		buf[size - 1] = '\0';
	else if (status != LODE_OK)
		buf[0] = '\0';
	return buf;
}

const struct lode_section *section_find(const struct lode_image *image, const char *name)
{
	char buf[64];

	for (uint32_t i = 1; image->sections && i < image->nsections; i++)
		if (strcmp(section_name(buf, sizeof buf, image, i), name) == 0)
			return &image->sections[i];
	return NULL;
}

static int open_image(struct file *file, uint32_t flags)
{
	struct lode_open_options options = {.flags = flags};
	struct lode_diag none = {.rule = LODE_RULE_NONE};
	int status = open_with_room(file, &options, &file->why);

	if (status != LODE_OK && concerns_sections(file->why.rule)) {
		file->sections_why = file->why;
		options.flags = 0;
		status = open_with_room(file, &options, &file->why);
		file->image.sections = NULL;
	}
	if (status != LODE_OK) {
		tables_free(&options);
		file->image.segments = NULL;
		file->image.sections = NULL;
		return -1;
	}
	if (file->image.sections != options.sections)
		free(options.sections);
	file->why = none;
	return 0;
}

int file_open(struct file *file, const char *name, uint32_t flags)
{
	*file = (struct file){.why = {.status = LODE_OK}};
	if (input_open(&file->input, name, flags) != 0)
		return -1;
	return open_image(file, flags & INPUT_NO_SECTIONS ? 0 : LODE_OPEN_SECTIONS);
}

bool image_read_word(uint64_t *word, const struct lode_image *image, uint64_t offset)
{
	unsigned size = lode_word_size(image);
	unsigned char raw[8];

	if (lode_source_read(raw, image->source, offset, size, NULL) != LODE_OK)
		return false;
	*word = load_number(raw, size, image->data == LODE_DATA2MSB);
	return true;
}

bool file_inside(const struct file *file)
{
	return file->input.peeled[0] != '\0';
}

void file_error(const struct file *file)
{
	if (file->input.error[0] != '\0')
		complain(file->input.name, "%s", file->input.error);
	else
		complain_diag(file->input.name, &file->why, file_inside(file));
}

void file_close(struct file *file)
{
	free(file->image.segments);
	free(file->image.sections);
	file->image.segments = NULL;
	file->image.sections = NULL;
	input_close(&file->input);
}

bool output_may_replace(const char *path, const char *const *begins, size_t n)
{
	unsigned char head[16];
	struct input input;
	struct stat st;
	size_t have;
	bool good = false;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return true;
	if (input_open(&input, path, INPUT_RAW) == 0) {
		have = input_peek(&input, head, 0, sizeof head);
		for (size_t i = 0; i < n; i++)
			good = good || (have >= strlen(begins[i]) && memcmp(head, begins[i], strlen(begins[i])) == 0);
	}
	input_close(&input);
	return good;
}

bool plan_make_room(struct lode_plan *plan, const struct lode_image *image)
{
	*plan = (struct lode_plan){.max_runs = LODE_PLAN_RUNS(image->nload), .max_fills = LODE_PLAN_FILLS(image->nload)};
	plan->runs = calloc(plan->max_runs, sizeof *plan->runs);
	plan->fills = calloc(plan->max_fills, sizeof *plan->fills);
	return plan->runs && plan->fills;
}

void plan_free(struct lode_plan *plan)
{
	free(plan->runs);
	free(plan->fills);
	plan->runs = NULL;
	plan->fills = NULL;
	plan->nruns = plan->nfills = 0;
}

int file_plan(struct lode_plan *plan, const struct file *file, const struct lode_policy *policy, struct lode_diag *why)
{
	if (!plan_make_room(plan, &file->image)) {
		complain(file->input.name, "no memory for its plan");
		exit(EXIT_FAILED);
	}
	return lode_plan(plan, &file->image, policy, why);
}
