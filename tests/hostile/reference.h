/* SPDX-License-Identifier: MIT */
/* A file's bytes come in, the memory that a loader must make of them goes out: page by page, the slow and plain way. Shares no code
 * and no decoder with the core. */
#ifndef LODE_TESTS_REFERENCE_H
#define LODE_TESTS_REFERENCE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ref_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* Headers decoded once more, by offsets of <elf.h>. */
struct ref_file {
	const unsigned char *bytes;
	uint64_t size;
	bool wide, big;
	bool unknown_end; /* a pipe: pages are not shown beyond a segment's own bytes */
	uint16_t type, machine;
	struct ref_segment *segments;
	uint32_t nsegments;
};

enum ref_share { REF_UNION, REF_LAST };

struct ref_policy {
	uint64_t page;
	bool process;  /* whole file pages, else only the segments' bytes */
	bool physical; /* p_paddr instead of p_vaddr */
	enum ref_share share;
};

enum { REF_MAPPED = 0x80 };

/* The span of an image; addresses are as linked. */
struct ref_memory {
	uint64_t first, size;
	unsigned char *bytes;
	unsigned char *prot; /* a page each: 0, or REF_MAPPED and p_flags */
};

/* Bytes outside the file read as 0: the core refuses such files before anybody compares. */
static inline uint64_t ref_get(const struct ref_file *file, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++) {
		uint64_t at = offset + (file->big ? i : width - 1 - i);

		value = value << 8 | (at < file->size ? file->bytes[at] : 0);
	}
	return value;
}

#define REF_FIELD(file, base, kind, field)                                                                                  \
	((file)->wide ? ref_get(file, (base) + offsetof(Elf64_##kind, field), sizeof(((Elf64_##kind *)0)->field))           \
		: ref_get(file, (base) + offsetof(Elf32_##kind, field), sizeof(((Elf32_##kind *)0)->field)))

static inline void ref_decode_segment(struct ref_segment *s, const struct ref_file *file, uint64_t at)
{
	s->type = (uint32_t)REF_FIELD(file, at, Phdr, p_type);
	s->flags = (uint32_t)REF_FIELD(file, at, Phdr, p_flags);
	s->offset = REF_FIELD(file, at, Phdr, p_offset);
	s->vaddr = REF_FIELD(file, at, Phdr, p_vaddr);
	s->paddr = REF_FIELD(file, at, Phdr, p_paddr);
	s->filesz = REF_FIELD(file, at, Phdr, p_filesz);
	s->memsz = REF_FIELD(file, at, Phdr, p_memsz);
	s->align = REF_FIELD(file, at, Phdr, p_align);
}

/* Class and byte order as given: the caller knows them from e_ident or from LODE_OPEN_NATIVE. */
static inline void ref_open(struct ref_file *file, const unsigned char *bytes, uint64_t size, bool wide, bool big)
{
	uint64_t entry = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), phoff, shoff;

	*file = (struct ref_file){.bytes = bytes, .size = size, .wide = wide, .big = big};
	file->type = (uint16_t)REF_FIELD(file, 0, Ehdr, e_type);
	file->machine = (uint16_t)REF_FIELD(file, 0, Ehdr, e_machine);
	phoff = REF_FIELD(file, 0, Ehdr, e_phoff);
	shoff = REF_FIELD(file, 0, Ehdr, e_shoff);
	file->nsegments = (uint32_t)REF_FIELD(file, 0, Ehdr, e_phnum);
	if (file->nsegments == PN_XNUM)
		file->nsegments = (uint32_t)REF_FIELD(file, shoff, Shdr, sh_info);
	if (file->nsegments > size / entry)
		file->nsegments = 0;
	file->segments = calloc(file->nsegments + 1u, sizeof *file->segments);
	if (file->segments == NULL)
		abort();
	for (uint32_t i = 0; i < file->nsegments; i++)
		ref_decode_segment(&file->segments[i], file, phoff + i * entry);
}

static inline void ref_close(struct ref_file *file)
{
	free(file->segments);
	file->segments = NULL;
}

static inline uint64_t ref_addr(const struct ref_segment *s, const struct ref_policy *policy)
{
	return policy->physical ? s->paddr : s->vaddr;
}

static inline bool ref_loads(const struct ref_segment *s)
{
	return s->type == PT_LOAD && s->memsz > 0;
}

/* True if a segment has a byte of memory on the page. */
static inline bool ref_touches(const struct ref_segment *s, const struct ref_policy *policy, uint64_t page)
{
	uint64_t begin = ref_addr(s, policy), last = begin + (s->memsz - 1);

	return ref_loads(s) && begin <= page + (policy->page - 1) && last >= page;
}

/* True if the page is one of those that come from the file. */
static inline bool ref_from_file(const struct ref_segment *s, const struct ref_policy *policy, uint64_t page)
{
	return s->filesz > 0 && ref_addr(s, policy) + (s->filesz - 1) >= page;
}

static inline unsigned char ref_prot(const struct ref_segment *s, const struct ref_policy *policy, uint64_t page)
{
	if (policy->process && !ref_from_file(s, policy, page))
		return (unsigned char)(REF_MAPPED | PF_R | PF_W | (s->flags & PF_X));
	return (unsigned char)(REF_MAPPED | (s->flags & (PF_R | PF_W | PF_X)));
}

static inline uint64_t ref_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* File bytes into [begin, end) of a page, as far as there are any. */
static inline void ref_copy(unsigned char *page_bytes, const struct ref_file *file, uint64_t page, uint64_t begin, uint64_t end,
	uint64_t offset)
{
	if (begin < end && offset < file->size)
		memcpy(page_bytes + (begin - page), file->bytes + offset, (size_t)ref_min(end - begin, file->size - offset));
}

/* What a segment has on a page: its own bytes, and with whole also those that lie beside them in the file's page. Ends are relative
 * to the segment's begin, so that nothing wraps. */
static inline void ref_paint_segment(unsigned char *page_bytes, const struct ref_file *file, const struct ref_segment *s,
	const struct ref_policy *policy, uint64_t page, bool whole)
{
	uint64_t begin = ref_addr(s, policy), low = begin > page ? begin : page;
	uint64_t end = ref_min(policy->page, low - page + (s->filesz > low - begin ? s->filesz - (low - begin) : 0));
	bool beyond = !(s->memsz > s->filesz && (s->flags & PF_W)) && !file->unknown_end;

	if (!ref_from_file(s, policy, page))
		return;
	if (whole && policy->process) {
		low = page;
		end = beyond ? policy->page : end;
	}
	ref_copy(page_bytes, file, page, low, page + end, s->offset + (low - begin));
}

static inline void ref_paint_page(struct ref_memory *m, const struct ref_file *file, const struct ref_policy *policy, uint64_t page)
{
	unsigned char *bytes = m->bytes + (page - m->first);
	const struct ref_segment *last = NULL;
	unsigned char prot = 0;
	uint32_t users = 0;

	for (uint32_t i = 0; i < file->nsegments; i++) {
		if (!ref_touches(&file->segments[i], policy, page))
			continue;
		last = &file->segments[i];
		prot |= ref_prot(last, policy, page);
		users++;
	}
	memset(bytes, 0, policy->page);
	m->prot[(page - m->first) / policy->page] = prot;
	if (users == 0)
		return;
	if (users == 1 || policy->share == REF_LAST) {
		m->prot[(page - m->first) / policy->page] = ref_prot(last, policy, page);
		ref_paint_segment(bytes, file, last, policy, page, true);
		return;
	}
	for (uint32_t i = 0; i < file->nsegments; i++)
		if (ref_touches(&file->segments[i], policy, page))
			ref_paint_segment(bytes, file, &file->segments[i], policy, page, false);
}

/* bytes and prot have room for the span. */
static inline void ref_paint(struct ref_memory *m, const struct ref_file *file, const struct ref_policy *policy)
{
	for (uint64_t at = 0; at < m->size; at += policy->page)
		ref_paint_page(m, file, policy, m->first + at);
}

#endif
