/* SPDX-License-Identifier: MIT */
/* A type of the program and one of its new code come in; whether data of the one are data of the other goes out, and if not, which
 * part differs first. What is not known on either side, or only declared, is like anything; types that refer to themselves are
 * looked at once. */
#include "types.h"

enum { PAIRS_A_TYPE = 4, PAIRS_MORE = 64, LOOKS_A_PAIR = 64, DEEPEST = 16, NEARBY = 64 };
enum { SIGNED_CHAR = 6, UNSIGNED_CHAR = 8 };

static uint64_t slots_for(uint32_t pairs)
{
	uint64_t slots = 64;

	while (slots < 2 * (uint64_t)pairs)
		slots *= 2;
	return slots;
}

static uint32_t pairs_for(uint32_t ntypes)
{
	return (uint32_t)min_u64((uint64_t)PAIRS_A_TYPE * ntypes + PAIRS_MORE, UINT32_MAX / 4);
}

uint64_t lode_types_memory_(uint32_t ntypes)
{
	uint32_t pairs = pairs_for(ntypes);

	return (uint64_t)pairs * sizeof(struct types_pair) + slots_for(pairs) * sizeof(uint32_t);
}

void lode_types_begin_(struct types_comparing *comparing, const struct lode_types *now, void *memory)
{
	*comparing = (struct types_comparing){.now = now, .pairs = memory, .max_pairs = pairs_for(now->ntypes)};
	comparing->seen = (void *)(comparing->pairs + comparing->max_pairs);
	comparing->mask = (uint32_t)(slots_for(comparing->max_pairs) - 1);
}

/* False: that was more than pairs of types in any number take. */
static bool spend(struct types_comparing *comparing, uint64_t looks)
{
	comparing->looks += looks;
	comparing->unfinished |= comparing->looks > (uint64_t)LOOKS_A_PAIR * comparing->max_pairs;
	return !comparing->unfinished;
}

/* What was compared were types of another version. */
static void forget(struct types_comparing *comparing, const struct lode_types *old)
{
	enum { CLEARED_AT_ONCE = 64 };

	comparing->old = old;
	comparing->npairs = 0;
	if (spend(comparing, comparing->mask / CLEARED_AT_ONCE))
		memset(comparing->seen, 0, ((size_t)comparing->mask + 1) * sizeof *comparing->seen);
}

static uint32_t slot_of(const struct types_comparing *comparing, const struct types_pair *pair)
{
	uint64_t mixed = (uint64_t)pair->old << 32 | pair->now;

	mixed = (mixed ^ mixed >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> 32) & comparing->mask;
}

static void add_pair(struct types_comparing *comparing, const struct types_pair *pair)
{
	uint32_t i = slot_of(comparing, pair);

	if (pair->old == TYPE_NONE || pair->now == TYPE_NONE)
		return;
	for (; spend(comparing, 1) && comparing->seen[i] != 0; i = (i + 1) & comparing->mask) {
		const struct types_pair *other = &comparing->pairs[comparing->seen[i] - 1];

		if (other->old == pair->old && other->now == pair->now)
			return;
	}
	comparing->unfinished |= comparing->npairs == comparing->max_pairs;
	if (comparing->unfinished)
		return;
	comparing->pairs[comparing->npairs++] = *pair;
	comparing->seen[i] = comparing->npairs;
}

/* The last ones: in the reverse order no search for one that stays is cut. */
static void take_back(struct types_comparing *comparing, uint32_t npairs)
{
	for (; comparing->npairs > npairs; comparing->npairs--) {
		uint32_t i = slot_of(comparing, &comparing->pairs[comparing->npairs - 1]);

		while (comparing->seen[i] != comparing->npairs)
			i = (i + 1) & comparing->mask;
		comparing->seen[i] = 0;
	}
}

/* The pair under way. */
struct look {
	struct types_comparing *comparing;
	struct types_difference *difference;
	const struct lode_type *old, *now;
	uint32_t number; /* of the pair */
	uint32_t part;   /* that differs, or TYPES_ROOT */
};

static bool differ(struct look *look, enum lode_field field, uint64_t old, uint64_t now)
{
	look->difference->field = field;
	look->difference->old = old;
	look->difference->now = now;
	return false;
}

static void follow(const struct look *look, uint32_t old, uint32_t now, uint32_t part)
{
	add_pair(look->comparing, &(struct types_pair){.old = old, .now = now, .from = look->number, .part = part});
}

static bool same_name(const struct lode_type_part *a, const struct lode_type_part *b)
{
	return a->length == b->length && memcmp(a->name, b->name, a->length) == 0;
}

static const struct lode_type_part *part_named(const struct lode_types *types, const struct lode_type *type,
	const struct lode_type_part *like)
{
	for (uint32_t i = 0; i < type->nparts; i++)
		if (same_name(&types->parts[type->first + i], like))
			return &types->parts[type->first + i];
	return NULL;
}

static uint64_t byte_of(const struct lode_type_part *part)
{
	return part->offset / 8;
}

/* Members are where they were, in their order. */
static bool same_member(struct look *look, uint32_t i)
{
	const struct lode_type_part *old = &look->comparing->old->parts[look->old->first + i];
	const struct lode_type_part *now = &look->comparing->now->parts[look->now->first + i], *other;

	look->part = i;
	if (old->offset == TYPE_NOWHERE || now->offset == TYPE_NOWHERE)
		return true;
	if (!same_name(old, now) && old->length > 0 && now->length > 0) {
		other = part_named(look->comparing->old, look->old, now);
		if (other)
			return differ(look, LODE_FIELD_SWAP_MEMBER, byte_of(other), byte_of(now));
		if (look->old->nparts != look->now->nparts)
			return differ(look, LODE_FIELD_SWAP_MEMBERS, look->old->nparts, look->now->nparts);
		return differ(look, LODE_FIELD_SWAP_NAME, 0, byte_of(now));
	}
	if (old->offset != now->offset)
		return differ(look, LODE_FIELD_SWAP_MEMBER, byte_of(old), byte_of(now));
	if (old->bits != now->bits)
		return differ(look, LODE_FIELD_SWAP_BITS, old->bits, now->bits);
	follow(look, old->type, now->type, i);
	return true;
}

static bool same_members(struct look *look)
{
	uint32_t count = look->old->nparts < look->now->nparts ? look->old->nparts : look->now->nparts;

	for (uint32_t i = 0; i < count; i++)
		if (!same_member(look, i))
			return false;
	look->part = TYPES_ROOT;
	if (look->old->nparts != look->now->nparts)
		return differ(look, LODE_FIELD_SWAP_MEMBERS, look->old->nparts, look->now->nparts);
	return true;
}

static uint64_t value_of(const struct lode_type_part *enumerator, const struct lode_type *type)
{
	return type->size >= 8 || type->size == 0 ? enumerator->offset : enumerator->offset & ((UINT64_C(1) << 8 * type->size) - 1);
}

/* Names that both have, in their order, but the last one of old: that may be how many there are. */
static bool same_enumerators(struct look *look)
{
	uint32_t i = 0;

	for (uint32_t k = 0; k + 1 < look->old->nparts; k++) {
		const struct lode_type_part *old = &look->comparing->old->parts[look->old->first + k], *now = NULL;
		uint32_t at = i;

		for (; at < look->now->nparts && at - i < NEARBY && !now; at++)
			if (same_name(old, &look->comparing->now->parts[look->now->first + at]))
				now = &look->comparing->now->parts[look->now->first + at];
		if (!now)
			continue;
		look->part = at - 1;
		i = at;
		if (value_of(old, look->old) != value_of(now, look->now))
			return differ(look, LODE_FIELD_SWAP_ENUMERATOR, value_of(old, look->old), value_of(now, look->now));
	}
	return true;
}

static bool same_function(struct look *look)
{
	follow(look, look->old->target, look->now->target, TYPES_ROOT);
	if ((look->old->detail | look->now->detail) & TYPE_UNPROTOTYPED)
		return true;
	if (look->old->nparts != look->now->nparts || look->old->detail != look->now->detail)
		return differ(look, LODE_FIELD_SWAP_PARAMETERS, look->old->nparts, look->now->nparts);
	for (uint32_t i = 0; i < look->old->nparts; i++)
		follow(look, look->comparing->old->parts[look->old->first + i].type,
			look->comparing->now->parts[look->now->first + i].type, i);
	return true;
}

/* Whether a plain char has a sign is a compiler's flag. */
static unsigned encoding(const struct lode_type *type)
{
	return type->detail == UNSIGNED_CHAR ? SIGNED_CHAR : type->detail;
}

static bool is_number(const struct lode_type *type)
{
	return type->kind == TYPE_BASE || type->kind == TYPE_ENUM;
}

static uint8_t kind_at(const struct lode_types *types, uint32_t type)
{
	return types->types[type].kind;
}

/* A pointer to anything may be one to something. */
static bool same_pointer(const struct look *look)
{
	if (kind_at(look->comparing->old, look->old->target) != TYPE_VOID &&
		kind_at(look->comparing->now, look->now->target) != TYPE_VOID)
		follow(look, look->old->target, look->now->target, TYPES_ROOT);
	return true;
}

static bool same_array(struct look *look)
{
	follow(look, look->old->target, look->now->target, TYPES_ROOT);
	return look->old->size == look->now->size || look->old->size == 0 || look->now->size == 0 ||
		differ(look, LODE_FIELD_SWAP_ELEMENTS, look->old->size, look->now->size);
}

static bool same_pair(struct look *look)
{
	const struct lode_type *old = look->old, *now = look->now;

	if (old->kind == TYPE_UNKNOWN || now->kind == TYPE_UNKNOWN)
		return true;
	if (old->kind != now->kind && !(is_number(old) && is_number(now)))
		return differ(look, LODE_FIELD_SWAP_TYPE, old->kind, now->kind);
	if (old->kind == TYPE_POINTER)
		return same_pointer(look);
	if (old->kind == TYPE_ARRAY)
		return same_array(look);
	if (old->kind == TYPE_FUNCTION)
		return same_function(look);
	if (old->size != now->size)
		return differ(look, LODE_FIELD_SWAP_TYPE_SIZE, old->size, now->size);
	if (old->kind == TYPE_STRUCT || old->kind == TYPE_UNION)
		return same_members(look);
	if (old->kind == TYPE_ENUM && now->kind == TYPE_ENUM)
		return same_enumerators(look);
	return old->kind != TYPE_BASE || now->kind != TYPE_BASE || encoding(old) == encoding(now) ||
		differ(look, LODE_FIELD_SWAP_ENCODING, old->detail, now->detail);
}

/*
 * The way to a part, as C writes it
 */

struct path {
	char *at;
	uint32_t size;
};

static void put(struct path *path, const char *text, uint32_t length)
{
	for (uint32_t i = 0; i < length && path->size + 1 < LODE_SWAP_PATH; i++)
		path->at[path->size++] = text[i];
	path->at[path->size] = '\0';
}

static void put_step(struct path *path, const struct types_comparing *comparing, uint32_t type, uint32_t part)
{
	const struct lode_type *step = &comparing->now->types[type];
	const struct lode_type_part *name = part < step->nparts ? &comparing->now->parts[step->first + part] : NULL;
	bool arrow = path->size >= 2 && memcmp(path->at + path->size - 2, "->", 2) == 0;

	switch (step->kind) {
	case TYPE_POINTER: put(path, "->", 2); break;
	case TYPE_ARRAY: put(path, "[]", 2); break;
	case TYPE_FUNCTION: put(path, "()", 2); break;
	case TYPE_STRUCT:
	case TYPE_UNION:
	case TYPE_ENUM:
		if (!name || name->length == 0)
			break;
		put(path, ".", arrow ? 0 : 1);
		put(path, name->name, name->length);
		break;
	default: break;
	}
}

/* Deeper ways begin somewhere on them. */
static void put_path(const struct look *look)
{
	struct path path = {.at = look->difference->path};
	const struct types_pair *steps[DEEPEST];
	uint32_t depth = 0;

	path.at[0] = '\0';
	for (uint32_t i = look->number; i != TYPES_ROOT && depth < DEEPEST; i = look->comparing->pairs[i].from)
		steps[depth++] = &look->comparing->pairs[i];
	if (depth == DEEPEST)
		put(&path, "...", 3);
	/* A pair says by which part of the one before it was come to. */
	while (depth-- > 1)
		put_step(&path, look->comparing, steps[depth]->now, steps[depth - 1]->part);
	if (look->part != TYPES_ROOT)
		put_step(&path, look->comparing, steps[0]->now, look->part);
}

bool lode_types_same_(struct types_difference *difference, struct types_comparing *comparing, const struct lode_types *old,
	uint32_t was, uint32_t is)
{
	struct look look = {.comparing = comparing, .difference = difference};
	uint32_t known;

	if (comparing->old != old)
		forget(comparing, old);
	known = comparing->npairs;
	add_pair(comparing, &(struct types_pair){.old = was, .now = is, .from = TYPES_ROOT, .part = TYPES_ROOT});
	for (look.number = known; look.number < comparing->npairs; look.number++) {
		look.part = TYPES_ROOT;
		look.old = &old->types[comparing->pairs[look.number].old];
		look.now = &comparing->now->types[comparing->pairs[look.number].now];
		if (same_pair(&look))
			continue;
		put_path(&look);
		take_back(comparing, known);
		return false;
	}
	return true;
}
