/* SPDX-License-Identifier: MIT */
/* Relocations and symbols -> the names that people know them by: "R_X86_64_COPY of stdout". */
#include "check.h"
#include <string.h>

enum { SYMBOL_NAME = 120 };

/* A name that is too long ends in "...". */
static bool read_string(char *buf, size_t size, const struct lode_strings *strings, uint64_t index)
{
	int status = lode_string_read(buf, size, strings, index, NULL);

	if (status == LODE_ERR_ROOM)
		memcpy(buf + size - 4, "...", 4);
	else if (status != LODE_OK)
		buf[0] = '\0';
	return buf[0] != '\0';
}

bool check_symbol_name(char *buf, size_t size, const struct check *c, const struct lode_symtab *table, uint64_t index)
{
	struct lode_symbol symbol;

	buf[0] = '\0';
	if (index == 0 || lode_symbol_read(&symbol, &c->image, table, index, NULL) != LODE_OK)
		return false;
	if (symbol.name != 0)
		return read_string(buf, size, &table->strings, symbol.name);
	/* Symbols of sections are called as these are. */
	if (symbol.type != LODE_STT_SECTION || symbol.reserved || !c->has_sections || symbol.shndx >= c->image.nsections)
		return false;
	section_name(buf, size, &c->image, symbol.shndx);
	return buf[0] != '\0';
}

void check_reloc_text(char *buf, size_t size, const struct check *c, const struct lode_symtab *table, const struct lode_rel *rel)
{
	const char *type = reloc_name(c->image.machine, rel->type);
	char name[SYMBOL_NAME], number[24];

	snprintf(number, sizeof number, "type %u", rel->type);
	if (check_symbol_name(name, sizeof name, c, table, rel->symbol))
		snprintf(buf, size, "%s of %s", type ? type : number, name);
	else
		snprintf(buf, size, "%s", type ? type : number);
}

/* The entry of one of the dynamic tables that stands at an offset of the file. */
static bool find_rel(struct lode_rel *rel, const struct check *c, uint64_t offset)
{
	const struct lode_reltab *const tables[] = {&c->dynamic.rel, &c->dynamic.rela, &c->dynamic.jmprel};

	for (size_t i = 0; c->has_dynamic && i < sizeof tables / sizeof *tables; i++) {
		uint64_t entry = lode_rel_size(&c->image, tables[i]->rela);

		if (offset >= tables[i]->offset && offset - tables[i]->offset < tables[i]->size)
			return lode_rel_read(rel, &c->image, tables[i], (offset - tables[i]->offset) / entry, NULL) == LODE_OK;
	}
	return false;
}

void check_diag_text(char *buf, size_t size, const struct check *c, const struct lode_diag *why)
{
	struct lode_rel rel;

	buf[0] = '\0';
	if (strcmp(lode_field_structure(why->field), "relocation") == 0 && find_rel(&rel, c, why->offset))
		check_reloc_text(buf, size, c, &c->dynamic.symbols, &rel);
}

void check_needed_text(char *buf, size_t size, const struct check *c, const char *before)
{
	size_t used = strlen(buf);
	char name[48];

	for (uint32_t i = 0; i < c->dynamic.count && used + sizeof name + 16 < size; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &c->image, &c->dynamic, i, NULL) != LODE_OK || entry.tag != LODE_DT_NEEDED)
			continue;
		if (!read_string(name, sizeof name, &c->dynamic.symbols.strings, entry.value))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", before, name);
		before = ", ";
	}
}
