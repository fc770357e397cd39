/* SPDX-License-Identifier: MIT */
/* Symbols, hashes, versions, relocations, notes -> the tables of a dynamic image, one behind the other. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "mkelf.h"

static bool is64(const struct mkelf_out *out)
{
	return out->class_ == ELFCLASS64;
}

static uint32_t entry_size(const struct mkelf_out *out, enum mkelf_structure structure)
{
	bool wide = is64(out);

	switch (structure) {
	case MKELF_EHDR: return wide ? 64 : 52;
	case MKELF_PHDR: return wide ? 56 : 32;
	case MKELF_SHDR: return wide ? 64 : 40;
	case MKELF_SYM:
	case MKELF_SYMTAB: return wide ? 24 : 16;
	case MKELF_JMPREL: return out->jmprel_rela ? (wide ? 24 : 12) : (wide ? 16 : 8);
	case MKELF_REL: return wide ? 16 : 8;
	case MKELF_RELA: return wide ? 24 : 12;
	case MKELF_RELR: return wide ? 8 : 4;
	case MKELF_DYN: return wide ? 16 : 8;
	case MKELF_HASH:
	case MKELF_GNU_HASH:
	case MKELF_SHNDX: return 4;
	case MKELF_VERSYM: return 2;
	case MKELF_VERNEED: return 16;
	case MKELF_VERDEF: return 28;
	default: return 0;
	}
}

/** Begin a structure at the next aligned place; with a count its zeroed entries are there to be set. */
void mkelf_part_(struct mkelf_out *out, enum mkelf_structure structure, uint32_t count)
{
	struct mkelf_part *part = &out->parts[structure];

	mkelf_align_(out, 8);
	part->offset = out->size;
	part->entsize = entry_size(out, structure);
	part->count = count;
	part->size = (uint64_t)part->entsize * count;
	mkelf_pad_(out, part->offset + part->size);
}

/** Take in all that was written since the structure began. */
static void close_part(struct mkelf_out *out, enum mkelf_structure structure)
{
	struct mkelf_part *part = &out->parts[structure];

	part->size = out->size - part->offset;
	if (part->entsize && structure != MKELF_VERDEF)
		part->count = (uint32_t)(part->size / part->entsize);
}

void mkelf_symbols_(struct mkelf_out *out, enum mkelf_structure structure, const struct mkelf_symbol *symbols, uint32_t n,
	struct mkelf_strings *strings)
{
	mkelf_part_(out, structure, n + 1);
	for (uint32_t i = 1; i <= n; i++) {
		const struct mkelf_symbol *s = &symbols[i - 1];
		bool escape = !s->reserved && s->shndx >= SHN_LORESERVE;

		mkelf_set(out, structure, i, "st_name", mkelf_string_(strings, s->name));
		mkelf_set(out, structure, i, "st_info", (uint64_t)s->bind << 4 | (s->type & 15u));
		mkelf_set(out, structure, i, "st_other", s->other);
		mkelf_set(out, structure, i, "st_shndx", escape ? SHN_XINDEX : s->shndx);
		mkelf_set(out, structure, i, "st_value", s->value);
		mkelf_set(out, structure, i, "st_size", s->size);
	}
}

static void write_notes(struct mkelf_out *out, const struct mkelf *elf)
{
	uint32_t align = elf->note_align ? elf->note_align : 4;

	if (elf->nnotes > MKELF_NOTES_MAX)
		mkelf_die_("too many notes");
	mkelf_part_(out, MKELF_NOTE, elf->nnotes);
	for (uint32_t i = 0; i < elf->nnotes; i++) {
		const struct mkelf_note *note = &elf->notes[i];
		size_t length = note->owner ? strlen(note->owner) + 1 : 0;

		mkelf_align_(out, align);
		out->note_offset[i] = out->size;
		mkelf_put_(out, 4, length);
		mkelf_put_(out, 4, note->size);
		mkelf_put_(out, 4, note->type);
		if (length)
			mkelf_bytes_(out, note->owner, length);
		mkelf_align_(out, align);
		if (note->size)
			mkelf_bytes_(out, note->desc, note->size);
	}
	mkelf_align_(out, align);
	close_part(out, MKELF_NOTE);
}

static const char *symbol_name(const struct mkelf *elf, uint32_t index)
{
	return index && elf->symbols[index - 1].name ? elf->symbols[index - 1].name : "";
}

static void write_hash(struct mkelf_out *out, const struct mkelf *elf)
{
	uint32_t n = elf->nsymbols + 1, nbucket = elf->nbucket ? elf->nbucket : 1;

	mkelf_part_(out, MKELF_HASH, 2 + nbucket + n);
	mkelf_set(out, MKELF_HASH, 0, "nbucket", nbucket);
	mkelf_set(out, MKELF_HASH, 0, "nchain", n);
	for (uint32_t i = 1; i < n; i++) {
		uint32_t slot = 2 + mkelf_sysv_hash(symbol_name(elf, i)) % nbucket;

		mkelf_set(out, MKELF_HASH, 2 + nbucket + i, "word", mkelf_get(out, MKELF_HASH, slot, "word"));
		mkelf_set(out, MKELF_HASH, slot, "word", i);
	}
}

static uint32_t first_defined(const struct mkelf *elf)
{
	uint32_t first = 1;

	while (first <= elf->nsymbols && elf->symbols[first - 1].shndx == SHN_UNDEF && !elf->symbols[first - 1].reserved)
		first++;
	return first;
}

static void write_gnu_hash(struct mkelf_out *out, const struct mkelf *elf)
{
	uint32_t first = first_defined(elf), n = elf->nsymbols + 1, nbucket = elf->nbucket ? elf->nbucket : 1;
	unsigned bits = is64(out) ? 64 : 32, shift = 6;
	uint32_t buckets = 4 + bits / 32, chains = buckets + nbucket, last = 0;
	uint64_t bloom = 0;

	mkelf_part_(out, MKELF_GNU_HASH, chains + (n - first));
	mkelf_set(out, MKELF_GNU_HASH, 0, "nbuckets", nbucket);
	mkelf_set(out, MKELF_GNU_HASH, 0, "symoffset", first);
	mkelf_set(out, MKELF_GNU_HASH, 0, "bloom_size", 1);
	mkelf_set(out, MKELF_GNU_HASH, 0, "bloom_shift", shift);
	for (uint32_t i = first; i < n; i++) {
		uint32_t h = mkelf_gnu_hash(symbol_name(elf, i)), bucket = h % nbucket;
		bool ends = i + 1 == n || mkelf_gnu_hash(symbol_name(elf, i + 1)) % nbucket != bucket;

		if (bucket < last)
			mkelf_die_("symbols do not stand in the order of their GNU hash buckets");
		last = bucket;
		bloom |= UINT64_C(1) << h % bits | UINT64_C(1) << (h >> shift) % bits;
		if (!mkelf_get(out, MKELF_GNU_HASH, buckets + bucket, "word"))
			mkelf_set(out, MKELF_GNU_HASH, buckets + bucket, "word", i);
		mkelf_set(out, MKELF_GNU_HASH, chains + (i - first), "word", (h & ~1u) | ends);
	}
	mkelf_poke(out, out->parts[MKELF_GNU_HASH].offset + 16, bits / 8, bloom);
}

/** Verneed entries, each followed by its Vernaux: all are 16 bytes. */
static void write_needs(struct mkelf_out *out, const struct mkelf *elf, struct mkelf_strings *strings)
{
	const struct mkelf_need *needs = elf->needs;
	uint32_t at = 0;

	mkelf_part_(out, MKELF_VERNEED, 2 * elf->nneeds);
	for (uint32_t i = 0, n; i < elf->nneeds; i += n) {
		for (n = 1; i + n < elf->nneeds && strcmp(needs[i].file, needs[i + n].file) == 0;)
			n++;
		mkelf_set(out, MKELF_VERNEED, at, "vn_version", 1);
		mkelf_set(out, MKELF_VERNEED, at, "vn_cnt", n);
		mkelf_set(out, MKELF_VERNEED, at, "vn_file", mkelf_string_(strings, needs[i].file));
		mkelf_set(out, MKELF_VERNEED, at, "vn_aux", 16);
		mkelf_set(out, MKELF_VERNEED, at, "vn_next", i + n < elf->nneeds ? 16 * (1 + n) : 0);
		at++;
		for (uint32_t k = 0; k < n; k++, at++) {
			mkelf_set(out, MKELF_VERNEED, at, "vna_hash", mkelf_sysv_hash(needs[i + k].version));
			mkelf_set(out, MKELF_VERNEED, at, "vna_other", needs[i + k].index);
			mkelf_set(out, MKELF_VERNEED, at, "vna_name", mkelf_string_(strings, needs[i + k].version));
			mkelf_set(out, MKELF_VERNEED, at, "vna_next", k + 1 < n ? 16 : 0);
		}
	}
	out->parts[MKELF_VERNEED].count = at;
	out->parts[MKELF_VERNEED].size = 16 * (uint64_t)at;
}

static void write_defs(struct mkelf_out *out, const struct mkelf *elf, struct mkelf_strings *strings)
{
	mkelf_part_(out, MKELF_VERDEF, elf->ndefs);
	for (uint32_t i = 0; i < elf->ndefs; i++) {
		mkelf_set(out, MKELF_VERDEF, i, "vd_version", 1);
		mkelf_set(out, MKELF_VERDEF, i, "vd_flags", elf->defs[i].flags);
		mkelf_set(out, MKELF_VERDEF, i, "vd_ndx", elf->defs[i].index);
		mkelf_set(out, MKELF_VERDEF, i, "vd_cnt", 1);
		mkelf_set(out, MKELF_VERDEF, i, "vd_hash", mkelf_sysv_hash(elf->defs[i].name));
		mkelf_set(out, MKELF_VERDEF, i, "vd_aux", 20);
		mkelf_set(out, MKELF_VERDEF, i, "vd_next", i + 1 < elf->ndefs ? 28 : 0);
		mkelf_set(out, MKELF_VERDEF, i, "vda_name", mkelf_string_(strings, elf->defs[i].name));
	}
}

static void write_relocs(struct mkelf_out *out, enum mkelf_structure structure, const struct mkelf_reloc *relocs, uint32_t n,
	bool addends)
{
	mkelf_part_(out, structure, n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t symbol = relocs[i].symbol;
		uint64_t info = is64(out) ? symbol << 32 | relocs[i].type : symbol << 8 | (relocs[i].type & 255u);

		mkelf_set(out, structure, i, "r_offset", relocs[i].offset);
		mkelf_set(out, structure, i, "r_info", info);
		if (addends)
			mkelf_set(out, structure, i, "r_addend", (uint64_t)relocs[i].addend);
	}
}

/** An address, then words whose bit 0 is set and whose other bits stand for the following words of memory. */
static void write_relr(struct mkelf_out *out, const struct mkelf *elf)
{
	unsigned word = is64(out) ? 8 : 4, bits = 8 * word - 1;
	uint64_t base = 0;
	uint32_t i = 0;

	mkelf_part_(out, MKELF_RELR, 0);
	for (uint32_t k = 0; k < elf->nrelr_words; k++)
		mkelf_put_(out, word, elf->relr_words[k]);
	while (i < elf->nrelr) {
		uint64_t bitmap = 0;

		for (; base && i < elf->nrelr; i++) {
			uint64_t gap = elf->relr[i].offset - base;

			if (gap % word || gap / word >= bits)
				break;
			bitmap |= UINT64_C(2) << gap / word;
		}
		if (bitmap) {
			mkelf_put_(out, word, bitmap | 1);
			base += (uint64_t)bits * word;
			continue;
		}
		mkelf_put_(out, word, elf->relr[i].offset);
		base = elf->relr[i++].offset + word;
	}
	close_part(out, MKELF_RELR);
}

struct dyn_list {
	struct mkelf_dyn *at;
	uint32_t n;
};

static void add(struct dyn_list *list, int64_t tag, uint64_t value)
{
	list->at[list->n++] = (struct mkelf_dyn){tag, value};
}

static void add_table(struct dyn_list *list, const struct mkelf_part *part, int64_t tag, int64_t size_tag, int64_t entry_tag)
{
	if (!part->size)
		return;
	add(list, tag, part->addr);
	if (size_tag)
		add(list, size_tag, part->size);
	if (entry_tag)
		add(list, entry_tag, part->entsize);
}

static void list_dynamic(struct dyn_list *list, const struct mkelf_out *out, const struct mkelf *elf)
{
	const struct mkelf_part *parts = out->parts;
	uint32_t files = 0;

	add_table(list, &parts[MKELF_HASH], DT_HASH, 0, 0);
	add_table(list, &parts[MKELF_GNU_HASH], DT_GNU_HASH, 0, 0);
	add_table(list, &parts[MKELF_SYM], DT_SYMTAB, 0, DT_SYMENT);
	add_table(list, &parts[MKELF_STR], DT_STRTAB, DT_STRSZ, 0);
	add_table(list, &parts[MKELF_REL], DT_REL, DT_RELSZ, DT_RELENT);
	add_table(list, &parts[MKELF_RELA], DT_RELA, DT_RELASZ, DT_RELAENT);
	add_table(list, &parts[MKELF_RELR], DT_RELR, DT_RELRSZ, DT_RELRENT);
	add_table(list, &parts[MKELF_JMPREL], DT_JMPREL, DT_PLTRELSZ, 0);
	if (parts[MKELF_JMPREL].size)
		add(list, DT_PLTREL, out->jmprel_rela ? DT_RELA : DT_REL);
	add_table(list, &parts[MKELF_VERSYM], DT_VERSYM, 0, 0);
	add_table(list, &parts[MKELF_VERNEED], DT_VERNEED, 0, 0);
	for (uint32_t i = 0; i < elf->nneeds; i++)
		files += !i || strcmp(elf->needs[i].file, elf->needs[i - 1].file) != 0;
	if (files)
		add(list, DT_VERNEEDNUM, files);
	add_table(list, &parts[MKELF_VERDEF], DT_VERDEF, 0, 0);
	if (elf->ndefs)
		add(list, DT_VERDEFNUM, elf->ndefs);
}

static void write_dynamic(struct mkelf_out *out, const struct mkelf *elf, const struct mkelf_dyn *extra, uint32_t nextra)
{
	struct dyn_list list = {calloc((size_t)nextra + elf->ndyns + 32, sizeof *list.at), 0};

	if (!list.at)
		mkelf_die_("out of memory");
	for (uint32_t i = 0; i < nextra; i++)
		add(&list, extra[i].tag, extra[i].value);
	list_dynamic(&list, out, elf);
	for (uint32_t i = 0; i < elf->ndyns; i++)
		add(&list, elf->dyns[i].tag, elf->dyns[i].value);
	add(&list, DT_NULL, 0);
	mkelf_part_(out, MKELF_DYN, list.n);
	for (uint32_t i = 0; i < list.n; i++) {
		mkelf_set(out, MKELF_DYN, i, "d_tag", (uint64_t)list.at[i].tag);
		mkelf_set(out, MKELF_DYN, i, "d_val", list.at[i].value);
	}
	free(list.at);
}

static bool wants_dynamic(const struct mkelf *elf)
{
	return elf->dynamic || elf->nsymbols || elf->nrel || elf->nrela || elf->njmprel || elf->nrelr || elf->nrelr_words ||
		elf->ndyns || elf->nneeded || elf->soname || elf->nneeds || elf->ndefs;
}

static void set_addresses(struct mkelf_out *out, uint64_t bias, bool mapped)
{
	for (unsigned i = MKELF_INTERP; i <= MKELF_DYN; i++)
		if (out->parts[i].offset)
			out->parts[i].addr = mapped ? out->parts[i].offset + bias : 0;
}

static void write_versyms(struct mkelf_out *out, const struct mkelf *elf)
{
	mkelf_part_(out, MKELF_VERSYM, elf->nsymbols + 1);
	for (uint32_t i = 1; i <= elf->nsymbols; i++)
		mkelf_set(out, MKELF_VERSYM, i, "vs_vers", elf->symbols[i - 1].version);
}

static void write_dynamic_parts(struct mkelf_out *out, const struct mkelf *elf, struct mkelf_strings *strings)
{
	mkelf_symbols_(out, MKELF_SYM, elf->symbols, elf->nsymbols, strings);
	if (elf->hash)
		write_hash(out, elf);
	if (elf->gnu_hash)
		write_gnu_hash(out, elf);
	if (elf->nneeds || elf->ndefs)
		write_versyms(out, elf);
	if (elf->nneeds)
		write_needs(out, elf, strings);
	if (elf->ndefs)
		write_defs(out, elf, strings);
	if (elf->nrel)
		write_relocs(out, MKELF_REL, elf->rel, elf->nrel, false);
	if (elf->nrela)
		write_relocs(out, MKELF_RELA, elf->rela, elf->nrela, true);
	if (elf->njmprel)
		write_relocs(out, MKELF_JMPREL, elf->jmprel, elf->njmprel, elf->jmprel_rela);
	if (elf->nrelr || elf->nrelr_words)
		write_relr(out, elf);
}

/** All tables at the end of what is written; @bias turns their offsets into addresses. */
void mkelf_tables_(struct mkelf_out *out, const struct mkelf *elf, uint64_t bias, bool mapped)
{
	struct mkelf_strings strings = {0};
	struct mkelf_dyn *extra;
	uint32_t nextra = 0;

	if (elf->interp) {
		mkelf_part_(out, MKELF_INTERP, 0);
		mkelf_bytes_(out, elf->interp, strlen(elf->interp) + 1);
		close_part(out, MKELF_INTERP);
	}
	if (elf->nnotes)
		write_notes(out, elf);
	if (wants_dynamic(elf)) {
		extra = calloc((size_t)elf->nneeded + 1, sizeof *extra);
		if (!extra)
			mkelf_die_("out of memory");
		for (uint32_t i = 0; i < elf->nneeded; i++)
			extra[nextra++] = (struct mkelf_dyn){DT_NEEDED, mkelf_string_(&strings, elf->needed[i])};
		if (elf->soname)
			extra[nextra++] = (struct mkelf_dyn){DT_SONAME, mkelf_string_(&strings, elf->soname)};
		write_dynamic_parts(out, elf, &strings);
		mkelf_part_(out, MKELF_STR, 0);
		mkelf_bytes_(out, strings.bytes, strings.size);
		close_part(out, MKELF_STR);
		set_addresses(out, bias, mapped);
		write_dynamic(out, elf, extra, nextra);
		free(extra);
	}
	set_addresses(out, bias, mapped);
	free(strings.bytes);
}
