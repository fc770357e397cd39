/* SPDX-License-Identifier: MIT */
/* Plan and memory map -> the mappings of a Limine kernel: by base revision. */
#include "limine.h"

#define LAST_PHYSICAL (UINT64_C(1) << 46) /* what lies beyond has no room above the HHDM's base */

enum { RWX = LODE_PF_R | LODE_PF_W | LODE_PF_X };

static void map_image(const struct lode_limine_state_ *s)
{
	const struct lode_plan *plan = s->kernel->plan;

	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];
		const struct lode_start_mapping mapping = {.addr = run->addr, .phys = s->image + (run->addr - plan->span.addr),
			.size = run->size, .prot = run->prot, .what = LODE_FIELD_PART_KERNEL};

		lode_start_map_(s->b, &mapping);
	}
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

static void map_piece(const struct image_of_memory *m, uint64_t addr, uint64_t end)
{
	const struct lode_start_mapping mapping = {.addr = m->base + addr, .phys = addr, .size = end > addr ? end - addr : 0,
		.prot = RWX, .what = m->base != 0 ? LODE_FIELD_MAP_HHDM : LODE_FIELD_MAP_IDENTITY};

	lode_start_map_(m->s->b, &mapping);
}

static void flush(struct image_of_memory *m)
{
	struct lode_range screen = lode_start_screen_pages_(m->s->b->machine);
	uint64_t end = screen.addr + screen.size;

	if (screen.size == 0 || end <= m->addr || screen.addr >= m->end) {
		map_piece(m, m->addr, m->end);
		return;
	}
	map_piece(m, m->addr, screen.addr);
	map_piece(m, end, m->end);
}

/* Entries whose pages touch become one mapping. */
static void extend(struct image_of_memory *m, const struct lode_memory_entry *memory)
{
	uint64_t addr = align_down(memory->addr, LODE_PAGE_), last = memory->addr + (memory->size - 1), end;

	if (addr >= LAST_PHYSICAL)
		return;
	end = last >= LAST_PHYSICAL ? LAST_PHYSICAL : align_up(last + 1, LODE_PAGE_);
	if (addr > m->end) {
		flush(m);
		m->addr = addr;
		m->end = addr;
	}
	if (end > m->end)
		m->end = end;
}

static void map_memory(const struct lode_limine_state_ *s, uint64_t base)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t revision = s->limine->revision;
	struct image_of_memory m = {.s = s, .base = base};

	if (revision < 3)
		m.addr = LODE_PAGE_, m.end = LODE_FOUR_GIB_;
	for (uint32_t i = 0; i < machine->nmemory; i++)
		if (is_mapped(&machine->memory[i], revision))
			extend(&m, &machine->memory[i]);
	flush(&m);
}

static void map_screen(const struct lode_limine_state_ *s, uint64_t base)
{
	struct lode_range screen = lode_start_screen_pages_(s->b->machine);
	const struct lode_start_mapping mapping = {.addr = base + screen.addr, .phys = screen.addr, .size = screen.size,
		.prot = RWX, .cache = LODE_CACHE_WRITE_COMBINING, .what = LODE_FIELD_PART_FRAMEBUFFER};

	lode_start_map_(s->b, &mapping);
}

/* No two of the mappings can meet: the image is in the upper 2 GiB, what is physical below 2^46 of its window, and the screen is
 * cut out of the memory. */
int lode_limine_map_(struct lode_limine_state_ *s)
{
	struct lode_range screen = lode_start_screen_pages_(s->b->machine);

	if (beyond_(screen.addr, screen.size, LAST_PHYSICAL - 1))
		return lode_refuse_(s->b->why, LODE_RULE_START_TOO_HIGH,
			lode_nowhere_(LODE_FIELD_PART_FRAMEBUFFER, screen.addr, LAST_PHYSICAL - 1));
	map_image(s);
	map_memory(s, s->hhdm);
	map_screen(s, s->hhdm);
	if (s->limine->revision == 0) {
		map_memory(s, 0);
		map_screen(s, 0);
	}
	return LODE_OK;
}
