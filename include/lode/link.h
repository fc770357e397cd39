/* SPDX-License-Identifier: MIT */
/* Relocatable objects and archives in memory -> a module that runs: add, resolve, plan, place, publish. 64 bit, little-endian. */
#ifndef LODE_LINK_H
#define LODE_LINK_H

#include <lode/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lode_link;
struct lode_link_unit;
struct lode_link_symbol;

/** Characters that need not end in NUL: names of files and of archives' members. */
struct lode_link_text {
	const char *at;
	size_t size;
};

/** A member of a thin archive, which is a file of its own: its path begins at the archive's folder. */
struct lode_link_outside {
	struct lode_link_text archive, member;
};

/** What a symbol of somebody else is. */
struct lode_link_answer {
	uint64_t value; /* address; of thread-local symbols the offset from the thread pointer, modulo 2^64 */
	uint8_t type;   /* LODE_STT_*; a function (or NOTYPE that is called) may be reached through a stub, data may not */
};

/** A name that is bound to an address whatever the objects define: interposition. */
struct lode_link_name {
	const char *name;
	struct lode_link_answer answer;
};

/** The module's thread-local block. */
struct lode_link_tls {
	uint64_t size, align;
	uint64_t template_offset; /* of the initialised part, in the span; the rest is zero */
	uint64_t template_size;
	uint64_t offset;          /* block begins at thread pointer + offset, modulo 2^64: the host's answer */
};

/**
 * A variable that an object defines, before it has a place: in a section that is written, common, or thread-local; or a constant
 * that holds addresses (.data.rel.ro).
 */
struct lode_link_datum {
	struct lode_link_text name;
	struct lode_link_text source; /* the file that it is of (STT_FILE before it); of an object without such a name its own */
	uint64_t size;
	bool thread_local_, local, constant;
	struct lode_link_unit *unit_;
	uint32_t index_;
};

/**
 * struct lode_link_host - what only the host knows; every callback returns 0 if it did what is asked, and may be NULL
 * @resolve: address of a symbol that neither the module nor its namespace has
 * @demand: asked before @resolve: adds an object or archive that defines the symbol by lode_link_add; 0: it did, look again
 * @member: bytes of a thin archive's member, which is a file of its own
 * @tls: place for the module's thread-local block at a fixed distance from every thread's pointer: sets tls->offset
 * @keep: an earlier version of @datum stays in use: *addr is where it is; of thread-local ones the offset from the thread pointer.
 *        Asked once for each by lode_link_plan; the object's own copy is not referred to then. With it the module is part of a
 *        program: @resolve is asked for hidden symbols too
 * @ifunc: the code at @address is executable now: calls it, *value is what it returned
 */
struct lode_link_host {
	void *host;
	int (*resolve)(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol);
	int (*demand)(void *host, struct lode_link *link, const struct lode_link_symbol *symbol);
	int (*member)(void *host, const void **bytes, uint64_t *size, const struct lode_link_outside *which);
	int (*tls)(void *host, struct lode_link_tls *tls);
	int (*keep)(void *host, uint64_t *addr, const struct lode_link_datum *datum);
	int (*ifunc)(void *host, uint64_t *value, uint64_t address);
};

/**
 * struct lode_namespace - modules that see each other's exported symbols
 * @buckets, @nbuckets: hash table of the caller, all NULL at first; a power of two, best as large as there will be symbols
 * @parent: where symbols are looked for that this one has not, or NULL. Parents form a chain
 * @interposed: names that win over what the modules of this namespace define or find; borrowed
 */
struct lode_namespace {
	struct lode_link_symbol **buckets;
	uint32_t nbuckets;
	uint32_t ninterposed;
	struct lode_namespace *parent;
	const struct lode_link_name *interposed;
	struct lode_link *modules; /* published, newest first */
};

enum {
	LODE_LINK_EH_FRAME = 1, /* load .eh_frame: for hosts that unwind */
};

/**
 * struct lode_link_options
 * @memory, @memory_size: work space at a multiple of 16, borrowed as long as the module is: symbols live there.
 *                        LODE_LINK_MEMORY bytes are enough
 * @names: namespace, or NULL: nobody else's symbols
 * @host: callbacks, or NULL
 * @page_size: regions of different permissions begin at its multiples; a power of two
 * @max_size: largest span that is accepted; 0: 2 GiB, what the small code models reach
 * @machine: LODE_EM_X86_64, LODE_EM_AARCH64 or LODE_EM_RISCV
 */
struct lode_link_options {
	void *memory;
	size_t memory_size;
	struct lode_namespace *names;
	const struct lode_link_host *host;
	uint64_t page_size;
	uint64_t max_size;
	uint32_t flags; /* LODE_LINK_* */
	uint16_t machine;
};

/**
 * Work space that is enough for inputs of so many bytes, plus a fixed part, if size_t holds it. A file never makes more of its
 * bytes than this.
 */
#define LODE_LINK_MEMORY(bytes_of_all_inputs) ((size_t)32 * (bytes_of_all_inputs) + 65536)

/** Symbols: what lookups return. Names are borrowed from the inputs. */
struct lode_link_symbol {
	const char *name; /* @length characters; a NUL follows */
	uint32_t length, hash;
	uint64_t value;   /* address once the module is placed; of thread-local ones the offset from the thread pointer */
	uint64_t size;
	struct lode_link *module;    /* that defines it; NULL: the host does */
	struct lode_link_unit *unit; /* object that defines it, or that named it first */
	uint32_t index;              /* there */
	uint8_t bind, type, visibility; /* LODE_STB_*, LODE_STT_*, 0 default, 1 internal, 2 hidden, 3 protected */
	uint8_t state_, flags_, key_, kind_;
	uint64_t target_; /* of somebody else's: where it is, even if value is its stub */
	struct lode_link_numbers {
		uint32_t got, gottp, stub; /* number of its slot or stub + 1; 0: none */
	} numbers_;
	struct lode_link_symbol *next_, *all_, *queue_, *published_;
	struct lode_link_archive *archive_;
	struct lode_link_set *set_;
	struct lode_link_need *need_; /* the module that this one depends on by it */
};

/** Regions of a span, in this order. The large ones are farther away than small code models reach. */
enum lode_link_region {
	LODE_REGION_TEXT,
	LODE_REGION_RODATA, /* with all that only relocation writes: .data.rel.ro, the GOT, arrays of initialisers */
	LODE_REGION_DATA,
	LODE_REGION_LARGE_RODATA,
	LODE_REGION_LARGE_DATA,
	LODE_REGIONS,
};

/** A region: whole pages; addr is an offset into the span until the module is placed. size 0: there is none. */
struct lode_link_run {
	uint64_t addr;
	uint64_t size;
	uint64_t filled; /* bytes at the begin that are written; the rest stays zero */
	uint32_t prot;   /* LODE_PF_* when all is done */
};

/** Another module that this one needs: references to its symbols, counted for each relocation. */
struct lode_link_need {
	struct lode_link_need *next;
	struct lode_link *module;
	uint64_t strong, weak;
};

/** Words beside a diagnosis: what the fields of a file cannot say. Parts that are not known have size 0. */
struct lode_link_blame {
	struct lode_link_text file, member;             /* the input, and the member if that is an archive */
	struct lode_link_text symbol, section;
	struct lode_link_text other_file, other_member; /* the second definition's */
};

/** A function that a module wants to be called before it is used, or behind that. */
struct lode_link_call {
	uint64_t addr;
};

struct lode_link_unit_list {
	struct lode_link_unit *first, *last;
};

struct lode_link_section_list {
	struct lode_link_section *first, *last;
};

enum { LODE_LINK_CLASSES_ = 20 };

/** A link under way, and the module that comes of it. Members without a comment are the library's own. */
struct lode_link {
	struct lode_link_blame blame; /* after a failure */
	uint32_t nunits;              /* objects that take part */
	uint32_t nundefined;          /* after link-undefined: how many there are; see lode_link_next_undefined */
	uint64_t nrelocations;
	size_t memory_used;           /* of the work space; after room-link: what is needed at least */

	/* After lode_link_plan. */
	uint64_t size, align;         /* of the span */
	struct lode_link_run runs[LODE_REGIONS];
	struct lode_link_tls tls;     /* size 0: nothing thread-local */
	struct lode_link_need *needs;
	bool low;                     /* 32-bit absolute addresses: the span has to lie below 2 GiB */
	bool no_branch_tracking;      /* an object was not built for it (IBT, BTI) */

	/* After lode_link_place. */
	uint64_t addr;
	struct lode_link_call *preinit, *init, *fini; /* in the order in which they are to be called */
	uint32_t npreinit, ninit, nfini;
	struct lode_range eh_frame;   /* ends in a zero word; size 0: none */
	uint64_t nusers;              /* published modules that need this one */

	struct lode_link_options options_;
	const struct lode_link_machine *machine_;
	struct lode_link_unit_list units_;
	struct lode_link_section_list classes_[LODE_LINK_CLASSES_];
	struct lode_link_symbol **buckets_;
	struct lode_link_symbol *symbols_, *last_symbol_, *queue_;
	struct lode_link_set *sets_;
	struct lode_link_slot *slots_, *last_slot_;
	struct lode_link_stub *stubs_, *last_stub_;
	struct lode_link *next_;
	unsigned char *view_;
	uint32_t nbuckets_, nsymbols_, nslots_, nstubs_;
	struct lode_range class_places_[LODE_LINK_CLASSES_];
	uint64_t steps_; /* along chains of names of one hash */
	uint8_t stage_;
	bool published_;
};

/** Begin a link: @options are copied. Errors: link-use, machine-unsupported, room-link. */
int lode_link_begin(struct lode_link *link, const struct lode_link_options *options, struct lode_diag *why);

/**
 * lode_link_add - one more object, or an archive whose members are taken as they are needed
 * @name: of the file, for messages; borrowed like
 * @bytes, @size: the file. Read in place, at any alignment, as long as the module lives
 * Order does not matter but for objects that define the same weak symbol: the first one counts.
 * Errors: header-*, section-*, symtab-*, symbol-*, link-*, room-link.
 * Ref: gABI-41 ch. 4 "Sections", "Symbol Table"; ar(5).
 */
int lode_link_add(struct lode_link *link, const char *name, const void *bytes, uint64_t size, struct lode_diag *why);

/**
 * lode_link_want - take the member of an archive that defines a symbol although nothing refers to it: the program's entry
 * Behind the archives, before lode_link_resolve. No error if nothing defines it. Errors: as add.
 */
int lode_link_want(struct lode_link *link, const char *name, struct lode_diag *why);

/**
 * Take what is needed from archives, then find every symbol that is left: own, parents, demand, host. Errors: as add;
 * link-undefined.
 */
int lode_link_resolve(struct lode_link *link, struct lode_diag *why);

/**
 * lode_link_plan - check every relocation, count slots and stubs, and decide where everything lies in the span
 * Then link->size bytes at a multiple of link->align are wanted; below 2 GiB if link->low.
 * Errors: link-*, room-link. Calls host->tls if the module has thread-local symbols.
 */
int lode_link_plan(struct lode_link *link, struct lode_diag *why);

/** Where a module goes: the bytes at @view become those at @addr when it runs. view and addr may be one. */
struct lode_link_place {
	uint64_t addr;
	void *view; /* writable, link->size bytes, all zero */
};

/**
 * lode_link_place - write sections, GOT and stubs, and relocate
 * Every value is checked against its field; nothing outside @place is written. Slots of ifuncs stay zero until lode_link_ifuncs.
 * Errors: link-use, link-range, link-instruction.
 */
int lode_link_place(struct lode_link *link, const struct lode_link_place *place, struct lode_diag *why);

/** Call the resolvers of ifuncs, when the text is executable and rodata still takes writes through the view. Errors: link-ifunc. */
int lode_link_ifuncs(struct lode_link *link, struct lode_diag *why);

/**
 * lode_link_publish - exported symbols become visible in the namespace; dependencies on other modules count from here on
 * Precondition: the module is placed, and lode_link_ifuncs has been called if it has ifuncs; else nothing happens.
 */
void lode_link_publish(struct lode_link *link);

/** The opposite. Errors: link-in-use if a published module needs this one. */
int lode_link_withdraw(struct lode_link *link, struct lode_diag *why);

/** A symbol of this module, exported or not, or NULL. */
const struct lode_link_symbol *lode_link_find(const struct lode_link *link, const char *name);
/** A published symbol of the namespace or its parents, or NULL. */
const struct lode_link_symbol *lode_namespace_find(const struct lode_namespace *names, const char *name);

/** A section as it was placed, for maps and debuggers. */
struct lode_link_piece {
	uint64_t addr; /* offset into the span until the module is placed */
	uint64_t size;
	struct lode_link_text file, member, section;
	uint32_t index; /* of the section */
	struct lode_link_section *next_;
	struct lode_link_set *set_;
	uint32_t class_;
};
/** Walk over all loaded sections in the order of their addresses within each class: begin with a zeroed @piece. False: no more. */
bool lode_link_next_piece(struct lode_link_piece *piece, const struct lode_link *link);

/** A symbol that was found nowhere, and the first object that names it. */
struct lode_link_undefined {
	struct lode_link_text name, file, member;
	const struct lode_link_symbol *symbol_;
};
/**
 * Walk over the symbols that made lode_link_resolve fail by link-undefined, in the order in which they were named: begin with a
 * zeroed @undefined. False: no more.
 */
bool lode_link_next_undefined(struct lode_link_undefined *undefined, const struct lode_link *link);

/** An object that takes part. */
struct lode_link_object {
	struct lode_link_text file, member;
	const void *bytes;
	uint64_t size;
	uint32_t nsections;
	struct lode_link_unit *unit_;
};
/** Walk over all objects in the order in which they were taken: begin with a zeroed @object. False: no more. */
bool lode_link_next_object(struct lode_link_object *object, const struct lode_link *link);
/** Address of section @index < nsections of a placed module's object; 0: it is not loaded, or is thread-local. */
uint64_t lode_link_section_at(const struct lode_link *link, const struct lode_link_object *object, uint32_t index);

/** A function that an object defines, as it was placed. */
struct lode_link_function {
	struct lode_link_text name;
	uint64_t addr, size;
	uint32_t index_;
};
/** Walk over the functions of an object whose code is loaded: begin with a zeroed @function. False: no more. */
bool lode_link_next_function(struct lode_link_function *function, const struct lode_link *link,
	const struct lode_link_object *object);

/**
 * lode_link_at - the symbol that @addr belongs to: of the unit's symbols the last one at or below it, in the same section
 * @offset: from the symbol on. False if the address lies in no loaded section. Time: linear in objects and the unit's symbols.
 */
bool lode_link_at(struct lode_link_text *name, uint64_t *offset, const struct lode_link *link, uint64_t addr);

#ifdef __cplusplus
}
#endif

#endif
