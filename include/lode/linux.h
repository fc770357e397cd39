/* SPDX-License-Identifier: MIT */
/* Linux: the setup header of a bzImage, boot_params, and the 64-bit entries of bzImage and vmlinux. Ref: Linux boot. */
#ifndef LODE_LINUX_H
#define LODE_LINUX_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Offsets of the setup header, the same in the file and in boot_params. */
enum {
	LODE_LINUX_SETUP_SECTS = 0x1f1,
	LODE_LINUX_SYSSIZE = 0x1f4,
	LODE_LINUX_BOOT_FLAG = 0x1fe,
	LODE_LINUX_JUMP = 0x201,       /* second byte of the jump: the header ends this many bytes behind 0x202 */
	LODE_LINUX_MAGIC = 0x202,
	LODE_LINUX_VERSION = 0x206,
	LODE_LINUX_LOADER = 0x210,
	LODE_LINUX_LOADFLAGS = 0x211,
	LODE_LINUX_CODE32 = 0x214,
	LODE_LINUX_RAMDISK = 0x218,
	LODE_LINUX_RAMDISK_SIZE = 0x21c,
	LODE_LINUX_CMDLINE_PTR = 0x228,
	LODE_LINUX_INITRD_MAX = 0x22c,   /* from 2.03 */
	LODE_LINUX_ALIGNMENT = 0x230,    /* from 2.05 */
	LODE_LINUX_RELOCATABLE = 0x234,  /* from 2.05 */
	LODE_LINUX_XLOADFLAGS = 0x236,   /* from 2.12 */
	LODE_LINUX_CMDLINE_SIZE = 0x238, /* from 2.06 */
	LODE_LINUX_PAYLOAD = 0x248,      /* from 2.08 */
	LODE_LINUX_PAYLOAD_SIZE = 0x24c, /* from 2.08 */
	LODE_LINUX_SETUP_DATA = 0x250,   /* from 2.09 */
	LODE_LINUX_PREF_ADDRESS = 0x258, /* from 2.10 */
	LODE_LINUX_INIT_SIZE = 0x260,    /* from 2.10 */
	LODE_LINUX_HEADER_END = 0x290,   /* no version goes beyond */
};
enum { LODE_LINUX_LOADED_HIGH = 1 };                        /* loadflags */
enum { LODE_LINUX_KERNEL_64 = 1, LODE_LINUX_ABOVE_4G = 2 }; /* xloadflags */

/* boot_params beside the setup header. */
enum {
	LODE_LINUX_PARAMS_VIDEO = 0x00f,  /* screen_info: orig_video_isVGA */
	LODE_LINUX_PARAMS_WIDTH = 0x012,
	LODE_LINUX_PARAMS_HEIGHT = 0x014,
	LODE_LINUX_PARAMS_DEPTH = 0x016,
	LODE_LINUX_PARAMS_BASE = 0x018,
	LODE_LINUX_PARAMS_LFB_SIZE = 0x01c, /* in units of 64 KiB */
	LODE_LINUX_PARAMS_PITCH = 0x024,
	LODE_LINUX_PARAMS_COLOURS = 0x026,  /* red, green, blue: size and position, a byte each */
	LODE_LINUX_PARAMS_CAPABILITIES = 0x036,
	LODE_LINUX_PARAMS_BASE_HIGH = 0x03a,
	LODE_LINUX_PARAMS_RSDP = 0x070,
	LODE_LINUX_PARAMS_RAMDISK_HIGH = 0x0c0,
	LODE_LINUX_PARAMS_RAMDISK_SIZE_HIGH = 0x0c4,
	LODE_LINUX_PARAMS_CMDLINE_HIGH = 0x0c8,
	LODE_LINUX_PARAMS_E820_COUNT = 0x1e8,
	LODE_LINUX_PARAMS_E820 = 0x2d0,
	LODE_LINUX_PARAMS_SIZE = 0x1000,
	LODE_LINUX_E820_SIZE = 20,
	LODE_LINUX_E820_MOST = 128,
};
/* setup_data: next, type, length, bytes. */
enum { LODE_LINUX_SETUP_NEXT = 0, LODE_LINUX_SETUP_TYPE = 8, LODE_LINUX_SETUP_LENGTH = 12, LODE_LINUX_SETUP_BYTES = 16 };
enum { LODE_LINUX_SETUP_E820_EXT = 1, LODE_LINUX_SETUP_RNG_SEED = 9 };
/* Video: a linear frame buffer; its address has 64 bits. */
enum { LODE_LINUX_VIDEO_VLFB = 0x23, LODE_LINUX_VIDEO_64BIT_BASE = 2 };

/** A bzImage's setup header, decoded. Fields that its version lacks have the values that the protocol says they stand for. */
struct lode_linux {
	uint16_t version; /* major << 8 | minor */
	uint8_t loadflags;
	uint16_t xloadflags;
	bool relocatable;
	uint32_t setup_size;  /* bytes in front of the system, which is what is loaded */
	uint64_t system_size; /* bytes of the system that the file has */
	uint64_t pref_address;
	uint32_t init_size;   /* memory that the system needs until it runs, from where it is loaded */
	uint32_t alignment;
	uint32_t cmdline_size; /* most characters */
	uint32_t initrd_last;  /* highest address */
	struct lode_extent payload; /* the compressed vmlinux; size 0: not told */
	uint32_t header_size;
	unsigned char header[LODE_LINUX_HEADER_END - LODE_LINUX_SETUP_SECTS]; /* as in the file, header_size bytes */
};

/**
 * lode_linux_read - the setup header of a bzImage, of any version from 2.00 on
 * @source: the file; its size may be LODE_SIZE_UNKNOWN if the header tells it (from 2.04 on)
 * Errors: start-linux-none; start-linux-truncated, and then @linux_ is what the header says; source-*.
 */
int lode_linux_read(struct lode_linux *linux_, const struct lode_source *source, struct lode_diag *why);

/**
 * lode_start_linux - a bzImage by its 64-bit entry: its own code unpacks it
 * @linux_: from lode_linux_read
 * All modules together are the initrd. The system lies where it prefers to or, if it is relocatable, at the next place it takes.
 * Errors: start-linux-low, start-linux-16bit (what has no 64-bit entry), start-linux-align, start-*, machine-*, room-*.
 */
int lode_start_linux(struct lode_start *start, const struct lode_linux *linux_, const struct lode_machine *machine,
	struct lode_diag *why);

/**
 * lode_start_elf64 - a vmlinux, or any ELF64 kernel, by its e_entry in long mode
 * @kernel: the image, and its plan of the domain LODE_PHYSICAL
 * Memory is mapped at its own addresses; rsi holds the address of boot_params. What VMMs agree upon for kernels without another
 * protocol. Errors: start-*, machine-*, room-*.
 */
int lode_start_elf64(struct lode_start *start, const struct lode_kernel *kernel, const struct lode_machine *machine,
	struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
