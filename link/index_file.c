/* SPDX-License-Identifier: MIT */
/* The index of a program comes in; bytes of a file go out, so that the program can be stripped. Twice, first to count. */
#include "index_file.h"

uint64_t lode_index_code(const struct lode_image *image)
{
	const unsigned char *bytes = image->source->bytes;
	uint64_t hash = INDEX_HASH, left = image->source->size;

	/* (Sections of code have their own bytes: all of them have no more than the file.) */
	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		uint64_t size = min_u64(section->size, left);

		if (!(section->flags & LODE_SHF_EXECINSTR) || section->type == LODE_SHT_NOBITS)
			continue;
		hash = index_hash(hash, bytes + section->offset, size);
		left -= size;
	}
	return hash;
}

struct out {
	unsigned char *at; /* NULL: only counted */
	size_t size, room;
};

static void put_byte(struct out *out, unsigned byte)
{
	if (out->at && out->size < out->room)
		out->at[out->size] = (unsigned char)byte;
	out->size++;
}

static void put_number(struct out *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		put_byte(out, (unsigned)(value & 0x7f) | 0x80);
	put_byte(out, (unsigned)value);
}

/* Small ones of either sign are short. */
static uint64_t fold(uint64_t value)
{
	return value << 1 ^ (0 - (value >> 63));
}

static void put_text(struct out *out, const char *text, size_t length)
{
	put_number(out, length);
	for (size_t i = 0; i < length; i++)
		put_byte(out, (unsigned char)text[i]);
}

static void put_symbols(struct out *out, const struct lode_index *index)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &index->symbols[i];

		put_text(out, symbol->name, symbol->length);
		put_number(out, fold(symbol->addr - last));
		put_number(out, symbol->size);
		put_byte(out, (symbol->type & 15u) | (symbol->constant ? 16 : 0));
		put_number(out, symbol->unit == LODE_NO_INDEX ? 0 : symbol->unit + UINT64_C(1));
		put_number(out, lode_index_type_(index, symbol));
		last = symbol->addr;
	}
}

/* Distances of 2^60 and more do not occur: the program lies within its span. */
static void put_sites(struct out *out, const struct lode_site *sites, uint64_t count)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < count; i++) {
		const struct lode_site *site = &sites[i];

		put_number(out, fold(site->addr - last) << 3 | (site->addend != 0 ? 4 : 0) | (uint64_t)site->kind);
		if (site->addend != 0)
			put_number(out, fold((uint64_t)site->addend));
		last = site->addr;
	}
}

static void put_types(struct out *out, const struct lode_types *types)
{
	for (uint32_t i = 0; i < types->ntypes; i++) {
		const struct lode_type *type = &types->types[i];

		put_byte(out, type->kind);
		put_byte(out, type->detail);
		put_number(out, type->size);
		put_number(out, type->target);
		put_number(out, type->nparts);
	}
	for (uint32_t i = 0; i < types->nparts; i++) {
		const struct lode_type_part *part = &types->parts[i];

		put_text(out, part->name, part->length);
		put_number(out, part->type);
		put_number(out, fold(part->offset));
		put_number(out, part->bits);
	}
}

static void put_header(unsigned char *at, const struct lode_index *index, uint64_t hash)
{
	memcpy(at, INDEX_MAGIC, sizeof INDEX_MAGIC - 1);
	put32(at + 8, INDEX_EDITION);
	put32(at + 12, (index->fixed ? INDEX_FIXED : 0u) | (index->types.unfinished ? INDEX_UNFINISHED : 0u));
	put32(at + 16, index->nsymbols);
	put32(at + 20, index->nunits);
	put64(at + 24, index->nsites);
	put64(at + 32, index->span.addr);
	put64(at + 40, index->span.size);
	put64(at + 48, index->nlost);
	put64(at + 56, index->code);
	put64(at + 64, hash);
	put32(at + 72, index->types.ntypes);
	put32(at + 76, index->types.nparts);
	put64(at + 80, index->nuses);
}

size_t lode_index_write(void *bytes, size_t size, const struct lode_index *index)
{
	struct out out = {.at = bytes, .size = INDEX_HEADER, .room = size};

	for (uint32_t i = 0; i < index->nunits; i++)
		put_text(&out, index->units[i].at, index->units[i].size);
	put_symbols(&out, index);
	put_sites(&out, index->sites, index->nsites);
	put_sites(&out, index->uses, index->nuses);
	put_types(&out, &index->types);
	if (bytes && out.size <= size)
		put_header(bytes, index, index_hash(INDEX_HASH, out.at + INDEX_HEADER, out.size - INDEX_HEADER));
	return out.size;
}
