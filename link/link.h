/* SPDX-License-Identifier: MIT */
/* What the linker's files share: units, sections, the symbol table's keys, slots, the machines' interface. Not for embedders. */
#ifndef LODE_LINK_LINK_H
#define LODE_LINK_LINK_H

#include "core.h"
#include "little.h"
#include <lode/link.h>

enum { SYM_SIZE = 24, RELA_SIZE = 24, SLOT_SIZE = 8 };

#define SHT_INIT_ARRAY 14u
#define SHT_FINI_ARRAY 15u
#define SHT_PREINIT_ARRAY 16u
#define SHT_X86_UNWIND 0x70000001u
#define SHF_MERGE 0x10u
#define SHF_STRINGS 0x20u
#define SHF_GROUP 0x200u
#define SHF_X86_LARGE 0x10000000u
#define SHF_EXCLUDE 0x80000000u

/* Stages of a link: functions are called in this order. */
enum { STAGE_ADD = 1, STAGE_RESOLVED, STAGE_PLANNED, STAGE_PLACED, STAGE_READY, STAGE_FAILED };

/* Classes in the order in which they lie in the span. A region is a range of classes. */
enum {
	CLASS_INIT, CLASS_FINI, CLASS_TEXT, CLASS_STUBS,
	CLASS_RODATA, CLASS_EH_FRAME, CLASS_TDATA, CLASS_RELRO, CLASS_PREINIT_ARRAY, CLASS_INIT_ARRAY, CLASS_FINI_ARRAY, CLASS_GOT,
	CLASS_DATA, CLASS_BSS,
	CLASS_LARGE_RODATA, CLASS_LARGE_DATA, CLASS_LARGE_BSS,
	CLASS_TBSS, /* no bytes in the span */
	CLASSES,
};
enum { CLASS_NONE = CLASSES };
_Static_assert((int)CLASSES <= (int)LODE_LINK_CLASSES_, "the header has room for all classes");

struct lode_link_section {
	struct lode_link_section *next;  /* in its class or set */
	struct lode_link_section *relas; /* relocation tables for it; of a table: the next one for the same section */
	struct lode_link_unit *unit;
	uint64_t addr;     /* in the span; of thread-local ones in the block; when placed: address */
	uint32_t index;
	uint32_t priority; /* of initialisers: lowest first */
	uint8_t class_;    /* CLASS_NONE: not loaded */
	bool dropped;      /* another copy of its group is used */
};

/* A datum of a section that is written: its earlier version stays in use, or it is fresh. */
struct lode_link_kept {
	struct lode_link_kept *next;
	const struct lode_link_kept *farthest; /* of its section, up to here by their places: the one that ends last */
	uint32_t section, number; /* number: as they were noted, from 0 on */
	bool fresh;
	uint64_t offset, size; /* in the section */
	uint64_t addr;         /* of the earlier version, or its offset from the thread pointer */
};

struct lode_link_unit {
	struct lode_link_unit *next;
	struct lode_link_text file, member;
	struct lode_source source;
	struct lode_image image;
	struct lode_link_section *sections;
	struct lode_link_symbol **globals; /* of symbols from nlocals on */
	const unsigned char *symbols;
	const unsigned char *shndx; /* SYMTAB_SHNDX words, or NULL */
	const char *strings;
	uint64_t *values;  /* of every symbol: address, or offset from the thread pointer */
	uint8_t *kinds;    /* KIND_* of every symbol */
	struct lode_link_kept *kept;    /* the last one that was noted */
	struct lode_link_kept **places; /* all of them, by section and offset */
	uint32_t nplaces;
	uint32_t nfiles, *files;        /* local symbols that name a source, in ascending order */
	struct lode_link_types *types; /* NULL: not looked at yet */
	struct lode_link_numbers *numbers; /* of local symbols; NULL: none has a slot */
	const char *names; /* of sections */
	uint32_t names_size, strings_size;
	uint32_t nsymbols, nlocals;
	uint32_t symtab;   /* its section, 0: none */
	uint64_t budget;   /* characters of names that may still be read */
	uint64_t room;     /* bytes that loaded sections and relocation tables may still have: they do not overlap */
	uint8_t features;  /* bits of the GNU property that all objects must share to have them */
};

/* What a relocation may meet in a symbol. KIND_PLAIN: it lies in the module. */
enum { KIND_PLAIN, KIND_DROPPED, KIND_ELSEWHERE, KIND_ABSENT, KIND_TLS, KIND_IFUNC };

/* Symbols of the table: state_, flags_, key_. */
enum { STATE_UNDEFINED, STATE_LAZY, STATE_COMMON, STATE_DEFINED, STATE_MADE, STATE_ELSEWHERE, STATE_ABSENT };
enum { FLAG_STRONG = 1, FLAG_INTERPOSED = 2, FLAG_QUEUED = 4, FLAG_REFERENCED = 8, FLAG_NARROW = 16 };
/* A set: sections of one name that is an identifier, for __start_ and __stop_. */
enum { KEY_SYMBOL, KEY_GROUP, KEY_SET };

struct link_name {
	const char *at;
	uint32_t length, hash;
};

struct lode_link_set {
	struct lode_link_set *next;
	struct link_name name;
	struct lode_link_symbol *start, *stop;
	struct lode_link_section *first, *last;
	uint64_t addr, end;
	uint8_t class_;
};

/* A file that was added, or a member of it. */
struct link_input {
	struct lode_link_text file, member;
	const unsigned char *bytes;
	uint64_t size;
};

/* An archive whose members wait. A lazy symbol has one, and the offset of its member's header as its value. */
struct lode_link_archive {
	struct link_input input;
	uint64_t left;     /* bytes that members may still have: they do not overlap */
	const char *names; /* long ones, or NULL */
	uint64_t names_size;
	bool thin;
};

/* A word that holds the value of a symbol of this unit. */
struct lode_link_slot {
	struct lode_link_slot *next;
	struct lode_link_unit *unit;
	uint32_t index;
	bool ifunc; /* what its resolver returns: filled by lode_link_ifuncs */
	bool stub;  /* for its stub: the symbol's value may be that stub's address */
};

struct lode_link_stub {
	struct lode_link_stub *next;
	uint32_t slot; /* number + 1 */
};

struct link_sym {
	uint32_t name, shndx;
	uint64_t value, size;
	uint8_t bind, type, visibility;
	bool reserved; /* shndx is SHN_ABS, SHN_COMMON or the like */
};

struct link_rela {
	uint64_t offset, addend;
	uint32_t type, symbol;
};

/* One relocation table, and the section that it is for. */
struct link_table {
	struct lode_link *link;
	struct lode_link_unit *unit;
	struct lode_link_section *section;
	const struct lode_section *header; /* of the section */
	const unsigned char *rela;
	uint64_t count;
	uint64_t file_offset;
	unsigned char *bytes; /* of the section, in the view; NULL while planning */
	bool opaque;          /* .eh_frame and notes: what is gone is 0 there */
};

/* What a relocation type wants of its symbol, beside the bytes that it writes. */
enum {
	NEED_UNKNOWN, NEED_NOTHING, NEED_VALUE, NEED_NEAR, NEED_CALL, NEED_GOT, NEED_GOTTP, NEED_TLS, NEED_BASE, NEED_SIZE,
	NEED_LOW,
};
#define LINK_TYPE(need, width) (uint8_t)((need) << 4 | (width))

struct lode_link_machine {
	uint16_t machine;
	uint16_t first_type, ntypes;
	const uint8_t *types; /* LINK_TYPE from first_type on */
	uint8_t stub_size;
	uint8_t init_head_size, init_tail_size; /* code around .init fragments */
	const unsigned char *init_head, *init_tail;
	const unsigned char *init_pad;
	uint8_t init_pad_size;
	uint32_t feature; /* pr_type of the property that says what code was built for */
	uint8_t tracking; /* bit in it: branch targets are marked */
	/* From a field of code to the end of its instruction: bits of the distances that are possible. NULL: always 0. */
	uint32_t (*distances)(const unsigned char *section, const struct link_rela *rela);
	/* An instruction makes an address, or a base for one, and does not use what lies there. NULL: always. */
	bool (*addresses)(const unsigned char *section, const struct link_rela *rela);
	void (*stub)(unsigned char *bytes, uint64_t stub, uint64_t slot);
	int (*relocate)(const struct link_table *table, struct lode_diag *why);
};

extern const struct lode_link_machine lode_link_x86_64_, lode_link_aarch64_, lode_link_riscv64_;

/* One relocation under way. */
struct link_site {
	const struct link_table *table;
	uint64_t index;
	struct link_rela rela;
	unsigned char *at; /* the field, in the view */
	uint64_t place;    /* its address */
	uint64_t value;    /* of the symbol */
};

static inline void put32(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)value;
	p[1] = (unsigned char)(value >> 8);
	p[2] = (unsigned char)(value >> 16);
	p[3] = (unsigned char)(value >> 24);
}

static inline void put64(unsigned char *p, uint64_t value)
{
	put32(p, (uint32_t)value);
	put32(p + 4, (uint32_t)(value >> 32));
}

/* An entry of a symbol table, but for a section index that does not fit. */
static inline struct link_sym lode_sym_(const unsigned char *p)
{
	return (struct link_sym){
		.name = le32(p),
		.bind = p[4] >> 4,
		.type = p[4] & 15,
		.visibility = p[5] & 3,
		.shndx = le16(p + 6),
		.reserved = le16(p + 6) >= LODE_SHN_LORESERVE,
		.value = le64(p + 8),
		.size = le64(p + 16),
	};
}

static inline struct link_sym lode_unit_symbol_(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_sym_(unit->symbols + (uint64_t)index * SYM_SIZE);

	if (symbol.shndx == LODE_SHN_XINDEX && unit->shndx) {
		symbol.shndx = le32(unit->shndx + (uint64_t)index * 4);
		symbol.reserved = false;
	}
	return symbol;
}

static inline struct link_rela rela_at(const struct link_table *table, uint64_t index)
{
	const unsigned char *p = table->rela + index * RELA_SIZE;

	return (struct link_rela){.offset = le64(p), .type = le32(p + 8), .symbol = le32(p + 12), .addend = le64(p + 16)};
}

/* keep.c. False: what the section's bytes would be reached by is known, but not which; planning has refused that. */
bool lode_link_shift_(uint64_t *shift, const struct link_table *table, const struct link_rela *rela);
/* A symbol's value, or that of the datum's earlier version. */
uint64_t lode_link_kept_value_(const struct lode_link_unit *unit, uint32_t index, uint64_t value);
bool lode_link_is_kept_(const struct lode_link_unit *unit, uint32_t index);
int lode_link_keep_data_(struct lode_link *link, struct lode_diag *why);
struct lode_link_text lode_unit_source_name_(const struct lode_link_unit *unit, uint32_t index);
bool lode_unit_has_source_(const struct lode_link_unit *unit);

/* kept.c: what was noted, by places. */
int lode_unit_sort_kept_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why);
/* The datum that a place of a section is in, or NULL. */
const struct lode_link_kept *lode_unit_kept_at_(const struct lode_link_unit *unit, uint32_t section, uint64_t offset);
/* And the nearest that begin before it or there, and behind it. */
struct link_around {
	const struct lode_link_kept *at, *before, *behind;
};
struct link_around lode_unit_kept_around_(const struct lode_link_unit *unit, uint32_t section, uint64_t offset);

static inline struct link_site site_at(const struct link_table *table, uint64_t index)
{
	struct link_site site = {.table = table, .index = index, .rela = rela_at(table, index)};
	uint64_t shift;

	site.at = table->bytes + site.rela.offset;
	site.place = table->link->addr + table->section->addr + site.rela.offset;
	site.value = table->unit->values[site.rela.symbol];
	if (table->unit->kept && lode_link_shift_(&shift, table, &site.rela))
		site.value += shift;
	return site;
}

/* value, as a signed number, fits into bits. */
static inline bool fits_signed(uint64_t value, unsigned bits)
{
	return value + ((uint64_t)1 << (bits - 1)) < (uint64_t)1 << bits;
}

static inline bool text_is(const struct lode_link_text *text, const char *literal, size_t size)
{
	return text->size == size && memcmp(text->at, literal, size) == 0;
}

static inline bool text_begins(const struct lode_link_text *text, const char *literal, size_t size)
{
	return text->size >= size && memcmp(text->at, literal, size) == 0;
}
#define TEXT_IS(text, literal) text_is(text, literal, sizeof(literal) - 1)
#define TEXT_BEGINS(text, literal) text_begins(text, literal, sizeof(literal) - 1)

/* work.c: work space at 16-byte boundaries, zeroed or as it was; NULL with the diagnosis made. */
void *lode_link_take_(struct lode_link *link, uint64_t size, struct lode_diag *why);
void *lode_link_keep_(struct lode_link *link, uint64_t size, struct lode_diag *why);
/* What is left, as sections: theirs until the next thing is taken. */
struct lode_section *lode_link_spare_(uint32_t *count, const struct lode_link *link);

/* blame.c: refusals that name file, section and symbol. */
int lode_link_refuse_(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag place, struct lode_diag *why);
void lode_link_blame_symbol_(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index);
int lode_link_refuse_rela_(const struct link_table *table, uint64_t index, struct lode_diag place, struct lode_diag *why);
int lode_link_refuse_section_(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index, struct lode_diag place,
	struct lode_diag *why);
int lode_link_stage_(struct lode_link *link, uint8_t stage, struct lode_diag *why);

/* intern.c: the symbol table. */
struct link_name lode_link_name_(const char *at, size_t left);
/* Of characters that end in NUL, wherever that is. */
struct link_name lode_link_string_(const char *text);
/* The symbol of this name and key, made if there is none yet. */
int lode_link_intern_(struct lode_link_symbol **symbol, struct lode_link *link, const struct link_name *name, uint8_t key,
	struct lode_diag *why);
struct lode_link_symbol *lode_link_lookup_(const struct lode_link *link, const struct link_name *name, uint8_t key);

/* symbol.c: entries of objects' symbol tables into it. */
int lode_unit_symbols_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why);
struct lode_link_text lode_unit_symbol_name_(const struct lode_link_unit *unit, uint32_t index);
/* Somebody wants it: members of archives that define it are taken soon. */
void lode_link_want_(struct lode_link *link, struct lode_link_symbol *symbol);

/* object.c: names overlap in string tables, but all of them together are not much longer than the file. False: they are. */
uint64_t lode_unit_budget_(uint64_t size);
bool lode_unit_spend_(struct lode_link_unit *unit, uint64_t characters);
int lode_unit_overspent_(struct lode_link *link, const struct lode_link_unit *unit, struct lode_diag *why);

/* section.c: which sections are loaded, and with which others. */
int lode_unit_sections_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why);
void lode_link_append_(struct lode_link_section_list *list, struct lode_link_section *section);
/* class.c: how a section is loaded; CLASS_NONE: not at all. */
uint8_t lode_section_class_(const struct lode_link *link, const struct lode_section *section, const struct lode_link_text *name);
uint32_t lode_section_priority_(const struct lode_link_text *name);
bool lode_section_backwards_(const struct lode_link_text *name);
struct lode_link_text lode_unit_section_name_(const struct lode_link_unit *unit, uint32_t index);

/* group.c */
int lode_unit_groups_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why);

/* object.c */
int lode_link_object_(struct lode_link *link, const struct link_input *input, struct lode_diag *why);

/* archive.c */
bool lode_archive_is_(const struct link_input *input);
int lode_link_archive_(struct lode_link *link, const struct link_input *input, struct lode_diag *why);
int lode_archive_pull_(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why);

/* made.c: symbols that stand in no object. True if the linker makes this one. */
bool lode_link_makes_(struct lode_link_symbol *symbol);
uint64_t lode_link_made_value_(const struct lode_link *link, const struct lode_link_symbol *symbol);

/* set.c: sections between __start_ and __stop_. */
int lode_link_set_symbol_(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why);
void lode_link_fill_sets_(struct lode_link *link);

/* names.c */
const struct lode_link_symbol *lode_namespace_find_(const struct lode_namespace *names, const struct lode_link_symbol *symbol);

/* elsewhere.c: symbols that no object of the link defines. */
int lode_link_settle_(struct lode_link *link, struct lode_diag *why);

/* kind.c: what every symbol is; value.c: where. */
int lode_link_kinds_(struct lode_link *link, struct lode_diag *why);
void lode_link_values_(struct lode_link *link);
/* Of a symbol that a unit defines, in the span or in the thread-local block. Never that of a stub. */
uint64_t lode_unit_address_(const struct lode_link *link, const struct lode_link_unit *unit, uint32_t index);

/* provide.c: every relocation once, before anything has a place. */
int lode_link_scan_(struct lode_link *link, struct lode_diag *why);
struct lode_link_numbers *lode_unit_numbers_(const struct lode_link_unit *unit, uint32_t index);

/* tables.c: each relocation table of each loaded section. */
int lode_link_tables_(struct lode_link *link, int (*each)(const struct link_table *table, struct lode_diag *why),
	struct lode_diag *why);

/* reach.c: for the machines. The address of a symbol's stub or slot, 0 if it has none. */
uint64_t lode_link_stub_(const struct link_table *table, uint32_t symbol);
uint64_t lode_link_slot_(const struct link_table *table, uint32_t symbol, bool tp);
uint64_t lode_link_got_(const struct lode_link *link);
int lode_link_out_of_range_(const struct link_table *table, uint64_t index, uint64_t value, struct lode_diag *why);
int lode_link_bad_instruction_(const struct link_table *table, uint64_t index, struct lode_diag *why);

/* layout.c; write.c: bytes of sections, slots and stubs. */
int lode_link_layout_(struct lode_link *link, struct lode_diag *why);
void lode_link_write_(struct lode_link *link);
/* calls.c */
int lode_link_calls_(struct lode_link *link, struct lode_diag *why);

#endif
