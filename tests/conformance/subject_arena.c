/* SPDX-License-Identifier: MIT */
/* The arena of examples/kernel, over mappings of this process -> a subject of the conformance suite. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "../../examples/kernel/arena.h"
#include "../../examples/kernel/machine.h"
#include "subject.h"

enum { MARGIN = 4096 };

struct arena_state {
	struct arena arena;
	struct lode_range whole;
};

int machine_protect(void *pages, size_t size, unsigned int prot)
{
	return mprotect(pages, size, (prot & 1 ? PROT_READ : 0) | (prot & 2 ? PROT_WRITE : 0) | (prot & 4 ? PROT_EXEC : 0));
}

/** A page on each side belongs to the arena too: nothing may be written there. */
static bool choose(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low)
{
	struct lode_span whole = {{span->range.addr - MARGIN, span->range.size + 2 * MARGIN}, span->align};

	if (!subject_choose_free(subject, base, &whole, low))
		return false;
	*base += MARGIN;
	return true;
}

static struct lode_space open_arena(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	struct arena_state *state = calloc(1, sizeof *state);
	void *want = (void *)(uintptr_t)(plan->span.addr - MARGIN);

	(void)file;
	if (!state)
		abort();
	state->whole = (struct lode_range){plan->span.addr - MARGIN, plan->span.size + 2 * MARGIN};
	state->arena.size = state->whole.size;
	state->arena.memory = mmap(want, (size_t)state->whole.size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (state->arena.memory != want)
		abort();
	subject->state = state;
	return arena_space(&state->arena);
}

/** Writable and zero from one address to another. */
static bool blank(struct subject *subject, uint64_t from, uint64_t to)
{
	for (; from < to; from += MARGIN) {
		if (subject_prot(subject, from) != (int)(LODE_PF_R | LODE_PF_W))
			return false;
		for (uint64_t i = 0; i < MARGIN; i++)
			if (*(const unsigned char *)(uintptr_t)(from + i) != 0)
				return false;
	}
	return true;
}

static bool same(struct subject *subject)
{
	const struct arena_state *state = subject->state;

	return blank(subject, state->whole.addr, state->whole.addr + state->whole.size);
}

static bool same_beside(struct subject *subject, const struct lode_range *span)
{
	const struct arena_state *state = subject->state;

	return blank(subject, state->whole.addr, span->addr) &&
		blank(subject, span->addr + span->size, state->whole.addr + state->whole.size);
}

static void close_arena(struct subject *subject)
{
	struct arena_state *state = subject->state;

	munmap(state->arena.memory, (size_t)state->whole.size);
	free(state);
	subject->state = NULL;
}

struct subject subject_arena = {
	.name = "arena of the example",
	.between = LODE_PF_R | LODE_PF_W,
	.choose = choose,
	.open = open_arena,
	.same = same,
	.same_beside = same_beside,
	.prot = subject_prot,
	.look = subject_look,
	.close = close_arena,
};
