/* SPDX-License-Identifier: MIT */
/* Sections, symbols and relocations of a relocatable object -> findings for linkers and module loaders. */
#include "check.h"
#include <string.h>

enum { MAX_PLAIN_SECTIONS = 65279 };

static bool is_relocation(const struct lode_section *section)
{
	return section->type == LODE_SHT_RELA || section->type == LODE_SHT_REL;
}

/* GCC's section of what it knows of its own format: two versions of 16 bits, then whether there is no machine code beside it. */
static bool is_slim(const struct check *c, const struct lode_section *section, const char *name)
{
	enum { SLIM_AT = 4 };
	unsigned char slim = 0;

	return strncmp(name, ".gnu.lto_.lto.", 14) == 0 && section->type == LODE_SHT_PROGBITS && section->size > SLIM_AT &&
		check_read(c, &slim, section->offset + SLIM_AT, 1) && slim != 0;
}

static void check_flags(struct check *c)
{
	const uint64_t wx = LODE_SHF_ALLOC | LODE_SHF_WRITE | LODE_SHF_EXECINSTR;

	for (uint32_t i = 1; i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];
		char name[sizeof c->findings->detail];

		section_name(name, sizeof name, &c->image, i);
		if ((section->flags & wx) == wx)
			check_add(c, CHECK_OBJECT_WX, check_at_section(c, i, LODE_FIELD_SHDR_FLAGS), "%s", name);
		if ((section->addralign & (section->addralign - 1)) != 0)
			check_add(c, CHECK_OBJECT_ALIGN, check_at_section(c, i, LODE_FIELD_SHDR_ADDRALIGN), "%s", name);
		if (is_slim(c, section, name))
			check_add(c, CHECK_OBJECT_LTO, check_at_section(c, i, LODE_FIELD_SHDR_OFFSET), "%s", name);
	}
}

static void check_stack(struct check *c)
{
	const struct lode_section *stack = section_find(&c->image, ".note.GNU-stack");

	if (c->kind.id == KIND_DEBUG)
		return;
	if (!stack)
		check_add(c, CHECK_OBJECT_STACK_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
	else if (stack->flags & LODE_SHF_EXECINSTR)
		check_add(c, CHECK_OBJECT_STACK_EXEC, check_at_section(c, (uint32_t)(stack - c->image.sections),
			LODE_FIELD_SHDR_FLAGS), NULL);
}

/* Highest type that the machine's supplement defines; 0: not known here. */
static uint32_t highest_type(uint16_t machine)
{
	switch (machine) {
	case LODE_EM_X86_64: return 51; /* R_X86_64_CODE_6_GOTPC32_TLSDESC */
	case LODE_EM_386: return 43;    /* R_386_GOT32X */
	default: return 0;
	}
}

/* Types and the bytes that they write; 0: none or unknown. */
static uint64_t width_of(uint16_t machine, uint32_t type)
{
	static const unsigned char x86_64[44] = {
		0, 8, 4, 4, 4, 0, 8, 8, 8, 4, 4, 4, 2, 2, 1, 1, 8, 8, 8, 4, 4, 4, 4, 4, 8, 8, 4, 8, 8, 8, 8, 8, 4, 8, 4, 0, 16, 8,
			8, 0, 0, 4, 4,
	};

	return machine == LODE_EM_X86_64 && type < sizeof x86_64 ? x86_64[type] : machine == LODE_EM_X86_64 && type <= 51 ? 4 : 0;
}

/* What Linux's apply_relocate_add for x86-64 knows. */
static bool linux_applies(uint32_t type)
{
	return type == 0 || type == 1 || type == 2 || type == 4 || type == 10 || type == 11 || type == 24;
}

/* A relocation section that is being looked at. All of an object mostly use one symbol table: it is kept from one to the next. */
struct table {
	uint32_t index;
	const struct lode_section *section, *target;
	struct lode_symtab symbols;
	uint32_t symbols_of; /* section that they are of, 0: none yet */
	struct lode_reltab entries;
	char name[64];
};

/* Relocations of a compressed section, or of an older .zdebug one, are places of its bytes as they were. */
static bool is_compressed(const struct table *table)
{
	return (table->target->flags & LODE_SHF_COMPRESSED) != 0 || strstr(table->name, ".zdebug_") != NULL;
}

/* An entry, with its index. */
struct entry {
	uint64_t index;
	struct lode_rel rel;
};

static void add_entry(struct check *c, enum check_id id, const struct table *table, const struct entry *entry,
	enum lode_field field)
{
	uint64_t value = field == LODE_FIELD_REL_OFFSET ? entry->rel.offset : entry->rel.type;
	char text[CHECK_RELOC_TEXT];

	check_reloc_text(text, sizeof text, c, &table->symbols, &entry->rel);
	check_add(c, id, check_at_rel(c, &table->entries, entry->index, field, value), "in section %u, %s: %s", table->index,
		table->name, text);
}

static void check_entry(struct check *c, const struct table *table, const struct entry *entry)
{
	uint32_t highest = highest_type(c->image.machine);
	const struct lode_rel *rel = &entry->rel;

	if (highest != 0 && rel->type > highest)
		add_entry(c, CHECK_OBJECT_RELOCATION, table, entry, LODE_FIELD_REL_TYPE);
	else if (c->kind.id == KIND_MODULE && c->image.machine == LODE_EM_X86_64 && (table->target->flags & LODE_SHF_ALLOC) &&
		!linux_applies(rel->type))
		add_entry(c, CHECK_MODULE_RELOCATION, table, entry, LODE_FIELD_REL_TYPE);
	if (!is_compressed(table) && !check_within(rel->offset, width_of(c->image.machine, rel->type), table->target->size))
		add_entry(c, CHECK_OBJECT_RELOCATION_RANGE, table, entry, LODE_FIELD_REL_OFFSET);
	if (rel->symbol >= table->symbols.count && rel->symbol != 0)
		check_add_rule(c, LODE_RULE_SYMBOL_INDEX, LODE_FIELD_REL_SYMBOL,
			check_at_rel(c, &table->entries, entry->index, LODE_FIELD_REL_SYMBOL, rel->symbol),
			table->symbols.count);
}

/* Looking for a table's extended indices takes as long as there are sections. */
static bool open_symbols(struct check *c, struct table *table)
{
	uint32_t link = table->section->link;

	if (table->symbols_of == link && link != 0)
		return true;
	table->symbols_of = 0;
	if (!check_spend(c, c->image.nsections))
		return false;
	if (lode_symtab_of_section(&table->symbols, &c->image, link, NULL) != LODE_OK) {
		check_add(c, CHECK_OBJECT_RELOCATION_TARGET, check_at_section(c, table->index, LODE_FIELD_SHDR_LINK), NULL);
		return false;
	}
	table->symbols_of = link;
	return true;
}

static bool open_table(struct check *c, struct table *table)
{
	const struct lode_section *section = table->section;
	bool rela = section->type == LODE_SHT_RELA;
	uint64_t size = lode_rel_size(&c->image, rela);

	if (section->info == 0 || section->info >= c->image.nsections || section->link >= c->image.nsections) {
		check_add(c, CHECK_OBJECT_RELOCATION_TARGET, check_at_section(c, table->index, LODE_FIELD_SHDR_INFO),
			"sh_link is %u", section->link);
		return false;
	}
	if (!open_symbols(c, table))
		return false;
	section_name(table->name, sizeof table->name, &c->image, table->index);
	table->target = &c->image.sections[section->info];
	table->entries = (struct lode_reltab){.offset = section->offset, .size = section->size, .count = section->size / size,
		.rela = rela};
	return true;
}

static void check_tables(struct check *c)
{
	struct table table = {.symbols_of = 0};

	for (uint32_t i = 1; i < c->image.nsections && !c->exhausted; i++) {
		struct entry entry = {.index = 0};

		table.index = i;
		table.section = &c->image.sections[i];
		if (!is_relocation(table.section) || (table.section->flags & LODE_SHF_ALLOC) || !open_table(c, &table))
			continue;
		if (table.target->type == LODE_SHT_NOBITS)
			continue;
		for (; entry.index < table.entries.count && check_spend(c, CHECK_ENTRY); entry.index++)
			if (lode_rel_read(&entry.rel, &c->image, &table.entries, entry.index, NULL) == LODE_OK)
				check_entry(c, &table, &entry);
	}
}

/* "NAME", with what else is to be said behind it. */
static void add_symbol(struct check *c, enum check_id id, const struct lode_symtab *table, struct check_place place,
	const char *more)
{
	char name[120];
	bool named = check_symbol_name(name, sizeof name, c, table, place.index);

	check_add(c, id, place, "%s%s%s", name, named && *more != '\0' ? ", " : "", more);
}

/* Where fields of a symbol stand. Ref: gABI-41 "Symbol Table". */
static const struct symbol_layout {
	uint32_t info, shndx;
} layouts[2] = {{12, 14}, {4, 6}};

static void check_symbol(struct check *c, const struct lode_symtab *table, uint32_t i, const struct lode_symbol *symbol,
	uint32_t locals)
{
	const struct symbol_layout *layout = &layouts[c->image.class_ == LODE_CLASS64];
	uint64_t offset = table->offset + (uint64_t)i * lode_symbol_size(&c->image), shndx_at = offset + layout->shndx;
	char more[32];

	snprintf(more, sizeof more, "sh_info is %u", locals);
	if (i != 0 && (i < locals) != (symbol->bind == LODE_STB_LOCAL))
		add_symbol(c, CHECK_OBJECT_LOCALS, table, check_at("symbol", i, "st_info", symbol->bind, offset + layout->info),
			more);
	if (symbol->reserved && symbol->shndx == LODE_SHN_COMMON)
		add_symbol(c, CHECK_MODULE_COMMON, table, check_at("symbol", i, "st_shndx", symbol->shndx, shndx_at), "");
	if (!symbol->reserved && symbol->shndx >= c->image.nsections)
		check_add_rule(c, LODE_RULE_SECTION_INDEX, LODE_FIELD_SYM_SHNDX,
			check_at("", i, "", symbol->shndx, shndx_at), c->image.nsections);
}

static void check_symtab(struct check *c, uint32_t index)
{
	const struct lode_section *section = &c->image.sections[index];
	uint64_t size = lode_symbol_size(&c->image);
	struct lode_symtab table;
	struct lode_symbol symbol;
	struct lode_diag why;

	if (lode_symtab_of_section(&table, &c->image, index, &why) != LODE_OK) {
		check_add_core(c, &why);
		return;
	}
	for (uint64_t k = 0; k < table.count && k < LODE_NO_INDEX && check_spend(c, CHECK_ENTRY); k++) {
		if (lode_symbol_read(&symbol, &c->image, &table, k, &why) != LODE_OK) {
			check_add_core(c, &why);
			return;
		}
		check_symbol(c, &table, (uint32_t)k, &symbol, section->info);
		if (symbol.name == 0 || symbol.name < table.strings.size)
			continue;
		check_add_rule(c, LODE_RULE_STRING_OUTSIDE, LODE_FIELD_SYM_NAME,
			check_at("", (uint32_t)k, "", symbol.name, table.offset + k * size), table.strings.size);
	}
}

static void check_symbols(struct check *c)
{
	for (uint32_t i = 1; i < c->image.nsections; i++)
		if (c->image.sections[i].type == LODE_SHT_SYMTAB && check_spend(c, c->image.nsections))
			check_symtab(c, i);
}

static void check_module(struct check *c)
{
	if (!section_find(&c->image, ".modinfo"))
		check_add(c, CHECK_MODULE_INFO, check_at_file(LODE_NO_OFFSET), NULL);
	if (!section_find(&c->image, ".gnu.linkonce.this_module"))
		check_add(c, CHECK_MODULE_THIS, check_at_file(LODE_NO_OFFSET), NULL);
}

void check_object(struct check *c)
{
	if (c->image.type != LODE_ET_REL || !c->has_sections)
		return;
	if (c->image.nsections > MAX_PLAIN_SECTIONS)
		check_add(c, CHECK_OBJECT_SECTIONS, check_at_header(c, LODE_FIELD_EHDR_SHNUM), NULL);
	if (c->targets & FOR_MODULE)
		check_module(c);
	check_stack(c);
	check_flags(c);
	check_tables(c);
	check_symbols(c);
}
