/* SPDX-License-Identifier: MIT */
/* What every protocol places: the image, the modules; and questions about a finished start state. */
#include <lode/note.h>

#include "start.h"

uint32_t lode_start_group_runs_(struct lode_part *part, const struct lode_plan *plan, uint32_t i, uint64_t move)
{
	const struct lode_run *run = &plan->runs[i];
	uint64_t end = run->addr + run->size;
	uint32_t n = 1;

	while (i + n < plan->nruns && plan->runs[i + n].addr == end)
		end += plan->runs[i + n++].size;
	*part = (struct lode_part){.addr = run->addr + move, .size = end - run->addr, .offset = run->addr, .index = run->segment,
		.what = LODE_FIELD_PART_KERNEL, .content = LODE_CONTENT_IMAGE};
	return n;
}

int lode_start_take_image_(struct lode_builder_ *b, const struct lode_plan *plan, uint64_t move)
{
	struct lode_part part;
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < plan->nruns;) {
		i += lode_start_group_runs_(&part, plan, i, move);
		status = lode_start_take_(b, &part);
	}
	return status;
}

bool lode_start_image_fits_(const struct lode_builder_ *b, const struct lode_plan *plan, uint64_t move)
{
	struct lode_part part;

	for (uint32_t i = 0; i < plan->nruns;) {
		i += lode_start_group_runs_(&part, plan, i, move);
		if (!lode_start_fits_(b, part.addr, part.size))
			return false;
	}
	return true;
}

int lode_start_put_file_(uint64_t *addr, struct lode_builder_ *b, const struct lode_image *image, const struct lode_wish_ *wish)
{
	struct lode_part part = {.size = image->source->size, .what = LODE_FIELD_PART_KERNEL_FILE, .index = LODE_NO_INDEX,
		.content = LODE_CONTENT_FILE};
	int status = lode_start_put_(&part, b, wish);

	*addr = part.addr;
	return status;
}

struct lode_range lode_start_screen_pages_(const struct lode_machine *machine)
{
	const struct lode_framebuffer *screen = machine->framebuffer;
	struct lode_range pages = {0};

	if (!screen)
		return pages;
	pages.addr = align_down(screen->addr, LODE_PAGE_);
	pages.size = align_up(screen->addr + (uint64_t)screen->pitch * screen->height, LODE_PAGE_) - pages.addr;
	return pages;
}

static int put_module(struct lode_builder_ *b, uint32_t i, const struct lode_wish_ *wish)
{
	const struct lode_module *module = &b->machine->modules[i];
	struct lode_part part = {.addr = module->addr, .size = module->size, .what = LODE_FIELD_PART_MODULE, .index = i,
		.content = LODE_CONTENT_MODULE};
	struct lode_diag place = lode_nowhere_(part.what, part.addr, wish->last);

	if (module->addr == LODE_ANYWHERE)
		return lode_start_put_(&part, b, wish);
	place.index = i;
	if (beyond_(module->addr, module->size, wish->last))
		return lode_refuse_(b->why, LODE_RULE_START_TOO_HIGH, place);
	return lode_start_take_(b, &part);
}

/* Those that have a place of their own come first: the others make room for them. */
int lode_start_put_modules_(struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < b->machine->nmodules; i++)
		if (b->machine->modules[i].addr != LODE_ANYWHERE)
			status = put_module(b, i, wish);
	for (uint32_t i = 0; status == LODE_OK && i < b->machine->nmodules; i++)
		if (b->machine->modules[i].addr == LODE_ANYWHERE)
			status = put_module(b, i, wish);
	return status;
}

bool lode_start_physical_byte_(const struct lode_image *image, uint64_t paddr)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_LOAD && paddr >= segment->paddr && paddr - segment->paddr < segment->filesz)
			return true;
	}
	return false;
}

int lode_start_check_entry_(const struct lode_kernel *kernel, struct lode_diag *why)
{
	if (!lode_start_physical_byte_(kernel->image, kernel->plan->entry))
		return lode_refuse_(why, LODE_RULE_START_ENTRY,
			lode_nowhere_(LODE_FIELD_EHDR_ENTRY, kernel->image->entry, 0));
	return LODE_OK;
}

static int refuse_machine(const struct lode_image *image, enum lode_field field, uint64_t value, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_START_MACHINE, lode_place_at_(field, value, lode_header_offset(image, field)));
}

int lode_start_x86_only_(const struct lode_image *image, struct lode_diag *why)
{
	if (image->machine != LODE_EM_X86_64 && image->machine != LODE_EM_386)
		return refuse_machine(image, LODE_FIELD_EHDR_MACHINE, image->machine, why);
	if (image->data != LODE_DATA2LSB)
		return refuse_machine(image, LODE_FIELD_EHDR_DATA, image->data, why);
	return LODE_OK;
}

int lode_start_x86_64_only_(const struct lode_image *image, struct lode_diag *why)
{
	int status = lode_start_x86_only_(image, why);

	if (status != LODE_OK)
		return status;
	if (image->machine != LODE_EM_X86_64)
		return refuse_machine(image, LODE_FIELD_EHDR_MACHINE, image->machine, why);
	if (image->class_ != LODE_CLASS64)
		return refuse_machine(image, LODE_FIELD_EHDR_CLASS, image->class_, why);
	return LODE_OK;
}

/* Notes of the build (LINUX_ELFNOTE_BUILD_SALT, LINUX_ELFNOTE_LTO_INFO), which every Linux of the last years has. */
bool lode_start_is_linux_(const struct lode_image *image)
{
	struct lode_note note;

	return lode_note_find(&note, image, "Linux", LODE_NT_LINUX_BUILD_SALT, NULL) > 0 ||
		lode_note_find(&note, image, "Linux", LODE_NT_LINUX_LTO_INFO, NULL) > 0;
}

uint32_t lode_e820_type_(enum lode_memory_type type)
{
	return type == LODE_MEMORY_FIRMWARE ? LODE_MEMORY_RESERVED : (uint32_t)type;
}

const struct lode_part *lode_start_module(const struct lode_start *start, uint32_t index)
{
	for (uint32_t i = 0; i < start->nparts; i++)
		if (start->parts[i].content == LODE_CONTENT_MODULE && start->parts[i].index == index)
			return &start->parts[i];
	return NULL;
}

bool lode_start_image(uint64_t *phys, const struct lode_start *start, uint64_t addr, uint64_t size)
{
	for (uint32_t i = 0; i < start->nparts; i++) {
		const struct lode_part *part = &start->parts[i];

		if (part->content == LODE_CONTENT_IMAGE && addr >= part->offset && within(addr - part->offset, size, part->size)) {
			*phys = part->addr + (addr - part->offset);
			return true;
		}
	}
	return false;
}
