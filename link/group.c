/* SPDX-License-Identifier: MIT */
/* Groups of an object's sections come in; those whose signature another object has brought already are dropped with all members. */
#include "link.h"

enum { GRP_COMDAT = 1, WORD = 4 };

static int refuse(struct lode_link *link, const struct lode_link_section *group, struct lode_diag place, struct lode_diag *why)
{
	place.rule = LODE_RULE_LINK_GROUP;
	return lode_link_refuse_section_(link, group->unit, group->index, place, why);
}

/* The first object that has a signature keeps it. */
static int take_signature(bool *mine, struct lode_link *link, struct lode_link_unit *unit, struct lode_link_text name,
	struct lode_diag *why)
{
	struct link_name key = lode_link_name_(name.at, name.size);
	struct lode_link_symbol *symbol;
	int status;

	if (!lode_unit_spend_(unit, name.size))
		return lode_unit_overspent_(link, unit, why);
	status = lode_link_intern_(&symbol, link, &key, KEY_GROUP, why);
	if (status != LODE_OK)
		return status;
	*mine = !symbol->unit;
	if (!symbol->unit)
		symbol->unit = unit;
	return LODE_OK;
}

static struct lode_link_text signature(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);

	if (symbol.type == LODE_STT_SECTION && !symbol.reserved && symbol.shndx < unit->image.nsections)
		return lode_unit_section_name_(unit, symbol.shndx);
	return lode_unit_symbol_name_(unit, index);
}

/* A section is in one group at the most: the mark of a member is that it has a group, whose index stands in priority for now. */
static int mark_members(struct lode_link *link, struct lode_link_section *group, bool dropped, struct lode_diag *why)
{
	struct lode_link_unit *unit = group->unit;
	const struct lode_section *section = &unit->image.sections[group->index];
	const unsigned char *words = (const unsigned char *)unit->source.bytes + section->offset;

	for (uint64_t at = WORD; at < section->size; at += WORD) {
		uint32_t member = le32(words + at);

		if (member == 0 || member >= unit->image.nsections || unit->sections[member].priority != 0)
			return refuse(link, group,
				lode_nowhere_(LODE_FIELD_SHDR_SIZE, member, unit->image.nsections), why);
		unit->sections[member].priority = group->index;
		unit->sections[member].dropped = dropped;
	}
	return LODE_OK;
}

static int take_group(struct lode_link *link, struct lode_link_section *group, struct lode_diag *why)
{
	struct lode_link_unit *unit = group->unit;
	const struct lode_section *section = &unit->image.sections[group->index];
	struct lode_link_text name;
	bool mine = true;
	int status = LODE_OK;

	if (section->size < WORD || section->size % WORD != 0)
		return refuse(link, group, lode_nowhere_(LODE_FIELD_SHDR_SIZE, section->size, 0), why);
	if (section->link != unit->symtab || section->info == 0 || section->info >= unit->nsymbols)
		return refuse(link, group, lode_nowhere_(LODE_FIELD_SHDR_INFO, section->info, unit->nsymbols), why);
	name = signature(unit, section->info);
	if (le32((const unsigned char *)unit->source.bytes + section->offset) & GRP_COMDAT)
		status = take_signature(&mine, link, unit, name, why);
	if (status == LODE_OK)
		status = mark_members(link, group, !mine, why);
	return status;
}

/* What compilers did before there were groups: the section's name is the signature. */
static int take_once(struct lode_link *link, struct lode_link_section *section, struct lode_diag *why)
{
	const struct lode_link_unit *unit = section->unit;
	uint32_t at = unit->image.sections[section->index].name;
	struct lode_link_text name;
	bool mine = true;
	int status;

	if (at >= unit->names_size)
		return LODE_OK;
	name = (struct lode_link_text){.at = unit->names + at, .size = unit->names_size - at};
	if (!TEXT_BEGINS(&name, ".gnu.linkonce."))
		return LODE_OK;
	name = lode_unit_section_name_(unit, section->index);
	status = take_signature(&mine, link, section->unit, name, why);
	if (status == LODE_OK && !mine)
		section->dropped = true;
	return status;
}

int lode_unit_groups_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	int status = LODE_OK;

	for (uint32_t i = 1; i < unit->image.nsections && status == LODE_OK; i++) {
		if (unit->image.sections[i].type == LODE_SHT_GROUP)
			status = take_group(link, &unit->sections[i], why);
		else if (unit->image.sections[i].flags & LODE_SHF_ALLOC)
			status = take_once(link, &unit->sections[i], why);
	}
	for (uint32_t i = 1; i < unit->image.nsections; i++)
		unit->sections[i].priority = 0;
	return status;
}
