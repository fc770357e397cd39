/* SPDX-License-Identifier: MIT */
/* A place in an object comes in; the diagnosis goes out, and beside it the names that no field holds. */
#include "link.h"

int lode_link_refuse_(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag place, struct lode_diag *why)
{
	if (unit) {
		link->blame.file = unit->file;
		link->blame.member = unit->member;
	}
	link->stage_ = STAGE_FAILED;
	return lode_refuse_(why, place.rule, place);
}

int lode_link_stage_(struct lode_link *link, uint8_t stage, struct lode_diag *why)
{
	if (link->stage_ == stage)
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_LINK_USE, lode_nowhere_(LODE_FIELD_LINK_STAGE, link->stage_, stage));
}

void lode_link_blame_symbol_(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);

	if (symbol.type == LODE_STT_SECTION && symbol.shndx < unit->image.nsections)
		link->blame.symbol = lode_unit_section_name_(unit, symbol.shndx);
	else
		link->blame.symbol = lode_unit_symbol_name_(unit, index);
}

int lode_link_refuse_rela_(const struct link_table *table, uint64_t index, struct lode_diag place, struct lode_diag *why)
{
	struct link_rela rela = rela_at(table, index);
	struct lode_link *link = table->link;

	link->blame.section = lode_unit_section_name_(table->unit, table->section->index);
	if (rela.symbol < table->unit->nsymbols)
		lode_link_blame_symbol_(link, table->unit, rela.symbol);
	place.index = index < LODE_NO_INDEX ? (uint32_t)index : LODE_NO_INDEX;
	place.offset = table->file_offset + index * RELA_SIZE;
	return lode_link_refuse_(link, table->unit, place, why);
}

int lode_link_refuse_section_(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index, struct lode_diag place,
	struct lode_diag *why)
{
	struct lode_diag there = lode_at_section_(&unit->image, index, place.field, place.value, place.limit);

	there.rule = place.rule;
	there.other = place.other;
	link->blame.section = lode_unit_section_name_(unit, index);
	return lode_link_refuse_(link, unit, there, why);
}
