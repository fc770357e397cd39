/* SPDX-License-Identifier: MIT */
/* Bad sources, ELF headers, program headers and section headers. */
#include "rules.h"

void rule_SOURCE_PAST_END(struct bad *b)
{
	struct lode_note note;

	bad_sample(b, "dynamic");
	bad_open(b, 0);
	b->file.source.size = b->file.out.parts[MKELF_PHDR].offset;
	bad_want(b, LODE_FIELD_FILE, LODE_NO_INDEX, b->file.source.size, b->file.out.parts[MKELF_NOTE].offset);
	b->want.limit = b->file.out.parts[MKELF_NOTE].offset + 12;
	{
		struct lode_notes notes;
		const struct lode_extent extent = {b->file.out.parts[MKELF_NOTE].offset, 64};

		lode_notes_begin(&notes, &b->file.image, &extent, 4);
		b->status = lode_note_next(&note, &notes, &b->why);
	}
}

void rule_SOURCE_READ(struct bad *b)
{
	struct tape tape;

	bad_sample(b, "static");
	b->file.source = tape_begin(&tape, b->file.out.bytes, b->file.out.size, true);
	tape.fail_at = 1;
	bad_want(b, LODE_FIELD_FILE, LODE_NO_INDEX, b->file.out.size, 16);
	bad_open(b, 0);
	tape_end(&tape);
}

void rule_HEADER_TRUNCATED(struct bad *b)
{
	bad_sample(b, "static");
	b->file.source.size = b->wide ? 63 : 51;
	bad_want(b, LODE_FIELD_FILE, LODE_NO_INDEX, b->file.source.size, LODE_NO_OFFSET);
	b->want.limit = b->wide ? 64 : 52;
	bad_open(b, 0);
}

void rule_HEADER_MAGIC(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_EHDR, 0, "e_ident[EI_MAG3]", 'f');
	bad_want(b, LODE_FIELD_EHDR_MAGIC, LODE_NO_INDEX, 0x7f454c66, 0);
	b->want.limit = 0x7f454c46;
	bad_open(b, 0);
}

void rule_HEADER_CLASS(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_ident[EI_CLASS]", LODE_FIELD_EHDR_CLASS, b->encoding ? 3 : 0);
	b->want.limit = 2;
	bad_open(b, 0);
}

void rule_HEADER_DATA(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_ident[EI_DATA]", LODE_FIELD_EHDR_DATA, b->encoding ? 3 : 0);
	b->want.limit = 2;
	bad_open(b, 0);
}

void rule_HEADER_VERSION(struct bad *b)
{
	bad_sample(b, "static");
	if (b->encoding & 2)
		bad_lie(b, MKELF_EHDR, 0, "e_version", LODE_FIELD_EHDR_VERSION, 2);
	else
		bad_lie(b, MKELF_EHDR, 0, "e_ident[EI_VERSION]", LODE_FIELD_EHDR_IDENT_VERSION, 0);
	b->want.limit = 1;
	bad_open(b, 0);
}

void rule_HEADER_TYPE(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_type", LODE_FIELD_EHDR_TYPE, LODE_ET_CORE);
	b->want.limit = LODE_ET_DYN;
	bad_plan(b);
}

void rule_HEADER_PHENTSIZE(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_phentsize", LODE_FIELD_EHDR_PHENTSIZE, b->wide ? 32 : 56);
	b->want.limit = b->wide ? 56 : 32;
	bad_open(b, 0);
}

void rule_HEADER_PHTABLE(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_EHDR, 0, "e_phoff", b->file.out.size - 3 * (b->wide ? 56u : 32u) + 1);
	bad_want(b, LODE_FIELD_EHDR_PHNUM, LODE_NO_INDEX, 3, mkelf_at(&b->file.out, MKELF_EHDR, 0, "e_phnum"));
	b->want.limit = 2;
	bad_open(b, 0);
}

void rule_HEADER_SHENTSIZE(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_shentsize", LODE_FIELD_EHDR_SHENTSIZE, b->wide ? 40 : 64);
	b->want.limit = b->wide ? 64 : 40;
	bad_open(b, LODE_OPEN_SECTIONS);
}

void rule_HEADER_SHTABLE(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_EHDR, 0, "e_shoff", b->file.out.parts[MKELF_SHDR].offset + 1);
	bad_want(b, LODE_FIELD_EHDR_SHNUM, LODE_NO_INDEX, b->file.out.parts[MKELF_SHDR].count,
		mkelf_at(&b->file.out, MKELF_EHDR, 0, "e_shnum"));
	b->want.limit = b->file.out.parts[MKELF_SHDR].count - 1;
	bad_open(b, LODE_OPEN_SECTIONS);
}

void rule_HEADER_PHNUM(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_EHDR, 0, "e_shoff", 0);
	bad_lie(b, MKELF_EHDR, 0, "e_phnum", LODE_FIELD_EHDR_PHNUM, LODE_PN_XNUM);
	bad_open(b, 0);
}

void rule_HEADER_SHSTRNDX(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_EHDR, 0, "e_shstrndx", LODE_FIELD_EHDR_SHSTRNDX, b->file.out.parts[MKELF_SHDR].count);
	b->want.limit = b->file.out.parts[MKELF_SHDR].count;
	bad_open(b, LODE_OPEN_SECTIONS);
}

void rule_SEGMENT_PAST_END(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_PHDR, 1, "p_offset", b->file.out.size - 0x344);
	bad_want(b, LODE_FIELD_PHDR_FILESZ, 1, 0x345, mkelf_at(&b->file.out, MKELF_PHDR, 1, "p_filesz"));
	b->want.limit = 0x344;
	bad_open(b, 0);
}

void rule_SEGMENT_SIZE(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_PHDR, 1, "p_memsz", 0x344);
	bad_want(b, LODE_FIELD_PHDR_FILESZ, 1, 0x345, mkelf_at(&b->file.out, MKELF_PHDR, 1, "p_filesz"));
	b->want.limit = 0x344;
	bad_open(b, 0);
}

void rule_SEGMENT_WRAP(struct bad *b)
{
	bad_sample(b, "static");
	bad_lie(b, MKELF_PHDR, 1, "p_vaddr", LODE_FIELD_PHDR_VADDR, b->last - 0x2344);
	b->want.limit = b->last;
	bad_open(b, 0);
}

void rule_SECTION_PAST_END(struct bad *b)
{
	bad_sample(b, "static");
	bad_set(b, MKELF_SHDR, 1, "sh_offset", b->file.out.size - 1);
	bad_lie(b, MKELF_SHDR, 1, "sh_size", LODE_FIELD_SHDR_SIZE, 2);
	b->want.limit = 1;
	bad_open(b, LODE_OPEN_SECTIONS);
}

void rule_ROOM_SEGMENTS(struct bad *b)
{
	const struct lode_open_options options = {.segments = b->file.segments, .max_segments = 2};

	bad_sample(b, "static");
	bad_want(b, LODE_FIELD_OPEN_SEGMENTS, LODE_NO_INDEX, 2, LODE_NO_OFFSET);
	b->want.limit = 3;
	b->status = lode_open(&b->file.image, &b->file.source, &options, &b->why);
}

void rule_ROOM_SECTIONS(struct bad *b)
{
	struct lode_open_options options = {
		.flags = LODE_OPEN_SECTIONS, .segments = b->file.segments, .max_segments = 3, .sections = b->file.sections};

	bad_sample(b, "static");
	options.max_sections = b->file.out.parts[MKELF_SHDR].count - 1;
	bad_want(b, LODE_FIELD_OPEN_SECTIONS, LODE_NO_INDEX, options.max_sections, LODE_NO_OFFSET);
	b->want.limit = b->file.out.parts[MKELF_SHDR].count;
	b->status = lode_open(&b->file.image, &b->file.source, &options, &b->why);
}
