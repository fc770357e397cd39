/* SPDX-License-Identifier: MIT */
/* A constant that holds addresses comes in, a table of functions as a rule; whether the program's own one says the same goes out:
 * then it stays, and whoever compares its address finds what was found before. What it refers to functions by is rewritten like
 * all else. */
#include "swap.h"

enum { PIECE = 256, LONGEST_STRING = 4096 };
#define SHF_MERGE_STRINGS (SHF_MERGE | SHF_STRINGS)

struct comparing {
	const struct lode_swap *swap;
	const struct lode_link_unit *unit;
	const unsigned char *bytes;  /* of the new one */
	uint64_t at, done;           /* the old one, and how much of it was compared */
};

static bool read(const struct lode_swap *swap, void *dst, uint64_t addr, size_t size)
{
	const struct lode_swap_host *host = &swap->program->host;

	return host->read(host->host, dst, addr, size) == 0;
}

static bool same_until(struct comparing *comparing, uint64_t end)
{
	unsigned char piece[PIECE];

	while (comparing->done < end) {
		size_t size = (size_t)min_u64(end - comparing->done, PIECE);

		if (!read(comparing->swap, piece, comparing->at + comparing->done, size) ||
			memcmp(piece, comparing->bytes + comparing->done, size) != 0)
			return false;
		comparing->done += size;
	}
	return true;
}

/* Characters up to its NUL; 0: it has none. */
static uint64_t length_of(const unsigned char *string, uint64_t size)
{
	for (uint64_t i = 0; i < min_u64(size, LONGEST_STRING); i++)
		if (string[i] == '\0')
			return i + 1;
	return 0;
}

/* Strings have no names: what they say is compared. */
static bool same_string(const struct comparing *comparing, uint64_t old, const unsigned char *string, uint64_t size)
{
	uint64_t length = length_of(string, size);
	unsigned char piece[PIECE];

	for (uint64_t i = 0; i < length; i += PIECE) {
		size_t part = (size_t)min_u64(length - i, PIECE);

		if (!read(comparing->swap, piece, old + i, part) || memcmp(piece, string + i, part) != 0)
			return false;
	}
	return length > 0;
}

/* Where the program has what is called so now. */
static bool now_at(const struct lode_swap *swap, uint64_t *addr, const struct lode_swap_name *name)
{
	const struct lode_program *program = swap->program;
	const struct lode_index_symbol *symbol;
	struct lode_range own;
	uint32_t unit = lode_swap_unit_(swap, &name->source);

	for (const struct lode_swap *version = program->newest; version; version = version->older_)
		if (lode_swap_own_(&own, version, name) == 1) {
			*addr = own.addr;
			return true;
		}
	if (name->local && unit == LODE_NO_INDEX)
		return false;
	symbol = name->local ? lode_index_local_(program->index, &name->name, unit) :
		lode_index_global_(program->index, &name->name, unit);
	if (!symbol || symbol->type == LODE_STT_GNU_IFUNC || symbol->type == LODE_STT_TLS)
		return false;
	*addr = symbol->addr + program->bias;
	return true;
}

/* The function or datum of the unit that a place in a section belongs to. */
static uint32_t symbol_at(const struct lode_link_unit *unit, uint32_t section, uint64_t offset)
{
	for (uint32_t i = 1; i < unit->nsymbols; i++) {
		struct link_sym symbol = lode_unit_symbol_(unit, i);

		if (symbol.type != LODE_STT_FUNC && symbol.type != LODE_STT_OBJECT)
			continue;
		if (!symbol.reserved && symbol.shndx == section &&
			offset - symbol.value < max_u64(symbol.size, 1))
			return i;
	}
	return 0;
}

static bool is_constant(const struct lode_link_unit *unit, const struct link_sym *symbol)
{
	uint8_t class_ = symbol->reserved || symbol->shndx == LODE_SHN_UNDEF ? CLASS_NONE : unit->sections[symbol->shndx].class_;

	return class_ == CLASS_RODATA || class_ == CLASS_RELRO || class_ == CLASS_LARGE_RODATA;
}

/* What the name of a type says is compared, as of strings. */
static bool same_type_name(const struct comparing *comparing, uint64_t old, const struct link_sym *symbol)
{
	const struct lode_section *section = &comparing->unit->image.sections[symbol->shndx];
	const unsigned char *bytes = comparing->unit->source.bytes;

	return within(symbol->value, symbol->size, section->size) && section->type != LODE_SHT_NOBITS &&
		same_string(comparing, old, bytes + section->offset + symbol->value, symbol->size);
}

/* A symbol of somebody else, which the link has found, or of the program, if it stays. */
static bool same_elsewhere(const struct comparing *comparing, uint64_t old, uint32_t index)
{
	const struct lode_link_unit *unit = comparing->unit;
	const struct lode_link_symbol *entry = index < unit->nlocals ? NULL : unit->globals[index - unit->nlocals];

	return entry && entry->state_ == STATE_ELSEWHERE && entry->value == old;
}

/* Behind a name may be another constant: it has to be known to stay. A class has one type, whatever that says. */
static bool same_name(const struct comparing *comparing, uint64_t old, uint32_t index, uint64_t offset)
{
	const struct lode_link_unit *unit = comparing->unit;
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	struct lode_swap_name name = {.name = lode_unit_symbol_name_(unit, index), .source = lode_unit_source_name_(unit, index),
		.local = index < unit->nlocals, .type = symbol.type};
	uint64_t now;

	if (name.name.size == 0)
		return false;
	if (same_elsewhere(comparing, old - offset, index))
		return true;
	if (is_constant(unit, &symbol) && !lode_link_is_kept_(unit, index) && !lode_swap_is_type_(&name.name))
		return offset == 0 && lode_swap_is_type_name_(&name.name) && same_type_name(comparing, old, &symbol);
	return now_at(comparing->swap, &now, &name) && now + offset == old;
}

static bool same_word(const struct comparing *comparing, const struct link_rela *rela)
{
	const struct lode_link_unit *unit = comparing->unit;
	struct link_sym symbol = lode_unit_symbol_(unit, rela->symbol);
	uint64_t offset = symbol.value + rela->addend, old;
	unsigned char word[8];
	uint32_t index;

	if (rela->type != R_64 || !read(comparing->swap, word, comparing->at + comparing->done, sizeof word))
		return false;
	old = le64(word);
	if (symbol.reserved || symbol.shndx == LODE_SHN_UNDEF)
		return !symbol.reserved && same_name(comparing, old, rela->symbol, rela->addend);
	if ((unit->image.sections[symbol.shndx].flags & SHF_MERGE_STRINGS) == SHF_MERGE_STRINGS) {
		const struct lode_section *strings = &unit->image.sections[symbol.shndx];

		return offset < strings->size && same_string(comparing, old,
			(const unsigned char *)unit->source.bytes + strings->offset + offset, strings->size - offset);
	}
	if (symbol.type != LODE_STT_SECTION)
		return same_name(comparing, old, rela->symbol, rela->addend);
	index = symbol_at(unit, symbol.shndx, offset);
	return index != 0 && same_name(comparing, old, index, offset - lode_unit_symbol_(unit, index).value);
}

/* Relocations in ascending order, as assemblers write them; in another one they are not understood. */
static bool same_with(struct comparing *comparing, struct link_table *table, const struct link_sym *symbol)
{
	uint64_t count = lode_divide_(table->header->size, RELA_SIZE);

	for (uint64_t i = 0; i < count; i++) {
		struct link_rela rela = rela_at(table, i);
		uint64_t offset = rela.offset - symbol->value;

		if (offset >= symbol->size)
			continue;
		if (offset < comparing->done || !within(offset, 8, symbol->size) || rela.symbol >= comparing->unit->nsymbols)
			return false;
		if (!same_until(comparing, offset) || !same_word(comparing, &rela))
			return false;
		comparing->done += 8;
	}
	return same_until(comparing, symbol->size);
}

bool lode_swap_same_(const struct lode_swap *swap, const struct lode_link_datum *datum, uint64_t addr)
{
	struct lode_link_unit *unit = datum->unit_;
	struct link_sym symbol = lode_unit_symbol_(unit, datum->index_);
	const struct lode_section *section = &unit->image.sections[symbol.shndx];
	const struct lode_link_section *relas = unit->sections[symbol.shndx].relas;
	struct comparing comparing = {.swap = swap, .unit = unit, .at = addr};
	struct link_table table = {.unit = unit};

	if (!relas || relas->relas || !within(symbol.value, symbol.size, section->size))
		return false;
	comparing.bytes = (const unsigned char *)unit->source.bytes + section->offset + symbol.value;
	table.header = &unit->image.sections[relas->index];
	table.rela = (const unsigned char *)unit->source.bytes + table.header->offset;
	return same_with(&comparing, &table, &symbol);
}
