/* SPDX-License-Identifier: MIT */
/* struct mkelf -> the whole file: headers, segments, tables, addends, and last the lies. */
#include <elf.h>
#include <string.h>

#include "mkelf.h"

static uint64_t round_to(uint64_t offset, uint64_t vaddr, uint64_t modulus)
{
	return offset + (vaddr - offset) % modulus;
}

/** Own bytes of a segment at the next place that fits, or at the place it names. */
static void write_segment(struct mkelf_out *out, const struct mkelf *elf, uint32_t index)
{
	const struct mkelf_segment *s = &elf->segments[index];
	uint64_t modulus = s->modulus ? s->modulus : s->align < 0x1000 ? s->align : 0x1000, start = 0;

	if (s->type != PT_LOAD && !s->size && index != elf->tables) { /* GNU_STACK and the like: numbers only */
		mkelf_set(out, MKELF_PHDR, index, "p_memsz", s->bss);
		return;
	}
	if (!s->headers) {
		start = s->offset ? s->offset : round_to(out->size, s->vaddr, modulus ? modulus : 1);
		if (start < out->size && s->offset)
			mkelf_die_("a segment's offset lies in what is already written");
		mkelf_pad_(out, start);
	}
	if (s->size)
		mkelf_bytes_(out, s->bytes, (size_t)s->size);
	if (index == elf->tables)
		mkelf_tables_(out, elf, s->vaddr - start, true);
	mkelf_set(out, MKELF_PHDR, index, "p_offset", start);
	mkelf_set(out, MKELF_PHDR, index, "p_filesz", out->size - start);
	mkelf_set(out, MKELF_PHDR, index, "p_memsz", out->size - start + s->bss);
}

static bool has_bytes(const struct mkelf_segment *s)
{
	return s->covers == MKELF_NONE && !s->inside;
}

/** File offset of an address in the segments written before @index. */
static uint64_t offset_of(const struct mkelf_out *out, uint32_t n, uint64_t vaddr)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t start = mkelf_get(out, MKELF_PHDR, i, "p_vaddr"), size = mkelf_get(out, MKELF_PHDR, i, "p_memsz");

		if (mkelf_get(out, MKELF_PHDR, i, "p_type") == PT_LOAD && vaddr >= start && vaddr - start < size)
			return mkelf_get(out, MKELF_PHDR, i, "p_offset") + (vaddr - start);
	}
	return UINT64_MAX;
}

/** Offset and addresses of a segment that lies over something else. */
static void cover(struct mkelf_out *out, const struct mkelf *elf, uint32_t index)
{
	const struct mkelf_segment *s = &elf->segments[index];
	const struct mkelf_part *part = &out->parts[s->covers];
	uint64_t offset = part->offset, addr = part->addr, size = part->size;

	if (s->inside) {
		addr = s->vaddr;
		size = s->size;
		offset = offset_of(out, elf->nsegments, addr);
		if (offset == UINT64_MAX)
			mkelf_die_("no segment holds the address that another lies inside");
	} else if (!part->size) {
		mkelf_die_("a segment covers a structure that the file has not");
	}
	mkelf_set(out, MKELF_PHDR, index, "p_offset", offset);
	mkelf_set(out, MKELF_PHDR, index, "p_vaddr", addr);
	mkelf_set(out, MKELF_PHDR, index, "p_paddr", s->paddr ? s->paddr : addr);
	mkelf_set(out, MKELF_PHDR, index, "p_filesz", size);
	mkelf_set(out, MKELF_PHDR, index, "p_memsz", size + s->bss);
}

static void write_segments(struct mkelf_out *out, const struct mkelf *elf)
{
	if (elf->nsegments) /* with phdrs_last they are filled in here first and moved behind the rest later */
		mkelf_part_(out, MKELF_PHDR, elf->nsegments);
	for (uint32_t i = 0; i < elf->nsegments; i++) {
		const struct mkelf_segment *s = &elf->segments[i];

		mkelf_set(out, MKELF_PHDR, i, "p_type", s->type);
		mkelf_set(out, MKELF_PHDR, i, "p_flags", s->flags);
		mkelf_set(out, MKELF_PHDR, i, "p_vaddr", s->vaddr);
		mkelf_set(out, MKELF_PHDR, i, "p_paddr", s->paddr ? s->paddr : s->vaddr);
		mkelf_set(out, MKELF_PHDR, i, "p_align", s->align);
		if (has_bytes(s))
			write_segment(out, elf, i);
	}
	if (elf->tables == MKELF_NOWHERE)
		mkelf_tables_(out, elf, 0, false);
}

/** PT_PHDR and AT_PHDR want an address for the program headers; only a segment with the headers in it gives them one. */
static void place_headers(struct mkelf_out *out, const struct mkelf *elf)
{
	struct mkelf_part *part = &out->parts[MKELF_PHDR];

	if (elf->phdrs_last && elf->nsegments) {
		uint64_t from = part->offset;

		mkelf_part_(out, MKELF_PHDR, elf->nsegments);
		memcpy(out->bytes + part->offset, out->bytes + from, (size_t)part->size);
		memset(out->bytes + from, 0, (size_t)part->size);
	}
	for (uint32_t i = 0; i < elf->nsegments; i++) {
		uint64_t start = mkelf_get(out, MKELF_PHDR, i, "p_offset"), size = mkelf_get(out, MKELF_PHDR, i, "p_filesz");

		if (elf->segments[i].type == PT_LOAD && start <= part->offset && part->offset - start < size) {
			part->addr = elf->segments[i].vaddr + (part->offset - start);
			return;
		}
	}
}

static void write_file_header(struct mkelf_out *out, const struct mkelf *elf)
{
	static const unsigned char ident[] = {0x7f, 'E', 'L', 'F'};
	const struct mkelf_part *phdr = &out->parts[MKELF_PHDR];

	memcpy(out->bytes, ident, sizeof ident);
	mkelf_set(out, MKELF_EHDR, 0, "e_ident[EI_CLASS]", out->class_);
	mkelf_set(out, MKELF_EHDR, 0, "e_ident[EI_DATA]", out->data);
	mkelf_set(out, MKELF_EHDR, 0, "e_ident[EI_VERSION]", EV_CURRENT);
	mkelf_set(out, MKELF_EHDR, 0, "e_ident[EI_OSABI]", elf->osabi);
	mkelf_set(out, MKELF_EHDR, 0, "e_ident[EI_ABIVERSION]", elf->abiversion);
	mkelf_set(out, MKELF_EHDR, 0, "e_type", elf->type ? elf->type : ET_EXEC);
	mkelf_set(out, MKELF_EHDR, 0, "e_machine", elf->machine ? elf->machine : EM_X86_64);
	mkelf_set(out, MKELF_EHDR, 0, "e_version", EV_CURRENT);
	mkelf_set(out, MKELF_EHDR, 0, "e_entry", elf->entry);
	mkelf_set(out, MKELF_EHDR, 0, "e_flags", elf->flags);
	mkelf_set(out, MKELF_EHDR, 0, "e_ehsize", out->parts[MKELF_EHDR].entsize);
	mkelf_set(out, MKELF_EHDR, 0, "e_phentsize", out->class_ == ELFCLASS64 ? 56 : 32);
	mkelf_set(out, MKELF_EHDR, 0, "e_phoff", phdr->offset);
	mkelf_set(out, MKELF_EHDR, 0, "e_phnum", elf->extended || phdr->count >= PN_XNUM ? PN_XNUM : phdr->count);
	mkelf_set(out, MKELF_EHDR, 0, "e_shentsize", out->class_ == ELFCLASS64 ? 64 : 40);
}

/** What REL and RELR add to: the word at the place itself, if the file holds it. */
static void write_addends(struct mkelf_out *out, const struct mkelf_reloc *relocs, uint32_t n, uint32_t nsegments)
{
	unsigned width = out->class_ == ELFCLASS64 ? 8 : 4;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t offset = offset_of(out, nsegments, relocs[i].offset);

		if (offset != UINT64_MAX && offset <= out->size && width <= out->size - offset)
			mkelf_poke(out, offset, width, (uint64_t)relocs[i].addend);
	}
}

void mkelf_write(struct mkelf_out *out, const struct mkelf *elf)
{
	out->size = 0;
	out->class_ = elf->class_ ? elf->class_ : ELFCLASS64;
	out->data = elf->data ? elf->data : ELFDATA2LSB;
	out->jmprel_rela = elf->jmprel_rela;
	memset(out->parts, 0, sizeof out->parts);

	mkelf_part_(out, MKELF_EHDR, 1);
	write_segments(out, elf);
	place_headers(out, elf);
	for (uint32_t i = 0; i < elf->nsegments; i++)
		if (!has_bytes(&elf->segments[i]))
			cover(out, elf, i);
	write_file_header(out, elf);
	if (elf->sections || elf->nmore || elf->nsymtab || elf->extended)
		mkelf_sections_(out, elf);
	write_addends(out, elf->rel, elf->nrel, elf->nsegments);
	write_addends(out, elf->relr, elf->nrelr, elf->nsegments);
	if (!elf->jmprel_rela)
		write_addends(out, elf->jmprel, elf->njmprel, elf->nsegments);
	for (uint32_t i = 0; i < elf->nlies; i++)
		mkelf_set(out, elf->lies[i].structure, elf->lies[i].index, elf->lies[i].field, elf->lies[i].value);
}
