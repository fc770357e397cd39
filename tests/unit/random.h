/* SPDX-License-Identifier: MIT */
/* Seeded numbers -> small images with segments at, around and across page edges, as real files that lode_open reads. */
#ifndef LODE_TESTS_RANDOM_H
#define LODE_TESTS_RANDOM_H

#include "model.h"

enum { RANDOM_HEADERS = 1024, RANDOM_SPREAD = 11 }; /* pages that segments begin and end in */

/** What an image is to be like. */
struct random_wish {
	uint64_t seed;
	uint64_t page;
	bool apart;     /* segments do not lie over each other */
	bool congruent; /* offsets fit addresses modulo the page */
	bool physical;  /* p_paddr is what counts, p_vaddr lies elsewhere */
};

/** An address at, next to or between page edges. */
static inline uint64_t random_place(uint64_t *seed, uint64_t page)
{
	uint64_t edge = page * (1 + random_below(seed, RANDOM_SPREAD - 1));

	switch (random_below(seed, 6)) {
	case 0: return edge;
	case 1: return edge + 1;
	case 2: return edge - 1;
	case 3: return edge + 16 * random_below(seed, 8);
	default: return edge - random_below(seed, page);
	}
}

static inline void random_sort(uint64_t *at, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = i; k > 0 && at[k] < at[k - 1]; k--) {
			uint64_t swap = at[k];

			at[k] = at[k - 1];
			at[k - 1] = swap;
		}
}

static inline void random_segment(struct model_segment *s, struct random_wish *wish, uint64_t begin, uint64_t end)
{
	static const uint32_t flags[] = {4, 5, 6, 6, 4, 5, 7, 0, 2, 1};
	uint64_t page = wish->page, whole = begin - begin % page + page * random_below(&wish->seed, RANDOM_SPREAD);

	*s = (struct model_segment){.addr = begin, .memsz = end - begin, .flags = flags[random_below(&wish->seed, 10)]};
	switch (random_below(&wish->seed, 5)) {
	case 0: s->filesz = 0; break;
	case 1: s->filesz = s->memsz; break;
	case 2: s->filesz = whole > begin && whole < end ? whole - begin : s->memsz; break;
	default: s->filesz = s->memsz ? random_below(&wish->seed, s->memsz) : 0; break;
	}
	s->offset = page * (1 + random_below(&wish->seed, 3)) + (wish->congruent ? begin % page : random_below(&wish->seed, page));
}

/** Segments with ends among 2n sorted places, then shuffled a little; or anywhere. */
static inline void random_image(struct model_image *image, struct random_wish *wish)
{
	uint64_t at[2 * MODEL_SEGMENTS];

	image->n = 1 + (uint32_t)random_below(&wish->seed, MODEL_SEGMENTS);
	for (uint32_t i = 0; i < 2 * image->n; i++)
		at[i] = random_place(&wish->seed, wish->page);
	if (wish->apart)
		random_sort(at, 2 * image->n);
	for (uint32_t i = 0; i < image->n; i++) {
		random_sort(&at[2 * i], 2);
		random_segment(&image->segments[i], wish, at[2 * i], at[2 * i + 1]);
	}
	for (uint32_t i = 0; i < image->n && random_below(&wish->seed, 2); i++) {
		uint64_t k = random_below(&wish->seed, image->n);
		struct model_segment swap = image->segments[i];

		image->segments[i] = image->segments[k];
		image->segments[k] = swap;
	}
}

/** The image as a file: headers in front, a pattern behind, and every segment where it says. */
static inline void random_write(struct file *f, struct model_image *image, const struct random_wish *wish, uint8_t class_,
	uint16_t type)
{
	static struct mkelf_segment loads[MODEL_SEGMENTS + 1];
	struct mkelf elf = {.class_ = class_, .type = type, .segments = loads, .nsegments = image->n + 1, .tables = MKELF_NOWHERE};
	uint64_t size = RANDOM_HEADERS;

	for (uint32_t i = 0; i < image->n; i++) {
		const struct model_segment *s = &image->segments[i];

		loads[i] = (struct mkelf_segment){.type = LODE_PT_LOAD, .flags = s->flags};
		if (s->memsz && s->offset + s->filesz > size)
			size = s->offset + s->filesz;
	}
	size += wish->seed % 3 ? wish->seed % wish->page : 0;
	loads[image->n] = (struct mkelf_segment){.type = LODE_PT_NULL, .size = size};
	mkelf_write(&f->out, &elf);
	f->out.size = (size_t)size;
	for (uint32_t i = 0; i < image->n; i++) {
		const struct model_segment *s = &image->segments[i];

		mkelf_set(&f->out, MKELF_PHDR, i, "p_offset", s->offset);
		mkelf_set(&f->out, MKELF_PHDR, i, wish->physical ? "p_paddr" : "p_vaddr", s->addr);
		mkelf_set(&f->out, MKELF_PHDR, i, wish->physical ? "p_vaddr" : "p_paddr", UINT64_C(0x40000000) - s->addr);
		mkelf_set(&f->out, MKELF_PHDR, i, "p_filesz", s->filesz);
		mkelf_set(&f->out, MKELF_PHDR, i, "p_memsz", s->memsz);
	}
	file_rewind_(f);
	image->file = f->out.bytes;
	image->file_size = f->out.size;
}

#endif
