/* SPDX-License-Identifier: MIT */
/* Configuration, plan and memory map -> where everything is mapped. */
#include "rust.h"

#define ROOT_ENTRY (UINT64_C(1) << 39)
#define LAST_PHYSICAL (UINT64_C(1) << 46)
#define LARGEST_ALIGN (UINT64_C(1) << 46) /* of an image: half of what one half of the address space has */
#define HOLE UINT64_C(0x800000000000)
#define HOLE_END UINT64_C(0xffff800000000000)

enum { RW = LODE_PF_R | LODE_PF_W };

/* The first mapping in the way, or the hole between the two halves of the address space. */
static bool in_the_way(uint64_t *past, const struct lode_start *start, uint64_t addr, uint64_t size)
{
	uint64_t last = addr + (size - 1);

	if (addr < HOLE_END && last >= HOLE) {
		*past = HOLE_END;
		return true;
	}
	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *mapping = &start->mappings[i];
		uint64_t end = mapping->addr + (mapping->size - 1);

		if (addr <= end && mapping->addr <= last) {
			*past = end + 1;
			return true;
		}
	}
	return false;
}

/* In how many places of [first, last] so many bytes can begin. */
static uint64_t places(uint64_t first, uint64_t last, uint64_t need)
{
	return first <= last && last - first >= need ? last - first - need + 1 : 0;
}

/* A number below n, which is not 0. Those of the lower part come up twice as often where n is no power of two. */
static uint64_t below(uint64_t n, uint64_t random)
{
	uint64_t mask = n - 1;

	for (uint32_t shift = 1; shift < 64; shift *= 2)
		mask |= mask >> shift;
	random &= mask;
	return random < n ? random : random - n;
}

/* Where what may go anywhere is looked for first: in a random place if the kernel wants that and the machine has a number for it.
 * wish: its size, and as an address what alignment may add; so much fits behind the place. */
static uint64_t first_place(const struct lode_rust *config, const struct lode_machine *machine, uint32_t number,
	const struct lode_range *wish)
{
	uint64_t first = config->range_start, last = config->range_end, need = wish->size + wish->addr, low, high, at;

	if (!config->aslr || machine->nrandom / 8 <= number || need < wish->size)
		return first;
	low = places(first, last < HOLE ? last : HOLE - 1, need);
	high = places(first > HOLE_END ? first : HOLE_END, last, need);
	if (low + high == 0)
		return first;
	at = below(low + high, le64(machine->random + 8 * (uint64_t)number));
	return at < low ? first + at : (first > HOLE_END ? first : HOLE_END) + (at - low);
}

uint64_t lode_rust_base(const struct lode_rust *rust, const struct lode_image *image, const struct lode_machine *machine)
{
	const struct lode_segment *lowest, *highest;
	struct lode_range wish = {.addr = 2 * rust->align};

	if (image->nload == 0 || rust->kernel_base.fixed || !rust->aslr || machine->nrandom < 8 || rust->align >= LARGEST_ALIGN)
		return rust->base;
	lowest = &image->segments[image->segments[0].by_vaddr];
	highest = &image->segments[image->segments[image->nload - 1].by_vaddr];
	wish.size = align_up(highest->vaddr + highest->memsz, LODE_PAGE_) - align_down(lowest->vaddr, LODE_PAGE_);
	return align_up(first_place(rust, machine, 0, &wish), rust->align) + (rust->base & (rust->align - 1));
}

static bool find_from(uint64_t *addr, const struct lode_rust_state_ *s, uint64_t size, uint64_t align)
{
	uint64_t at = *addr, end = s->config->range_end;

	while (align_up_ok_(&at, at, align) && at <= end && end - at >= size - 1) {
		uint64_t past = 0;

		if (!in_the_way(&past, s->b->start, at, size)) {
			*addr = at;
			return true;
		}
		if (past <= at)
			return false;
		at = past;
	}
	return false;
}

/* From a random place upwards, or else from the lowest. */
static bool find_room(uint64_t *addr, struct lode_rust_state_ *s, uint64_t size, uint64_t align)
{
	const struct lode_range wish = {align, size};

	*addr = first_place(s->config, s->b->machine, s->drawn++, &wish);
	if (find_from(addr, s, size, align))
		return true;
	*addr = s->config->range_start;
	return find_from(addr, s, size, align);
}

int lode_rust_room_(struct lode_rust_state_ *s, const struct lode_rust_mapping *wish, struct lode_start_mapping *mapping,
	uint64_t align)
{
	struct lode_diag place = lode_nowhere_(mapping->what, wish->addr, align);

	if (!wish->fixed && !find_room(&mapping->addr, s, mapping->size, align))
		return lode_start_no_place_(s->b->why,
			lode_nowhere_(mapping->what, mapping->size, s->config->range_end));
	if (wish->fixed) {
		mapping->addr = wish->addr;
		if ((wish->addr & (align - 1)) != 0 || mapping->size - 1 > UINT64_MAX - wish->addr ||
			(wish->addr < HOLE_END && wish->addr + (mapping->size - 1) >= HOLE))
			return lode_refuse_(s->b->why, LODE_RULE_START_RUST_ADDRESS, place);
	}
	return lode_start_map_(s->b, mapping);
}

/* Pages of a run inside and outside of what turns read-only. */
static void map_run(struct lode_rust_state_ *s, const struct lode_run *run, uint64_t phys)
{
	const struct lode_range *relro = &s->kernel->plan->relro;
	uint64_t end = run->addr + (run->size - 1) + 1, cuts[4] = {run->addr, run->addr, run->addr, end};

	if (relro->size > 0 && relro->addr < end && relro->addr + relro->size > run->addr) {
		cuts[1] = relro->addr > run->addr ? relro->addr : run->addr;
		cuts[2] = relro->addr + relro->size < end ? relro->addr + relro->size : end;
	}
	for (uint32_t i = 0; i < 3; i++) {
		const struct lode_start_mapping mapping = {.addr = cuts[i], .phys = phys + (cuts[i] - run->addr),
			.size = cuts[i + 1] - cuts[i], .prot = i == 1 ? run->prot & ~LODE_PF_W : run->prot,
			.what = LODE_FIELD_PART_KERNEL};

		lode_start_map_(s->b, &mapping);
	}
}

/* In pieces: runs that lie side by side get memory side by side. These are the first mappings, so that none is in their way. */
int lode_rust_image_(struct lode_rust_state_ *s, const struct lode_wish_ *wish)
{
	const struct lode_plan *plan = s->kernel->plan;
	int status = LODE_OK;

	for (uint32_t i = 0, next; status == LODE_OK && i < plan->nruns; i = next) {
		struct lode_part part;

		next = i + lode_start_group_runs_(&part, plan, i, 0);
		status = lode_start_put_(&part, s->b, wish);
		for (uint32_t k = i; k < next; k++)
			map_run(s, &plan->runs[k], part.addr + (plan->runs[k].addr - part.offset));
	}
	return status;
}

/* The guard page comes first: that is also what a fixed address means. */
static int map_stack(struct lode_rust_state_ *s, uint64_t phys, uint64_t size)
{
	struct lode_start_mapping guard = {.size = LODE_PAGE_ + size, .what = LODE_FIELD_PART_STACK};
	struct lode_start_mapping stack = {.phys = phys, .size = size, .prot = RW, .what = LODE_FIELD_PART_STACK};
	int status = lode_rust_room_(s, &s->config->stack, &guard, LODE_PAGE_);

	if (status != LODE_OK)
		return status;
	s->b->start->mappings[s->b->start->nmappings - 1].size = LODE_PAGE_;
	s->stack = stack.addr = guard.addr + LODE_PAGE_;
	return lode_start_map_(s->b, &stack);
}

static int put_stack(struct lode_rust_state_ *s)
{
	const struct lode_wish_ wish = {.align = LODE_PAGE_, .min = LODE_ONE_MIB_, .last = UINT64_MAX};
	struct lode_part part = {.what = LODE_FIELD_PART_STACK, .index = LODE_NO_INDEX, .content = LODE_CONTENT_ZERO};
	uint64_t size = s->config->stack_size;
	int status;

	if (size < 16 || size > LODE_FOUR_GIB_)
		return lode_refuse_(s->b->why, LODE_RULE_START_RUST_FIELD,
			lode_place_at_(LODE_FIELD_RUST_STACK, size, s->config->offset + LODE_RUST_HEAD_));
	part.size = align_up(size, LODE_PAGE_);
	status = lode_start_put_(&part, s->b, &wish);
	return status == LODE_OK ? map_stack(s, part.addr, part.size) : status;
}

static int map_framebuffer(struct lode_rust_state_ *s)
{
	const struct lode_framebuffer *screen = s->b->machine->framebuffer;
	struct lode_range pages = lode_start_screen_pages_(s->b->machine);
	struct lode_start_mapping mapping = {.phys = pages.addr, .size = pages.size, .prot = RW,
		.cache = LODE_CACHE_WRITE_COMBINING, .what = LODE_FIELD_PART_FRAMEBUFFER};
	int status;

	if (!screen)
		return LODE_OK;
	status = lode_rust_room_(s, &s->config->framebuffer, &mapping, LODE_PAGE_);
	s->framebuffer = mapping.addr + (screen->addr - pages.addr);
	return status;
}

/* Four GiB at least, and up to the end of the memory map. */
static int map_physical(struct lode_rust_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	struct lode_start_mapping mapping = {.size = LODE_FOUR_GIB_, .prot = RW, .what = LODE_FIELD_MAP_PHYSICAL};
	int status;

	if (!s->config->has_physical)
		return LODE_OK;
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		uint64_t last = machine->memory[i].addr + (machine->memory[i].size - 1);

		if (last < LAST_PHYSICAL && last >= mapping.size)
			mapping.size = align_up(last + 1, LODE_LARGE_PAGE_);
	}
	status = lode_rust_room_(s, &s->config->physical, &mapping, LODE_LARGE_PAGE_);
	s->physical = mapping.addr;
	return status;
}

/* One entry of the root points at the root. */
static int map_recursive(struct lode_rust_state_ *s)
{
	struct lode_start_mapping mapping = {.size = ROOT_ENTRY, .what = LODE_FIELD_MAP_RECURSIVE};
	int status;

	if (!s->config->has_recursive)
		return LODE_OK;
	status = lode_rust_room_(s, &s->config->recursive, &mapping, ROOT_ENTRY);
	s->b->start->recursive = mapping.addr >> 39 & 511;
	return status;
}

static int map_ramdisk(struct lode_rust_state_ *s)
{
	const struct lode_part *part = lode_start_module(s->b->start, 0);
	struct lode_start_mapping mapping = {.prot = RW, .what = LODE_FIELD_PART_MODULE};
	uint64_t inside;
	int status;

	if (!part || part->size == 0)
		return LODE_OK;
	inside = part->addr & (LODE_PAGE_ - 1);
	mapping.phys = part->addr - inside;
	mapping.size = align_up(inside + part->size, LODE_PAGE_);
	status = lode_rust_room_(s, &s->config->ramdisk, &mapping, LODE_PAGE_);
	s->ramdisk = mapping.addr + inside;
	return status;
}

/* What has a fixed address comes first in each configuration that is any good; a conflict names both. */
int lode_rust_map_(struct lode_rust_state_ *s)
{
	int status = put_stack(s);

	if (status == LODE_OK)
		status = map_framebuffer(s);
	if (status == LODE_OK)
		status = map_recursive(s);
	if (status == LODE_OK)
		status = map_physical(s);
	return status == LODE_OK ? map_ramdisk(s) : status;
}
