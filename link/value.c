/* SPDX-License-Identifier: MIT */
/* A module that has its place comes in; every symbol's value goes out: an address, or an offset from the thread pointer. */
#include "link.h"

uint64_t lode_unit_address_(const struct lode_link *link, const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct lode_link_section *section;

	if (symbol.shndx == LODE_SHN_UNDEF)
		return 0;
	if (symbol.reserved)
		return symbol.value;
	section = &unit->sections[symbol.shndx];
	if (section->class_ == CLASS_NONE)
		return 0;
	if (section->class_ == CLASS_TDATA || section->class_ == CLASS_TBSS)
		return section->addr - link->tls.template_offset + symbol.value + link->tls.offset;
	return link->addr + section->addr + symbol.value;
}

static uint64_t stub_at(const struct lode_link *link, uint32_t number)
{
	return link->addr + link->class_places_[CLASS_STUBS].addr + (uint64_t)(number - 1) * link->machine_->stub_size;
}

/* Out of reach of code anywhere in the module, or of 32-bit absolute fields. */
static bool is_far(const struct lode_link *link, uint64_t value)
{
	return !fits_signed(value - link->addr, 32) || !fits_signed(value - (link->addr + link->size), 32) ||
		(link->low && value > INT32_MAX);
}

static void set_elsewhere(const struct lode_link *link, struct lode_link_symbol *entry)
{
	entry->target_ = entry->value;
	if ((entry->flags_ & FLAG_NARROW) && is_far(link, entry->value))
		entry->value = stub_at(link, entry->numbers_.stub);
}

static void set_entry(struct lode_link *link, struct lode_link_symbol *entry)
{
	switch (entry->state_) {
	case STATE_DEFINED:
		entry->value = entry->kind_ == KIND_IFUNC ? stub_at(link, entry->numbers_.stub) :
			lode_unit_address_(link, entry->unit, entry->index);
		break;
	case STATE_COMMON:
		entry->value += entry->kind_ == KIND_TLS ? link->tls.offset - link->tls.template_offset : link->addr;
		break;
	case STATE_ELSEWHERE: set_elsewhere(link, entry); break;
	case STATE_MADE: entry->value = lode_link_made_value_(link, entry); break;
	default: break;
	}
}

static void set_unit(struct lode_link *link, struct lode_link_unit *unit)
{
	for (uint32_t i = 0; i < unit->nlocals; i++) {
		if (unit->kinds[i] == KIND_IFUNC && unit->numbers && unit->numbers[i].stub != 0)
			unit->values[i] = stub_at(link, unit->numbers[i].stub);
		else
			unit->values[i] = lode_unit_address_(link, unit, i);
		if (unit->kept)
			unit->values[i] = lode_link_kept_value_(unit, i, unit->values[i]);
	}
	for (uint32_t i = unit->nlocals; i < unit->nsymbols; i++)
		unit->values[i] = unit->globals[i - unit->nlocals]->value;
}

void lode_link_values_(struct lode_link *link)
{
	for (struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_)
		if (symbol->key_ == KEY_SYMBOL)
			set_entry(link, symbol);
	for (struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		set_unit(link, unit);
}
