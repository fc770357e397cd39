/* SPDX-License-Identifier: MIT */
/* Multiboot 2: a header of tags in the first 32 KiB of the file; entered in 32-bit protected mode with the address of information
 * tags in ebx. Ref: Multiboot2. */
#ifndef LODE_MULTIBOOT2_H
#define LODE_MULTIBOOT2_H

#include <lode/multiboot.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_MULTIBOOT2_MAGIC 0xe85250d6u
#define LODE_MULTIBOOT2_EAX 0x36d76289u

enum {
	LODE_MULTIBOOT2_SEARCH = 32768,
	LODE_MULTIBOOT2_ALIGN = 8,
	LODE_MULTIBOOT2_ARCH = 4,
	LODE_MULTIBOOT2_LENGTH = 8,
	LODE_MULTIBOOT2_HEADER = 16, /* bytes in front of the tags */
	LODE_MULTIBOOT2_TAG = 8,     /* type, flags, size: bytes in front of a tag's own */
	LODE_MULTIBOOT2_OPTIONAL = 1,
};
/* Tags of the header. */
enum {
	LODE_MB2_END = 0,
	LODE_MB2_REQUEST = 1,
	LODE_MB2_ADDRESS = 2,
	LODE_MB2_ENTRY = 3,
	LODE_MB2_CONSOLE = 4,
	LODE_MB2_FRAMEBUFFER = 5,
	LODE_MB2_MODULE_ALIGN = 6,
	LODE_MB2_EFI_BS = 7,
	LODE_MB2_ENTRY_EFI32 = 8,
	LODE_MB2_ENTRY_EFI64 = 9,
	LODE_MB2_RELOCATABLE = 10,
};
/* Tags of the information. */
enum {
	LODE_MB2I_END = 0,
	LODE_MB2I_CMDLINE = 1,
	LODE_MB2I_LOADER_NAME = 2,
	LODE_MB2I_MODULE = 3,
	LODE_MB2I_MEMORY = 4,
	LODE_MB2I_MMAP = 6,
	LODE_MB2I_FRAMEBUFFER = 8,
	LODE_MB2I_SECTIONS = 9,
	LODE_MB2I_RSDP_OLD = 14,
	LODE_MB2I_RSDP_NEW = 15,
	LODE_MB2I_LOAD_BASE = 21,
};

/** A Multiboot 2 header, decoded. */
struct lode_multiboot2 {
	uint64_t offset;
	uint32_t length;
	bool raw;
	struct lode_raw_load load;
	bool has_entry; /* @entry instead of e_entry */
	uint32_t entry;
	bool page_align;
	bool wants_video;
	uint32_t width, height, depth;
	bool relocatable;
	uint32_t min, last, align; /* lowest first and highest last address, alignment */
	uint32_t preference;       /* 0 none, 1 lowest, 2 highest place */
	uint32_t requests;         /* bit n: information of type n is asked for */
};

/**
 * lode_multiboot2_find - the first header whose four words add up to 0, and its tags
 * What belongs to EFI alone is passed over, as are optional tags that are not known.
 * Errors: start-multiboot-none, start-multiboot2-tag (a tag that does not lie in the header, or is too small),
 * start-multiboot-demand (a tag or information that is demanded and not known), start-multiboot-load, source-*.
 * Where there is a header that is refused, @offset and @length are its all the same.
 */
int lode_multiboot2_find(struct lode_multiboot2 *multiboot, const struct lode_source *source, struct lode_diag *why);

/**
 * lode_start_multiboot2 - the start state of a Multiboot 2 kernel
 * @multiboot: from lode_multiboot2_find
 * @kernel: as for lode_start_multiboot
 * A relocatable kernel goes where its preference says, without one where it is linked if that is free and allowed.
 * Errors: start-*, machine-*, room-*.
 */
int lode_start_multiboot2(struct lode_start *start, const struct lode_multiboot2 *multiboot, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
