/* SPDX-License-Identifier: MIT */
/* Undefined __start_NAME and __stop_NAME come in; the sections called NAME are taken out of their classes to lie side by side. */
#include "link.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int set_of(struct lode_link_set **set, struct lode_link *link, const struct link_name *name, struct lode_diag *why)
{
	struct lode_link_symbol *key;
	int status = lode_link_intern_(&key, link, name, KEY_SET, why);

	if (status != LODE_OK)
		return status;
	*set = key->set_;
	if (key->set_)
		return LODE_OK;
	*set = lode_link_take_(link, sizeof **set, why);
	if (!*set)
		return LODE_ERR_ROOM;
	(*set)->name = *name;
	(*set)->class_ = CLASS_NONE;
	(*set)->next = link->sets_;
	link->sets_ = *set;
	key->set_ = *set;
	return LODE_OK;
}

int lode_link_set_symbol_(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why)
{
	const struct lode_link_text text = {symbol->name, symbol->length};
	bool start = TEXT_BEGINS(&text, "__start_");
	uint32_t head = start ? 8 : 7;
	struct lode_link_set *set;
	struct link_name name;
	int status;

	if ((!start && !TEXT_BEGINS(&text, "__stop_")) || symbol->length == head || !is_letter(symbol->name[head]))
		return LODE_OK;
	name = lode_link_name_(symbol->name + head, symbol->length - head);
	status = set_of(&set, link, &name, why);
	if (status != LODE_OK)
		return status;
	symbol->set_ = set;
	if (start)
		set->start = symbol;
	else
		set->stop = symbol;
	return LODE_OK;
}

static struct lode_link_set *wanted_by(const struct lode_link *link, const struct lode_link_section *section)
{
	struct lode_link_text text = lode_unit_section_name_(section->unit, section->index);
	const struct lode_link_symbol *key;
	struct link_name name;

	if (text.size == 0 || !is_letter(text.at[0]))
		return NULL;
	name = lode_link_name_(text.at, text.size);
	key = lode_link_lookup_(link, &name, KEY_SET);
	return key ? key->set_ : NULL;
}

/* A set with a writable section is writable. */
static void put(struct lode_link_set *set, struct lode_link_section *section, uint8_t class_)
{
	section->next = NULL;
	if (set->last)
		set->last->next = section;
	else
		set->first = section;
	set->last = section;
	if (class_ == CLASS_BSS)
		class_ = CLASS_DATA;
	if (set->class_ == CLASS_NONE || class_ == CLASS_DATA)
		set->class_ = class_;
}

static void fill_from(struct lode_link *link, uint8_t class_)
{
	struct lode_link_section *section = link->classes_[class_].first, *next;

	link->classes_[class_] = (struct lode_link_section_list){NULL, NULL};
	for (; section; section = next) {
		struct lode_link_set *set = wanted_by(link, section);

		next = section->next;
		if (set)
			put(set, section, class_);
		else
			lode_link_append_(&link->classes_[class_], section);
	}
}

void lode_link_fill_sets_(struct lode_link *link)
{
	static const uint8_t classes[] = {CLASS_TEXT, CLASS_RODATA, CLASS_DATA, CLASS_BSS};

	if (!link->sets_)
		return;
	for (size_t i = 0; i < sizeof classes; i++)
		fill_from(link, classes[i]);
}
