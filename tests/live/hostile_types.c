/* SPDX-License-Identifier: MIT */
/* hostile_types FILE N/M: an object whose debug information is cut at every byte, with every bit turned, and with every word at the
 * edges of what it can hold: its types are read and compared, or are not known. Every M-th change from the N-th on. */
#include "types_try.h"
#include <check.h>
#include <stdio.h>

static unsigned char *bytes;
static size_t size;
static unsigned long first, step = 1, number, tried, known;

static bool mine(void)
{
	return number++ % step == first;
}

static void try_it(void)
{
	struct types_result r = types_try(bytes, size);

	tried++;
	known += r.known > 0;
	CHECK(true);
}

static uint64_t number_at(size_t at, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = width; i-- > 0;)
		value = value << 8 | bytes[at + i];
	return value;
}

static void put(size_t at, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		bytes[at + i] = (unsigned char)(value >> 8 * i);
}

/* A section header: where it is in the file. */
struct part {
	size_t header, offset, size;
};

enum { SHDR_SIZE = 64, SH_OFFSET = 24, SH_SIZE = 32, E_SHOFF = 0x28, E_SHNUM = 0x3c, E_SHSTRNDX = 0x3e };

static struct part part_of(uint64_t index)
{
	size_t header = (size_t)(number_at(E_SHOFF, 8) + index * SHDR_SIZE);

	return (struct part){header, (size_t)number_at(header + SH_OFFSET, 8), (size_t)number_at(header + SH_SIZE, 8)};
}

static bool is_debug(const struct part *part)
{
	struct part names = part_of(number_at(E_SHSTRNDX, 2));
	const char *name = (const char *)bytes + names.offset + number_at(part->header, 4);

	return strncmp(name, ".debug_", 7) == 0 && strcmp(name, ".debug_line") != 0 && strcmp(name, ".debug_str") != 0 &&
		strcmp(name, ".debug_line_str") != 0;
}

static void cut(const struct part *part)
{
	for (size_t left = 0; left < part->size; left++) {
		if (!mine())
			continue;
		put(part->header + SH_SIZE, left, 8);
		try_it();
	}
	put(part->header + SH_SIZE, part->size, 8);
}

static void bits(const struct part *part)
{
	for (size_t bit = 0; bit < 8 * part->size; bit++) {
		if (!mine())
			continue;
		bytes[part->offset + bit / 8] ^= (unsigned char)(1 << bit % 8);
		try_it();
		bytes[part->offset + bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

static void words(const struct part *part, unsigned width)
{
	static const uint64_t values[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
		0xfffffffffffffff0, 0xffffffffffffffff};

	for (size_t at = 0; at + width <= part->size; at += width)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			uint64_t old = number_at(part->offset + at, width);

			if (!mine() || (width < 8 && values[i] >> 8 * width))
				continue;
			put(part->offset + at, values[i], width);
			try_it();
			put(part->offset + at, old, width);
		}
}

static bool read_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	long length = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		length = ftell(file);
	if (length > 0)
		bytes = malloc((size_t)length);
	if (bytes) {
		rewind(file);
		size = fread(bytes, 1, (size_t)length, file);
	}
	if (file)
		fclose(file);
	return bytes && size > SHDR_SIZE;
}

int main(int argc, char **argv)
{
	if (argc < 2 || !read_file(argv[1]) || (argc > 2 && sscanf(argv[2], "%lu/%lu", &first, &step) != 2))
		return 2;
	check_case("%s: unharmed", argv[1]);
	CHECK(types_try(bytes, size).known > 10);
	for (uint64_t i = 1; i < number_at(E_SHNUM, 2); i++) {
		struct part part = part_of(i);

		if (!is_debug(&part))
			continue;
		check_case("%s: section %u", argv[1], (unsigned)i);
		cut(&part);
		bits(&part);
		for (unsigned width = 1; width <= 8; width *= 2)
			words(&part, width);
	}
	printf("%lu changed files, types of something known in %lu\n", tried, known);
	free(bytes);
	return check_done();
}
