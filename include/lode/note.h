/* SPDX-License-Identifier: MIT */
/* Notes of PT_NOTE segments and SHT_NOTE sections. */
#ifndef LODE_NOTE_H
#define LODE_NOTE_H

#include <lode/image.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_NOTE_OWNER 32 /* bytes of an owner's name that are kept, NUL included */

/** One note. The descriptor stays in the file; owner is cut to LODE_NOTE_OWNER - 1 bytes, owner_size is its true namesz. */
struct lode_note {
	uint64_t offset;      /* of the note's header in the file */
	uint32_t type;
	uint32_t owner_size;  /* n_namesz */
	uint64_t desc_offset;
	uint32_t desc_size;
	char owner[LODE_NOTE_OWNER];
};

/** A walk over the notes of one file range. */
struct lode_notes {
	const struct lode_image *image;
	uint64_t offset, end; /* the rest */
	uint32_t align;       /* 4 or 8 */
	uint32_t index;       /* notes seen */
};

/**
 * lode_notes_begin - walk the notes in a file range
 * @extent: of a PT_NOTE segment or SHT_NOTE section; within the source
 * @align: p_align or sh_addralign as the file says it. 8 means 8 if the notes fit that, everything else means 4: linkers that
 *         merge an 8-aligned .note.gnu.property into a segment of 4-aligned notes write 8 (the p_align that lies).
 */
void lode_notes_begin(struct lode_notes *notes, const struct lode_image *image, const struct lode_extent *extent, uint64_t align);

/**
 * lode_note_next - the next note of a walk
 * Returns 1 and fills @note, 0 at the end (trailing bytes smaller than a header are padding), or a negative status.
 * Errors: note-past-end, note-count, source-*. Every step makes progress.
 * Ref: gABI-41 ch. 5 "Note Section"; Linux-gABI "Notes" for 8-byte alignment.
 */
int lode_note_next(struct lode_note *note, struct lode_notes *notes, struct lode_diag *why);

/**
 * lode_note_search - first note that is accepted, PT_NOTE segments first, then SHT_NOTE sections (if they were read)
 * @accept: asked of every note; true ends the search. It gets @host, and the walk that has come to the note
 * Each range is walked with the alignment it claims, then with 4. Malformed ranges are passed over.
 * Returns 1 and fills @note, 0 if there is none, or a negative status; then @note holds what was looked at last.
 * Errors: source-*; note-count: more than 65536 notes in all ranges together. A range counts once, by the alignment that gives
 * more of them; one that lies in a segment and in a section, in both.
 */
int lode_note_search(struct lode_note *note, const struct lode_image *image,
	bool (*accept)(void *host, const struct lode_note *note, const struct lode_notes *walk), void *host, struct lode_diag *why);

/**
 * lode_note_find - first note with this owner and type, as lode_note_search finds it
 * @owner: compared whole, its NUL included
 */
int lode_note_find(struct lode_note *note, const struct lode_image *image, const char *owner, uint32_t type, struct lode_diag *why);

/** One entry of a GNU property note. */
struct lode_property {
	uint32_t type;
	uint32_t size;   /* pr_datasz */
	uint64_t offset; /* of the data in the file */
	uint32_t value;  /* the data's first 4 bytes, as most properties are one word of bits; 0 if there are fewer */
};

/**
 * lode_property_next - the next property of a note that has owner "GNU" and type LODE_NT_GNU_PROPERTY_TYPE_0
 * @at: where the walk stands, a byte of the descriptor; begin with 0
 * Returns 1 and fills @property, 0 at the end, or a negative status. Errors: property-past-end, source-*.
 * Ref: Linux-gABI "Program Property".
 */
int lode_property_next(struct lode_property *property, uint64_t *at, const struct lode_image *image, const struct lode_note *note,
	struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
