/* SPDX-License-Identifier: MIT */
/* The index of a program goes out as bytes of a file, so that the program can be stripped; bytes of such a file come in, and are an
 * index or refused. Numbers are LEB128, mostly distances from the one before. */
#include "swap.h"

/*
 * byte 0   "LODEIDX\n"
 *      8   edition, 4 bytes       12  1: the program runs where it was linked
 *     16   symbols, 4 bytes       20  source files, 4 bytes      24  places, 8 bytes
 *     32   first address, 8       40  size of the program, 8     48  relocations that were left out, 8
 *     56   hash of the code, 8    64  hash of what follows, 8
 *     72   source files: length, characters
 *          symbols: length, characters, address - last one's, size, type and 16 * constant, source file + 1
 *          places: (address - last one's) * 8 + 4 * (an addend follows) + kind, addend
 */
enum { EDITION = 1, HEADER = 72 };
static const char magic[8] = "LODEIDX\n";

#define FNV_BEGIN UINT64_C(0xcbf29ce484222325)

static uint64_t hash_more(uint64_t hash, const unsigned char *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t lode_index_code(const struct lode_image *image)
{
	const unsigned char *bytes = image->source->bytes;
	uint64_t hash = FNV_BEGIN;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if ((section->flags & LODE_SHF_EXECINSTR) && section->type != LODE_SHT_NOBITS)
			hash = hash_more(hash, bytes + section->offset, section->size);
	}
	return hash;
}

/*
 * Writing: twice, first to count
 */

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

static uint64_t unfold(uint64_t value)
{
	return value >> 1 ^ (0 - (value & 1));
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
		last = symbol->addr;
	}
}

/* Distances of 2^60 and more do not occur: the program lies within its span. */
static void put_sites(struct out *out, const struct lode_index *index)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < index->nsites; i++) {
		const struct lode_site *site = &index->sites[i];

		put_number(out, fold(site->addr - last) << 3 | (site->addend != 0 ? 4 : 0) | (uint64_t)site->kind);
		if (site->addend != 0)
			put_number(out, fold((uint64_t)site->addend));
		last = site->addr;
	}
}

static void put_header(unsigned char *at, const struct lode_index *index, uint64_t hash)
{
	memcpy(at, magic, sizeof magic);
	put32(at + 8, EDITION);
	put32(at + 12, index->fixed ? 1 : 0);
	put32(at + 16, index->nsymbols);
	put32(at + 20, index->nunits);
	put64(at + 24, index->nsites);
	put64(at + 32, index->span.addr);
	put64(at + 40, index->span.size);
	put64(at + 48, index->nlost);
	put64(at + 56, index->code);
	put64(at + 64, hash);
}

size_t lode_index_write(void *bytes, size_t size, const struct lode_index *index)
{
	struct out out = {.at = bytes, .size = HEADER, .room = size};

	for (uint32_t i = 0; i < index->nunits; i++)
		put_text(&out, index->units[i].at, index->units[i].size);
	put_symbols(&out, index);
	put_sites(&out, index);
	if (bytes && out.size <= size)
		put_header(bytes, index, hash_more(FNV_BEGIN, out.at + HEADER, out.size - HEADER));
	return out.size;
}

/*
 * Reading: nothing is believed
 */

struct in {
	const unsigned char *bytes;
	uint64_t at, size;
	bool bad;
};

static unsigned take_byte(struct in *in)
{
	if (in->at < in->size)
		return in->bytes[in->at++];
	in->bad = true;
	return 0;
}

static uint64_t take_number(struct in *in)
{
	uint64_t value = 0;
	unsigned byte = 0x80;

	for (unsigned shift = 0; byte & 0x80; shift += 7) {
		byte = take_byte(in);
		if (shift > 63 || (shift == 63 && byte > 1))
			in->bad = true;
		if (in->bad)
			return 0;
		value |= (uint64_t)(byte & 0x7f) << shift;
	}
	return value;
}

static struct lode_link_text take_text(struct in *in)
{
	uint64_t length = take_number(in);
	struct lode_link_text text = {.at = (const char *)in->bytes + in->at};

	if (length > UINT32_MAX || !within(in->at, length, in->size))
		in->bad = true;
	if (in->bad)
		return (struct lode_link_text){.at = "", .size = 0};
	in->at += length;
	text.size = (size_t)length;
	return text;
}

static void take_symbols(struct in *in, struct lode_index *index)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < index->nsymbols && !in->bad; i++) {
		struct lode_index_symbol *symbol = &index->symbols[i];
		struct lode_link_text name = take_text(in);
		unsigned type;
		uint64_t unit;

		last += unfold(take_number(in));
		*symbol = (struct lode_index_symbol){.name = name.at, .length = (uint32_t)name.size, .addr = last,
			.size = take_number(in)};
		type = take_byte(in);
		unit = take_number(in);
		symbol->type = type & 15;
		symbol->constant = type & 16;
		symbol->unit = unit == 0 ? LODE_NO_INDEX : (uint32_t)(unit - 1);
		in->bad = in->bad || name.size == 0 || type > 31 || unit > index->nunits;
	}
}

/* A place is read and written in the program: it lies in it. */
static void take_sites(struct in *in, struct lode_index *index)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < index->nsites && !in->bad; i++) {
		uint64_t word = take_number(in);

		last += unfold(word >> 3);
		index->sites[i] = (struct lode_site){.addr = last, .kind = (enum lode_site_kind)(word & 3)};
		if (word & 4)
			index->sites[i].addend = (int64_t)unfold(take_number(in));
		in->bad = in->bad || !within(last - index->span.addr, site_width(index->sites[i].kind), index->span.size);
	}
}

static int refuse(enum lode_field field, uint64_t value, uint64_t limit, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_SWAP_FILE, lode_nowhere_(field, value, limit));
}

/* Each thing that is counted takes at least as many bytes of the file. */
static int read_header(struct lode_index *index, const unsigned char *bytes, size_t size, struct lode_diag *why)
{
	if (size < HEADER || memcmp(bytes, magic, sizeof magic) != 0)
		return refuse(LODE_FIELD_INDEX_SIZE, size, HEADER, why);
	if (le32(bytes + 8) != EDITION)
		return refuse(LODE_FIELD_INDEX_EDITION, le32(bytes + 8), EDITION, why);
	*index = (struct lode_index){.nsymbols = le32(bytes + 16), .nunits = le32(bytes + 20), .nsites = le64(bytes + 24),
		.span = {le64(bytes + 32), le64(bytes + 40)}, .nlost = le64(bytes + 48), .code = le64(bytes + 56),
		.fixed = le32(bytes + 12) & 1};
	if (le64(bytes + 64) != hash_more(FNV_BEGIN, bytes + HEADER, size - HEADER))
		return refuse(LODE_FIELD_INDEX_HASH, le64(bytes + 64), 0, why);
	if (index->nsymbols > size || index->nunits > size || index->nsites > size)
		return refuse(LODE_FIELD_INDEX_SIZE, size, HEADER, why);
	return LODE_OK;
}

int lode_index_read(struct lode_index *index, const struct lode_index_bytes *file, void *memory, size_t size, struct lode_diag *why)
{
	struct in in = {.bytes = file->bytes, .at = HEADER, .size = file->size};
	int status = read_header(index, in.bytes, file->size, why);
	uint64_t sites, symbols, units;

	if (status != LODE_OK)
		return status;
	sites = align_up(index->nsites * sizeof *index->sites, 16);
	symbols = align_up(index->nsymbols * sizeof *index->symbols, 16);
	units = align_up(index->nunits * sizeof *index->units, 16);
	if (sites + symbols + units > size)
		return lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, size, sites + symbols + units));
	index->sites = memory;
	index->symbols = (void *)((unsigned char *)memory + sites);
	index->units = (void *)((unsigned char *)memory + sites + symbols);
	for (uint32_t i = 0; i < index->nunits && !in.bad; i++)
		index->units[i] = take_text(&in);
	take_symbols(&in, index);
	take_sites(&in, index);
	if (in.bad || in.at != in.size)
		return refuse(LODE_FIELD_INDEX_SIZE, in.at, in.size, why);
	sites += symbols + units;
	if (lode_index_chain_(index, (unsigned char *)memory + sites, size - (size_t)sites) != 0)
		return lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, size, sites));
	return LODE_OK;
}
