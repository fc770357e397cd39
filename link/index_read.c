/* SPDX-License-Identifier: MIT */
/* Bytes of a file come in, and are the index of a program or refused: nothing is believed. */
#include "index_file.h"

static uint64_t unfold(uint64_t value)
{
	return value >> 1 ^ (0 - (value & 1));
}

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
		uint64_t unit, shape;

		last += unfold(take_number(in));
		*symbol = (struct lode_index_symbol){.name = name.at, .length = (uint32_t)name.size, .addr = last,
			.size = take_number(in)};
		type = take_byte(in);
		unit = take_number(in);
		symbol->type = type & 15;
		symbol->constant = type & 16;
		symbol->unit = unit == 0 ? LODE_NO_INDEX : (uint32_t)(unit - 1);
		shape = take_number(in);
		in->bad = in->bad || name.size == 0 || type > 31 || unit > index->nunits ||
			(shape > 0 && shape >= index->types.ntypes);
		if (index->types.ntypes > 0 && !in->bad)
			index->types.of[i] = (uint32_t)shape;
	}
}

/* A place is read and written in the program: it lies in it. */
static void take_sites(struct in *in, struct lode_site *sites, uint64_t count, const struct lode_range *span)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		uint64_t word = take_number(in);

		last += unfold(word >> 3);
		sites[i] = (struct lode_site){.addr = last, .kind = (enum lode_site_kind)(word & 3)};
		if (word & 4)
			sites[i].addend = (int64_t)unfold(take_number(in));
		in->bad = in->bad || !within(last - span->addr, site_width(sites[i].kind), span->size);
	}
}

static uint32_t take_type_number(struct in *in, const struct lode_types *types)
{
	uint64_t number = take_number(in);

	in->bad = in->bad || number >= types->ntypes;
	return in->bad ? 0 : (uint32_t)number;
}

/* What is not known is the first one. */
static void take_types(struct in *in, struct lode_types *types)
{
	uint64_t parts = 0;

	for (uint32_t i = 0; i < types->ntypes && !in->bad; i++) {
		struct lode_type *type = &types->types[i];
		uint64_t count;

		*type = (struct lode_type){.kind = (uint8_t)take_byte(in), .first = (uint32_t)parts};
		type->detail = (uint8_t)take_byte(in);
		type->size = take_number(in);
		type->target = take_type_number(in, types);
		count = take_number(in);
		in->bad = in->bad || type->kind >= TYPE_KINDS || count > types->nparts - parts ||
			(i == 0 && type->kind != TYPE_UNKNOWN);
		type->nparts = in->bad ? 0 : (uint32_t)count;
		parts += type->nparts;
	}
	for (uint32_t i = 0; i < types->nparts && !in->bad; i++) {
		struct lode_link_text name = take_text(in);

		types->parts[i] = (struct lode_type_part){.name = name.at, .length = (uint32_t)name.size};
		types->parts[i].type = take_type_number(in, types);
		types->parts[i].offset = unfold(take_number(in));
		types->parts[i].bits = take_number(in);
	}
	in->bad = in->bad || parts != types->nparts;
}

static int refuse(enum lode_field field, uint64_t value, uint64_t limit, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_SWAP_FILE, lode_nowhere_(field, value, limit));
}

/* Each thing that is counted takes at least as many bytes of the file. */
static int read_header(struct lode_index *index, const unsigned char *bytes, size_t size, struct lode_diag *why)
{
	if (size < INDEX_HEADER || memcmp(bytes, INDEX_MAGIC, sizeof INDEX_MAGIC - 1) != 0)
		return refuse(LODE_FIELD_INDEX_SIZE, size, INDEX_HEADER, why);
	if (le32(bytes + 8) != INDEX_EDITION)
		return refuse(LODE_FIELD_INDEX_EDITION, le32(bytes + 8), INDEX_EDITION, why);
	*index = (struct lode_index){.nsymbols = le32(bytes + 16), .nunits = le32(bytes + 20), .nsites = le64(bytes + 24),
		.span = {le64(bytes + 32), le64(bytes + 40)}, .nlost = le64(bytes + 48), .code = le64(bytes + 56),
		.fixed = le32(bytes + 12) & INDEX_FIXED, .nuses = le64(bytes + 80),
		.types = {.ntypes = le32(bytes + 72), .nparts = le32(bytes + 76),
			.unfinished = le32(bytes + 12) & INDEX_UNFINISHED}};
	if (le64(bytes + 64) != index_hash(INDEX_HASH, bytes + INDEX_HEADER, size - INDEX_HEADER))
		return refuse(LODE_FIELD_INDEX_HASH, le64(bytes + 64), 0, why);
	if (index->nsymbols > size || index->nunits > size || index->nsites > size || index->nuses > size ||
		index->types.ntypes > size || index->types.nparts > size)
		return refuse(LODE_FIELD_INDEX_SIZE, size, INDEX_HEADER, why);
	return LODE_OK;
}

/* All arrays, one behind the other; how much they take. */
static uint64_t lay_out(struct lode_index *index, unsigned char *memory)
{
	struct lode_types *types = &index->types;
	uint64_t sizes[] = {
		index->nsites * sizeof *index->sites, index->nuses * sizeof *index->uses, index->nsymbols * sizeof *index->symbols,
		index->nunits * sizeof *index->units, types->ntypes * sizeof *types->types, types->nparts * sizeof *types->parts,
		(types->ntypes > 0 ? index->nsymbols : 0) * sizeof *types->of,
	};
	uint64_t at[sizeof sizes / sizeof *sizes + 1] = {0};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		at[i + 1] = at[i] + align_up(sizes[i], 16);
	if (memory) {
		index->sites = (void *)(memory + at[0]);
		index->uses = (void *)(memory + at[1]);
		index->symbols = (void *)(memory + at[2]);
		index->units = (void *)(memory + at[3]);
		types->types = (void *)(memory + at[4]);
		types->parts = (void *)(memory + at[5]);
		types->of = (void *)(memory + at[6]);
		types->nof = index->nsymbols;
	}
	return at[sizeof sizes / sizeof *sizes];
}

int lode_index_read(struct lode_index *index, const struct lode_index_bytes *file, void *memory, size_t size, struct lode_diag *why)
{
	struct in in = {.bytes = file->bytes, .at = INDEX_HEADER, .size = file->size};
	int status = read_header(index, in.bytes, file->size, why);
	uint64_t taken;

	if (status != LODE_OK)
		return status;
	taken = lay_out(index, NULL);
	if (taken > size)
		return lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, size, taken));
	lay_out(index, memory);
	for (uint32_t i = 0; i < index->nunits && !in.bad; i++)
		index->units[i] = take_text(&in);
	take_symbols(&in, index);
	take_sites(&in, index->sites, index->nsites, &index->span);
	take_sites(&in, index->uses, index->nuses, &index->span);
	take_types(&in, &index->types);
	if (in.bad || in.at != in.size)
		return refuse(LODE_FIELD_INDEX_SIZE, in.at, in.size, why);
	if (lode_index_chain_(index, (unsigned char *)memory + taken, size - (size_t)taken) != 0)
		return lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, size, taken));
	return LODE_OK;
}
