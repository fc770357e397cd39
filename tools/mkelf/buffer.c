/* SPDX-License-Identifier: MIT */
/* Bytes and integers -> the growing file; strings -> a string table; names -> their two hashes. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "mkelf.h"

unsigned char mkelf_pattern(uint64_t offset)
{
	return (unsigned char)(1 + (offset ^ offset >> 8 ^ offset >> 16) % 251);
}

static void *grow(void *bytes, size_t *room, size_t size)
{
	size_t want = *room ? *room : 1024;
	void *grown;

	while (want < size)
		want *= 2;
	if (want == *room)
		return bytes;
	grown = realloc(bytes, want);
	if (!grown)
		mkelf_die_("out of memory");
	*room = want;
	return grown;
}

/** Zeros up to a total size. */
void mkelf_pad_(struct mkelf_out *out, uint64_t size)
{
	if (size <= out->size)
		return;
	if (size > (UINT64_C(1) << 30))
		mkelf_die_("the file would be larger than 1 GiB");
	out->bytes = grow(out->bytes, &out->room, (size_t)size);
	memset(out->bytes + out->size, 0, (size_t)size - out->size);
	out->size = (size_t)size;
}

void mkelf_bytes_(struct mkelf_out *out, const void *bytes, size_t size)
{
	size_t at = out->size;

	mkelf_pad_(out, at + size);
	if (bytes && size)
		memcpy(out->bytes + at, bytes, size);
	for (size_t i = at; !bytes && i < at + size; i++)
		out->bytes[i] = mkelf_pattern(i);
}

void mkelf_put_(struct mkelf_out *out, unsigned width, uint64_t value)
{
	mkelf_pad_(out, out->size + width);
	mkelf_poke(out, out->size - width, width, value);
}

void mkelf_align_(struct mkelf_out *out, uint64_t align)
{
	mkelf_pad_(out, (out->size + align - 1) / align * align);
}

/** Offset of a string in the table, put there if it is new. */
uint32_t mkelf_string_(struct mkelf_strings *strings, const char *text)
{
	size_t length = text ? strlen(text) : 0, at;

	if (!strings->size) {
		strings->bytes = grow(strings->bytes, &strings->room, 1);
		strings->bytes[strings->size++] = 0;
	}
	if (!length)
		return 0;
	for (at = 1; at < strings->size; at += strlen(strings->bytes + at) + 1)
		if (strcmp(strings->bytes + at, text) == 0)
			return (uint32_t)at;
	strings->bytes = grow(strings->bytes, &strings->room, at + length + 1);
	memcpy(strings->bytes + at, text, length + 1);
	strings->size = at + length + 1;
	return (uint32_t)at;
}

uint32_t mkelf_sysv_hash(const char *name)
{
	uint32_t h = 0;

	for (; *name; name++) {
		h = (h << 4) + (unsigned char)*name;
		h ^= (h >> 24) & 0xf0;
		h &= 0x0fffffff;
	}
	return h;
}

uint32_t mkelf_gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

void mkelf_free(struct mkelf_out *out)
{
	free(out->bytes);
	memset(out, 0, sizeof *out);
}
