/* SPDX-License-Identifier: MIT */
/* PVH: a kernel entered in 32-bit protected mode with the address of a start_info structure in ebx. Ref: PVH. */
#ifndef LODE_PVH_H
#define LODE_PVH_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* hvm_start_info, version 1: offsets. */
enum {
	LODE_PVH_MAGIC = 0,
	LODE_PVH_VERSION = 4,
	LODE_PVH_NR_MODULES = 12,
	LODE_PVH_MODLIST = 16,
	LODE_PVH_CMDLINE = 24,
	LODE_PVH_RSDP = 32,
	LODE_PVH_MEMMAP = 40,
	LODE_PVH_MEMMAP_ENTRIES = 48,
	LODE_PVH_SIZE = 56,
};
#define LODE_PVH_MAGIC_VALUE 0x336ec578u

/* hvm_modlist_entry and hvm_memmap_table_entry. */
enum { LODE_PVH_MODULE_ADDR = 0, LODE_PVH_MODULE_LENGTH = 8, LODE_PVH_MODULE_CMDLINE = 16, LODE_PVH_MODULE_SIZE = 32 };
enum { LODE_PVH_MEMORY_ADDR = 0, LODE_PVH_MEMORY_LENGTH = 8, LODE_PVH_MEMORY_TYPE = 16, LODE_PVH_MEMORY_SIZE = 24 };

/* What Linux takes: its table has 128 entries and is filled without a bound, and one is added; its command line is cut at 2048. */
enum { LODE_PVH_LINUX_MEMORY = 126, LODE_LINUX_CMDLINE = 2047 };

/** What a file says of its PVH entry. */
struct lode_pvh {
	uint64_t entry;        /* physical, as linked */
	uint64_t note;         /* file offset of the note */
	bool relocatable;      /* PHYS32_RELOC: it may be moved as a whole */
	uint32_t align;        /* of the first byte, if it is moved */
	uint32_t min, last;    /* lowest first and highest last address, if it is moved */
	bool is_linux;
};

/**
 * lode_pvh_find - the notes XEN_ELFNOTE_PHYS32_ENTRY and PHYS32_RELOC
 * @image: opened; with sections, notes that lie in no PT_NOTE are found too
 * They are looked for by lode_note_search; what counts is the first note of owner "Xen" whose descriptor has 4 or 8 bytes.
 * Errors: start-pvh-none, start-pvh-note, start-machine, note-count, source-*.
 */
int lode_pvh_find(struct lode_pvh *pvh, const struct lode_image *image, struct lode_diag *why);

/**
 * lode_start_pvh - the start state of a PVH kernel
 * @pvh: from lode_pvh_find of @image
 * @kernel: the image, and its plan of the domain LODE_PHYSICAL
 * A kernel whose place is taken is moved if it allows that. Modules, boot structures and the image lie below 4 GiB.
 * Errors: start-*, machine-*, room-parts, room-mappings, room-bytes.
 */
int lode_start_pvh(struct lode_start *start, const struct lode_pvh *pvh, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
