/* SPDX-License-Identifier: MIT */
/* Plan and memory map -> the mappings of a Limine kernel: by base revision. */
#include "limine.h"

#define FOUR_GIB (UINT64_C(1) << 32)
#define LAST_PHYSICAL (UINT64_C(1) << 46) /* what lies beyond has no room above the HHDM's base */

enum { RWX = LODE_PF_R | LODE_PF_W | LODE_PF_X };

static int map_image(const struct lode_limine_state_ *s)
{
	const struct lode_plan *plan = s->kernel->plan;
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];
		const struct lode_start_mapping mapping = {.addr = run->addr, .phys = s->image + (run->addr - plan->span.addr),
			.size = run->size, .prot = run->prot, .what = LODE_FIELD_PART_KERNEL};

		status = lode_map_(s->b, &mapping);
	}
	return status;
}

/* Revisions up to 2 map all below 4 GiB without looking; what lies above is up to its kind. */
static bool is_mapped(const struct lode_memory_entry *memory, uint64_t revision)
{
	switch (memory->type) {
	case LODE_MEMORY_USABLE:
		return true;
	case LODE_MEMORY_ACPI:
	case LODE_MEMORY_NVS:
		return revision != 3;
	case LODE_MEMORY_FIRMWARE:
		return revision != 3 && revision != 1 && revision != 2;
	default:
		return revision == 0;
	}
}

/* Physical memory that is to be mapped once more at a distance, without what shows on the screen. */
struct image_of_memory {
	const struct lode_limine_state_ *s;
	uint64_t base;
	uint64_t addr, end; /* not yet mapped */
};

static int map_piece(const struct image_of_memory *m, uint64_t addr, uint64_t end)
{
	const struct lode_start_mapping mapping = {.addr = m->base + addr, .phys = addr, .size = end > addr ? end - addr : 0,
		.prot = RWX,
		.what = m->base != 0 ? LODE_FIELD_MAP_HHDM : LODE_FIELD_MAP_IDENTITY};

	return lode_map_(m->s->b, &mapping);
}

static struct lode_range screen_pages(const struct lode_machine *machine)
{
	const struct lode_framebuffer *screen = machine->framebuffer;
	struct lode_range range = {0};

	if (!screen)
		return range;
	range.addr = align_down_(screen->addr, LODE_PAGE_);
	range.size = align_up_(screen->addr + (uint64_t)screen->pitch * screen->height, LODE_PAGE_) - range.addr;
	return range;
}

static int flush(struct image_of_memory *m)
{
	struct lode_range screen = screen_pages(m->s->b->machine);
	uint64_t end = screen.addr + screen.size;
	int status;

	if (screen.size == 0 || end <= m->addr || screen.addr >= m->end)
		return map_piece(m, m->addr, m->end);
	status = map_piece(m, m->addr, screen.addr);
	return status == LODE_OK ? map_piece(m, end, m->end) : status;
}

/* Entries whose pages touch become one mapping. */
static int extend(struct image_of_memory *m, const struct lode_memory_entry *memory)
{
	uint64_t addr = align_down_(memory->addr, LODE_PAGE_), last = memory->addr + (memory->size - 1), end;
	int status = LODE_OK;

	if (addr >= LAST_PHYSICAL)
		return LODE_OK;
	end = last >= LAST_PHYSICAL ? LAST_PHYSICAL : align_up_(last + 1, LODE_PAGE_);
	if (addr > m->end) {
		status = flush(m);
		m->addr = addr;
		m->end = addr;
	}
	if (end > m->end)
		m->end = end;
	return status;
}

static int map_memory(const struct lode_limine_state_ *s, uint64_t base)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t revision = s->limine->revision;
	struct image_of_memory m = {.s = s, .base = base};
	int status = LODE_OK;

	if (revision < 3)
		m.addr = LODE_PAGE_, m.end = FOUR_GIB;
	for (uint32_t i = 0; status == LODE_OK && i < machine->nmemory; i++)
		if (is_mapped(&machine->memory[i], revision))
			status = extend(&m, &machine->memory[i]);
	return status == LODE_OK ? flush(&m) : status;
}

static int map_screen(const struct lode_limine_state_ *s, uint64_t base)
{
	struct lode_range screen = screen_pages(s->b->machine);
	const struct lode_start_mapping mapping = {.addr = base + screen.addr, .phys = screen.addr, .size = screen.size,
		.prot = RWX,
		.cache = LODE_CACHE_WRITE_COMBINING, .what = LODE_FIELD_PART_FRAMEBUFFER};

	return lode_map_(s->b, &mapping);
}

int lode_limine_map_(struct lode_limine_state_ *s)
{
	int status = map_image(s);

	if (status == LODE_OK)
		status = map_memory(s, s->hhdm);
	if (status == LODE_OK)
		status = map_screen(s, s->hhdm);
	if (status == LODE_OK && s->limine->revision == 0)
		status = map_memory(s, 0);
	return status == LODE_OK && s->limine->revision == 0 ? map_screen(s, 0) : status;
}
