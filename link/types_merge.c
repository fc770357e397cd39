/* SPDX-License-Identifier: MIT */
/* Types of all units of a program come in; those that are alike become one, since each unit has its own copy of what a header
 * declares. Alike is what has the same parts, with the same parts, and so on for as many steps as there are rounds. */
#include "types.h"

enum { ROUNDS = 24 };

struct merging {
	struct lode_types *types;
	uint64_t *hashes, *next; /* of each type, by what is known of it after a round */
	uint32_t *slots;         /* numbers of types + 1 by their hashes */
	uint32_t *numbers;       /* of each type its new number */
	uint32_t mask;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

static uint64_t hash_name(uint64_t hash, const struct lode_type_part *part)
{
	for (uint32_t i = 0; i < part->length; i++)
		hash = (hash ^ (unsigned char)part->name[i]) * UINT64_C(0x100000001b3);
	return mix(hash, part->length);
}

/* By itself. */
static uint64_t hash_own(const struct lode_types *types, const struct lode_type *type)
{
	uint64_t hash = mix(mix(mix(type->kind + 1u, type->detail), type->size), type->nparts);

	for (uint32_t i = 0; i < type->nparts; i++) {
		const struct lode_type_part *part = &types->parts[type->first + i];

		hash = mix(mix(hash_name(hash, part), part->offset), part->bits);
	}
	return hash;
}

/* By what it refers to. */
static uint64_t hash_more(const struct merging *merging, uint32_t number)
{
	const struct lode_types *types = merging->types;
	const struct lode_type *type = &types->types[number];
	uint64_t hash = mix(merging->hashes[number], merging->hashes[type->target]);

	for (uint32_t i = 0; i < type->nparts; i++)
		hash = mix(hash, merging->hashes[types->parts[type->first + i].type]);
	return hash;
}

static void hash_all(struct merging *merging)
{
	uint32_t count = merging->types->ntypes;

	for (uint32_t i = 0; i < count; i++)
		merging->hashes[i] = hash_own(merging->types, &merging->types->types[i]);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t *last = merging->hashes;

		for (uint32_t i = 0; i < count; i++)
			merging->next[i] = hash_more(merging, i);
		merging->hashes = merging->next;
		merging->next = last;
	}
}

/* The first one that is alike, or the type itself. */
static uint32_t first_alike(const struct merging *merging, uint32_t number)
{
	uint32_t i = (uint32_t)(merging->hashes[number] >> 8) & merging->mask;

	while (merging->slots[i] != 0 && merging->hashes[merging->slots[i] - 1] != merging->hashes[number])
		i = (i + 1) & merging->mask;
	if (merging->slots[i] == 0)
		merging->slots[i] = number + 1;
	return merging->slots[i] - 1;
}

/* Types that stay move up, with their parts, which are in the same order. */
static void move_up(struct merging *merging)
{
	struct lode_types *types = merging->types;
	uint32_t ntypes = 0, nparts = 0;

	for (uint32_t i = 0; i < types->ntypes; i++) {
		struct lode_type type = types->types[i];
		uint32_t first = first_alike(merging, i);

		merging->numbers[i] = first == i ? ntypes : merging->numbers[first];
		if (first != i)
			continue;
		for (uint32_t k = 0; k < type.nparts; k++)
			types->parts[nparts + k] = types->parts[type.first + k];
		type.first = nparts;
		nparts += type.nparts;
		types->types[ntypes++] = type;
	}
	types->ntypes = ntypes;
	types->nparts = nparts;
}

static void renumber(const struct merging *merging)
{
	struct lode_types *types = merging->types;

	for (uint32_t i = 0; i < types->ntypes; i++)
		types->types[i].target = merging->numbers[types->types[i].target];
	for (uint32_t i = 0; i < types->nparts; i++)
		types->parts[i].type = merging->numbers[types->parts[i].type];
	for (uint32_t i = 0; i < types->nof; i++)
		types->of[i] = merging->numbers[types->of[i]];
}

void lode_types_merge_(struct lode_types *types, void *memory, uint64_t size)
{
	struct merging merging = {.types = types, .hashes = memory};
	uint64_t count = types->ntypes, slots = 64;

	while (slots < 2 * count)
		slots *= 2;
	if (count == 0 || 2 * count * sizeof *merging.hashes + (slots + count) * sizeof *merging.slots > size)
		return;
	merging.next = merging.hashes + count;
	merging.slots = (void *)(merging.next + count);
	merging.numbers = merging.slots + slots;
	merging.mask = (uint32_t)(slots - 1);
	memset(merging.slots, 0, (size_t)slots * sizeof *merging.slots);
	hash_all(&merging);
	move_up(&merging);
	renumber(&merging);
}
