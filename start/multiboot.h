/* SPDX-License-Identifier: MIT */
/* What Multiboot 1 and 2 share: the search for a header, the address fields, sections in memory, memory sizes. */
#ifndef LODE_START_MULTIBOOT_H
#define LODE_START_MULTIBOOT_H

#include <lode/multiboot.h>

#include "start.h"

#define LODE_LOADER_NAME_ "Lode " LODE_VERSION

/* What tells the versions apart. */
struct lode_header_kind_ {
	uint32_t magic;
	uint32_t search, align;
	uint32_t words; /* that add up to 0 */
	enum lode_field field;
};
int lode_multiboot_find_header_(uint64_t *offset, const struct lode_source *source, const struct lode_header_kind_ *kind,
	struct lode_diag *why);

/* Where the header stands, and its fields header_addr, load_addr, load_end_addr, bss_end_addr. */
struct lode_address_fields_ {
	uint64_t offset;
	uint32_t header, load, load_end, bss_end;
};
int lode_multiboot_read_load_(struct lode_raw_load *load, const struct lode_address_fields_ *fields,
	const struct lode_source *source, struct lode_diag *why);
/* The entry lies in what is loaded. */
int lode_multiboot_check_entry_(const struct lode_raw_load *load, uint32_t entry, struct lode_diag *why);
int lode_multiboot_take_raw_(struct lode_builder_ *b, const struct lode_raw_load *load);

/* Sections that a kernel may be told about. */
struct lode_told_sections_ {
	const struct lode_image *image; /* NULL: none are told */
	const struct lode_start *start;
	uint64_t move;
};
/* Of a kernel that may be NULL: its image, if it has a section table. */
const struct lode_image *lode_multiboot_told_image_(const struct lode_kernel *kernel);
/* The section headers, with the addresses in memory; returns where they begin. */
uint64_t lode_multiboot_put_sections_(struct lode_form_ *form, const struct lode_told_sections_ *told);
uint32_t lode_multiboot_section_size_(const struct lode_image *image);

/* lode_start_begin_ for a kernel, NULL if it is taken as it lies in the file, that is told of the sections of an image or of
 * none. */
int lode_multiboot_begin_(struct lode_builder_ *b, enum lode_protocol protocol, const struct lode_kernel *kernel,
	const struct lode_image *told);
/* Behind the kernel: modules, the sections that it is told of, the BIOS data area if no BIOS wrote one, the information. */
int lode_multiboot_place_(struct lode_builder_ *b, const struct lode_image *told, const struct lode_composition_ *information);
/* The registers of the entry. */
void lode_multiboot_enter_(struct lode_start *start, uint32_t eax, uint64_t info, uint64_t gdt, uint64_t entry);
/* Position and size of red, green and blue, a byte each. */
void lode_multiboot_put_colours_(struct lode_form_ *form, uint64_t at, const struct lode_framebuffer *screen);

/* KiB of usable memory from 0, and from 1 MiB, up to the first hole. */
uint32_t lode_multiboot_memory_lower_(const struct lode_machine *machine);
uint32_t lode_multiboot_memory_upper_(const struct lode_machine *machine);
uint32_t lode_multiboot_type_(enum lode_memory_type type);

#endif
