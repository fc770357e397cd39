/* SPDX-License-Identifier: MIT */
/* Multiboot 1: a header in the first 8 KiB of the file; entered in 32-bit protected mode with the address of an information
 * structure in ebx. Ref: Multiboot. */
#ifndef LODE_MULTIBOOT_H
#define LODE_MULTIBOOT_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_MULTIBOOT_MAGIC 0x1badb002u
#define LODE_MULTIBOOT_EAX 0x2badb002u

/* The header. */
enum {
	LODE_MULTIBOOT_SEARCH = 8192, /* it lies in this many bytes, */
	LODE_MULTIBOOT_ALIGN = 4,     /* at a multiple of this */
	LODE_MULTIBOOT_FLAGS = 4,
	LODE_MULTIBOOT_HEADER_ADDR = 12, /* the next five if the flag ADDRESSES is set */
	LODE_MULTIBOOT_LOAD_ADDR = 16,
	LODE_MULTIBOOT_LOAD_END = 20,
	LODE_MULTIBOOT_BSS_END = 24,
	LODE_MULTIBOOT_ENTRY = 28,
	LODE_MULTIBOOT_MODE = 32,        /* the next four if the flag VIDEO is set */
	LODE_MULTIBOOT_WIDTH = 36,
	LODE_MULTIBOOT_HEIGHT = 40,
	LODE_MULTIBOOT_DEPTH = 44,
	LODE_MULTIBOOT_HEADER_SIZE = 48, /* with everything */
};
/* Flags of the header: demands below 16. */
enum {
	LODE_MULTIBOOT_PAGE_ALIGN = 1,
	LODE_MULTIBOOT_MEMORY = 2,
	LODE_MULTIBOOT_VIDEO = 4,
	LODE_MULTIBOOT_DEMANDS = 0xffff,
	LODE_MULTIBOOT_ADDRESSES = 0x10000,
};

/* The information structure. */
enum {
	LODE_MBI_FLAGS = 0,
	LODE_MBI_MEM_LOWER = 4,
	LODE_MBI_MEM_UPPER = 8,
	LODE_MBI_CMDLINE = 16,
	LODE_MBI_MODS_COUNT = 20,
	LODE_MBI_MODS_ADDR = 24,
	LODE_MBI_SHDR_NUM = 28,
	LODE_MBI_SHDR_SIZE = 32,
	LODE_MBI_SHDR_ADDR = 36,
	LODE_MBI_SHDR_SHNDX = 40,
	LODE_MBI_MMAP_LENGTH = 44,
	LODE_MBI_MMAP_ADDR = 48,
	LODE_MBI_LOADER_NAME = 64,
	LODE_MBI_FB_ADDR = 88,
	LODE_MBI_FB_PITCH = 96,
	LODE_MBI_FB_WIDTH = 100,
	LODE_MBI_FB_HEIGHT = 104,
	LODE_MBI_FB_BPP = 108,
	LODE_MBI_FB_TYPE = 109,    /* 1: colours as follows */
	LODE_MBI_FB_COLOURS = 110, /* red, green, blue: position and size, a byte each */
	LODE_MBI_SIZE = 116,
};
/* Which of its fields are there. */
enum {
	LODE_MBI_HAS_MEMORY = 1 << 0,
	LODE_MBI_HAS_CMDLINE = 1 << 2,
	LODE_MBI_HAS_MODS = 1 << 3,
	LODE_MBI_HAS_SHDR = 1 << 5,
	LODE_MBI_HAS_MMAP = 1 << 6,
	LODE_MBI_HAS_LOADER_NAME = 1 << 9,
	LODE_MBI_HAS_FB = 1 << 12,
};
/* An entry of the memory map: the size counts what follows it. And one of the module list. */
enum { LODE_MBI_MMAP_SIZE = 0, LODE_MBI_MMAP_BASE = 4, LODE_MBI_MMAP_LEN = 12, LODE_MBI_MMAP_TYPE = 20, LODE_MBI_MMAP_ENTRY = 24 };
enum { LODE_MBI_MOD_START = 0, LODE_MBI_MOD_END = 4, LODE_MBI_MOD_STRING = 8, LODE_MBI_MOD_ENTRY = 16 };

/** How a file without ELF headers, or whose headers do not count, is loaded: raw, from one place of the file to one of memory. */
struct lode_raw_load {
	uint64_t offset; /* in the file */
	uint64_t size;   /* bytes of the file */
	uint32_t addr;   /* physical */
	uint64_t memsize; /* size and zeros behind it */
};

/** A Multiboot header, decoded. */
struct lode_multiboot {
	uint64_t offset; /* in the file */
	uint32_t flags;
	bool raw;        /* load and entry count, not the ELF headers */
	struct lode_raw_load load;
	uint32_t entry;
	bool wants_video; /* the next three are wishes; 0: none */
	bool text;
	uint32_t width, height, depth;
};

/**
 * lode_multiboot_find - the first header whose three words add up to 0
 * Errors: start-multiboot-none, start-multiboot-demand (a flag below 16 that this version does not define), start-multiboot-load,
 * source-*.
 * Where there is a header that is refused, @offset and @flags are its all the same.
 */
int lode_multiboot_find(struct lode_multiboot *multiboot, const struct lode_source *source, struct lode_diag *why);

/**
 * lode_start_multiboot - the start state of a Multiboot kernel
 * @multiboot: from lode_multiboot_find
 * @kernel: ELF32 or ELF64 and its plan of the domain LODE_PHYSICAL; may be NULL if the header says where the file goes (@raw).
 *          If the image was opened with sections, those that are not loaded are put into memory and described.
 * Errors: start-*, machine-*, room-*.
 */
int lode_start_multiboot(struct lode_start *start, const struct lode_multiboot *multiboot, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
