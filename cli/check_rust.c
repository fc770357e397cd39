/* SPDX-License-Identifier: MIT */
/* Relocations of a kernel made with bootloader_api -> those that its own boot loader does not apply. */
#include "check.h"

enum { RELATIVE = 8 }; /* R_X86_64_RELATIVE */

static bool applied(const struct lode_rel *rel)
{
	return rel->has_addend && rel->type == RELATIVE && rel->symbol == 0;
}

void check_rust(struct check *c)
{
	if ((c->targets & FOR_RUST) && c->has_dynamic && c->image.machine == LODE_EM_X86_64)
		check_unapplied(c, CHECK_RUST_RELOCATION, applied);
}
