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
 * @protocol, @image, @source: the caller's; borrowed. image is NULL if the file is no ELF file: then by LINUX, MULTIBOOT or MULTIBOOT2
 * @policy: how the image is to be planned, its base included; flags may be added
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
 * @machine: where a kernel that may lie anywhere lies by its random bytes (lode_rust_base)
 * Errors: those of lode_pvh_find, lode_linux_read, lode_multiboot_find, lode_multiboot2_find, lode_limine_find, lode_rust_find.
 */
int lode_boot_read(struct lode_boot *boot, const struct lode_machine *machine, struct lode_diag *why);

/**
 * lode_boot_start - the start state
 * @plan: of the image by boot->policy; NULL for LINUX and for a file that is no ELF file
 * Errors: those of lode_start_pvh, lode_start_linux, lode_start_multiboot and so on.
 */
int lode_boot_start(struct lode_start *start, const struct lode_boot *boot, const struct lode_plan *plan,
	const struct lode_machine *machine, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
