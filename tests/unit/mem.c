/* SPDX-License-Identifier: MIT */
/* rt/mem.c under other names -> compared with the C library's functions on all small sizes, alignments and overlaps. */
#include <stdlib.h>

#include "check.h"

void *rt_memcpy(void *dst, const void *src, size_t size);
void *rt_memmove(void *dst, const void *src, size_t size);
void *rt_memset(void *dst, int byte, size_t size);
int rt_memcmp(const void *a, const void *b, size_t size);

enum { ROOM = 320, SIZES = 100, ALIGNS = 17 };

static unsigned char ours[ROOM], theirs[ROOM], source[ROOM];

static void fill(unsigned seed)
{
	for (unsigned i = 0; i < ROOM; i++) {
		ours[i] = theirs[i] = (unsigned char)(seed + i * 7);
		source[i] = (unsigned char)(0x80 ^ (seed + i * 13));
	}
}

static void test_memcpy(void)
{
	for (size_t size = 0; size < SIZES; size++)
		for (size_t to = 0; to < ALIGNS; to++)
			for (size_t from = 0; from < ALIGNS; from++) {
				fill((unsigned)(size + to));
				if (!CHECK(rt_memcpy(ours + to, source + from, size) == ours + to))
					return;
				memcpy(theirs + to, source + from, size);
				if (!CHECK_MEM(ours, theirs, ROOM))
					return;
			}
}

/** Every distance between source and destination that makes them overlap, and some that do not. */
static void test_memmove(void)
{
	for (size_t size = 0; size < SIZES; size++)
		for (size_t from = 0; from < 130; from++)
			for (size_t to = 60; to < 76; to++) {
				fill((unsigned)(size + from));
				if (!CHECK(rt_memmove(ours + to, ours + from, size) == ours + to))
					return;
				memmove(theirs + to, theirs + from, size);
				if (!CHECK_MEM(ours, theirs, ROOM))
					return;
			}
}

static void test_memset(void)
{
	static const int bytes[] = {0, 1, 0x7f, 0x80, 0xff, -1, 0x1234};

	for (size_t size = 0; size < SIZES; size++)
		for (size_t to = 0; to < ALIGNS; to++)
			for (size_t k = 0; k < sizeof bytes / sizeof *bytes; k++) {
				fill((unsigned)size);
				if (!CHECK(rt_memset(ours + to, bytes[k], size) == ours + to))
					return;
				memset(theirs + to, bytes[k], size);
				if (!CHECK_MEM(ours, theirs, ROOM))
					return;
			}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/** Equal, and different in one byte at every position, by every kind of difference. */
static void test_memcmp(void)
{
	static const unsigned char changes[] = {1, 0x80, 0xff};

	for (size_t size = 0; size < 60; size++)
		for (size_t a = 0; a < 9; a++)
			for (size_t b = 0; b < 9; b++) {
				fill(3);
				memcpy(ours + a, source, size);
				memcpy(theirs + b, source, size);
				if (!CHECK_EQ(rt_memcmp(ours + a, theirs + b, size), 0))
					return;
				for (size_t at = 0; at < size; at++) {
					unsigned char old = ours[a + at];

					ours[a + at] = old ^ changes[at % sizeof changes];
					if (!CHECK_EQ(sign(rt_memcmp(ours + a, theirs + b, size)),
						sign(memcmp(ours + a, theirs + b, size))))
						return;
					ours[a + at] = old;
				}
			}
}

static void test_large(void)
{
	size_t size = (size_t)1 << 20;
	unsigned char *a = malloc(size + 16), *b = malloc(size + 16);

	CHECK(a && b);
	for (size_t i = 0; a && b && i < size; i++)
		a[i + 3] = (unsigned char)(i * 2654435761u >> 13);
	if (a && b) {
		rt_memcpy(b + 5, a + 3, size);
		CHECK_MEM(b + 5, a + 3, size);
		CHECK_EQ(rt_memcmp(b + 5, a + 3, size), 0);
		rt_memmove(b + 6, b + 5, size);
		CHECK_MEM(b + 6, a + 3, size);
		rt_memmove(b + 1, b + 6, size);
		CHECK_MEM(b + 1, a + 3, size);
	}
	free(a);
	free(b);
}

int main(void)
{
	CASE(test_memcpy);
	CASE(test_memmove);
	CASE(test_memset);
	CASE(test_memcmp);
	CASE(test_large);
	return check_done();
}
