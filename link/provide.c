/* SPDX-License-Identifier: MIT */
/* Relocations come in, each is checked as far as it can be without addresses; slots of the GOT and stubs are counted out. */
#include "link.h"

struct lode_link_numbers *lode_unit_numbers_(const struct lode_link_unit *unit, uint32_t index)
{
	if (index >= unit->nlocals)
		return &unit->globals[index - unit->nlocals]->numbers_;
	return unit->numbers ? &unit->numbers[index] : NULL;
}

static struct lode_link_numbers *numbers_of(struct lode_link *link, struct lode_link_unit *unit, uint32_t index,
	struct lode_diag *why)
{
	if (index < unit->nlocals && !unit->numbers) {
		unit->numbers = lode_link_take_(link, (uint64_t)unit->nlocals * sizeof *unit->numbers, why);
		if (!unit->numbers)
			return NULL;
	}
	return lode_unit_numbers_(unit, index);
}

/* A symbol as one object knows it. */
struct who {
	struct lode_link_unit *unit;
	uint32_t index;
};

static struct lode_link_slot *add_slot(uint32_t *number, struct lode_link *link, const struct who *who, struct lode_diag *why)
{
	struct lode_link_slot *slot = lode_link_take_(link, sizeof *slot, why);

	if (!slot)
		return NULL;
	slot->unit = who->unit;
	slot->index = who->index;
	if (link->last_slot_)
		link->last_slot_->next = slot;
	else
		link->slots_ = slot;
	link->last_slot_ = slot;
	*number = ++link->nslots_;
	return slot;
}

/* A stub jumps to what its slot holds: where the symbol is, or what its resolver returns. */
static int add_stub(struct lode_link *link, const struct who *who, bool ifunc, struct lode_diag *why)
{
	struct lode_link_numbers *numbers = numbers_of(link, who->unit, who->index, why);
	struct lode_link_stub *stub;
	struct lode_link_slot *slot;

	if (!numbers)
		return LODE_ERR_ROOM;
	if (numbers->stub != 0)
		return LODE_OK;
	stub = lode_link_take_(link, sizeof *stub, why);
	slot = stub ? add_slot(&stub->slot, link, who, why) : NULL;
	if (!slot)
		return LODE_ERR_ROOM;
	slot->ifunc = ifunc;
	slot->stub = true;
	if (link->last_stub_)
		link->last_stub_->next = stub;
	else
		link->stubs_ = stub;
	link->last_stub_ = stub;
	numbers->stub = ++link->nstubs_;
	return LODE_OK;
}

static int refuse(const struct link_table *table, uint64_t index, enum lode_rule rule, struct lode_diag *why)
{
	struct link_rela rela = rela_at(table, index);
	struct lode_diag place = lode_diag_of(rule, LODE_FIELD_REL_SYMBOL, rela.symbol, 0);

	if (rule == LODE_RULE_LINK_RELOC_TYPE) {
		place.field = LODE_FIELD_REL_TYPE;
		place.value = rela.type;
	} else if (rule == LODE_RULE_LINK_RELOC_OFFSET) {
		place.field = LODE_FIELD_REL_OFFSET;
		place.value = rela.offset;
		place.limit = table->header->size;
	} else if (rule == LODE_RULE_LINK_RELOC_SYMBOL) {
		place.limit = table->unit->nsymbols;
	}
	return lode_link_refuse_rela_(table, index, place, why);
}

static bool is_function(const struct lode_link_unit *unit, uint32_t index)
{
	return index >= unit->nlocals && unit->globals[index - unit->nlocals]->type == LODE_STT_FUNC;
}

/* A narrow field has the address of somebody else's function: if that is out of reach, its stub is its address everywhere in this
 * module, so that pointers to it are equal. */
static bool is_narrow(const struct link_table *table, uint32_t symbol, uint8_t need)
{
	if (need != NEED_NEAR && need != NEED_LOW)
		return false;
	if (table->unit->kinds[symbol] != KIND_ELSEWHERE || !is_function(table->unit, symbol))
		return false;
	table->unit->globals[symbol - table->unit->nlocals]->flags_ |= FLAG_NARROW;
	return true;
}

static bool wants_stub(const struct link_table *table, uint32_t symbol, uint8_t need)
{
	uint8_t kind = table->unit->kinds[symbol];

	if (kind == KIND_IFUNC)
		return true;
	if (need == NEED_CALL)
		return kind == KIND_ELSEWHERE || kind == KIND_ABSENT;
	return is_narrow(table, symbol, need);
}

/* Another module is needed by each relocation that names a symbol of it. */
static void count_need(const struct link_table *table, uint32_t symbol)
{
	const struct lode_link_symbol *entry;

	if (symbol < table->unit->nlocals)
		return;
	entry = table->unit->globals[symbol - table->unit->nlocals];
	if (!entry->need_)
		return;
	if (entry->flags_ & FLAG_STRONG)
		entry->need_->strong++;
	else
		entry->need_->weak++;
}

static int provide(const struct link_table *table, uint32_t symbol, uint8_t need, struct lode_diag *why)
{
	const struct who who = {table->unit, symbol};
	struct lode_link *link = table->link;
	struct lode_link_numbers *numbers;
	uint32_t *number;
	int status = LODE_OK;

	count_need(table, symbol);
	if (wants_stub(table, symbol, need))
		status = add_stub(link, &who, table->unit->kinds[symbol] == KIND_IFUNC, why);
	if (status != LODE_OK || (need != NEED_GOT && need != NEED_GOTTP))
		return status;
	numbers = numbers_of(link, table->unit, symbol, why);
	if (!numbers)
		return LODE_ERR_ROOM;
	number = need == NEED_GOT ? &numbers->got : &numbers->gottp;
	return *number != 0 || add_slot(number, link, &who, why) ? LODE_OK : LODE_ERR_ROOM;
}

static bool is_thread_local(uint8_t need)
{
	return need == NEED_TLS || need == NEED_GOTTP;
}

/* Absolute symbols have their value, wherever the module lies. */
static bool moves(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);

	return unit->kinds[index] != KIND_ABSENT && symbol.shndx != LODE_SHN_ABS && index != 0;
}

static int meet(const struct link_table *table, uint64_t index, uint8_t need, struct lode_diag *why)
{
	uint32_t symbol = rela_at(table, index).symbol;
	uint8_t kind = table->unit->kinds[symbol];

	if (need == NEED_BASE)
		return LODE_OK;
	if (kind == KIND_DROPPED)
		return table->opaque ? LODE_OK : refuse(table, index, LODE_RULE_LINK_DROPPED, why);
	if (need == NEED_SIZE)
		return LODE_OK;
	if ((kind == KIND_TLS) != is_thread_local(need))
		return refuse(table, index, LODE_RULE_LINK_RELOC_SYMBOL, why);
	if (need == NEED_LOW && moves(table->unit, symbol))
		table->link->low = true;
	return provide(table, symbol, need, why);
}

static uint8_t type_of(const struct lode_link_machine *machine, uint32_t type)
{
	uint32_t at = type - machine->first_type;

	return type >= machine->first_type && at < machine->ntypes ? machine->types[at] : 0;
}

static int scan_one(const struct link_table *table, uint64_t index, struct lode_diag *why)
{
	struct link_rela rela = rela_at(table, index);
	uint8_t type = type_of(table->link->machine_, rela.type), need = type >> 4;
	uint64_t shift;

	if (rela.type == 0)
		return LODE_OK;
	if (need == NEED_UNKNOWN)
		return refuse(table, index, LODE_RULE_LINK_RELOC_TYPE, why);
	if (table->header->type == LODE_SHT_NOBITS || !within(rela.offset, type & 15, table->header->size))
		return refuse(table, index, LODE_RULE_LINK_RELOC_OFFSET, why);
	if (rela.symbol >= table->unit->nsymbols)
		return refuse(table, index, LODE_RULE_LINK_RELOC_SYMBOL, why);
	if (table->unit->kept && !lode_link_shift_(&shift, table, &rela))
		return refuse(table, index, LODE_RULE_LINK_KEEP, why);
	if (need == NEED_NOTHING || (table->unit->kinds[rela.symbol] == KIND_PLAIN && need <= NEED_CALL))
		return LODE_OK;
	return meet(table, index, need, why);
}

/* Most relocations are of a known type, lie in their section and meet a symbol of the module: the rest is for scan_one. */
static inline bool is_plain(const struct link_table *table, const unsigned char *rela, uint64_t room)
{
	uint8_t type = type_of(table->link->machine_, le32(rela + 8)), need = type >> 4;
	uint32_t symbol = le32(rela + 12);

	return need > NEED_NOTHING && need <= NEED_CALL && within(le64(rela), type & 15, room) && symbol < table->unit->nsymbols &&
		table->unit->kinds[symbol] == KIND_PLAIN;
}

static int scan_table(const struct link_table *table, struct lode_diag *why)
{
	/* In a section without bytes and in one with data of an earlier version each has to be looked at. */
	uint64_t room = table->header->type == LODE_SHT_NOBITS || table->unit->kept ? 0 : table->header->size;
	int status = LODE_OK;

	table->link->nrelocations += table->count;
	for (uint64_t i = 0; status == LODE_OK; i++) {
		while (i < table->count && is_plain(table, table->rela + i * RELA_SIZE, room))
			i++;
		if (i == table->count)
			break;
		status = scan_one(table, i, why);
	}
	return status;
}

int lode_link_scan_(struct lode_link *link, struct lode_diag *why)
{
	int status = LODE_OK;

	/* Whoever uses an ifunc, here or in another module, uses its stub. */
	for (struct lode_link_symbol *symbol = link->symbols_; symbol && status == LODE_OK; symbol = symbol->all_) {
		const struct who who = {symbol->unit, symbol->index};

		if (symbol->key_ == KEY_SYMBOL && symbol->kind_ == KIND_IFUNC)
			status = add_stub(link, &who, true, why);
	}
	return status == LODE_OK ? lode_link_tables_(link, scan_table, why) : status;
}
