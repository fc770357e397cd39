/* SPDX-License-Identifier: MIT */
/* A module that is placed comes in; each place of it that may refer to a function or constant of somebody else goes out. */
#include "types.h"

struct walk {
	int (*each)(void *host, const struct lode_site *site);
	void *host;
};

static int emit(const struct walk *walk, struct lode_site site, enum lode_site_kind kind, uint64_t addend)
{
	site.kind = kind;
	site.addend = (int64_t)addend;
	return walk->each(walk->host, &site);
}

/* A symbol of a section stands for whatever lies at the addend. */
static int emit_rela(const struct walk *walk, const struct link_table *table, const struct link_rela *rela)
{
	const struct lode_site site = {.addr = table->link->addr + table->section->addr + rela->offset};
	bool section = lode_unit_symbol_(table->unit, rela->symbol).type == LODE_STT_SECTION;
	bool code = table->header->flags & LODE_SHF_EXECINSTR;
	uint64_t addend = section ? 0 : rela->addend;
	int status;

	switch (rela->type) {
	case R_64: return emit(walk, site, code ? LODE_SITE_ABS64 : LODE_SITE_WORD, addend);
	case R_32:
	case R_32S: return emit(walk, site, LODE_SITE_ABS32, addend);
	case R_PC32:
	case R_PLT32: return code ? emit(walk, site, LODE_SITE_REL32, section ? 0 : addend + 4) : 0;
	/* If the instruction was made to do without its slot, it has one or the other. */
	case R_GOTPCRELX:
	case R_REX_GOTPCRELX:
		status = emit(walk, site, LODE_SITE_REL32, addend + 4);
		return status == 0 ? emit(walk, site, LODE_SITE_ABS32, addend + 4) : status;
	default: return 0;
	}
}

/* A local symbol is of this unit: where it is replaced, this code goes as well. */
static int walk_relas(const struct walk *walk, struct link_table *table, const struct lode_link_section *relas)
{
	const struct lode_section *header = &table->unit->image.sections[relas->index];
	uint64_t count = lode_divide_(header->size, RELA_SIZE);
	int status = 0;

	table->rela = (const unsigned char *)table->unit->source.bytes + header->offset;
	for (uint64_t i = 0; i < count && status == 0; i++) {
		struct link_rela rela = rela_at(table, i);

		if (rela.symbol >= table->unit->nlocals || !(table->header->flags & LODE_SHF_EXECINSTR))
			status = emit_rela(walk, table, &rela);
	}
	return status;
}

static int walk_unit(const struct walk *walk, struct lode_link *link, struct lode_link_unit *unit)
{
	struct link_table table = {.link = link, .unit = unit};
	int status = 0;

	for (uint32_t i = 1; i < unit->image.nsections; i++) {
		table.section = &unit->sections[i];
		table.header = &unit->image.sections[i];
		if (table.section->class_ == CLASS_NONE || table.section->class_ == CLASS_EH_FRAME ||
			lode_unit_is_hooks_(unit, i))
			continue;
		for (const struct lode_link_section *relas = table.section->relas; relas && status == 0; relas = relas->relas)
			status = walk_relas(walk, &table, relas);
	}
	return status;
}

int lode_link_sites_(struct lode_link *link, int (*each)(void *host, const struct lode_site *site), void *host)
{
	const struct walk walk = {.each = each, .host = host};
	int status = 0;

	for (struct lode_link_unit *unit = link->units_.first; unit && status == 0; unit = unit->next)
		status = walk_unit(&walk, link, unit);
	for (uint32_t i = 0; i < link->nslots_ && status == 0; i++)
		status = emit(&walk, (struct lode_site){.addr = lode_link_got_(link) + (uint64_t)i * SLOT_SIZE}, LODE_SITE_WORD, 0);
	return status;
}
