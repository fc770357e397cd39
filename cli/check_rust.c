/* SPDX-License-Identifier: MIT */
/* Relocations of a kernel made with bootloader_api -> those that its own boot loader does not apply. */
#include "check.h"

enum { RELATIVE = 8, ENTRY = 24 }; /* R_X86_64_RELATIVE; bytes of a RELA entry */

static void check_table(struct check *c, const struct lode_reltab *table)
{
	char text[CHECK_RELOC_TEXT];
	struct lode_rel rel;

	for (uint64_t i = 0; i < table->count && check_spend(c, ENTRY); i++) {
		if (lode_rel_read(&rel, &c->image, table, i, NULL) != LODE_OK)
			return;
		if (rel.has_addend && rel.type == RELATIVE && rel.symbol == 0)
			continue;
		check_reloc_text(text, sizeof text, c, &c->dynamic.symbols, &rel);
		check_add(c, CHECK_RUST_RELOCATION, check_at_rel(c, table, i, LODE_FIELD_REL_TYPE, rel.type), "%s",
			text);
	}
}

void check_rust(struct check *c)
{
	if (!(c->targets & FOR_RUST) || !c->has_dynamic || c->image.machine != LODE_EM_X86_64)
		return;
	check_table(c, &c->dynamic.rel);
	check_table(c, &c->dynamic.rela);
	check_table(c, &c->dynamic.jmprel);
}
