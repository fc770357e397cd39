/* SPDX-License-Identifier: MIT */
/* A machine -> boot_params ("the zero page") and what it points at, and the state of Linux's 64-bit entry. */
#include <lode/linux.h>

#include "linux.h"

enum { STACK_SIZE = 0x4000, STACK_TOP = 16, LOADER_UNKNOWN = 0xff, MADE_UP_VERSION = 0x20c, LFB_UNIT = 16 };
#define MADE_UP_ALIGNMENT 0x1000000u

/* A kernel without setup header gets what those look at who expect one. */
static void make_up_header(struct lode_form_ *form, uint64_t params)
{
	lode_form_put_(form, params + LODE_LINUX_BOOT_FLAG, 2, 0xaa55);
	lode_form_copy_(form, params + LODE_LINUX_MAGIC, "HdrS", 4);
	lode_form_put_(form, params + LODE_LINUX_VERSION, 2, MADE_UP_VERSION);
	lode_form_put_(form, params + LODE_LINUX_LOADFLAGS, 1, LODE_LINUX_LOADED_HIGH);
	lode_form_put_(form, params + LODE_LINUX_INITRD_MAX, 4, UINT32_MAX);
	lode_form_put_(form, params + LODE_LINUX_ALIGNMENT, 4, MADE_UP_ALIGNMENT);
	lode_form_put_(form, params + LODE_LINUX_XLOADFLAGS, 2, LODE_LINUX_KERNEL_64 | LODE_LINUX_ABOVE_4G);
}

static void put_header(struct lode_form_ *form, const struct lode_params_ *p)
{
	uint64_t length = lode_string_size_(p->b->machine->cmdline) - 1;

	if (p->header) {
		lode_form_copy_(form, p->params + LODE_LINUX_SETUP_SECTS, p->header, p->header_size);
		lode_form_put_(form, p->params + LODE_LINUX_CODE32, 4, p->load);
	} else {
		make_up_header(form, p->params);
		lode_form_put_(form, p->params + LODE_LINUX_CMDLINE_SIZE, 4, length);
	}
	lode_form_put_(form, p->params + LODE_LINUX_LOADER, 1, LOADER_UNKNOWN);
}

static void put_initrd(struct lode_form_ *form, const struct lode_params_ *p)
{
	struct lode_range initrd = lode_linux_initrd_(p->b->start);

	lode_form_put_(form, p->params + LODE_LINUX_RAMDISK, 4, initrd.addr);
	lode_form_put_(form, p->params + LODE_LINUX_RAMDISK_SIZE, 4, initrd.size);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_RAMDISK_HIGH, 4, initrd.addr >> 32);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_RAMDISK_SIZE_HIGH, 4, initrd.size >> 32);
}

static void put_cmdline(struct lode_form_ *form, const struct lode_params_ *p)
{
	uint64_t cmdline = lode_form_string_(form, p->b->machine->cmdline);

	lode_form_put_(form, p->params + LODE_LINUX_CMDLINE_PTR, 4, cmdline);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_CMDLINE_HIGH, 4, cmdline >> 32);
}

static void put_entry(struct lode_form_ *form, uint64_t at, const struct lode_memory_entry *memory)
{
	lode_form_put_(form, at, 8, memory->addr);
	lode_form_put_(form, at + 8, 8, memory->size);
	lode_form_put_(form, at + 16, 4, lode_e820_type_(memory->type));
}

/* A link of the setup_data chain; returns where its bytes go. *link: the field that is to point at it, then its own. */
static uint64_t put_link(struct lode_form_ *form, uint64_t *link, uint32_t type, uint64_t size)
{
	uint64_t at = lode_form_room_(form, LODE_LINUX_SETUP_BYTES + size, 8);

	lode_form_put_(form, *link, 8, at);
	lode_form_put_(form, at + LODE_LINUX_SETUP_TYPE, 4, type);
	lode_form_put_(form, at + LODE_LINUX_SETUP_LENGTH, 4, size);
	*link = at + LODE_LINUX_SETUP_NEXT;
	return at + LODE_LINUX_SETUP_BYTES;
}

/* What does not fit the table goes into the chain. */
static void put_memory(struct lode_form_ *form, const struct lode_params_ *p, uint64_t *link)
{
	const struct lode_machine *machine = p->b->machine;
	uint32_t here = machine->nmemory < LODE_LINUX_E820_MOST ? machine->nmemory : LODE_LINUX_E820_MOST;
	uint32_t more = machine->nmemory - here;
	uint64_t at = p->params + LODE_LINUX_PARAMS_E820;

	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_E820_COUNT, 1, here);
	for (uint32_t i = 0; i < here; i++)
		put_entry(form, at + (uint64_t)i * LODE_LINUX_E820_SIZE, &machine->memory[i]);
	if (more == 0)
		return;
	at = put_link(form, link, LODE_LINUX_SETUP_E820_EXT, (uint64_t)more * LODE_LINUX_E820_SIZE);
	for (uint32_t i = 0; i < more; i++)
		put_entry(form, at + (uint64_t)i * LODE_LINUX_E820_SIZE, &machine->memory[here + i]);
}

static void put_chain(struct lode_form_ *form, const struct lode_params_ *p)
{
	const struct lode_machine *machine = p->b->machine;
	uint64_t link = p->params + LODE_LINUX_SETUP_DATA;

	put_memory(form, p, &link);
	if (machine->nrandom > 0)
		lode_form_copy_(form, put_link(form, &link, LODE_LINUX_SETUP_RNG_SEED, machine->nrandom), machine->random,
			machine->nrandom);
}

static void put_screen(struct lode_form_ *form, const struct lode_params_ *p)
{
	const struct lode_framebuffer *screen = p->b->machine->framebuffer;
	uint64_t size;

	if (!screen)
		return;
	size = align_up((uint64_t)screen->pitch * screen->height, 1u << LFB_UNIT);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_VIDEO, 1, LODE_LINUX_VIDEO_VLFB);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_WIDTH, 2, screen->width);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_HEIGHT, 2, screen->height);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_DEPTH, 2, screen->bpp);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_BASE, 4, screen->addr);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_LFB_SIZE, 4, size >> LFB_UNIT);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_PITCH, 2, screen->pitch);
	lode_form_colours_(form, p->params + LODE_LINUX_PARAMS_COLOURS, screen);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_CAPABILITIES, 4,
		screen->addr >> 32 != 0 ? LODE_LINUX_VIDEO_64BIT_BASE : 0);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_BASE_HIGH, 4, screen->addr >> 32);
}

static void compose(struct lode_form_ *form, void *context)
{
	struct lode_params_ *p = context;

	p->params = lode_form_room_(form, LODE_LINUX_PARAMS_SIZE, LODE_PAGE_);
	put_header(form, p);
	put_initrd(form, p);
	put_screen(form, p);
	lode_form_put_(form, p->params + LODE_LINUX_PARAMS_RSDP, 8, p->b->machine->rsdp);
	p->gdt = lode_form_gdt_(form, LODE_CODE64_);
	put_chain(form, p);
	put_cmdline(form, p);
}

/* Everything below 4 GiB at its own address, and as far beyond as something was placed. */
static int map_identity(struct lode_builder_ *b)
{
	struct lode_start_mapping mapping = {.size = LODE_FOUR_GIB_, .prot = LODE_PF_R | LODE_PF_W | LODE_PF_X,
		.what = LODE_FIELD_MAP_IDENTITY};

	for (uint32_t i = 0; i < b->start->nparts; i++) {
		const struct lode_part *part = &b->start->parts[i];

		if (part->addr + part->size > mapping.size)
			mapping.size = align_up(part->addr + part->size, LODE_LARGE_PAGE_);
	}
	return lode_start_map_(b, &mapping);
}

int lode_linux_enter_64_(struct lode_builder_ *b, struct lode_params_ *params, uint64_t entry)
{
	const struct lode_wish_ low = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = LODE_BELOW_4G_};
	const struct lode_composition_ composition = {compose, params, LODE_FIELD_PART_INFO};
	struct lode_part stack = {.size = STACK_SIZE, .what = LODE_FIELD_PART_STACK, .index = LODE_NO_INDEX,
		.content = LODE_CONTENT_ZERO};
	struct lode_registers *registers = &b->start->registers;
	int status = lode_start_compose_(b, &composition, &low);

	if (status == LODE_OK)
		status = lode_start_put_(&stack, b, &low);
	if (status == LODE_OK)
		status = map_identity(b);
	b->start->levels = 4;
	if (status == LODE_OK)
		status = lode_start_put_tables_(b, &low);
	if (status != LODE_OK)
		return status;
	b->start->info = params->params;
	lode_registers_flat_(registers, params->gdt, LODE_CODE64_);
	lode_registers_long_(b->start);
	registers->rip = entry;
	registers->rsi = params->params;
	registers->rsp = registers->rbp = stack.addr + STACK_SIZE - STACK_TOP;
	return LODE_OK;
}
