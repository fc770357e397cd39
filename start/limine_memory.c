/* SPDX-License-Identifier: MIT */
/* Regions -> the memory map that a Limine kernel is given: sorted, with the framebuffer as an entry of its own. */
#include "limine.h"

enum { V_PAGE_ZERO = 3, V_FIRMWARE_MAPPED = 5 };

/* The list as it grows. */
struct list {
	struct lode_form_ *form;
	const struct lode_limine_state_ *s;
	uint64_t at;                     /* the entries */
	uint32_t n;
	struct lode_map_entry_ last;        /* entry n - 1 */
	uint32_t kind;                   /* of it */
	uint64_t screen, screen_end;     /* pages not yet in the list; equal: none */
};

static uint32_t kind_of_entry(enum lode_memory_type type, uint64_t revision)
{
	switch (type) {
	case LODE_MEMORY_USABLE:
		return LODE_LIMINE_MEMMAP_USABLE;
	case LODE_MEMORY_ACPI:
		return LODE_LIMINE_MEMMAP_ACPI_RECLAIMABLE;
	case LODE_MEMORY_NVS:
		return LODE_LIMINE_MEMMAP_ACPI_NVS;
	case LODE_MEMORY_BAD:
		return LODE_LIMINE_MEMMAP_BAD_MEMORY;
	case LODE_MEMORY_FIRMWARE:
		return revision >= V_FIRMWARE_MAPPED ? LODE_LIMINE_MEMMAP_RESERVED_MAPPED : LODE_LIMINE_MEMMAP_RESERVED;
	default:
		return LODE_LIMINE_MEMMAP_RESERVED;
	}
}

static uint32_t kind_of(const struct lode_map_entry_ *region, uint64_t revision)
{
	switch (region->what) {
	case LODE_FIELD_NONE:
		return kind_of_entry(region->type, revision);
	case LODE_FIELD_RESERVED:
		return LODE_LIMINE_MEMMAP_RESERVED;
	case LODE_FIELD_PART_KERNEL:
	case LODE_FIELD_PART_KERNEL_FILE:
	case LODE_FIELD_PART_MODULE:
		return LODE_LIMINE_MEMMAP_EXECUTABLE_AND_MODULES;
	default:
		return LODE_LIMINE_MEMMAP_BOOTLOADER_RECLAIMABLE;
	}
}

/* An entry, or more of the last one. */
static void add(struct list *list, uint64_t addr, uint64_t end, uint32_t kind)
{
	uint64_t at;

	if (end <= addr)
		return;
	if (list->n == 0 || list->kind != kind || list->last.end != addr) {
		list->n++;
		list->kind = kind;
		list->last.addr = addr;
	}
	list->last.end = end;
	at = list->at + (uint64_t)(list->n - 1) * LODE_LIMINE_MEMMAP_ENTRY;
	lode_form_put_(list->form, at, 8, list->last.addr);
	lode_form_put_(list->form, at + 8, 8, end - list->last.addr);
	lode_form_put_(list->form, at + 16, 8, kind);
}

static void add_screen(struct list *list)
{
	add(list, list->screen, list->screen_end, LODE_LIMINE_MEMMAP_FRAMEBUFFER);
	list->screen = list->screen_end;
}

/* Neighbours lose the pages that the screen is on. */
static void add_region(struct list *list, uint64_t addr, uint64_t end, uint32_t kind)
{
	uint64_t screen = list->screen, screen_end = list->screen_end;

	if (screen != screen_end && screen < end) {
		add(list, addr, screen < addr ? addr : screen, kind);
		add_screen(list);
	}
	add(list, addr < screen_end && end > screen ? screen_end : addr, end, kind);
}

static void add_all(struct list *list)
{
	struct lode_regions_ walk = {.b = list->s->b};
	uint64_t revision = list->s->limine->revision;
	struct lode_map_entry_ region;

	while (lode_region_next_(&region, &walk)) {
		uint32_t kind = kind_of(&region, revision);

		if (region.addr == 0 && kind == LODE_LIMINE_MEMMAP_USABLE && revision < V_PAGE_ZERO) {
			add_region(list, 0, LODE_PAGE_, LODE_LIMINE_MEMMAP_RESERVED);
			region.addr = LODE_PAGE_;
		}
		add_region(list, region.addr, region.end, kind);
	}
	if (list->screen != list->screen_end)
		add_screen(list);
}

/* Room is taken for the most that can be: pages that are placed later must not change where things lie. */
void lode_limine_memory_(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	struct list list = {.form = form, .s = s};
	struct lode_range screen = lode_start_screen_pages_(s->b->machine);
	uint64_t at, pointers;

	if (!lode_limine_asked_(s, LODE_LIMINE_MEMMAP))
		return;
	at = lode_limine_answer_(form, s, LODE_LIMINE_MEMMAP, 24);
	pointers = lode_form_room_(form, (uint64_t)s->max_regions * 8, 8);
	list.at = lode_form_room_(form, (uint64_t)s->max_regions * LODE_LIMINE_MEMMAP_ENTRY, 8);
	if (!form->bytes)
		return;
	list.screen = screen.addr;
	list.screen_end = screen.addr + screen.size;
	add_all(&list);
	lode_form_put_(form, at + 8, 8, list.n);
	lode_form_put_(form, at + 16, 8, s->hhdm + pointers);
	for (uint32_t i = 0; i < list.n; i++)
		lode_form_put_(form, pointers + 8 * (uint64_t)i, 8, s->hhdm + list.at + (uint64_t)i * LODE_LIMINE_MEMMAP_ENTRY);
}
