/* SPDX-License-Identifier: MIT */
/* Relocation tables -> how many there are of each type. */
#include "show.h"
#include "bytes.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More types than any machine has; a hostile table may hold millions. */
enum { MOST_TYPES = 2048 };

static void count_type(struct reloc_types *types, uint32_t type)
{
	size_t low = 0, count = types->n;

	while (count > 0) {
		size_t half = count / 2;

		if (types->entries[low + half].type < type) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	if (low < types->n && types->entries[low].type == type) {
		types->entries[low].count++;
		return;
	}
	if (types->n == types->room) {
		size_t room = types->room == 0 ? 32 : types->room * 2;
		void *more = room > MOST_TYPES ? NULL : realloc(types->entries, room * sizeof *types->entries);

		if (!more) {
			types->others++;
			return;
		}
		types->entries = more;
		types->room = room;
	}
	memmove(&types->entries[low + 1], &types->entries[low], (types->n - low) * sizeof *types->entries);
	types->entries[low].type = type;
	types->entries[low].count = 1;
	types->n++;
}

void show_relocs_count(struct reloc_types *types, const struct show *show, const struct lode_reltab *table)
{
	const uint64_t most = show_allowance(show) / 8;
	struct lode_rel rel;

	for (uint64_t i = 0; i < table->count; i++) {
		if (i == most || lode_rel_read(&rel, &show->file.image, table, i, NULL) != LODE_OK) {
			types->bad = true;
			return;
		}
		types->total++;
		count_type(types, rel.type);
	}
}

/* An even word is an address and stands for itself; an odd one is a bitmap of the words behind. */
void show_relr_count(struct reloc_types *types, const struct show *show, const struct lode_extent *relr)
{
	const struct lode_image *image = &show->file.image;
	unsigned size = lode_word_size(image);
	const uint64_t most = show_allowance(show);

	for (uint64_t at = 0; relr->size - at >= size; at += size) {
		uint64_t word;

		if (at >= most || !image_read_word(&word, image, relr->offset + at)) {
			types->bad = true;
			return;
		}
		types->total++;
		types->relr += word & 1 ? (uint64_t)__builtin_popcountll(word >> 1) : 1;
	}
}

void show_relocs_free(struct reloc_types *types)
{
	free(types->entries);
	types->entries = NULL;
}

/* A file may have holes that make its tables as large as somebody likes. */
uint64_t show_allowance(const struct show *show)
{
	const uint64_t most = UINT64_C(1) << 28;

	return show->file.image.source->size < most ? show->file.image.source->size : most;
}

bool show_afford(uint64_t *left, uint64_t size)
{
	if (size > *left)
		return false;
	*left -= size;
	return true;
}

bool show_relocs_section(struct lode_reltab *table, const struct show *show, uint32_t index)
{
	const struct lode_image *image = &show->file.image;
	const struct lode_section *section = &image->sections[index];
	uint64_t entry = lode_rel_size(image, section->type == LODE_SHT_RELA);

	if ((section->type != LODE_SHT_REL && section->type != LODE_SHT_RELA) || section->entsize != entry ||
		section->size % entry != 0)
		return false;
	*table = (struct lode_reltab){.offset = section->offset,
		.size = section->size,
		.count = section->size / entry,
		.rela = section->type == LODE_SHT_RELA};
	return true;
}

static void print_types(const struct show *show, const struct reloc_types *types)
{
	for (size_t i = 0; i < types->n; i++) {
		const char *name = reloc_name(show->file.image.machine, types->entries[i].type);

		printf("  %10" PRIu64 "  ", types->entries[i].count);
		if (name)
			puts(name);
		else
			printf("type %u\n", types->entries[i].type);
	}
	if (types->others > 0)
		printf("  %10" PRIu64 "  of more than %d types: this is no relocation table\n", types->others, MOST_TYPES);
	if (types->relr > 0)
		printf("  %10" PRIu64 "  relative, packed in %" PRIu64 " RELR words\n", types->relr, types->total);
	if (types->bad)
		puts("              the rest is not read");
}

static void print_table(const struct show *show, const char *title, const struct lode_reltab *table)
{
	struct reloc_types types = {.n = 0};

	if (table->count == 0)
		return;
	show_relocs_count(&types, show, table);
	printf("  %s, %" PRIu64 " entr%s\n", title, types.total, types.total == 1 ? "y" : "ies");
	print_types(show, &types);
	show_relocs_free(&types);
}

static void print_relr(const struct show *show)
{
	struct reloc_types types = {.n = 0};

	if (show->dynamic.relr.size == 0)
		return;
	show_relr_count(&types, show, &show->dynamic.relr);
	puts("  DT_RELR");
	print_types(show, &types);
}

static void print_objects(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	struct reloc_types types = {.n = 0};
	struct lode_reltab table;
	uint64_t left = show_allowance(show);
	uint32_t sections = 0;

	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		if (!show_relocs_section(&table, show, i) || !show_afford(&left, table.size))
			continue;
		show_relocs_count(&types, show, &table);
		sections++;
	}
	if (sections > 0) {
		show_head(show, "Relocations (for a linker, in %u section%s)", sections, sections == 1 ? "" : "s");
		print_types(show, &types);
	}
	show_relocs_free(&types);
}

void show_relocs_print(const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	if (show->file.image.type == LODE_ET_REL) {
		print_objects(show);
		return;
	}
	if (show->dynamic_why.status != LODE_OK ||
		dynamic->rel.count + dynamic->rela.count + dynamic->jmprel.count + dynamic->relr.size == 0)
		return;
	show_head(show, "Relocations (at load time%s)",
		show->has_interpreter || show->kind.id == KIND_LIBRARY ? ", by the interpreter" : "");
	print_table(show, "DT_REL", &dynamic->rel);
	print_table(show, "DT_RELA", &dynamic->rela);
	print_table(show, "DT_JMPREL", &dynamic->jmprel);
	print_relr(show);
}
