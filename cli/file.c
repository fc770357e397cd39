/* SPDX-License-Identifier: MIT */
/* A FILE argument -> an opened ELF image with arrays as large as its tables; section trouble is kept apart from the rest. */
#include "input.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Counts that open reports are proven to fit the file, so what is allocated is bounded by the file's size. */
static int open_with_room(struct file *file, struct lode_open_options *options, struct lode_diag *why)
{
	int status = lode_open(&file->image, &file->input.source, options, why);

	if (status != LODE_ERR_ROOM)
		return status;
	free(options->segments);
	free(options->sections);
	options->sections = NULL;
	options->max_segments = file->image.nsegments;
	options->segments = calloc((size_t)options->max_segments + 1, sizeof *options->segments);
	if (options->flags & LODE_OPEN_SECTIONS) {
		options->max_sections = file->image.nsections;
		options->sections = calloc((size_t)options->max_sections + 1, sizeof *options->sections);
	}
	if (!options->segments || ((options->flags & LODE_OPEN_SECTIONS) && !options->sections)) {
		free(options->segments);
		free(options->sections);
		options->segments = NULL;
		options->sections = NULL;
		input_fail(&file->input, ENOMEM, "no memory for its tables");
		return LODE_ERR_ROOM;
	}
	return lode_open(&file->image, &file->input.source, options, why);
}

/* Rules that a section table can break; the program headers may be fine all the same. */
static bool concerns_sections(enum lode_rule rule)
{
	return rule == LODE_RULE_SECTION_PAST_END || rule == LODE_RULE_SECTION_INDEX || rule == LODE_RULE_HEADER_SHENTSIZE ||
	       rule == LODE_RULE_HEADER_SHTABLE || rule == LODE_RULE_HEADER_SHSTRNDX || rule == LODE_RULE_SOURCE_PAST_END ||
	       rule == LODE_RULE_SOURCE_READ;
}

static void find_names(struct file *file)
{
	const struct lode_image *image = &file->image;
	const struct lode_section *names;

	if (!image->sections || image->shstrndx == LODE_SHN_UNDEF || image->shstrndx >= image->nsections)
		return;
	names = &image->sections[image->shstrndx];
	if (names->type == LODE_SHT_STRTAB)
		file->names = (struct lode_strings){image->source, names->offset, names->size};
}

static int open_image(struct file *file)
{
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	struct lode_diag none = {.rule = LODE_RULE_NONE};
	int status = open_with_room(file, &options, &file->why);

	if (status != LODE_OK && concerns_sections(file->why.rule)) {
		file->sections_why = file->why;
		options.flags = 0;
		status = open_with_room(file, &options, &file->why);
		file->image.sections = NULL;
	}
	if (status != LODE_OK) {
		free(options.segments);
		free(options.sections);
		file->image.segments = NULL;
		file->image.sections = NULL;
		return -1;
	}
	if (file->image.sections != options.sections)
		free(options.sections);
	file->why = none;
	find_names(file);
	return 0;
}

int file_open(struct file *file, const char *name, uint32_t input_flags)
{
	*file = (struct file){.why = {.status = LODE_OK}};
	if (input_open(&file->input, name, input_flags) != 0)
		return -1;
	return open_image(file);
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

const char *file_section_name(char *buf, size_t size, const struct file *file, uint32_t index)
{
	int status;

	buf[0] = '\0';
	if (file->names.size == 0 || index >= file->image.nsections)
		return buf;
	status = lode_string_read(buf, size, &file->names, file->image.sections[index].name, NULL);
	if (status == LODE_ERR_ROOM)
		buf[size - 1] = '\0';
	else if (status != LODE_OK)
		buf[0] = '\0';
	return buf;
}

int file_plan(struct lode_plan *plan, const struct file *file, const struct lode_policy *policy, struct lode_diag *why)
{
	uint32_t n = file->image.nload;

	*plan = (struct lode_plan){.max_runs = LODE_PLAN_RUNS(n), .max_fills = LODE_PLAN_FILLS(n)};
	plan->runs = calloc(plan->max_runs, sizeof *plan->runs);
	plan->fills = calloc(plan->max_fills, sizeof *plan->fills);
	if (!plan->runs || !plan->fills) {
		complain(file->input.name, "no memory for its plan");
		exit(EXIT_FAILED);
	}
	return lode_plan(plan, &file->image, policy, why);
}

void file_plan_free(struct lode_plan *plan)
{
	free(plan->runs);
	free(plan->fills);
	plan->runs = NULL;
	plan->fills = NULL;
}
