/* SPDX-License-Identifier: MIT */
/* A symbol of an object comes in; where its stub or its slot lies goes out, for the machines' relocations. */
#include "link.h"

uint64_t lode_link_got_(const struct lode_link *link)
{
	return link->addr + link->class_places_[CLASS_GOT].addr;
}

uint64_t lode_link_stub_(const struct link_table *table, uint32_t symbol)
{
	const struct lode_link_numbers *numbers = lode_unit_numbers_(table->unit, symbol);
	const struct lode_link *link = table->link;

	if (!numbers || numbers->stub == 0)
		return 0;
	return link->addr + link->class_places_[CLASS_STUBS].addr + (uint64_t)(numbers->stub - 1) * link->machine_->stub_size;
}

uint64_t lode_link_slot_(const struct link_table *table, uint32_t symbol, bool tp)
{
	const struct lode_link_numbers *numbers = lode_unit_numbers_(table->unit, symbol);
	uint32_t number = numbers ? (tp ? numbers->gottp : numbers->got) : 0;

	return number != 0 ? lode_link_got_(table->link) + (uint64_t)(number - 1) * SLOT_SIZE : 0;
}

int lode_link_out_of_range_(const struct link_table *table, uint64_t index, uint64_t value, struct lode_diag *why)
{
	return lode_link_refuse_rela_(table, index, lode_diag_of(LODE_RULE_LINK_RANGE, LODE_FIELD_REL_FIELD, value, 0), why);
}

int lode_link_bad_instruction_(const struct link_table *table, uint64_t index, struct lode_diag *why)
{
	uint32_t type = rela_at(table, index).type;

	return lode_link_refuse_rela_(table, index, lode_diag_of(LODE_RULE_LINK_INSTRUCTION, LODE_FIELD_REL_TYPE, type, 0), why);
}
