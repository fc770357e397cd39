/* SPDX-License-Identifier: MIT */
/* An object's symbol table comes in; its global symbols are entries of the link's table, by the rules of gABI: one strong
 * definition, weak ones give way, common ones grow together. */
#include "link.h"

enum { BIND_UNIQUE = 10, SYM_INFO = 4, SYM_SHNDX = 6 };

struct lode_link_text lode_unit_symbol_name_(const struct lode_link_unit *unit, uint32_t index)
{
	uint32_t at = le32(unit->symbols + (uint64_t)index * SYM_SIZE), end = at;

	if (at >= unit->strings_size)
		return (struct lode_link_text){.at = "", .size = 0};
	while (unit->strings[end] != '\0')
		end++;
	return (struct lode_link_text){.at = unit->strings + at, .size = end - at};
}

static int refuse(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index, struct lode_diag place,
	struct lode_diag *why)
{
	place.index = index;
	place.offset = unit->image.sections[unit->symtab].offset + (uint64_t)index * SYM_SIZE;
	lode_link_blame_symbol_(link, unit, index);
	return lode_link_refuse_(link, unit, place, why);
}

void lode_link_want_(struct lode_link *link, struct lode_link_symbol *symbol)
{
	if (symbol->state_ != STATE_LAZY || (symbol->flags_ & FLAG_QUEUED))
		return;
	symbol->flags_ |= FLAG_QUEUED;
	symbol->queue_ = link->queue_;
	link->queue_ = symbol;
}

/* The visibility that hides most, of those that objects ask for. */
static uint8_t visibility(uint8_t a, uint8_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return a < b ? a : b;
}

static void refer(struct lode_link *link, struct lode_link_symbol *entry, const struct link_sym *symbol)
{
	entry->flags_ |= FLAG_REFERENCED;
	if (entry->type == LODE_STT_NOTYPE)
		entry->type = symbol->type;
	if (symbol->bind == LODE_STB_WEAK)
		return;
	entry->flags_ |= FLAG_STRONG;
	lode_link_want_(link, entry);
}

/* An entry that an object defines. */
struct definition {
	struct lode_link_unit *unit;
	uint32_t index;
	const struct link_sym *symbol;
};

static void settle(struct lode_link_symbol *entry, const struct definition *d, uint8_t state)
{
	entry->state_ = state;
	entry->unit = d->unit;
	entry->index = d->index;
	entry->bind = d->symbol->bind == BIND_UNIQUE ? LODE_STB_GLOBAL : d->symbol->bind;
	entry->type = d->symbol->type;
	entry->value = d->symbol->value;
	entry->size = d->symbol->size;
}

static int twice(struct lode_link *link, const struct lode_link_symbol *entry, const struct definition *d, struct lode_diag *why)
{
	link->blame.other_file = entry->unit->file;
	link->blame.other_member = entry->unit->member;
	return refuse(link, d->unit, d->index, lode_diag_of(LODE_RULE_LINK_TWICE, LODE_FIELD_SYM_NAME, d->symbol->name, 0), why);
}

static int define(struct lode_link *link, struct lode_link_symbol *entry, const struct definition *d, struct lode_diag *why)
{
	bool weak = d->symbol->bind == LODE_STB_WEAK;

	if (entry->flags_ & FLAG_INTERPOSED)
		return LODE_OK;
	if (entry->state_ == STATE_DEFINED && !weak && entry->bind != LODE_STB_WEAK)
		return twice(link, entry, d, why);
	if (entry->state_ == STATE_DEFINED && weak)
		return LODE_OK;
	settle(entry, d, STATE_DEFINED);
	return LODE_OK;
}

/* Any definition wins over a common symbol; of several the largest size and alignment count. Its value is the alignment. */
static int define_common(struct lode_link *link, struct lode_link_symbol *entry, const struct definition *d, struct lode_diag *why)
{
	uint64_t align = d->symbol->value, size = d->symbol->size;

	if (align > (uint64_t)1 << 31 || (align & (align - 1)) != 0)
		return refuse(link, d->unit, d->index,
			lode_diag_of(LODE_RULE_LINK_ALIGN, LODE_FIELD_SYM_VALUE, align, (uint64_t)1 << 31), why);
	if (entry->state_ == STATE_DEFINED || (entry->flags_ & FLAG_INTERPOSED))
		return LODE_OK;
	if (entry->state_ == STATE_COMMON) {
		entry->value = max_u64(entry->value, align);
		entry->size = max_u64(entry->size, size);
		return LODE_OK;
	}
	settle(entry, d, STATE_COMMON);
	return LODE_OK;
}

static int enter(struct lode_link *link, struct lode_link_symbol *entry, const struct definition *d, struct lode_diag *why)
{
	const struct link_sym *symbol = d->symbol;

	entry->visibility = visibility(entry->visibility, symbol->visibility);
	if (!entry->unit) {
		entry->unit = d->unit;
		entry->index = d->index;
	}
	if (!symbol->reserved && symbol->shndx == LODE_SHN_UNDEF) {
		refer(link, entry, symbol);
		return LODE_OK;
	}
	if (symbol->reserved && symbol->shndx == LODE_SHN_COMMON)
		return define_common(link, entry, d, why);
	if (!symbol->reserved && d->unit->sections[symbol->shndx].dropped) {
		refer(link, entry, symbol);
		return LODE_OK;
	}
	return define(link, entry, d, why);
}

static int check_place(struct lode_link *link, const struct definition *d, struct lode_diag *why)
{
	const struct link_sym *symbol = d->symbol;
	bool known = symbol->shndx == LODE_SHN_ABS || symbol->shndx == LODE_SHN_COMMON;

	if (symbol->reserved ? known : symbol->shndx < d->unit->image.nsections)
		return LODE_OK;
	return refuse(link, d->unit, d->index,
		lode_diag_of(LODE_RULE_LINK_SYMBOL, LODE_FIELD_SYM_SHNDX, symbol->shndx, d->unit->image.nsections), why);
}

static int enter_global(struct lode_link *link, struct lode_link_unit *unit, uint32_t index, struct lode_diag *why)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct definition d = {.unit = unit, .index = index, .symbol = &symbol};
	struct lode_link_symbol *entry;
	struct link_name name;
	int status = check_place(link, &d, why);

	if (status != LODE_OK)
		return status;
	if (symbol.name >= unit->strings_size)
		return refuse(link, unit, index,
			lode_diag_of(LODE_RULE_LINK_STRINGS, LODE_FIELD_SYM_NAME, symbol.name, unit->strings_size), why);
	if (symbol.bind == LODE_STB_LOCAL)
		return refuse(link, unit, index,
			lode_diag_of(LODE_RULE_LINK_SYMTAB, LODE_FIELD_SYMBOL_INDEX, index, unit->nlocals), why);
	name = lode_link_name_(unit->strings + symbol.name, unit->strings_size - symbol.name);
	if (!lode_unit_spend_(unit, name.length))
		return lode_unit_overspent_(link, unit, why);
	status = lode_link_intern_(&entry, link, &name, KEY_SYMBOL, why);
	if (status != LODE_OK)
		return status;
	unit->globals[index - unit->nlocals] = entry;
	return enter(link, entry, &d, why);
}

/* In a section, as nearly all are. */
static inline bool is_placed(const struct lode_link_unit *unit, uint32_t index)
{
	uint32_t shndx = le16(unit->symbols + (uint64_t)index * SYM_SIZE + SYM_SHNDX);

	return shndx < LODE_SHN_LORESERVE && shndx < unit->image.nsections;
}

static int check_local(struct lode_link *link, struct lode_link_unit *unit, uint32_t index, struct lode_diag *why)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct definition d = {.unit = unit, .index = index, .symbol = &symbol};

	if (symbol.reserved && symbol.shndx == LODE_SHN_COMMON)
		return refuse(link, unit, index,
			lode_diag_of(LODE_RULE_LINK_SYMBOL, LODE_FIELD_SYM_SHNDX, symbol.shndx, unit->image.nsections), why);
	return check_place(link, &d, why);
}

static bool is_file(const struct lode_link_unit *unit, uint32_t index)
{
	return (unit->symbols[(uint64_t)index * SYM_SIZE + SYM_INFO] & 15) == LODE_STT_FILE;
}

static int note_files(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < unit->nlocals; i++)
		count += is_file(unit, i);
	unit->files = lode_link_keep_(link, (uint64_t)count * sizeof *unit->files, why);
	if (!unit->files)
		return LODE_ERR_ROOM;
	for (uint32_t i = 1; i < unit->nlocals; i++)
		if (is_file(unit, i))
			unit->files[unit->nfiles++] = i;
	return LODE_OK;
}

int lode_unit_symbols_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	uint32_t nglobals = unit->nsymbols - unit->nlocals;
	int status = note_files(link, unit, why);

	if (status != LODE_OK)
		return status;
	unit->globals = lode_link_keep_(link, (uint64_t)nglobals * sizeof *unit->globals, why);
	if (!unit->globals)
		return LODE_ERR_ROOM;
	for (uint32_t i = 0; i < unit->nlocals && status == LODE_OK; i++)
		if (!is_placed(unit, i))
			status = check_local(link, unit, i, why);
	for (uint32_t i = unit->nlocals; i < unit->nsymbols && status == LODE_OK; i++)
		status = enter_global(link, unit, i, why);
	return status;
}
