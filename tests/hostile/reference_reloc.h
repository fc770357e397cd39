/* SPDX-License-Identifier: MIT */
/* Memory of reference.h comes in, the same memory with its dynamic relocations applied goes out. Shares no code with the core. */
#ifndef LODE_TESTS_REFERENCE_RELOC_H
#define LODE_TESTS_REFERENCE_RELOC_H

#include "reference.h"

/* What the host of the test answers; the same functions serve the core. */
uint64_t ref_host_symbol(const char *name, bool *known);
uint64_t ref_host_ifunc(uint64_t address);
enum { REF_TLS_MODULE = 5 };

struct ref_reloc {
	struct ref_file *file;
	struct ref_memory *m;
	uint64_t bias;
	bool second; /* the pass for ifuncs */
	uint64_t tag[64];
};

/* The file byte behind the first of size addresses: of the segments that hold them all the one that begins last. */
static inline uint64_t ref_offset(const struct ref_file *file, uint64_t vaddr, uint64_t size)
{
	const struct ref_segment *best = NULL;

	for (uint32_t i = 0; i < file->nsegments; i++) {
		const struct ref_segment *s = &file->segments[i];

		if (ref_loads(s) && s->vaddr <= vaddr && size <= s->memsz && vaddr - s->vaddr <= s->memsz - size &&
			(best == NULL || s->vaddr >= best->vaddr))
			best = s;
	}
	return best == NULL ? UINT64_MAX : best->offset + (vaddr - best->vaddr);
}

static inline uint64_t ref_load(const struct ref_reloc *r, uint64_t vaddr, unsigned width)
{
	struct ref_file view = {.bytes = r->m->bytes, .size = r->m->size, .big = r->file->big};
	uint64_t value = ref_get(&view, vaddr - r->m->first, width);

	return width == 4 ? (uint64_t)(int64_t)(int32_t)value : value;
}

static inline void ref_store(const struct ref_reloc *r, uint64_t vaddr, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++) {
		uint64_t at = vaddr - r->m->first + (r->file->big ? width - 1 - i : i);

		if (at < r->m->size)
			r->m->bytes[at] = (unsigned char)(value >> (8 * i));
	}
}

enum ref_op {
	REF_NONE,
	REF_ADD_BIAS,
	REF_SYMBOL_ADDEND,
	REF_SYMBOL_ONLY,
	REF_CALL,
	REF_TP,
	REF_TP_NEGATED,
	REF_MODULE,
	REF_IN_BLOCK
};

static inline enum ref_op ref_op_of(uint16_t machine, uint32_t type, unsigned *width)
{
	*width = machine == EM_386 || (machine == EM_RISCV && type == R_RISCV_32) ? 4 : 8;
#define REF_IS(m, t, op)                                                                                                           \
	if (machine == (m) && type == (t))                                                                                         \
	return op
	REF_IS(EM_X86_64, R_X86_64_64, REF_SYMBOL_ADDEND);
	REF_IS(EM_X86_64, R_X86_64_GLOB_DAT, REF_SYMBOL_ONLY);
	REF_IS(EM_X86_64, R_X86_64_JUMP_SLOT, REF_SYMBOL_ONLY);
	REF_IS(EM_X86_64, R_X86_64_RELATIVE, REF_ADD_BIAS);
	REF_IS(EM_X86_64, R_X86_64_DTPMOD64, REF_MODULE);
	REF_IS(EM_X86_64, R_X86_64_DTPOFF64, REF_IN_BLOCK);
	REF_IS(EM_X86_64, R_X86_64_TPOFF64, REF_TP);
	REF_IS(EM_X86_64, R_X86_64_IRELATIVE, REF_CALL);
	REF_IS(EM_386, R_386_32, REF_SYMBOL_ADDEND);
	REF_IS(EM_386, R_386_GLOB_DAT, REF_SYMBOL_ONLY);
	REF_IS(EM_386, R_386_JMP_SLOT, REF_SYMBOL_ONLY);
	REF_IS(EM_386, R_386_RELATIVE, REF_ADD_BIAS);
	REF_IS(EM_386, R_386_TLS_TPOFF, REF_TP);
	REF_IS(EM_386, R_386_TLS_TPOFF32, REF_TP_NEGATED);
	REF_IS(EM_386, R_386_TLS_DTPMOD32, REF_MODULE);
	REF_IS(EM_386, R_386_TLS_DTPOFF32, REF_IN_BLOCK);
	REF_IS(EM_386, R_386_IRELATIVE, REF_CALL);
	REF_IS(EM_AARCH64, R_AARCH64_ABS64, REF_SYMBOL_ADDEND);
	REF_IS(EM_AARCH64, R_AARCH64_GLOB_DAT, REF_SYMBOL_ADDEND);
	REF_IS(EM_AARCH64, R_AARCH64_JUMP_SLOT, REF_SYMBOL_ADDEND);
	REF_IS(EM_AARCH64, R_AARCH64_RELATIVE, REF_ADD_BIAS);
	REF_IS(EM_AARCH64, 1028, REF_MODULE);
	REF_IS(EM_AARCH64, 1029, REF_IN_BLOCK);
	REF_IS(EM_AARCH64, R_AARCH64_TLS_TPREL, REF_TP);
	REF_IS(EM_AARCH64, R_AARCH64_IRELATIVE, REF_CALL);
	REF_IS(EM_RISCV, R_RISCV_32, REF_SYMBOL_ADDEND);
	REF_IS(EM_RISCV, R_RISCV_64, REF_SYMBOL_ADDEND);
	REF_IS(EM_RISCV, R_RISCV_JUMP_SLOT, REF_SYMBOL_ONLY);
	REF_IS(EM_RISCV, R_RISCV_RELATIVE, REF_ADD_BIAS);
	REF_IS(EM_RISCV, R_RISCV_TLS_DTPMOD64, REF_MODULE);
	REF_IS(EM_RISCV, R_RISCV_TLS_DTPREL64, REF_IN_BLOCK);
	REF_IS(EM_RISCV, R_RISCV_TLS_TPREL64, REF_TP);
	REF_IS(EM_RISCV, R_RISCV_IRELATIVE, REF_CALL);
#undef REF_IS
	return REF_NONE;
}

/* Where the block begins relative to the thread pointer: the nearest place on its side that keeps the address's rest. */
static inline uint64_t ref_tls_offset(const struct ref_file *file)
{
	for (uint32_t i = 0; i < file->nsegments; i++) {
		const struct ref_segment *s = &file->segments[i];
		uint64_t align = s->align > 1 ? s->align : 1;
		uint64_t below = s->memsz, above = file->machine == EM_AARCH64 ? 16 : 0;

		if (s->type != PT_TLS)
			continue;
		if (file->machine == EM_AARCH64 || file->machine == EM_RISCV)
			return above + (s->vaddr % align + align - above % align) % align;
		return 0 - (below + (align - (below % align + s->vaddr % align) % align) % align);
	}
	return 0;
}

/* S, and whether it is only the address of a resolver: the image's own, not one that the host has found. */
static inline uint64_t ref_symbol(const struct ref_reloc *r, uint32_t index, bool *resolver)
{
	uint64_t size = r->file->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	uint64_t at = ref_offset(r->file, r->tag[DT_SYMTAB], 1) + index * size;
	uint64_t shndx = REF_FIELD(r->file, at, Sym, st_shndx), value = REF_FIELD(r->file, at, Sym, st_value);
	uint64_t name = ref_offset(r->file, r->tag[DT_STRTAB], r->tag[DT_STRSZ]) + REF_FIELD(r->file, at, Sym, st_name);
	uint64_t type = REF_FIELD(r->file, at, Sym, st_info) & 15;
	bool known;

	*resolver = false;
	if (index == 0)
		return 0;
	if (shndx == SHN_UNDEF)
		return name < r->file->size ? ref_host_symbol((const char *)r->file->bytes + name, &known) : 0;
	*resolver = type == STT_GNU_IFUNC;
	return value + (shndx == SHN_ABS || type == STT_TLS ? 0 : r->bias);
}

static inline void ref_apply(const struct ref_reloc *r, uint64_t at, bool rela)
{
	uint64_t where = REF_FIELD(r->file, at, Rela, r_offset), info = REF_FIELD(r->file, at, Rela, r_info), symbol, value, addend;
	uint32_t kind = r->file->wide ? (uint32_t)info : (uint32_t)info & 255;
	unsigned width;
	enum ref_op op = ref_op_of(r->file->machine, kind, &width);
	bool resolver;

	if (op == REF_NONE)
		return;
	symbol = ref_symbol(r, (uint32_t)(r->file->wide ? info >> 32 : info >> 8), &resolver);
	resolver = resolver && (op == REF_SYMBOL_ADDEND || op == REF_SYMBOL_ONLY);
	if ((resolver || op == REF_CALL) != r->second)
		return;
	if (resolver)
		symbol = ref_host_ifunc(symbol);
	addend = rela ? REF_FIELD(r->file, at, Rela, r_addend) : ref_load(r, where, width);
	if (rela && !r->file->wide)
		addend = (uint64_t)(int64_t)(int32_t)addend;
	switch (op) {
	case REF_ADD_BIAS: value = r->bias + addend; break;
	case REF_CALL: value = ref_host_ifunc(r->bias + addend); break;
	case REF_SYMBOL_ADDEND: value = symbol + addend; break;
	case REF_TP: value = ref_tls_offset(r->file) + symbol + addend; break;
	case REF_TP_NEGATED: value = addend - (ref_tls_offset(r->file) + symbol); break;
	case REF_MODULE: value = REF_TLS_MODULE; break;
	case REF_IN_BLOCK: value = symbol + addend - (r->file->machine == EM_RISCV ? 0x800u : 0u); break;
	default: value = symbol; break;
	}
	ref_store(r, where, width, value);
}

static inline void ref_apply_table(const struct ref_reloc *r, uint64_t at, uint64_t size, bool rela)
{
	uint64_t word = r->file->wide ? 8 : 4, entry = word * (rela ? 3 : 2);

	for (uint64_t i = 0; size <= r->file->size && i + entry <= size; i += entry)
		ref_apply(r, at + i, rela);
}

static inline void ref_apply_relr(const struct ref_reloc *r)
{
	unsigned word = r->file->wide ? 8 : 4;
	uint64_t at = ref_offset(r->file, r->tag[DT_RELR], r->tag[DT_RELRSZ]), where = 0;

	for (uint64_t i = 0; r->tag[DT_RELRSZ] <= r->file->size && i < r->tag[DT_RELRSZ]; i += word) {
		uint64_t value = ref_get(r->file, at + i, word);

		if ((value & 1) == 0) {
			ref_store(r, value, word, ref_load(r, value, word) + r->bias);
			where = value + word;
			continue;
		}
		for (unsigned bit = 1; bit < 8 * word; bit++)
			if (value >> bit & 1)
				ref_store(r, where + (bit - 1) * word, word, ref_load(r, where + (bit - 1) * word, word) + r->bias);
		where += (8 * word - 1) * word;
	}
}

static inline void ref_read_tags(struct ref_reloc *r)
{
	const struct ref_segment *dynamic = NULL;
	uint64_t entry = r->file->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);

	for (uint32_t i = 0; dynamic == NULL && i < r->file->nsegments; i++)
		if (r->file->segments[i].type == PT_DYNAMIC)
			dynamic = &r->file->segments[i];
	for (uint64_t i = 0; dynamic != NULL && i + entry <= dynamic->filesz; i += entry) {
		uint64_t tag = REF_FIELD(r->file, dynamic->offset + i, Dyn, d_tag);

		if (tag == DT_NULL)
			return;
		if (tag < 64)
			r->tag[tag] = REF_FIELD(r->file, dynamic->offset + i, Dyn, d_un.d_val);
	}
}

/* A table at whose end DT_JMPREL's entries lie leaves those to it. */
static inline uint64_t ref_own_size(const struct ref_reloc *r, uint64_t begin, uint64_t size, bool rela)
{
	uint64_t jumps = r->tag[DT_PLTRELSZ], at = ref_offset(r->file, r->tag[DT_JMPREL], jumps);
	bool same = jumps != 0 && (r->tag[DT_PLTREL] == DT_RELA) == rela;

	return same && size >= jumps && at >= begin && at - begin == size - jumps ? size - jumps : size;
}

static inline void ref_relocate(struct ref_memory *m, struct ref_file *file, uint64_t bias)
{
	struct ref_reloc r = {.file = file, .m = m, .bias = bias};
	uint64_t rel, rela, jmprel;

	ref_read_tags(&r);
	rel = ref_offset(file, r.tag[DT_REL], r.tag[DT_RELSZ]);
	rela = ref_offset(file, r.tag[DT_RELA], r.tag[DT_RELASZ]);
	jmprel = ref_offset(file, r.tag[DT_JMPREL], r.tag[DT_PLTRELSZ]);
	ref_apply_relr(&r);
	for (int pass = 0; pass < 2; pass++) {
		r.second = pass == 1;
		ref_apply_table(&r, rel, ref_own_size(&r, rel, r.tag[DT_RELSZ], false), false);
		ref_apply_table(&r, rela, ref_own_size(&r, rela, r.tag[DT_RELASZ], true), true);
		ref_apply_table(&r, jmprel, r.tag[DT_PLTRELSZ], r.tag[DT_PLTREL] == DT_RELA);
	}
}

#endif
