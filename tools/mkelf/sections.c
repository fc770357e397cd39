/* SPDX-License-Identifier: MIT */
/* What lies in the file -> the section header table, section names and the static symbol table. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "mkelf.h"

/** What the writer makes sections of by itself. */
static const struct kind {
	enum mkelf_structure structure, link;
	const char *name;
	uint32_t type;
	uint64_t flags;
} kinds[] = {
	{MKELF_INTERP, MKELF_NONE, ".interp", SHT_PROGBITS, SHF_ALLOC},
	{MKELF_NOTE, MKELF_NONE, ".note", SHT_NOTE, SHF_ALLOC},
	{MKELF_SYM, MKELF_STR, ".dynsym", SHT_DYNSYM, SHF_ALLOC},
	{MKELF_STR, MKELF_NONE, ".dynstr", SHT_STRTAB, SHF_ALLOC},
	{MKELF_HASH, MKELF_SYM, ".hash", SHT_HASH, SHF_ALLOC},
	{MKELF_GNU_HASH, MKELF_SYM, ".gnu.hash", SHT_GNU_HASH, SHF_ALLOC},
	{MKELF_VERSYM, MKELF_SYM, ".gnu.version", SHT_GNU_versym, SHF_ALLOC},
	{MKELF_VERNEED, MKELF_STR, ".gnu.version_r", SHT_GNU_verneed, SHF_ALLOC},
	{MKELF_VERDEF, MKELF_STR, ".gnu.version_d", SHT_GNU_verdef, SHF_ALLOC},
	{MKELF_REL, MKELF_SYM, ".rel.dyn", SHT_REL, SHF_ALLOC},
	{MKELF_RELA, MKELF_SYM, ".rela.dyn", SHT_RELA, SHF_ALLOC},
	{MKELF_JMPREL, MKELF_SYM, ".rela.plt", SHT_RELA, SHF_ALLOC},
	{MKELF_RELR, MKELF_NONE, ".relr.dyn", 19, SHF_ALLOC},
	{MKELF_DYN, MKELF_STR, ".dynamic", SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE},
	{MKELF_SYMTAB, MKELF_STRTAB, ".symtab", SHT_SYMTAB, 0},
	{MKELF_STRTAB, MKELF_NONE, ".strtab", SHT_STRTAB, 0},
	{MKELF_SHNDX, MKELF_SYMTAB, ".symtab_shndx", SHT_SYMTAB_SHNDX, 0},
};

struct table {
	struct mkelf_section *at;
	uint32_t n;
	uint32_t of[MKELF_STRUCTURES]; /* index of the section of each structure */
};

static struct mkelf_section *add(struct table *table, const struct mkelf_section *section)
{
	table->at[table->n] = *section;
	return &table->at[table->n++];
}

static void add_loads(struct table *table, const struct mkelf_out *out, const struct mkelf *elf)
{
	for (uint32_t i = 0; i < elf->nsegments; i++) {
		const struct mkelf_segment *s = &elf->segments[i];
		uint64_t skip = s->headers ? out->parts[MKELF_PHDR].offset + out->parts[MKELF_PHDR].size : 0;
		uint64_t flags = SHF_ALLOC | (s->flags & PF_W ? SHF_WRITE : 0u) | (s->flags & PF_X ? SHF_EXECINSTR : 0u);
		struct mkelf_section *section;

		if (s->type != PT_LOAD || s->covers || s->inside || !(s->size | s->bss))
			continue;
		section = add(table, &(struct mkelf_section){.name = ".bss", .type = SHT_NOBITS, .flags = flags, .addralign = 1});
		section->offset = mkelf_get(out, MKELF_PHDR, i, "p_offset") + skip;
		section->addr = s->vaddr + skip;
		section->size = s->size ? s->size : s->bss;
		if (!s->size)
			continue;
		section->type = SHT_PROGBITS;
		section->name = s->flags & PF_X ? ".text" : s->flags & PF_W ? ".data" : ".rodata";
	}
}

/** sh_info of a symbol table: the first symbol that is not local. */
static uint32_t first_global(const struct mkelf *elf)
{
	uint32_t first = 1;

	while (first <= elf->nsymtab && elf->symtab[first - 1].bind == STB_LOCAL)
		first++;
	return first;
}

/** sh_info: where global symbols begin, how many versions there are. */
static uint32_t info_of(const struct mkelf *elf, enum mkelf_structure structure)
{
	uint32_t files = 0;

	for (uint32_t i = 0; i < elf->nneeds; i++)
		files += !i || strcmp(elf->needs[i].file, elf->needs[i - 1].file) != 0;
	switch (structure) {
	case MKELF_SYM: return 1;
	case MKELF_SYMTAB: return first_global(elf);
	case MKELF_VERNEED: return files;
	case MKELF_VERDEF: return elf->ndefs;
	default: return 0;
	}
}

static void add_structures(struct table *table, const struct mkelf_out *out, const struct mkelf *elf)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *kind = &kinds[i];
		struct mkelf_section section = {
			.name = kind->name, .type = kind->type, .flags = kind->flags, .covers = kind->structure};

		if (!out->parts[kind->structure].size)
			continue;
		if (kind->structure == MKELF_JMPREL && !out->jmprel_rela) {
			section.name = ".rel.plt";
			section.type = SHT_REL;
		}
		if (!out->parts[kind->structure].addr)
			section.flags = 0;
		section.addralign = kind->structure == MKELF_NOTE ? 4 : 8;
		section.entsize = out->parts[kind->structure].entsize;
		section.info = info_of(elf, kind->structure);
		table->of[kind->structure] = table->n;
		add(table, &section);
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (table->of[kinds[i].structure])
			table->at[table->of[kinds[i].structure]].link = table->of[kinds[i].link];
}

static void add_more(struct table *table, struct mkelf_out *out, const struct mkelf *elf)
{
	for (uint32_t i = 0; i < elf->nmore; i++) {
		struct mkelf_section *section = add(table, &elf->more[i]);

		if (!section->bytes)
			continue;
		mkelf_align_(out, section->addralign ? section->addralign : 1);
		section->offset = out->size;
		mkelf_bytes_(out, section->bytes, (size_t)section->size);
	}
}

static void write_symtab(struct mkelf_out *out, const struct mkelf *elf)
{
	struct mkelf_strings strings = {0};

	mkelf_symbols_(out, MKELF_SYMTAB, elf->symtab, elf->nsymtab, &strings);
	mkelf_part_(out, MKELF_STRTAB, 0);
	mkelf_bytes_(out, strings.bytes, strings.size);
	out->parts[MKELF_STRTAB].size = out->size - out->parts[MKELF_STRTAB].offset;
	free(strings.bytes);
	for (uint32_t i = 0; i < elf->nsymtab; i++)
		if (!elf->symtab[i].reserved && elf->symtab[i].shndx >= SHN_LORESERVE) {
			mkelf_part_(out, MKELF_SHNDX, elf->nsymtab + 1);
			break;
		}
	for (uint32_t i = 0; out->parts[MKELF_SHNDX].size && i < elf->nsymtab; i++)
		if (!elf->symtab[i].reserved && elf->symtab[i].shndx >= SHN_LORESERVE)
			mkelf_set(out, MKELF_SHNDX, i + 1, "word", elf->symtab[i].shndx);
}

static void write_header(struct mkelf_out *out, uint32_t index, const struct mkelf_section *s, uint32_t name)
{
	const struct mkelf_part *part = &out->parts[s->covers];

	mkelf_set(out, MKELF_SHDR, index, "sh_name", name);
	mkelf_set(out, MKELF_SHDR, index, "sh_type", s->type);
	mkelf_set(out, MKELF_SHDR, index, "sh_flags", s->flags);
	mkelf_set(out, MKELF_SHDR, index, "sh_addr", s->covers ? part->addr : s->addr);
	mkelf_set(out, MKELF_SHDR, index, "sh_offset", s->covers ? part->offset : s->offset);
	mkelf_set(out, MKELF_SHDR, index, "sh_size", s->covers ? part->size : s->size);
	mkelf_set(out, MKELF_SHDR, index, "sh_link", s->link);
	mkelf_set(out, MKELF_SHDR, index, "sh_info", s->info);
	mkelf_set(out, MKELF_SHDR, index, "sh_addralign", s->addralign);
	mkelf_set(out, MKELF_SHDR, index, "sh_entsize", s->entsize);
}

/** Counts in the file header, or in section 0 if they do not fit or the caller wants it so. */
static void write_counts(struct mkelf_out *out, const struct mkelf *elf, uint32_t n)
{
	bool wide = elf->extended || n >= SHN_LORESERVE;

	mkelf_set(out, MKELF_EHDR, 0, "e_shoff", out->parts[MKELF_SHDR].offset);
	mkelf_set(out, MKELF_EHDR, 0, "e_shnum", wide ? 0 : n);
	mkelf_set(out, MKELF_EHDR, 0, "e_shstrndx", wide ? SHN_XINDEX : n - 1);
	if (wide) {
		mkelf_set(out, MKELF_SHDR, 0, "sh_size", n);
		mkelf_set(out, MKELF_SHDR, 0, "sh_link", n - 1);
	}
	if (elf->extended || elf->nsegments >= PN_XNUM)
		mkelf_set(out, MKELF_SHDR, 0, "sh_info", elf->nsegments);
}

void mkelf_sections_(struct mkelf_out *out, const struct mkelf *elf)
{
	struct table table = {calloc((size_t)elf->nsegments + elf->nmore + MKELF_STRUCTURES, sizeof *table.at), 1, {0}};
	struct mkelf_strings names = {0};
	uint32_t *name = calloc((size_t)elf->nsegments + elf->nmore + MKELF_STRUCTURES, sizeof *name);

	if (!table.at || !name)
		mkelf_die_("out of memory");
	if (elf->nsymtab)
		write_symtab(out, elf);
	if (elf->sections)
		add_loads(&table, out, elf);
	if (elf->sections || elf->nsymtab)
		add_structures(&table, out, elf);
	add_more(&table, out, elf);
	add(&table, &(struct mkelf_section){.name = ".shstrtab", .type = SHT_STRTAB, .covers = MKELF_SHSTRTAB, .addralign = 1});
	for (uint32_t i = 1; i < table.n; i++)
		name[i] = mkelf_string_(&names, table.at[i].name);
	mkelf_part_(out, MKELF_SHSTRTAB, 0);
	mkelf_bytes_(out, names.bytes, names.size);
	out->parts[MKELF_SHSTRTAB].size = out->size - out->parts[MKELF_SHSTRTAB].offset;
	mkelf_part_(out, MKELF_SHDR, table.n);
	for (uint32_t i = 1; i < table.n; i++)
		write_header(out, i, &table.at[i], name[i]);
	write_counts(out, elf, table.n);
	free(names.bytes);
	free(table.at);
	free(name);
}
