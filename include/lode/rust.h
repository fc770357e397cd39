/* SPDX-License-Identifier: MIT */
/* Kernels made with the Rust crate bootloader_api 0.11: a configuration in the file, a BootInfo structure, 64-bit mode.
 * Ref: bootloader_api. */
#ifndef LODE_RUST_H
#define LODE_RUST_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes of the configuration; each version of 0.11 has one. */
enum { LODE_RUST_CONFIG_FIRST = 115, LODE_RUST_CONFIG_RAMDISK = 124, LODE_RUST_CONFIG_BASE = 133 };

/* BootInfo: offsets. An Option is 4 bytes of tag (0: Some, 1: None) and its value at the next multiple of the value's alignment. */
enum {
	LODE_BOOTINFO_VERSION = 0, /* major, minor, patch: 2 bytes each; pre-release: 1 */
	LODE_BOOTINFO_REGIONS = 8, /* pointer, count */
	LODE_BOOTINFO_FB = 24,     /* Option */
	LODE_BOOTINFO_FB_START = 32,
	LODE_BOOTINFO_FB_LENGTH = 40,
	LODE_BOOTINFO_FB_WIDTH = 48,
	LODE_BOOTINFO_FB_HEIGHT = 56,
	LODE_BOOTINFO_FB_FORMAT = 64,
	LODE_BOOTINFO_FB_POSITIONS = 68, /* red, green, blue: a byte each, for an unknown format */
	LODE_BOOTINFO_FB_BYTES = 72,
	LODE_BOOTINFO_FB_STRIDE = 80,    /* pixels */
	LODE_BOOTINFO_PHYSICAL = 88,     /* Option<u64> */
	LODE_BOOTINFO_RECURSIVE = 104,   /* Option<u16> */
	LODE_BOOTINFO_RSDP = 112,        /* Option<u64> */
	LODE_BOOTINFO_TLS = 128,         /* Option: start, file size, memory size */
	LODE_BOOTINFO_RAMDISK = 160,     /* Option<u64> */
	LODE_BOOTINFO_RAMDISK_LENGTH = 176,
	LODE_BOOTINFO_KERNEL = 184,      /* physical address and length of the file, then what was added to linked addresses */
	LODE_BOOTINFO_KERNEL_OFFSET = 200,
	LODE_BOOTINFO_STACK = 208,       /* lowest address, length */
	LODE_BOOTINFO_SIZE = 232,
	LODE_BOOTINFO_REGION = 24,       /* start, end, kind, value */
};
enum { LODE_RUST_RGB = 0, LODE_RUST_BGR = 1, LODE_RUST_U8 = 2, LODE_RUST_UNKNOWN = 3 };
enum { LODE_RUST_USABLE = 0, LODE_RUST_BOOTLOADER = 1, LODE_RUST_UNKNOWN_BIOS = 3 };

/** Where something is to be mapped: anywhere, or at @addr. */
struct lode_rust_mapping {
	bool fixed;
	uint64_t addr;
};

/** The configuration, decoded. */
struct lode_rust {
	uint64_t offset; /* in the file */
	uint32_t size;
	uint16_t major, minor, patch;
	bool pre;
	uint64_t stack_size;
	struct lode_rust_mapping stack, kernel_base, boot_info, framebuffer, ramdisk;
	bool has_physical, has_recursive;
	struct lode_rust_mapping physical, recursive;
	bool aslr;
	uint64_t range_start, range_end; /* of what may go anywhere; the last address inclusive */
	uint64_t base; /* policy.base for the plan of a position-independent kernel: kernel_base, or the lowest place */
	uint64_t align; /* of that place: 2 MiB, or the image's if that is more */
};

/**
 * lode_rust_find - the configuration: section .bootloader-config, or its UUID in a loaded segment
 * @image: ELF64, x86-64; with sections, or else the version tells the size
 * Errors: start-rust-none, start-rust-size, start-rust-version, start-rust-field, start-machine, source-*.
 */
int lode_rust_find(struct lode_rust *rust, const struct lode_image *image, struct lode_diag *why);

/**
 * lode_rust_base - policy.base for the plan, at random if the kernel wants that (aslr)
 * @rust: from lode_rust_find of the @image
 * The first 8 bytes of machine->random choose the place; without aslr or without them it is rust->base. Each of stack, framebuffer,
 * recursive map, physical memory, ramdisk and BootInfo that may lie anywhere takes 8 more in lode_start_rust.
 */
uint64_t lode_rust_base(const struct lode_rust *rust, const struct lode_image *image, const struct lode_machine *machine);

/**
 * lode_start_rust - the start state of such a kernel
 * @rust: from lode_rust_find
 * @kernel: the image and its plan of the domain LODE_VIRTUAL, at rust->base or lode_rust_base if it is position-independent
 * The first module is the ramdisk; there may be no second one, and no command line: the kernel could not get at them.
 * Errors: start-modules, start-cmdline, start-*, machine-*, room-*.
 */
int lode_start_rust(struct lode_start *start, const struct lode_rust *rust, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
