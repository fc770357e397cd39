/* SPDX-License-Identifier: MIT */
/* Headers in the first bytes of a file, kernels without ELF headers, sections and memory sizes: for both versions of Multiboot. */
#include "multiboot.h"

enum { PIECE = 512, MOST_WORDS = 4, COM1 = 0x3f8 };
/* Vectors of real mode and the BIOS data area: port of COM1, segment behind low memory, KiB of low memory, room for programs. */
enum { BIOS_DATA_SIZE = 0x500, BIOS_COM1 = 0x400, BIOS_EBDA = 0x40e, BIOS_LOW_MEMORY = 0x413, BIOS_CODE = 0x4f0 };
enum { VECTORS = 256, FIRST_SERVICE = 0x10, LAST_SERVICE = 0x1f };
#define LOW_END 0xa0000u

static const struct lode_wish_ high = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = LODE_BELOW_4G_, .high = true};

static bool is_header(const unsigned char *p, const struct lode_header_kind_ *kind)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < kind->words; i++)
		sum += le32(p + 4 * i);
	return le32(p) == kind->magic && sum == 0;
}

/* Bytes of the file up to the end of the search, or of the file if that comes first. */
static uint64_t search_end(const struct lode_source *source, const struct lode_header_kind_ *kind)
{
	return source->size < kind->search ? source->size : kind->search;
}

int lode_multiboot_find_header_(uint64_t *offset, const struct lode_source *source, const struct lode_header_kind_ *kind,
	struct lode_diag *why)
{
	uint64_t end = search_end(source, kind), words = 4 * (uint64_t)kind->words;
	unsigned char piece[PIECE + 4 * MOST_WORDS];

	for (uint64_t at = 0; at < end; at += PIECE) {
		size_t have = (size_t)(end - at < sizeof piece ? end - at : sizeof piece);
		int status = lode_source_read(piece, source, at, have, why);

		if (status != LODE_OK)
			return status;
		for (size_t i = 0; i < PIECE && have >= words && i <= have - words; i += kind->align)
			if (is_header(piece + i, kind)) {
				*offset = at + i;
				return LODE_OK;
			}
	}
	return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_NONE, lode_nowhere_(kind->field, 0, kind->magic));
}

/* The file's bytes from where the load address stands; 0 as an end: as far as the file goes, and no bss. */
int lode_multiboot_read_load_(struct lode_raw_load *load, const struct lode_address_fields_ *f, const struct lode_source *source,
	struct lode_diag *why)
{
	struct lode_diag place = lode_place_at_(LODE_FIELD_MULTIBOOT_LOAD, f->load, f->offset);
	uint64_t size, end;

	place.limit = f->header;
	if (f->header < f->load || f->header - f->load > f->offset || (f->load_end != 0 && f->load_end < f->load))
		return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_LOAD, place);
	load->addr = f->load;
	load->offset = f->offset - (f->header - f->load);
	size = f->load_end != 0 ? f->load_end - f->load : source->size - load->offset;
	end = f->load + size;
	place = lode_place_at_(LODE_FIELD_MULTIBOOT_LOAD_END, f->load_end, f->offset);
	place.limit = source->size;
	if (source->size == LODE_SIZE_UNKNOWN || !within(load->offset, size, source->size) || end > LODE_BELOW_4G_)
		return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_LOAD, place);
	place = lode_place_at_(LODE_FIELD_MULTIBOOT_BSS_END, f->bss_end, f->offset);
	place.limit = end;
	if (f->bss_end != 0 && f->bss_end < end)
		return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_LOAD, place);
	load->size = size;
	load->memsize = f->bss_end != 0 ? f->bss_end - f->load : size;
	return LODE_OK;
}

int lode_multiboot_check_entry_(const struct lode_raw_load *load, uint32_t entry, struct lode_diag *why)
{
	if (entry < load->addr || entry - load->addr >= load->size)
		return lode_refuse_(why, LODE_RULE_START_ENTRY, lode_nowhere_(LODE_FIELD_MULTIBOOT_ENTRY, entry,
			load->addr));
	return LODE_OK;
}

int lode_multiboot_take_raw_(struct lode_builder_ *b, const struct lode_raw_load *load)
{
	struct lode_part part = {.addr = load->addr, .size = load->size, .what = LODE_FIELD_PART_KERNEL, .index = LODE_NO_INDEX,
		.content = LODE_CONTENT_FILE, .offset = load->offset};
	int status = lode_start_take_(b, &part);

	part.addr += part.size;
	part.size = load->memsize - load->size;
	part.content = LODE_CONTENT_ZERO;
	return status == LODE_OK && part.size > 0 ? lode_start_take_(b, &part) : status;
}

const struct lode_image *lode_multiboot_told_image_(const struct lode_kernel *kernel)
{
	if (!kernel || !kernel->image->sections || kernel->image->nsections == 0)
		return NULL;
	return kernel->image;
}

/* Bytes of the file that no segment brings into memory: symbols and their strings. */
static bool needs_place(const struct lode_section *section)
{
	return section->size > 0 && !(section->flags & LODE_SHF_ALLOC) && section->type != LODE_SHT_NULL &&
		section->type != LODE_SHT_NOBITS;
}

/* Those without an address get one; their bytes are the file's. */
static int take_sections(struct lode_builder_ *b, const struct lode_image *image)
{
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];
		struct lode_part part = {.size = section->size, .offset = section->offset, .what = LODE_FIELD_PART_SECTION,
			.index = i, .content = LODE_CONTENT_FILE};

		if (needs_place(section))
			status = lode_start_put_(&part, b, &high);
	}
	return status;
}

static uint64_t address_of(const struct lode_told_sections_ *told, uint32_t index)
{
	const struct lode_section *section = &told->image->sections[index];

	for (uint32_t i = 0; i < told->start->nparts; i++)
		if (told->start->parts[i].what == LODE_FIELD_PART_SECTION && told->start->parts[i].index == index)
			return told->start->parts[i].addr;
	return section->flags & LODE_SHF_ALLOC ? section->addr + told->move : section->addr;
}

uint32_t lode_multiboot_section_size_(const struct lode_image *image)
{
	return image->class_ == LODE_CLASS64 ? 64 : 40;
}

static void put_section(struct lode_form_ *form, uint64_t at, const struct lode_told_sections_ *told, uint32_t index)
{
	const struct lode_section *s = &told->image->sections[index];
	const uint64_t wide[] = {s->flags, address_of(told, index), s->offset, s->size};
	uint32_t word = lode_word_size(told->image);

	lode_form_put_(form, at, 4, s->name);
	lode_form_put_(form, at + 4, 4, s->type);
	at += 8;
	for (uint32_t i = 0; i < 4; i++, at += word)
		lode_form_put_(form, at, word, wide[i]);
	lode_form_put_(form, at, 4, s->link);
	lode_form_put_(form, at + 4, 4, s->info);
	lode_form_put_(form, at + 8, word, s->addralign);
	lode_form_put_(form, at + 8 + word, word, s->entsize);
}

uint64_t lode_multiboot_put_sections_(struct lode_form_ *form, const struct lode_told_sections_ *told)
{
	uint32_t size = lode_multiboot_section_size_(told->image);
	uint64_t at = lode_form_room_(form, (uint64_t)told->image->nsections * size, 4);

	for (uint32_t i = 0; form->bytes && i < told->image->nsections; i++)
		put_section(form, at + (uint64_t)i * size, told, i);
	return at;
}

uint32_t lode_multiboot_memory_lower_(const struct lode_machine *machine)
{
	uint64_t end = lode_usable_end_(machine, 0);

	return (uint32_t)((end < LOW_END ? end : LOW_END) >> 10);
}

/* Services fail as those that a BIOS does not know: carry is set. Everything else only returns. */
static void write_vectors(unsigned char *area)
{
	/* push bp; mov bp, sp; or byte [bp + 6], 1; pop bp; iret */
	static const unsigned char code[] = {0x55, 0x89, 0xe5, 0x80, 0x4e, 0x06, 0x01, 0x5d, 0xcf};

	memcpy(area + BIOS_CODE, code, sizeof code);
	for (uint32_t v = 0; v < VECTORS; v++)
		put_(area + 4 * v, 2, v >= FIRST_SERVICE && v <= LAST_SERVICE ? BIOS_CODE : BIOS_CODE + sizeof code - 1);
}

static void write_bios_data(unsigned char *area, uint32_t kib)
{
	memset(area, 0, BIOS_DATA_SIZE);
	write_vectors(area);
	put_(area + BIOS_COM1, 2, COM1);
	put_(area + BIOS_EBDA, 2, (uint64_t)kib << (10 - 4));
	put_(area + BIOS_LOW_MEMORY, 2, kib);
}

/* Xen takes the place for its first steps on other processors from here, and believes that it is right; before them it asks the
 * BIOS for memory, disks and screen. */
static int put_bios_data(struct lode_builder_ *b)
{
	struct lode_start *start = b->start;
	const struct lode_part part = {.addr = 0, .size = BIOS_DATA_SIZE, .offset = start->nbytes,
		.what = LODE_FIELD_PART_BIOS_DATA, .index = LODE_NO_INDEX, .content = LODE_CONTENT_BYTES};

	if (!b->machine->no_bios || !lode_start_fits_(b, 0, BIOS_DATA_SIZE))
		return LODE_OK;
	start->nbytes += BIOS_DATA_SIZE;
	if (start->nbytes <= start->max_bytes)
		write_bios_data(start->bytes + part.offset, lode_multiboot_memory_lower_(b->machine));
	return lode_start_take_(b, &part);
}

int lode_multiboot_begin_(struct lode_builder_ *b, enum lode_protocol protocol, const struct lode_kernel *kernel,
	const struct lode_image *told)
{
	return lode_start_begin_(b, protocol, kernel ? kernel->plan->nruns : 0, told ? told->nsections : 0);
}

int lode_multiboot_place_(struct lode_builder_ *b, const struct lode_image *told, const struct lode_composition_ *information)
{
	const struct lode_wish_ low = {.align = LODE_PAGE_, .min = LODE_PAGE_, .last = LODE_BELOW_4G_};
	int status = lode_start_put_modules_(b, &high);

	if (status == LODE_OK && told)
		status = take_sections(b, told);
	if (status == LODE_OK)
		status = put_bios_data(b);
	return status == LODE_OK ? lode_start_compose_(b, information, &low) : status;
}

void lode_multiboot_enter_(struct lode_start *start, uint32_t eax, uint64_t info, uint64_t gdt, uint64_t entry)
{
	lode_registers_flat_(&start->registers, gdt, LODE_CODE32_);
	start->info = info;
	start->registers.rax = eax;
	start->registers.rbx = info;
	start->registers.rip = entry;
}

void lode_multiboot_put_colours_(struct lode_form_ *form, uint64_t at, const struct lode_framebuffer *screen)
{
	const struct lode_colour *colours[] = {&screen->red, &screen->green, &screen->blue};

	for (uint32_t i = 0; i < 3; i++)
		lode_form_put_(form, at + 2 * i, 2, (uint64_t)colours[i]->size << 8 | colours[i]->shift);
}

uint32_t lode_multiboot_memory_upper_(const struct lode_machine *machine)
{
	uint64_t size = lode_usable_end_(machine, LODE_ONE_MIB_) - LODE_ONE_MIB_;

	return size >> 10 > UINT32_MAX ? UINT32_MAX : (uint32_t)(size >> 10);
}

uint32_t lode_multiboot_type_(enum lode_memory_type type)
{
	return lode_e820_type_(type) > LODE_MEMORY_BAD ? LODE_MEMORY_RESERVED : lode_e820_type_(type);
}
