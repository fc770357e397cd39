/* SPDX-License-Identifier: MIT */
/* A file with debug information and its symbols come in; the type of each variable and function goes out, as far as it is known.
 * What cannot be read leaves types unknown, and is no error. */
#include "types.h"

struct counts {
	uint64_t types, parts;
};

/* Memory from the front. */
struct pen {
	unsigned char *at;
	uint64_t left;
};

static void *take(struct pen *pen, uint64_t size)
{
	void *at = pen->at;
	uint64_t whole = size <= pen->left ? align_up(size, 16) : UINT64_MAX;

	if (whole > pen->left)
		return NULL;
	pen->at += whole;
	pen->left -= whole;
	return at;
}

static void *take_zeroed(struct pen *pen, uint64_t size)
{
	void *at = take(pen, size);

	if (at)
		memset(at, 0, (size_t)size);
	return at;
}

static uint64_t slots_for(uint64_t count)
{
	uint64_t slots = 64;

	while (slots < 2 * count)
		slots *= 2;
	return slots;
}

/* Each entry of each unit; the first one too. */
static void walk(struct types_reader *reader, void (*each)(void *host, struct types_reader *reader, const struct dwarf_die *die),
	void (*end)(struct types_reader *reader), void *host)
{
	struct dwarf_die die;
	uint64_t offset = 0;
	int more;

	while ((more = lode_dwarf_unit_(&reader->unit, &offset)) != 0) {
		if (more < 0 || !lode_dwarf_die_(&die, &reader->unit, reader->unit.first))
			continue;
		reader->unit.str_offsets = die.str_offsets;
		reader->unit.addrs = die.addrs;
		for (uint64_t at = reader->unit.first; lode_dwarf_die_(&die, &reader->unit, at); at = die.next)
			each(host, reader, &die);
		end(reader);
	}
}

static void count(void *host, struct types_reader *reader, const struct dwarf_die *die)
{
	struct counts *counts = host;

	(void)reader;
	switch (die->tag) {
	case TAG_MEMBER:
	case TAG_INHERITANCE:
	case TAG_ENUMERATOR:
	case TAG_PARAMETER: counts->parts++; break;
	case 0:
	case TAG_VARIABLE: break;
	default: counts->types++;
	}
}

static void end_counting(struct types_reader *reader)
{
	(void)reader;
}

/* Symbols of a key, each with its number less 1 in a chain. Keys may differ in their high bits alone: sections stand there. */
static uint32_t *head_of(const struct types_reader *reader, uint64_t key)
{
	return &reader->heads[(key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (reader->nheads - 1)];
}

static void enter_symbols(struct types_reader *reader)
{
	const struct types_input *input = reader->input;

	for (uint32_t i = input->nsymbols; i-- > 0;) {
		uint64_t key;
		uint32_t *head;

		if (!input->key(&key, input->host, i))
			continue;
		head = head_of(reader, key);
		reader->next[i] = *head;
		*head = i + 1;
	}
}

/* The first entry that knows of a symbol counts: inline functions are in many units. */
static void bind(struct types_reader *reader, uint64_t key, const struct dwarf_die *die)
{
	const struct types_input *input = reader->input;
	bool known = false, is_function = die->tag == TAG_SUBPROGRAM;
	uint32_t type = TYPE_NONE;

	for (uint32_t i = *head_of(reader, key); i != 0; i = reader->next[i - 1]) {
		uint64_t other;

		if (!lode_dwarf_spend_(&reader->dwarf, 1))
			return;
		if (reader->types->of[i - 1] != TYPE_NONE || !input->key(&other, input->host, i - 1) || other != key)
			continue;
		if (!known)
			type = is_function ? lode_types_function_(reader, die) : lode_types_of_variable_(reader, die);
		known = true;
		reader->types->of[i - 1] = type;
	}
}

static void see(void *host, struct types_reader *reader, const struct dwarf_die *die)
{
	const struct types_input *input = reader->input;
	struct dwarf_place place;
	uint64_t key;

	(void)host;
	if (die->tag == TAG_VARIABLE && lode_dwarf_place_(&place, &reader->unit, die) &&
		input->place(&key, input->host, &place, false))
		bind(reader, key, die);
	if (die->tag != TAG_SUBPROGRAM || !die->has_low)
		return;
	place = (struct dwarf_place){.word = die->low};
	if (input->place(&key, input->host, &place, true))
		bind(reader, key, die);
}

static bool take_results(struct types_reader *reader, struct pen *pen, const struct counts *counts)
{
	struct lode_types *types = reader->types;

	reader->max_types = (uint32_t)min_u64(counts->types + TYPES_FIXED, UINT32_MAX);
	reader->max_parts = (uint32_t)min_u64(counts->parts, UINT32_MAX);
	types->nof = reader->input->nsymbols;
	types->of = take_zeroed(pen, (uint64_t)types->nof * sizeof *types->of);
	types->types = take(pen, (uint64_t)reader->max_types * sizeof *types->types);
	types->parts = take(pen, (uint64_t)reader->max_parts * sizeof *types->parts);
	if (!types->of || !types->types || !types->parts)
		return false;
	types->types[TYPE_NONE] = (struct lode_type){.kind = TYPE_UNKNOWN};
	types->types[TYPE_OF_VOID] = (struct lode_type){.kind = TYPE_VOID};
	types->ntypes = TYPES_FIXED;
	return true;
}

static bool take_tables(struct types_reader *reader, struct pen *pen)
{
	uint64_t slots = slots_for(reader->max_types), heads = slots_for(reader->input->nsymbols);

	reader->mask = (uint32_t)(slots - 1);
	reader->nheads = (uint32_t)heads;
	reader->dies = take_zeroed(pen, (uint64_t)reader->max_types * sizeof *reader->dies);
	reader->map = take_zeroed(pen, slots * sizeof *reader->map);
	reader->heads = take_zeroed(pen, heads * sizeof *reader->heads);
	reader->next = take_zeroed(pen, (uint64_t)reader->input->nsymbols * sizeof *reader->next);
	reader->first = TYPES_FIXED;
	return reader->dies && reader->map && reader->heads && reader->next;
}

/* Parts move up to where the types end; what is behind them is given back. */
static uint64_t compact(struct types_reader *reader)
{
	struct lode_types *types = reader->types;
	unsigned char *begin = reader->input->memory, *at = (unsigned char *)(types->types + types->ntypes);
	struct lode_type_part *parts = (void *)(begin + align_up((uint64_t)(at - begin), 16));

	/* (The new place may overlap the old one.) */
	for (uint32_t i = 0; i < types->nparts; i++) {
		const struct lode_type_part part = types->parts[i];

		parts[i] = part;
	}
	types->parts = parts;
	return align_up((uint64_t)((unsigned char *)(parts + types->nparts) - begin), 16);
}

uint64_t lode_types_read_(struct lode_types *types, const struct types_input *input)
{
	struct types_reader reader = {.types = types, .input = input};
	struct pen pen = {.at = input->memory, .left = input->size}, whole;
	struct counts counts = {.types = 0};

	*types = (struct lode_types){.ntypes = 0};
	if (input->nsymbols == 0 || !lode_dwarf_open_(&reader.dwarf, input->image))
		return 0;
	whole = pen;
	reader.unit.dwarf = &reader.dwarf;
	reader.unit.max_codes = (uint32_t)(lode_divide_(reader.dwarf.parts[DWARF_ABBREV].size, 5) + 1);
	reader.unit.codes = take(&pen, (uint64_t)reader.unit.max_codes * sizeof *reader.unit.codes);
	if (!reader.unit.codes)
		return 0;
	walk(&reader, count, end_counting, &counts);
	/* (The results are to lie in front.) */
	pen = whole;
	if (!take_results(&reader, &pen, &counts))
		return 0;
	reader.unit.codes = take(&pen, (uint64_t)reader.unit.max_codes * sizeof *reader.unit.codes);
	reader.unit.ncodes = 0;
	if (!reader.unit.codes || !take_tables(&reader, &pen))
		return 0;
	enter_symbols(&reader);
	walk(&reader, see, lode_types_finish_, NULL);
	types->unfinished = reader.dwarf.spent;
	return compact(&reader);
}
