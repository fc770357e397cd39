/* SPDX-License-Identifier: MIT */
/* Tables that C++ compilers make of a class come in; whether objects that exist can live with the new ones goes out.
 * Ref: Itanium C++ ABI "Virtual Table Layout", "Run-Time Type Information". */
#include "swap.h"

struct table {
	const struct lode_link_unit *unit;
	uint32_t index;
	struct link_sym symbol;
	struct lode_swap_name name;
};

bool lode_swap_is_type_(const struct lode_link_text *name)
{
	return TEXT_BEGINS(name, "_ZTI");
}

bool lode_swap_is_type_name_(const struct lode_link_text *name)
{
	return TEXT_BEGINS(name, "_ZTS");
}

/* What the program has under the name of a unit's table now. */
static bool old_table(struct lode_range *old, const struct lode_swap *swap, const struct lode_swap_name *name)
{
	const struct lode_index *index = swap->program->index;
	const struct lode_index_symbol *symbol;
	uint32_t unit = lode_swap_unit_(swap, &name->source);

	for (const struct lode_swap *version = swap->program->newest; version; version = version->older_)
		if (lode_swap_own_(old, version, name) == 1)
			return true;
	if (name->local && unit == LODE_NO_INDEX)
		return false;
	symbol = name->local ? lode_index_local_(index, &name->name, unit) : lode_index_global_(index, &name->name, unit);
	if (!symbol || symbol->type != LODE_STT_OBJECT)
		return false;
	*old = (struct lode_range){.addr = symbol->addr, .size = symbol->size};
	return true;
}

static int refuse(struct lode_swap *swap, enum lode_rule rule, const struct table *table, uint64_t old_size,
	struct lode_diag *why)
{
	swap->account.datum = table->name.name;
	swap->account.old_size = old_size;
	swap->account.new_size = table->symbol.size;
	return lode_refuse_(why, rule, lode_nowhere_(LODE_FIELD_SWAP_DATUM, table->symbol.size, old_size));
}

/* Objects have the address of the table that there was when they were made, and call by numbers. Types that several units may name
 * are the same if their names are; those of one unit, if they are at one address. */
static int check_table(struct lode_swap *swap, const struct table *table, struct lode_diag *why)
{
	struct lode_range old;

	if (!old_table(&old, swap, &table->name))
		return LODE_OK;
	if (TEXT_BEGINS(&table->name.name, "_ZTV") && old.size != table->symbol.size)
		return refuse(swap, LODE_RULE_SWAP_SIZE, table, old.size, why);
	if (table->name.local && lode_swap_is_type_(&table->name.name) && !lode_link_is_kept_(table->unit, table->index))
		return refuse(swap, LODE_RULE_SWAP_CLASS, table, old.size, why);
	return LODE_OK;
}

/* False: it is none. */
static bool is_table(struct table *table, const struct lode_link_unit *unit, uint32_t index)
{
	*table = (struct table){.unit = unit, .index = index, .symbol = lode_unit_symbol_(unit, index)};
	if (table->symbol.type != LODE_STT_OBJECT || table->symbol.reserved || table->symbol.shndx == LODE_SHN_UNDEF)
		return false;
	table->name = (struct lode_swap_name){.name = lode_unit_symbol_name_(unit, index), .local = index < unit->nlocals,
		.type = LODE_STT_OBJECT, .source = lode_unit_source_name_(unit, index)};
	return TEXT_BEGINS(&table->name.name, "_ZT");
}

int lode_swap_classes_(struct lode_swap *swap, struct lode_diag *why)
{
	struct table table;
	int status = LODE_OK;

	for (const struct lode_link_unit *unit = swap->link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->nsymbols && status == LODE_OK; i++)
			if (is_table(&table, unit, i))
				status = check_table(swap, &table, why);
	return status;
}
