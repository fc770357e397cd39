/* SPDX-License-Identifier: MIT */
/* Names of ELF's fields -> their offset and width in each class, and the bytes behind them read and written. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkelf.h"

#define WIDTH(type, field) sizeof(((type *)0)->field)
#define SAME(structure, field, type32, type64) \
	{MKELF_##structure, #field, {offsetof(type32, field), offsetof(type64, field)}, \
		{WIDTH(type32, field), WIDTH(type64, field)}}
#define EHDR(field) SAME(EHDR, field, Elf32_Ehdr, Elf64_Ehdr)
#define IDENT(name, index) { MKELF_EHDR, "e_ident[" name "]", { index, index }, { 1, 1 } }
#define PHDR(field) SAME(PHDR, field, Elf32_Phdr, Elf64_Phdr)
#define SHDR(field) SAME(SHDR, field, Elf32_Shdr, Elf64_Shdr)
#define SYM(field) SAME(SYM, field, Elf32_Sym, Elf64_Sym), SAME(SYMTAB, field, Elf32_Sym, Elf64_Sym)
#define REL(field) SAME(REL, field, Elf32_Rel, Elf64_Rel)
#define RELA(field) SAME(RELA, field, Elf32_Rela, Elf64_Rela)
#define JMPREL(field) SAME(JMPREL, field, Elf32_Rela, Elf64_Rela)
#define NOTE(field) SAME(NOTE, field, Elf32_Nhdr, Elf64_Nhdr)
#define NEED(field) SAME(VERNEED, field, Elf32_Verneed, Elf64_Verneed)
#define NEEDAUX(field) SAME(VERNEED, field, Elf32_Vernaux, Elf64_Vernaux)
#define DEF(field) SAME(VERDEF, field, Elf32_Verdef, Elf64_Verdef)
#define WORD(structure, name, index) { MKELF_##structure, name, { 4 * index, 4 * index }, { 4, 4 } }

const struct mkelf_field mkelf_fields[] = {
	IDENT("EI_MAG0", 0), IDENT("EI_MAG1", 1), IDENT("EI_MAG2", 2), IDENT("EI_MAG3", 3), IDENT("EI_CLASS", 4),
	IDENT("EI_DATA", 5),
	IDENT("EI_VERSION", 6), IDENT("EI_OSABI", 7), IDENT("EI_ABIVERSION", 8),
	EHDR(e_type), EHDR(e_machine), EHDR(e_version), EHDR(e_entry), EHDR(e_phoff), EHDR(e_shoff), EHDR(e_flags), EHDR(e_ehsize),
	EHDR(e_phentsize), EHDR(e_phnum), EHDR(e_shentsize), EHDR(e_shnum), EHDR(e_shstrndx),
	PHDR(p_type), PHDR(p_flags), PHDR(p_offset), PHDR(p_vaddr), PHDR(p_paddr), PHDR(p_filesz), PHDR(p_memsz), PHDR(p_align),
	SHDR(sh_name), SHDR(sh_type), SHDR(sh_flags), SHDR(sh_addr), SHDR(sh_offset), SHDR(sh_size), SHDR(sh_link), SHDR(sh_info),
	SHDR(sh_addralign), SHDR(sh_entsize),
	NOTE(n_namesz), NOTE(n_descsz), NOTE(n_type),
	{ MKELF_DYN, "d_tag", { 0, 0 }, { 4, 8 } }, { MKELF_DYN, "d_val", { 4, 8 }, { 4, 8 } },
	SYM(st_name), SYM(st_info), SYM(st_other), SYM(st_shndx), SYM(st_value), SYM(st_size),
	WORD(HASH, "nbucket", 0), WORD(HASH, "nchain", 1), WORD(HASH, "word", 0),
	WORD(GNU_HASH, "nbuckets", 0), WORD(GNU_HASH, "symoffset", 1), WORD(GNU_HASH, "bloom_size", 2),
	WORD(GNU_HASH, "bloom_shift", 3),
	WORD(GNU_HASH, "word", 0),
	{ MKELF_VERSYM, "vs_vers", { 0, 0 }, { 2, 2 } },
	NEED(vn_version), NEED(vn_cnt), NEED(vn_file), NEED(vn_aux), NEED(vn_next),
	NEEDAUX(vna_hash), NEEDAUX(vna_flags), NEEDAUX(vna_other), NEEDAUX(vna_name), NEEDAUX(vna_next),
	DEF(vd_version), DEF(vd_flags), DEF(vd_ndx), DEF(vd_cnt), DEF(vd_hash), DEF(vd_aux), DEF(vd_next),
	{ MKELF_VERDEF, "vda_name", { 20, 20 }, { 4, 4 } }, { MKELF_VERDEF, "vda_next", { 24, 24 }, { 4, 4 } },
	REL(r_offset), REL(r_info),
	RELA(r_offset), RELA(r_info), RELA(r_addend),
	JMPREL(r_offset), JMPREL(r_info), JMPREL(r_addend),
	{ MKELF_RELR, "word", { 0, 0 }, { 4, 8 } },
	WORD(SHNDX, "word", 0),
};
const size_t mkelf_nfields = sizeof mkelf_fields / sizeof *mkelf_fields;

_Noreturn void mkelf_die_(const char *text)
{
	fprintf(stderr, "mkelf: %s\n", text);
	exit(2);
}

const struct mkelf_field *mkelf_field(enum mkelf_structure structure, const char *name)
{
	for (size_t i = 0; i < mkelf_nfields; i++)
		if (mkelf_fields[i].structure == structure && strcmp(mkelf_fields[i].name, name) == 0)
			return &mkelf_fields[i];
	return NULL;
}

static const struct mkelf_field *field_of(const struct mkelf_out *out, enum mkelf_structure structure, const char *name)
{
	const struct mkelf_field *field = mkelf_field(structure, name);

	if (!field)
		mkelf_die_("no such field in this structure");
	if (structure == MKELF_JMPREL && !out->jmprel_rela && strcmp(name, "r_addend") == 0)
		mkelf_die_("REL entries have no r_addend");
	return field;
}

uint64_t mkelf_at(const struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name)
{
	const struct mkelf_field *field = field_of(out, structure, name);
	const struct mkelf_part *part = &out->parts[structure];

	if (!part->size || index >= part->count)
		mkelf_die_("no such entry in this file");
	if (structure == MKELF_NOTE)
		return out->note_offset[index] + field->offset[0];
	return part->offset + (uint64_t)index * part->entsize + field->offset[out->class_ == ELFCLASS64];
}

void mkelf_poke(struct mkelf_out *out, uint64_t offset, unsigned width, uint64_t value)
{
	if (offset > out->size || width > out->size - offset)
		mkelf_die_("poke outside the file");
	for (unsigned i = 0; i < width; i++) {
		unsigned shift = 8 * (out->data == ELFDATA2MSB ? width - 1 - i : i);

		out->bytes[offset + i] = (unsigned char)(value >> shift);
	}
}

uint64_t mkelf_peek(const struct mkelf_out *out, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	if (offset > out->size || width > out->size - offset)
		mkelf_die_("peek outside the file");
	for (unsigned i = 0; i < width; i++) {
		unsigned shift = 8 * (out->data == ELFDATA2MSB ? width - 1 - i : i);

		value |= (uint64_t)out->bytes[offset + i] << shift;
	}
	return value;
}

void mkelf_set(struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name, uint64_t value)
{
	const struct mkelf_field *field = field_of(out, structure, name);

	mkelf_poke(out, mkelf_at(out, structure, index, name), field->width[out->class_ == ELFCLASS64], value);
}

uint64_t mkelf_get(const struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name)
{
	const struct mkelf_field *field = field_of(out, structure, name);

	return mkelf_peek(out, mkelf_at(out, structure, index, name), field->width[out->class_ == ELFCLASS64]);
}
