/* SPDX-License-Identifier: MIT */
/* Notes, relocations and symbols -> their members of the JSON. */
#include "show.h"
#include "input.h"
#include <stdlib.h>
#include <string.h>

enum { DESC_MOST = 4096 }; /* bytes of a note's descriptor */

struct note_sink {
	struct json *json;
	const struct show *show;
	uint64_t left; /* bytes of a core's notes that may still be read */
	uint64_t described; /* bytes of descriptors that may still be told */
};

static void put_desc(struct json *json, const struct show *show, const struct lode_note *note, size_t size)
{
	unsigned char *desc = malloc(size + 1);
	char *hex = malloc(2 * size + 1);

	if (desc && hex && input_exact(&show->file.input, desc, note->desc_offset, size)) {
		hex[0] = '\0';
		for (size_t i = 0; i < size; i++)
			snprintf(hex + 2 * i, 3, "%02x", desc[i]);
		json_string(json, "desc", hex);
		json_bool(json, "desc_cut", size < note->desc_size);
	}
	free(desc);
	free(hex);
}

static void put_note(void *host, const struct show_note *found)
{
	struct note_sink *sink = host;
	const struct lode_note *note = &found->note;
	size_t size = note->desc_size < DESC_MOST ? note->desc_size : DESC_MOST;
	size_t owner = note->owner_size < LODE_NOTE_OWNER - 1 ? note->owner_size : LODE_NOTE_OWNER - 1;

	/* Go pads its name to four bytes. */
	while (owner > 0 && note->owner[owner - 1] == '\0')
		owner--;
	json_object(sink->json, NULL);
	if (found->segment != LODE_NO_INDEX)
		json_number(sink->json, "segment", found->segment);
	else
		json_number(sink->json, "section", found->section);
	json_number(sink->json, "offset", note->offset);
	json_bytes(sink->json, "owner", note->owner, owner);
	json_number(sink->json, "owner_size", note->owner_size);
	json_number(sink->json, "type", note->type);
	json_string(sink->json, "type_name", found->type_name);
	json_number(sink->json, "desc_size", note->desc_size);
	if (show_afford(&sink->described, size)) {
		put_desc(sink->json, sink->show, note, size);
		json_string(sink->json, "text", found->words[0] != '\0' ? found->words : NULL);
	}
	show_core_json(sink->json, sink->show, note, &sink->left);
	json_object_end(sink->json);
}

void show_json_notes(struct json *json, const struct show *show)
{
	struct note_sink sink = {json, show, show_allowance(show), show_allowance(show)};
	unsigned broken;

	json_array(json, "notes");
	broken = show_notes_each(show, put_note, &sink);
	json_array_end(json);
	json_number(json, "broken_note_ranges", broken);
}

static void put_types(struct json *json, const struct show *show, const struct reloc_types *types)
{
	json_number(json, "entries", types->total);
	if (types->relr > 0)
		json_number(json, "relative", types->relr);
	json_array(json, "types");
	for (size_t i = 0; i < types->n; i++) {
		json_object(json, NULL);
		json_number(json, "type", types->entries[i].type);
		json_string(json, "name", reloc_name(show->file.image.machine, types->entries[i].type));
		json_number(json, "count", types->entries[i].count);
		json_object_end(json);
	}
	json_array_end(json);
	if (types->others > 0)
		json_number(json, "others", types->others);
	if (types->bad)
		json_bool(json, "unreadable", true);
}

static void put_table(struct json *json, const struct show *show, const char *name, const struct lode_reltab *table)
{
	struct reloc_types types = {.n = 0};

	if (table->count == 0)
		return;
	show_relocs_count(&types, show, table);
	json_object(json, NULL);
	json_string(json, "dynamic", name);
	put_types(json, show, &types);
	json_object_end(json);
	show_relocs_free(&types);
}

static void put_relr(struct json *json, const struct show *show, const struct lode_extent *relr, uint32_t section)
{
	struct reloc_types types = {.n = 0};

	if (relr->size == 0)
		return;
	show_relr_count(&types, show, relr);
	json_object(json, NULL);
	if (section == LODE_NO_INDEX)
		json_string(json, "dynamic", "relr");
	else
		json_number(json, "section", section);
	if (section != LODE_NO_INDEX)
		json_string(json, "kind", "relr");
	put_types(json, show, &types);
	json_object_end(json);
	show_relocs_free(&types);
}

static void put_section_relocations(struct json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t left = show_allowance(show);

	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];
		struct reloc_types types = {.n = 0};
		struct lode_reltab table;

		if (section->type == LODE_SHT_RELR && section->size > 0 && show_afford(&left, section->size))
			put_relr(json, show, &(struct lode_extent){section->offset, section->size}, i);
		if (!show_relocs_section(&table, show, i) || !show_afford(&left, table.size))
			continue;
		show_relocs_count(&types, show, &table);
		json_object(json, NULL);
		json_number(json, "section", i);
		json_string(json, "kind", table.rela ? "rela" : "rel");
		put_types(json, show, &types);
		json_object_end(json);
		show_relocs_free(&types);
	}
}

void show_json_relocations(struct json *json, const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	json_array(json, "relocations");
	if (show->dynamic_why.status == LODE_OK) {
		put_table(json, show, "rel", &dynamic->rel);
		put_table(json, show, "rela", &dynamic->rela);
		put_table(json, show, "jmprel", &dynamic->jmprel);
		put_relr(json, show, &dynamic->relr, LODE_NO_INDEX);
	}
	put_section_relocations(json, show);
	json_array_end(json);
}

static void put_symbol(struct json *json, const struct show *show, const struct lode_symtab *table, uint64_t index,
	const struct show_versions *versions)
{
	char name[4096], version[80];
	struct lode_symbol symbol;

	if (lode_symbol_read(&symbol, &show->file.image, table, index, NULL) != LODE_OK)
		return;
	json_object(json, NULL);
	json_number(json, "index", index);
	json_string(json, "name", show_symbol_name(name, sizeof name, &show->file.image, table, &symbol));
	json_hex(json, "value", symbol.value);
	json_number(json, "size", symbol.size);
	json_number(json, "type", symbol.type);
	json_number(json, "bind", symbol.bind);
	json_number(json, "other", symbol.other);
	json_number(json, "section", symbol.shndx);
	json_bool(json, "reserved", symbol.reserved);
	if (versions && show_version_of(version, sizeof version, versions, show, index)[0] != '\0')
		json_string(json, "version", version);
	json_object_end(json);
}

static void put_symtab(struct json *json, const struct show *show, uint32_t section, uint64_t *left)
{
	const struct lode_image *image = &show->file.image;
	bool is_dynamic = image->sections[section].type == LODE_SHT_DYNSYM;
	bool wanted = is_dynamic ? show->wishes.dynamic_symbols : show->wishes.symbols;
	struct show_versions versions = {.names = NULL};
	struct lode_symtab table;
	struct lode_diag why;

	json_object(json, NULL);
	json_number(json, "section", section);
	json_string(json, "kind", is_dynamic ? "dynsym" : "symtab");
	if (lode_symtab_of_section(&table, image, section, &why) != LODE_OK) {
		json_string(json, "refused", lode_rule_name(why.rule));
	} else {
		json_number(json, "count", table.count);
		if (wanted && show_afford(left, image->sections[section].size)) {
			if (is_dynamic)
				show_versions_read(&versions, show);
			json_array(json, "symbols");
			for (uint64_t i = 0; i < table.count; i++)
				put_symbol(json, show, &table, i, is_dynamic ? &versions : NULL);
			json_array_end(json);
			show_versions_free(&versions);
		}
	}
	json_object_end(json);
}

void show_json_symbols(struct json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t left = show_allowance(show);

	json_array(json, "symbol_tables");
	for (uint32_t i = 1; image->sections && i < image->nsections; i++)
		if (image->sections[i].type == LODE_SHT_SYMTAB || image->sections[i].type == LODE_SHT_DYNSYM)
			put_symtab(json, show, i, &left);
	json_array_end(json);
}
