/* SPDX-License-Identifier: MIT */
/* A Multiboot 1 kernel and a machine -> the information structure and the registers of the entry. */
#include "multiboot.h"

enum { COLOUR = 1 };

/* What the structure is made of, and where it came to lie. */
struct mbi {
	const struct lode_builder_ *b;
	struct lode_told_sections_ told;
	uint64_t info, gdt;
	uint32_t flags;
};

static void put(struct lode_form_ *form, const struct mbi *m, uint32_t offset, uint64_t value)
{
	lode_form_put_(form, m->info + offset, 4, value);
}

static void put_memory(struct lode_form_ *form, struct mbi *m)
{
	const struct lode_machine *machine = m->b->machine;
	uint64_t at = lode_form_room_(form, (uint64_t)machine->nmemory * LODE_MBI_MMAP_ENTRY, 4);

	put(form, m, LODE_MBI_MEM_LOWER, lode_multiboot_memory_lower_(machine));
	put(form, m, LODE_MBI_MEM_UPPER, lode_multiboot_memory_upper_(machine));
	put(form, m, LODE_MBI_MMAP_LENGTH, (uint64_t)machine->nmemory * LODE_MBI_MMAP_ENTRY);
	put(form, m, LODE_MBI_MMAP_ADDR, at);
	for (uint32_t i = 0; i < machine->nmemory; i++, at += LODE_MBI_MMAP_ENTRY) {
		lode_form_put_(form, at + LODE_MBI_MMAP_SIZE, 4, LODE_MBI_MMAP_ENTRY - 4);
		lode_form_put_(form, at + LODE_MBI_MMAP_BASE, 8, machine->memory[i].addr);
		lode_form_put_(form, at + LODE_MBI_MMAP_LEN, 8, machine->memory[i].size);
		lode_form_put_(form, at + LODE_MBI_MMAP_TYPE, 4, lode_multiboot_type_(machine->memory[i].type));
	}
	m->flags |= LODE_MBI_HAS_MEMORY | LODE_MBI_HAS_MMAP;
}

static void put_modules(struct lode_form_ *form, struct mbi *m)
{
	const struct lode_machine *machine = m->b->machine;
	uint64_t at = lode_form_room_(form, (uint64_t)machine->nmodules * LODE_MBI_MOD_ENTRY, 4);

	put(form, m, LODE_MBI_MODS_COUNT, machine->nmodules);
	put(form, m, LODE_MBI_MODS_ADDR, machine->nmodules > 0 ? at : 0);
	for (uint32_t i = 0; i < machine->nmodules; i++, at += LODE_MBI_MOD_ENTRY) {
		const struct lode_part *part = lode_start_module(m->b->start, i);

		lode_form_put_(form, at + LODE_MBI_MOD_START, 4, part->addr);
		lode_form_put_(form, at + LODE_MBI_MOD_END, 4, part->addr + part->size);
		lode_form_put_(form, at + LODE_MBI_MOD_STRING, 4, lode_form_string_(form, machine->modules[i].cmdline));
	}
	m->flags |= LODE_MBI_HAS_MODS;
}

static void put_screen(struct lode_form_ *form, struct mbi *m)
{
	const struct lode_framebuffer *screen = m->b->machine->framebuffer;

	if (!screen)
		return;
	lode_form_put_(form, m->info + LODE_MBI_FB_ADDR, 8, screen->addr);
	put(form, m, LODE_MBI_FB_PITCH, screen->pitch);
	put(form, m, LODE_MBI_FB_WIDTH, screen->width);
	put(form, m, LODE_MBI_FB_HEIGHT, screen->height);
	lode_form_put_(form, m->info + LODE_MBI_FB_BPP, 1, screen->bpp);
	lode_form_put_(form, m->info + LODE_MBI_FB_TYPE, 1, COLOUR);
	lode_multiboot_put_colours_(form, m->info + LODE_MBI_FB_COLOURS, screen);
	m->flags |= LODE_MBI_HAS_FB;
}

static void put_sections(struct lode_form_ *form, struct mbi *m)
{
	const struct lode_image *image = m->told.image;

	if (!image)
		return;
	put(form, m, LODE_MBI_SHDR_NUM, image->nsections);
	put(form, m, LODE_MBI_SHDR_SIZE, lode_multiboot_section_size_(image));
	put(form, m, LODE_MBI_SHDR_ADDR, lode_multiboot_put_sections_(form, &m->told));
	put(form, m, LODE_MBI_SHDR_SHNDX, image->shstrndx);
	m->flags |= LODE_MBI_HAS_SHDR;
}

static void compose(struct lode_form_ *form, void *context)
{
	struct mbi *m = context;

	m->info = lode_form_room_(form, LODE_MBI_SIZE, 8);
	m->gdt = lode_form_gdt_(form, LODE_CODE32_);
	put_memory(form, m);
	put_modules(form, m);
	put_screen(form, m);
	put_sections(form, m);
	put(form, m, LODE_MBI_CMDLINE, lode_form_string_(form, m->b->machine->cmdline));
	put(form, m, LODE_MBI_LOADER_NAME, lode_form_string_(form, LODE_LOADER_NAME_));
	m->flags |= LODE_MBI_HAS_CMDLINE | LODE_MBI_HAS_LOADER_NAME;
	put(form, m, LODE_MBI_FLAGS, m->flags);
}

static int take_kernel(uint64_t *entry, struct lode_builder_ *b, const struct lode_multiboot *multiboot,
	const struct lode_kernel *kernel)
{
	int status;

	*entry = multiboot->entry;
	if (multiboot->raw)
		return lode_multiboot_take_raw_(b, &multiboot->load);
	if (!kernel)
		return lode_refuse_(b->why, LODE_RULE_START_KERNEL_MISSING,
			lode_place_at_(LODE_FIELD_MULTIBOOT_FLAGS, multiboot->flags, multiboot->offset + LODE_MULTIBOOT_FLAGS));
	status = lode_start_x86_only_(kernel->image, b->why);
	if (status == LODE_OK)
		status = lode_start_check_entry_(kernel, b->why);
	*entry = kernel->plan->entry;
	return status == LODE_OK ? lode_start_take_image_(b, kernel->plan, 0) : status;
}

int lode_start_multiboot(struct lode_start *start, const struct lode_multiboot *multiboot, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	const struct lode_kernel *elf = multiboot->raw ? NULL : kernel;
	struct mbi m = {.b = &b, .told = {.start = start, .image = lode_multiboot_told_image_(elf)}};
	const struct lode_composition_ composition = {compose, &m, LODE_FIELD_PART_INFO};
	uint64_t entry;
	int status = lode_multiboot_begin_(&b, LODE_PROTOCOL_MULTIBOOT, elf, m.told.image);

	if (status == LODE_OK)
		status = take_kernel(&entry, &b, multiboot, elf);
	if (status == LODE_OK)
		status = lode_multiboot_place_(&b, m.told.image, &composition);
	if (status == LODE_OK)
		lode_multiboot_enter_(start, LODE_MULTIBOOT_EAX, m.info, m.gdt, entry);
	return status;
}
