/* SPDX-License-Identifier: MIT */
/* bytes -> image: a checked, borrowed view of an ELF file. 32/64 bit and both byte orders become one 64-bit form. */
#ifndef LODE_IMAGE_H
#define LODE_IMAGE_H

#include <lode/base.h>
#include <lode/elf.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_SIZE_UNKNOWN UINT64_MAX

/**
 * struct lode_source - where the file's bytes come from
 * @bytes: the whole file in memory, or NULL if @read is to be used
 * @size: bytes of the file; with @read it may be LODE_SIZE_UNKNOWN (a pipe): reads past the end then fail
 * @read: copies exactly @size bytes from @offset to @dst; 0 if done, anything else if not. A read that would be short fails.
 *        open reads the ELF header, then the program headers, then the section headers if they are asked for, each table in
 *        ascending order, and no byte of them twice. A number that does not fit the ELF header stands in section header 0, which is
 *        then read before the program headers: e_phnum PN_XNUM, or, if sections are asked for, e_shnum 0 or e_shstrndx SHN_XINDEX.
 *        So a pipe will do if the tables lie in that order and nothing stands in section header 0.
 * @host: handed to @read
 *
 * The source is borrowed: it must live as long as the image is used.
 */
struct lode_source {
	const void *bytes;
	uint64_t size;
	int (*read)(void *host, void *dst, uint64_t offset, size_t size);
	void *host;
};

/** Exactly @size bytes at @offset of the source. Errors: source-past-end, source-read. */
int lode_source_read(void *dst, const struct lode_source *source, uint64_t offset, size_t size, struct lode_diag *why);

/** A program header, decoded. @by_vaddr, @by_paddr and @reach are the image's (see struct lode_image). */
struct lode_segment {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
	uint32_t by_vaddr; /* segments[k].by_vaddr: index of the k-th PT_LOAD with memsz > 0, by ascending vaddr */
	uint32_t by_paddr; /* the same by ascending paddr */
	uint64_t reach;    /* segments[k].reach: largest last address of some by_vaddr up to the k-th: lode_segment_at's */
};

/** A section header, decoded. */
struct lode_section {
	uint32_t name; /* offset into the section name table */
	uint32_t type;
	uint64_t flags;
	uint64_t addr;
	uint64_t offset;
	uint64_t size;
	uint32_t link;
	uint32_t info;
	uint64_t addralign;
	uint64_t entsize;
};

/**
 * struct lode_image - what open hands out: header fields and tables, proven to lie inside the bytes
 *
 * After a successful open the tables lie in the source; every PT_LOAD's file part lies in it too, its filesz <= memsz, and
 * vaddr + memsz does not wrap (2^32 for ELFCLASS32); so does every section's file part, if sections were asked for. Segments of
 * other types are checked by those who use them. Raw headers are not looked at again.
 */
struct lode_image {
	const struct lode_source *source;
	uint8_t class_;    /* LODE_CLASS32, LODE_CLASS64 */
	uint8_t data;      /* LODE_DATA2LSB, LODE_DATA2MSB */
	uint8_t osabi, abiversion;
	uint16_t type;     /* LODE_ET_* */
	uint16_t machine;  /* LODE_EM_* */
	uint16_t ehsize, phentsize, shentsize;
	uint32_t ident_version, version;
	uint32_t flags;
	uint64_t entry;
	uint64_t phoff, shoff;
	uint32_t nsegments; /* e_phnum, PN_XNUM resolved */
	uint32_t nload;     /* PT_LOAD segments with memsz > 0: entries of by_vaddr and by_paddr */
	uint32_t nsections; /* e_shnum; 0 resolved if sections were asked for */
	uint32_t shstrndx;  /* e_shstrndx; SHN_XINDEX resolved if sections were asked for */
	struct lode_segment *segments; /* the caller's array, in the file's order */
	struct lode_section *sections; /* the caller's array, or NULL: not asked for */
};

/** Bytes of a word of the image's class (Elf_Addr, Elf_Off); a dynamic entry has two. */
static inline uint32_t lode_word_size(const struct lode_image *image)
{
	return image->class_ == LODE_CLASS64 ? 8 : 4;
}

/** Bytes of an entry of its symbol tables. */
static inline uint32_t lode_symbol_size(const struct lode_image *image)
{
	return image->class_ == LODE_CLASS64 ? 24 : 16;
}

/** Bytes of an entry of its REL or RELA tables. */
static inline uint32_t lode_rel_size(const struct lode_image *image, bool rela)
{
	return lode_word_size(image) * (rela ? 3u : 2u);
}

enum {
	LODE_OPEN_SECTIONS = 1, /* sections are wanted: read and check them. Without it the section table may be nonsense */
	/* Class and byte order are @class_ and @data whatever the file says, and no version is looked at, neither EI_VERSION nor
	 * e_version, as on Linux. */
	LODE_OPEN_NATIVE = 2,
};

/** The caller's arrays and wishes. Zero-initialise, then set what is needed. */
struct lode_open_options {
	uint32_t flags;
	uint8_t class_, data; /* with LODE_OPEN_NATIVE */
	struct lode_segment *segments;
	uint32_t max_segments;
	struct lode_section *sections;
	uint32_t max_sections;
};

/**
 * lode_open - decode and check the ELF header, the program headers and, if asked for, the section headers
 * @image: filled in. After LODE_ERR_ROOM, nsegments and nsections hold the counts that the arrays need.
 * @source: borrowed
 * @options: arrays of the caller; may be NULL for a look at the header alone (then nsegments and nsections are the only news
 *           of the tables, segments is NULL)
 * Errors: header-*, segment-*, section-* rules, source-*, room-segments, room-sections.
 * Time O(n log n) in the number of headers; no byte of header or tables is read twice.
 * Ref: gABI-41 ch. 4 "ELF Header", ch. 5 "Program Header"; Linux extended numbering (elf(5)).
 */
int lode_open(struct lode_image *image, const struct lode_source *source, const struct lode_open_options *options,
	struct lode_diag *why);

/** First segment of a type, or NULL. */
const struct lode_segment *lode_segment_find(const struct lode_image *image, uint32_t type);
/** Index of a segment in the file's table. */
uint32_t lode_segment_index(const struct lode_image *image, const struct lode_segment *segment);
/** File offset of a field of the program header table's entry @index (for diagnoses); LODE_NO_OFFSET if it has no such field. */
uint64_t lode_segment_offset(const struct lode_image *image, uint32_t index, enum lode_field field);
/** The same of a field of the ELF header. */
uint64_t lode_header_offset(const struct lode_image *image, enum lode_field field);
/** The same of the section header table's entry @index. */
uint64_t lode_section_offset(const struct lode_image *image, uint32_t index, enum lode_field field);
/** What a field holds, as it was decoded; 0 if the structure has no such field. Precondition: @index is an entry of the table. */
uint64_t lode_segment_value(const struct lode_image *image, uint32_t index, enum lode_field field);
/**
 * The same of the ELF header; counts and indices that stand in section header 0 are resolved as in struct lode_image. This and the
 * next live in core/words.c: the loader itself never calls them.
 */
uint64_t lode_header_value(const struct lode_image *image, enum lode_field field);
/** The same of a section header. Precondition: sections were asked for. */
uint64_t lode_section_value(const struct lode_image *image, uint32_t index, enum lode_field field);

/**
 * lode_vaddr_to_offset - file bytes behind virtual addresses, by the PT_LOAD segments
 * @offset: file offset of @vaddr
 * True if [vaddr, vaddr + size) lies wholly inside the file part of the segment that lode_segment_at finds. Time: as there.
 */
bool lode_vaddr_to_offset(uint64_t *offset, const struct lode_image *image, uint64_t vaddr, uint64_t size);
/**
 * lode_segment_at - the PT_LOAD whose memory holds all of [vaddr, vaddr + size), or NULL
 * Of several that do the one that begins last, of those the one that stands last in the table. An empty range lies where its
 * address does. Time O(log n); O(log^2 n) where segments lie over each other, however many do. Segments that were changed since
 * open are not looked up rightly.
 */
const struct lode_segment *lode_segment_at(const struct lode_image *image, uint64_t vaddr, uint64_t size);

/** A string table: bytes of a source, which is borrowed. */
struct lode_strings {
	const struct lode_source *source;
	uint64_t offset;
	uint64_t size;
};

/**
 * lode_string_read - a NUL-terminated string out of a string table
 * @buf, @size: destination
 * @index: byte of the table where the string begins
 * Errors: string-outside, string-unterminated, source-*; room-string: no NUL in the first @size bytes, which buf then holds; the
 * limit is how many the table has from @index on, which is always enough.
 */
int lode_string_read(char *buf, size_t size, const struct lode_strings *table, uint64_t index, struct lode_diag *why);

/** A symbol, decoded; shndx with SHN_XINDEX resolved where a SYMTAB_SHNDX table was given. */
struct lode_symbol {
	uint32_t name;
	uint8_t bind, type, other;
	bool reserved; /* shndx is one of the reserved values SHN_ABS, SHN_COMMON..., not a section */
	uint32_t shndx;
	uint64_t value;
	uint64_t size;
};

/** A symbol table: file range, count, its strings, and the extended indices if there are any. */
struct lode_symtab {
	uint64_t offset;
	uint64_t count;
	struct lode_strings strings;
	uint64_t shndx_offset; /* file offset of the SYMTAB_SHNDX words, 0: none */
};

/** Symbol @index of a table. Errors: symbol-index, source-*. */
int lode_symbol_read(struct lode_symbol *symbol, const struct lode_image *image, const struct lode_symtab *table, uint64_t index,
	struct lode_diag *why);
/**
 * lode_symtab_of_section - the table that section @index (SYMTAB or DYNSYM) describes
 * Precondition: the image was opened with LODE_OPEN_SECTIONS. Errors: section-index, symtab-*, source-*.
 */
int lode_symtab_of_section(struct lode_symtab *table, const struct lode_image *image, uint32_t index, struct lode_diag *why);

/** A relocation entry, decoded. @has_addend: RELA. */
struct lode_rel {
	uint64_t offset;
	uint64_t addend; /* two's complement */
	uint32_t type;
	uint32_t symbol;
	bool has_addend;
};
/** A relocation table: file range of REL or RELA entries. */
struct lode_reltab {
	uint64_t offset;
	uint64_t size; /* bytes, a multiple of the entry size */
	uint64_t count;
	bool rela;
};
/** Entry @index of a REL or RELA table. Errors: reloc-index, source-*. */
int lode_rel_read(struct lode_rel *rel, const struct lode_image *image, const struct lode_reltab *table, uint64_t index,
	struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
