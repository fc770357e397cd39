/* SPDX-License-Identifier: MIT */
/* Fields and values for mutations, out of the writer's table of fields. */
#include <string.h>

#include "mutate.h"

static unsigned add(uint64_t *values, unsigned n, uint64_t value, uint64_t old, unsigned width)
{
	if (width < 8)
		value &= (UINT64_C(1) << (8 * width)) - 1;
	if (value == old)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (values[i] == value)
			return n;
	values[n] = value;
	return n + 1;
}

unsigned mutate_values(uint64_t values[MUTATE_VALUES], uint64_t old, uint64_t size, unsigned width)
{
	static const unsigned char powers[] = {8, 15, 16, 31, 32, 63};
	unsigned n = add(values, add(values, 0, 0, old, width), 1, old, width);

	for (unsigned i = 0; i < sizeof powers; i++)
		for (uint64_t k = 0; k < 3; k++)
			n = add(values, n, (UINT64_C(1) << powers[i]) + k - 1, old, width);
	for (uint64_t k = 0; k < 3; k++)
		n = add(values, n, size + k - 1, old, width);
	n = add(values, n, UINT64_MAX, old, width);
	n = add(values, n, UINT64_MAX - 0xfff, old, width);
	n = add(values, n, UINT64_MAX / 2 - 0xfff, old, width);
	n = add(values, n, old + 1, old, width);
	n = add(values, n, old - 1, old, width);
	n = add(values, n, old + 0x1000, old, width);
	n = add(values, n, old ^ 0x800, old, width);
	return n;
}

/* Entries of a structure that are worth lying in one by one. */
static uint32_t entries(const struct mkelf_out *out, const struct mkelf_field *field)
{
	const struct mkelf_part *part = &out->parts[field->structure];
	uint32_t count = part->size > 0 ? part->count : 0;

	if (field->width[out->class_ == 2] == 0 ||
		(field->structure == MKELF_JMPREL && !out->jmprel_rela && strcmp(field->name, "r_addend") == 0))
		return 0;
	if ((field->structure == MKELF_HASH || field->structure == MKELF_GNU_HASH) && strcmp(field->name, "word") != 0)
		return count > 0;
	return count < 64 ? count : 64;
}

/* width 0: the entry does not lie in the file. */
static void set_place(struct mutate_place *place, const struct mkelf_out *out, const struct mkelf_field *field, uint32_t entry)
{
	place->name = field->name;
	place->width = field->width[out->class_ == 2];
	place->offset = mkelf_at(out, field->structure, entry, field->name);
	if (place->offset > out->size || place->width > out->size - place->offset)
		place->width = 0;
}

bool mutate_place(struct mutate_place *place, const struct mkelf_out *out, uint32_t index)
{
	for (size_t f = 0; f < mkelf_nfields; f++) {
		uint32_t n = entries(out, &mkelf_fields[f]);

		if (index < n) {
			set_place(place, out, &mkelf_fields[f], index);
			return true;
		}
		index -= n;
	}
	return false;
}

uint32_t mutate_places(const struct mkelf_out *out)
{
	uint32_t n = 0;

	for (size_t f = 0; f < mkelf_nfields; f++)
		n += entries(out, &mkelf_fields[f]);
	return n;
}

static const struct pair {
	enum mkelf_structure structure;
	const char *a, *b;
	uint32_t step; /* b is a field of the entry that stands so much later */
} pairs[] = {
	{MKELF_EHDR, "e_phoff", "e_phnum", 0},
	{MKELF_EHDR, "e_shoff", "e_shnum", 0},
	{MKELF_EHDR, "e_shnum", "e_shstrndx", 0},
	{MKELF_EHDR, "e_phentsize", "e_phnum", 0},
	{MKELF_PHDR, "p_offset", "p_filesz", 0},
	{MKELF_PHDR, "p_vaddr", "p_memsz", 0},
	{MKELF_PHDR, "p_paddr", "p_memsz", 0},
	{MKELF_PHDR, "p_filesz", "p_memsz", 0},
	{MKELF_PHDR, "p_vaddr", "p_align", 0},
	{MKELF_PHDR, "p_offset", "p_vaddr", 0},
	{MKELF_PHDR, "p_vaddr", "p_vaddr", 1},
	{MKELF_SHDR, "sh_offset", "sh_size", 0},
	{MKELF_SHDR, "sh_size", "sh_entsize", 0},
	{MKELF_DYN, "d_tag", "d_val", 0},
	{MKELF_DYN, "d_val", "d_val", 1},
	{MKELF_NOTE, "n_namesz", "n_descsz", 0},
	{MKELF_HASH, "nbucket", "nchain", 0},
	{MKELF_GNU_HASH, "nbuckets", "bloom_size", 0},
	{MKELF_GNU_HASH, "nbuckets", "symoffset", 0},
	{MKELF_VERNEED, "vn_cnt", "vn_aux", 0},
	{MKELF_VERNEED, "vna_next", "vn_next", 0},
	{MKELF_VERDEF, "vd_aux", "vd_next", 0},
	{MKELF_RELA, "r_offset", "r_info", 0},
	{MKELF_REL, "r_offset", "r_info", 0},
	{MKELF_RELR, "word", "word", 1},
	{MKELF_SYMTAB, "st_name", "st_shndx", 0},
};

bool mutate_pair(struct mutate_place *a, struct mutate_place *b, const struct mkelf_out *out, uint32_t index)
{
	for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
		const struct mkelf_field *fa = mkelf_field(pairs[p].structure, pairs[p].a),
			*fb = mkelf_field(pairs[p].structure, pairs[p].b);
		uint32_t n = entries(out, fa);

		if (index >= n) {
			index -= n;
			continue;
		}
		a->width = b->width = 0;
		if (index + pairs[p].step < n) {
			set_place(a, out, fa, index);
			set_place(b, out, fb, index + pairs[p].step);
		}
		return true;
	}
	return false;
}
