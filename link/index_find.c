/* SPDX-License-Identifier: MIT */
/* Symbols of a program's index come in, chains by the hashes of their names go out; then names come in. */
#include "swap.h"

int lode_index_chain_(struct lode_index *index, void *memory, size_t size)
{
	uint32_t count = 64;

	while (count < index->nsymbols)
		count *= 2;
	if (size / sizeof *index->buckets_ < count)
		return -1;
	index->buckets_ = memory;
	index->nbuckets_ = count;
	memset(index->buckets_, 0, count * sizeof *index->buckets_);
	for (uint32_t i = index->nsymbols; i-- > 0;) {
		struct lode_index_symbol *symbol = &index->symbols[i];
		uint32_t *bucket;

		symbol->hash = lode_link_name_(symbol->name, symbol->length).hash;
		bucket = &index->buckets_[symbol->hash & (count - 1)];
		symbol->next_ = *bucket;
		*bucket = i + 1;
	}
	return 0;
}

static const struct lode_index_symbol *next(const struct lode_index *index, const struct link_name *name, uint32_t number)
{
	for (; number != 0; number = index->symbols[number - 1].next_) {
		const struct lode_index_symbol *symbol = &index->symbols[number - 1];

		if (symbol->hash == name->hash && symbol->length == name->length &&
			memcmp(symbol->name, name->at, name->length) == 0)
			return symbol;
	}
	return NULL;
}

const struct lode_index_symbol *lode_index_local_(const struct lode_index *index, const struct lode_link_text *text,
	uint32_t unit)
{
	struct link_name name = lode_link_name_(text->at, text->size);
	const struct lode_index_symbol *symbol = next(index, &name, index->buckets_[name.hash & (index->nbuckets_ - 1)]);

	while (symbol && symbol->unit != unit)
		symbol = next(index, &name, symbol->next_);
	return symbol;
}

/* Some linkers make symbols local that nobody else may see, behind their own file's name or another's: then the unit's own is
 * meant, or the name's only one. */
const struct lode_index_symbol *lode_index_global_(const struct lode_index *index, const struct lode_link_text *text,
	uint32_t unit)
{
	struct link_name name = lode_link_name_(text->at, text->size);
	const struct lode_index_symbol *symbol = next(index, &name, index->buckets_[name.hash & (index->nbuckets_ - 1)]);
	const struct lode_index_symbol *only = symbol, *own = NULL;
	uint32_t count = 0;

	for (; symbol; symbol = next(index, &name, symbol->next_), count++) {
		if (symbol->unit == LODE_NO_INDEX)
			return symbol;
		if (symbol->unit == unit)
			own = symbol;
	}
	return own ? own : count == 1 ? only : NULL;
}
