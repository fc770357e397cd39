/* SPDX-License-Identifier: MIT */
/* What the files of the Limine start state share. */
#ifndef LODE_START_LIMINE_H
#define LODE_START_LIMINE_H

#include <lode/limine.h>

#include "regions.h"

/* The protocol's descriptors: null, then code and data of 16, 32 and 64 bits. */
enum { LODE_LIMINE_CODE_ = 0x28, LODE_LIMINE_DATA_ = 0x30, LODE_LIMINE_GDT_SIZE_ = 0x38 };
#define LODE_LIMINE_CODE64_ UINT64_C(0x00209b0000000000)
#define LODE_LIMINE_DATA64_ UINT64_C(0x0000930000000000)

/* One start state under construction. */
struct lode_limine_state_ {
	struct lode_builder_ *b;
	const struct lode_limine *limine;
	const struct lode_kernel *kernel;
	uint64_t hhdm;         /* what is added to physical addresses */
	uint64_t image;        /* physical address of the image's first page */
	uint64_t file;         /* of the kernel's file, 0: not asked for */
	uint64_t entry;        /* virtual */
	uint64_t stack_size, stack, stacks; /* physical: of the first processor, and of the others */
	uint32_t max_regions;  /* room in the memory map */
	/* where things came to lie when the answers were composed: physical */
	uint64_t gdt, park, info;
	uint64_t answers[LODE_LIMINE_REQUESTS]; /* 0: none */
};

static inline bool lode_limine_asked_(const struct lode_limine_state_ *s, enum lode_limine_request id)
{
	return s->limine->requests[id].addr != 0;
}

/* Mappings of the image, of memory at its own addresses and above s->hhdm, and of the framebuffer. */
int lode_limine_map_(struct lode_limine_state_ *s);
/* For lode_start_compose_: all answers. The context is a struct lode_limine_state_. */
void lode_limine_compose_(struct lode_form_ *form, void *context);
/* The same for those that take more than a line. */
void lode_limine_memory_(struct lode_form_ *form, struct lode_limine_state_ *s);
void lode_limine_screen_(struct lode_form_ *form, struct lode_limine_state_ *s);
void lode_limine_files_(struct lode_form_ *form, struct lode_limine_state_ *s);
void lode_limine_processors_(struct lode_form_ *form, struct lode_limine_state_ *s);
/* Room for an answer: its revision is 0. */
uint64_t lode_limine_answer_(struct lode_form_ *form, struct lode_limine_state_ *s, enum lode_limine_request id, uint64_t size);

#endif
