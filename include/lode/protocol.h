/* SPDX-License-Identifier: MIT */
/* Which boot protocol a file speaks, and how its image is to be planned for it. */
#ifndef LODE_PROTOCOL_H
#define LODE_PROTOCOL_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * lode_protocol_offered - does a file bear the mark of a protocol?
 * @image: opened, or NULL if the file is no ELF file
 * @source: the file
 * The marks are a bzImage's header, bootloader_api's configuration, Limine's tag or requests (neither is searched for in Linux,
 * which is large), a Multiboot header, a PVH note; of LODE_PROTOCOL_ELF64, that it is an ELF64 program for x86-64 without an
 * interpreter. A mark that is there and wrong counts: the protocol's own function then says what is wrong. One for another
 * machine does not.
 * Returns 1 or 0, or a negative status with *why. Errors: source-*.
 */
int lode_protocol_offered(enum lode_protocol protocol, const struct lode_image *image, const struct lode_source *source,
	struct lode_diag *why);

/**
 * lode_protocol_find - the protocol by which a file is best started
 * @image, @source: as for lode_protocol_offered, which is asked in turn
 * From what says most about itself to what says nothing: bzImage, bootloader_api, Limine, Multiboot 2, Multiboot 1, PVH, ELF64.
 * LODE_OK, or a status with *why; then @protocol is LODE_PROTOCOL_NONE.
 * Errors: start-none, source-*.
 * Ref: Linux boot 1.1 (header), PVH, Multiboot 3.1, Multiboot2 3.1, Limine, bootloader_api.
 */
int lode_protocol_find(enum lode_protocol *protocol, const struct lode_image *image, const struct lode_source *source,
	struct lode_diag *why);

/** "pvh", "linux", "elf64", "multiboot", "multiboot2", "limine", "rust"; "" for none, and for what is no protocol. */
const char *lode_protocol_name(enum lode_protocol protocol);

/**
 * lode_protocol_policy - how to plan the image for a protocol: domain, use, who relocates, addresses that are allowed
 * For Limine and bootloader_api set base to what lode_limine_find, lode_rust_find say; lode_boot_read does all of this.
 * A bzImage is not planned; LODE_PROTOCOL_LINUX has the policy of a kernel by its physical addresses, as what is in it wants.
 */
struct lode_policy lode_protocol_policy(enum lode_protocol protocol);

#ifdef __cplusplus
}
#endif

#endif
