/* SPDX-License-Identifier: MIT */
/* New code that is placed comes in; every function of the old code goes out, in order of address, with its successor. */
#include "swap.h"

struct finding {
	struct lode_swap *swap;
	bool counting;
};

bool lode_unit_is_function_(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);

	if (symbol.type != LODE_STT_FUNC || symbol.reserved || symbol.shndx == LODE_SHN_UNDEF)
		return false;
	if (unit->sections[symbol.shndx].class_ != CLASS_TEXT)
		return false;
	return index < unit->nlocals || (unit->globals[index - unit->nlocals]->unit == unit &&
		unit->globals[index - unit->nlocals]->index == index);
}

/* Parts and variants that the compiler makes of a function are called within their unit only, as they please. */
static bool is_clone(const struct lode_link_text *name)
{
	for (size_t i = 1; i < name->size; i++)
		if (name->at[i] == '.')
			return true;
	return false;
}

static void add(const struct finding *finding, const struct lode_swap_function *function)
{
	struct lode_swap *swap = finding->swap;

	if (function->old.addr == function->now)
		return;
	if (!finding->counting) {
		swap->functions_[swap->nfunctions_] = *function;
		swap->account.nconstants += function->data;
		swap->account.nfunctions += function->now != 0 && !function->data;
		swap->account.main |= function->now != 0 && text_is(&function->name, "main", 4);
	}
	swap->nfunctions_++;
}

/* What has had this name, newest first. */
static void add_namesakes(const struct finding *finding, const struct lode_swap_name *name, struct lode_swap_function function)
{
	const struct lode_program *program = finding->swap->program;
	const struct lode_index_symbol *symbol = NULL;
	uint32_t unit;

	function.newest = true;
	for (const struct lode_swap *version = program->newest; version; version = version->older_) {
		if (lode_swap_own_(&function.old, version, name) == 0)
			continue;
		add(finding, &function);
		function.newest = false;
	}
	unit = lode_swap_unit_(finding->swap, &name->source);
	if (!name->local)
		symbol = lode_index_global_(program->index, &name->name, unit);
	else if (unit != LODE_NO_INDEX)
		symbol = lode_index_local_(program->index, &name->name, unit);
	if (!symbol || !(function.data ? symbol->type == LODE_STT_OBJECT && symbol->constant : symbol->type == LODE_STT_FUNC))
		return;
	function.old = (struct lode_range){.addr = symbol->addr + program->bias, .size = symbol->size};
	add(finding, &function);
}

/* Data that is only read, that other units can name. */
static bool is_constant(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	uint8_t class_;

	if (index < unit->nlocals || symbol.type != LODE_STT_OBJECT || symbol.reserved || symbol.shndx == LODE_SHN_UNDEF)
		return false;
	if (lode_link_is_kept_(unit, index))
		return false;
	class_ = unit->sections[symbol.shndx].class_;
	return (class_ == CLASS_RODATA || class_ == CLASS_RELRO || class_ == CLASS_LARGE_RODATA) &&
		unit->globals[index - unit->nlocals]->unit == unit && unit->globals[index - unit->nlocals]->index == index;
}

static void add_successors(const struct finding *finding, struct lode_link_unit *unit)
{
	for (uint32_t i = 1; i < unit->nsymbols; i++) {
		struct lode_swap_name name = {.local = i < unit->nlocals, .type = LODE_STT_FUNC};
		struct lode_swap_function function = {.data = is_constant(unit, i)};

		if (!function.data && !lode_unit_is_function_(unit, i))
			continue;
		name.name = lode_unit_symbol_name_(unit, i);
		if (!function.data && is_clone(&name.name))
			continue;
		name.source = lode_unit_source_name_(unit, i);
		function.name = name.name;
		function.now = lode_unit_address_(finding->swap->link, unit, i);
		function.now_size = lode_unit_symbol_(unit, i).size;
		function.name = name.name;
		function.unit_ = unit;
		function.symbol_ = i;
		add_namesakes(finding, &name, function);
	}
}

/* The rest of an earlier version. */
static void add_unit(const struct finding *finding, const struct lode_link *link, const struct lode_link_unit *unit)
{
	for (uint32_t i = 1; i < unit->nsymbols; i++)
		if (lode_unit_is_function_(unit, i))
			add(finding, &(struct lode_swap_function){
				.old = {lode_unit_address_(link, unit, i), lode_unit_symbol_(unit, i).size},
				.name = lode_unit_symbol_name_(unit, i)});
}

/* Old code has more than what has a successor: parts and variants, and what is no more. */
static void add_rest(const struct finding *finding, const struct lode_link_text *source)
{
	const struct lode_program *program = finding->swap->program;
	uint32_t number = lode_swap_unit_(finding->swap, source);

	for (const struct lode_swap *version = program->newest; version; version = version->older_)
		for (const struct lode_link_unit *unit = version->link->units_.first; unit; unit = unit->next) {
			struct lode_link_text name = lode_unit_source_name_(unit, unit->nlocals);

			if (text_is(&name, source->at, source->size))
				add_unit(finding, version->link, unit);
		}
	for (uint32_t i = 0; number != LODE_NO_INDEX && i < program->index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &program->index->symbols[i];

		if (symbol->unit == number && symbol->type == LODE_STT_FUNC)
			add(finding, &(struct lode_swap_function){.old = {symbol->addr + program->bias, symbol->size},
				.name = {symbol->name, symbol->length}});
	}
}

static void find(const struct finding *finding)
{
	finding->swap->nfunctions_ = 0;
	for (struct lode_link_unit *unit = finding->swap->link->units_.first; unit; unit = unit->next)
		add_successors(finding, unit);
	for (const struct lode_link_unit *unit = finding->swap->link->units_.first; unit; unit = unit->next) {
		struct lode_link_text source = lode_unit_source_name_(unit, unit->nlocals);

		add_rest(finding, &source);
	}
}

/* By old addresses; one that has a successor before one that has none. */
static bool is_behind(const struct lode_swap_function *a, const struct lode_swap_function *b)
{
	if (a->old.addr != b->old.addr)
		return a->old.addr > b->old.addr;
	return a->now == 0 && b->now != 0;
}

static void exchange(struct lode_swap_function *a, struct lode_swap_function *b)
{
	struct lode_swap_function c = *a;

	*a = *b;
	*b = c;
}

/* A heap, the last on top. */
static void sift(struct lode_swap_function *all, uint32_t from, uint32_t count)
{
	for (uint32_t child = 2 * from + 1; child < count; from = child, child = 2 * from + 1) {
		if (child + 1 < count && is_behind(&all[child + 1], &all[child]))
			child++;
		if (!is_behind(&all[child], &all[from]))
			return;
		exchange(&all[from], &all[child]);
	}
}

static void sort(struct lode_swap_function *all, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(all, i, count);
	for (uint32_t i = count; i-- > 1;) {
		exchange(&all[0], &all[i]);
		sift(all, 0, i);
	}
}

static int refuse_shared(struct lode_swap *swap, const struct lode_link_text *name, uint64_t addr, struct lode_diag *why)
{
	swap->account.datum = *name;
	return lode_refuse_(why, LODE_RULE_SWAP_SHARED, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, addr, 0));
}

/* One for each address. Of several names, one may be the predecessor that callers know. */
static int make_unique(struct lode_swap *swap, struct lode_diag *why)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < swap->nfunctions_; i++) {
		struct lode_swap_function *last = kept > 0 ? &swap->functions_[kept - 1] : NULL, *function = &swap->functions_[i];

		if (!last || last->old.addr != function->old.addr) {
			swap->functions_[kept++] = *function;
			continue;
		}
		if (function->now != 0 && function->now != last->now)
			return refuse_shared(swap, &function->name, function->old.addr, why);
		last->newest = last->newest || function->newest;
		last->old.size = max_u64(last->old.size, function->old.size);
	}
	swap->nfunctions_ = kept;
	return LODE_OK;
}

/* Linkers may have folded functions of other units, or of other names, that had the same code. */
static bool has_other(const struct lode_swap *swap, const struct lode_index_symbol *symbol)
{
	const struct lode_program *program = swap->program;
	const struct lode_swap_function *function;
	struct lode_swap_name name = {.name = {symbol->name, symbol->length}, .local = symbol->unit != LODE_NO_INDEX,
		.type = symbol->type};
	struct lode_range now = {.addr = 0};

	if (symbol->type != LODE_STT_FUNC && !symbol->constant)
		return false;
	function = lode_swap_old_at_(swap, symbol->addr + program->bias);
	if (!function || function->now == 0 || (name.local && is_clone(&name.name)))
		return false;
	if (name.local)
		name.source = program->index->units[symbol->unit];
	if (lode_swap_own_(&now, swap, &name) > 0)
		return now.addr != function->now;
	if (!name.local || lode_swap_unit_(swap, &name.source) != symbol->unit)
		return true;
	name.local = false;
	return lode_swap_own_(&now, swap, &name) == 0 || now.addr != function->now;
}

int lode_swap_functions_(struct lode_swap *swap, struct lode_diag *why)
{
	struct finding finding = {.swap = swap, .counting = true};
	const struct lode_index *index = swap->program->index;
	int status;

	find(&finding);
	swap->functions_ = lode_link_take_(swap->link, (uint64_t)swap->nfunctions_ * sizeof *swap->functions_, why);
	if (!swap->functions_)
		return LODE_ERR_ROOM;
	finding.counting = false;
	find(&finding);
	if (swap->account.nfunctions == 0 && swap->account.nconstants == 0)
		return lode_refuse_(why, LODE_RULE_SWAP_NOTHING, lode_nowhere_(LODE_FIELD_SWAP_FUNCTIONS, 0, 0));
	sort(swap->functions_, swap->nfunctions_);
	status = make_unique(swap, why);
	for (uint32_t i = 0; i < index->nsymbols && status == LODE_OK; i++)
		if (has_other(swap, &index->symbols[i]))
			status = refuse_shared(swap, &(struct lode_link_text){index->symbols[i].name, index->symbols[i].length},
				index->symbols[i].addr + swap->program->bias, why);
	return status;
}

/* The last function that begins at or below the address. */
static const struct lode_swap_function *below(const struct lode_swap *swap, uint64_t addr)
{
	uint32_t low = 0, high = swap->nfunctions_;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (swap->functions_[middle].old.addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &swap->functions_[low - 1] : NULL;
}

const struct lode_swap_function *lode_swap_old_at_(const struct lode_swap *swap, uint64_t entry)
{
	const struct lode_swap_function *function = below(swap, entry);

	return function && function->old.addr == entry ? function : NULL;
}

bool lode_swap_is_old_(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_function *function = below(swap, addr);

	return function && addr - function->old.addr < function->old.size;
}

/* Who is in a function is behind its first byte: that alone is a pointer to it. Behind the last one is who called and will not
 * return. */
bool lode_swap_is_in_old_(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_function *function = below(swap, addr - 1);

	return function && !function->data && addr - 1 - function->old.addr < function->old.size;
}

static bool new_at(struct lode_link_text *name, const struct lode_swap *swap, uint64_t addr)
{
	for (const struct lode_link_unit *unit = swap->link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->nsymbols; i++) {
			if (!lode_unit_is_function_(unit, i) ||
				addr - 1 - lode_unit_address_(swap->link, unit, i) >= lode_unit_symbol_(unit, i).size)
				continue;
			*name = lode_unit_symbol_name_(unit, i);
			return true;
		}
	return false;
}

bool lode_swap_function_at(const struct lode_swap *swap, struct lode_link_text *name, uint64_t addr)
{
	if (swap->committed)
		return new_at(name, swap, addr);
	if (!lode_swap_is_in_old_(swap, addr))
		return false;
	*name = below(swap, addr - 1)->name;
	return true;
}
