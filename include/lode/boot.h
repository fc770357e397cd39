/* SPDX-License-Identifier: MIT */
/* A kernel file and a boot protocol's name -> its start state: one road for all protocols, by the functions of each. */
#ifndef LODE_BOOT_H
#define LODE_BOOT_H

#include <lode/limine.h>
#include <lode/linux.h>
#include <lode/multiboot2.h>
#include <lode/protocol.h>
#include <lode/pvh.h>
#include <lode/rust.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct lode_boot - a kernel on its way
 * @protocol: not LODE_PROTOCOL_NONE; from lode_protocol_find, or the caller's wish
 * @image, @source: from lode_open, and the file that it was opened from; borrowed until lode_boot_start has returned. image is NULL
 *                  if the file is no ELF file: then protocol is LINUX, MULTIBOOT or MULTIBOOT2
 * @policy: filled in by lode_boot_read: how the image is to be planned, its base included; the caller may add flags
 * @found: filled in by lode_boot_read, the member of the protocol's name; none for LODE_PROTOCOL_ELF64
 */
struct lode_boot {
	enum lode_protocol protocol;
	const struct lode_image *image;
	const struct lode_source *source;

	struct lode_policy policy;
	union {
		struct lode_pvh pvh;
		struct lode_linux linux_;
		struct lode_multiboot multiboot;
		struct lode_multiboot2 multiboot2;
		struct lode_limine limine;
		struct lode_rust rust;
	} found;
};

/**
 * lode_boot_read - what the protocol's own parser finds, and the policy
 * @boot: protocol, image and source are set
 * @machine: only its random bytes are looked at, which choose the base of a kernel that may lie anywhere (lode_rust_base)
 * LODE_OK, or a status with *why; then found and policy mean nothing. Reads the file, writes nothing but @boot.
 * Errors: those of lode_pvh_find, lode_linux_read, lode_multiboot_find, lode_multiboot2_find, lode_limine_find, lode_rust_find.
 * Ref: PVH, Linux boot, Multiboot, Multiboot2, Limine, bootloader_api.
 */
int lode_boot_read(struct lode_boot *boot, const struct lode_machine *machine, struct lode_diag *why);

/**
 * lode_boot_start - the start state
 * @start: its arrays are the caller's: LODE_START_PARTS and LODE_START_MAPPINGS entries are always enough
 * @boot: after lode_boot_read
 * @plan: of the image by boot->policy; NULL for LINUX and for a file that is no ELF file
 * @machine: the same as for lode_boot_read
 * LODE_OK, or a status with *why; then @start means nothing. Nothing is placed: the host does that, by the parts.
 * Errors: those of lode_start_pvh, lode_start_linux, lode_start_multiboot and so on: start-*, machine-*, room-*, source-*.
 * Ref: as lode_boot_read.
 */
int lode_boot_start(struct lode_start *start, const struct lode_boot *boot, const struct lode_plan *plan,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
