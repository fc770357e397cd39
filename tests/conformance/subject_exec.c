/* SPDX-License-Identifier: MIT */
/* The mappings that the exec host builds a program in -> a subject of the conformance suite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../hosts/exec/state.h"
#include "subject.h"

struct exec_subject {
	struct exec_object object;
	FILE *file;
	char before[SUBJECT_PICTURE], beside[SUBJECT_NEIGHBOURS];
};

static struct lode_space open_exec(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	struct exec_subject *state = calloc(1, sizeof *state);

	if (!state)
		abort();
	state->file = tmpfile();
	if (!state->file || fwrite(file->bytes, 1, file->size, state->file) != file->size || fflush(state->file) != 0)
		abort();
	state->object.file.fd = fileno(state->file);
	state->object.file.size = file->size;
	state->object.plan = *plan;
	subject_picture(state->before, &plan->span);
	subject_neighbours(state->beside, &plan->span);
	subject->state = state;
	return lode_exec_space_(&state->object);
}

static bool same(struct subject *subject)
{
	struct exec_subject *state = subject->state;
	static char now[SUBJECT_PICTURE];

	subject_picture(now, &state->object.plan.span);
	return strcmp(now, state->before) == 0;
}

static bool same_beside(struct subject *subject, const struct lode_range *span)
{
	const struct exec_subject *state = subject->state;
	static char now[SUBJECT_NEIGHBOURS];

	subject_neighbours(now, span);
	return strcmp(now, state->beside) == 0;
}

static void lose(struct subject *subject)
{
	struct exec_subject *state = subject->state;

	if (ftruncate(fileno(state->file), 0) != 0)
		abort();
}

static void close_exec(struct subject *subject)
{
	struct exec_subject *state = subject->state;

	lode_exec_unmap_(&state->object);
	fclose(state->file);
	free(state);
	subject->state = NULL;
}

struct subject subject_exec = {
	.name = "exec",
	.shares = true,
	.never_relocates = true,
	.choose = subject_choose_free,
	.open = open_exec,
	.same = same,
	.same_beside = same_beside,
	.prot = subject_prot,
	.look = subject_look,
	.close = close_exec,
	.lose = lose,
};
