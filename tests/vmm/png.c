/* SPDX-License-Identifier: MIT */
/* Framebuffers of several layouts -> PNG files that are taken apart again: chunks, sums, every pixel. */
#include "../../cli/png.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST = 1 << 20 };

static unsigned char file[MOST], packed[MOST], plain[MOST];

static uint32_t get32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The next chunk is this one and its sum is right; its size, and *at behind it. */
static uint32_t chunk(size_t *at, size_t size, const char *name)
{
	uint32_t n = size - *at >= 12 ? get32(file + *at) : UINT32_MAX;

	if (!CHECK(n <= size - *at - 12) || memcmp(file + *at + 4, name, 4) != 0)
		return UINT32_MAX;
	CHECK_EQ(crc32(0, file + *at + 4, n + 4), get32(file + *at + 8 + n));
	*at += 12 + n;
	return n;
}

/* Lines as they were before they were packed; their number of bytes. */
static size_t unpack(size_t size, uint32_t width, uint32_t height)
{
	size_t at = 8, npacked = 0;
	uLongf nplain = sizeof plain;
	uint32_t n;

	CHECK_MEM(file, "\211PNG\r\n\032\n", 8);
	CHECK_EQ(chunk(&at, size, "IHDR"), 13);
	CHECK_EQ(get32(file + 16), width);
	CHECK_EQ(get32(file + 20), height);
	CHECK_MEM(file + 24, "\010\002\0\0\0", 5);
	while (at < size && (n = chunk(&at, size, "IDAT")) != UINT32_MAX) {
		memcpy(packed + npacked, file + at - 4 - n, n);
		npacked += n;
	}
	CHECK_EQ(chunk(&at, size, "IEND"), 0);
	CHECK_EQ(at, size);
	CHECK_EQ(uncompress(plain, &nplain, packed, npacked), Z_OK);
	return nplain;
}

/* Written to a file in memory and read back; its size. */
static size_t write_png(const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	int fd = memfd_create("png", MFD_CLOEXEC);
	ssize_t size;

	CHECK_EQ(png_write(fd, screen, pixels), 0);
	size = pread(fd, file, sizeof file, 0);
	close(fd);
	return size > 0 ? (size_t)size : 0;
}

static void test_layouts(void)
{
	static const struct lode_framebuffer layouts[] = {
		{0, 5, 3, 20, 32, {8, 16}, {8, 8}, {8, 0}}, {0, 5, 3, 32, 32, {8, 0}, {8, 8}, {8, 16}},
		{0, 5, 3, 15, 24, {8, 16}, {8, 8}, {8, 0}}, {0, 5, 3, 10, 16, {5, 11}, {6, 5}, {5, 0}},
	};
	unsigned char pixels[128];

	for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
		const struct lode_framebuffer *screen = &layouts[k];
		const uint32_t bytes = screen->bpp / 8u;

		for (size_t i = 0; i < sizeof pixels; i++)
			pixels[i] = (unsigned char)(i * 37 + k);
		CHECK_EQ(unpack(write_png(screen, pixels), 5, 3), 3 * (1 + 3 * 5));
		for (uint32_t y = 0; y < 3; y++)
			for (uint32_t x = 0; x < 5; x++) {
				const unsigned char *got = plain + y * 16 + 1 + x * 3;
				uint32_t value = 0;

				memcpy(&value, pixels + y * screen->pitch + x * bytes, bytes);
				CHECK_EQ(got[0], (value >> screen->red.shift & ((1u << screen->red.size) - 1)) * 255 /
					((1u << screen->red.size) - 1));
				CHECK_EQ(got[1], (value >> screen->green.shift & ((1u << screen->green.size) - 1)) * 255 /
					((1u << screen->green.size) - 1));
				CHECK_EQ(got[2], (value >> screen->blue.shift & ((1u << screen->blue.size) - 1)) * 255 /
					((1u << screen->blue.size) - 1));
			}
	}
}

/* So much that it does not pack into one block. */
static void test_large(void)
{
	const struct lode_framebuffer screen = {0, 320, 200, 1280, 32, {8, 16}, {8, 8}, {8, 0}};
	unsigned char *pixels = malloc(1280 * 200);
	uint32_t state = 1;
	bool same = true;

	for (size_t i = 0; i < 1280 * 200; i++) {
		state = state * 1664525 + 1013904223;
		pixels[i] = (unsigned char)(state >> 24);
	}
	CHECK_EQ(unpack(write_png(&screen, pixels), 320, 200), 200 * 961);
	for (size_t y = 0; y < 200; y++)
		for (size_t x = 0; x < 320; x++)
			same = same && plain[y * 961 + 1 + x * 3] == pixels[y * 1280 + x * 4 + 2];
	CHECK(same);
	free(pixels);
}

static void test_errors(void)
{
	const struct lode_framebuffer screen = {0, 4, 4, 16, 32, {8, 16}, {8, 8}, {8, 0}};
	const unsigned char pixels[64] = {0};

	CHECK_EQ(png_write(-1, &screen, pixels), EBADF);
}

int main(void)
{
	CASE(test_layouts);
	CASE(test_large);
	CASE(test_errors);
	return check_done();
}
