/* SPDX-License-Identifier: MIT */
/* Names, devices and resources -> ACPI machine language. */
#include "aml.h"

#include <string.h>

enum { LENGTH_ROOM = 3 }; /* a package length of three bytes: 20 bits, enough for every table here */

void lode_aml_byte_(struct aml *aml, uint32_t value)
{
	if (aml->used >= aml->size) {
		aml->full = 1;
		return;
	}
	aml->bytes[aml->used++] = (unsigned char)value;
}

void lode_aml_word_(struct aml *aml, uint32_t value)
{
	lode_aml_byte_(aml, value & 0xff);
	lode_aml_byte_(aml, value >> 8 & 0xff);
}

void lode_aml_dword_(struct aml *aml, uint32_t value)
{
	lode_aml_word_(aml, value & 0xffff);
	lode_aml_word_(aml, value >> 16);
}

static void put_name(struct aml *aml, const char *name)
{
	/* a root prefix, then segments of four characters */
	if (*name == '\\')
		lode_aml_byte_(aml, (unsigned char)*name++);
	for (int i = 0; i < 4; i++)
		lode_aml_byte_(aml, *name ? (unsigned char)*name++ : '_');
}

static size_t begin_length(struct aml *aml)
{
	size_t begun = aml->used;

	for (int i = 0; i < LENGTH_ROOM; i++)
		lode_aml_byte_(aml, 0);
	return begun;
}

size_t lode_aml_scope_(struct aml *aml, const char *name)
{
	size_t begun;

	lode_aml_byte_(aml, 0x10);
	begun = begin_length(aml);
	put_name(aml, name);
	return begun;
}

size_t lode_aml_device_(struct aml *aml, const char *name)
{
	size_t begun;

	lode_aml_byte_(aml, 0x5b);
	lode_aml_byte_(aml, 0x82);
	begun = begin_length(aml);
	put_name(aml, name);
	return begun;
}

void lode_aml_end_(struct aml *aml, size_t begun)
{
	size_t length = aml->used - begun;

	if (aml->full)
		return;
	aml->bytes[begun] = (unsigned char)(0x80 | (length & 15));
	aml->bytes[begun + 1] = (unsigned char)(length >> 4);
	aml->bytes[begun + 2] = (unsigned char)(length >> 12);
}

static void put_number(struct aml *aml, uint32_t value)
{
	lode_aml_byte_(aml, 0x0c);
	lode_aml_dword_(aml, value);
}

static void begin_named(struct aml *aml, const char *name)
{
	lode_aml_byte_(aml, 0x08);
	put_name(aml, name);
}

void lode_aml_name_number_(struct aml *aml, const char *name, uint32_t value)
{
	begin_named(aml, name);
	put_number(aml, value);
}

void lode_aml_name_string_(struct aml *aml, const char *name, const char *value)
{
	begin_named(aml, name);
	lode_aml_byte_(aml, 0x0d);
	do
		lode_aml_byte_(aml, (unsigned char)*value);
	while (*value++);
}

static uint32_t hex_digit(char c)
{
	return c >= 'A' ? (uint32_t)(c - 'A') + 10 : (uint32_t)(c - '0');
}

/* Three letters of five bits, four hexadecimal digits; big-endian in memory. */
void lode_aml_name_eisa_(struct aml *aml, const char *name, const char *id)
{
	uint32_t word = 0;

	for (int i = 0; i < 3; i++)
		word = word << 5 | (uint32_t)(id[i] - '@');
	for (int i = 3; i < 7; i++)
		word = word << 4 | hex_digit(id[i]);
	begin_named(aml, name);
	lode_aml_byte_(aml, 0x0c);
	for (int shift = 24; shift >= 0; shift -= 8)
		lode_aml_byte_(aml, word >> shift & 0xff);
}

void lode_aml_name_package_(struct aml *aml, const char *name, const uint8_t *values, uint32_t n)
{
	size_t begun;

	begin_named(aml, name);
	lode_aml_byte_(aml, 0x12);
	begun = begin_length(aml);
	lode_aml_byte_(aml, n);
	for (uint32_t i = 0; i < n; i++) {
		lode_aml_byte_(aml, 0x0a);
		lode_aml_byte_(aml, values[i]);
	}
	lode_aml_end_(aml, begun);
}

struct aml_resources lode_aml_crs_(struct aml *aml)
{
	struct aml_resources resources;

	begin_named(aml, "_CRS");
	lode_aml_byte_(aml, 0x11);
	resources.package = begin_length(aml);
	lode_aml_byte_(aml, 0x0b);
	resources.size_at = aml->used;
	lode_aml_word_(aml, 0);
	resources.begun = aml->used;
	return resources;
}

void lode_aml_crs_end_(struct aml *aml, const struct aml_resources *resources)
{
	size_t size;

	lode_aml_byte_(aml, 0x79);
	lode_aml_byte_(aml, 0); /* a checksum of zero is not checked */
	size = aml->used - resources->begun;
	if (aml->full)
		return;
	aml->bytes[resources->size_at] = (unsigned char)size;
	aml->bytes[resources->size_at + 1] = (unsigned char)(size >> 8);
	lode_aml_end_(aml, resources->package);
}

void lode_aml_io_(struct aml *aml, uint16_t port, uint8_t size)
{
	lode_aml_byte_(aml, 0x47);
	lode_aml_byte_(aml, 1); /* 16 address lines */
	lode_aml_word_(aml, port);
	lode_aml_word_(aml, port);
	lode_aml_byte_(aml, 1);
	lode_aml_byte_(aml, size);
}

void lode_aml_irq_(struct aml *aml, uint32_t line)
{
	lode_aml_byte_(aml, 0x22);
	lode_aml_word_(aml, 1u << line);
}

void lode_aml_memory_(struct aml *aml, uint32_t addr, uint32_t size)
{
	lode_aml_byte_(aml, 0x86);
	lode_aml_word_(aml, 9);
	lode_aml_byte_(aml, 1); /* writable */
	lode_aml_dword_(aml, addr);
	lode_aml_dword_(aml, size);
}

void lode_aml_interrupt_(struct aml *aml, uint32_t gsi)
{
	lode_aml_byte_(aml, 0x89);
	lode_aml_word_(aml, 6);
	lode_aml_byte_(aml, 1); /* consumer, level, active high, exclusive */
	lode_aml_byte_(aml, 1);
	lode_aml_dword_(aml, gsi);
}

void lode_aml_window_(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last)
{
	/* resource type, flags: minimum and maximum fixed, positive decode; type's own flags: ports entire, memory writable */
	static const unsigned char heads[][3] = {
		[AML_BUSES] = {2, 0x0c, 0}, [AML_PORTS] = {1, 0x0c, 3}, [AML_MEMORY] = {0, 0x0c, 1},
	};
	void (*put)(struct aml *, uint32_t) = kind == AML_MEMORY ? lode_aml_dword_ : lode_aml_word_;
	const uint32_t fields[] = {0, first, last, 0, last - first + 1};

	lode_aml_byte_(aml, kind == AML_MEMORY ? 0x87 : 0x88);
	lode_aml_word_(aml, kind == AML_MEMORY ? 23 : 13);
	for (int i = 0; i < 3; i++)
		lode_aml_byte_(aml, heads[kind][i]);
	for (int i = 0; i < 5; i++)
		put(aml, fields[i]);
}
