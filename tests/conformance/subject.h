/* SPDX-License-Identifier: MIT */
/* What the conformance suite asks of a space under test, beside struct lode_space itself: to be looked at from outside. */
#ifndef LODE_TESTS_SUBJECT_H
#define LODE_TESTS_SUBJECT_H

#include <lode/lode.h>

#include "mkelf.h"

enum { SUBJECT_NO_PROT = -1 };

/** One kind of destination. The suite calls choose, open, then lode_place_relocated, then same or look, then close. */
struct subject {
	const char *name;
	bool shares;          /* it has a share callback */
	bool never_relocates; /* it has no read callback */
	bool fixed_addresses; /* it can hold an image at any address, not only where choose says */
	bool anywhere;        /* the kernel chooses addresses: on a 64-bit machine too high for 32-bit images */
	/** Base for a position-independent image of this size and alignment, below 4 GiB if @low. False: there is none. */
	bool (*choose)(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low);
	/** Make a destination that takes this plan, whose file is @file. */
	struct lode_space (*open)(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file);
	/** The destination is as it was after open. */
	bool (*same)(struct subject *subject);
	/** Nothing but [addr, addr + size) differs from what it was after open. */
	bool (*same_beside)(struct subject *subject, const struct lode_range *span);
	/** Permissions of the page at @addr: LODE_PF_*, or SUBJECT_NO_PROT: the space keeps none. Those
	 * in @hidden cannot be seen. */
	int (*prot)(struct subject *subject, uint64_t addr);
	/** Bytes as placed, whatever the permissions are. Called after prot. */
	void (*look)(struct subject *subject, uint64_t addr, void *bytes, size_t size);
	void (*close)(struct subject *subject);
	/** The file that bytes are read of loses all of them, or NULL: they come from the plan's source. Called after open. */
	void (*lose)(struct subject *subject);
	uint32_t hidden;
	uint32_t between; /* permissions of the span's pages that lie between runs */
	void *state;
};

extern struct subject subject_arena, subject_array, subject_array_without_undo, subject_mappings, subject_reserved_mappings,
	subject_exec;
enum { SUBJECTS_PAGED = 4 };
extern struct subject subjects_paged[SUBJECTS_PAGED];

/* Shared by those whose destination is this process. */
bool subject_choose_free(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low);
int subject_prot(struct subject *subject, uint64_t addr);
void subject_look(struct subject *subject, uint64_t addr, void *bytes, size_t size);
enum { SUBJECT_PICTURE = 1 << 16, SUBJECT_NEIGHBOURS = 2 * SUBJECT_PICTURE };
/** The lines of /proc/self/maps that touch a range, cut to it, so that neighbours that merge with it do not show. */
void subject_picture(char *text, const struct lode_range *span);
/** The same of the megabyte on each side of the range. */
void subject_neighbours(char *text, const struct lode_range *span);

#endif
