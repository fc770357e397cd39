/* SPDX-License-Identifier: MIT */
/* Version tables (verdef, verneed, versym) come in, their entries go out one by one; no step leaves them, and there is an end. */
#include "core.h"

enum { VERDEF = 20, VERDAUX = 8, VERNEED = 16, VERNAUX = 16, MIN_ENTRY = 8 };

int lode_version_index(uint16_t *index, bool *hidden, const struct lode_image *image, const struct lode_dynamic *dynamic,
	uint64_t symbol, struct lode_diag *why)
{
	unsigned char raw[2];
	struct lode_cursor cursor = image_cursor(image, raw);
	uint16_t word;
	int status;

	if (symbol >= dynamic->versym.size >> 1)
		return lode_refuse_(why, LODE_RULE_VERSION_RANGE,
			lode_nowhere_(LODE_FIELD_REL_SYMBOL, symbol, dynamic->versym.size >> 1));
	status = lode_source_read(raw, image->source, dynamic->versym.addr + 2 * symbol, sizeof raw, why);
	if (status != LODE_OK)
		return status;
	word = lode_take16_(&cursor);
	*index = word & 0x7fff;
	*hidden = (word & 0x8000) != 0;
	return LODE_OK;
}

/* More steps than the two tables have room for entries: counts come from the file, and an entry may be named again and again. */
static bool too_many(const struct lode_versions *walk)
{
	return walk->steps > walk->dynamic->verdef.size / MIN_ENTRY + walk->dynamic->verneed.size / MIN_ENTRY;
}

/* size bytes of an entry at a file offset, if they lie in the table. Offsets never go back, so none lies before it. */
static int read_entry(unsigned char *raw, struct lode_versions *walk, const struct lode_range *table, uint64_t offset,
	uint32_t size, struct lode_diag *why)
{
	bool inside = within(offset - table->addr, size, table->size);
	struct lode_diag place = lode_at_entry_(LODE_FIELD_VERSION_AUX, walk->steps, inside ? offset : table->addr, offset);

	place.limit = table->addr + table->size;
	walk->steps++;
	if (!inside || too_many(walk))
		return lode_refuse_(why, LODE_RULE_VERSION_RANGE, place);
	return lode_source_read(raw, walk->image->source, offset, size, why);
}

/* Move *offset on by what vd_next, vn_next or vna_next says; 0 ends the list. */
static void advance(uint64_t *offset, uint64_t *left, uint32_t next)
{
	*offset += next;
	*left = next == 0 ? 0 : *left - 1;
}

static int next_definition(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERDEF], aux[VERDAUX];
	struct lode_cursor cursor = image_cursor(walk->image, raw), name = image_cursor(walk->image, aux);
	int status = read_entry(raw, walk, &walk->dynamic->verdef, walk->def, VERDEF, why);

	if (status != LODE_OK)
		return status;
	lode_take16_(&cursor);
	version->flags = lode_take16_(&cursor);
	version->index = lode_take16_(&cursor);
	lode_take16_(&cursor);
	version->hash = lode_take32_(&cursor);
	status = read_entry(aux, walk, &walk->dynamic->verdef, walk->def + lode_take32_(&cursor), VERDAUX, why);
	if (status != LODE_OK)
		return status;
	version->name = lode_take32_(&name);
	version->file = LODE_NO_OFFSET;
	advance(&walk->def, &walk->def_left, lode_take32_(&cursor));
	return 1;
}

/* The next library of verneed becomes the one whose versions are walked. */
static int next_library(struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERNEED];
	struct lode_cursor cursor = image_cursor(walk->image, raw);
	int status = read_entry(raw, walk, &walk->dynamic->verneed, walk->need, VERNEED, why);

	if (status != LODE_OK)
		return status;
	lode_take16_(&cursor);
	walk->aux_left = lode_take16_(&cursor);
	walk->file = lode_take32_(&cursor);
	walk->aux = walk->need + lode_take32_(&cursor);
	advance(&walk->need, &walk->need_left, lode_take32_(&cursor));
	return LODE_OK;
}

static int next_need(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERNAUX];
	struct lode_cursor cursor = image_cursor(walk->image, raw);
	int status = read_entry(raw, walk, &walk->dynamic->verneed, walk->aux, VERNAUX, why);

	if (status != LODE_OK)
		return status;
	version->hash = lode_take32_(&cursor);
	version->flags = lode_take16_(&cursor);
	version->index = lode_take16_(&cursor) & 0x7fff;
	version->name = lode_take32_(&cursor);
	version->file = walk->file;
	advance(&walk->aux, &walk->aux_left, lode_take32_(&cursor));
	return 1;
}

void lode_versions_begin(struct lode_versions *walk, const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	*walk = (struct lode_versions){
		.image = image,
		.dynamic = dynamic,
		.def = dynamic->verdef.addr,
		.def_left = dynamic->verdef.size == 0 ? 0 : dynamic->verdefnum,
		.need = dynamic->verneed.addr,
		.need_left = dynamic->verneed.size == 0 ? 0 : dynamic->verneednum,
	};
}

int lode_version_next(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	if (walk->def_left > 0)
		return next_definition(version, walk, why);
	while (walk->aux_left == 0) {
		int status;

		if (walk->need_left == 0)
			return 0;
		status = next_library(walk, why);
		if (status != LODE_OK)
			return status;
	}
	return next_need(version, walk, why);
}
