/* SPDX-License-Identifier: MIT */
/* A module comes in; its sections, objects, functions, and the symbol that an address belongs to, go out: for maps, profilers
 * and debuggers. */
#include "link.h"

static struct lode_link_section *first_behind(uint32_t *class_, const struct lode_link *link)
{
	for (; *class_ < CLASS_TBSS; ++*class_)
		if (link->classes_[*class_].first)
			return link->classes_[*class_].first;
	return NULL;
}

/* Sets stand behind the classes, one after the other. */
static struct lode_link_section *next_section(struct lode_link_piece *piece, const struct lode_link *link)
{
	struct lode_link_section *section = piece->next_;

	if (section)
		return section;
	section = first_behind(&piece->class_, link);
	if (section)
		return section;
	if (piece->class_ == CLASS_TBSS) {
		piece->set_ = link->sets_;
		piece->class_++;
	}
	while (piece->set_ && !section) {
		section = piece->set_->first;
		piece->set_ = piece->set_->next;
	}
	return section;
}

bool lode_link_next_piece(struct lode_link_piece *piece, const struct lode_link *link)
{
	const struct lode_link_section *section = next_section(piece, link);

	if (!section)
		return false;
	piece->addr = link->addr + section->addr;
	piece->size = section->unit->image.sections[section->index].size;
	piece->file = section->unit->file;
	piece->member = section->unit->member;
	piece->section = lode_unit_section_name_(section->unit, section->index);
	piece->index = section->index;
	piece->next_ = section->next;
	if (!piece->next_ && piece->class_ < CLASS_TBSS)
		piece->class_++;
	return true;
}

static bool holds(const struct lode_link *link, const struct lode_link_section *section, uint64_t addr)
{
	if (section->class_ >= CLASS_TBSS)
		return false;
	return addr - (link->addr + section->addr) < section->unit->image.sections[section->index].size;
}

bool lode_link_next_object(struct lode_link_object *object, const struct lode_link *link)
{
	struct lode_link_unit *unit = object->unit_ ? object->unit_->next : link->units_.first;

	if (!unit)
		return false;
	*object = (struct lode_link_object){.file = unit->file, .member = unit->member, .bytes = unit->source.bytes,
		.size = unit->source.size, .nsections = unit->image.nsections, .unit_ = unit};
	return true;
}

uint64_t lode_link_section_at(const struct lode_link *link, const struct lode_link_object *object, uint32_t index)
{
	const struct lode_link_section *section = &object->unit_->sections[index];

	if (section->class_ >= CLASS_TBSS || section->class_ == CLASS_TDATA)
		return 0;
	return link->addr + section->addr;
}

bool lode_link_next_function(struct lode_link_function *function, const struct lode_link *link,
	const struct lode_link_object *object)
{
	const struct lode_link_unit *unit = object->unit_;

	while (function->index_ + 1 < unit->nsymbols) {
		struct link_sym symbol = lode_unit_symbol_(unit, ++function->index_);

		if (symbol.type != LODE_STT_FUNC && symbol.type != LODE_STT_GNU_IFUNC)
			continue;
		if (symbol.reserved || symbol.shndx == LODE_SHN_UNDEF || !lode_link_section_at(link, object, symbol.shndx))
			continue;
		function->name = lode_unit_symbol_name_(unit, function->index_);
		function->addr = lode_unit_address_(link, unit, function->index_);
		function->size = symbol.size;
		return true;
	}
	return false;
}

static void best_symbol(struct lode_link_text *name, uint64_t *offset, const struct lode_link_section *section, uint64_t at)
{
	const struct lode_link_unit *unit = section->unit;

	*name = lode_unit_section_name_(unit, section->index);
	*offset = at;
	for (uint32_t i = 1; i < unit->nsymbols; i++) {
		struct link_sym symbol = lode_unit_symbol_(unit, i);

		if (symbol.reserved || symbol.shndx != section->index || symbol.type == LODE_STT_SECTION || symbol.value > at)
			continue;
		if (at - symbol.value > *offset)
			continue;
		*offset = at - symbol.value;
		*name = lode_unit_symbol_name_(unit, i);
	}
}

bool lode_link_at(struct lode_link_text *name, uint64_t *offset, const struct lode_link *link, uint64_t addr)
{
	for (const struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->image.nsections; i++) {
			const struct lode_link_section *section = &unit->sections[i];

			if (!holds(link, section, addr))
				continue;
			best_symbol(name, offset, section, addr - link->addr - section->addr);
			return true;
		}
	return false;
}
