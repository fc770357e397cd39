/* SPDX-License-Identifier: MIT */
/* A linked module comes in; its exported symbols are seen in a namespace, or are not seen any more. */
#include "link.h"

static const struct lode_link_symbol *find(const struct lode_namespace *names, const struct link_name *name)
{
	for (; names; names = names->parent) {
		const struct lode_link_symbol *symbol = names->nbuckets ? names->buckets[name->hash & (names->nbuckets - 1)] : NULL;

		for (; symbol; symbol = symbol->published_)
			if (symbol->hash == name->hash && symbol->length == name->length &&
				memcmp(symbol->name, name->at, name->length) == 0)
				return symbol;
	}
	return NULL;
}

const struct lode_link_symbol *lode_namespace_find_(const struct lode_namespace *names, const struct lode_link_symbol *symbol)
{
	const struct link_name name = {.at = symbol->name, .length = symbol->length, .hash = symbol->hash};

	return find(names, &name);
}

const struct lode_link_symbol *lode_namespace_find(const struct lode_namespace *names, const char *name)
{
	struct link_name key = lode_link_string_(name);

	return find(names, &key);
}

const struct lode_link_symbol *lode_link_find(const struct lode_link *link, const char *name)
{
	struct link_name key = lode_link_string_(name);
	const struct lode_link_symbol *symbol = lode_link_lookup_(link, &key, KEY_SYMBOL);

	if (!symbol || (symbol->state_ != STATE_DEFINED && symbol->state_ != STATE_COMMON && symbol->state_ != STATE_MADE))
		return NULL;
	return symbol;
}

static bool is_exported(const struct lode_link_symbol *symbol)
{
	if (symbol->key_ != KEY_SYMBOL || symbol->kind_ == KIND_DROPPED)
		return false;
	return (symbol->state_ == STATE_DEFINED || symbol->state_ == STATE_COMMON) &&
		(symbol->visibility == 0 || symbol->visibility == 3);
}

void lode_link_publish(struct lode_link *link)
{
	struct lode_namespace *names = link->options_.names;

	if (link->stage_ != STAGE_READY || link->published_)
		return;
	link->published_ = true;
	for (struct lode_link_need *need = link->needs; need; need = need->next)
		need->module->nusers++;
	if (!names)
		return;
	for (struct lode_link_symbol *symbol = link->symbols_; symbol && names->nbuckets; symbol = symbol->all_) {
		struct lode_link_symbol **bucket = &names->buckets[symbol->hash & (names->nbuckets - 1)];

		if (!is_exported(symbol))
			continue;
		symbol->published_ = *bucket;
		*bucket = symbol;
	}
	link->next_ = names->modules;
	names->modules = link;
}

static void hide(struct lode_namespace *names, const struct lode_link_symbol *symbol)
{
	struct lode_link_symbol **at = &names->buckets[symbol->hash & (names->nbuckets - 1)];

	while (*at && *at != symbol)
		at = &(*at)->published_;
	if (*at)
		*at = symbol->published_;
}

static void leave(struct lode_link *link, struct lode_namespace *names)
{
	struct lode_link **at = &names->modules;

	for (struct lode_link_symbol *symbol = link->symbols_; symbol && names->nbuckets; symbol = symbol->all_)
		if (is_exported(symbol))
			hide(names, symbol);
	while (*at && *at != link)
		at = &(*at)->next_;
	if (*at)
		*at = link->next_;
}

int lode_link_withdraw(struct lode_link *link, struct lode_diag *why)
{
	if (link->nusers > 0)
		return lode_refuse_(why, LODE_RULE_LINK_IN_USE, lode_nowhere_(LODE_FIELD_LINK_USERS, link->nusers, 0));
	if (!link->published_)
		return LODE_OK;
	link->published_ = false;
	for (struct lode_link_need *need = link->needs; need; need = need->next)
		need->module->nusers--;
	if (link->options_.names)
		leave(link, link->options_.names);
	return LODE_OK;
}
