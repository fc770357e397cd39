/* SPDX-License-Identifier: MIT */
/* Bytes of any ELF file come in, the places of its structures go out in the writer's terms, so that files of other origin
 * can be mutated field by field. Decodes by <elf.h>, believes nothing: what does not lie in the file is left out. */
#include <elf.h>
#include <string.h>

#include "hostile.h"
#include "reference.h"

static void part(struct mkelf_out *out, enum mkelf_structure structure, uint64_t offset, uint64_t size, uint32_t entry)
{
	if (size == 0 || entry == 0 || offset >= out->size || size < entry)
		return;
	if (size > out->size - offset)
		size = out->size - offset;
	if (size / entry > 64)
		size = 64u * (uint64_t)entry;
	out->parts[structure] =
		(struct mkelf_part){.offset = offset, .size = size, .count = (uint32_t)(size / entry), .entsize = entry};
	if (out->parts[structure].count == 0)
		out->parts[structure].size = 0;
}

/* Notes differ in size: remember where each begins. */
static void locate_notes(struct mkelf_out *out, const struct ref_file *file, uint64_t offset, uint64_t size)
{
	uint32_t count = 0;

	for (uint64_t at = 0; at + 12 <= size && offset + at + 12 <= out->size && count < MKELF_NOTES_MAX; count++) {
		uint64_t name = ref_get(file, offset + at, 4), desc = ref_get(file, offset + at + 4, 4);

		out->note_offset[count] = offset + at;
		at += 12 + ((name + 3) & ~UINT64_C(3)) + ((desc + 3) & ~UINT64_C(3));
	}
	if (count > 0)
		out->parts[MKELF_NOTE] = (struct mkelf_part){.offset = offset, .size = size, .count = count};
}

static void locate_tables(struct mkelf_out *out, const struct ref_file *file)
{
	uint64_t entry = file->wide ? 64 : 40, shoff = REF_FIELD(file, 0, Ehdr, e_shoff), count = REF_FIELD(file, 0, Ehdr, e_shnum);
	static const struct { uint32_t type; enum mkelf_structure structure; uint32_t entry[2];
	} kinds[] = {
		{SHT_SYMTAB, MKELF_SYMTAB, {16, 24}},
		{SHT_DYNSYM, MKELF_SYM, {16, 24}},
		{SHT_HASH, MKELF_HASH, {4, 4}},
		{SHT_GNU_HASH, MKELF_GNU_HASH, {4, 4}},
		{SHT_GNU_versym, MKELF_VERSYM, {2, 2}},
		{SHT_GNU_verneed, MKELF_VERNEED, {16, 16}},
		{SHT_GNU_verdef, MKELF_VERDEF, {28, 28}},
		{SHT_REL, MKELF_REL, {8, 16}},
		{SHT_RELA, MKELF_RELA, {12, 24}},
		{19, MKELF_RELR, {4, 8}},
		{SHT_SYMTAB_SHNDX, MKELF_SHNDX, {4, 4}},
		{SHT_STRTAB, MKELF_STR, {1, 1}},
	};

	part(out, MKELF_SHDR, shoff, count * entry, (uint32_t)entry);
	for (uint64_t i = 0; i < out->parts[MKELF_SHDR].count; i++) {
		uint64_t at = shoff + i * entry, type = REF_FIELD(file, at, Shdr, sh_type);

		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
			if (kinds[k].type == type && out->parts[kinds[k].structure].size == 0)
				part(out, kinds[k].structure, REF_FIELD(file, at, Shdr, sh_offset),
					REF_FIELD(file, at, Shdr, sh_size), kinds[k].entry[file->wide]);
	}
}

static void locate_segments(struct mkelf_out *out, const struct ref_file *file)
{
	part(out, MKELF_PHDR, REF_FIELD(file, 0, Ehdr, e_phoff), file->nsegments * (file->wide ? 56u : 32u), file->wide ? 56 : 32);
	for (uint32_t i = 0; i < file->nsegments; i++) {
		const struct ref_segment *s = &file->segments[i];

		if (s->type == PT_DYNAMIC)
			part(out, MKELF_DYN, s->offset, s->filesz, file->wide ? 16 : 8);
		if (s->type == PT_NOTE && out->parts[MKELF_NOTE].size == 0 && s->offset < out->size)
			locate_notes(out, file, s->offset, ref_min(s->filesz, out->size - s->offset));
	}
}

void hostile_locate(struct mkelf_out *out, unsigned char *bytes, size_t size)
{
	struct ref_file file;

	memset(out, 0, sizeof *out);
	out->bytes = bytes;
	out->size = size;
	if (size < 52 || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return;
	out->class_ = bytes[EI_CLASS] == ELFCLASS32 ? ELFCLASS32 : ELFCLASS64;
	out->data = bytes[EI_DATA] == ELFDATA2MSB ? ELFDATA2MSB : ELFDATA2LSB;
	ref_open(&file, bytes, size, out->class_ == ELFCLASS64, out->data == ELFDATA2MSB);
	part(out, MKELF_EHDR, 0, file.wide ? 64 : 52, file.wide ? 64 : 52);
	locate_segments(out, &file);
	locate_tables(out, &file);
	ref_close(&file);
}
