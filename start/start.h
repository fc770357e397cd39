/* SPDX-License-Identifier: MIT */
/* What the start states share: refusals, bytes, placing in physical memory, composing boot structures. Not for embedders. */
#ifndef LODE_START_INTERNAL_H
#define LODE_START_INTERNAL_H

#include <lode/machine.h>

#include "core.h"
#include "little.h"

enum { LODE_PAGE_ = 4096 };
#define LODE_ONE_MIB_ UINT64_C(0x100000)
#define LODE_LARGE_PAGE_ UINT64_C(0x200000)
#define LODE_BELOW_4G_ UINT64_C(0xffffffff)
#define LODE_FOUR_GIB_ (UINT64_C(1) << 32)

/* The power of two is the caller's; false if the result would wrap. */
static inline bool align_up_ok_(uint64_t *up, uint64_t n, uint64_t align)
{
	*up = (n + (align - 1)) & ~(align - 1);
	return *up >= n;
}

/* True if a byte of the range lies above the last address. */
static inline bool beyond_(uint64_t addr, uint64_t size, uint64_t last)
{
	return addr > last || (size > 0 && size - 1 > last - addr);
}

static inline void put_(unsigned char *p, uint32_t width, uint64_t value)
{
	for (uint32_t i = 0; i < width; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

uint64_t lode_string_size_(const char *s);

/* Refuses with start-no-place. What has no place has no address: the number that is told of place.field is its size. */
int lode_start_no_place_(struct lode_diag *why, struct lode_diag place);
/* A place at a byte of the file. */
struct lode_diag lode_place_at_(enum lode_field field, uint64_t value, uint64_t offset);

/* One start state under construction. */
struct lode_builder_ {
	struct lode_start *start;
	const struct lode_machine *machine;
	struct lode_diag *why;
};

/* Where a part may go. */
struct lode_wish_ {
	uint64_t align; /* a power of two, a page at least */
	uint64_t min;   /* first address */
	uint64_t last;  /* last address */
	bool high;      /* as high as possible instead of as low */
};

/* Outputs are empty, the arrays large enough, the machine makes sense. */
int lode_start_begin_(struct lode_builder_ *b, enum lode_protocol protocol, uint32_t nruns, uint32_t nsections);
/* The range is usable, free, and now taken by the part. */
int lode_start_take_(struct lode_builder_ *b, const struct lode_part *part);
/* The same as a question. */
bool lode_start_fits_(const struct lode_builder_ *b, uint64_t addr, uint64_t size);
/* Find a place for part->size bytes: part->addr, not yet taken. */
bool lode_start_find_(struct lode_part *part, const struct lode_builder_ *b, const struct lode_wish_ *wish);
/* Find and take, or refuse. */
int lode_start_put_(struct lode_part *part, struct lode_builder_ *b, const struct lode_wish_ *wish);
/* A few bytes that correct the image: no check. */
void lode_start_patch_(struct lode_builder_ *b, uint64_t addr, uint64_t value);
/* Every module: at its own address, or where the wish allows. */
int lode_start_put_modules_(struct lode_builder_ *b, const struct lode_wish_ *wish);
/* The end of usable memory that begins at addr. */
uint64_t lode_usable_end_(const struct lode_machine *machine, uint64_t addr);
/* The last usable byte that is not behind last; 0: there is none. */
uint64_t lode_usable_last_(const struct lode_machine *machine, uint64_t last);

/* Runs that lie side by side from run i on, as one part moved by a constant; returns how many. */
uint32_t lode_start_group_runs_(struct lode_part *part, const struct lode_plan *plan, uint32_t i, uint64_t move);
/* A planned image in physical addresses, moved by a constant (modulo 2^64). */
int lode_start_take_image_(struct lode_builder_ *b, const struct lode_plan *plan, uint64_t move);
bool lode_start_image_fits_(const struct lode_builder_ *b, const struct lode_plan *plan, uint64_t move);
/* The kernel's file as a part; *addr: where. */
int lode_start_put_file_(uint64_t *addr, struct lode_builder_ *b, const struct lode_image *image, const struct lode_wish_ *wish);
/* The pages that the framebuffer is on; empty: there is none. */
struct lode_range lode_start_screen_pages_(const struct lode_machine *machine);
/* The entry of a plan by physical addresses has a byte of the file. */
int lode_start_check_entry_(const struct lode_kernel *kernel, struct lode_diag *why);
/* True if a byte of a PT_LOAD's file part lies there. */
bool lode_start_physical_byte_(const struct lode_image *image, uint64_t paddr);
/* A little-endian file for an x86 processor; one of 64 bit for x86-64. */
int lode_start_x86_only_(const struct lode_image *image, struct lode_diag *why);
int lode_start_x86_64_only_(const struct lode_image *image, struct lode_diag *why);
/* The file says that it is a Linux kernel. */
bool lode_start_is_linux_(const struct lode_image *image);

/*
 * Boot structures are composed twice by the same function: once without bytes, to learn how many there are, and once for good.
 */
struct lode_form_ {
	unsigned char *bytes; /* NULL: only count */
	uint64_t base;        /* address of the first byte */
	uint64_t size;        /* taken so far */
};

/* The next bytes, all zero: their address. */
uint64_t lode_form_room_(struct lode_form_ *form, uint64_t size, uint64_t align);
void lode_form_put_(struct lode_form_ *form, uint64_t addr, uint32_t width, uint64_t value);
void lode_form_copy_(struct lode_form_ *form, uint64_t addr, const void *bytes, uint64_t size);
/* A string and its NUL at the next bytes; NULL is "". */
uint64_t lode_form_string_(struct lode_form_ *form, const char *s);

/* Size and position of red, green and blue, a byte each. */
void lode_form_colours_(struct lode_form_ *form, uint64_t at, const struct lode_framebuffer *screen);

/* compose is a function of the file that names it: the address of another's would stand in a GOT where the code may move. */
struct lode_composition_ {
	void (*compose)(struct lode_form_ *form, void *context);
	void *context;
	enum lode_field what;
};
/* Compose, place by the wish, and keep the bytes as a part. */
int lode_start_compose_(struct lode_builder_ *b, const struct lode_composition_ *composition, const struct lode_wish_ *wish);

/* The number by which BIOSes, and protocols after them, tell a kind of memory. */
uint32_t lode_e820_type_(enum lode_memory_type type);

#define LODE_CODE32_ UINT64_C(0x00cf9b000000ffff)
#define LODE_DATA32_ UINT64_C(0x00cf93000000ffff)
#define LODE_CODE64_ UINT64_C(0x00af9b000000ffff)
#define LODE_TSS_    UINT64_C(0x00008b0000000067)

enum { LODE_CR0_PE_ = 1, LODE_CR0_ET_ = 0x10, LODE_CR4_PAE_ = 0x20, LODE_CR4_LA57_ = 0x1000, LODE_EFER_LONG_ = 0x500,
	LODE_EFER_NX_ = 0x800 };
#define LODE_CR0_WP_ UINT64_C(0x10000)
#define LODE_CR0_PG_ UINT64_C(0x80000000)
/* What a processor has after reset: WB, WT, UC-, UC twice. */
#define LODE_PAT_RESET_ UINT64_C(0x0007040600070406)
/* The reset values, with WP and WC as entries 4 and 5. */
#define LODE_PAT_WC_ UINT64_C(0x0000010500070406)

/* A GDT with code at 10h, data at 18h, a task at 20h, as most protocols have it; its address. */
uint64_t lode_form_gdt_(struct lode_form_ *form, uint64_t code);
/* The registers that go with it. */
void lode_registers_flat_(struct lode_registers *registers, uint64_t gdt, uint64_t code);
/* Long mode on top of them. */
void lode_registers_long_(struct lode_start *start);

/* A mapping, whole pages. */
int lode_start_map_(struct lode_builder_ *b, const struct lode_start_mapping *mapping);
/* Pages for tables of all mappings so far. */
int lode_start_put_tables_(struct lode_builder_ *b, const struct lode_wish_ *wish);

#endif
