/* SPDX-License-Identifier: MIT */
/* What the files of the bootloader_api start state share. */
#ifndef LODE_START_RUST_H
#define LODE_START_RUST_H

#include <lode/rust.h>

#include "regions.h"

/* The configuration's mark and version; the stack's size is next. */
enum { LODE_RUST_HEAD_ = 23 };
/* Null, code, data. */
enum { LODE_RUST_GDT_SIZE_ = 24 };

/* One start state under construction. Addresses are virtual unless they say otherwise. */
struct lode_rust_state_ {
	struct lode_builder_ *b;
	const struct lode_rust *config;
	const struct lode_kernel *kernel;
	uint64_t file;       /* physical: the kernel's file */
	uint64_t stack;      /* lowest address */
	uint64_t framebuffer, physical, ramdisk;
	uint64_t boot_info;
	uint64_t info_pages; /* bytes of its mapping */
	uint32_t max_regions;
	uint32_t drawn;      /* words of the machine's entropy that were used up */
	/* when composed */
	uint64_t info, gdt;  /* physical */
};

/* The image in memory, and its mappings. */
int lode_rust_image_(struct lode_rust_state_ *s, const struct lode_wish_ *wish);
/* Mappings of the stack with its guard, the framebuffer, physical memory, the page tables, the ramdisk. */
int lode_rust_map_(struct lode_rust_state_ *s);
/* A mapping gets its address, the configuration's or the lowest that is free, and is made. */
int lode_rust_room_(struct lode_rust_state_ *s, const struct lode_rust_mapping *wish, struct lode_start_mapping *mapping,
	uint64_t align);
/* For lode_start_compose_: BootInfo and the memory regions. The context is a struct lode_rust_state_. */
void lode_rust_compose_(struct lode_form_ *form, void *context);

#endif
