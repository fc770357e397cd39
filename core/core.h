/* SPDX-License-Identifier: MIT */
/* What the freestanding folders share: checked arithmetic, byte loads, and the one way to refuse. Not for embedders. */
#ifndef LODE_CORE_H
#define LODE_CORE_H

#include <lode/lode.h>

/* The four functions that a freestanding host provides (rt/mem.c does). */
void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memset(void *dst, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* True if [off, off + len) lies in [0, size). */
static inline bool within(uint64_t off, uint64_t len, uint64_t size)
{
	return len <= size && off <= size - len;
}

/* *sum = a + b; true if that did not wrap. */
static inline bool add_ok(uint64_t *sum, uint64_t a, uint64_t b)
{
	*sum = a + b;
	return *sum >= a;
}

static inline bool power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* align is a power of two. The sum wraps to 0 at the end of the address space; callers know that theirs cannot. */
static inline uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + (align - 1)) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t n, uint64_t align)
{
	return n & ~(align - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* n / d for 0 < d < 65536. A 64-bit division would call into the compiler's library on 32-bit machines. */
uint64_t lode_divide_(uint64_t n, uint32_t d);

/* A cursor over bytes of known size: the caller has made sure that they are there. */
struct lode_cursor {
	const unsigned char *at;
	bool big;  /* byte order */
	bool wide; /* ELFCLASS64 */
};

uint8_t lode_take8_(struct lode_cursor *cursor);
uint16_t lode_take16_(struct lode_cursor *cursor);
uint32_t lode_take32_(struct lode_cursor *cursor);
uint64_t lode_take64_(struct lode_cursor *cursor);
/* An Elf_Addr, Elf_Off or Elf_Xword: 4 or 8 bytes by class. */
uint64_t lode_take_word_(struct lode_cursor *cursor);
void lode_store_(unsigned char *dst, uint64_t value, uint32_t width, bool big);

static inline bool image_big(const struct lode_image *image)
{
	return image->data == LODE_DATA2MSB;
}

static inline bool image_wide(const struct lode_image *image)
{
	return image->class_ == LODE_CLASS64;
}

/* (bytes is not const, or GCC at -O0 takes the cursor for a read of what is not there yet.) */
static inline struct lode_cursor image_cursor(const struct lode_image *image, unsigned char *bytes)
{
	return (struct lode_cursor){.at = bytes, .big = image_big(image), .wide = image_wide(image)};
}

/* The last address of the class's address space. */
static inline uint64_t image_last_addr(const struct lode_image *image)
{
	return image_wide(image) ? UINT64_MAX : UINT32_MAX;
}

/* Fill in why (if there is one) with rule and its status, and return that status. place holds the rest. */
int lode_refuse_(struct lode_diag *why, enum lode_rule rule, struct lode_diag place);
/* Refuses with source-past-end unless [offset, offset + size) lies in the source. */
int lode_source_holds_(const struct lode_source *source, uint64_t offset, uint64_t size, struct lode_diag *why);

/* Places for lode_refuse_. A limit of 0: there is none. */
struct lode_diag lode_nowhere_(enum lode_field field, uint64_t value, uint64_t limit);
struct lode_diag lode_at_header_(const struct lode_image *image, enum lode_field field, uint64_t value, uint64_t limit);
struct lode_diag lode_at_segment_(const struct lode_image *image, uint32_t index, enum lode_field field, uint64_t limit);
/* A table that the header names. */
struct lode_header_table_ {
	uint64_t offset;
	uint32_t count, entry;
	enum lode_field offset_field, count_field;
};
/* Of one that does not lie in the file: offset or count, whichever is too large, and what it may be. No entry is larger than the
 * header, which is there. */
struct lode_diag lode_no_fit_(const struct lode_image *image, const struct lode_header_table_ *table);
/* Of bytes that do not lie in the file: the offset or the size, whichever is too large, and what it may be. */
struct lode_diag lode_past_end_(const struct lode_image *image, uint32_t index);
struct lode_diag lode_at_section_(const struct lode_image *image, uint32_t index, enum lode_field field, uint64_t value,
	uint64_t limit);
struct lode_diag lode_at_entry_(enum lode_field field, uint64_t index, uint64_t offset, uint64_t value, uint64_t limit);

/* Sort by_vaddr and by_paddr of the loadable segments, and find what is needed to look one up by an address. */
void lode_segments_sort_(struct lode_image *image);
/* The k-th loadable segment by the addresses of a domain. */
static inline uint32_t nth_load(const struct lode_image *image, enum lode_domain domain, uint32_t k)
{
	return domain == LODE_PHYSICAL ? image->segments[k].by_paddr : image->segments[k].by_vaddr;
}

static inline enum lode_field addr_field(enum lode_domain domain)
{
	return domain == LODE_PHYSICAL ? LODE_FIELD_PHDR_PADDR : LODE_FIELD_PHDR_VADDR;
}

static inline uint64_t segment_addr(const struct lode_segment *segment, enum lode_domain domain)
{
	return domain == LODE_PHYSICAL ? segment->paddr : segment->vaddr;
}

#endif
