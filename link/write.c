/* SPDX-License-Identifier: MIT */
/* A module that has its place comes in; bytes of sections, stubs and slots stand in the view behind it. */
#include "link.h"

static void copy_list(const struct lode_link *link, const struct lode_link_section *section)
{
	for (; section; section = section->next) {
		const struct lode_section *header = &section->unit->image.sections[section->index];

		if (header->type != LODE_SHT_NOBITS && header->size > 0)
			memcpy(link->view_ + section->addr, (const unsigned char *)section->unit->source.bytes + header->offset,
				(size_t)header->size);
	}
}

static void repeat(unsigned char *at, uint64_t size, const unsigned char *bytes, uint8_t width)
{
	for (uint64_t i = 0; i + width <= size; i += width)
		memcpy(at + i, bytes, width);
}

/* What alignment leaves between the fragments is run through. */
static void write_frame(const struct lode_link *link, uint32_t class_)
{
	const struct lode_link_machine *machine = link->machine_;
	const struct lode_range *place = &link->class_places_[class_];
	unsigned char *at = link->view_ + place->addr;

	if (!link->classes_[class_].first)
		return;
	repeat(at, place->size, machine->init_pad, machine->init_pad_size);
	memcpy(at, machine->init_head, machine->init_head_size);
	memcpy(at + place->size - machine->init_tail_size, machine->init_tail, machine->init_tail_size);
}

/* Only symbols that others define, or nobody, have stubs that are no ifuncs': they are global. */
static uint64_t slot_value(const struct lode_link_slot *slot)
{
	if (slot->ifunc)
		return 0;
	return slot->stub ? slot->unit->globals[slot->index - slot->unit->nlocals]->target_ : slot->unit->values[slot->index];
}

static void write_slots(const struct lode_link *link)
{
	unsigned char *at = link->view_ + link->class_places_[CLASS_GOT].addr;

	for (const struct lode_link_slot *slot = link->slots_; slot; slot = slot->next, at += SLOT_SIZE)
		put64(at, slot_value(slot));
}

static void write_stubs(const struct lode_link *link)
{
	uint64_t offset = link->class_places_[CLASS_STUBS].addr;

	for (const struct lode_link_stub *stub = link->stubs_; stub; stub = stub->next) {
		uint64_t slot = link->addr + link->class_places_[CLASS_GOT].addr + (uint64_t)(stub->slot - 1) * SLOT_SIZE;

		link->machine_->stub(link->view_ + offset, link->addr + offset, slot);
		offset += link->machine_->stub_size;
	}
}

void lode_link_write_(struct lode_link *link)
{
	write_frame(link, CLASS_INIT);
	write_frame(link, CLASS_FINI);
	for (uint32_t class_ = 0; class_ < CLASS_TBSS; class_++)
		copy_list(link, link->classes_[class_].first);
	for (const struct lode_link_set *set = link->sets_; set; set = set->next)
		copy_list(link, set->first);
	write_slots(link);
	write_stubs(link);
}
