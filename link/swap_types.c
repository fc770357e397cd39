/* SPDX-License-Identifier: MIT */
/* A unit of a link, or a program's file, comes in; the types of its variables and functions go out, each with its symbol. */
#include "types.h"

/* Keys: where something lies, in its section; functions and thread-local variables apart from the rest. */
#define KEY_FUNCTION (UINT64_C(1) << 62)
#define KEY_THREAD_LOCAL (UINT64_C(1) << 63)

static uint64_t section_key(const struct link_sym *symbol, uint32_t number, uint64_t value)
{
	uint64_t section = (uint64_t)(symbol->shndx & 0x3fffff) << 40;

	return symbol->reserved && symbol->shndx == LODE_SHN_COMMON ? section ^ number : section ^ value;
}

static uint64_t kind_of(const struct link_sym *symbol)
{
	if (symbol->type == LODE_STT_FUNC)
		return KEY_FUNCTION;
	return symbol->type == LODE_STT_TLS ? KEY_THREAD_LOCAL : 0;
}

static bool unit_key(uint64_t *key, const void *host, uint32_t number)
{
	struct link_sym symbol = lode_unit_symbol_(host, number);

	if (symbol.type == LODE_STT_SECTION || symbol.type == LODE_STT_FILE || symbol.shndx == LODE_SHN_UNDEF)
		return false;
	*key = section_key(&symbol, number, symbol.value) ^ kind_of(&symbol);
	return true;
}

/* What stands in an object is an addend. */
static bool unit_place(uint64_t *key, const void *host, const struct dwarf_place *place, bool function)
{
	const struct lode_link_unit *unit = host;
	struct link_sym symbol;

	if (place->word.symbol == 0 || place->word.symbol >= unit->nsymbols)
		return false;
	symbol = lode_unit_symbol_(unit, place->word.symbol);
	*key = section_key(&symbol, place->word.symbol, symbol.value + place->word.value);
	*key ^= function ? KEY_FUNCTION : place->thread_local_ ? KEY_THREAD_LOCAL : 0;
	return symbol.shndx != LODE_SHN_UNDEF;
}

/* Half of what is left is enough, or there are no types. */
static uint64_t spare(const struct lode_link *link)
{
	size_t left = link->options_.memory_size - link->memory_used;

	return align_down(left / 2, 16);
}

static void read_unit(struct lode_link *link, struct lode_link_unit *unit)
{
	struct types_input input = {.image = &unit->image, .nsymbols = unit->nsymbols, .host = unit, .key = unit_key,
		.place = unit_place, .size = spare(link)};
	uint64_t taken, more;

	input.memory = (unsigned char *)link->options_.memory + link->memory_used;
	taken = lode_types_read_(&unit->types->types, &input);
	more = lode_types_memory_(unit->types->types.ntypes);
	if (taken == 0 || more > spare(link)) {
		unit->types->types.ntypes = 0;
		return;
	}
	lode_link_keep_(link, taken, NULL);
	lode_types_begin_(&unit->types->comparing, &unit->types->types, lode_link_keep_(link, more, NULL));
}

const struct lode_types *lode_unit_types_(uint32_t *type, struct lode_link *link, struct lode_link_unit *unit, uint32_t index)
{
	*type = TYPE_NONE;
	if (!unit->types && sizeof *unit->types <= spare(link)) {
		unit->types = lode_link_take_(link, sizeof *unit->types, NULL);
		read_unit(link, unit);
	}
	if (!unit->types || unit->types->types.ntypes == 0)
		return NULL;
	*type = unit->types->types.of[index];
	return &unit->types->types;
}

static bool index_key(uint64_t *key, const void *host, uint32_t number)
{
	const struct lode_index *index = host;
	const struct lode_index_symbol *symbol = &index->symbols[number];

	*key = symbol->addr;
	if (symbol->type == LODE_STT_FUNC)
		*key ^= KEY_FUNCTION;
	if (symbol->type == LODE_STT_TLS)
		*key = (symbol->addr + index->tls_end_) ^ KEY_THREAD_LOCAL;
	return true;
}

static bool index_place(uint64_t *key, const void *host, const struct dwarf_place *place, bool function)
{
	(void)host;
	*key = place->word.value ^ (function ? KEY_FUNCTION : place->thread_local_ ? KEY_THREAD_LOCAL : 0);
	return function ? place->word.value != 0 : true;
}

void lode_index_types_(struct lode_index *index, const struct lode_image *image, void *memory, size_t size)
{
	const struct types_input input = {.image = image, .memory = memory, .size = size, .nsymbols = index->nsymbols,
		.host = index, .key = index_key, .place = index_place};

	uint64_t taken = lode_types_read_(&index->types, &input);

	if (taken == 0)
		index->types = (struct lode_types){.ntypes = 0};
	else
		lode_types_merge_(&index->types, (unsigned char *)memory + taken, size - taken);
}

uint32_t lode_index_type_(const struct lode_index *index, const struct lode_index_symbol *symbol)
{
	return index->types.ntypes > 0 ? index->types.of[symbol - index->symbols] : TYPE_NONE;
}
