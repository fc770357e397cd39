/* SPDX-License-Identifier: MIT */
/* Notes of type 18 -> what loaders that start a kernel by its PVH entry will say. */
#include "check.h"
#include <string.h>

enum { MAX_HITS = 16, PHYS32_ENTRY = LODE_NT_XEN_PHYS32_ENTRY };

/* A note of type 18. */
struct hit {
	struct lode_note note;
	uint32_t segment; /* LODE_NO_INDEX: found in a section */
	bool xen;
	uint64_t entry;
};

struct hits {
	struct check *check;
	struct hit hit[MAX_HITS];
	unsigned count;
};

/* 4 or 8 bytes in the file's byte order. */
static uint64_t entry_of(const struct check *c, const struct lode_note *note)
{
	unsigned char raw[8];
	uint32_t size = note->desc_size >= 8 ? 8 : 4;

	if (note->desc_size < size || !check_read(c, raw, note->desc_offset, size))
		return 0;
	return load_number(raw, size, c->image.data == LODE_DATA2MSB);
}

static bool is_xen(const struct lode_note *note)
{
	return note->owner_size == 4 && memcmp(note->owner, "Xen", 4) == 0;
}

/* The PT_NOTE that holds a byte of the file. */
static uint32_t segment_at(const struct check *c, uint64_t offset)
{
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type == LODE_PT_NOTE && offset - segment->offset < segment->filesz)
			return i;
	}
	return LODE_NO_INDEX;
}

/* 4-aligned notes may look like 8-aligned ones that merely are not this one: then a reader that believes p_align sees nothing. */
static void check_align(const struct hits *hits, const struct hit *hit, const struct lode_notes *walk)
{
	const struct lode_segment *segment = &hits->check->image.segments[hit->segment];
	struct lode_notes notes;

	if (walk->align == 8 || segment->align != 8)
		return;
	lode_notes_begin(&notes, walk->image, &(struct lode_extent){segment->offset, segment->filesz}, 8);
	if (notes.align == 8)
		check_add(hits->check, CHECK_NOTE_ALIGN, check_at_segment(hits->check, hit->segment, LODE_FIELD_PHDR_ALIGN), NULL);
}

/* Sections count where no segment has such a note. A range may be walked twice. */
static bool is_new(const struct hits *hits, const struct hit *hit)
{
	for (unsigned i = 0; i < hits->count; i++)
		if (hits->hit[i].note.offset == hit->note.offset)
			return false;
	return hits->count == 0 || hit->segment != LODE_NO_INDEX || hits->hit[0].segment == LODE_NO_INDEX;
}

static bool collect(void *host, const struct lode_note *note, const struct lode_notes *walk)
{
	struct hits *hits = host;
	struct hit hit = {*note, segment_at(hits->check, note->offset), is_xen(note), 0};

	if (note->type != PHYS32_ENTRY || hits->count == MAX_HITS || !is_new(hits, &hit))
		return false;
	hit.entry = entry_of(hits->check, note);
	if (hit.segment != LODE_NO_INDEX)
		check_align(hits, &hit, walk);
	hits->hit[hits->count++] = hit;
	return false;
}

static bool is_last_segment(const struct check *c, uint32_t segment)
{
	for (uint32_t i = segment + 1; i < c->image.nsegments; i++)
		if (c->image.segments[i].type == LODE_PT_NOTE)
			return false;
	return true;
}

static const struct hit *first_xen(const struct hits *hits)
{
	for (unsigned i = 0; i < hits->count; i++)
		if (hits->hit[i].xen)
			return &hits->hit[i];
	return NULL;
}

static struct check_place at_note(const struct hit *hit, const char *field, uint64_t value)
{
	return check_at("PVH note", LODE_NO_INDEX, field, value, hit->note.offset);
}

static void check_entry(struct check *c, const struct hit *hit)
{
	if (hit->note.desc_size != 4 && hit->note.desc_size != 8)
		check_add(c, CHECK_PVH_SIZE, at_note(hit, "n_descsz", hit->note.desc_size), NULL);
	if (hit->note.desc_size < 4)
		return;
	if (hit->entry >> 32 != 0)
		check_add(c, CHECK_PVH_ENTRY_HIGH, at_note(hit, "entry", hit->entry), NULL);
	else if (!check_loaded(c, LODE_PHYSICAL, hit->entry))
		check_add(c, CHECK_PVH_ENTRY, at_note(hit, "entry", hit->entry), NULL);
}

static void check_hits(struct check *c, const struct hits *hits, const struct hit *first)
{
	bool last = false;

	for (unsigned i = 0; i < hits->count; i++) {
		const struct hit *hit = &hits->hit[i];

		last |= hit->xen && is_last_segment(c, hit->segment);
		if (!hit->xen)
			check_add(c, CHECK_PVH_OWNER, at_note(hit, "name", hit->note.owner_size), "the owner is \"%s\"",
				hit->note.owner);
		else if (hit->entry != first->entry)
			check_add(c, CHECK_PVH_TWICE, at_note(hit, "entry", hit->entry), "the first one says 0x%llx",
				(unsigned long long)first->entry);
	}
	if (first->segment == LODE_NO_INDEX)
		check_add(c, CHECK_PVH_SECTION_ONLY, at_note(first, "entry", first->entry), NULL);
	else if (!last)
		check_add(c, CHECK_PVH_NOT_LAST, check_at_segment(c, first->segment, LODE_FIELD_PHDR_TYPE), NULL);
}

void check_pvh(struct check *c)
{
	struct hits hits = {.check = c};
	struct lode_note none;
	const struct hit *first;

	lode_note_search(&none, &c->image, collect, &hits, NULL);
	first = first_xen(&hits);
	if (!first) {
		for (unsigned i = 0; i < hits.count; i++)
			check_add(c, CHECK_PVH_OWNER, at_note(&hits.hit[i], "name", hits.hit[i].note.owner_size),
				"the owner is \"%s\"", hits.hit[i].note.owner);
		check_add(c, CHECK_PVH_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
		return;
	}
	check_add_seen(c, "PVH entry 0x%llx in %s", (unsigned long long)first->entry, first->segment != LODE_NO_INDEX ? "PT_NOTE"
		: "a section");
	check_entry(c, first);
	check_hits(c, &hits, first);
	if (c->image.class_ == LODE_CLASS32)
		check_add(c, CHECK_PVH_ELF32, check_at_header(c, LODE_FIELD_EHDR_CLASS), NULL);
}
