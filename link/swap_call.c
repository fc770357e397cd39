/* SPDX-License-Identifier: MIT */
/* A function that has a successor comes in; whether those who call the old one may call the new one goes out. */
#include "types.h"

/* The type of the one before, newest first. */
static const struct lode_types *earlier(uint32_t *type, const struct lode_swap *swap, const struct lode_swap_name *name)
{
	const struct lode_index *index = swap->program->index;
	const struct lode_index_symbol *symbol = NULL;
	struct lode_swap_own own;
	uint32_t unit;

	for (const struct lode_swap *version = swap->program->newest; version; version = version->older_)
		if (lode_swap_find_own_(&own, version, name) > 0)
			return lode_unit_types_(type, version->link, own.unit, own.index);
	unit = lode_swap_unit_(swap, &name->source);
	if (!name->local)
		symbol = lode_index_global_(index, &name->name, unit);
	else if (unit != LODE_NO_INDEX)
		symbol = lode_index_local_(index, &name->name, unit);
	*type = symbol ? lode_index_type_(index, symbol) : TYPE_NONE;
	return *type == TYPE_NONE ? NULL : &index->types;
}

bool lode_swap_same_call_(struct lode_swap *swap, const struct lode_swap_function *function, struct lode_diag *why)
{
	struct lode_link_unit *unit = function->unit_;
	struct types_difference difference;
	const struct lode_types *old;
	struct lode_swap_name name;
	uint32_t was, is;

	if (function->data || !lode_unit_types_(&is, swap->link, unit, function->symbol_) || is == TYPE_NONE)
		return true;
	name = (struct lode_swap_name){.name = function->name, .source = lode_unit_source_name_(unit, function->symbol_),
		.local = function->symbol_ < unit->nlocals, .type = LODE_STT_FUNC};
	old = earlier(&was, swap, &name);
	if (!old || was == TYPE_NONE || lode_types_same_(&difference, &unit->types->comparing, old, was, is))
		return true;
	swap->account.datum = function->name;
	memcpy(swap->account.path, difference.path, sizeof difference.path);
	lode_refuse_(why, LODE_RULE_SWAP_CALL, lode_nowhere_(difference.field, difference.now, difference.old));
	return false;
}
