/* SPDX-License-Identifier: MIT */
/* Image -> the boot protocols whose marks it bears. */
#include "protocols.h"

#include <lode/protocol.h>
#include <lode/pvh.h>

static bool offered(enum lode_protocol protocol, const struct lode_image *image)
{
	return lode_protocol_offered(protocol, image, image->source, NULL) > 0;
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
	struct lode_pvh pvh = {.entry = 0};

	*found = (struct protocols){.pvh = offered(LODE_PROTOCOL_PVH, image)};
	if (found->pvh)
		lode_pvh_find(&pvh, image, NULL);
	found->pvh_entry = pvh.entry;
	found->multiboot = offered(LODE_PROTOCOL_MULTIBOOT, image);
	found->multiboot2 = offered(LODE_PROTOCOL_MULTIBOOT2, image);
	found->partly = !pvh.is_linux && !is_small(image);
	if (found->partly)
		return;
	found->limine = offered(LODE_PROTOCOL_LIMINE, image);
	found->rust = offered(LODE_PROTOCOL_RUST, image);
}
