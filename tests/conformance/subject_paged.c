/* SPDX-License-Identifier: MIT */
/* Page tables of four processors, with and without the file's frames -> subjects of the conformance suite. */
#include <stdlib.h>

#include "../frames.h"
#include "subject.h"

enum { PAGE = 4096 };

/** Tables with something mapped on both sides of the span, and the file in frames of its own. */
struct paged_state {
	struct frames frames;
	struct lode_paging paging;
	struct lode_paged paged;
	uint64_t file, file_size;
	struct lode_mapping beside[2], top;
};

static bool choose(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low)
{
	uint64_t from = low ? 0x54321000 : UINT64_C(0x3654321000);

	(void)subject;
	*base = from + (span->range.addr - from) % span->align;
	return true;
}

static int file_frame(void *host, uint64_t *frame, uint64_t offset)
{
	const struct paged_state *state = host;

	*frame = state->file + offset;
	return offset % PAGE == 0 && offset < state->file_size ? 0 : -1;
}

static uint64_t frames_of(struct paged_state *state, uint64_t size, const unsigned char *bytes)
{
	uint64_t first = 0, frame = 0;

	for (uint64_t at = 0; at < size; at += PAGE) {
		unsigned char *page;

		if (frames_alloc(&state->frames, &frame, PAGE) != 0 || (at > 0 && frame != first + at))
			abort();
		first = at == 0 ? frame : first;
		page = frames_pointer(&state->frames, frame);
		for (uint64_t i = 0; i < PAGE; i++)
			page[i] = !bytes ? (unsigned char)(i * 7 + at) : at + i < size ? bytes[at + i] : 0;
	}
	return first;
}

/** A neighbour, where the addresses have room for one. */
static void add(struct paged_state *state, struct lode_mapping *mapping, uint64_t addr)
{
	*mapping = (struct lode_mapping){addr, frames_of(state, PAGE, NULL), PAGE, LODE_PF_R};
	if (lode_paging_map(&state->paging, mapping, 0, NULL) != LODE_OK)
		mapping->size = 0;
}

static struct lode_space open_format(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file,
	enum lode_paging_format format)
{
	struct paged_state *state = calloc(1, sizeof *state);

	if (!state)
		abort();
	frames_begin(&state->frames);
	state->paging = frames_paging(&state->frames, format);
	if (lode_paging_init(&state->paging, NULL) != LODE_OK)
		abort();
	state->file_size = file->size;
	state->file = frames_of(state, file->size, file->bytes);
	add(state, &state->beside[0], plan->span.addr - PAGE);
	add(state, &state->beside[1], plan->span.addr + plan->span.size);
	add(state, &state->top, 0 - (uint64_t)PAGE);
	if (subject->shares)
		state->paging.flush = frames_flush;
	state->paged = (struct lode_paged){.paging = &state->paging,
		.max_page = subject->shares ? 0 : 0x200000,
		.file_frame = subject->shares ? file_frame : NULL,
		.host = state,
		.plan = plan};
	frames_remember(&state->frames);
	subject->state = state;
	return lode_paged_space(&state->paged);
}

static struct lode_space open_x86_64(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	return open_format(subject, plan, file, LODE_PAGING_X86_64);
}

static struct lode_space open_aarch64(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	return open_format(subject, plan, file, LODE_PAGING_AARCH64);
}

static struct lode_space open_sv39(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	return open_format(subject, plan, file, LODE_PAGING_SV39);
}

static bool same(struct subject *subject)
{
	const struct paged_state *state = subject->state;

	return frames_same(&state->frames) && state->frames.wrong == 0;
}

static bool changed(const struct paged_state *state, uint64_t frame)
{
	uint64_t i = (frame - FRAMES_BASE) / PAGE;

	return memcmp(state->frames.memory[i], state->frames.old_memory[i], PAGE) != 0;
}

/** The neighbours are where they were, and neither their bytes nor the file's have changed. */
static bool same_beside(struct subject *subject, const struct lode_range *span)
{
	struct paged_state *state = subject->state;
	const struct lode_mapping *beside[] = {&state->beside[0], &state->beside[1], &state->top};
	struct lode_mapping page;

	(void)span;
	for (int i = 0; i < 3; i++) {
		if (beside[i]->size == 0)
			continue;
		if (!lode_paging_query(&page, &state->paging, beside[i]->addr) || page.frame != beside[i]->frame ||
			page.size != PAGE || page.attr != LODE_PF_R)
			return false;
	}
	for (uint64_t at = 0; at < state->file_size; at += PAGE)
		if (changed(state, state->file + at))
			return false;
	return !changed(state, state->beside[0].frame) && !changed(state, state->beside[1].frame);
}

static int prot(struct subject *subject, uint64_t addr)
{
	const struct paged_state *state = subject->state;
	struct lode_mapping page;

	return lode_paging_query(&page, &state->paging, addr) ? (int)(page.attr & 7) : 0;
}

static void look(struct subject *subject, uint64_t addr, void *bytes, size_t size)
{
	struct paged_state *state = subject->state;
	struct lode_mapping page;
	const unsigned char *from = NULL;

	if (lode_paging_query(&page, &state->paging, addr))
		from = frames_pointer(&state->frames, page.frame + ((addr - page.addr) & ~(uint64_t)(PAGE - 1)));
	if (from && size == PAGE)
		memcpy(bytes, from, size);
	else
		memset(bytes, 0xee, size);
}

static void close_paged(struct subject *subject)
{
	struct paged_state *state = subject->state;

	CHECK_EQ(lode_paging_release(&state->paging, NULL), LODE_OK);
	CHECK_EQ(state->frames.count, 3 + (state->file_size + PAGE - 1) / PAGE);
	frames_end(&state->frames);
	free(state);
	subject->state = NULL;
}

#define PAGED(name_, shares_, open_)                                                                                               \
	{                                                                                                                          \
		.name = (name_), .shares = (shares_), .fixed_addresses = true, .choose = choose, .open = (open_), .same = same,    \
		.same_beside = same_beside, .prot = prot, .look = look, .close = close_paged                                       \
	}

struct subject subjects_paged[SUBJECTS_PAGED] = {
	PAGED("x86-64 tables", false, open_x86_64),
	PAGED("x86-64 tables that share", true, open_x86_64),
	PAGED("AArch64 tables that share", true, open_aarch64),
	PAGED("Sv39 tables that share", true, open_sv39),
};
