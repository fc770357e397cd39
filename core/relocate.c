/* SPDX-License-Identifier: MIT */
/* An image's dynamic relocations come in, words in the space go out. The same walk without a space checks them all beforehand. */
#include "relocate.h"

/* Longer than mangled names of C++ and Rust commonly are; the stack pays for it. */
enum { NAME = 1024 };

/* Symbols */

static int refuse_symbol(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_rule rule, struct lode_diag *why)
{
	struct lode_diag place = lode_at_reloc_(walk, entry, LODE_FIELD_REL_SYMBOL, entry->rel.symbol);

	if (rule == LODE_RULE_SYMBOL_INDEX)
		place.limit = walk->dynamic.symbols.count;
	return lode_refuse_(why, rule, place);
}

static int refuse_type(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_rule rule, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_at_reloc_(walk, entry, LODE_FIELD_REL_TYPE, entry->rel.type));
}

static bool is_thread_local(uint8_t op)
{
	return op >= LODE_OP_TPOFF;
}

/* Nobody knows it: weak symbols are 0 then, others are needed. */
static int leave_undefined(const struct lode_walk_ *walk, uint64_t *value, const struct lode_entry_ *entry, struct lode_diag *why)
{
	*value = 0;
	if (entry->symbol.bind == LODE_STB_WEAK)
		return LODE_OK;
	return refuse_symbol(walk, entry, LODE_RULE_SYMBOL_UNDEFINED, why);
}

static int resolve_elsewhere(const struct lode_walk_ *walk, uint64_t *value, const struct lode_entry_ *entry, struct lode_diag *why)
{
	const struct lode_relocation *options = walk->options;
	char name[NAME];
	int status;

	if (!options->resolve)
		return leave_undefined(walk, value, entry, why);
	status = lode_string_read(name, sizeof name, &walk->dynamic.symbols.strings, entry->symbol.name, why);
	if (status == LODE_ERR_ROOM)
		return refuse_symbol(walk, entry, LODE_RULE_SYMBOL_NAME, why);
	if (status != LODE_OK)
		return status;
	if (options->resolve(options->host, value, name, &entry->symbol) == 0)
		return LODE_OK;
	return leave_undefined(walk, value, entry, why);
}

/* S: 0 for symbol 0; thread-local symbols give their offset in the block, absolute ones stay where they are. What another module
 * has for each thread is no address: it has a number of its own and lies nowhere that this image knows. */
static int symbol_value(const struct lode_walk_ *walk, uint64_t *value, struct lode_entry_ *entry, struct lode_diag *why)
{
	int status;

	*value = 0;
	if (entry->rel.symbol == 0)
		return LODE_OK;
	if (entry->rel.symbol >= walk->dynamic.symbols.count)
		return refuse_symbol(walk, entry, LODE_RULE_SYMBOL_INDEX, why);
	status = lode_symbol_read(&entry->symbol, walk->image, &walk->dynamic.symbols, entry->rel.symbol, why);
	if (status != LODE_OK)
		return status;
	if (entry->symbol.shndx == LODE_SHN_UNDEF && is_thread_local(entry->op))
		return refuse_symbol(walk, entry, LODE_RULE_RELOC_TLS, why);
	if (entry->symbol.shndx == LODE_SHN_UNDEF)
		return resolve_elsewhere(walk, value, entry, why);
	if (entry->symbol.reserved && entry->symbol.shndx != LODE_SHN_ABS)
		return refuse_symbol(walk, entry, LODE_RULE_SYMBOL_UNDEFINED, why);
	*value = entry->symbol.value;
	if (entry->symbol.type != LODE_STT_TLS && !entry->symbol.reserved)
		*value += walk->plan->bias;
	return LODE_OK;
}

/* REL addends stand in the place itself. */
static bool addend_in_place(const struct lode_entry_ *entry)
{
	return !entry->rel.has_addend && entry->op != LODE_OP_NONE && entry->op != LODE_OP_VALUE && entry->op != LODE_OP_DTPMOD;
}

/* While only checking, the place is not there yet. */
static int addend(const struct lode_walk_ *walk, uint64_t *value, const struct lode_entry_ *entry, struct lode_diag *why)
{
	*value = entry->rel.addend;
	if (!addend_in_place(entry) || !walk->space)
		return LODE_OK;
	return lode_word_read_(walk, value, entry->rel.offset + walk->plan->bias, entry->width, why);
}

/* The symbol is defined here and names a resolver: S is what that returns. One that the host resolved is an address already. */
static bool names_resolver(const struct lode_entry_ *entry)
{
	if (entry->op != LODE_OP_SYMBOL && entry->op != LODE_OP_VALUE)
		return false;
	return entry->symbol.type == LODE_STT_GNU_IFUNC && entry->symbol.shndx != LODE_SHN_UNDEF;
}

static bool needs_static_tls(uint8_t op)
{
	return op == LODE_OP_TPOFF || op == LODE_OP_TPNEG;
}

static uint64_t compute(const struct lode_walk_ *walk, const struct lode_entry_ *entry, uint64_t symbol, uint64_t add)
{
	switch (entry->op) {
	case LODE_OP_RELATIVE:
	case LODE_OP_IRELATIVE: return walk->plan->bias + add;
	case LODE_OP_SYMBOL: return symbol + add;
	case LODE_OP_TPOFF: return walk->tls.offset + symbol + add;
	case LODE_OP_TPNEG: return add - (walk->tls.offset + symbol);
	case LODE_OP_DTPMOD: return walk->options->tls_module != 0 ? walk->options->tls_module : 1;
	case LODE_OP_DTPOFF: return symbol + add - (uint64_t)walk->machine->dtp_bias;
	default: return symbol;
	}
}

/* A 4-byte field of a 64-bit image takes what fits it signed or unsigned; in a 32-bit image all arithmetic is modulo 2^32.
 * While an addend is not known the value is not either. */
static bool value_fits(const struct lode_walk_ *walk, const struct lode_entry_ *entry, uint64_t value)
{
	bool known = !addend_in_place(entry) || walk->space;

	if (entry->width == 8 || !image_wide(walk->image) || !known)
		return true;
	return value <= UINT32_MAX || value >= UINT64_MAX - INT32_MAX;
}

static void count_one(struct lode_walk_ *walk, const struct lode_entry_ *entry)
{
	walk->count.in_place += addend_in_place(entry);
	switch (entry->op) {
	case LODE_OP_NONE: walk->count.none++; break;
	case LODE_OP_RELATIVE: walk->count.relative++; break;
	case LODE_OP_SYMBOL:
	case LODE_OP_VALUE: walk->count.symbolic++; break;
	case LODE_OP_IRELATIVE: walk->count.irelative++; break;
	default: walk->count.tls++; break;
	}
}

/* Resolvers are the image's code: whether it runs now is the policy's. */
static int apply_ifunc(struct lode_walk_ *walk, const struct lode_entry_ *entry, uint64_t *value, bool *skip, struct lode_diag *why)
{
	const struct lode_relocation *options = walk->options;

	*skip = options->irelative == LODE_IRELATIVE_SKIP || !walk->space;
	if (options->irelative == LODE_IRELATIVE_REFUSE)
		return refuse_type(walk, entry, LODE_RULE_RELOC_IRELATIVE, why);
	if (options->irelative == LODE_IRELATIVE_CALL && !options->ifunc)
		return refuse_type(walk, entry, LODE_RULE_RELOC_RESOLVER, why);
	walk->ifuncs = true;
	if (*skip || !walk->irelative)
		return LODE_OK;
	if (options->ifunc(options->host, value, *value) != 0)
		return refuse_type(walk, entry, LODE_RULE_RELOC_IFUNC, why);
	return LODE_OK;
}

/* The entry is known to be one that writes: compute its value and store it, if this is its pass. */
static int apply(struct lode_walk_ *walk, struct lode_entry_ *entry, struct lode_diag *why)
{
	uint64_t symbol = 0, add = 0, value;
	bool skip = !walk->space, irelative = entry->op == LODE_OP_IRELATIVE, resolver;
	int status = symbol_value(walk, &symbol, entry, why);

	if (status == LODE_OK)
		status = addend(walk, &add, entry, why);
	if (status != LODE_OK)
		return status;
	resolver = names_resolver(entry);
	if (resolver)
		status = apply_ifunc(walk, entry, &symbol, &skip, why);
	value = compute(walk, entry, symbol, add);
	if (irelative)
		status = apply_ifunc(walk, entry, &value, &skip, why);
	if (status != LODE_OK)
		return status;
	if ((irelative || resolver) != walk->irelative)
		return LODE_OK;
	if (!value_fits(walk, entry, value))
		return lode_refuse_(why, LODE_RULE_RELOC_VALUE, lode_at_reloc_(walk, entry, LODE_FIELD_REL_ADDEND, value));
	if (skip)
		return LODE_OK;
	return lode_word_write_(walk, entry->rel.offset + walk->plan->bias, value, entry->width, why);
}

static void classify(const struct lode_walk_ *walk, struct lode_entry_ *entry)
{
	entry->op = LODE_OP_UNKNOWN;
	for (uint32_t i = 0; i < walk->machine->ntypes; i++) {
		if (walk->machine->types[i].type == entry->rel.type) {
			entry->op = walk->machine->types[i].op;
			entry->width = walk->machine->types[i].width;
			return;
		}
	}
}

static int rel_one(struct lode_walk_ *walk, struct lode_entry_ *entry, struct lode_diag *why)
{
	int status;

	classify(walk, entry);
	if (entry->op == LODE_OP_UNKNOWN)
		return refuse_type(walk, entry, LODE_RULE_RELOC_TYPE, why);
	count_one(walk, entry);
	if (entry->op == LODE_OP_NONE)
		return LODE_OK;
	if (needs_static_tls(entry->op) && (!walk->options->static_tls || !walk->plan->has_tls))
		return refuse_type(walk, entry, LODE_RULE_RELOC_TLS, why);
	status = lode_entry_target_(walk, entry, LODE_FIELD_REL_OFFSET, why);
	return status == LODE_OK ? apply(walk, entry, why) : status;
}

static int walk_table(struct lode_walk_ *walk, const struct lode_reltab *table, struct lode_diag *why)
{
	for (uint64_t i = 0; i < table->count; i++) {
		struct lode_entry_ entry = {.index = i, .offset = table->offset + i * lode_rel_size(walk->image, table->rela)};
		int status = lode_rel_read(&entry.rel, walk->image, table, i, why);

		if (status == LODE_OK)
			status = rel_one(walk, &entry, why);
		if (status != LODE_OK)
			return status;
	}
	return LODE_OK;
}

static int walk_tables(struct lode_walk_ *walk, struct lode_diag *why)
{
	int status = walk_table(walk, &walk->dynamic.rel, why);

	if (status == LODE_OK)
		status = walk_table(walk, &walk->dynamic.rela, why);
	if (status == LODE_OK)
		status = walk_table(walk, &walk->dynamic.jmprel, why);
	return status;
}

static bool has_relocations(const struct lode_dynamic *dynamic)
{
	return (dynamic->rel.count | dynamic->rela.count | dynamic->jmprel.count | dynamic->relr.size) != 0;
}

static int walk_all(struct lode_walk_ *walk, struct lode_diag *why)
{
	int status = lode_dynamic_open(&walk->dynamic, walk->image, why);

	if (status != LODE_OK || !has_relocations(&walk->dynamic))
		return status;
	walk->machine = lode_arch_of_(walk->image->machine, walk->image->class_);
	if (!walk->machine)
		return lode_refuse_(why, LODE_RULE_MACHINE_UNSUPPORTED,
			lode_at_header_(walk->image, LODE_FIELD_EHDR_MACHINE, walk->image->machine, 0));
	if (walk->plan->has_tls)
		status = lode_tls_layout(&walk->tls, &walk->plan->tls, walk->image->machine, why);
	if (status == LODE_OK)
		status = lode_walk_relr_(walk, why);
	if (status == LODE_OK)
		status = walk_tables(walk, why);
	if (status != LODE_OK || !walk->space || !walk->ifuncs)
		return status;
	walk->irelative = true;
	return walk_tables(walk, why);
}

static const struct lode_relocation defaults;

int lode_relocations_check(struct lode_relocation_count *count, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why)
{
	struct lode_walk_ walk = {.image = image, .plan = plan, .options = relocation ? relocation : &defaults};
	int status = walk_all(&walk, why);

	walk.count.total = walk.count.relative + walk.count.symbolic + walk.count.irelative + walk.count.tls + walk.count.none;
	*count = walk.count;
	return status;
}

int lode_relocate_(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why)
{
	struct lode_walk_ walk = {.image = image, .plan = plan, .options = relocation ? relocation : &defaults, .space = space};

	return walk_all(&walk, why);
}
