/* SPDX-License-Identifier: MIT */
/* Resolved symbols come in; what each symbol of each object is to a relocation goes out, before anything has a place. */
#include "link.h"

/* A symbol that its unit defines. */
static uint8_t kind_of(const struct lode_link_unit *unit, const struct link_sym *symbol)
{
	uint8_t class_;

	if (symbol->reserved || symbol->shndx == LODE_SHN_UNDEF)
		return KIND_PLAIN;
	class_ = unit->sections[symbol->shndx].class_;
	if (class_ == CLASS_NONE)
		return KIND_DROPPED;
	if (class_ == CLASS_TDATA || class_ == CLASS_TBSS)
		return KIND_TLS;
	return symbol->type == LODE_STT_GNU_IFUNC ? KIND_IFUNC : KIND_PLAIN;
}

static uint8_t kind_of_entry(const struct lode_link_symbol *entry)
{
	struct link_sym symbol;

	switch (entry->state_) {
	case STATE_DEFINED:
		symbol = lode_unit_symbol_(entry->unit, entry->index);
		return kind_of(entry->unit, &symbol);
	case STATE_COMMON:
	case STATE_MADE: return entry->type == LODE_STT_TLS ? KIND_TLS : KIND_PLAIN;
	case STATE_ELSEWHERE: return entry->type == LODE_STT_TLS ? KIND_TLS : KIND_ELSEWHERE;
	default: return KIND_ABSENT;
	}
}

static int unit_kinds(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	unit->kinds = lode_link_keep_(link, unit->nsymbols, why);
	unit->values = lode_link_keep_(link, (uint64_t)unit->nsymbols * sizeof *unit->values, why);
	if (!unit->kinds || !unit->values)
		return LODE_ERR_ROOM;
	for (uint32_t i = 0; i < unit->nlocals; i++) {
		struct link_sym symbol = lode_unit_symbol_(unit, i);

		unit->kinds[i] = kind_of(unit, &symbol);
	}
	for (uint32_t i = unit->nlocals; i < unit->nsymbols; i++)
		unit->kinds[i] = unit->globals[i - unit->nlocals]->kind_;
	return LODE_OK;
}

int lode_link_kinds_(struct lode_link *link, struct lode_diag *why)
{
	int status = LODE_OK;

	for (struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_) {
		if (symbol->key_ != KEY_SYMBOL)
			continue;
		symbol->kind_ = kind_of_entry(symbol);
		if (symbol->state_ == STATE_DEFINED || symbol->state_ == STATE_COMMON)
			symbol->module = link;
	}
	for (struct lode_link_unit *unit = link->units_.first; unit && status == LODE_OK; unit = unit->next)
		status = unit_kinds(link, unit, why);
	return status;
}
