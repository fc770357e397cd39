/* SPDX-License-Identifier: MIT */
/* The framebuffer, the kernel's file and the modules -> their answers. */
#include "limine.h"

enum { RGB = 1 };

/* The one mode there is, as revision 1 wants to know. */
static uint64_t put_modes(struct lode_form_ *form, const struct lode_limine_state_ *s)
{
	const struct lode_framebuffer *screen = s->b->machine->framebuffer;
	uint64_t mode = lode_form_room_(form, LODE_LIMINE_FB_MODE, 8), list = lode_form_room_(form, 8, 8);

	lode_form_put_(form, mode, 8, screen->pitch);
	lode_form_put_(form, mode + 8, 8, screen->width);
	lode_form_put_(form, mode + 16, 8, screen->height);
	lode_form_put_(form, mode + 24, 2, screen->bpp);
	lode_form_put_(form, mode + 26, 1, RGB);
	lode_form_colours_(form, mode + 27, screen);
	lode_form_put_(form, list, 8, s->hhdm + mode);
	return list;
}

static uint64_t put_framebuffer(struct lode_form_ *form, const struct lode_limine_state_ *s)
{
	const struct lode_framebuffer *screen = s->b->machine->framebuffer;
	uint64_t at = lode_form_room_(form, LODE_LIMINE_FB, 8);

	lode_form_put_(form, at, 8, s->hhdm + screen->addr);
	lode_form_put_(form, at + 8, 8, screen->width);
	lode_form_put_(form, at + 16, 8, screen->height);
	lode_form_put_(form, at + 24, 8, screen->pitch);
	lode_form_put_(form, at + LODE_LIMINE_FB_BPP, 2, screen->bpp);
	lode_form_put_(form, at + LODE_LIMINE_FB_MODEL, 1, RGB);
	lode_form_colours_(form, at + LODE_LIMINE_FB_COLOURS, screen);
	lode_form_put_(form, at + LODE_LIMINE_FB_MODE_COUNT, 8, 1);
	lode_form_put_(form, at + LODE_LIMINE_FB_MODES, 8, s->hhdm + put_modes(form, s));
	return at;
}

void lode_limine_screen_(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	uint64_t at, list;

	if (!lode_limine_asked_(s, LODE_LIMINE_FRAMEBUFFER) || !s->b->machine->framebuffer)
		return;
	at = lode_limine_answer_(form, s, LODE_LIMINE_FRAMEBUFFER, 24);
	list = lode_form_room_(form, 8, 8);
	lode_form_put_(form, at, 8, 1);
	lode_form_put_(form, at + 8, 8, 1);
	lode_form_put_(form, at + 16, 8, s->hhdm + list);
	lode_form_put_(form, list, 8, s->hhdm + put_framebuffer(form, s));
}

/* A file in memory, and what is told of it. */
struct file {
	uint64_t addr, size;
	const char *path, *string;
};

static uint64_t put_file(struct lode_form_ *form, const struct lode_limine_state_ *s, const struct file *file)
{
	uint64_t at = lode_form_room_(form, LODE_LIMINE_FILE_SIZE, 8);

	lode_form_put_(form, at + LODE_LIMINE_FILE_ADDR, 8, s->hhdm + file->addr);
	lode_form_put_(form, at + LODE_LIMINE_FILE_BYTES, 8, file->size);
	lode_form_put_(form, at + LODE_LIMINE_FILE_PATH, 8, s->hhdm + lode_form_string_(form, file->path));
	lode_form_put_(form, at + LODE_LIMINE_FILE_STRING, 8, s->hhdm + lode_form_string_(form, file->string));
	return at;
}

static void put_modules(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t at = lode_limine_answer_(form, s, LODE_LIMINE_MODULES, 24);
	uint64_t list = lode_form_room_(form, 8 * (uint64_t)machine->nmodules, 8);

	lode_form_put_(form, at, 8, s->limine->requests[LODE_LIMINE_MODULES].revision > 0);
	lode_form_put_(form, at + 8, 8, machine->nmodules);
	lode_form_put_(form, at + 16, 8, s->hhdm + list);
	for (uint32_t i = 0; i < machine->nmodules; i++) {
		const struct lode_part *part = lode_start_module(s->b->start, i);
		const struct file file = {part->addr, part->size, machine->modules[i].path, machine->modules[i].cmdline};

		lode_form_put_(form, list + 8 * (uint64_t)i, 8, s->hhdm + put_file(form, s, &file));
	}
}

void lode_limine_files_(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;

	if (lode_limine_asked_(s, LODE_LIMINE_FILE)) {
		const struct file kernel = {s->file, s->kernel->image->source->size, machine->path, machine->cmdline};
		uint64_t at = lode_limine_answer_(form, s, LODE_LIMINE_FILE, 16);

		lode_form_put_(form, at + 8, 8, s->hhdm + put_file(form, s, &kernel));
	}
	if (lode_limine_asked_(s, LODE_LIMINE_MODULES))
		put_modules(form, s);
}
