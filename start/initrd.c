/* SPDX-License-Identifier: MIT */
/* Modules -> one initrd, which may be several archives behind each other; and the length of the command line. */
#include "linux.h"

enum { ARCHIVE = 4 }; /* an archive begins at a multiple of this */

static uint64_t padded(uint64_t size)
{
	return align_up(size, ARCHIVE);
}

static int total(uint64_t *size, const struct lode_builder_ *b)
{
	*size = 0;
	for (uint32_t i = 0; i < b->machine->nmodules; i++) {
		uint64_t one = b->machine->modules[i].size;
		struct lode_diag place = lode_nowhere_(LODE_FIELD_PART_MODULE, one, 0);

		place.index = i;
		if (one > INT64_MAX - *size - ARCHIVE)
			return lode_start_no_place_(b->why, place);
		*size += i + 1 < b->machine->nmodules ? padded(one) : one;
	}
	return LODE_OK;
}

/* One module, and zeros up to the next. */
static int take_module(uint64_t *at, struct lode_builder_ *b, uint32_t i)
{
	const struct lode_module *module = &b->machine->modules[i];
	struct lode_part part = {.addr = *at, .size = module->size, .what = LODE_FIELD_PART_MODULE, .index = i,
		.content = LODE_CONTENT_MODULE};
	struct lode_diag place = lode_nowhere_(part.what, module->addr, *at);
	int status;

	place.index = i;
	if (module->addr != LODE_ANYWHERE && module->addr != *at)
		return lode_refuse_(b->why, LODE_RULE_START_INITRD, place);
	status = lode_start_take_(b, &part);
	*at += padded(module->size);
	part.addr += module->size;
	part.size = *at - part.addr;
	part.content = LODE_CONTENT_ZERO;
	if (status == LODE_OK && i + 1 < b->machine->nmodules && part.size > 0)
		status = lode_start_take_(b, &part);
	return status;
}

int lode_linux_put_initrd_(struct lode_builder_ *b, const struct lode_wish_ *wish)
{
	const struct lode_machine *machine = b->machine;
	struct lode_part whole = {.what = LODE_FIELD_PART_MODULE, .index = 0};
	int status = total(&whole.size, b);

	if (status != LODE_OK || machine->nmodules == 0)
		return status;
	whole.addr = machine->modules[0].addr;
	if (whole.addr == LODE_ANYWHERE && !lode_start_find_(&whole, b, wish))
		return lode_start_no_place_(b->why,
			lode_nowhere_(whole.what, whole.size, lode_usable_last_(machine, wish->last)));
	if (beyond_(whole.addr, whole.size, wish->last))
		return lode_refuse_(b->why, LODE_RULE_START_TOO_HIGH, lode_nowhere_(whole.what, whole.addr, wish->last));
	for (uint32_t i = 0; status == LODE_OK && i < machine->nmodules; i++)
		status = take_module(&whole.addr, b, i);
	return status;
}

struct lode_range lode_linux_initrd_(const struct lode_start *start)
{
	const struct lode_part *first = lode_start_module(start, 0);
	struct lode_range range = {0};

	for (uint32_t i = 0; first && i < start->nparts; i++) {
		const struct lode_part *part = &start->parts[i];

		if (part->content == LODE_CONTENT_MODULE)
			range = (struct lode_range){first->addr, part->addr + part->size - first->addr};
	}
	return range;
}

int lode_linux_check_cmdline_(const struct lode_builder_ *b, uint64_t most)
{
	uint64_t length = lode_string_size_(b->machine->cmdline) - 1;

	if (length > most)
		return lode_refuse_(b->why, LODE_RULE_START_CMDLINE, lode_nowhere_(LODE_FIELD_CMDLINE, length, most));
	return LODE_OK;
}
