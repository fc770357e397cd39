/* SPDX-License-Identifier: MIT */
/* Notes of a file -> its PVH entry and where it may be moved to. */
#include <lode/note.h>
#include <lode/pvh.h>

#include "start.h"

/* Notes of one type from owner "Xen", whose descriptor has a size that is taken. */
struct wanted {
	uint32_t type;
	uint32_t sizes;          /* bit n: a descriptor of n words */
	struct lode_note wrong; /* the first that has another size; offset 0: none */
};

static bool takes_size(const struct wanted *wanted, const struct lode_note *note)
{
	return note->desc_size % 4 == 0 && note->desc_size < 32 && (wanted->sizes >> note->desc_size / 4 & 1) != 0;
}

static bool is_wanted(void *host, const struct lode_note *note, const struct lode_notes *walk)
{
	struct wanted *wanted = host;

	(void)walk;
	if (note->type != wanted->type || note->owner_size != 4 || memcmp(note->owner, "Xen", 4) != 0)
		return false;
	if (takes_size(wanted, note))
		return true;
	if (wanted->wrong.offset == 0)
		wanted->wrong = *note;
	return false;
}

/* 1: found, 0: there is none, negative: refused. */
static int find(struct lode_note *note, const struct lode_image *image, struct wanted wanted, struct lode_diag *why)
{
	int found = lode_note_search(note, image, is_wanted, &wanted, why);

	if (found == 0 && wanted.wrong.offset != 0)
		return lode_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_NOTE_DESCSZ, wanted.wrong.desc_size, wanted.wrong.offset + 4));
	return found;
}

static int read_entry(struct lode_pvh *pvh, const struct lode_image *image, const struct lode_note *note, struct lode_diag *why)
{
	unsigned char raw[8] = {0};
	int status = lode_source_read(raw, image->source, note->desc_offset, note->desc_size, why);

	pvh->note = note->offset;
	pvh->entry = le64(raw);
	if (status == LODE_OK && pvh->entry > LODE_BELOW_4G_)
		return lode_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_PVH_ENTRY, pvh->entry, note->desc_offset));
	return status;
}

/* The largest p_align of a PT_LOAD, if it is a page at least. */
static uint32_t default_align(const struct lode_image *image)
{
	uint64_t align = 0;

	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_LOAD && image->segments[i].align > align)
			align = image->segments[i].align;
	return align >= LODE_PAGE_ && align <= UINT32_MAX && power_of_two(align) ? (uint32_t)align : 0x200000;
}

static int read_relocation(struct lode_pvh *pvh, const struct lode_image *image, const struct lode_note *note,
	struct lode_diag *why)
{
	unsigned char raw[12];
	int status = lode_source_read(raw, image->source, note->desc_offset, note->desc_size, why);

	if (status != LODE_OK)
		return status;
	pvh->relocatable = true;
	pvh->align = note->desc_size >= 4 ? le32(raw) : default_align(image);
	pvh->min = note->desc_size >= 8 ? le32(raw + 4) : 0;
	pvh->last = note->desc_size >= 12 ? le32(raw + 8) : UINT32_MAX;
	if (!power_of_two(pvh->align))
		return lode_refuse_(why, LODE_RULE_START_PVH_NOTE,
			lode_place_at_(LODE_FIELD_PVH_ALIGN, pvh->align, note->desc_offset));
	return LODE_OK;
}

static int find_relocation(struct lode_pvh *pvh, const struct lode_image *image, struct lode_diag *why)
{
	struct wanted wanted = {.type = LODE_NT_XEN_PHYS32_RELOC, .sizes = 1 | 2 | 4 | 8};
	struct lode_note note;
	int found = find(&note, image, wanted, why);

	return found > 0 ? read_relocation(pvh, image, &note, why) : found;
}

int lode_pvh_find(struct lode_pvh *pvh, const struct lode_image *image, struct lode_diag *why)
{
	struct wanted wanted = {.type = LODE_NT_XEN_PHYS32_ENTRY, .sizes = 2 | 4};
	struct lode_note note;
	int status = lode_start_x86_only_(image, why), found;

	*pvh = (struct lode_pvh){.align = 0};
	if (status != LODE_OK)
		return status;
	found = find(&note, image, wanted, why);
	if (found < 0)
		return found;
	if (found == 0)
		return lode_refuse_(why, LODE_RULE_START_PVH_NONE, lode_nowhere_(LODE_FIELD_PVH_ENTRY, 0, 0));
	status = read_entry(pvh, image, &note, why);
	pvh->is_linux = lode_start_is_linux_(image);
	return status == LODE_OK ? find_relocation(pvh, image, why) : status;
}
