/* SPDX-License-Identifier: MIT */
/* Notes, relocations and symbols -> their members of the JSON. */
#include "show.h"
#include "input.h"
#include <stdlib.h>
#include <string.h>

enum { DESC_MOST = 4096 }; /* bytes of a note's descriptor */

struct note_sink {
	struct lode_json *json;
	const struct show *show;
	uint64_t left; /* bytes of a core's notes that may still be read */
};

static void put_desc(struct lode_json *json, const struct show *show, const struct lode_note *note)
{
	size_t size = note->desc_size < DESC_MOST ? note->desc_size : DESC_MOST;
	unsigned char *desc = malloc(size + 1);
	char *hex = malloc(2 * size + 1);

	if (desc != NULL && hex != NULL && lode_input_exact_(&show->file.input, desc, note->desc_offset, size)) {
		hex[0] = '\0';
		for (size_t i = 0; i < size; i++)
			snprintf(hex + 2 * i, 3, "%02x", desc[i]);
		lode_json_string(json, "desc", hex);
		lode_json_bool(json, "desc_cut", size < note->desc_size);
	}
	free(desc);
	free(hex);
}

static void put_note(void *host, const struct show_note *found)
{
	struct note_sink *sink = host;
	const struct lode_note *note = &found->note;
	size_t owner = note->owner_size < LODE_NOTE_OWNER - 1 ? note->owner_size : LODE_NOTE_OWNER - 1;

	/* Go pads its name to four bytes. */
	while (owner > 0 && note->owner[owner - 1] == '\0')
		owner--;
	lode_json_object(sink->json, NULL);
	if (found->segment != LODE_NO_INDEX)
		lode_json_number(sink->json, "segment", found->segment);
	else
		lode_json_number(sink->json, "section", found->section);
	lode_json_number(sink->json, "offset", note->offset);
	lode_json_bytes(sink->json, "owner", note->owner, owner);
	lode_json_number(sink->json, "owner_size", note->owner_size);
	lode_json_number(sink->json, "type", note->type);
	lode_json_string(sink->json, "type_name", found->type_name);
	lode_json_number(sink->json, "desc_size", note->desc_size);
	put_desc(sink->json, sink->show, note);
	lode_json_string(sink->json, "text", found->words[0] != '\0' ? found->words : NULL);
	show_core_json(sink->json, sink->show, note, &sink->left);
	lode_json_object_end(sink->json);
}

void show_json_notes(struct lode_json *json, const struct show *show)
{
	struct note_sink sink = {json, show, show->file.image.source->size};
	unsigned broken;

	lode_json_array(json, "notes");
	broken = show_notes_each(show, put_note, &sink);
	lode_json_array_end(json);
	lode_json_number(json, "broken_note_ranges", broken);
}

static void put_types(struct lode_json *json, const struct show *show, const struct reloc_types *types)
{
	lode_json_number(json, "entries", types->total);
	if (types->relr > 0)
		lode_json_number(json, "relative", types->relr);
	lode_json_array(json, "types");
	for (size_t i = 0; i < types->n; i++) {
		lode_json_object(json, NULL);
		lode_json_number(json, "type", types->entries[i].type);
		lode_json_string(json, "name", lode_reloc_name(show->file.image.machine, types->entries[i].type));
		lode_json_number(json, "count", types->entries[i].count);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
	if (types->others > 0)
		lode_json_number(json, "others", types->others);
	if (types->bad)
		lode_json_bool(json, "unreadable", true);
}

static void put_table(struct lode_json *json, const struct show *show, const char *name, const struct lode_reltab *table)
{
	struct reloc_types types = {.n = 0};

	if (table->count == 0)
		return;
	show_relocs_count(&types, show, table);
	lode_json_object(json, NULL);
	lode_json_string(json, "dynamic", name);
	put_types(json, show, &types);
	lode_json_object_end(json);
	show_relocs_free(&types);
}

static void put_relr(struct lode_json *json, const struct show *show, const struct lode_extent *relr, uint32_t section)
{
	struct reloc_types types = {.n = 0};

	if (relr->size == 0)
		return;
	show_relr_count(&types, show, relr);
	lode_json_object(json, NULL);
	if (section == LODE_NO_INDEX)
		lode_json_string(json, "dynamic", "relr");
	else
		lode_json_number(json, "section", section);
	if (section != LODE_NO_INDEX)
		lode_json_string(json, "kind", "relr");
	put_types(json, show, &types);
	lode_json_object_end(json);
	show_relocs_free(&types);
}

static void put_section_relocations(struct lode_json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t left = image->source->size;

	for (uint32_t i = 1; image->sections != NULL && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];
		struct reloc_types types = {.n = 0};
		struct lode_reltab table;

		if (section->type == LODE_SHT_RELR && section->size > 0 && show_afford(&left, section->size))
			put_relr(json, show, &(struct lode_extent){section->offset, section->size}, i);
		if (!show_relocs_section(&table, show, i) || !show_afford(&left, table.size))
			continue;
		show_relocs_count(&types, show, &table);
		lode_json_object(json, NULL);
		lode_json_number(json, "section", i);
		lode_json_string(json, "kind", table.rela ? "rela" : "rel");
		put_types(json, show, &types);
		lode_json_object_end(json);
		show_relocs_free(&types);
	}
}

void show_json_relocations(struct lode_json *json, const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	lode_json_array(json, "relocations");
	if (show->dynamic_why.status == LODE_OK) {
		put_table(json, show, "rel", &dynamic->rel);
		put_table(json, show, "rela", &dynamic->rela);
		put_table(json, show, "jmprel", &dynamic->jmprel);
		put_relr(json, show, &dynamic->relr, LODE_NO_INDEX);
	}
	put_section_relocations(json, show);
	lode_json_array_end(json);
}

static void put_symbol(struct lode_json *json, const struct show *show, const struct lode_symtab *table, uint64_t index,
	const struct show_versions *versions)
{
	char name[4096], version[80];
	struct lode_symbol symbol;
	int status = lode_symbol_read(&symbol, &show->file.image, table, index, NULL);

	if (status != LODE_OK)
		return;
	lode_json_object(json, NULL);
	lode_json_number(json, "index", index);
	status = lode_string_read(name, sizeof name, &table->strings, symbol.name, NULL);
	if (status == LODE_ERR_ROOM)
		name[sizeof name - 1] = '\0';
	lode_json_string(json, "name", status == LODE_OK || status == LODE_ERR_ROOM ? name : NULL);
	lode_json_hex(json, "value", symbol.value);
	lode_json_number(json, "size", symbol.size);
	lode_json_number(json, "type", symbol.type);
	lode_json_number(json, "bind", symbol.bind);
	lode_json_number(json, "other", symbol.other);
	lode_json_number(json, "section", symbol.shndx);
	lode_json_bool(json, "reserved", symbol.reserved);
	if (versions != NULL && show_version_of(version, sizeof version, versions, show, index)[0] != '\0')
		lode_json_string(json, "version", version);
	lode_json_object_end(json);
}

static void put_symtab(struct lode_json *json, const struct show *show, uint32_t section, uint64_t *left)
{
	const struct lode_image *image = &show->file.image;
	bool is_dynamic = image->sections[section].type == LODE_SHT_DYNSYM;
	bool wanted = is_dynamic ? show->wishes.dynamic_symbols : show->wishes.symbols;
	struct show_versions versions = {.names = NULL};
	struct lode_symtab table;
	struct lode_diag why;

	lode_json_object(json, NULL);
	lode_json_number(json, "section", section);
	lode_json_string(json, "kind", is_dynamic ? "dynsym" : "symtab");
	if (lode_symtab_of_section(&table, image, section, &why) != LODE_OK) {
		lode_json_string(json, "refused", lode_rule_name(why.rule));
	} else {
		lode_json_number(json, "count", table.count);
		if (wanted && show_afford(left, image->sections[section].size)) {
			if (is_dynamic)
				show_versions_read(&versions, show);
			lode_json_array(json, "symbols");
			for (uint64_t i = 0; i < table.count; i++)
				put_symbol(json, show, &table, i, is_dynamic ? &versions : NULL);
			lode_json_array_end(json);
			show_versions_free(&versions);
		}
	}
	lode_json_object_end(json);
}

void show_json_symbols(struct lode_json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t left = image->source->size;

	lode_json_array(json, "symbol_tables");
	for (uint32_t i = 1; image->sections != NULL && i < image->nsections; i++)
		if (image->sections[i].type == LODE_SHT_SYMTAB || image->sections[i].type == LODE_SHT_DYNSYM)
			put_symtab(json, show, i, &left);
	lode_json_array_end(json);
}
