/* SPDX-License-Identifier: MIT */
/* One description of a machine, from which every boot protocol's start state is made, and that state as data: registers, ranges of
 * memory with their bytes, mappings. x86 only. */
#ifndef LODE_MACHINE_H
#define LODE_MACHINE_H

#include <lode/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What goes in
 */

/** Kinds of memory; the values are E820's where it has one. */
enum lode_memory_type {
	LODE_MEMORY_USABLE = 1,
	LODE_MEMORY_RESERVED = 2,
	LODE_MEMORY_ACPI = 3,        /* ACPI tables: reclaimable */
	LODE_MEMORY_NVS = 4,
	LODE_MEMORY_BAD = 5,
	LODE_MEMORY_PERSISTENT = 7,
	LODE_MEMORY_FIRMWARE = 256,  /* tables and code of the firmware; to protocols that do not know it: reserved */
};

/** A range of physical addresses, in bytes, of one kind. */
struct lode_memory_entry {
	uint64_t addr;
	uint64_t size;
	enum lode_memory_type type;
};

#define LODE_ANYWHERE UINT64_MAX

/** A file beside the kernel: initrd, dom0 kernel, driver. Its bytes are the host's business, its place is decided here. */
struct lode_module {
	uint64_t size;
	uint64_t addr;       /* physical, or LODE_ANYWHERE */
	const char *cmdline; /* NULL: "" */
	const char *path;    /* for protocols that tell it; NULL: "" */
};

/** A field of a pixel: bits, and the position of the lowest. */
struct lode_colour {
	uint8_t size, shift;
};

/** Pixels in memory, the upper left one first, lines from top to bottom. */
struct lode_framebuffer {
	uint64_t addr; /* physical */
	uint32_t width, height; /* pixels */
	uint32_t pitch;         /* bytes a line */
	uint16_t bpp;           /* bits a pixel */
	struct lode_colour red, green, blue;
};

/**
 * The machine that the kernel will find. Zero-initialise, then set what is there; all is borrowed until the start state is built.
 */
struct lode_machine {
	const struct lode_memory_entry *memory; /* ascending, disjoint, none empty */
	const struct lode_range *reserved; /* usable memory that nothing may be put into: the host's own tables */
	const struct lode_module *modules;
	const uint32_t *apic_ids; /* of the processors, the one that boots first; NULL: one with id 0 */
	const struct lode_framebuffer *framebuffer; /* NULL: none. It lies outside usable memory */
	uint32_t nmemory, nreserved, nmodules, ncpus;
	const char *cmdline;    /* of the kernel; NULL: "" */
	const char *path;       /* of the kernel, for protocols that tell it; NULL: "" */
	const unsigned char *random; /* entropy for the kernel (or for its addresses), or NULL: the same bytes, the same start */
	uint32_t nrandom;
	uint32_t rsdp_size;
	const unsigned char *rsdp_bytes; /* the RSDP's own bytes, for protocols that copy it (Multiboot 2); or NULL */
	uint64_t rsdp;          /* physical address; 0: no ACPI */
	uint64_t smbios32, smbios64; /* physical addresses of the entry points; 0: none */
	int64_t date;           /* seconds since 1970 at boot; 0: unknown */
	uint64_t tsc_hz;        /* 0: unknown */
	bool x2apic;            /* the local APICs are in x2APIC mode when the kernel starts, if it allows that */
	bool la57;              /* five levels of page tables may be used */
	bool no_bios;           /* nobody ran before: kernels by Multiboot find what a BIOS leaves at 400h (low memory, COM1) */
};

/*
 * What comes out
 */

/** How a kernel wants to be entered. docs/refs.md says which edition of each counts. */
enum lode_protocol {
	LODE_PROTOCOL_NONE,
	LODE_PROTOCOL_PVH,
	LODE_PROTOCOL_LINUX,      /* bzImage by its 64-bit entry */
	LODE_PROTOCOL_ELF64,      /* vmlinux or any ELF64 kernel: long mode, rsi = boot_params */
	LODE_PROTOCOL_MULTIBOOT,
	LODE_PROTOCOL_MULTIBOOT2,
	LODE_PROTOCOL_LIMINE,
	LODE_PROTOCOL_RUST,       /* bootloader_api 0.11 */
};

/** A segment register: its selector, and the descriptor that was loaded by it (0: a null selector). */
struct lode_selector {
	uint16_t selector;
	uint64_t descriptor;
};

/** A segment descriptor's base: a physical or linear address below 4 GiB. Ref: Intel SDM volume 3A, 3.4.5. */
static inline uint32_t lode_descriptor_base(uint64_t descriptor)
{
	return (uint32_t)(descriptor >> 16 & 0xffffff) | (uint32_t)(descriptor >> 32 & 0xff000000);
}

/** The last offset of a segment, in bytes: the granularity bit is worked in. Ref: Intel SDM volume 3A, 3.4.5. */
static inline uint32_t lode_descriptor_limit(uint64_t descriptor)
{
	uint32_t limit = (uint32_t)(descriptor & 0xffff) | (uint32_t)(descriptor >> 32 & 0xf0000);

	return descriptor >> 55 & 1 ? limit << 12 | 0xfff : limit;
}

/** Bits 0 to 7: type, S, DPL, P; bits 12 to 15: AVL, L, D/B, G. As VMX and KVM lay them out. Ref: Intel SDM volume 3C, 24.4.1. */
static inline uint32_t lode_descriptor_access(uint64_t descriptor)
{
	return (uint32_t)(descriptor >> 40 & 0xf0ff);
}

/** GDTR or IDTR: a linear address, and the offset of the last byte. */
struct lode_table {
	uint64_t base;
	uint16_t limit;
};

/** What a processor holds when it executes the kernel's first instruction. */
struct lode_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8_r15[8];
	uint64_t rip, rflags;
	uint64_t cr0, cr3, cr4, efer;
	uint64_t pat; /* IA32_PAT */
	struct lode_selector cs, ds, es, fs, gs, ss, tr, ldtr;
	struct lode_table gdtr, idtr;
};

/** Where the bytes of a part come from. */
enum lode_content {
	LODE_CONTENT_BYTES,   /* start->bytes + offset */
	LODE_CONTENT_IMAGE,   /* the planned image: plan address @offset comes to lie at @addr. Placed by the host */
	LODE_CONTENT_FILE,    /* the kernel's file from @offset on. Copied by the host */
	LODE_CONTENT_MODULE,  /* module @index. Copied by the host */
	LODE_CONTENT_ZERO,    /* zeros */
	LODE_CONTENT_WORD,    /* the 8 bytes of the number @offset, little-endian */
	LODE_CONTENT_NOTHING, /* as it was: kept free, or filled by the host */
};

/**
 * A range of physical memory with a purpose. Parts are in the order in which they are to be written: those that correct a few
 * bytes of the image (@patch) stand behind it. All others are disjoint and lie in usable memory.
 */
struct lode_part {
	uint64_t addr;
	uint64_t size;
	uint64_t offset;
	enum lode_field what; /* its structure is the part's name: lode_field_structure() */
	uint32_t index;       /* which module, segment or section; LODE_NO_INDEX: there is only one */
	enum lode_content content;
	bool patch;
};

/** Caching of a mapping. The values are entries of the PAT that lode_registers.pat holds. */
enum lode_cache {
	LODE_CACHE_WRITE_BACK = 0,
	LODE_CACHE_WRITE_COMBINING = 5,
};

/** Virtual addresses that the kernel finds mapped: whole 4 KiB pages. Mappings are disjoint, in no order. */
struct lode_start_mapping {
	uint64_t addr;
	uint64_t phys;
	uint64_t size;
	uint32_t prot; /* LODE_PF_*; 0: the addresses are kept free (a guard page), nothing is mapped */
	enum lode_cache cache;
	enum lode_field what;
};

/** What the other processors find, if the protocol starts them: registers as the first one's but for these. */
struct lode_others {
	uint32_t count;         /* 0: they wait for INIT and SIPI */
	uint64_t rip;
	uint64_t rdi, rdi_step; /* of the first of them, and what each further one adds */
	uint64_t rsp, rsp_step;
};

/** The start state. The caller sets the arrays; the rest is filled in. */
struct lode_start {
	struct lode_part *parts;
	struct lode_start_mapping *mappings;
	unsigned char *bytes; /* of the parts with LODE_CONTENT_BYTES */
	uint32_t max_parts, max_mappings;
	uint64_t max_bytes;

	uint32_t nparts, nmappings;
	uint64_t nbytes;
	enum lode_protocol protocol;
	uint64_t info;  /* physical address of the structure that the protocol hands over; 0: none */
	uint32_t levels; /* of page tables: 0 (paging is off), 4 or 5 */
	/* Paging on: pages set aside that are enough for tables of all mappings in 4 KiB and 2 MiB pages. The first is the root. */
	struct lode_range tables;
	uint64_t recursive; /* index of the root's entry that is to point at the root itself; 0: none */
	struct lode_registers registers;
	struct lode_others others;
};

/** An ELF kernel: the image and the plan that lode_place will carry out. Physical or virtual addresses, as the protocol says. */
struct lode_kernel {
	const struct lode_image *image;
	const struct lode_plan *plan;
};

/** Room that is always enough: parts for an image of @nruns runs (plan) and @nsections sections, mappings likewise. */
#define LODE_START_PARTS(nruns, machine, nsections) ((nruns) + 3u * (machine)->nmodules + (nsections) + 48u)
#define LODE_START_MAPPINGS(nruns, machine) (3u * (nruns) + 3u * (machine)->nmemory + 24u)

/**
 * lode_start_processor - registers of a processor
 * @registers: filled in if it is true
 * @start: from lode_boot_start or a protocol's own lode_start_*
 * @number: 0 is the one that boots, the others in the order of machine->apic_ids
 * False if the protocol does not start it: it waits for INIT and SIPI. Ref: Limine (MP feature).
 */
bool lode_start_processor(struct lode_registers *registers, const struct lode_start *start, uint32_t number);

/** The part that holds module @index of machine->modules, or NULL: the protocol has not taken it. O(parts). */
const struct lode_part *lode_start_module(const struct lode_start *start, uint32_t index);

/**
 * lode_start_image - physical address of a planned address, by the parts with LODE_CONTENT_IMAGE
 * @phys: filled in if it is true
 * @addr, @size: as in the plan's runs and fills, bytes
 * True if [addr, addr + size) lies in one such part. For spaces over physical memory that lode_place writes through. O(parts).
 */
bool lode_start_image(uint64_t *phys, const struct lode_start *start, uint64_t addr, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
