/* SPDX-License-Identifier: MIT */
/* Sections, symbols and relocations one by one -> a relocatable object, whose every field can be found and changed afterwards.
 * 64 bit, little-endian. */
#ifndef LODE_TESTS_OBJECT_H
#define LODE_TESTS_OBJECT_H

#include <stdint.h>
#include <string.h>

enum { OBJECT_SIZE = 1 << 16, OBJECT_ENTRIES = 64, OBJECT_STRINGS = 4096 };
enum { OBJECT_A = 2, OBJECT_WA = 3, OBJECT_AX = 6, OBJECT_TLS = 0x403 };
#define OBJECT_INFO(bind, type) (uint8_t)((bind) << 4 | (type))

struct object_section {
	uint32_t name, type, link, info;
	uint64_t flags, size, align, entsize, offset;
	unsigned char bytes[2048];
};

/** Zero-initialise by object_begin. Section 0 is there; symtab, strtab and shstrtab come last. */
struct object {
	uint16_t machine;
	struct object_section sections[OBJECT_ENTRIES];
	uint32_t nsections, nsymbols, nlocals;
	uint32_t symtab, strtab, shstrtab;       /* their indices, after object_end */
	unsigned char symbols[OBJECT_ENTRIES * 24];
	char strings[OBJECT_STRINGS], names[OBJECT_STRINGS];
	uint32_t strings_size, names_size;
	unsigned char bytes[OBJECT_SIZE];
	uint64_t size, shoff;
};

static inline void object_put(unsigned char *at, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static inline uint64_t object_get(const unsigned char *at, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = width; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

static inline uint32_t object_text_(char *table, uint32_t *size, const char *text)
{
	uint32_t at = *size;

	if (text[0] == '\0')
		return 0;
	memcpy(table + at, text, strlen(text) + 1);
	*size += (uint32_t)strlen(text) + 1;
	return at;
}

static inline uint32_t object_section(struct object *o, const char *name, uint32_t type, uint64_t flags)
{
	struct object_section *section = &o->sections[o->nsections];

	*section = (struct object_section){.type = type, .flags = flags, .align = 1};
	section->name = object_text_(o->names, &o->names_size, name);
	return o->nsections++;
}

static inline void object_bytes(struct object *o, uint32_t section, const void *bytes, size_t size)
{
	memcpy(o->sections[section].bytes + o->sections[section].size, bytes, size);
	o->sections[section].size += size;
}

/** A section of zeros. */
static inline uint32_t object_zeros(struct object *o, const char *name, uint64_t flags, uint64_t size)
{
	uint32_t section = object_section(o, name, 1, flags);

	o->sections[section].size = size;
	return section;
}

/** Local symbols come first. */
static inline uint32_t object_symbol(struct object *o, const char *name, uint8_t info, uint16_t shndx, uint64_t value)
{
	unsigned char *at = o->symbols + o->nsymbols * 24;

	object_put(at, object_text_(o->strings, &o->strings_size, name), 4);
	at[4] = info;
	object_put(at + 6, shndx, 2);
	object_put(at + 8, value, 8);
	if (info >> 4 == 0)
		o->nlocals = o->nsymbols + 1;
	return o->nsymbols++;
}

/** A relocation table for a section; object_rela adds entries. */
static inline uint32_t object_relas(struct object *o, uint32_t section)
{
	uint32_t index = object_section(o, ".rela", 4, 0);

	o->sections[index].info = section;
	o->sections[index].entsize = 24;
	return index;
}

static inline void object_rela(struct object *o, uint32_t relas, uint64_t offset, uint64_t info, uint64_t addend)
{
	unsigned char raw[24];

	object_put(raw, offset, 8);
	object_put(raw + 8, info, 8);
	object_put(raw + 16, addend, 8);
	object_bytes(o, relas, raw, sizeof raw);
}
#define OBJECT_RELA(symbol, type) ((uint64_t)(symbol) << 32 | (uint32_t)(type))

static inline void object_begin(struct object *o, uint16_t machine)
{
	memset(o, 0, sizeof *o);
	o->machine = machine;
	o->nsections = 1;
	o->nsymbols = o->nlocals = 1;
	o->strings_size = o->names_size = 1;
}

static inline void object_place_(struct object *o, uint32_t index)
{
	struct object_section *section = &o->sections[index];

	o->size = (o->size + 7) & ~UINT64_C(7);
	section->offset = o->size;
	if (section->type == 8)
		return;
	memcpy(o->bytes + o->size, section->bytes, section->size);
	o->size += section->size;
}

static inline void object_header_(struct object *o, uint32_t index)
{
	const struct object_section *section = &o->sections[index];
	unsigned char *at = o->bytes + o->shoff + index * 64;

	object_put(at, section->name, 4);
	object_put(at + 4, section->type, 4);
	object_put(at + 8, section->flags, 8);
	object_put(at + 24, section->offset, 8);
	object_put(at + 32, section->size, 8);
	object_put(at + 40, section->link, 4);
	object_put(at + 44, section->info, 4);
	object_put(at + 48, section->align, 8);
	object_put(at + 56, section->entsize, 8);
}

static inline void object_end(struct object *o)
{
	static const unsigned char ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	o->symtab = object_section(o, ".symtab", 2, 0);
	o->strtab = object_section(o, ".strtab", 3, 0);
	o->shstrtab = object_section(o, ".shstrtab", 3, 0);
	object_bytes(o, o->symtab, o->symbols, o->nsymbols * 24);
	object_bytes(o, o->strtab, o->strings, o->strings_size);
	object_bytes(o, o->shstrtab, o->names, o->names_size);
	o->sections[o->symtab].link = o->strtab;
	o->sections[o->symtab].info = o->nlocals;
	o->sections[o->symtab].entsize = 24;
	for (uint32_t i = 1; i < o->nsections; i++)
		if (o->sections[i].type == 4 || o->sections[i].type == 17)
			o->sections[i].link = o->symtab;
	memcpy(o->bytes, ident, sizeof ident);
	o->size = 64;
	for (uint32_t i = 1; i < o->nsections; i++)
		object_place_(o, i);
	o->shoff = o->size = (o->size + 7) & ~UINT64_C(7);
	for (uint32_t i = 0; i < o->nsections; i++)
		object_header_(o, i);
	o->size += o->nsections * 64;
	object_put(o->bytes + 16, 1, 2);
	object_put(o->bytes + 18, o->machine, 2);
	object_put(o->bytes + 20, 1, 4);
	object_put(o->bytes + 40, o->shoff, 8);
	object_put(o->bytes + 52, 64, 2);
	object_put(o->bytes + 58, 64, 2);
	object_put(o->bytes + 60, o->nsections, 2);
	object_put(o->bytes + 62, o->shstrtab, 2);
}

/** File offset of a field of a section header, of a symbol, of a relocation. */
static inline uint64_t object_shdr_at(const struct object *o, uint32_t index, unsigned field)
{
	return o->shoff + index * 64u + field;
}

static inline uint64_t object_symbol_at(const struct object *o, uint32_t index)
{
	return o->sections[o->symtab].offset + index * 24u;
}

static inline uint64_t object_rela_at(const struct object *o, uint32_t relas, uint32_t index)
{
	return o->sections[relas].offset + index * 24u;
}

#endif
