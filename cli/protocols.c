/* SPDX-License-Identifier: MIT */
/* Image -> the boot protocols whose marks it bears. */
#include "protocols.h"

#include <lode/limine.h>
#include <lode/multiboot2.h>
#include <lode/pvh.h>
#include <lode/rust.h>

/* The parser's refusal that says "no mark", or that the image is for another machine or cannot be read. */
static bool is_there(int status, const struct lode_diag *why, enum lode_rule none)
{
	return status == LODE_OK ||
		(why->rule != none && why->rule != LODE_RULE_START_MACHINE && why->status != LODE_ERR_IO);
}

/* Marks that may stand anywhere in memory are looked for in what a kernel may be. */
#define KERNEL_MOST (UINT64_C(256) << 20)

static bool is_small(const struct lode_image *image)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < image->nsegments && sum <= KERNEL_MOST; i++)
		if (image->segments[i].type == LODE_PT_LOAD)
			sum += image->segments[i].filesz;
	return sum <= KERNEL_MOST;
}

void protocols_find(struct protocols *found, const struct lode_image *image)
{
	struct lode_multiboot multiboot;
	struct lode_multiboot2 multiboot2;
	struct lode_limine limine;
	struct lode_pvh pvh;
	struct lode_rust rust;
	struct lode_diag why = {.rule = LODE_RULE_NONE};

	*found = (struct protocols){.pvh = is_there(lode_pvh_find(&pvh, image, &why), &why, LODE_RULE_START_PVH_NONE)};
	found->pvh &= why.rule != LODE_RULE_NOTE_COUNT;
	found->pvh_entry = found->pvh ? pvh.entry : 0;
	found->multiboot = is_there(lode_multiboot_find(&multiboot, image->source, &why), &why, LODE_RULE_START_MULTIBOOT_NONE);
	found->multiboot2 = is_there(lode_multiboot2_find(&multiboot2, image->source, &why), &why, LODE_RULE_START_MULTIBOOT_NONE);
	if (found->pvh && pvh.is_linux)
		return;
	found->partly = !is_small(image);
	if (found->partly)
		return;
	found->limine = is_there(lode_limine_find(&limine, image, &why), &why, LODE_RULE_START_LIMINE_NONE);
	found->rust = is_there(lode_rust_find(&rust, image, &why), &why, LODE_RULE_START_RUST_NONE);
}
