/* SPDX-License-Identifier: MIT */
/* The four memory functions that compilers call by themselves, for hosts without a libc. */
#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#error "compile rt/mem.c with -ffreestanding: a hosted compiler may turn these loops into calls of the very functions they define"
#endif

void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
void *memset(void *dst, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* Words at any address that may alias anything; without such a type the byte loops below do all the work. */
#if defined(__GNUC__)
struct word {
	size_t bits;
} __attribute__((packed, may_alias));
#define HAVE_WORDS 1
enum { WORD = sizeof(struct word), BLOCK = 4 * WORD };
#else
#define HAVE_WORDS 0
#endif

/* Every block is loaded whole before it is stored, so that dst may lie anywhere before src. */
static void copy_up(unsigned char *dst, const unsigned char *src, size_t size)
{
#if HAVE_WORDS
	for (; size >= BLOCK; size -= BLOCK, dst += BLOCK, src += BLOCK) {
		const struct word *from = (const struct word *)src;
		struct word *to = (struct word *)dst;
		struct word a = from[0], b = from[1], c = from[2], d = from[3];

		to[0].bits = a.bits;
		to[1].bits = b.bits;
		to[2].bits = c.bits;
		to[3].bits = d.bits;
	}
	for (; size >= WORD; size -= WORD, dst += WORD, src += WORD)
		((struct word *)dst)->bits = ((const struct word *)src)->bits;
#endif
	for (; size; size--)
		*dst++ = *src++;
}

static void copy_down(unsigned char *dst, const unsigned char *src, size_t size)
{
#if HAVE_WORDS
	for (; size >= BLOCK; size -= BLOCK) {
		const struct word *from = (const struct word *)(src + size - BLOCK);
		struct word *to = (struct word *)(dst + size - BLOCK);
		struct word a = from[0], b = from[1], c = from[2], d = from[3];

		to[0].bits = a.bits;
		to[1].bits = b.bits;
		to[2].bits = c.bits;
		to[3].bits = d.bits;
	}
	for (; size >= WORD; size -= WORD)
		((struct word *)(dst + size - WORD))->bits = ((const struct word *)(src + size - WORD))->bits;
#endif
	for (; size; size--)
		dst[size - 1] = src[size - 1];
}

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
	copy_up(dst, src, size);
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	/* The difference modulo 2^n is below size only if dst lies inside the source, behind its first byte (or on it). */
	if ((uintptr_t)dst - (uintptr_t)src >= size)
		copy_up(dst, src, size);
	else
		copy_down(dst, src, size);
	return dst;
}

void *memset(void *dst, int byte, size_t size)
{
	unsigned char *p = dst;
#if HAVE_WORDS
	size_t bits = (size_t)-1 / 255 * (unsigned char)byte;

	for (; size >= BLOCK; size -= BLOCK, p += BLOCK) {
		struct word *to = (struct word *)p;

		to[0].bits = bits;
		to[1].bits = bits;
		to[2].bits = bits;
		to[3].bits = bits;
	}
#endif
	for (; size; size--)
		*p++ = (unsigned char)byte;
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *p = a, *q = b;

#if HAVE_WORDS
	while (size >= WORD && ((const struct word *)p)->bits == ((const struct word *)q)->bits) {
		p += WORD;
		q += WORD;
		size -= WORD;
	}
#endif
	for (; size; size--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}
