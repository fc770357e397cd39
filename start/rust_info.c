/* SPDX-License-Identifier: MIT */
/* What was placed and mapped -> BootInfo and its memory regions, byte for byte as the crate lays them out. */
#include "rust.h"

enum { NONE = 1 };

static void put(struct lode_form_ *form, const struct lode_rust_state_ *s, uint32_t offset, uint64_t value)
{
	lode_form_put_(form, s->info + offset, 8, value);
}

/* An Option's tag; its value, 8 bytes at the next multiple of 8, if it has one. */
static void put_option(struct lode_form_ *form, const struct lode_rust_state_ *s, uint32_t offset, bool some, uint64_t value)
{
	lode_form_put_(form, s->info + offset, 4, some ? 0 : NONE);
	if (some)
		put(form, s, offset + 8, value);
}

static uint32_t pixel_format(const struct lode_framebuffer *screen)
{
	if (screen->red.size != 8 || screen->green.size != 8 || screen->blue.size != 8)
		return screen->bpp == 8 ? LODE_RUST_U8 : LODE_RUST_UNKNOWN;
	if (screen->green.shift == 8 && screen->red.shift == 0 && screen->blue.shift == 16)
		return LODE_RUST_RGB;
	return screen->green.shift == 8 && screen->red.shift == 16 && screen->blue.shift == 0 ? LODE_RUST_BGR : LODE_RUST_UNKNOWN;
}

static void put_framebuffer(struct lode_form_ *form, const struct lode_rust_state_ *s)
{
	const struct lode_framebuffer *screen = s->b->machine->framebuffer;
	uint64_t at = s->info + LODE_BOOTINFO_FB_POSITIONS;
	uint32_t bytes;

	lode_form_put_(form, s->info + LODE_BOOTINFO_FB, 4, screen ? 0 : NONE);
	if (!screen)
		return;
	bytes = (screen->bpp + 7u) / 8;
	put(form, s, LODE_BOOTINFO_FB_START, s->framebuffer);
	put(form, s, LODE_BOOTINFO_FB_LENGTH, (uint64_t)screen->pitch * screen->height);
	put(form, s, LODE_BOOTINFO_FB_WIDTH, screen->width);
	put(form, s, LODE_BOOTINFO_FB_HEIGHT, screen->height);
	lode_form_put_(form, s->info + LODE_BOOTINFO_FB_FORMAT, 4, pixel_format(screen));
	if (pixel_format(screen) == LODE_RUST_UNKNOWN) {
		lode_form_put_(form, at, 1, screen->red.shift);
		lode_form_put_(form, at + 1, 1, screen->green.shift);
		lode_form_put_(form, at + 2, 1, screen->blue.shift);
	}
	put(form, s, LODE_BOOTINFO_FB_BYTES, bytes);
	put(form, s, LODE_BOOTINFO_FB_STRIDE, bytes != 0 ? screen->pitch / bytes : 0);
}

static void put_options(struct lode_form_ *form, const struct lode_rust_state_ *s)
{
	const struct lode_rust *config = s->config;
	const struct lode_plan *plan = s->kernel->plan;
	const struct lode_part *ramdisk = lode_start_module(s->b->start, 0);

	put_option(form, s, LODE_BOOTINFO_PHYSICAL, config->has_physical, s->physical);
	lode_form_put_(form, s->info + LODE_BOOTINFO_RECURSIVE, 4, config->has_recursive ? 0 : NONE);
	lode_form_put_(form, s->info + LODE_BOOTINFO_RECURSIVE + 4, 2, s->b->start->recursive);
	put_option(form, s, LODE_BOOTINFO_RSDP, s->b->machine->rsdp != 0, s->b->machine->rsdp);
	put_option(form, s, LODE_BOOTINFO_TLS, plan->has_tls, plan->tls.addr);
	if (plan->has_tls) {
		put(form, s, LODE_BOOTINFO_TLS + 16, plan->tls.file_size);
		put(form, s, LODE_BOOTINFO_TLS + 24, plan->tls.mem_size);
	}
	put_option(form, s, LODE_BOOTINFO_RAMDISK, s->ramdisk != 0, s->ramdisk);
	put(form, s, LODE_BOOTINFO_RAMDISK_LENGTH, ramdisk ? ramdisk->size : 0);
}

static void put_kernel(struct lode_form_ *form, const struct lode_rust_state_ *s)
{
	put(form, s, LODE_BOOTINFO_KERNEL, s->file);
	put(form, s, LODE_BOOTINFO_KERNEL + 8, s->kernel->image->source->size);
	put(form, s, LODE_BOOTINFO_KERNEL_OFFSET, s->kernel->plan->bias);
	put(form, s, LODE_BOOTINFO_STACK, s->stack);
	put(form, s, LODE_BOOTINFO_STACK + 8, s->config->stack_size);
}

static uint32_t kind_of(const struct lode_map_entry_ *region)
{
	if (region->what != LODE_FIELD_NONE)
		return LODE_RUST_BOOTLOADER;
	return region->type == LODE_MEMORY_USABLE ? LODE_RUST_USABLE : LODE_RUST_UNKNOWN_BIOS;
}

/* Neighbours of one kind become one region. Room is taken for the most that can be. */
static void put_regions(struct lode_form_ *form, const struct lode_rust_state_ *s)
{
	uint64_t table = lode_form_room_(form, (uint64_t)s->max_regions * LODE_BOOTINFO_REGION, 8), at = table, end = 0;
	struct lode_regions_ walk = {.b = s->b};
	struct lode_map_entry_ region;
	uint32_t last = UINT32_MAX, n = 0;

	while (form->bytes && lode_region_next_(&region, &walk)) {
		uint32_t kind = kind_of(&region), value = kind == LODE_RUST_UNKNOWN_BIOS ? lode_e820_type_(region.type) : 0;

		if (last != (kind | value << 8) || end != region.addr) {
			lode_form_put_(form, at, 8, region.addr);
			lode_form_put_(form, at + 16, 4, kind);
			lode_form_put_(form, at + 20, 4, value);
			at += LODE_BOOTINFO_REGION;
			n++;
		}
		lode_form_put_(form, at - LODE_BOOTINFO_REGION + 8, 8, region.end);
		last = kind | value << 8;
		end = region.end;
	}
	put(form, s, LODE_BOOTINFO_REGIONS, s->boot_info + (table - s->info));
	put(form, s, LODE_BOOTINFO_REGIONS + 8, n);
}

void lode_rust_compose_(struct lode_form_ *form, void *context)
{
	struct lode_rust_state_ *s = context;
	const struct lode_rust *config = s->config;

	/* a fixed address need not be that of a page */
	lode_form_room_(form, s->boot_info & (LODE_PAGE_ - 1), 1);
	s->info = lode_form_room_(form, LODE_BOOTINFO_SIZE, 8);
	lode_form_put_(form, s->info + LODE_BOOTINFO_VERSION, 8, config->major | (uint64_t)config->minor << 16 |
		(uint64_t)config->patch << 32 | (uint64_t)config->pre << 48);
	put_framebuffer(form, s);
	put_options(form, s);
	put_kernel(form, s);
	s->gdt = lode_form_room_(form, LODE_RUST_GDT_SIZE_, 8);
	lode_form_put_(form, s->gdt + 8, 8, LODE_CODE64_);
	lode_form_put_(form, s->gdt + 16, 8, LODE_DATA32_);
	put_regions(form, s);
}
