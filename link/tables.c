/* SPDX-License-Identifier: MIT */
/* A link comes in; each relocation table of each section that is loaded is checked and handed on. */
#include "link.h"

static int check_table(const struct link_table *table, const struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_link_unit *unit = table->unit;
	const struct lode_section *section = &unit->image.sections[mine->index];
	struct lode_diag place = lode_diag_of(LODE_RULE_LINK_RELOCS, LODE_FIELD_SHDR_TYPE, section->type, LODE_SHT_RELA);

	if (section->type == LODE_SHT_RELA && section->entsize != RELA_SIZE)
		place = lode_diag_of(LODE_RULE_LINK_RELOCS, LODE_FIELD_SHDR_ENTSIZE, section->entsize, RELA_SIZE);
	else if (section->type == LODE_SHT_RELA && table->count * RELA_SIZE != section->size)
		place = lode_diag_of(LODE_RULE_LINK_RELOCS, LODE_FIELD_SHDR_SIZE, section->size, RELA_SIZE);
	else if (section->type == LODE_SHT_RELA && section->link != unit->symtab)
		place = lode_diag_of(LODE_RULE_LINK_RELOCS, LODE_FIELD_SHDR_LINK, section->link, unit->symtab);
	else if (section->type == LODE_SHT_RELA)
		return LODE_OK;
	return lode_link_refuse_section_(table->link, unit, mine->index, place, why);
}

static int hand_on(struct link_table *table, int (*each)(const struct link_table *table, struct lode_diag *why),
	struct lode_diag *why)
{
	const unsigned char *bytes = table->unit->source.bytes;
	int status = LODE_OK;

	for (struct lode_link_section *mine = table->section->relas; mine && status == LODE_OK; mine = mine->relas) {
		const struct lode_section *section = &table->unit->image.sections[mine->index];

		if (section->size == 0)
			continue;
		table->rela = bytes + section->offset;
		table->file_offset = section->offset;
		table->count = lode_divide_(section->size, RELA_SIZE);
		if (!table->bytes)
			status = check_table(table, mine, why);
		if (status == LODE_OK)
			status = each(table, why);
	}
	return status;
}

static int unit_tables(struct link_table *table, int (*each)(const struct link_table *table, struct lode_diag *why),
	struct lode_diag *why)
{
	struct lode_link *link = table->link;
	struct lode_link_unit *unit = table->unit;
	int status = LODE_OK;

	for (uint32_t i = 1; i < unit->image.nsections && status == LODE_OK; i++) {
		struct lode_link_section *section = &unit->sections[i];

		if (section->class_ == CLASS_NONE || !section->relas)
			continue;
		table->section = section;
		table->header = &unit->image.sections[i];
		table->opaque = section->class_ == CLASS_EH_FRAME || table->header->type == LODE_SHT_NOTE;
		table->bytes = link->view_ && section->class_ != CLASS_TBSS ? link->view_ + section->addr : NULL;
		status = hand_on(table, each, why);
	}
	return status;
}

int lode_link_tables_(struct lode_link *link, int (*each)(const struct link_table *table, struct lode_diag *why),
	struct lode_diag *why)
{
	int status = LODE_OK;

	for (struct lode_link_unit *unit = link->units_.first; unit && status == LODE_OK; unit = unit->next) {
		struct link_table table = {.link = link, .unit = unit};

		status = unit_tables(&table, each, why);
	}
	return status;
}
