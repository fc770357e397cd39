/* SPDX-License-Identifier: MIT */
/* Version tables (verdef, verneed, versym) come in, their entries go out one by one; no step leaves them, and there is an end. */
#include "core.h"

enum { VERDEF = 20, VERDAUX = 8, VERNEED = 16, VERNAUX = 16, MIN_ENTRY = 8 };

/* Where vd_aux and vn_aux stand. */
enum { VERDEF_AUX = 12, VERNEED_AUX = 8 };

int lode_versym_read(struct lode_versym *version, const struct lode_image *image, const struct lode_dynamic *dynamic,
	uint64_t symbol, struct lode_diag *why)
{
	unsigned char raw[2];
	struct lode_cursor cursor = image_cursor(image, raw);
	uint16_t word;
	int status;

	if (symbol >= dynamic->versym.size >> 1)
		return lode_refuse_(why, LODE_RULE_VERSION_RANGE,
			lode_nowhere_(LODE_FIELD_SYMBOL_INDEX, symbol, dynamic->versym.size >> 1));
	status = lode_source_read(raw, image->source, dynamic->versym.offset + 2 * symbol, sizeof raw, why);
	if (status != LODE_OK)
		return status;
	word = lode_take16_(&cursor);
	version->index = word & 0x7fff;
	version->hidden = word & 0x8000;
	return LODE_OK;
}

/* What led out of the table: a field of the entry before, or the table, which is too small for the first one. */
static struct lode_diag at_link(const struct lode_version_link_ *link, uint32_t size)
{
	uint64_t room = link->table->size;

	if (link->field == LODE_FIELD_VERSION_TABLE)
		return lode_at_entry_(link->field, LODE_NO_INDEX, link->at, room, size);
	return lode_at_entry_(link->field, LODE_NO_INDEX, link->at, link->step, room);
}

/* size bytes of an entry, if they lie in the table. Offsets never go back, so none lies before it. No more entries are read than
 * the two tables have room for: counts come from the file, and an entry may be named again and again. */
static int read_entry(unsigned char *raw, struct lode_versions *walk, const struct lode_version_link_ *link, uint32_t size,
	struct lode_diag *why)
{
	uint64_t most = walk->dynamic_->verdef.size / MIN_ENTRY + walk->dynamic_->verneed.size / MIN_ENTRY;
	struct lode_diag place;

	if (!within(link->offset - link->table->offset, size, link->table->size))
		place = at_link(link, size);
	else if (++walk->steps_ > most)
		place = lode_at_entry_(LODE_FIELD_VERSION_ENTRIES, LODE_NO_INDEX, link->offset, walk->steps_, most);
	else
		return lode_source_read(raw, walk->image_->source, link->offset, size, why);
	return lode_refuse_(why, LODE_RULE_VERSION_RANGE, place);
}

/* Move on by what vd_next, vn_next or vna_next says, the last 4 bytes of an entry of that size; 0 ends the list. */
static void advance(struct lode_version_link_ *link, enum lode_field field, uint32_t size, uint32_t next)
{
	link->field = field;
	link->at = link->offset + size - 4;
	link->step = next;
	link->offset += next;
	link->left = next == 0 ? 0 : link->left - 1;
}

/* The list that vd_aux or vn_aux, at of an entry, begins. */
static void begin_aux(struct lode_version_link_ *aux, const struct lode_version_link_ *entry, enum lode_field field, uint32_t at,
	uint32_t step)
{
	*aux = *entry;
	aux->field = field;
	aux->at = entry->offset + at;
	aux->step = step;
	aux->offset += step;
}

static int next_definition(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERDEF], aux[VERDAUX];
	struct lode_cursor cursor = image_cursor(walk->image_, raw), name = image_cursor(walk->image_, aux);
	struct lode_version_link_ link;
	int status = read_entry(raw, walk, &walk->def_, VERDEF, why);

	if (status != LODE_OK)
		return status;
	lode_take16_(&cursor);
	version->flags = lode_take16_(&cursor);
	version->index = lode_take16_(&cursor);
	lode_take16_(&cursor);
	version->hash = lode_take32_(&cursor);
	begin_aux(&link, &walk->def_, LODE_FIELD_VERDEF_AUX, VERDEF_AUX, lode_take32_(&cursor));
	status = read_entry(aux, walk, &link, VERDAUX, why);
	if (status != LODE_OK)
		return status;
	version->name = lode_take32_(&name);
	version->file = LODE_NO_OFFSET;
	advance(&walk->def_, LODE_FIELD_VERDEF_NEXT, VERDEF, lode_take32_(&cursor));
	return 1;
}

/* The next library of verneed becomes the one whose versions are walked. */
static int next_library(struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERNEED];
	struct lode_cursor cursor = image_cursor(walk->image_, raw);
	uint16_t count;
	int status = read_entry(raw, walk, &walk->need_, VERNEED, why);

	if (status != LODE_OK)
		return status;
	lode_take16_(&cursor);
	count = lode_take16_(&cursor);
	walk->file_ = lode_take32_(&cursor);
	begin_aux(&walk->aux_, &walk->need_, LODE_FIELD_VERNEED_AUX, VERNEED_AUX, lode_take32_(&cursor));
	walk->aux_.left = count;
	advance(&walk->need_, LODE_FIELD_VERNEED_NEXT, VERNEED, lode_take32_(&cursor));
	return LODE_OK;
}

static int next_need(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	unsigned char raw[VERNAUX];
	struct lode_cursor cursor = image_cursor(walk->image_, raw);
	int status = read_entry(raw, walk, &walk->aux_, VERNAUX, why);

	if (status != LODE_OK)
		return status;
	version->hash = lode_take32_(&cursor);
	version->flags = lode_take16_(&cursor);
	version->index = lode_take16_(&cursor) & 0x7fff;
	version->name = lode_take32_(&cursor);
	version->file = walk->file_;
	advance(&walk->aux_, LODE_FIELD_VERNAUX_NEXT, VERNAUX, lode_take32_(&cursor));
	return 1;
}

static void begin(struct lode_version_link_ *first, const struct lode_extent *table, uint64_t count)
{
	first->table = table;
	first->offset = first->at = table->offset;
	first->left = table->size == 0 ? 0 : count;
	first->field = LODE_FIELD_VERSION_TABLE;
	first->step = 0;
}

void lode_versions_begin(struct lode_versions *walk, const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	walk->image_ = image;
	walk->dynamic_ = dynamic;
	walk->steps_ = 0;
	begin(&walk->def_, &dynamic->verdef, dynamic->verdefnum);
	begin(&walk->need_, &dynamic->verneed, dynamic->verneednum);
	walk->aux_.left = 0;
}

int lode_version_next(struct lode_version *version, struct lode_versions *walk, struct lode_diag *why)
{
	if (walk->def_.left > 0)
		return next_definition(version, walk, why);
	while (walk->aux_.left == 0) {
		int status;

		if (walk->need_.left == 0)
			return 0;
		status = next_library(walk, why);
		if (status != LODE_OK)
			return status;
	}
	return next_need(version, walk, why);
}
