/* SPDX-License-Identifier: MIT */
/* A program and the names that its new code asks for come in; what the program has under those names now goes out. */
#include "swap.h"

void lode_swap_begin(struct lode_swap *swap, struct lode_program *program, struct lode_link *link)
{
	*swap = (struct lode_swap){.program = program, .link = link, .unit_ = LODE_NO_INDEX};
}

uint32_t lode_swap_stem_(const struct lode_link_text *name)
{
	size_t end = name->size;

	while (end > 0 && name->at[end - 1] >= '0' && name->at[end - 1] <= '9')
		end--;
	return end > 1 && end < name->size && name->at[end - 1] == '.' ? (uint32_t)end : 0;
}

bool lode_swap_is_same_(const struct lode_link_text *a, const struct lode_link_text *b)
{
	uint32_t length = lode_swap_stem_(a);

	if (length == 0)
		return text_is(a, b->at, b->size);
	return lode_swap_stem_(b) == length && memcmp(a->at, b->at, length) == 0;
}

static bool is_named(const struct lode_link_unit *unit, uint32_t index, const struct lode_swap_name *name)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	struct lode_link_text text, source;

	if (symbol.type != name->type || symbol.reserved || symbol.shndx == LODE_SHN_UNDEF || lode_link_is_kept_(unit, index))
		return false;
	text = lode_unit_symbol_name_(unit, index);
	source = lode_unit_source_name_(unit, index);
	return lode_swap_is_same_(&name->name, &text) && text_is(&source, name->source.at, name->source.size);
}

static uint32_t own_locals(struct lode_swap_own *own, const struct lode_link *link, const struct lode_swap_name *name)
{
	uint32_t count = 0;

	for (struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->nlocals; i++) {
			if (!is_named(unit, i, name))
				continue;
			*own = (struct lode_swap_own){.range = {unit->values[i], lode_unit_symbol_(unit, i).size}, .unit = unit,
				.index = i};
			count++;
		}
	return count;
}

static bool own_global(struct lode_swap_own *own, const struct lode_link *link, const struct lode_swap_name *name)
{
	struct link_name key = lode_link_name_(name->name.at, name->name.size);
	const struct lode_link_symbol *symbol = lode_link_lookup_(link, &key, KEY_SYMBOL);

	if (!symbol || (symbol->state_ != STATE_DEFINED && symbol->state_ != STATE_COMMON))
		return false;
	*own = (struct lode_swap_own){.range = {symbol->value, symbol->size}, .unit = symbol->unit, .index = symbol->index};
	return true;
}

uint32_t lode_swap_find_own_(struct lode_swap_own *own, const struct lode_swap *version, const struct lode_swap_name *name)
{
	return name->local ? own_locals(own, version->link, name) : own_global(own, version->link, name);
}

uint32_t lode_swap_own_(struct lode_range *own, const struct lode_swap *version, const struct lode_swap_name *name)
{
	struct lode_swap_own found = {.range = *own};
	uint32_t count = lode_swap_find_own_(&found, version, name);

	*own = found.range;
	return count;
}

/* Of several source files of one name the one that has most of the new object's functions. */
static uint32_t score(const struct lode_index *index, const struct lode_link_unit *unit, uint32_t number)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < unit->nlocals; i++) {
		struct lode_link_text name = lode_unit_symbol_name_(unit, i);

		if (lode_unit_symbol_(unit, i).type != LODE_STT_SECTION && name.size > 0 && lode_index_local_(index, &name, number))
			found++;
	}
	return found;
}

static const struct lode_link_unit *unit_of(const struct lode_link *link, const struct lode_link_text *source)
{
	for (const struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next) {
		struct lode_link_text name = lode_unit_source_name_(unit, unit->nlocals);

		if (text_is(&name, source->at, source->size))
			return unit;
	}
	return link->units_.first;
}

/* Without what stands behind the last dot: "epoll.c" was compiled to "epoll.o". */
static struct lode_link_text bare(const struct lode_link_text *name)
{
	for (size_t i = name->size; i-- > 1;)
		if (name->at[i] == '.')
			return (struct lode_link_text){.at = name->at, .size = i};
	return *name;
}

static bool is_source(const struct lode_link_text *unit, const struct lode_link_text *source, bool exactly)
{
	struct lode_link_text a = bare(unit), b = bare(source);

	return exactly ? text_is(unit, source->at, source->size) : text_is(&a, b.at, b.size);
}

static bool has_source(const struct lode_index *index, const struct lode_link_text *source)
{
	for (uint32_t i = 0; i < index->nunits; i++)
		if (is_source(&index->units[i], source, true))
			return true;
	return false;
}

uint32_t lode_swap_unit_(const struct lode_swap *swap, const struct lode_link_text *source)
{
	const struct lode_index *index = swap->program->index;
	const struct lode_link_unit *unit = unit_of(swap->link, source);
	uint32_t best = LODE_NO_INDEX, best_score = 0, count = 0;
	bool exactly = has_source(index, source);

	for (uint32_t i = 0; i < index->nunits; i++) {
		if (!is_source(&index->units[i], source, exactly))
			continue;
		if (count++ == 0)
			best = i;
	}
	for (uint32_t i = best; count > 1 && i < index->nunits; i++) {
		uint32_t found = is_source(&index->units[i], source, exactly) ? score(index, unit, i) : 0;

		if (found > best_score) {
			best_score = found;
			best = i;
		}
	}
	return best;
}

int lode_swap_resolve(const struct lode_swap *swap, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	const struct lode_swap_name name = {.name = {symbol->name, symbol->length}};
	const struct lode_index_symbol *found;
	struct lode_range own;

	for (const struct lode_swap *version = swap->program->newest; version; version = version->older_)
		if (lode_swap_own_(&own, version, &name) > 0) {
			answer->value = own.addr;
			answer->type = symbol->type != LODE_STT_NOTYPE ? symbol->type : LODE_STT_FUNC;
			return 0;
		}
	found = lode_index_global_(swap->program->index, &name.name, LODE_NO_INDEX);
	/* A resolver of the program has run already; what it chose stands in a slot that the index does not know. */
	if (!found || found->type == LODE_STT_GNU_IFUNC)
		return -1;
	answer->value = lode_swap_run_addr_(swap->program, found);
	answer->type = found->type;
	return 0;
}

/* Something that only a unit of the program can be the earlier version of. */
static bool has_own(const struct lode_link_unit *unit)
{
	for (uint32_t i = 1; i < unit->nlocals; i++) {
		uint8_t type = lode_unit_symbol_(unit, i).type;

		if (type == LODE_STT_FUNC || type == LODE_STT_OBJECT || type == LODE_STT_TLS)
			return true;
	}
	return false;
}

/* Without a name its variables would begin anew, silently. A source that the program has not is another matter. */
static int check_unit(const struct lode_swap *swap, const struct lode_link_unit *unit, struct lode_diag *why)
{
	struct lode_link_text name = lode_unit_source_name_(unit, unit->nlocals);

	if (lode_unit_has_source_(unit) || !has_own(unit) || lode_swap_unit_(swap, &name) != LODE_NO_INDEX)
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_SWAP_UNIT, lode_nowhere_(LODE_FIELD_SWAP_FUNCTIONS, 0, 0));
}

int lode_swap_check(struct lode_swap *swap, struct lode_diag *why)
{
	int status = LODE_OK;

	for (const struct lode_link_unit *unit = swap->link->units_.first; unit && status == LODE_OK; unit = unit->next)
		status = check_unit(swap, unit, why);
	if (swap->conflict_.rule == LODE_RULE_NONE && status == LODE_OK)
		return lode_swap_classes_(swap, why);
	if (status != LODE_OK)
		return status;
	return lode_refuse_(why, swap->conflict_.rule, swap->conflict_);
}
