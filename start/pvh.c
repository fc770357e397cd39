/* SPDX-License-Identifier: MIT */
/* Notes of a file -> its PVH entry and where it may be moved to. */
#include <lode/note.h>
#include <lode/pvh.h>

#include "start.h"

enum { MAX_NOTES = 65536 };

/* Notes of one type from owner "Xen", whose descriptor has a size that is taken. */
struct wanted {
	const struct lode_image *image;
	uint32_t type;
	uint32_t sizes;         /* bit n: a descriptor of n words */
	uint32_t seen;          /* notes so far: ranges may lie over each other, but not multiply the work */
	struct lode_note note;  /* found */
	struct lode_note wrong; /* the first that has another size; offset 0: none */
};

static bool is_ours(const struct wanted *wanted, const struct lode_note *note)
{
	return note->type == wanted->type && note->owner_size == 4 && memcmp(note->owner, "Xen", 4) == 0;
}

static bool takes_size(const struct wanted *wanted, const struct lode_note *note)
{
	return note->desc_size % 4 == 0 && note->desc_size < 32 && (wanted->sizes >> note->desc_size / 4 & 1) != 0;
}

/* 1: found, 0: none here, negative: the source failed. Malformed ranges are passed over. */
static int find_in_walk(struct wanted *wanted, struct lode_notes notes, struct lode_diag *why)
{
	struct lode_note note;
	int more;

	notes.index = wanted->seen;
	while ((more = lode_note_next(&note, &notes, why)) > 0) {
		if (!is_ours(wanted, &note))
			continue;
		if (takes_size(wanted, &note)) {
			wanted->note = note;
			return 1;
		}
		if (wanted->wrong.offset == 0)
			wanted->wrong = note;
	}
	wanted->seen = notes.index;
	return more == LODE_ERR_MALFORMED ? 0 : more;
}

static int find_in_extent(struct wanted *wanted, const struct lode_extent *extent, uint64_t align, struct lode_diag *why)
{
	struct lode_notes notes = {.image = wanted->image, .offset = extent->offset, .end = extent->offset + extent->size,
		.align = 8};
	int found = 0;

	if (extent->size > UINT64_MAX - extent->offset)
		return 0;
	if (align == 8)
		found = find_in_walk(wanted, notes, why);
	notes.align = 4;
	return found != 0 ? found : find_in_walk(wanted, notes, why);
}

static int find(struct wanted *wanted, struct lode_diag *why)
{
	const struct lode_image *image = wanted->image;
	int found = 0;

	for (uint32_t i = 0; found == 0 && i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_NOTE)
			found = find_in_extent(wanted, &(struct lode_extent){segment->offset, segment->filesz}, segment->align,
				why);
	}
	for (uint32_t i = 0; found == 0 && image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_NOTE)
			found = find_in_extent(wanted, &(struct lode_extent){section->offset, section->size}, section->addralign,
				why);
	}
	return found;
}

static int read_entry(struct lode_pvh *pvh, const struct wanted *wanted, struct lode_diag *why)
{
	unsigned char raw[8] = {0};
	int status = lode_source_read(raw, wanted->image->source, wanted->note.desc_offset, wanted->note.desc_size, why);

	pvh->note = wanted->note.offset;
	pvh->entry = get64_(raw);
	if (status == LODE_OK && pvh->entry > LODE_BELOW_4G_)
		return lode_start_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_PVH_ENTRY, pvh->entry, wanted->note.desc_offset));
	return status;
}

/* The largest p_align of a PT_LOAD, if it is a page at least. */
static uint32_t default_align(const struct lode_image *image)
{
	uint64_t align = 0;

	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_LOAD && image->segments[i].align > align)
			align = image->segments[i].align;
	return align >= LODE_PAGE_ && align <= UINT32_MAX && power_of_two_(align) ? (uint32_t)align : 0x200000;
}

static int read_relocation(struct lode_pvh *pvh, const struct wanted *wanted, struct lode_diag *why)
{
	const struct lode_note *note = &wanted->note;
	unsigned char raw[12];
	int status = lode_source_read(raw, wanted->image->source, note->desc_offset, note->desc_size, why);

	if (status != LODE_OK)
		return status;
	pvh->relocatable = true;
	pvh->align = note->desc_size >= 4 ? get32_(raw) : default_align(wanted->image);
	pvh->min = note->desc_size >= 8 ? get32_(raw + 4) : 0;
	pvh->last = note->desc_size >= 12 ? get32_(raw + 8) : UINT32_MAX;
	if (!power_of_two_(pvh->align))
		return lode_start_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_PVH_ALIGN, pvh->align, note->desc_offset));
	return LODE_OK;
}

static int find_relocation(struct lode_pvh *pvh, const struct lode_image *image, struct lode_diag *why)
{
	struct wanted wanted = {.image = image, .type = LODE_NT_XEN_PHYS32_RELOC, .sizes = 1 | 2 | 4 | 8};
	int found = find(&wanted, why);

	if (found < 0)
		return found;
	if (found == 0 && wanted.wrong.offset != 0)
		return lode_start_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_NOTE_DESCSZ, wanted.wrong.desc_size, wanted.wrong.offset + 4));
	return found > 0 ? read_relocation(pvh, &wanted, why) : LODE_OK;
}

int lode_pvh_find(struct lode_pvh *pvh, const struct lode_image *image, struct lode_diag *why)
{
	struct wanted wanted = {.image = image, .type = LODE_NT_XEN_PHYS32_ENTRY, .sizes = 2 | 4};
	int status = lode_x86_only_(image, why), found;

	*pvh = (struct lode_pvh){.align = 0};
	if (status != LODE_OK)
		return status;
	found = find(&wanted, why);
	if (found < 0)
		return found;
	if (found == 0 && wanted.wrong.offset != 0)
		return lode_start_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_NOTE_DESCSZ, wanted.wrong.desc_size, wanted.wrong.offset + 4));
	if (found == 0)
		return lode_start_refuse_(why, LODE_RULE_START_PVH_NONE, lode_place_of_(LODE_FIELD_PVH_ENTRY, 0, 0));
	status = read_entry(pvh, &wanted, why);
	pvh->is_linux = lode_is_linux_(image);
	return status == LODE_OK ? find_relocation(pvh, image, why) : status;
}
