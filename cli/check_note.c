/* SPDX-License-Identifier: MIT */
/* PT_NOTE segments -> findings about notes: ranges, alignment, build-id, properties. PVH has its own file. */
#include "check.h"

enum { MAX_PROPERTY = 1024 };

/* Bytes behind the last note that are no padding. */
static bool trailing(struct check *c, const struct lode_notes *notes)
{
	unsigned char rest[16];
	uint64_t n = notes->end - notes->offset;

	if (n == 0 || n > sizeof rest || !check_read(c, rest, notes->offset, (size_t)n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (rest[i] != 0)
			return true;
	return false;
}

static void walk(struct check *c, uint32_t index)
{
	const struct lode_segment *segment = &c->image.segments[index];
	const struct lode_extent extent = {segment->offset, segment->filesz};
	struct lode_notes notes;
	struct lode_note note;
	struct lode_diag why;
	int more;

	lode_notes_begin(&notes, &c->image, &extent, segment->align);
	if (segment->align == 8 && notes.align == 4)
		check_add(c, CHECK_NOTE_ALIGN, check_at_segment(c, index, LODE_FIELD_PHDR_ALIGN), NULL);
	do {
		more = lode_note_next(&note, &notes, &why);
	} while (more > 0);
	if (more < 0)
		check_add_core(c, &why);
	else if (trailing(c, &notes))
		check_add(c, CHECK_NOTE_TRAILING, check_at("note", LODE_NO_INDEX, "", 0, notes.offset), NULL);
}

static void check_ranges(struct check *c)
{
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type != LODE_PT_NOTE || segment->filesz == 0)
			continue;
		if (!check_within(segment->offset, segment->filesz, c->source.size))
			check_add(c, CHECK_NOTE_RANGE, check_at_segment(c, i, LODE_FIELD_PHDR_OFFSET), NULL);
		else if (check_spend(c, segment->filesz))
			walk(c, i);
	}
}

/* Types ascend, and nothing is left behind the last one. False if it is no such list. */
static bool read_properties(const struct check *c, const struct lode_note *note, uint32_t *x86)
{
	struct lode_property property;
	uint64_t at = 0;
	uint32_t before = 0;
	int more;

	while ((more = lode_property_next(&property, &at, &c->image, note, NULL)) > 0) {
		if (property.type < before)
			return false;
		if (property.type == LODE_GNU_PROPERTY_X86_FEATURE_1_AND && property.size == 4)
			*x86 = property.value;
		before = property.type;
	}
	return more == 0 && at >= note->desc_size;
}

static void check_property(struct check *c)
{
	struct lode_note note;
	uint32_t x86 = 0;
	bool found = lode_note_find(&note, &c->image, "GNU", LODE_NT_GNU_PROPERTY_TYPE_0, NULL) == 1;

	if (found && (note.desc_size > MAX_PROPERTY || !read_properties(c, &note, &x86)))
		check_add(c, CHECK_PROPERTY_BROKEN, check_at("note", LODE_NO_INDEX, "n_descsz", note.desc_size, note.offset), NULL);
	if (c->image.machine == LODE_EM_X86_64 && (x86 & 3) != 3)
		check_add(c, CHECK_PROPERTY_CET, check_at_file(found ? note.offset : LODE_NO_OFFSET), "%s", x86 & 1
			? "marked for IBT only" : x86 & 2 ? "marked for SHSTK only" : "");
}

void check_notes(struct check *c)
{
	struct lode_note note;

	if (c->kind.id == KIND_DEBUG || c->image.nload == 0)
		return;
	check_ranges(c);
	if (!(c->targets & FOR_PROCESS))
		return;
	check_property(c);
	if (lode_note_find(&note, &c->image, "GNU", LODE_NT_GNU_BUILD_ID, NULL) != 1)
		check_add(c, CHECK_BUILD_ID_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
}
