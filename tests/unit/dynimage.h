/* SPDX-License-Identifier: MIT */
/* Relocations and symbols -> a position-independent image with text, data, TLS and RELRO, placed into an array and relocated. */
#ifndef LODE_TESTS_DYNIMAGE_H
#define LODE_TESTS_DYNIMAGE_H

#include "file.h"

enum {
	DYN_LINKED = 0x10000, /* first address as linked */
	DYN_DATA = DYN_LINKED + 0x2000,
	DYN_BSS = DYN_DATA + 0x400,
	DYN_TLS = DYN_DATA + 0x200,
	DYN_BASE = 0x540000, /* where the first page goes */
	DYN_BIAS = DYN_BASE - DYN_LINKED,
	DYN_MEMORY = 0x8000,
	DYN_TLS_SIZE = 0x44, /* with an alignment of 16: 12 bytes of padding in variant II */
};

/* The dynamic symbols, by index. */
enum { DYN_OWN = 1, DYN_ABS, DYN_COMMON, DYN_UNDEFINED, DYN_WEAK, DYN_VAR, DYN_IFUNC, DYN_LONG, DYN_SYMBOLS };

static struct file dyn;
static unsigned char dyn_memory[DYN_MEMORY];
static uint64_t dyn_base = DYN_BASE;

/** What the image is made of beside its relocations. */
struct dyn_image {
	uint8_t class_, data;
	uint16_t machine;
	bool rela;
	const struct mkelf_reloc *relocs, *relr;
	const uint64_t *relr_words;
	uint32_t nrelocs, nrelr, nrelr_words;
	bool text_writable;
	bool no_tls;
};

static inline void dyn_write(const struct dyn_image *image)
{
	static char name[2100];
	const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD,
			.flags = image->text_writable ? 7 : 5,
			.vaddr = DYN_LINKED,
			.align = 0x1000,
			.size = 0x100,
			.headers = true},
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = DYN_DATA, .align = 0x1000, .size = 0x400, .bss = 0x200},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
		{.type = image->no_tls ? LODE_PT_NULL : LODE_PT_TLS,
			.flags = 4,
			.vaddr = DYN_TLS,
			.align = 16,
			.size = 0x40,
			.bss = DYN_TLS_SIZE - 0x40,
			.inside = true},
	};
	const struct mkelf_symbol symbols[] = {
		{.name = "own", .bind = LODE_STB_GLOBAL, .type = LODE_STT_FUNC, .shndx = 1, .value = DYN_LINKED + 0x1230},
		{.name = "absolute", .bind = LODE_STB_GLOBAL, .shndx = LODE_SHN_ABS, .reserved = true, .value = 0x4321},
		{.name = "common", .bind = LODE_STB_GLOBAL, .shndx = LODE_SHN_COMMON, .reserved = true, .value = 8},
		{.name = "undefined", .bind = LODE_STB_GLOBAL, .type = LODE_STT_FUNC},
		{.name = "weak", .bind = LODE_STB_WEAK},
		{.name = "var", .bind = LODE_STB_GLOBAL, .type = LODE_STT_TLS, .shndx = 2, .value = 0x14},
		{.name = "ifunc", .bind = LODE_STB_GLOBAL, .type = LODE_STT_GNU_IFUNC, .shndx = 1, .value = DYN_LINKED + 0x1340},
		{.name = name, .bind = LODE_STB_WEAK},
	};
	struct mkelf elf = {.class_ = image->class_,
		.data = image->data,
		.machine = image->machine,
		.type = LODE_ET_DYN,
		.entry = DYN_LINKED + 0x180};

	memset(name, 'n', sizeof name - 1);
	elf.segments = segments;
	elf.nsegments = 4;
	elf.symbols = symbols;
	elf.nsymbols = DYN_SYMBOLS - 1;
	elf.hash = true;
	*(image->rela ? &elf.rela : &elf.rel) = image->relocs;
	*(image->rela ? &elf.nrela : &elf.nrel) = image->nrelocs;
	elf.relr = image->relr;
	elf.nrelr = image->nrelr;
	elf.relr_words = image->relr_words;
	elf.nrelr_words = image->nrelr_words;
	file_write(&dyn, &elf);
}

static inline int dyn_place(const struct lode_relocation *options, uint32_t flags)
{
	struct lode_array array = {.memory = dyn_memory, .base = dyn_base, .size = DYN_MEMORY};
	struct lode_space space = lode_array_space(&array);
	struct lode_policy policy = lode_policy_kernel(0x1000);
	int status;

	policy.base = dyn_base;
	policy.flags = flags;
	memset(dyn_memory, 0x33, sizeof dyn_memory);
	status = file_load(&dyn, &policy);
	CHECK_EQ(status, LODE_OK);
	return status == LODE_OK ? lode_place_relocated(&space, &dyn.image, &dyn.plan, options, &dyn.why) : status;
}

/** A word of the placed image, by its linked address, in the image's byte order. */
static inline uint64_t dyn_word(uint64_t addr, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++) {
		unsigned shift = 8 * (dyn.image.data == LODE_DATA2MSB ? width - 1 - i : i);

		value |= (uint64_t)dyn_memory[addr - DYN_LINKED + i] << shift;
	}
	return value;
}

#endif
