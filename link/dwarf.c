/* SPDX-License-Identifier: MIT */
/* An image with debug information comes in; its sections go out, and what their words hold once an object's relocations are done.
 * Ref: DWARF-5 7 "Data Representation". */
#include "dwarf.h"

enum { STEPS_A_BYTE = 64, R_64_ = 1, R_32_ = 10, R_DTPOFF64 = 17, R_DTPOFF32 = 21 };

static bool is_called(const struct lode_image *image, const struct lode_section *section, const char *name)
{
	const struct lode_section *names = image->shstrndx < image->nsections ? &image->sections[image->shstrndx] : NULL;
	const unsigned char *bytes = image->source->bytes;
	size_t size = 1;

	while (name[size - 1] != '\0')
		size++;
	return names && names->type == LODE_SHT_STRTAB && within(section->name, size, names->size) &&
		memcmp(bytes + names->offset + section->name, name, size) == 0;
}

/* Units of types are in groups. */
static uint32_t find(const struct lode_image *image, const char *name)
{
	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_PROGBITS && !(section->flags & (LODE_SHF_COMPRESSED | SHF_GROUP)) &&
			is_called(image, section, name))
			return i;
	}
	return 0;
}

/* Assemblers write them in order of their places. */
static bool is_ascending(const struct dwarf_part *part)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < part->nrelas; i++) {
		uint64_t offset = le64(part->relas + i * RELA_SIZE);

		if (i > 0 && offset <= last)
			return false;
		last = offset;
	}
	return true;
}

static bool take_relas(struct lode_dwarf *dwarf, struct dwarf_part *part, const struct lode_image *image, uint32_t index)
{
	const unsigned char *bytes = image->source->bytes;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *table = &image->sections[i], *symbols;

		if ((table->type != LODE_SHT_RELA && table->type != LODE_SHT_REL) || table->info != index || table->size == 0)
			continue;
		symbols = table->link < image->nsections ? &image->sections[table->link] : NULL;
		if (table->type != LODE_SHT_RELA || part->relas || !symbols || symbols->type != LODE_SHT_SYMTAB)
			return false;
		part->relas = bytes + table->offset;
		part->nrelas = lode_divide_(table->size, RELA_SIZE);
		dwarf->symbols = bytes + symbols->offset;
		dwarf->nsymbols = lode_divide_(symbols->size, SYM_SIZE);
	}
	return is_ascending(part);
}

static bool has_size(const struct dwarf_part *part)
{
	return part->size > 0 && part->size <= UINT32_MAX;
}

bool lode_dwarf_open_(struct lode_dwarf *dwarf, const struct lode_image *image)
{
	static const char *const names[DWARF_SECTIONS] = {
		[DWARF_INFO] = ".debug_info", [DWARF_ABBREV] = ".debug_abbrev", [DWARF_STR] = ".debug_str",
		[DWARF_LINE_STR] = ".debug_line_str", [DWARF_STR_OFFSETS] = ".debug_str_offsets", [DWARF_ADDR] = ".debug_addr",
	};
	const unsigned char *bytes = image->source->bytes;

	*dwarf = (struct lode_dwarf){.budget = 0};
	for (unsigned i = 0; i < DWARF_SECTIONS; i++) {
		uint32_t index = find(image, names[i]);

		if (index == 0)
			continue;
		dwarf->parts[i].bytes = bytes + image->sections[index].offset;
		dwarf->parts[i].size = image->sections[index].size;
		if (image->type == LODE_ET_REL && !take_relas(dwarf, &dwarf->parts[i], image, index))
			return false;
		dwarf->budget += STEPS_A_BYTE * dwarf->parts[i].size;
	}
	return has_size(&dwarf->parts[DWARF_INFO]) && has_size(&dwarf->parts[DWARF_ABBREV]);
}

bool lode_dwarf_spend_(struct lode_dwarf *dwarf, uint64_t steps)
{
	dwarf->spent = dwarf->spent || steps > dwarf->budget;
	dwarf->budget -= dwarf->spent ? 0 : steps;
	return !dwarf->spent;
}

/* The relocation of a place, or NULL. */
static const unsigned char *rela_of(const struct dwarf_part *part, uint64_t offset)
{
	uint64_t low = 0, high = part->nrelas;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2, there = le64(part->relas + middle * RELA_SIZE);

		if (there == offset)
			return part->relas + middle * RELA_SIZE;
		if (there < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool lode_dwarf_word_(struct dwarf_word *word, const struct lode_dwarf *dwarf, enum dwarf_section section, uint64_t offset,
	unsigned width)
{
	const struct dwarf_part *part = &dwarf->parts[section];
	const unsigned char *rela = rela_of(part, offset);
	uint32_t type;

	if (!within(offset, width, part->size))
		return false;
	*word = (struct dwarf_word){.value = width == 8 ? le64(part->bytes + offset) : le32(part->bytes + offset)};
	if (!rela)
		return true;
	type = le32(rela + 8);
	word->symbol = le32(rela + 12);
	word->value = le64(rela + 16);
	return (type == R_64_ || type == R_32_ || type == R_DTPOFF64 || type == R_DTPOFF32) && word->symbol < dwarf->nsymbols;
}
