/* SPDX-License-Identifier: MIT */
/* Entries of a unit that describe types come in; types go out, each once, as far as something refers to them. Names of types,
 * typedefs, const and the like are nothing that data could tell. Ref: DWARF-5 5 "Type Entries", 3.3 "Subroutine Entries". */
#include "types.h"

enum { LONGEST_CHAIN = 64, BITS = 8 };

/* NULL: the budget is spent. A file can place entries so that they meet in few slots. */
static uint32_t *map_slot(struct types_reader *reader, uint32_t die)
{
	uint32_t i = (die * UINT32_C(0x9e3779b1)) >> 7 & reader->mask;

	for (; reader->map[i] != 0 && reader->dies[reader->map[i]] != die; i = (i + 1) & reader->mask)
		if (!lode_dwarf_spend_(&reader->dwarf, 1))
			return NULL;
	return &reader->map[i];
}

/* One more, of which nothing is known yet. */
static uint32_t add_type(struct types_reader *reader, uint32_t die)
{
	struct lode_types *types = reader->types;

	if (types->ntypes == reader->max_types) {
		reader->full = true;
		return TYPE_NONE;
	}
	types->types[types->ntypes] = (struct lode_type){.kind = TYPE_UNKNOWN};
	reader->dies[types->ntypes] = die;
	return types->ntypes++;
}

static uint32_t type_at(struct types_reader *reader, uint64_t die)
{
	uint32_t *slot = map_slot(reader, (uint32_t)die);

	if (!slot)
		return TYPE_NONE;
	if (*slot == 0)
		*slot = add_type(reader, (uint32_t)die);
	return *slot;
}

static bool is_transparent(uint32_t tag)
{
	return tag == TAG_TYPEDEF || tag == TAG_CONST || tag == TAG_VOLATILE || tag == TAG_RESTRICT || tag == TAG_ATOMIC;
}

/* The type that an entry of the unit describes. */
static uint32_t type_of(struct types_reader *reader, uint64_t die)
{
	struct dwarf_die entry;

	for (int i = 0; i < LONGEST_CHAIN; i++) {
		if (die == DWARF_NONE)
			return TYPE_OF_VOID;
		if (die == DWARF_ELSEWHERE || !lode_dwarf_die_(&entry, &reader->unit, die))
			return TYPE_NONE;
		if (!is_transparent(entry.tag))
			return type_at(reader, die);
		die = entry.type;
	}
	return TYPE_NONE;
}

/* An entry that leaves its type to the one that it is a definition of. */
uint32_t lode_types_of_variable_(struct types_reader *reader, const struct dwarf_die *die)
{
	struct dwarf_die entry = *die;

	for (int i = 0; i < LONGEST_CHAIN && entry.type == DWARF_NONE && entry.origin != DWARF_NONE; i++)
		if (entry.origin == DWARF_ELSEWHERE || !lode_dwarf_die_(&entry, &reader->unit, entry.origin))
			return TYPE_NONE;
	return type_of(reader, entry.type);
}

/* The children of an entry, one after the other; what is below them is skipped. */
struct children {
	const struct dwarf_unit *unit;
	uint64_t at;
};

static void begin_children(struct children *children, const struct types_reader *reader, const struct dwarf_die *parent)
{
	*children = (struct children){.unit = &reader->unit, .at = parent->children ? parent->next : DWARF_NONE};
}

static bool skip_below(struct children *children, const struct dwarf_die *child)
{
	struct dwarf_die below;
	uint64_t depth = 1;

	if (child->sibling > child->at && child->sibling < children->unit->end) {
		children->at = child->sibling;
		return true;
	}
	for (; depth > 0; children->at = below.next) {
		if (!lode_dwarf_die_(&below, children->unit, children->at))
			return false;
		if (below.tag == 0)
			depth--;
		else if (below.children)
			depth++;
	}
	return true;
}

/* False: there is none left. */
static bool next_child(struct dwarf_die *child, struct children *children)
{
	if (children->at == DWARF_NONE || !lode_dwarf_die_(child, children->unit, children->at) || child->tag == 0)
		return false;
	children->at = child->next;
	if (child->children && !skip_below(children, child))
		children->at = DWARF_NONE;
	return true;
}

static struct lode_type_part *add_part(struct types_reader *reader)
{
	struct lode_types *types = reader->types;

	if (types->nparts == reader->max_parts) {
		reader->full = true;
		return NULL;
	}
	types->parts[types->nparts] = (struct lode_type_part){.name = ""};
	return &types->parts[types->nparts++];
}

static void name_part(struct lode_type_part *part, const struct types_reader *reader, const struct dwarf_die *die)
{
	struct lode_link_text name = lode_dwarf_name_(&reader->unit, die);

	part->name = name.at;
	part->length = (uint32_t)name.size;
}

/* Before DWARF 4 bits are counted from the high end of a unit of storage. */
static uint64_t bit_of(const struct dwarf_die *member, const struct types_reader *reader)
{
	uint64_t offset = member->offset == DWARF_NONE ? 0 : member->offset, storage = member->size;
	struct dwarf_die type;

	if (member->data_bit_offset != DWARF_NONE)
		return member->data_bit_offset;
	if (offset >= UINT64_MAX / (2 * BITS))
		return TYPE_NOWHERE;
	if (member->bit_offset == DWARF_NONE || member->bit_size == DWARF_NONE)
		return offset * BITS;
	for (uint64_t at = member->type, i = 0; storage == DWARF_NONE && i < LONGEST_CHAIN; i++) {
		if (!lode_dwarf_die_(&type, &reader->unit, at))
			return TYPE_NOWHERE;
		storage = is_transparent(type.tag) ? DWARF_NONE : type.size;
		at = type.type;
	}
	return storage > UINT32_MAX ? TYPE_NOWHERE : offset * BITS + storage * BITS - member->bit_offset - member->bit_size;
}

/* Members that are in no object are not, and those that the compiler makes have names of its own. */
static void take_member(struct types_reader *reader, const struct dwarf_die *member)
{
	bool base = member->tag == TAG_INHERITANCE;
	struct lode_type_part *part;

	if ((!base && member->tag != TAG_MEMBER) || member->declaration || member->external)
		return;
	if (!base && member->name == DWARF_NONE && member->bit_size != DWARF_NONE)
		return;
	part = add_part(reader);
	if (!part)
		return;
	part->offset = bit_of(member, reader);
	part->bits = member->bit_size == DWARF_NONE ? 0 : member->bit_size;
	if (member->artificial)
		return;
	name_part(part, reader, member);
	part->type = type_of(reader, member->type);
}

static void take_enumerator(struct types_reader *reader, const struct dwarf_die *enumerator)
{
	struct lode_type_part *part;

	if (enumerator->tag != TAG_ENUMERATOR || enumerator->value == DWARF_NONE)
		return;
	part = add_part(reader);
	if (!part)
		return;
	part->offset = enumerator->value;
	name_part(part, reader, enumerator);
}

static void take_parameter(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *parameter)
{
	struct lode_type_part *part;

	if (parameter->tag == TAG_MORE)
		type->detail |= TYPE_VARIADIC;
	/* Behind the object that a member function is called for, compilers may have some of their own. */
	if (parameter->artificial && reader->types->nparts > type->first)
		return;
	part = parameter->tag == TAG_PARAMETER ? add_part(reader) : NULL;
	if (part)
		part->type = lode_types_of_variable_(reader, parameter);
}

static void take_children(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *die)
{
	struct children children;
	struct dwarf_die child;

	type->first = reader->types->nparts;
	begin_children(&children, reader, die);
	while (next_child(&child, &children)) {
		if (type->kind == TYPE_FUNCTION)
			take_parameter(type, reader, &child);
		else if (type->kind == TYPE_ENUM)
			take_enumerator(reader, &child);
		else
			take_member(reader, &child);
		if (child.tag == TAG_VARIANT_PART)
			type->kind = TYPE_UNKNOWN;
	}
	type->nparts = reader->types->nparts - type->first;
	if (reader->full || reader->dwarf.spent)
		type->kind = TYPE_UNKNOWN;
}

/* An array of arrays is a chain of types. Without a number of elements it is like one with any. */
static void take_array(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *die)
{
	uint32_t element = type_of(reader, die->type), last = TYPE_NONE;
	struct lode_type *at = type;
	struct children children;
	struct dwarf_die child;

	begin_children(&children, reader, die);
	while (next_child(&child, &children)) {
		if (child.tag != TAG_SUBRANGE && child.tag != TAG_ENUMERATION)
			continue;
		if (at->kind == TYPE_ARRAY) {
			last = add_type(reader, 0);
			at->target = last;
			if (last == TYPE_NONE)
				return;
			at = &reader->types->types[last];
		}
		at->kind = TYPE_ARRAY;
		at->size = child.tag == TAG_SUBRANGE && child.count != DWARF_NONE ? child.count : 0;
	}
	at->target = element;
}

static void take_function(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *die)
{
	type->kind = TYPE_FUNCTION;
	type->target = lode_types_of_variable_(reader, die);
	take_children(type, reader, die);
	if (!die->prototyped && type->nparts == 0)
		type->detail |= TYPE_UNPROTOTYPED;
}

/* What is only declared here is not known: somewhere else it is complete. */
static void take_aggregate(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *die)
{
	if (die->declaration || die->signature || die->size == DWARF_NONE)
		return;
	type->kind = die->tag == TAG_ENUMERATION ? TYPE_ENUM : die->tag == TAG_UNION ? TYPE_UNION : TYPE_STRUCT;
	type->size = die->size;
	take_children(type, reader, die);
}

static void take_type(struct lode_type *type, struct types_reader *reader, const struct dwarf_die *die)
{
	switch (die->tag) {
	case TAG_BASE:
		type->kind = die->size == DWARF_NONE ? TYPE_UNKNOWN : TYPE_BASE;
		type->size = die->size;
		type->detail = (uint8_t)die->encoding;
		break;
	case TAG_POINTER:
	case TAG_REFERENCE:
	case TAG_RVALUE_REFERENCE:
		type->kind = TYPE_POINTER;
		type->target = type_of(reader, die->type);
		break;
	case TAG_ARRAY: take_array(type, reader, die); break;
	case TAG_SUBROUTINE:
	case TAG_SUBPROGRAM: take_function(type, reader, die); break;
	case TAG_STRUCTURE:
	case TAG_CLASS:
	case TAG_UNION:
	case TAG_ENUMERATION: take_aggregate(type, reader, die); break;
	default: break;
	}
}

void lode_types_finish_(struct types_reader *reader)
{
	struct lode_types *types = reader->types;
	struct dwarf_die die;

	/* (What a type refers to stands behind it.) */
	for (uint32_t i = reader->first; i < types->ntypes && !reader->full; i++) {
		if (reader->dies[i] != 0 && lode_dwarf_die_(&die, &reader->unit, reader->dies[i]))
			take_type(&types->types[i], reader, &die);
	}
	reader->first = types->ntypes;
}

/* Parameters of an instance may have been taken away by an optimiser: those of what it is an instance of count. */
uint32_t lode_types_function_(struct types_reader *reader, const struct dwarf_die *die)
{
	struct dwarf_die entry = *die;

	for (int i = 0; i < LONGEST_CHAIN && entry.origin != DWARF_NONE; i++)
		if (entry.origin == DWARF_ELSEWHERE || !lode_dwarf_die_(&entry, &reader->unit, entry.origin))
			return TYPE_NONE;
	return entry.tag == TAG_SUBPROGRAM ? type_at(reader, entry.at) : TYPE_NONE;
}
