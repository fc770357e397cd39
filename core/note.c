/* SPDX-License-Identifier: MIT */
/* A range of the file comes in, its notes come out one by one, whatever alignment the headers claim. */
#include "core.h"

enum { NOTE_HEADER = 12, MAX_NOTES = 65536 };

static struct lode_notes walk(const struct lode_image *image, const struct lode_extent *extent, uint32_t align)
{
	struct lode_notes notes = {.image = image, .offset = extent->offset, .end = extent->offset, .align = align};

	if (add_ok(&notes.end, extent->offset, extent->size))
		return notes;
	notes.end = UINT64_MAX;
	return notes;
}

/* Every note of the range ends inside it. */
static bool fits(struct lode_notes notes)
{
	struct lode_note note;
	int more;

	do {
		more = lode_note_next(&note, &notes, NULL);
	} while (more > 0);
	return more == 0;
}

void lode_notes_begin(struct lode_notes *notes, const struct lode_image *image, const struct lode_extent *extent, uint64_t align)
{
	*notes = walk(image, extent, 8);
	if (align != 8 || !fits(*notes))
		notes->align = 4;
}

/* Padding as far as the range has room for it: the last note of a range need not be padded. */
static uint64_t padded(const struct lode_notes *notes, uint64_t begin, uint64_t size)
{
	return min_u64(align_up(size, notes->align), notes->end - begin);
}

/* Sizes are 32-bit, the range was cut to 64 bit: nothing below can wrap. */
static int decode_note(struct lode_note *note, struct lode_notes *notes, struct lode_cursor cursor, struct lode_diag *why)
{
	uint64_t begin = note->offset, left = notes->end - begin, desc;

	note->owner_size = lode_take32_(&cursor);
	note->desc_size = lode_take32_(&cursor);
	note->type = lode_take32_(&cursor);
	if (note->owner_size > left - NOTE_HEADER)
		return lode_refuse_(why, LODE_RULE_NOTE_PAST_END,
			lode_at_entry_(LODE_FIELD_NOTE_NAMESZ, notes->index, begin, note->owner_size, left - NOTE_HEADER));
	desc = padded(notes, begin, NOTE_HEADER + (uint64_t)note->owner_size);
	if (note->desc_size > left - desc)
		return lode_refuse_(why, LODE_RULE_NOTE_PAST_END,
			lode_at_entry_(LODE_FIELD_NOTE_DESCSZ, notes->index, begin + 4, note->desc_size, left - desc));
	note->desc_offset = begin + desc;
	notes->offset = begin + padded(notes, begin, desc + note->desc_size);
	return LODE_OK;
}

static int read_owner(struct lode_note *note, const struct lode_image *image, struct lode_diag *why)
{
	size_t keep = (size_t)min_u64(note->owner_size, LODE_NOTE_OWNER - 1);

	memset(note->owner, 0, sizeof note->owner);
	return lode_source_read(note->owner, image->source, note->offset + NOTE_HEADER, keep, why);
}

int lode_note_next(struct lode_note *note, struct lode_notes *notes, struct lode_diag *why)
{
	unsigned char raw[NOTE_HEADER];
	int status;

	if (notes->end - notes->offset < NOTE_HEADER)
		return 0;
	if (notes->index == MAX_NOTES)
		return lode_refuse_(why, LODE_RULE_NOTE_COUNT,
			lode_at_entry_(LODE_FIELD_NOTE_COUNT, LODE_NO_INDEX, notes->offset, MAX_NOTES + 1, MAX_NOTES));
	note->offset = notes->offset;
	status = lode_source_read(raw, notes->image->source, notes->offset, sizeof raw, why);
	if (status == LODE_OK)
		status = decode_note(note, notes, image_cursor(notes->image, raw), why);
	if (status == LODE_OK)
		status = read_owner(note, notes->image, why);
	if (status != LODE_OK)
		return status;
	notes->index++;
	return 1;
}

static bool same_owner(const struct lode_note *note, const char *owner)
{
	size_t size = 0;

	while (owner[size] != '\0')
		size++;
	size++;
	return note->owner_size == size && size < LODE_NOTE_OWNER && memcmp(note->owner, owner, size) == 0;
}

/* Where it is looked for, where it goes, who says that it is found, and how far the search has come. */
struct search {
	const struct lode_image *image;
	struct lode_note *note;
	bool (*accept)(void *host, const struct lode_note *note, const struct lode_notes *walk);
	void *host;
	uint32_t seen; /* notes in the ranges so far: they may lie over each other, but not multiply the work */
	uint32_t most; /* with those of this range, by the walk that saw more of them */
};

static int search_walk(struct search *search, struct lode_notes notes, struct lode_diag *why)
{
	int more;

	notes.index = search->seen;
	while ((more = lode_note_next(search->note, &notes, why)) > 0)
		if (search->accept(search->host, search->note, &notes))
			return 1;
	if (notes.index > search->most)
		search->most = notes.index;
	return more == LODE_ERR_MALFORMED && notes.index < MAX_NOTES ? 0 : more;
}

static int search_extent(struct search *search, struct lode_extent extent, uint64_t align, struct lode_diag *why)
{
	struct lode_notes notes = walk(search->image, &extent, 8);
	int found = align == 8 ? search_walk(search, notes, why) : 0;

	notes.align = 4;
	if (found == 0)
		found = search_walk(search, notes, why);
	search->seen = search->most;
	return found;
}

int lode_note_search(struct lode_note *note, const struct lode_image *image,
	bool (*accept)(void *host, const struct lode_note *note, const struct lode_notes *walk), void *host, struct lode_diag *why)
{
	struct search search = {.image = image, .note = note, .accept = accept, .host = host};
	int found = 0;

	for (uint32_t i = 0; found == 0 && image->segments && i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_NOTE)
			found = search_extent(&search, (struct lode_extent){segment->offset, segment->filesz}, segment->align,
				why);
	}
	for (uint32_t i = 0; found == 0 && image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_NOTE)
			found = search_extent(&search, (struct lode_extent){section->offset, section->size}, section->addralign,
				why);
	}
	return found;
}

struct wanted {
	const char *owner;
	uint32_t type;
};

static bool is_wanted(void *host, const struct lode_note *note, const struct lode_notes *walk)
{
	const struct wanted *wanted = host;

	(void)walk;
	return note->type == wanted->type && same_owner(note, wanted->owner);
}

int lode_note_find(struct lode_note *note, const struct lode_image *image, const char *owner, uint32_t type, struct lode_diag *why)
{
	struct wanted wanted = {owner, type};

	return lode_note_search(note, image, is_wanted, &wanted, why);
}
