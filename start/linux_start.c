/* SPDX-License-Identifier: MIT */
/* A bzImage or an ELF64 kernel and a machine -> the start state of Linux's 64-bit entry. */
#include <lode/linux.h>

#include "linux.h"

enum { ENTRY_64 = 0x200, V212 = 0x20c, ELF_CMDLINE = 2047 };

/* Why a kernel has no 64-bit entry. */
static int check_kernel(const struct lode_builder_ *b, const struct lode_linux *l)
{
	if (!(l->loadflags & LODE_LINUX_LOADED_HIGH))
		return lode_refuse_(b->why, LODE_RULE_START_LINUX_LOW,
			lode_place_at_(LODE_FIELD_LINUX_LOADFLAGS, l->loadflags, LODE_LINUX_LOADFLAGS));
	if (l->version < V212)
		return lode_refuse_(b->why, LODE_RULE_START_LINUX_16BIT,
			lode_place_at_(LODE_FIELD_LINUX_VERSION, l->version, LODE_LINUX_VERSION));
	if (!(l->xloadflags & LODE_LINUX_KERNEL_64))
		return lode_refuse_(b->why, LODE_RULE_START_LINUX_16BIT,
			lode_place_at_(LODE_FIELD_LINUX_XLOADFLAGS, l->xloadflags, LODE_LINUX_XLOADFLAGS));
	if (l->relocatable && !power_of_two(l->alignment))
		return lode_refuse_(b->why, LODE_RULE_START_LINUX_ALIGN,
			lode_place_at_(LODE_FIELD_LINUX_ALIGNMENT, l->alignment, LODE_LINUX_ALIGNMENT));
	return lode_linux_check_cmdline_(b, l->cmdline_size);
}

/* Where it prefers to be, or the next place above: what is loaded lower moves itself up there. */
static int find_system(struct lode_part *part, const struct lode_builder_ *b, const struct lode_linux *l)
{
	const struct lode_wish_ wish = {.align = l->alignment > LODE_PAGE_ ? l->alignment : LODE_PAGE_, .min = l->pref_address,
		.last = l->xloadflags & LODE_LINUX_ABOVE_4G ? UINT64_MAX : LODE_BELOW_4G_};

	part->addr = l->pref_address;
	if (!l->relocatable || lode_start_fits_(b, part->addr, part->size) || lode_start_find_(part, b, &wish))
		return LODE_OK;
	return lode_start_no_place_(b->why,
		lode_nowhere_(part->what, part->size, lode_usable_last_(b->machine, wish.last)));
}

/* The system as the file has it, and behind it the memory in which it unpacks itself. */
static int take_system(uint64_t *load, struct lode_builder_ *b, const struct lode_linux *l)
{
	uint64_t size = l->init_size > l->system_size ? l->init_size : l->system_size;
	struct lode_part part = {.size = size, .what = LODE_FIELD_PART_KERNEL, .index = LODE_NO_INDEX, .content = LODE_CONTENT_FILE,
		.offset = l->setup_size};
	int status = find_system(&part, b, l);

	*load = part.addr;
	part.size = l->system_size;
	if (status == LODE_OK)
		status = lode_start_take_(b, &part);
	part.addr += part.size;
	part.size = size - part.size;
	part.what = LODE_FIELD_PART_WORKSPACE;
	part.content = LODE_CONTENT_NOTHING;
	return status == LODE_OK && part.size > 0 ? lode_start_take_(b, &part) : status;
}

/* Below the kernel's limit, or above 4 GiB if it knows that and nothing else is left. */
static int put_initrd(struct lode_builder_ *b, uint64_t last, bool above)
{
	struct lode_wish_ wish = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = last, .high = true};
	struct lode_diag *why = b->why;
	uint32_t nparts = b->start->nparts;
	int status;

	if (!above)
		return lode_linux_put_initrd_(b, &wish);
	b->why = NULL;
	status = lode_linux_put_initrd_(b, &wish);
	b->why = why;
	if (status == LODE_OK)
		return LODE_OK;
	b->start->nparts = nparts;
	wish.last = UINT64_MAX;
	return lode_linux_put_initrd_(b, &wish);
}

int lode_start_linux(struct lode_start *start, const struct lode_linux *linux_, const struct lode_machine *machine,
	struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	struct lode_params_ params = {.b = &b, .header = linux_->header, .header_size = linux_->header_size};
	int status = lode_start_begin_(&b, LODE_PROTOCOL_LINUX, 0, 0);

	if (status == LODE_OK)
		status = check_kernel(&b, linux_);
	if (status == LODE_OK)
		status = take_system(&params.load, &b, linux_);
	if (status == LODE_OK)
		status = put_initrd(&b, linux_->initrd_last, (linux_->xloadflags & LODE_LINUX_ABOVE_4G) != 0);
	return status == LODE_OK ? lode_linux_enter_64_(&b, &params, params.load + ENTRY_64) : status;
}

static int check_elf(const struct lode_builder_ *b, const struct lode_image *image)
{
	uint32_t n = b->machine->nmemory;
	bool is_linux = lode_start_is_linux_(image);
	int status = lode_start_x86_64_only_(image, b->why);

	if (status != LODE_OK)
		return status;
	if (!is_linux && n > LODE_LINUX_E820_MOST)
		return lode_refuse_(b->why, LODE_RULE_START_MEMORY_COUNT, lode_nowhere_(LODE_FIELD_MEMORY_COUNT, n,
			LODE_LINUX_E820_MOST));
	return is_linux ? lode_linux_check_cmdline_(b, ELF_CMDLINE) : LODE_OK;
}

int lode_start_elf64(struct lode_start *start, const struct lode_kernel *kernel, const struct lode_machine *machine,
	struct lode_diag *why)
{
	struct lode_builder_ b = {start, machine, why};
	struct lode_params_ params = {.b = &b};
	int status = lode_start_begin_(&b, LODE_PROTOCOL_ELF64, kernel->plan->nruns, 0);

	if (status == LODE_OK)
		status = check_elf(&b, kernel->image);
	if (status == LODE_OK)
		status = lode_start_check_entry_(kernel, why);
	if (status == LODE_OK)
		status = lode_start_take_image_(&b, kernel->plan, 0);
	if (status == LODE_OK)
		status = put_initrd(&b, LODE_BELOW_4G_, true);
	return status == LODE_OK ? lode_linux_enter_64_(&b, &params, kernel->plan->entry) : status;
}
