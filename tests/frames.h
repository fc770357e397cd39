/* SPDX-License-Identifier: MIT */
/* A host for page tables: frames out of an array, allocations that fail on demand, a picture to compare with, a naive walker. */
#ifndef LODE_TESTS_FRAMES_H
#define LODE_TESTS_FRAMES_H

#include <stdlib.h>

#include <lode/paging.h>

#include "check.h"

enum { FRAMES = 2048, FRAME_SIZE = 4096, FLUSHES = 64 };
#define FRAMES_BASE UINT64_C(0x40000000)

/** Frame i lies at FRAMES_BASE + 4096 i. */
struct frames {
	uint64_t (*memory)[FRAME_SIZE / 8];
	bool used[FRAMES];
	uint32_t count, asked; /* in use; calls of alloc */
	uint32_t fail_at;      /* this call fails, from 0; UINT32_MAX: none */
	uint32_t limit;        /* frames that there are */
	uint32_t low;          /* none below is free */
	bool no_large;
	unsigned wrong; /* frees of what was not allocated */
	struct lode_range flushed[FLUSHES];
	uint32_t nflushed, freed_at_flush; /* frames in use when the last flush happened */
	/* the picture */
	uint64_t (*old_memory)[FRAME_SIZE / 8];
	bool old_used[FRAMES];
};

static inline bool frames_in(uint64_t frame, uint64_t size)
{
	return frame >= FRAMES_BASE && frame - FRAMES_BASE <= (uint64_t)FRAMES * FRAME_SIZE - size;
}

static inline int frames_alloc(void *host, uint64_t *frame, uint64_t size)
{
	struct frames *f = host;
	uint32_t n = (uint32_t)(size / FRAME_SIZE), i, k;

	if (f->asked++ == f->fail_at || (n > 1 && f->no_large))
		return -1;
	for (i = n == 1 ? f->low : 0; i + n <= f->limit; i += n) {
		for (k = 0; k < n && !f->used[i + k]; k++)
			;
		if (k < n)
			continue;
		for (k = 0; k < n; k++) {
			f->used[i + k] = true;
			memset(f->memory[i + k], 0xdd, FRAME_SIZE);
		}
		f->count += n;
		f->low = n == 1 ? i + 1 : f->low;
		*frame = FRAMES_BASE + (uint64_t)i * FRAME_SIZE;
		return 0;
	}
	return -1;
}

static inline void frames_free(void *host, uint64_t frame, uint64_t size)
{
	struct frames *f = host;

	if (!frames_in(frame, size) || frame % FRAME_SIZE || size % FRAME_SIZE) {
		f->wrong++;
		return;
	}
	if ((frame - FRAMES_BASE) / FRAME_SIZE < f->low)
		f->low = (uint32_t)((frame - FRAMES_BASE) / FRAME_SIZE);
	for (uint64_t i = (frame - FRAMES_BASE) / FRAME_SIZE; size > 0; size -= FRAME_SIZE, i++) {
		f->wrong += !f->used[i];
		f->count -= f->used[i];
		f->used[i] = false;
		memset(f->memory[i], 0xee, FRAME_SIZE);
	}
}

static inline void *frames_pointer(void *host, uint64_t frame)
{
	struct frames *f = host;

	return frames_in(frame, FRAME_SIZE) ? f->memory[(frame - FRAMES_BASE) / FRAME_SIZE] : NULL;
}

static inline void frames_flush(void *host, uint64_t addr, uint64_t size)
{
	struct frames *f = host;

	if (f->nflushed < FLUSHES)
		f->flushed[f->nflushed] = (struct lode_range){addr, size};
	f->nflushed++;
	f->freed_at_flush = f->count;
}

/** All frames free, nothing counted. */
static inline void frames_reset(struct frames *f)
{
	*f = (struct frames){.memory = f->memory, .old_memory = f->old_memory, .fail_at = UINT32_MAX, .limit = FRAMES};
}

static inline void frames_begin(struct frames *f)
{
	f->memory = malloc(FRAMES * sizeof *f->memory);
	f->old_memory = malloc(FRAMES * sizeof *f->memory);
	if (!f->memory || !f->old_memory)
		abort();
	frames_reset(f);
}

static inline void frames_end(struct frames *f)
{
	CHECK_EQ(f->wrong, 0);
	free(f->memory);
	free(f->old_memory);
}

static inline void frames_remember(struct frames *f)
{
	memcpy(f->old_used, f->used, sizeof f->used);
	for (uint32_t i = 0; i < FRAMES; i++)
		if (f->used[i])
			memcpy(f->old_memory[i], f->memory[i], FRAME_SIZE);
}

/** The same frames are in use, with the same bytes. */
static inline bool frames_same(const struct frames *f)
{
	if (memcmp(f->old_used, f->used, sizeof f->used) != 0)
		return false;
	for (uint32_t i = 0; i < FRAMES; i++)
		if (f->used[i] && memcmp(f->old_memory[i], f->memory[i], FRAME_SIZE) != 0)
			return false;
	return true;
}

/** Tables of a format over this host, with all features. */
static inline struct lode_paging frames_paging(struct frames *f, enum lode_paging_format format)
{
	static const uint32_t bits[] = {46, 52, 48, 44, 56, 50, 56};

	return (struct lode_paging){.format = format,
		.features = LODE_PAGING_NX | LODE_PAGING_1G | LODE_PAGING_PBMT,
		.phys_bits = bits[format],
		.alloc = frames_alloc,
		.free = frames_free,
		.pointer = frames_pointer,
		.host = f};
}

enum { FORMATS = LODE_PAGING_SV57 + 1 };
static const char *const format_names[FORMATS] = {
	"x86-64", "x86-64, 5 levels", "aarch64", "aarch64, upper", "Sv39", "Sv48", "Sv57"};

/*
 * The naive walker: from the root for each address, written down from the manuals and not from the library.
 */

struct walked {
	uint64_t frame; /* of the 4 KiB at the address */
	uint64_t size;  /* of the page */
	bool r, w, x, user, global;
	uint32_t type;
};

static inline uint64_t walker_entry(struct frames *f, uint64_t table, uint64_t index)
{
	const unsigned char *bytes = frames_pointer(f, table);
	uint64_t value = 0;

	if (!bytes)
		abort();
	for (unsigned i = 8; i-- > 0;)
		value = value << 8 | bytes[8 * index + i];
	return value;
}

static inline void walker_poke(struct frames *f, uint64_t table, uint64_t index, uint64_t value)
{
	unsigned char *bytes = frames_pointer(f, table);

	if (!bytes)
		abort();
	for (unsigned i = 0; i < 8; i++)
		bytes[8 * index + i] = (unsigned char)(value >> 8 * i);
}

static inline bool walk_x86(struct walked *w, struct frames *f, uint64_t root, uint64_t addr, int levels)
{
	uint64_t table = root & UINT64_C(0xffffffffff000), e = 0;
	int shift = 12 + 9 * (levels - 1);
	bool writable = true, user = true, nx = false;

	for (;; shift -= 9) {
		e = walker_entry(f, table, addr >> shift & 511);
		if (!(e & 1))
			return false;
		writable &= e >> 1 & 1;
		user &= e >> 2 & 1;
		nx |= e >> 63;
		if (shift == 12 || (shift < 39 && e & 0x80))
			break;
		if (e & 0x80)
			return false; /* reserved */
		table = e & UINT64_C(0xffffffffff000);
	}
	*w = (struct walked){.size = UINT64_C(1) << shift, .r = true, .w = writable, .x = !nx, .user = user, .global = e >> 8 & 1};
	w->frame = (e & UINT64_C(0xffffffffff000) & ~(w->size - 1)) | (addr & (w->size - 1) & ~UINT64_C(0xfff));
	w->type = (uint32_t)(e >> 3 & 3) | (e >> (shift == 12 ? 7 : 12) & 1 ? 4 : 0);
	return true;
}

static inline bool walk_arm(struct walked *w, struct frames *f, uint64_t root, uint64_t addr)
{
	uint64_t table = root, e = 0;
	int level = 0;

	for (;; level++) {
		e = walker_entry(f, table, addr >> (39 - 9 * level) & 511);
		if (!(e & 1) || (level == 0 && !(e & 2)) || (level == 3 && !(e & 2)))
			return false;
		if (level == 3 || !(e & 2))
			break;
		table = e & UINT64_C(0xfffffffff000);
	}
	if (!(e & 1 << 10))
		return false; /* access flag fault */
	*w = (struct walked){.size = UINT64_C(1) << (39 - 9 * level), .r = true, .user = e >> 6 & 1, .w = !(e >> 7 & 1)};
	w->x = !(e >> (w->user ? 54 : 53) & 1);
	if (!(e >> (w->user ? 53 : 54) & 1) || (e >> 8 & 3) != 3)
		return false; /* the other side might execute it, or it is not inner shareable */
	w->global = !(e >> 11 & 1);
	w->type = (uint32_t)(e >> 2 & 7);
	w->frame = (e & UINT64_C(0xfffffffff000) & ~(w->size - 1)) | (addr & (w->size - 1) & ~UINT64_C(0xfff));
	return true;
}

static inline bool walk_riscv(struct walked *w, struct frames *f, uint64_t root, uint64_t addr, int levels)
{
	uint64_t table = root, e = 0;
	int i = levels - 1;

	for (;; i--) {
		e = walker_entry(f, table, addr >> (12 + 9 * i) & 511);
		if (!(e & 1) || (e & 6) == 4)
			return false;
		if (e & 0xa)
			break;
		if (i == 0 || e & 0xd0)
			return false;
		table = (e >> 10 & UINT64_C(0xfffffffffff)) << 12;
	}
	*w = (struct walked){
		.size = UINT64_C(1) << (12 + 9 * i), .r = e >> 1 & 1, .w = e >> 2 & 1, .x = e >> 3 & 1, .user = e >> 4 & 1};
	w->global = e >> 5 & 1;
	w->type = (uint32_t)(e >> 61 & 3);
	w->frame = (e >> 10 & UINT64_C(0xfffffffffff)) << 12;
	if (w->frame & (w->size - 1) || !(e & 0x40) || (w->w && !(e & 0x80)))
		return false; /* misaligned, or not accessed, or not dirty */
	w->frame |= addr & (w->size - 1) & ~UINT64_C(0xfff);
	return true;
}

static inline bool walk_naively(struct walked *w, struct frames *f, const struct lode_paging *paging, uint64_t addr)
{
	switch (paging->format) {
	case LODE_PAGING_X86_64: return walk_x86(w, f, paging->root, addr, 4);
	case LODE_PAGING_X86_64_5: return walk_x86(w, f, paging->root, addr, 5);
	case LODE_PAGING_SV39: return walk_riscv(w, f, paging->root, addr, 3);
	case LODE_PAGING_SV48: return walk_riscv(w, f, paging->root, addr, 4);
	case LODE_PAGING_SV57: return walk_riscv(w, f, paging->root, addr, 5);
	default: return walk_arm(w, f, paging->root, addr);
	}
}

#endif
