/* SPDX-License-Identifier: MIT */
/* An image comes in and every table behind its headers is walked: dynamic entries, versions, symbols,
 * strings, relocations, notes. */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

static bool in_file(const struct lode_image *image, const struct lode_extent *extent)
{
	uint64_t size = image->source->size;

	return extent->size == 0 || (extent->size <= size && extent->offset <= size - extent->size);
}

/* A string ends inside the buffer or is refused. */
static void read_string(const struct lode_image *image, const struct lode_strings *table, uint64_t index)
{
	struct lode_diag why = hostile_unfilled();
	char name[40];
	int status = lode_string_read(name, sizeof name, table, index, &why);

	if (status == LODE_OK)
		HOLDS(memchr(name, '\0', sizeof name) != NULL && index < table->size);
	else
		hostile_refusal(status, &why, image->source->size);
}

static void read_symbols(const struct lode_image *image, const struct lode_symtab *table)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_symbol symbol;
	int status = LODE_OK;

	HOLDS(table->count <= image->source->size / 16);
	for (uint64_t i = 0; i < table->count && status == LODE_OK; i++) {
		status = lode_symbol_read(&symbol, image, table, i, &why);
		HOLDS(status == LODE_OK || image->source->bytes == NULL || table->shndx_offset != 0);
		if (status == LODE_OK && table->strings.size > 0)
			read_string(image, &table->strings, symbol.name);
	}
	if (status != LODE_OK) {
		hostile_refusal(status, &why, image->source->size);
		return;
	}
	why = hostile_unfilled();
	status = lode_symbol_read(&symbol, image, table, table->count, &why);
	HOLDS(status != LODE_OK);
	hostile_refusal(status, &why, image->source->size);
}

static void read_relocations(const struct lode_image *image, const struct lode_reltab *table)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_rel rel;
	int status = LODE_OK;

	HOLDS(table->count <= image->source->size / 8);
	for (uint64_t i = 0; i < table->count && status == LODE_OK; i++)
		status = lode_rel_read(&rel, image, table, i, &why);
	HOLDS(status == LODE_OK || image->source->bytes == NULL);
	if (status == LODE_OK) {
		why = hostile_unfilled();
		status = lode_rel_read(&rel, image, table, table->count, &why);
		HOLDS(status != LODE_OK);
	}
	hostile_refusal(status, &why, image->source->size);
}

/* The walk comes to its end whatever the tables say of themselves. */
static void read_versions(const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_version version;
	struct lode_versions walk;
	uint64_t steps = 0;
	int more;

	lode_versions_begin(&walk, image, dynamic);
	while ((more = lode_version_next(&version, &walk, &why)) == 1) {
		HOLDS(++steps <= image->source->size);
		read_string(image, &dynamic->symbols.strings, version.name);
		if (version.file != LODE_NO_OFFSET)
			read_string(image, &dynamic->symbols.strings, version.file);
	}
	HOLDS(more <= 0);
	if (more < 0)
		hostile_refusal(more, &why, image->source->size);
}

static void read_version_indices(const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	struct lode_versym version;

	for (uint64_t i = 0; dynamic->versym.size > 0 && i <= dynamic->symbols.count; i++) {
		struct lode_diag why = hostile_unfilled();
		int status = lode_versym_read(&version, image, dynamic, i, &why);

		if (status != LODE_OK)
			hostile_refusal(status, &why, image->source->size);
		else
			HOLDS(version.index < 0x8000);
	}
}

static bool has_bytes(const struct lode_image *image, const struct lode_range *range)
{
	uint64_t offset;

	return range->size == 0 || lode_vaddr_to_offset(&offset, image, range->addr, range->size);
}

static void check_ranges(const struct lode_image *image, const struct lode_dynamic *d)
{
	HOLDS(in_file(image, &(struct lode_extent){d->symbols.strings.offset, d->symbols.strings.size}));
	HOLDS(d->symbols.strings.size == 0 || d->symbols.strings.source == image->source);
	HOLDS(in_file(image, &d->hash) && in_file(image, &d->gnu_hash) && in_file(image, &d->relr));
	HOLDS(in_file(image, &d->versym) && in_file(image, &d->verdef) && in_file(image, &d->verneed));
	HOLDS(in_file(image, &(struct lode_extent){d->rel.offset, d->rel.size}) &&
		in_file(image, &(struct lode_extent){d->rela.offset, d->rela.size}));
	HOLDS(in_file(image, &(struct lode_extent){d->jmprel.offset, d->jmprel.size}));
	HOLDS(in_file(image,
		&(struct lode_extent){d->symbols.offset, d->symbols.count * (image->class_ == LODE_CLASS64 ? 24 : 16)}));
	HOLDS(has_bytes(image, &d->init_array) && has_bytes(image, &d->fini_array));
	HOLDS(d->count <= image->source->size / 8 && d->needed <= d->count);
}

void hostile_dynamic(const struct lode_image *image)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_dynamic dynamic;
	struct lode_dyn entry;
	int status = lode_dynamic_open(&dynamic, image, &why);

	if (status != LODE_OK) {
		hostile_refusal(status, &why, image->source->size);
		return;
	}
	check_ranges(image, &dynamic);
	for (uint32_t i = 0; i < dynamic.count; i++) {
		status = lode_dynamic_entry(&entry, image, &dynamic, i, NULL);
		HOLDS(status != LODE_OK || entry.tag != LODE_DT_NULL || image->source->bytes == NULL);
	}
	read_symbols(image, &dynamic.symbols);
	read_relocations(image, &dynamic.rel);
	read_relocations(image, &dynamic.rela);
	read_relocations(image, &dynamic.jmprel);
	read_versions(image, &dynamic);
	read_version_indices(image, &dynamic);
}

void hostile_symbols(const struct lode_image *image)
{
	for (uint32_t i = 0; image->sections != NULL && i < image->nsections; i++) {
		struct lode_diag why = hostile_unfilled();
		struct lode_symtab table;
		int status = lode_symtab_of_section(&table, image, i, &why);
		uint32_t type = image->sections[i].type;

		HOLDS(status != LODE_OK || type == LODE_SHT_SYMTAB || type == LODE_SHT_DYNSYM);
		if (status != LODE_OK)
			hostile_refusal(status, &why, image->source->size);
		else
			read_symbols(image, &table);
	}
}

/* Ascending, inside the range, and with an end. */
static void walk_notes(const struct lode_image *image, struct lode_extent extent, uint64_t align)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_notes notes;
	struct lode_note note;
	uint64_t last = extent.offset, end = extent.offset + extent.size;
	int more;

	if (!in_file(image, &extent))
		return;
	lode_notes_begin(&notes, image, &extent, align);
	HOLDS(notes.align == 4 || notes.align == 8);
	while ((more = lode_note_next(&note, &notes, &why)) == 1) {
		HOLDS(note.offset >= last && end - note.offset >= 12 && memchr(note.owner, '\0', sizeof note.owner) != NULL);
		HOLDS(note.desc_offset >= note.offset + 12 && note.desc_offset <= end && note.desc_size <= end - note.desc_offset);
		last = note.offset + 12;
	}
	HOLDS(more <= 0);
	if (more < 0)
		hostile_refusal(more, &why, image->source->size);
}

void hostile_notes(const struct lode_image *image)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_note note;
	int found;

	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_NOTE)
			walk_notes(image, (struct lode_extent){image->segments[i].offset, image->segments[i].filesz},
				image->segments[i].align);
	for (uint32_t i = 0; image->sections != NULL && i < image->nsections; i++)
		if (image->sections[i].type == LODE_SHT_NOTE)
			walk_notes(image, (struct lode_extent){image->sections[i].offset, image->sections[i].size},
				image->sections[i].addralign);
	found = lode_note_find(&note, image, "GNU", LODE_NT_GNU_BUILD_ID, &why);
	HOLDS(found != 1 || (note.type == LODE_NT_GNU_BUILD_ID && strcmp(note.owner, "GNU") == 0));
	HOLDS(found != 1 || note.desc_size <= image->source->size);
	if (found < 0)
		hostile_refusal(found, &why, image->source->size);
}

void hostile_tables(const struct lode_image *image)
{
	hostile_dynamic(image);
	hostile_symbols(image);
	hostile_notes(image);
}
