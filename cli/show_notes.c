/* SPDX-License-Identifier: MIT */
/* Segments and sections of notes -> every note, printed once with its meaning. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a descriptor that are decoded; notes that are looked at in all, however many ranges lie over one another. */
enum { DESC_MOST = 4096, NOTES_MOST = 1 << 17 };

struct walk {
	const struct show *show;
	struct show_note note;
	void (*each)(void *host, const struct show_note *note);
	void *host;
	unsigned char desc[DESC_MOST + 1];
	unsigned broken, seen;
};

static void visit_extent(struct walk *walk, const struct lode_extent *extent, uint64_t align)
{
	const struct lode_image *image = &walk->show->file.image;
	uint64_t left = extent->offset < image->source->size ? image->source->size - extent->offset : 0;
	struct lode_extent there = {extent->offset, extent->size < left ? extent->size : left};
	struct lode_notes notes;
	int more;

	lode_notes_begin(&notes, image, &there, align);
	walk->note.align = notes.align;
	while ((more = lode_note_next(&walk->note.note, &notes, NULL)) > 0 && ++walk->seen < NOTES_MOST) {
		size_t size = walk->note.note.desc_size < DESC_MOST ? walk->note.note.desc_size : DESC_MOST;

		memset(walk->desc, 0, sizeof walk->desc);
		if (!input_exact(&walk->show->file.input, walk->desc, walk->note.note.desc_offset, size))
			size = 0;
		show_note_words(&walk->note, walk->show, walk->desc, size);
		walk->each(walk->host, &walk->note);
	}
	if (more < 0 || there.size < extent->size || walk->seen >= NOTES_MOST)
		walk->broken++;
}

unsigned show_notes_each(const struct show *show, void (*each)(void *host, const struct show_note *note), void *host)
{
	struct walk *walk = calloc(1, sizeof *walk);
	const struct lode_image *image = &show->file.image;
	unsigned broken = 0;

	if (!walk)
		return 1;
	walk->show = show;
	walk->each = each;
	walk->host = host;
	for (uint32_t i = 0; i < image->nsegments && walk->broken < 16; i++) {
		const struct lode_segment *segment = &image->segments[i];

		walk->note.segment = i;
		walk->note.section = LODE_NO_INDEX;
		if (segment->type == LODE_PT_NOTE && show->kind.id != KIND_DEBUG)
			visit_extent(walk, &(struct lode_extent){segment->offset, segment->filesz}, segment->align);
	}
	for (uint32_t i = 1; image->sections && i < image->nsections && walk->broken < 16; i++) {
		const struct lode_section *section = &image->sections[i];

		walk->note.segment = LODE_NO_INDEX;
		walk->note.section = i;
		if (section->type == LODE_SHT_NOTE)
			visit_extent(walk, &(struct lode_extent){section->offset, section->size}, section->addralign);
	}
	broken = walk->broken;
	free(walk);
	return broken;
}

/* Printing: the same note of a segment and of a section is told once. */
enum { REMEMBER = 8192, PROBES_SHOWN = 3 };

struct print {
	const struct show *show;
	uint64_t seen[REMEMBER]; /* offset + 1 of the note last printed in this slot */
	size_t printed, probes;
	uint64_t left; /* bytes of lists that may still be read */
};

static bool seen_before(struct print *print, uint64_t offset)
{
	uint64_t *slot = &print->seen[(offset >> 2) % REMEMBER];
	bool seen = *slot == offset + 1;

	*slot = offset + 1;
	return seen;
}

static void print_words(const struct print *print, const char *words)
{
	if (words[0] == '\0')
		return;
	printf("    ");
	put_wrapped(words, print->show->width, 4, 4);
	putchar('\n');
}

static void print_note(void *host, const struct show_note *found)
{
	struct print *print = host;
	const struct lode_note *note = &found->note;

	if (seen_before(print, note->offset))
		return;
	if (found->type_name && strcmp(found->type_name, "NT_STAPSDT") == 0 && ++print->probes > PROBES_SHOWN)
		return;
	if (print->printed++ == 0)
		show_head(print->show, "Notes");
	fputs("  ", stdout);
	put_name(stdout, note->owner);
	if (found->type_name)
		printf(" %s", found->type_name);
	else
		printf(" type 0x%x", note->type);
	printf(", %u bytes at 0x%" PRIx64 "\n", note->desc_size, note->desc_offset);
	print_words(print, found->words);
	show_core_print(print->show, note, &print->left);
}

void show_notes_print(const struct show *show)
{
	struct print *print = calloc(1, sizeof *print);
	unsigned broken;

	if (!print)
		return;
	print->show = show;
	print->left = show_allowance(show);
	broken = show_notes_each(show, print_note, print);
	if (print->probes > PROBES_SHOWN)
		printf("  ... and %zu more SystemTap probes\n", print->probes - PROBES_SHOWN);
	if (broken > 0)
		printf("  %u note range%s broken\n", broken, broken == 1 ? " is" : "s are");
	free(print);
}
