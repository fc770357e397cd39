/* SPDX-License-Identifier: MIT */
/* Symbols that no object defines come in; each is found in archives, in the namespace or by the host, or is refused. */
#include "link.h"

static int pull(struct lode_link *link, struct lode_diag *why)
{
	int status = LODE_OK;

	while (link->queue_ && status == LODE_OK) {
		struct lode_link_symbol *symbol = link->queue_;

		link->queue_ = symbol->queue_;
		symbol->flags_ &= (uint8_t)~FLAG_QUEUED;
		if (symbol->state_ == STATE_LAZY)
			status = lode_archive_pull_(link, symbol, why);
	}
	return status;
}

static bool is_open(const struct lode_link_symbol *symbol)
{
	if (symbol->key_ != KEY_SYMBOL || !(symbol->flags_ & FLAG_REFERENCED))
		return false;
	return symbol->state_ == STATE_UNDEFINED || symbol->state_ == STATE_LAZY;
}

static struct lode_link_need *need_of(struct lode_link *link, struct lode_link *module, struct lode_diag *why)
{
	struct lode_link_need *need = link->needs;

	while (need && need->module != module)
		need = need->next;
	if (need)
		return need;
	need = lode_link_take_(link, sizeof *need, why);
	if (!need)
		return NULL;
	need->module = module;
	need->next = link->needs;
	link->needs = need;
	return need;
}

static int take_from_module(struct lode_link *link, struct lode_link_symbol *symbol, const struct lode_link_symbol *found,
	struct lode_diag *why)
{
	symbol->need_ = need_of(link, found->module, why);
	if (!symbol->need_)
		return LODE_ERR_ROOM;
	symbol->state_ = STATE_ELSEWHERE;
	symbol->value = found->value;
	symbol->size = found->size;
	symbol->type = found->type == LODE_STT_GNU_IFUNC ? LODE_STT_FUNC : found->type;
	symbol->module = found->module;
	return LODE_OK;
}

static bool ask_host(const struct lode_link *link, struct lode_link_symbol *symbol)
{
	const struct lode_link_host *host = link->options_.host;
	struct lode_link_answer answer = {.value = 0, .type = symbol->type};

	if (!host || !host->resolve || host->resolve(host->host, &answer, symbol) != 0)
		return false;
	symbol->state_ = STATE_ELSEWHERE;
	symbol->value = answer.value;
	symbol->type = answer.type;
	return true;
}

/* A file that the host knows of joins the link. */
static int demand(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why)
{
	const struct lode_link_host *host = link->options_.host;

	if (!host || !host->demand || !(symbol->flags_ & FLAG_STRONG) || host->demand(host->host, link, symbol) != 0)
		return LODE_OK;
	if (link->stage_ == STAGE_FAILED)
		return lode_link_stage_(link, STAGE_ADD, why);
	return pull(link, why);
}

static bool may_be_elsewhere(const struct lode_link_symbol *symbol)
{
	return symbol->visibility == 0 || symbol->visibility == 3;
}

static int find(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why)
{
	const struct lode_link_symbol *found;
	int status;

	if (!may_be_elsewhere(symbol)) {
		if (link->options_.host && link->options_.host->keep)
			ask_host(link, symbol);
		return LODE_OK;
	}
	found = link->options_.names ? lode_namespace_find_(link->options_.names, symbol) : NULL;
	if (found)
		return take_from_module(link, symbol, found, why);
	status = demand(link, symbol, why);
	if (status == LODE_OK && is_open(symbol))
		ask_host(link, symbol);
	return status;
}

static int undefined(struct lode_link *link, const struct lode_link_symbol *symbol, struct lode_diag *why)
{
	struct lode_diag place = lode_diag_of(LODE_RULE_LINK_UNDEFINED, LODE_FIELD_SYM_NAME, 0, 0);

	if (symbol->unit) {
		place.index = symbol->index;
		place.value = lode_unit_symbol_(symbol->unit, symbol->index).name;
		place.offset = symbol->unit->image.sections[symbol->unit->symtab].offset + (uint64_t)symbol->index * SYM_SIZE;
	}
	link->blame.symbol = (struct lode_link_text){symbol->name, symbol->length};
	return lode_link_refuse_(link, symbol->unit, place, why);
}

/* Code that reaches thread-local symbols by a call names this function, but the call is replaced. */
static bool is_replaced(const struct lode_link_symbol *symbol)
{
	const struct lode_link_text name = {symbol->name, symbol->length};

	return TEXT_IS(&name, "__tls_get_addr");
}

static bool is_missing(const struct lode_link_symbol *symbol)
{
	return is_open(symbol) && (symbol->flags_ & FLAG_STRONG) && !is_replaced(symbol);
}

/* What is still open now: weak symbols are absent, of the others the first one is named. */
static int close_all(struct lode_link *link, struct lode_diag *why)
{
	const struct lode_link_symbol *first = NULL;

	for (struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_) {
		if (!is_open(symbol))
			continue;
		if (is_missing(symbol)) {
			link->nundefined++;
			first = first ? first : symbol;
			continue;
		}
		symbol->state_ = STATE_ABSENT;
		symbol->value = 0;
	}
	return first ? undefined(link, first, why) : LODE_OK;
}

/* Files that come on demand bring further symbols, which stand behind this one in the list. */
static int find_all(struct lode_link *link, struct lode_diag *why)
{
	int status = pull(link, why);

	for (struct lode_link_symbol *symbol = link->symbols_; symbol && status == LODE_OK; symbol = symbol->all_) {
		if (!is_open(symbol) || lode_link_makes_(symbol))
			continue;
		status = lode_link_set_symbol_(link, symbol, why);
		if (status == LODE_OK && !symbol->set_)
			status = find(link, symbol, why);
	}
	return status;
}

/* __start_ and __stop_ of sections that are nowhere are names like others. */
static int find_sets(struct lode_link *link, struct lode_diag *why)
{
	int status = LODE_OK;

	lode_link_fill_sets_(link);
	for (struct lode_link_symbol *symbol = link->symbols_; symbol && link->sets_ && status == LODE_OK; symbol = symbol->all_) {
		if (!is_open(symbol) || !symbol->set_)
			continue;
		if (symbol->set_->first) {
			symbol->state_ = STATE_MADE;
			continue;
		}
		symbol->set_ = NULL;
		status = find(link, symbol, why);
	}
	return status;
}

int lode_link_settle_(struct lode_link *link, struct lode_diag *why)
{
	int status = find_all(link, why);

	if (status == LODE_OK)
		status = find_sets(link, why);
	if (status == LODE_OK)
		status = close_all(link, why);
	return status;
}

bool lode_link_next_undefined(struct lode_link_undefined *undefined, const struct lode_link *link)
{
	const struct lode_link_symbol *symbol = undefined->symbol_ ? undefined->symbol_->all_ : link->symbols_;

	if (link->nundefined == 0)
		return false;
	while (symbol && !is_missing(symbol))
		symbol = symbol->all_;
	if (!symbol)
		return false;
	*undefined = (struct lode_link_undefined){.name = {symbol->name, symbol->length}, .symbol_ = symbol};
	if (symbol->unit) {
		undefined->file = symbol->unit->file;
		undefined->member = symbol->unit->member;
	}
	return true;
}
