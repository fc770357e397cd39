/* SPDX-License-Identifier: MIT */
/* A space of memory mappings in the calling process: mmap, mprotect, munmap. For Linux >= 4.17 (MAP_FIXED_NOREPLACE). */
#ifndef LODE_POSIX_H
#define LODE_POSIX_H

#include <lode/space.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct lode_mappings - where an image is mapped in this process
 * @fd: descriptor of the file that share runs are mapped from, or -1: plan without LODE_PLAN_SHARE. Borrowed; not needed after the
 *      placing
 * @file_offset: byte of @fd at which the image begins; a multiple of the page size
 * @reserved: addresses that lode_mappings_reserve took; size 0: begin takes the plan's span itself
 * @span: of the placing under way, or done
 * @error: errno of the call that failed last
 *
 * Set @fd, zero the rest. After a failed lode_place nothing of it is mapped; what was reserved before is reserved still. Should the
 * kernel have no memory to put the reservation back (mmap's errno is in @error then), what was placed there stays until release.
 */
struct lode_mappings {
	int fd;
	uint64_t file_offset;
	struct lode_range reserved;
	struct lode_range span;
	int error;

	uint64_t page_; /* where the last bytes were put */
};

/**
 * lode_mappings_reserve - let the kernel choose where a position-independent image goes
 * @base: for policy.base: begin of the reserved addresses
 * @span: from lode_plan_span
 * The addresses are mapped without any access. Returns LODE_OK; LODE_ERR_IO with mappings->error, an errno of mmap; or LODE_ERR_USE
 * with EINVAL if the span's alignment or size is no multiple of this machine's page size, EBUSY if addresses are reserved or an
 * image is placed already: release them first.
 */
int lode_mappings_reserve(struct lode_mappings *mappings, uint64_t *base, const struct lode_span *span);

/**
 * lode_mappings_space - callbacks over the mappings; @mappings is borrowed
 *
 * begin maps the span without access, at its exact addresses, and fails if anything lies there already. Pages between runs
 * stay without access. The machine's page size has to divide the plan's: spans, runs and permissions of parts of a page are refused
 * with EINVAL, a second image before the first is released with EBUSY. A file that has become shorter is found out by
 * process_vm_readv(2), where that is allowed, and refused with EFAULT; one that becomes shorter later raises SIGBUS where its pages
 * are touched.
 * commit keeps all; lode_mappings_release takes it away.
 */
struct lode_space lode_mappings_space(struct lode_mappings *mappings);

/** Unmap the placed image and what was reserved for it. */
void lode_mappings_release(struct lode_mappings *mappings);

#ifdef __cplusplus
}
#endif

#endif
