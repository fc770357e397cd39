/* SPDX-License-Identifier: MIT */
/* A function that writes structures, run twice -> its bytes at a place in memory that has room for them. */
#include "start.h"

uint64_t lode_form_room_(struct lode_form_ *form, uint64_t size, uint64_t align)
{
	uint64_t at = align_up(form->size, align);

	form->size = at + size;
	return form->base + at;
}

void lode_form_put_(struct lode_form_ *form, uint64_t addr, uint32_t width, uint64_t value)
{
	if (form->bytes)
		put_(form->bytes + (addr - form->base), width, value);
}

void lode_form_copy_(struct lode_form_ *form, uint64_t addr, const void *bytes, uint64_t size)
{
	if (form->bytes)
		memcpy(form->bytes + (addr - form->base), bytes, (size_t)size);
}

void lode_form_colours_(struct lode_form_ *form, uint64_t at, const struct lode_framebuffer *screen)
{
	const struct lode_colour *colours[] = {&screen->red, &screen->green, &screen->blue};

	for (uint32_t i = 0; i < 3; i++)
		lode_form_put_(form, at + 2 * i, 2, (uint64_t)colours[i]->shift << 8 | colours[i]->size);
}

uint64_t lode_form_string_(struct lode_form_ *form, const char *s)
{
	uint64_t size = lode_string_size_(s), addr = lode_form_room_(form, size, 1);

	lode_form_copy_(form, addr, s ? s : "", size);
	return addr;
}

int lode_start_compose_(struct lode_builder_ *b, const struct lode_composition_ *composition, const struct lode_wish_ *wish)
{
	struct lode_start *start = b->start;
	struct lode_part part = {.what = composition->what, .index = LODE_NO_INDEX, .content = LODE_CONTENT_BYTES,
		.offset = start->nbytes};
	struct lode_form_ form = {.base = 0};
	int status;

	composition->compose(&form, composition->context);
	part.size = align_up(form.size, LODE_PAGE_);
	status = lode_start_put_(&part, b, wish);
	start->nbytes += part.size;
	if (status != LODE_OK)
		return status;
	if (start->nbytes > start->max_bytes)
		return lode_refuse_(b->why, LODE_RULE_ROOM_BYTES,
			lode_nowhere_(LODE_FIELD_START_BYTES, start->max_bytes, start->nbytes));
	form = (struct lode_form_){.bytes = start->bytes + part.offset, .base = part.addr};
	memset(form.bytes, 0, (size_t)part.size);
	composition->compose(&form, composition->context);
	return LODE_OK;
}
