/* SPDX-License-Identifier: MIT */
/* An archive without an index that is understood comes in; what its members define is found by looking at each of them. */
#include "member.h"

/* Where a member's symbols are, without anything kept of it. */
struct glance {
	struct lode_link_unit unit;
	uint64_t member;
};

/* Sections are decoded behind what is taken of the work space, and are gone when the next thing is taken. */
static int look(struct glance *glance, struct lode_link *link, const struct link_input *input)
{
	struct lode_link_unit *unit = &glance->unit;
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};

	options.sections = lode_link_spare_(&options.max_sections, link);
	unit->source = (struct lode_source){.bytes = input->bytes, .size = input->size};
	unit->budget = lode_unit_budget_(input->size);
	return lode_open(&unit->image, &unit->source, &options, NULL);
}

static bool has_symbols(struct glance *glance, const struct link_input *input)
{
	struct lode_link_unit *unit = &glance->unit;
	struct lode_symtab table;

	for (uint32_t i = 1; i < unit->image.nsections; i++) {
		const struct lode_section *section = &unit->image.sections[i];

		if (section->type != LODE_SHT_SYMTAB || lode_symtab_of_section(&table, &unit->image, i, NULL) != LODE_OK)
			continue;
		unit->symbols = input->bytes + table.offset;
		unit->strings = (const char *)input->bytes + table.strings.offset;
		unit->strings_size = (uint32_t)min_u64(table.strings.size, UINT32_MAX);
		unit->nsymbols = (uint32_t)min_u64(table.count, UINT32_MAX);
		unit->nlocals = section->info;
		return unit->strings_size > 0 && unit->strings[unit->strings_size - 1] == '\0';
	}
	return false;
}

static int offer_all(struct lode_link *link, struct lode_link_archive *archive, struct glance *glance, struct lode_diag *why)
{
	struct lode_link_unit *unit = &glance->unit;
	int status = LODE_OK;

	for (uint32_t i = unit->nlocals; i < unit->nsymbols && status == LODE_OK; i++) {
		struct link_sym symbol = lode_unit_symbol_(unit, i);
		struct link_name name;

		if (symbol.shndx == LODE_SHN_UNDEF || symbol.name >= unit->strings_size)
			continue;
		name = lode_link_name_(unit->strings + symbol.name, unit->strings_size - symbol.name);
		if (!lode_unit_spend_(unit, name.length))
			return lode_unit_overspent_(link, unit, why);
		status = lode_archive_offer_(link, archive, &name, glance->member, why);
	}
	return status;
}

static int take_member(struct lode_link *link, struct lode_link_archive *archive, uint64_t at, struct lode_diag *why)
{
	struct glance glance = {.member = at};
	struct link_input input;
	uint64_t needed;
	int status = lode_archive_input_(&input, link, archive, at, why);

	if (status != LODE_OK)
		return status;
	status = look(&glance, link, &input);
	needed = glance.unit.image.nsections * (uint64_t)sizeof(struct lode_section);
	if (status == LODE_ERR_ROOM && !lode_link_keep_(link, needed, why))
		return status;
	if (status != LODE_OK || glance.unit.image.class_ != LODE_CLASS64 || !has_symbols(&glance, &input))
		return LODE_OK;
	return offer_all(link, archive, &glance, why);
}

/* Members that are no objects are passed over, as ar does when it makes the index. */
int lode_archive_walk_(struct lode_link *link, struct lode_link_archive *archive, struct lode_diag *why)
{
	struct link_member member;
	int status = LODE_OK;

	for (uint64_t at = ARCHIVE_MAGIC; at < archive->input.size && status == LODE_OK; at = member.next) {
		if (!lode_member_read_(&member, archive, at))
			return lode_archive_damaged_(link, archive, at, why);
		if (!member.table)
			status = take_member(link, archive, at, why);
	}
	archive->left = archive->input.size;
	return status;
}
