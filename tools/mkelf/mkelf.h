/* SPDX-License-Identifier: MIT */
/* Description of an ELF file -> its bytes, right or with any field a lie. For tests: knows nothing of Lode's own reader. */
#ifndef MKELF_H
#define MKELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a file is made of. The order is that of the bytes within the tables' segment. */
enum mkelf_structure {
	MKELF_NONE,
	MKELF_EHDR,
	MKELF_PHDR,
	MKELF_INTERP,
	MKELF_NOTE,     /* lies: index counts notes */
	MKELF_SYM,      /* dynamic symbols; entry 0 is the null symbol */
	MKELF_STR,      /* dynamic strings */
	MKELF_HASH,     /* lies: fields nbucket, nchain at index 0; field word at any word index */
	MKELF_GNU_HASH, /* lies: nbuckets, symoffset, bloom_size, bloom_shift at index 0; word at any word index */
	MKELF_VERSYM,
	MKELF_VERNEED, /* lies: index counts 16-byte entries, vn_* and vna_* */
	MKELF_VERDEF,  /* lies: index counts definitions, vd_* and vda_* */
	MKELF_REL,
	MKELF_RELA,
	MKELF_JMPREL, /* fields as REL or RELA, whichever jmprel_rela says */
	MKELF_RELR,
	MKELF_DYN,
	MKELF_SYMTAB, /* the rest lies outside all segments */
	MKELF_STRTAB,
	MKELF_SHNDX,
	MKELF_SHSTRTAB,
	MKELF_SHDR,
	MKELF_STRUCTURES,
};

/** A program header and, if it covers nothing else, bytes of its own. */
struct mkelf_segment {
	uint32_t type, flags;
	uint64_t vaddr;
	uint64_t paddr;    /* 0: as vaddr */
	uint64_t align;    /* p_align as it stands; 0 is 0 */
	uint64_t modulus;  /* p_offset is made equal to vaddr modulo this; 0: align, 0x1000 at the most */
	uint64_t offset;   /* 0: the next place that fits */
	const void *bytes; /* NULL: a pattern that depends on the place (mkelf_pattern) */
	uint64_t size;     /* of the bytes */
	uint64_t bss;      /* p_memsz - p_filesz */
	bool headers;      /* PT_LOAD, the first one: begins with ELF header and program headers; size counts what follows them */
	enum mkelf_structure covers; /* no bytes: offset, address and size are those of this structure */
	bool inside;                 /* no bytes: size bytes at vaddr of an earlier segment, whose offset follows (TLS, RELRO) */
};

struct mkelf_symbol {
	const char *name; /* NULL: st_name 0 */
	uint8_t bind, type, other;
	uint32_t shndx; /* above 0xfeff and not reserved: through SYMTAB_SHNDX */
	bool reserved;  /* shndx is a reserved value */
	uint64_t value, size;
	uint16_t version; /* for versym */
};

/** A relocation. With REL and RELR the addend is put into the bytes at @offset. */
struct mkelf_reloc {
	uint64_t offset;
	uint32_t type, symbol;
	int64_t addend;
};

struct mkelf_note {
	const char *owner; /* NULL: n_namesz 0 */
	uint32_t type;
	const void *desc;
	uint32_t size;
};

struct mkelf_dyn {
	int64_t tag;
	uint64_t value;
};

/** A needed version; neighbours of the same file share one Verneed. */
struct mkelf_need {
	const char *file, *version;
	uint16_t index;
};

struct mkelf_def {
	const char *name;
	uint16_t flags, index;
};

/** A section beside those that the writer makes. */
struct mkelf_section {
	const char *name;
	uint32_t type;
	uint64_t flags;
	enum mkelf_structure covers; /* address, offset, size are those of this structure */
	const void *bytes;           /* covers NONE: put behind the segments; NULL: offset and size as given */
	uint64_t addr, offset, size;
	uint32_t link, info;
	uint64_t addralign, entsize;
};

/** Set a field to a value once all is written. See mkelf_fields for the names. */
struct mkelf_lie {
	enum mkelf_structure structure;
	uint32_t index;
	const char *field;
	uint64_t value;
};

#define MKELF_NOWHERE UINT32_MAX

/** A file. Zero-initialise; pointers are borrowed during mkelf_write. */
struct mkelf {
	uint8_t class_, data; /* 0: ELFCLASS64, ELFDATA2LSB */
	uint8_t osabi, abiversion;
	uint16_t type, machine; /* 0: ET_EXEC, EM_X86_64 */
	uint32_t flags;
	uint64_t entry;
	bool extended;   /* counts and index through section 0 (PN_XNUM and friends) */
	bool phdrs_last; /* program headers behind all segments */
	bool sections;   /* make a section table that describes all that is there */

	const struct mkelf_segment *segments;
	uint32_t nsegments;
	uint32_t tables;     /* index of the PT_LOAD that takes what follows behind its bytes, or MKELF_NOWHERE */
	uint32_t note_align; /* 0: 4 */

	const char *interp;
	const struct mkelf_note *notes;
	const struct mkelf_symbol *symbols;                   /* dynamic, without the null symbol, undefined ones first */
	const struct mkelf_reloc *rel, *rela, *jmprel, *relr; /* relr: ascending, addresses even */
	const uint64_t *relr_words;                           /* instead of relr: as they stand */
	const struct mkelf_dyn *dyns;                         /* beside those that follow from the tables, before DT_NULL */
	const char *const *needed;
	const char *soname;
	const struct mkelf_need *needs;
	const struct mkelf_def *defs;
	const struct mkelf_symbol *symtab; /* static, without the null symbol */
	const struct mkelf_section *more;
	const struct mkelf_lie *lies;
	uint32_t nnotes, nsymbols, nrel, nrela, njmprel, nrelr, nrelr_words, ndyns, nneeded, nneeds, ndefs, nsymtab, nmore, nlies;
	bool dynamic;        /* a dynamic table even if nothing needs one */
	bool hash, gnu_hash; /* make them for the dynamic symbols */
	uint32_t nbucket;    /* 0: 1; with gnu_hash and more than one the defined symbols must already stand in bucket order */
	bool jmprel_rela;
};

/** Where a structure came to lie. addr is 0 if no segment holds it. */
struct mkelf_part {
	uint64_t offset, addr, size;
	uint32_t count, entsize; /* entsize 0: entries differ in size */
};

#define MKELF_NOTES_MAX 64

/** The bytes. Zero-initialise; mkelf_free when done. May be written again and again. */
struct mkelf_out {
	unsigned char *bytes;
	size_t size, room;
	uint8_t class_, data;
	bool jmprel_rela;
	struct mkelf_part parts[MKELF_STRUCTURES];
	uint64_t note_offset[MKELF_NOTES_MAX];
};

/** One field of one structure. Index 0 is ELFCLASS32, 1 ELFCLASS64; width 0: not in this class. */
struct mkelf_field {
	enum mkelf_structure structure;
	const char *name;
	uint16_t offset[2];
	uint8_t width[2];
};
extern const struct mkelf_field mkelf_fields[];
extern const size_t mkelf_nfields;

/** Write a file. A description that contradicts itself ends the program with a message: the test is wrong. */
void mkelf_write(struct mkelf_out *out, const struct mkelf *elf);
void mkelf_free(struct mkelf_out *out);

/** Field of a structure by name, or NULL. */
const struct mkelf_field *mkelf_field(enum mkelf_structure structure, const char *name);
/** File offset of a field of entry @index. */
uint64_t mkelf_at(const struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name);
/** The lie itself: write @value, cut to the field's width, in the file's byte order. */
void mkelf_set(struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name, uint64_t value);
uint64_t mkelf_get(const struct mkelf_out *out, enum mkelf_structure structure, uint32_t index, const char *name);
/** Integers in the file's byte order at any offset. */
void mkelf_poke(struct mkelf_out *out, uint64_t offset, unsigned width, uint64_t value);
uint64_t mkelf_peek(const struct mkelf_out *out, uint64_t offset, unsigned width);

/** Byte that fills @offset of the file where a segment has no bytes of its own; never 0. */
unsigned char mkelf_pattern(uint64_t offset);
uint32_t mkelf_sysv_hash(const char *name);
uint32_t mkelf_gnu_hash(const char *name);

/** Ready-made good files; each can be had in both classes and byte orders. */
struct mkelf_sample {
	const char *name;
	const char *text; /* what it shows */
	void (*make)(struct mkelf_out *out, uint8_t class_, uint8_t data, uint16_t machine);
};
extern const struct mkelf_sample mkelf_samples[];
extern const size_t mkelf_nsamples;
/** A sample by name; ends the program if there is none. machine 0: x86-64 or i386 by class. */
void mkelf_make(struct mkelf_out *out, const char *name, uint8_t class_, uint8_t data, uint16_t machine);

/* Between the files of the writer */
struct mkelf_strings {
	char *bytes;
	size_t size, room;
};
void mkelf_pad_(struct mkelf_out *out, uint64_t size);
void mkelf_bytes_(struct mkelf_out *out, const void *bytes, size_t size);
void mkelf_put_(struct mkelf_out *out, unsigned width, uint64_t value);
void mkelf_align_(struct mkelf_out *out, uint64_t align);
uint32_t mkelf_string_(struct mkelf_strings *strings, const char *text);
void mkelf_part_(struct mkelf_out *out, enum mkelf_structure structure, uint32_t count);
void mkelf_symbols_(struct mkelf_out *out, enum mkelf_structure structure, const struct mkelf_symbol *symbols, uint32_t n,
	struct mkelf_strings *strings);
void mkelf_tables_(struct mkelf_out *out, const struct mkelf *elf, uint64_t bias, bool mapped);
void mkelf_sections_(struct mkelf_out *out, const struct mkelf *elf);
_Noreturn void mkelf_die_(const char *text);

#endif
