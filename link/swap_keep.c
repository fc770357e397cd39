/* SPDX-License-Identifier: MIT */
/* A variable or a table of addresses of the new code comes in; where the program has it already goes out, or why it cannot stay
 * there. */
#include "types.h"

uint64_t lode_swap_run_addr_(const struct lode_program *program, const struct lode_index_symbol *symbol)
{
	return symbol->type == LODE_STT_TLS ? symbol->addr : symbol->addr + program->bias;
}

/* The only variable of its file with this stem; NULL: there is none. *many: there are several. */
static const struct lode_index_symbol *by_stem(const struct lode_index *index, const struct lode_link_text *name, uint32_t unit,
	bool *many)
{
	const struct lode_index_symbol *found = NULL;
	uint32_t length = lode_swap_stem_(name);

	for (uint32_t i = 0; length != 0 && i < index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &index->symbols[i];
		struct lode_link_text text = {symbol->name, symbol->length};

		if (symbol->unit != unit || symbol->type == LODE_STT_FUNC || symbol->constant || lode_swap_stem_(&text) != length ||
			memcmp(symbol->name, name->at, length) != 0)
			continue;
		*many = *many || found;
		found = symbol;
	}
	return found;
}

static const struct lode_index_symbol *in_index(const struct lode_swap *swap, const struct lode_swap_name *name, bool *many)
{
	const struct lode_index *index = swap->program->index;
	const struct lode_index_symbol *exact;
	uint32_t unit;

	unit = lode_swap_unit_(swap, &name->source);
	if (!name->local)
		return lode_index_global_(index, &name->name, unit);
	if (unit == LODE_NO_INDEX)
		return NULL;
	exact = lode_index_local_(index, &name->name, unit);
	/* With other numbers about, an equal one may be chance. */
	if (lode_swap_stem_(&name->name) != 0)
		return by_stem(index, &name->name, unit, many);
	return exact;
}

/* A datum of an earlier version, which the program's file has not. */
static uint32_t in_versions(const struct lode_swap *swap, struct lode_swap_own *own, const struct lode_swap **version,
	const struct lode_swap_name *name)
{
	uint32_t count = 0;

	*version = swap->program->newest;
	for (; *version && count == 0; *version = count == 0 ? (*version)->older_ : *version)
		count = lode_swap_find_own_(own, *version, name);
	return count;
}

/* What a variable has been. */
struct earlier {
	struct lode_range place;
	bool thread_local_, there, many;
	const struct lode_types *types; /* or NULL */
	uint32_t type;
};

static void find_earlier(struct earlier *earlier, const struct lode_swap *swap, const struct lode_link_datum *datum)
{
	const struct lode_swap_name name = {.name = datum->name, .source = datum->source, .local = datum->local,
		.type = datum->thread_local_ ? LODE_STT_TLS : LODE_STT_OBJECT};
	const struct lode_index *index = swap->program->index;
	const struct lode_index_symbol *old;
	const struct lode_swap *version;
	struct lode_swap_own own;
	uint32_t count = in_versions(swap, &own, &version, &name);

	*earlier = (struct earlier){.many = count > 1};
	if (count == 1) {
		*earlier = (struct earlier){.place = own.range, .thread_local_ = datum->thread_local_, .there = true};
		earlier->types = lode_unit_types_(&earlier->type, version->link, own.unit, own.index);
	}
	if (count > 0)
		return;
	old = in_index(swap, &name, &earlier->many);
	if (!old || earlier->many || old->type == LODE_STT_FUNC || old->constant)
		return;
	earlier->there = true;
	earlier->thread_local_ = old->type == LODE_STT_TLS;
	earlier->place = (struct lode_range){lode_swap_run_addr_(swap->program, old), old->size};
	earlier->types = &index->types;
	earlier->type = lode_index_type_(index, old);
}

/* The first one is what is said. */
static int conflict(struct lode_swap *swap, enum lode_rule rule, const struct lode_link_datum *datum,
	const struct types_difference *difference)
{
	if (swap->conflict_.rule != LODE_RULE_NONE)
		return -1;
	swap->conflict_ = lode_nowhere_(difference->field, difference->now, difference->old);
	swap->conflict_.rule = rule;
	swap->account.datum = datum->name;
	swap->account.old_size = difference->old;
	swap->account.new_size = difference->now;
	memcpy(swap->account.path, difference->path, sizeof difference->path);
	return -1;
}

static bool is_unfinished(const struct lode_types *types)
{
	return types && types->unfinished;
}

/* The rule that is broken; none: nothing has changed. */
static enum lode_rule compare(struct types_difference *difference, struct lode_swap *swap, const struct lode_link_datum *datum,
	const struct earlier *earlier)
{
	const struct lode_types *types;
	uint32_t type;

	*difference = (struct types_difference){.field = LODE_FIELD_SWAP_DATUM, .old = earlier->place.size, .now = datum->size};
	if (earlier->many)
		return LODE_RULE_SWAP_AMBIGUOUS;
	if (earlier->place.size != datum->size || earlier->thread_local_ != datum->thread_local_)
		return LODE_RULE_SWAP_SIZE;
	types = lode_unit_types_(&type, swap->link, datum->unit_, datum->index_);
	if (!types || !earlier->types || type == TYPE_NONE || earlier->type == TYPE_NONE) {
		swap->account.nunread += is_unfinished(types) || is_unfinished(earlier->types);
		return LODE_RULE_NONE;
	}
	if (!lode_types_same_(difference, &datum->unit_->types->comparing, earlier->types, earlier->type, type)) {
		swap->account.ntyped++;
		return LODE_RULE_SWAP_TYPE;
	}
	if (datum->unit_->types->comparing.unfinished)
		swap->account.nunread++;
	else
		swap->account.ntyped++;
	return LODE_RULE_NONE;
}

/* A source file of the program or of a replacement. */
static bool is_known(const struct lode_swap *swap, const struct lode_link_text *source)
{
	for (const struct lode_swap *version = swap->program->newest; version; version = version->older_)
		for (const struct lode_link_unit *unit = version->link->units_.first; unit; unit = unit->next) {
			struct lode_link_text name = lode_unit_source_name_(unit, unit->nlocals);

			if (text_is(&name, source->at, source->size))
				return true;
		}
	return lode_swap_unit_(swap, source) != LODE_NO_INDEX;
}

/* How many functions of the program or of replacements it defines anew. Inline functions of C++, which are weak, are nobody's. */
static uint32_t count_replaced(const struct lode_swap *swap, const struct lode_link_unit *unit)
{
	struct lode_link_answer answer;
	uint32_t count = 0;

	for (uint32_t i = unit->nlocals; i < unit->nsymbols; i++) {
		struct lode_link_text name = lode_unit_symbol_name_(unit, i);
		const struct lode_link_symbol symbol = {.name = name.at, .length = (uint32_t)name.size, .type = LODE_STT_FUNC};

		if (lode_unit_is_function_(unit, i) && lode_unit_symbol_(unit, i).bind == LODE_STB_GLOBAL &&
			lode_swap_resolve(swap, &answer, &symbol) == 0 && answer.type == LODE_STT_FUNC)
			count++;
	}
	return count;
}

/* A source file that has a static variable of this name, whatever its own. */
static bool find_other(struct lode_link_text *source, const struct lode_swap *swap, const struct lode_link_datum *datum)
{
	const struct lode_index *index = swap->program->index;
	struct lode_swap_name name = {.name = datum->name, .local = true,
		.type = datum->thread_local_ ? LODE_STT_TLS : LODE_STT_OBJECT};
	struct lode_range range = {.addr = 0};

	for (const struct lode_swap *version = swap->program->newest; version; version = version->older_)
		for (const struct lode_link_unit *unit = version->link->units_.first; unit; unit = unit->next) {
			*source = name.source = lode_unit_source_name_(unit, unit->nlocals);
			if (lode_swap_own_(&range, version, &name) > 0)
				return true;
		}
	for (uint32_t i = 0; i < index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &index->symbols[i];
		struct lode_link_text text = {symbol->name, symbol->length};

		if (symbol->unit == LODE_NO_INDEX || symbol->type != name.type || symbol->constant ||
			!lode_swap_is_same_(&name.name, &text))
			continue;
		*source = index->units[symbol->unit];
		return true;
	}
	return false;
}

/* A source file that was renamed: its functions would go on with a variable that begins anew. */
static bool is_lost(struct lode_swap *swap, const struct lode_link_datum *datum)
{
	struct types_difference difference = {.field = LODE_FIELD_SWAP_FUNCTIONS};
	struct lode_link_text source;

	if (!datum->local || is_known(swap, &datum->source) || !find_other(&source, swap, datum))
		return false;
	difference.now = count_replaced(swap, datum->unit_);
	if (difference.now == 0)
		return false;
	if (swap->conflict_.rule == LODE_RULE_NONE) {
		swap->account.source = datum->source;
		swap->account.unit = source;
	}
	conflict(swap, LODE_RULE_SWAP_SOURCE, datum, &difference);
	return true;
}

static int keep_variable(struct lode_swap *swap, uint64_t *addr, const struct lode_link_datum *datum)
{
	struct types_difference difference;
	struct earlier earlier;
	enum lode_rule changed;

	find_earlier(&earlier, swap, datum);
	if (!earlier.there && !earlier.many) {
		swap->account.nnew += !is_lost(swap, datum);
		return -1;
	}
	changed = compare(&difference, swap, datum, &earlier);
	if (changed == LODE_RULE_NONE) {
		*addr = earlier.place.addr;
		swap->account.nkept++;
		return 0;
	}
	if (changed == LODE_RULE_SWAP_AMBIGUOUS || !lode_swap_has_hook_(datum))
		return conflict(swap, changed, datum, &difference);
	if (earlier.thread_local_ || datum->thread_local_ || !lode_swap_add_move_(swap, datum, &earlier.place))
		return conflict(swap, LODE_RULE_SWAP_MIGRATE, datum, &difference);
	return -1;
}

/* What is not the same is no conflict: the new code has its own. */
static int keep_constant(struct lode_swap *swap, uint64_t *addr, const struct lode_link_datum *datum)
{
	const struct lode_swap_name name = {.name = datum->name, .source = datum->source, .local = datum->local,
		.type = LODE_STT_OBJECT};
	const struct lode_swap *version;
	const struct lode_index_symbol *old;
	struct lode_swap_own own = {.unit = NULL};
	uint32_t count = in_versions(swap, &own, &version, &name), unit = lode_swap_unit_(swap, &datum->source);

	if (count == 0) {
		if (datum->local && unit == LODE_NO_INDEX)
			return -1;
		old = datum->local ? lode_index_local_(swap->program->index, &datum->name, unit) :
			lode_index_global_(swap->program->index, &datum->name, unit);
		if (!old || old->type != LODE_STT_OBJECT)
			return -1;
		own.range = (struct lode_range){.addr = lode_swap_run_addr_(swap->program, old), .size = old->size};
	}
	*addr = own.range.addr;
	if (count <= 1 && own.range.size == datum->size && lode_swap_same_(swap, datum, own.range.addr))
		return 0;
	swap->account.nmoved++;
	return -1;
}

int lode_swap_keep(struct lode_swap *swap, uint64_t *addr, const struct lode_link_datum *datum)
{
	return datum->constant ? keep_constant(swap, addr, datum) : keep_variable(swap, addr, datum);
}
