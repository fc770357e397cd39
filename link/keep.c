/* SPDX-License-Identifier: MIT */
/* Data that a unit defines comes in; the host says of each whether an earlier version of it stays in use, and references to it find
 * that one: by its symbol, or by the section that it would lie in. */
#include "types.h"

static bool is_state(uint8_t class_)
{
	return class_ == CLASS_DATA || class_ == CLASS_BSS || class_ == CLASS_LARGE_DATA || class_ == CLASS_LARGE_BSS ||
		class_ == CLASS_TDATA || class_ == CLASS_TBSS;
}

/* In a section that the program writes. Mapping symbols of assemblers and names of sections are no data. */
static bool is_datum(const struct lode_link_unit *unit, const struct link_sym *symbol)
{
	if (symbol->type == LODE_STT_SECTION || symbol->type == LODE_STT_FILE)
		return false;
	if (symbol->reserved)
		return symbol->shndx == LODE_SHN_COMMON;
	if (symbol->shndx == LODE_SHN_UNDEF || (symbol->type == LODE_STT_NOTYPE && symbol->size == 0) ||
		lode_unit_is_hooks_(unit, symbol->shndx))
		return false;
	return is_state(unit->sections[symbol->shndx].class_);
}

/* An object that nobody has named a source in has its own name: linkers that write one for it use that. */
static struct lode_link_text own_name(const struct lode_link_unit *unit)
{
	struct lode_link_text name = unit->member.size > 0 ? unit->member : unit->file;

	for (size_t i = name.size; i-- > 0;)
		if (name.at[i] == '/')
			return (struct lode_link_text){name.at + i + 1, name.size - i - 1};
	return name;
}

bool lode_unit_has_source_(const struct lode_link_unit *unit)
{
	return unit->nfiles > 0;
}

/* The last one before the symbol. */
struct lode_link_text lode_unit_source_name_(const struct lode_link_unit *unit, uint32_t index)
{
	uint32_t low = 0, high = unit->nfiles;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (unit->files[middle] < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? lode_unit_symbol_name_(unit, unit->files[low - 1]) : own_name(unit);
}

/* Beside other constants that are only read lie jump tables, which have no names and go with their code. */
static bool is_among_others(const struct lode_link_unit *unit, const struct link_sym *symbol)
{
	return unit->sections[symbol->shndx].class_ == CLASS_RODATA &&
		(symbol->value != 0 || symbol->size != unit->image.sections[symbol->shndx].size);
}

/* Tables of functions: a program may compare their addresses. Among others only those that are referred to by their own symbol. */
static bool is_table(const struct lode_link_unit *unit, const struct link_sym *symbol, uint32_t index)
{
	uint8_t class_;

	if (symbol->type != LODE_STT_OBJECT || symbol->size == 0 || symbol->reserved || symbol->shndx == LODE_SHN_UNDEF)
		return false;
	class_ = unit->sections[symbol->shndx].class_;
	if (!unit->sections[symbol->shndx].relas || (class_ != CLASS_RELRO && class_ != CLASS_RODATA))
		return false;
	return index >= unit->nlocals || !is_among_others(unit, symbol);
}

static bool ask(uint64_t *addr, const struct lode_link *link, struct lode_link_unit *unit, uint32_t index)
{
	const struct lode_link_host *host = link->options_.host;
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct lode_link_datum datum = {
		.name = lode_unit_symbol_name_(unit, index),
		.source = lode_unit_source_name_(unit, index),
		.size = index < unit->nlocals ? symbol.size : unit->globals[index - unit->nlocals]->size,
		.thread_local_ = symbol.type == LODE_STT_TLS,
		.local = index < unit->nlocals,
		.constant = is_table(unit, &symbol, index),
		.unit_ = unit,
		.index_ = index,
	};

	return host->keep(host->host, addr, &datum) == 0;
}

static int note(struct lode_link *link, struct lode_link_unit *unit, const struct lode_link_kept *kept, struct lode_diag *why)
{
	struct lode_link_kept *own = lode_link_take_(link, sizeof *own, why);

	if (!own)
		return LODE_ERR_ROOM;
	*own = *kept;
	own->next = unit->kept;
	own->number = unit->kept ? unit->kept->number + 1 : 0;
	unit->kept = own;
	return LODE_OK;
}

/* What is kept under a global name is somebody else's from here on. */
static void give_away(struct lode_link_symbol *entry, uint64_t addr)
{
	entry->state_ = STATE_ELSEWHERE;
	entry->value = addr;
	if (entry->type != LODE_STT_TLS)
		entry->type = LODE_STT_OBJECT;
}

static int keep_one(struct lode_link *link, struct lode_link_unit *unit, uint32_t index, struct lode_diag *why)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	struct lode_link_symbol *entry = index < unit->nlocals ? NULL : unit->globals[index - unit->nlocals];
	struct lode_link_kept kept = {.section = symbol.shndx, .offset = symbol.value, .size = symbol.size};

	if (!is_datum(unit, &symbol) && !is_table(unit, &symbol, index))
		return LODE_OK;
	if (entry && (entry->unit != unit || entry->index != index))
		return LODE_OK;
	if (entry && entry->state_ != STATE_DEFINED && entry->state_ != STATE_COMMON)
		return LODE_OK;
	kept.fresh = !ask(&kept.addr, link, unit, index);
	if (entry && !kept.fresh)
		give_away(entry, kept.addr);
	return symbol.reserved || is_among_others(unit, &symbol) ? LODE_OK : note(link, unit, &kept, why);
}

int lode_link_keep_data_(struct lode_link *link, struct lode_diag *why)
{
	int status = LODE_OK;

	if (!link->options_.host || !link->options_.host->keep)
		return LODE_OK;
	for (struct lode_link_unit *unit = link->units_.first; unit && status == LODE_OK; unit = unit->next) {
		for (uint32_t i = 1; i < unit->nsymbols && status == LODE_OK; i++)
			status = keep_one(link, unit, i, why);
		if (status == LODE_OK)
			status = lode_unit_sort_kept_(link, unit, why);
	}
	return status;
}

static const struct lode_link_kept *kept_at(const struct lode_link_unit *unit, uint32_t section, uint64_t offset)
{
	const struct lode_link_kept *kept = lode_unit_kept_at_(unit, section, offset);

	return kept && !kept->fresh ? kept : NULL;
}

bool lode_link_is_kept_(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct lode_link_symbol *entry = index < unit->nlocals ? NULL : unit->globals[index - unit->nlocals];

	if (entry && entry->unit == unit && entry->index == index && entry->state_ == STATE_ELSEWHERE)
		return true;
	return unit->kept && !symbol.reserved && kept_at(unit, symbol.shndx, symbol.value);
}

/* From where a datum would be to where it is, modulo 2^64. Offsets in the thread-local block come out likewise. */
static uint64_t shift_of(const struct link_table *table, const struct lode_link_kept *kept)
{
	const struct lode_link_section *section = &table->unit->sections[kept->section];
	const struct lode_link *link = table->link;

	if (kept->fresh)
		return 0;
	if (section->class_ == CLASS_TDATA || section->class_ == CLASS_TBSS)
		return kept->addr - (section->addr + kept->offset - link->tls.template_offset + link->tls.offset);
	return kept->addr - (section->addr + kept->offset + link->addr);
}

static bool ends_at(const struct lode_link_kept *kept, uint64_t offset)
{
	return kept && kept->offset + kept->size == offset;
}

/* The end of an array is the beginning of what follows, and nobody says which is meant; of a single word nobody takes the end.
 * False: it is not known where to. */
static bool shift_at(uint64_t *shift, const struct link_table *table, const struct link_rela *rela, uint64_t offset)
{
	const struct lode_link_machine *machine = table->link->machine_;
	uint32_t section = lode_unit_symbol_(table->unit, rela->symbol).shndx;
	const unsigned char *bytes = (const unsigned char *)table->unit->source.bytes + table->header->offset;
	struct link_around around = lode_unit_kept_around_(table->unit, section, offset);
	bool code = table->header->flags & LODE_SHF_EXECINSTR, end = ends_at(around.before, offset);
	uint64_t other;

	*shift = around.at ? shift_of(table, around.at) : 0;
	if (around.at) {
		if (!end || around.before->size <= 8 || shift_of(table, around.before) == *shift)
			return true;
		return code && machine->addresses && !machine->addresses(bytes, rela);
	}
	if (!around.before && !around.behind)
		return true;
	*shift = shift_of(table, around.before ? around.before : around.behind);
	other = around.behind ? shift_of(table, around.behind) : *shift;
	return end || other == *shift;
}

uint64_t lode_link_kept_value_(const struct lode_link_unit *unit, uint32_t index, uint64_t value)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);
	const struct lode_link_kept *kept;

	if (symbol.reserved || symbol.shndx == LODE_SHN_UNDEF || symbol.type == LODE_STT_SECTION)
		return value;
	kept = kept_at(unit, symbol.shndx, symbol.value);
	return kept ? kept->addr + (symbol.value - kept->offset) : value;
}

/* Distances from a field to the end of its instruction that are possible, as a set of bits. */
static uint32_t distances(const struct link_table *table, const struct link_rela *rela)
{
	const struct lode_link_machine *machine = table->link->machine_;
	const unsigned char *bytes = table->unit->source.bytes;

	if (!(table->header->flags & LODE_SHF_EXECINSTR) || !machine->distances)
		return 1;
	return machine->distances(bytes + table->header->offset, rela);
}

/* A local symbol is named by its section as a rule, and how far a reference goes is known by its instruction's length. */
bool lode_link_shift_(uint64_t *shift, const struct link_table *table, const struct link_rela *rela)
{
	struct link_sym symbol = lode_unit_symbol_(table->unit, rela->symbol);
	uint32_t left = 0;
	bool first = true;

	*shift = 0;
	if (symbol.type != LODE_STT_SECTION || symbol.reserved)
		return true;
	left = distances(table, rela);
	for (uint32_t distance = 0; left != 0; distance++, left >>= 1) {
		uint64_t one;

		if (!(left & 1))
			continue;
		if (!shift_at(&one, table, rela, symbol.value + rela->addend + distance) || (!first && one != *shift))
			return false;
		*shift = one;
		first = false;
	}
	return true;
}
