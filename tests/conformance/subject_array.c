/* SPDX-License-Identifier: MIT */
/* A flat array, with and without an undo buffer -> two subjects of the conformance suite. */
#include <stdlib.h>
#include <string.h>

#include "subject.h"

enum { MARGIN = 8192 };

/** The array, its undo buffer, and what both held before. */
struct array_state {
	struct lode_array array;
	struct lode_range span;
	bool undo;
};

static unsigned char before(uint64_t index)
{
	return (unsigned char)(0xa5 ^ index * 3);
}

static bool choose(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low)
{
	uint64_t from = low ? 0x54321000 : UINT64_C(0x7654321000);

	(void)subject;
	*base = from + (span->range.addr - from) % span->align;
	return true;
}

static struct lode_space open_array(struct subject *subject, const struct lode_range *span, bool undo)
{
	struct array_state *state = calloc(1, sizeof *state);

	if (!state || span->size > SIZE_MAX / 4)
		abort();
	state->span = *span;
	state->undo = undo;
	state->array.base = span->addr >= MARGIN ? span->addr - MARGIN : 0;
	state->array.size = span->addr - state->array.base + span->size + MARGIN;
	state->array.memory = malloc((size_t)state->array.size);
	state->array.undo = undo ? malloc((size_t)state->array.size) : NULL;
	if (!state->array.memory || (undo && !state->array.undo))
		abort();
	for (uint64_t i = 0; i < state->array.size; i++)
		state->array.memory[i] = before(i);
	subject->state = state;
	return lode_array_space(&state->array);
}

static struct lode_space open_with(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	(void)file;
	return open_array(subject, &plan->span, true);
}

static struct lode_space open_without(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	(void)file;
	return open_array(subject, &plan->span, false);
}

static bool same_beside(struct subject *subject, const struct lode_range *span)
{
	const struct array_state *state = subject->state;
	uint64_t first = span->addr - state->array.base;

	for (uint64_t i = 0; i < state->array.size; i++)
		if ((i < first || i - first >= span->size) && state->array.memory[i] != before(i))
			return false;
	return true;
}

/** Without an undo buffer the contract is: the span holds zeros. It holds what it held if nothing was begun. */
static bool same(struct subject *subject)
{
	const struct array_state *state = subject->state;
	uint64_t first = state->span.addr - state->array.base;
	bool zeros = true, old = true;

	for (uint64_t i = first; i < first + state->span.size; i++) {
		old = old && state->array.memory[i] == before(i);
		zeros = zeros && state->array.memory[i] == 0;
	}
	return same_beside(subject, &state->span) && (old || (zeros && !state->undo));
}

static int prot(struct subject *subject, uint64_t addr)
{
	(void)subject;
	(void)addr;
	return SUBJECT_NO_PROT;
}

static void look(struct subject *subject, uint64_t addr, void *bytes, size_t size)
{
	const struct array_state *state = subject->state;

	memcpy(bytes, state->array.memory + (addr - state->array.base), size);
}

static void close_array(struct subject *subject)
{
	struct array_state *state = subject->state;

	free(state->array.memory);
	free(state->array.undo);
	free(state);
	subject->state = NULL;
}

struct subject subject_array = {
	.name = "array",
	.fixed_addresses = true,
	.choose = choose,
	.open = open_with,
	.same = same,
	.same_beside = same_beside,
	.prot = prot,
	.look = look,
	.close = close_array,
};

struct subject subject_array_without_undo = {
	.name = "array without undo",
	.fixed_addresses = true,
	.choose = choose,
	.open = open_without,
	.same = same,
	.same_beside = same_beside,
	.prot = prot,
	.look = look,
	.close = close_array,
};
