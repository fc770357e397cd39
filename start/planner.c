/* SPDX-License-Identifier: MIT */
/* A machine's memory map and what is taken of it -> free places; two claims to one place are an error that names both. */
#include "start.h"

static uint64_t end_of(const struct lode_memory_entry *memory)
{
	return memory->addr + memory->size;
}

/* Ends may be 2^64, which is 0; entries are compared by their last byte. */
static int check_memory(const struct lode_builder_ *b)
{
	const struct lode_machine *machine = b->machine;
	uint64_t next = 0;
	bool full = false;

	for (uint32_t i = 0; i < machine->nmemory; i++) {
		const struct lode_memory_entry *memory = &machine->memory[i];
		struct lode_diag place = lode_nowhere_(LODE_FIELD_MEMORY, memory->addr, next);

		place.index = i;
		if (full || memory->size == 0 || memory->addr < next || memory->size - 1 > UINT64_MAX - memory->addr)
			return lode_refuse_(b->why, LODE_RULE_MACHINE_MEMORY, place);
		next = end_of(memory);
		full = next == 0;
	}
	return LODE_OK;
}

static int check_ranges(const struct lode_builder_ *b)
{
	for (uint32_t i = 0; i < b->machine->nreserved; i++) {
		const struct lode_range *range = &b->machine->reserved[i];
		struct lode_diag place = lode_nowhere_(LODE_FIELD_RESERVED, range->addr, range->size);

		place.index = i;
		if (range->size > UINT64_MAX - range->addr)
			return lode_refuse_(b->why, LODE_RULE_MACHINE_RANGE, place);
	}
	return LODE_OK;
}

/* What is on the screen must not be taken for memory by anyone. */
static int check_screen(const struct lode_builder_ *b)
{
	const struct lode_framebuffer *screen = b->machine->framebuffer;
	uint64_t size = screen ? (uint64_t)screen->pitch * screen->height : 0;

	if (size == 0)
		return LODE_OK;
	for (uint32_t i = 0; i < b->machine->nmemory; i++) {
		const struct lode_memory_entry *memory = &b->machine->memory[i];
		struct lode_diag place = lode_nowhere_(LODE_FIELD_PART_FRAMEBUFFER, screen->addr, memory->addr);

		place.other = i;
		place.with = LODE_FIELD_MEMORY;
		if (size > UINT64_MAX - screen->addr || (memory->type == LODE_MEMORY_USABLE && screen->addr <= end_of(memory) - 1 &&
			memory->addr <= screen->addr + (size - 1)))
			return lode_refuse_(b->why, LODE_RULE_START_CONFLICT, place);
	}
	return LODE_OK;
}

static int check_room(const struct lode_builder_ *b, uint32_t nruns, uint32_t nsections)
{
	struct lode_start *start = b->start;
	uint32_t parts = LODE_START_PARTS(nruns, b->machine, nsections), mappings = LODE_START_MAPPINGS(nruns, b->machine);

	start->nparts = parts;
	start->nmappings = mappings;
	if (start->max_parts < parts)
		return lode_refuse_(b->why, LODE_RULE_ROOM_PARTS, lode_nowhere_(LODE_FIELD_START_PARTS, start->max_parts,
			parts));
	if (start->max_mappings < mappings)
		return lode_refuse_(b->why, LODE_RULE_ROOM_MAPPINGS,
			lode_nowhere_(LODE_FIELD_START_MAPPINGS, start->max_mappings, mappings));
	start->nparts = 0;
	start->nmappings = 0;
	return LODE_OK;
}

int lode_start_begin_(struct lode_builder_ *b, enum lode_protocol protocol, uint32_t nruns, uint32_t nsections)
{
	struct lode_start *start = b->start;
	int status;

	start->nbytes = 0;
	start->protocol = protocol;
	start->info = 0;
	start->levels = 0;
	start->tables = (struct lode_range){0};
	start->recursive = 0;
	start->registers = (struct lode_registers){.rflags = 2, .pat = LODE_PAT_RESET_};
	start->others = (struct lode_others){0};
	status = check_room(b, nruns, nsections);
	if (status == LODE_OK)
		status = check_memory(b);
	if (status == LODE_OK)
		status = check_ranges(b);
	return status == LODE_OK ? check_screen(b) : status;
}

uint64_t lode_usable_end_(const struct lode_machine *machine, uint64_t addr)
{
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		const struct lode_memory_entry *memory = &machine->memory[i];

		if (memory->type == LODE_MEMORY_USABLE && memory->addr <= addr && addr - memory->addr < memory->size)
			addr = end_of(memory);
	}
	return addr;
}

uint64_t lode_usable_last_(const struct lode_machine *machine, uint64_t last)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < machine->nmemory; i++) {
		const struct lode_memory_entry *memory = &machine->memory[i];

		if (memory->type == LODE_MEMORY_USABLE && memory->addr <= last)
			found = end_of(memory) - 1 < last ? end_of(memory) - 1 : last;
	}
	return found;
}

/* Where the usable memory ends in which addr lies; or else where the next begins; or else where the last ends. */
static uint64_t bound_of(const struct lode_machine *machine, uint64_t addr)
{
	uint64_t end = lode_usable_end_(machine, addr);

	for (uint32_t i = 0; end == addr && i < machine->nmemory; i++)
		if (machine->memory[i].type == LODE_MEMORY_USABLE && machine->memory[i].addr > addr)
			end = machine->memory[i].addr;
	return end != addr ? end : lode_usable_last_(machine, UINT64_MAX) + 1;
}

/* Something that lies in the way. */
struct obstacle {
	uint64_t addr, size;
	enum lode_field what;
	uint32_t index;
};

/* The k-th of all that is taken: reserved ranges, then parts. */
static bool obstacle(struct obstacle *o, const struct lode_builder_ *b, uint32_t k)
{
	const struct lode_machine *machine = b->machine;

	if (k < machine->nreserved) {
		*o = (struct obstacle){machine->reserved[k].addr, machine->reserved[k].size, LODE_FIELD_RESERVED, k};
		return true;
	}
	k -= machine->nreserved;
	if (k >= b->start->nparts)
		return false;
	*o = (struct obstacle){b->start->parts[k].addr, b->start->parts[k].size, b->start->parts[k].what, b->start->parts[k].index};
	return true;
}

/* Neither range wraps. */
static bool overlap(uint64_t addr, uint64_t size, const struct obstacle *o)
{
	return size > 0 && o->size > 0 && addr < o->addr + o->size && o->addr < addr + size;
}

static bool in_the_way(struct obstacle *o, const struct lode_builder_ *b, uint64_t addr, uint64_t size)
{
	for (uint32_t k = 0; obstacle(o, b, k); k++)
		if (overlap(addr, size, o))
			return true;
	return false;
}

static bool usable(const struct lode_builder_ *b, uint64_t addr, uint64_t size)
{
	uint64_t end = lode_usable_end_(b->machine, addr);

	return size < UINT64_MAX - addr && (size == 0 || (end > addr && end - addr >= size));
}

bool lode_start_fits_(const struct lode_builder_ *b, uint64_t addr, uint64_t size)
{
	struct obstacle o;

	return usable(b, addr, size) && !in_the_way(&o, b, addr, size);
}

static void add(struct lode_builder_ *b, const struct lode_part *part)
{
	if (b->start->nparts < b->start->max_parts)
		b->start->parts[b->start->nparts++] = *part;
}

int lode_start_take_(struct lode_builder_ *b, const struct lode_part *part)
{
	struct lode_diag place = lode_nowhere_(part->what, part->addr, part->size);
	struct obstacle o;

	place.index = part->index;
	if (!usable(b, part->addr, part->size)) {
		place.limit = bound_of(b->machine, part->addr);
		return lode_refuse_(b->why, LODE_RULE_START_OUTSIDE, place);
	}
	if (in_the_way(&o, b, part->addr, part->size)) {
		place.other = o.index;
		place.with = o.what;
		place.limit = o.addr;
		return lode_refuse_(b->why, LODE_RULE_START_CONFLICT, place);
	}
	add(b, part);
	return LODE_OK;
}

void lode_start_patch_(struct lode_builder_ *b, uint64_t addr, uint64_t value)
{
	const struct lode_part part = {.addr = addr, .size = 8, .offset = value, .what = LODE_FIELD_PART_ANSWER,
		.index = LODE_NO_INDEX, .content = LODE_CONTENT_WORD, .patch = true};

	add(b, &part);
}

/* Lowest place in [low, end). */
static bool find_low(struct lode_part *part, const struct lode_builder_ *b, struct lode_range window, uint64_t align)
{
	uint64_t end = window.addr + window.size, addr = window.addr;
	struct obstacle o;

	while (align_up_ok_(&addr, addr, align) && addr <= end && end - addr >= part->size) {
		if (!in_the_way(&o, b, addr, part->size)) {
			part->addr = addr;
			return true;
		}
		addr = o.addr + o.size;
	}
	return false;
}

static bool find_high(struct lode_part *part, const struct lode_builder_ *b, struct lode_range window, uint64_t align)
{
	uint64_t end = window.addr + window.size;
	struct obstacle o;

	while (end - window.addr >= part->size) {
		uint64_t addr = align_down(end - part->size, align);

		if (addr < window.addr)
			return false;
		if (!in_the_way(&o, b, addr, part->size)) {
			part->addr = addr;
			return true;
		}
		if (o.addr <= window.addr)
			return false;
		end = o.addr;
	}
	return false;
}

/* Usable memory from entry i on that the wish allows; *i: the entry behind it. The last page of all addresses is left out. */
static bool window_at(struct lode_range *window, uint32_t *i, const struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	const struct lode_memory_entry *memory = &b->machine->memory[*i];
	uint64_t low = memory->addr, end = lode_usable_end_(b->machine, low), past;

	++*i;
	if (memory->type != LODE_MEMORY_USABLE)
		return false;
	if (end == 0)
		end = UINT64_MAX - LODE_PAGE_ + 1;
	while (*i < b->machine->nmemory && b->machine->memory[*i].addr < end)
		++*i;
	past = wish->last < UINT64_MAX ? wish->last + 1 : UINT64_MAX;
	low = low > wish->min ? low : wish->min;
	end = end < past ? end : past;
	*window = (struct lode_range){low, end > low ? end - low : 0};
	return end > low;
}

bool lode_start_find_(struct lode_part *part, const struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	bool found = false;
	struct lode_range window;

	for (uint32_t i = 0; i < b->machine->nmemory;) {
		if (!window_at(&window, &i, b, wish))
			continue;
		if (wish->high)
			found |= find_high(part, b, window, wish->align);
		else if (find_low(part, b, window, wish->align))
			return true;
	}
	return found;
}

int lode_start_put_(struct lode_part *part, struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	if (!lode_start_find_(part, b, wish)) {
		struct lode_diag place = lode_nowhere_(part->what, part->size, lode_usable_last_(b->machine, wish->last));

		place.index = part->index;
		return lode_start_no_place_(b->why, place);
	}
	return lode_start_take_(b, part);
}
