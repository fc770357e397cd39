/* SPDX-License-Identifier: MIT */
/* Pixels of a framebuffer -> a PNG file of 8 bits a colour. Ref: PNG (ISO/IEC 15948); zlib packs. */
#include "png.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef HAVE_ZLIB

int png_write(int fd, const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	(void)fd;
	(void)screen;
	(void)pixels;
	return ENOSYS;
}

#else

#include <zlib.h>

enum { BLOCK = 32768, RGB = 3, DEPTH = 8, TRUE_COLOUR = 2 };

struct png {
	int fd;
	int error;
	z_stream packed;
	unsigned char block[BLOCK];
};

static void put32(unsigned char *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void put(struct png *png, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	while (size && !png->error) {
		ssize_t done = write(png->fd, at, size);

		if (done <= 0) {
			png->error = done < 0 && errno == EINTR ? 0 : done < 0 ? errno : EIO;
			continue;
		}
		at += done;
		size -= (size_t)done;
	}
}

static void put_chunk(struct png *png, const char *name, const void *bytes, uint32_t size)
{
	unsigned char head[8], sum[4];
	uLong crc;

	put32(head, size);
	memcpy(head + 4, name, 4);
	crc = crc32(crc32(0, head + 4, 4), size ? bytes : head, size);
	put32(sum, (uint32_t)crc);
	put(png, head, sizeof head);
	put(png, bytes, size);
	put(png, sum, sizeof sum);
}

static void put_header(struct png *png, const struct lode_framebuffer *screen)
{
	static const unsigned char magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	unsigned char header[13] = {0};

	put32(header, screen->width);
	put32(header + 4, screen->height);
	header[8] = DEPTH;
	header[9] = TRUE_COLOUR;
	put(png, magic, sizeof magic);
	put_chunk(png, "IHDR", header, sizeof header);
}

/* Bits of a colour, stretched to 8. */
static unsigned char colour(uint32_t pixel, struct lode_colour field)
{
	const uint32_t most = field.size < 32 ? (UINT32_C(1) << field.size) - 1 : UINT32_MAX;

	if (!field.size || field.shift > 31)
		return 0;
	return (unsigned char)((uint64_t)(pixel >> field.shift & most) * 255 / most);
}

/* One line: how it is filtered (not at all), then red, green, blue of each pixel. */
static void make_line(unsigned char *line, const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	const uint32_t bytes = (screen->bpp + 7u) / 8;

	*line++ = 0;
	for (uint32_t x = 0; x < screen->width; x++, pixels += bytes, line += RGB) {
		uint32_t pixel = 0;

		for (uint32_t i = 0; i < bytes && i < 4; i++)
			pixel |= (uint32_t)pixels[i] << 8 * i;
		line[0] = colour(pixel, screen->red);
		line[1] = colour(pixel, screen->green);
		line[2] = colour(pixel, screen->blue);
	}
}

static void pack(struct png *png, unsigned char *bytes, size_t size, int flush)
{
	z_stream *packed = &png->packed;
	int status = Z_OK;

	packed->next_in = bytes;
	packed->avail_in = (uInt)size;
	while (status == Z_OK && !png->error && (packed->avail_in || flush == Z_FINISH)) {
		status = deflate(packed, flush);
		if (packed->avail_out && status != Z_STREAM_END)
			continue;
		put_chunk(png, "IDAT", png->block, (uint32_t)(BLOCK - packed->avail_out));
		packed->next_out = png->block;
		packed->avail_out = BLOCK;
	}
}

static void put_lines(struct png *png, const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	const size_t size = 1 + (size_t)screen->width * RGB;
	unsigned char *line = malloc(size);

	png->packed.next_out = png->block;
	png->packed.avail_out = BLOCK;
	if (!line || deflateInit(&png->packed, Z_DEFAULT_COMPRESSION) != Z_OK) {
		png->error = ENOMEM;
		free(line);
		return;
	}
	for (uint32_t y = 0; y < screen->height; y++) {
		make_line(line, screen, pixels + (size_t)y * screen->pitch);
		pack(png, line, size, Z_NO_FLUSH);
	}
	pack(png, line, 0, Z_FINISH);
	deflateEnd(&png->packed);
	free(line);
}

int png_write(int fd, const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	struct png *png = calloc(1, sizeof *png);
	int error;

	if (!png)
		return ENOMEM;
	png->fd = fd;
	put_header(png, screen);
	put_lines(png, screen, pixels);
	put_chunk(png, "IEND", NULL, 0);
	error = png->error;
	free(png);
	return error;
}

#endif
