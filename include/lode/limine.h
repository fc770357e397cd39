/* SPDX-License-Identifier: MIT */
/* The Limine boot protocol, base revisions 0 to 6: requests in the kernel's own memory are answered; entered in 64-bit mode with
 * page tables of the protocol's layout. Ref: Limine. */
#ifndef LODE_LIMINE_H
#define LODE_LIMINE_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words that mark what the protocol looks for, at multiples of 8 in the file part of loaded segments. */
#define LODE_LIMINE_COMMON0 UINT64_C(0xc7b1dd30df4c8b88)
#define LODE_LIMINE_COMMON1 UINT64_C(0x0a82e883a194f07b)
#define LODE_LIMINE_BASE0 UINT64_C(0xf9562b2d5c95a6c8)
#define LODE_LIMINE_BASE1 UINT64_C(0x6a7b384944536bdc)
#define LODE_LIMINE_START0 UINT64_C(0xf6b8f4b39de7d1ae)
#define LODE_LIMINE_START1 UINT64_C(0xfab91a6940fcb9cf)
#define LODE_LIMINE_END0 UINT64_C(0xadc0e0531bb10d03)
#define LODE_LIMINE_END1 UINT64_C(0x9572709f31764c62)
#define LODE_LIMINE_UPPER UINT64_C(0xffffffff80000000)
#define LODE_LIMINE_HHDM4 UINT64_C(0xffff800000000000)
#define LODE_LIMINE_HHDM5 UINT64_C(0xff00000000000000)
/* Base revisions: the only one with physical addresses of the RSDP, the first that leaves SSE off, the newest that is known. */
enum { LODE_LIMINE_RSDP_PHYSICAL = 3, LODE_LIMINE_NO_SSE = 5, LODE_LIMINE_NEWEST = 6 };

/* A request: four words of id, then these. */
enum { LODE_LIMINE_REVISION = 32, LODE_LIMINE_RESPONSE = 40, LODE_LIMINE_WORDS = 48, LODE_LIMINE_REQUEST = 72 };

/* LODE_LIMINE_REQUEST_(id, third word, fourth word): the requests that are known. */
#define LODE_LIMINE_LIST(X) \
	X(MEMMAP, 0x67cf3d9d378a806f, 0xe304acdfc50c3c62) \
	X(FRAMEBUFFER, 0x9d5827dcd881dd75, 0xa3148604f6fab11b) \
	X(HHDM, 0x48dcf1cb8ad2b852, 0x63984e959a98244b) \
	X(RSDP, 0xc5e77b6b397e7b43, 0x27637845accdcf3c) \
	X(MODULES, 0x3e7e279702be32af, 0xca1c4f3bd1280cee) \
	X(ADDRESS, 0x71ba76863cc55f63, 0xb2644a48c516a487) \
	X(FILE, 0xad97e90e83f1ed67, 0x31eb5d1c5ff23b69) \
	X(MP, 0x95a67b819a1b857e, 0xa0b61b723b6a73e0) \
	X(STACK_SIZE, 0x224ef0460a8e8926, 0xe1cb0fc25f46ea3d) \
	X(BOOTLOADER, 0xf55038d8e2a1202f, 0x279426fcf5f59740) \
	X(DATE, 0x502746e184c088aa, 0xfbc5ec83e6327893) \
	X(CMDLINE, 0x4b161536e598651e, 0xb390ad4a2f1f303a) \
	X(PAGING_MODE, 0x95c1a0edab0944cb, 0xa4e5cb3842f7488a) \
	X(SMBIOS, 0x9e9046f11e095391, 0xaa4a520fefbde5ee) \
	X(ENTRY, 0x13d86c035a1cd3e1, 0x2b0caa89d8f3026a) \
	X(FIRMWARE, 0x8c2f75d90bef28a8, 0x7045a4688eac00c3) \
	X(TSC_FREQUENCY, 0x10f2ee1d87d195e4, 0xf747a2b78f6ddb31) \
	X(ENTROPY, 0x65ea80255d5682c5, 0x9117240723f493eb) \
	/* found, but never answered: what they ask for is not there */ \
	X(DTB, 0xb40ddb48fb54bac7, 0x545081493f81ffb7) \
	X(EFI_SYSTEM_TABLE, 0x5ceba5163eaaf6d6, 0x0a6981610cf65fcc) \
	X(EFI_MEMMAP, 0x7df62a431d6872d5, 0xa4fcdfb3e57306c8) \
	X(PERFORMANCE, 0x6b50ad9bf36d13ad, 0xdc4c7e88fc759e17) \
	X(RISCV_HART, 0x1369359f025525f9, 0x2ff2a56178391bb6) \
	X(TPM_LOG, 0x98e094fc7e76e979, 0xee8d8775c54e1d1f) \
	X(KEEP_IOMMU, 0x8ebaabe51f490179, 0x2aa86a59ffb4ab0f) \
	X(FLANTERM, 0x3259399fe7c5f126, 0xe01c1c8c5db9d1a9)

enum lode_limine_request {
#define LODE_LIMINE_REQUEST_(id, third, fourth) LODE_LIMINE_##id,
	LODE_LIMINE_LIST(LODE_LIMINE_REQUEST_)
#undef LODE_LIMINE_REQUEST_
	LODE_LIMINE_REQUESTS,
};

/** The request with these words as the third and fourth of its id; LODE_LIMINE_REQUESTS: none that is known. */
uint32_t lode_limine_request_of(uint64_t third, uint64_t fourth);

/* Types of memory map entries. */
enum {
	LODE_LIMINE_MEMMAP_USABLE = 0,
	LODE_LIMINE_MEMMAP_RESERVED = 1,
	LODE_LIMINE_MEMMAP_ACPI_RECLAIMABLE = 2,
	LODE_LIMINE_MEMMAP_ACPI_NVS = 3,
	LODE_LIMINE_MEMMAP_BAD_MEMORY = 4,
	LODE_LIMINE_MEMMAP_BOOTLOADER_RECLAIMABLE = 5,
	LODE_LIMINE_MEMMAP_EXECUTABLE_AND_MODULES = 6,
	LODE_LIMINE_MEMMAP_FRAMEBUFFER = 7,
	LODE_LIMINE_MEMMAP_RESERVED_MAPPED = 8, /* from base revision 4 on */
};

/* Responses and what they point at, as sizes; every response begins with a revision of 8 bytes. */
enum {
	LODE_LIMINE_MEMMAP_ENTRY = 24, /* base, length, type */
	LODE_LIMINE_FB = 80,
	LODE_LIMINE_FB_MODE = 40,
	LODE_LIMINE_FILE_SIZE = 112,
	LODE_LIMINE_MP_INFO = 32,
};
/* struct limine_framebuffer, struct limine_file, struct limine_mp_info. */
enum { LODE_LIMINE_FB_BPP = 32, LODE_LIMINE_FB_MODEL = 34, LODE_LIMINE_FB_COLOURS = 35, LODE_LIMINE_FB_MODE_COUNT = 64,
	LODE_LIMINE_FB_MODES = 72 };
enum { LODE_LIMINE_FILE_ADDR = 8, LODE_LIMINE_FILE_BYTES = 16, LODE_LIMINE_FILE_PATH = 24, LODE_LIMINE_FILE_STRING = 32 };
enum { LODE_LIMINE_MP_UID = 0, LODE_LIMINE_MP_LAPIC = 4, LODE_LIMINE_MP_GOTO = 16 };

/** A request in the file. */
struct lode_limine_found {
	uint64_t addr;     /* virtual, as linked; 0: it is not there */
	uint64_t offset;   /* in the file */
	uint64_t revision;
	uint64_t words[3]; /* what follows the response pointer, as far as the file part goes */
};

/** What a kernel asks for. */
struct lode_limine {
	uint64_t revision; /* base revision; without a tag 0 */
	uint64_t tag;      /* virtual address of the base revision tag as linked; 0: none */
	uint64_t base;     /* policy.base for the plan of a position-independent kernel */
	uint32_t count, unknown; /* requests, and those among them that are not known */
	struct lode_limine_found requests[LODE_LIMINE_REQUESTS];
};

/**
 * lode_limine_find - base revision tag, markers and requests
 * @image: ELF64, x86-64; sections are not needed
 * From base revision 2 on only requests between the last start marker and the first end marker count.
 * Errors: start-limine-none (neither tag nor request), start-limine-twice, start-limine-revision (newer than LODE_LIMINE_NEWEST),
 * start-limine-address (segments outside the upper 2 GiB that cannot be moved there), start-machine, source-*.
 */
int lode_limine_find(struct lode_limine *limine, const struct lode_image *image, struct lode_diag *why);

/**
 * lode_start_limine - the start state of a Limine kernel
 * @limine: from lode_limine_find
 * @kernel: the image and its plan of the domain LODE_VIRTUAL, at limine->base if it is position-independent
 * The image lies in one piece of physical memory. Requests that the machine has no answer for are left as they are.
 * Errors: start-limine-paging (five levels demanded), start-*, machine-*, room-*.
 */
int lode_start_limine(struct lode_start *start, const struct lode_limine *limine, const struct lode_kernel *kernel,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
