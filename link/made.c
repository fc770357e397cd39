/* SPDX-License-Identifier: MIT */
/* Names that linkers define come in, the places of the module that they stand for go out. */
#include "link.h"

enum { AT_BEGIN, AT_END, AT_SPAN_BEGIN, AT_SPAN_END, AT_NOTHING };

static const struct {
	char name[24];
	uint8_t size, class_, at;
} made[] = {
	{"_GLOBAL_OFFSET_TABLE_", 21, CLASS_GOT, AT_BEGIN},
	{"__dso_handle", 12, CLASS_NONE, AT_SPAN_BEGIN},
	{"__executable_start", 18, CLASS_NONE, AT_SPAN_BEGIN},
	{"_TLS_MODULE_BASE_", 17, CLASS_NONE, AT_NOTHING},
	{"__preinit_array_start", 21, CLASS_PREINIT_ARRAY, AT_BEGIN},
	{"__preinit_array_end", 19, CLASS_PREINIT_ARRAY, AT_END},
	{"__init_array_start", 18, CLASS_INIT_ARRAY, AT_BEGIN},
	{"__init_array_end", 16, CLASS_INIT_ARRAY, AT_END},
	{"__fini_array_start", 18, CLASS_FINI_ARRAY, AT_BEGIN},
	{"__fini_array_end", 16, CLASS_FINI_ARRAY, AT_END},
	{"__bss_start", 11, CLASS_BSS, AT_BEGIN},
	{"_etext", 6, CLASS_TEXT, AT_END},
	{"etext", 5, CLASS_TEXT, AT_END},
	{"_edata", 6, CLASS_DATA, AT_END},
	{"edata", 5, CLASS_DATA, AT_END},
	{"_end", 4, CLASS_NONE, AT_SPAN_END},
	{"end", 3, CLASS_NONE, AT_SPAN_END},
};
enum { NMADE = sizeof made / sizeof made[0], TLS_BASE = 3 };

bool lode_link_makes_(struct lode_link_symbol *symbol)
{
	for (uint32_t i = 0; i < NMADE; i++) {
		if (symbol->length != made[i].size || memcmp(symbol->name, made[i].name, made[i].size) != 0)
			continue;
		symbol->state_ = STATE_MADE;
		symbol->index = i;
		symbol->type = i == TLS_BASE ? LODE_STT_TLS : LODE_STT_NOTYPE;
		return true;
	}
	return false;
}

uint64_t lode_link_made_value_(const struct lode_link *link, const struct lode_link_symbol *symbol)
{
	const struct lode_range *place;

	if (symbol->set_)
		return link->addr + (symbol == symbol->set_->start ? symbol->set_->addr : symbol->set_->end);
	/* Offsets in the block become offsets from the thread pointer, so the base that they count from is the pointer. */
	if (made[symbol->index].at == AT_NOTHING)
		return 0;
	if (made[symbol->index].class_ == CLASS_NONE)
		return link->addr + (made[symbol->index].at == AT_SPAN_END ? link->size : 0);
	place = &link->class_places_[made[symbol->index].class_];
	return link->addr + place->addr + (made[symbol->index].at == AT_END ? place->size : 0);
}
