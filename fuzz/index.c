/* SPDX-License-Identifier: MIT */
/* The first byte says whether the hash is put right; the rest is an index file. It is refused by a rule, or read: then every name
 * and number of it is in bounds, and what is written from it reads the same. */
#include "fuzz.h"

#include <lode/swap.h>
#include <stdlib.h>
#include <string.h>

enum { HASH = 64, BODY = 88 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void mend(unsigned char *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = BODY; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	for (unsigned i = 0; i < 8; i++)
		bytes[HASH + i] = (unsigned char)(hash >> 8 * i);
}

static int read_into(struct lode_index *index, void **memory, const struct lode_index_bytes *file, struct lode_diag *why)
{
	size_t size = LODE_INDEX_FILE_MEMORY(file->size);

	*memory = malloc(size);
	must(*memory != NULL);
	return lode_index_read(index, file, *memory, size, why);
}

static uint64_t sum_of_types(const struct lode_index *index)
{
	const struct lode_types *types = &index->types;
	uint64_t sum = types->ntypes;

	for (uint32_t i = 0; i < types->ntypes; i++) {
		const struct lode_type *type = &types->types[i];

		must(type->target < types->ntypes && type->nparts <= types->nparts && type->first <= types->nparts - type->nparts);
		sum = (sum ^ type->kind ^ (uint64_t)type->detail << 8 ^ type->size << 16 ^ (uint64_t)type->target << 40) * 31;
	}
	for (uint32_t i = 0; i < types->nparts; i++) {
		const struct lode_type_part *part = &types->parts[i];

		must(part->type < types->ntypes);
		for (uint32_t k = 0; k < part->length; k++)
			sum = sum * 31 + (unsigned char)part->name[k];
		sum = (sum ^ part->type ^ part->offset << 16 ^ part->bits << 48) * 31;
	}
	for (uint32_t i = 0; types->ntypes > 0 && i < index->nsymbols; i++) {
		must(types->of[i] < types->ntypes);
		sum = sum * 31 + types->of[i];
	}
	for (uint64_t i = 0; i < index->nuses; i++) {
		must(index->uses[i].addr - index->span.addr < index->span.size);
		sum = (sum ^ index->uses[i].addr ^ (uint64_t)index->uses[i].addend << 24) * 31 + index->uses[i].kind;
	}
	return sum;
}

static uint64_t sum_of(const struct lode_index *index)
{
	uint64_t sum = index->span.addr ^ index->code;

	for (uint32_t i = 0; i < index->nunits; i++)
		for (size_t k = 0; k < index->units[i].size; k++)
			sum = sum * 31 + (unsigned char)index->units[i].at[k];
	for (uint32_t i = 0; i < index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &index->symbols[i];

		must(symbol->unit == LODE_NO_INDEX || symbol->unit < index->nunits);
		for (uint32_t k = 0; k < symbol->length; k++)
			sum = sum * 31 + (unsigned char)symbol->name[k];
		sum = (sum ^ symbol->addr ^ symbol->size << 32 ^ symbol->type) * 31 + symbol->constant;
	}
	for (uint64_t i = 0; i < index->nsites; i++) {
		must(index->sites[i].addr - index->span.addr < index->span.size);
		sum = (sum ^ index->sites[i].addr ^ (uint64_t)index->sites[i].addend << 24) * 31 + index->sites[i].kind;
	}
	return sum ^ sum_of_types(index);
}

static void write_again(const struct lode_index *index)
{
	size_t size = lode_index_write(NULL, 0, index);
	struct lode_index_bytes file = {.bytes = malloc(size), .size = size};
	struct lode_index again;
	void *memory;

	must(file.bytes != NULL);
	must(lode_index_write((void *)(uintptr_t)file.bytes, size, index) == size);
	must(read_into(&again, &memory, &file, NULL) == LODE_OK);
	must(again.nsymbols == index->nsymbols && again.nsites == index->nsites && sum_of(&again) == sum_of(index));
	free(memory);
	free((void *)(uintptr_t)file.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lode_diag why = {.status = LODE_OK};
	struct lode_index_bytes file = {.size = size - 1};
	struct lode_index index;
	unsigned char *copy;
	void *memory;
	int status;

	if (size == 0)
		return 0;
	copy = malloc(size);
	must(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if ((data[0] & 1) && size > BODY)
		mend(copy, size - 1);
	file.bytes = copy;
	status = read_into(&index, &memory, &file, &why);
	if (status == LODE_OK)
		write_again(&index);
	else
		must(why.rule == LODE_RULE_SWAP_FILE && why.status == status);
	free(memory);
	free(copy);
	return 0;
}
