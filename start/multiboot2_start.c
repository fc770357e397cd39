/* SPDX-License-Identifier: MIT */
/* A Multiboot 2 kernel and a machine -> information tags and the registers of the entry. */
#include <lode/multiboot2.h>

#include "multiboot.h"

enum { COLOUR = 1, TAG = 8, OLD_RSDP = 20 };

/* What the tags are made of, and where they came to lie. */
struct tags {
	const struct lode_builder_ *b;
	struct lode_told_sections_ told;
	uint64_t info, gdt;
	bool moved; /* the kernel is relocatable and wants to know where it is */
};

static uint64_t put_tag(struct lode_form_ *form, uint32_t type, uint64_t size)
{
	uint64_t at = lode_form_room_(form, size, LODE_MULTIBOOT2_ALIGN);

	lode_form_put_(form, at, 4, type);
	lode_form_put_(form, at + 4, 4, size);
	return at + TAG;
}

static void put_string(struct lode_form_ *form, uint32_t type, const char *s)
{
	uint64_t size = lode_string_size_(s), at = put_tag(form, type, TAG + size);

	lode_form_copy_(form, at, s ? s : "", size);
}

static void put_memory(struct lode_form_ *form, const struct lode_machine *machine)
{
	uint64_t at = put_tag(form, LODE_MB2I_MEMORY, TAG + 8);

	lode_form_put_(form, at, 4, lode_multiboot_memory_lower_(machine));
	lode_form_put_(form, at + 4, 4, lode_multiboot_memory_upper_(machine));
	at = put_tag(form, LODE_MB2I_MMAP, TAG + 8 + (uint64_t)machine->nmemory * 24);
	lode_form_put_(form, at, 4, 24);
	at += 8;
	for (uint32_t i = 0; i < machine->nmemory; i++, at += 24) {
		lode_form_put_(form, at, 8, machine->memory[i].addr);
		lode_form_put_(form, at + 8, 8, machine->memory[i].size);
		lode_form_put_(form, at + 16, 4, lode_multiboot_type_(machine->memory[i].type));
	}
}

static void put_modules(struct lode_form_ *form, const struct tags *t)
{
	const struct lode_machine *machine = t->b->machine;

	for (uint32_t i = 0; i < machine->nmodules; i++) {
		const struct lode_part *part = lode_start_module(t->b->start, i);
		const char *cmdline = machine->modules[i].cmdline;
		uint64_t size = lode_string_size_(cmdline), at = put_tag(form, LODE_MB2I_MODULE, TAG + 8 + size);

		lode_form_put_(form, at, 4, part->addr);
		lode_form_put_(form, at + 4, 4, part->addr + part->size);
		lode_form_copy_(form, at + 8, cmdline ? cmdline : "", size);
	}
}

static void put_screen(struct lode_form_ *form, const struct lode_framebuffer *screen)
{
	uint64_t at;

	if (!screen)
		return;
	at = put_tag(form, LODE_MB2I_FRAMEBUFFER, TAG + 30);
	lode_form_put_(form, at, 8, screen->addr);
	lode_form_put_(form, at + 8, 4, screen->pitch);
	lode_form_put_(form, at + 12, 4, screen->width);
	lode_form_put_(form, at + 16, 4, screen->height);
	lode_form_put_(form, at + 20, 1, screen->bpp);
	lode_form_put_(form, at + 21, 1, COLOUR);
	lode_multiboot_put_colours_(form, at + 24, screen);
}

static void put_sections(struct lode_form_ *form, const struct tags *t)
{
	const struct lode_image *image = t->told.image;
	uint64_t size, at;

	if (!image)
		return;
	size = TAG + 12 + (uint64_t)image->nsections * lode_multiboot_section_size_(image);
	at = put_tag(form, LODE_MB2I_SECTIONS, TAG + 12);
	lode_form_put_(form, at - 4, 4, size);
	lode_form_put_(form, at, 4, image->nsections);
	lode_form_put_(form, at + 4, 4, lode_multiboot_section_size_(image));
	lode_form_put_(form, at + 8, 4, image->shstrndx);
	lode_multiboot_put_sections_(form, &t->told);
}

/* The old one is what its first 20 bytes are; the new one is all of it. */
static void put_rsdp(struct lode_form_ *form, const struct lode_machine *machine)
{
	uint32_t size = machine->rsdp_bytes ? machine->rsdp_size : 0;

	if (size >= OLD_RSDP)
		lode_form_copy_(form, put_tag(form, LODE_MB2I_RSDP_OLD, TAG + OLD_RSDP), machine->rsdp_bytes, OLD_RSDP);
	if (size > OLD_RSDP)
		lode_form_copy_(form, put_tag(form, LODE_MB2I_RSDP_NEW, TAG + (uint64_t)size), machine->rsdp_bytes, size);
}

static uint64_t lowest(const struct lode_start *start)
{
	uint64_t addr = UINT64_MAX;

	for (uint32_t i = 0; i < start->nparts; i++)
		if (start->parts[i].what == LODE_FIELD_PART_KERNEL && start->parts[i].addr < addr)
			addr = start->parts[i].addr;
	return addr;
}

static void compose(struct lode_form_ *form, void *context)
{
	struct tags *t = context;
	const struct lode_machine *machine = t->b->machine;

	t->gdt = lode_form_gdt_(form, LODE_CODE32_);
	t->info = lode_form_room_(form, 8, LODE_MULTIBOOT2_ALIGN);
	put_string(form, LODE_MB2I_CMDLINE, machine->cmdline);
	put_string(form, LODE_MB2I_LOADER_NAME, LODE_LOADER_NAME_);
	put_memory(form, machine);
	put_modules(form, t);
	put_screen(form, machine->framebuffer);
	put_sections(form, t);
	put_rsdp(form, machine);
	if (t->moved)
		lode_form_put_(form, put_tag(form, LODE_MB2I_LOAD_BASE, TAG + 4), 4, lowest(t->b->start));
	put_tag(form, LODE_MB2I_END, TAG);
	lode_form_put_(form, t->info, 4, form->base + form->size - t->info);
}

static bool allowed(const struct lode_multiboot2 *m, const struct lode_plan *plan)
{
	return plan->span.addr >= m->min && (plan->span.addr & (m->align - 1)) == 0 &&
		plan->span.addr + (plan->span.size - 1) <= m->last;
}

static int move_image(uint64_t *move, struct lode_builder_ *b, const struct lode_multiboot2 *m, const struct lode_plan *plan)
{
	const struct lode_wish_ wish = {.align = m->align > LODE_PAGE_ ? m->align : LODE_PAGE_,
		.min = m->min > LODE_PAGE_ ? m->min : LODE_PAGE_, .last = m->last, .high = m->preference == 2};
	struct lode_part part = {.size = plan->span.size, .what = LODE_FIELD_PART_KERNEL};

	if (m->preference == 0 && allowed(m, plan) && lode_start_image_fits_(b, plan, 0))
		return LODE_OK;
	if (!lode_start_find_(&part, b, &wish))
		return lode_start_no_place_(b->why, lode_nowhere_(part.what, part.size, m->last));
	*move = part.addr - plan->span.addr;
	return LODE_OK;
}

static int take_elf(uint64_t *entry, struct tags *t, struct lode_builder_ *b, const struct lode_multiboot2 *m,
	const struct lode_kernel *kernel)
{
	int status = lode_start_x86_only_(kernel->image, b->why);

	if (status == LODE_OK && !m->has_entry)
		status = lode_start_check_entry_(kernel, b->why);
	if (status == LODE_OK && m->has_entry && !lode_start_physical_byte_(kernel->image, m->entry))
		status = lode_refuse_(b->why, LODE_RULE_START_ENTRY, lode_place_at_(LODE_FIELD_MULTIBOOT_ENTRY, m->entry,
			m->offset));
	if (status == LODE_OK && m->relocatable)
		status = move_image(&t->told.move, b, m, kernel->plan);
	*entry = (m->has_entry ? m->entry : kernel->plan->entry) + t->told.move;
	t->moved = m->relocatable;
	return status == LODE_OK ? lode_start_take_image_(b, kernel->plan, t->told.move) : status;
}

static int take_kernel(uint64_t *entry, struct tags *t, struct lode_builder_ *b, const struct lode_multiboot2 *m,
	const struct lode_kernel *kernel)
{
	*entry = m->entry;
	if (m->raw)
		return lode_multiboot_take_raw_(b, &m->load);
	if (!kernel)
		return lode_refuse_(b->why, LODE_RULE_START_KERNEL_MISSING,
			lode_place_at_(LODE_FIELD_MULTIBOOT2_MAGIC, LODE_MULTIBOOT2_MAGIC, m->offset));
	return take_elf(entry, t, b, m, kernel);
}

int lode_start_multiboot2(struct lode_start *start, const struct lode_multiboot2 *multiboot, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	const struct lode_kernel *elf = multiboot->raw ? NULL : kernel;
	struct tags t = {.b = &b, .told = {.start = start, .image = lode_multiboot_told_image_(elf)}};
	const struct lode_composition_ composition = {compose, &t, LODE_FIELD_PART_INFO};
	uint64_t entry;
	int status = lode_multiboot_begin_(&b, LODE_PROTOCOL_MULTIBOOT2, elf, t.told.image);

	if (status == LODE_OK)
		status = take_kernel(&entry, &t, &b, multiboot, elf);
	if (status == LODE_OK)
		status = lode_multiboot_place_(&b, t.told.image, &composition);
	if (status == LODE_OK)
		lode_multiboot_enter_(start, LODE_MULTIBOOT2_EAX, t.info, t.gdt, entry);
	return status;
}
