/* SPDX-License-Identifier: MIT */
/* The file of a program that was linked with --emit-relocs comes in, the index of its functions, data and references goes out. */
#include "index.h"

struct making {
	struct lode_index *index;
	const struct lode_image *image;
	const unsigned char *bytes;
	struct index_pen pen;
	struct index_set entries, data, slots;
	const char *strings;
	uint64_t strings_size, characters; /* characters: that names may still have; they may share theirs */
	const unsigned char *symbols;
	uint64_t nsymbols;
	struct lode_range relro;
	struct lode_site *end; /* of the memory for them: places that refer to variables lie there */
};

static int refuse(const struct lode_image *image, uint32_t section, struct lode_diag place, struct lode_diag *why)
{
	struct lode_diag there = place;

	if (section < image->nsections) {
		there = lode_at_section_(image, section, place.field, place.value, place.limit);
		there.rule = place.rule;
	}
	return lode_refuse_(why, place.rule, there);
}

static struct lode_diag index_diag(enum lode_field field, uint64_t value, uint64_t limit)
{
	return lode_diag_of(LODE_RULE_SWAP_INDEX, field, value, limit);
}

static int no_room(size_t size, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_ROOM_LINK, lode_nowhere_(LODE_FIELD_LINK_MEMORY, size, 0));
}

static int find_symbols(struct making *making, struct lode_diag *why)
{
	const struct lode_image *image = making->image;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i], *strings;

		if (section->type != LODE_SHT_SYMTAB)
			continue;
		if (section->entsize != SYM_SIZE || section->link == 0 || section->link >= image->nsections)
			return refuse(image, i, index_diag(LODE_FIELD_SHDR_ENTSIZE, section->entsize, SYM_SIZE), why);
		strings = &image->sections[section->link];
		making->symbols = making->bytes + section->offset;
		making->nsymbols = lode_divide_(section->size, SYM_SIZE);
		making->strings = (const char *)making->bytes + strings->offset;
		making->strings_size = strings->size;
		if (strings->type == LODE_SHT_STRTAB && strings->size > 0 && making->strings[strings->size - 1] == '\0' &&
			making->nsymbols < LODE_NO_INDEX)
			return LODE_OK;
		return refuse(image, section->link, index_diag(LODE_FIELD_SHDR_SIZE, strings->size, 0), why);
	}
	return refuse(image, LODE_NO_INDEX, index_diag(LODE_FIELD_SYMBOL_COUNT, 0, 0), why);
}

static void find_segments(struct making *making)
{
	const struct lode_segment *tls = lode_segment_find(making->image, LODE_PT_TLS);
	const struct lode_segment *relro = lode_segment_find(making->image, LODE_PT_GNU_RELRO);

	if (relro)
		making->relro = (struct lode_range){.addr = relro->vaddr, .size = relro->memsz};

	if (tls)
		making->index->tls_end_ = tls->vaddr + align_up(tls->memsz, power_of_two(tls->align) ? tls->align : 1) - tls->vaddr;
}

/* Versions are behind an @ in names that linkers write. False: all names are too long together. */
static bool name_symbol(struct lode_index_symbol *symbol, struct making *making, uint32_t at)
{
	const char *name = making->strings + at;
	uint32_t length = 0;

	while (name[length] != '\0' && name[length] != '@')
		length++;
	symbol->name = name;
	symbol->length = length;
	if (length > making->characters)
		return false;
	making->characters -= length;
	return true;
}

static int overspent(const struct making *making, struct lode_diag *why)
{
	return refuse(making->image, LODE_NO_INDEX, lode_diag_of(LODE_RULE_LINK_STRINGS, LODE_FIELD_STRING, making->characters,
		lode_unit_budget_(making->image->source->size)), why);
}

static bool is_wanted(const struct link_sym *symbol, const struct making *making)
{
	if (symbol->name >= making->strings_size || symbol->name == 0 || symbol->shndx == LODE_SHN_UNDEF ||
		symbol->type == LODE_STT_SECTION || symbol->type == LODE_STT_FILE)
		return false;
	return symbol->shndx < LODE_SHN_LORESERVE || symbol->shndx == LODE_SHN_XINDEX;
}

/* Symbols behind a file without a name are those that the linker made local: hidden ones. */
static bool take_file(struct making *making, uint32_t *unit, const struct link_sym *symbol)
{
	struct lode_index *index = making->index;
	struct lode_index_symbol name = {.length = 0};

	if (symbol->name < making->strings_size && !name_symbol(&name, making, symbol->name))
		return false;
	if (name.length == 0) {
		*unit = LODE_NO_INDEX;
		return true;
	}
	*unit = index->nunits++;
	index->units[*unit] = (struct lode_link_text){.at = name.name, .size = name.length};
	return true;
}

/* Data that the program does not write. */
static bool is_constant(const struct making *making, const struct link_sym *symbol)
{
	if (symbol->type == LODE_STT_TLS || symbol->shndx >= making->image->nsections)
		return false;
	return !(making->image->sections[symbol->shndx].flags & LODE_SHF_WRITE) ||
		symbol->value - making->relro.addr < making->relro.size;
}

/* Hidden symbols become local, behind whatever file. */
static bool is_of_file(const struct link_sym *symbol)
{
	return symbol->bind == LODE_STB_LOCAL && symbol->visibility == 0;
}

static int take_symbols(struct making *making, size_t size, struct lode_diag *why)
{
	struct lode_index *index = making->index;
	uint32_t unit = LODE_NO_INDEX;

	index->symbols = index_take(&making->pen, making->nsymbols * sizeof *index->symbols);
	index->units = index_take(&making->pen, making->nsymbols * sizeof *index->units);
	if (!index->symbols || !index->units || !index_make_set(&making->entries, &making->pen, making->nsymbols) ||
		!index_make_set(&making->data, &making->pen, making->nsymbols))
		return no_room(size, why);
	for (uint64_t i = 1; i < making->nsymbols; i++) {
		struct link_sym symbol = lode_sym_(making->symbols + i * SYM_SIZE);
		struct lode_index_symbol *out = &index->symbols[index->nsymbols];

		if (symbol.type == LODE_STT_FILE && !take_file(making, &unit, &symbol))
			return overspent(making, why);
		if (!is_wanted(&symbol, making))
			continue;
		*out = (struct lode_index_symbol){.addr = symbol.value, .size = symbol.size, .type = symbol.type,
			.unit = is_of_file(&symbol) ? unit : LODE_NO_INDEX, .constant = is_constant(making, &symbol)};
		if (!name_symbol(out, making, symbol.name))
			return overspent(making, why);
		if (symbol.type == LODE_STT_TLS)
			out->addr -= index->tls_end_;
		if ((symbol.type == LODE_STT_FUNC || (symbol.type == LODE_STT_OBJECT && out->constant)) && symbol.value != 0)
			index_add(&making->entries, symbol.value);
		if (symbol.type == LODE_STT_OBJECT && !out->constant && symbol.value != 0)
			index_add(&making->data, symbol.value);
		index->nsymbols++;
	}
	return LODE_OK;
}

static bool has_bytes(const struct lode_section *section)
{
	return (section->flags & LODE_SHF_ALLOC) && section->type != LODE_SHT_NOBITS;
}

static bool is_called(const struct making *making, const struct lode_section *section, const char *name, size_t size)
{
	const struct lode_image *image = making->image;
	const struct lode_section *names = image->shstrndx < image->nsections ? &image->sections[image->shstrndx] : NULL;

	return names && names->type == LODE_SHT_STRTAB && within(section->name, size, names->size) &&
		memcmp(making->bytes + names->offset + section->name, name, size) == 0;
}

/* Frames describe code where it is, and hooks are for code that came later. */
static const struct lode_section *section_of(const struct making *making, const struct lode_section *table)
{
	const struct lode_image *image = making->image;
	const struct lode_section *section;

	/* Those that are loaded are the dynamic linker's. */
	if (table->type != LODE_SHT_RELA || (table->flags & LODE_SHF_ALLOC) || table->entsize != RELA_SIZE)
		return NULL;
	if (table->info == 0 || table->info >= image->nsections)
		return NULL;
	section = &image->sections[table->info];
	return has_bytes(section) && !is_called(making, section, ".eh_frame", 10) &&
		!is_called(making, section, LODE_SWAP_HOOKS, sizeof LODE_SWAP_HOOKS) ? section : NULL;
}

static uint64_t count_sites(const struct making *making)
{
	uint64_t count = 0;

	for (uint32_t i = 1; i < making->image->nsections; i++)
		if (section_of(making, &making->image->sections[i]))
			count += lode_divide_(making->image->sections[i].size, RELA_SIZE);
	return count;
}

static void take_site(struct making *making, const struct index_field *field)
{
	struct lode_index *index = making->index;
	struct lode_site site;
	uint64_t target;
	bool slot, function;

	if (!lode_site_of_(&site, &target, &slot, field) || (slot && site.addr - index->span.addr >= index->span.size)) {
		index->nlost++;
		return;
	}
	function = target != 0 && index_is_in(&making->entries, target);
	/* (What other units can name they name: linkers may have made such symbols local.) */
	if ((!function && (target == 0 || field->section || !index_is_in(&making->data, target))) ||
		(slot && !index_add(&making->slots, site.addr)))
		return;
	if (function)
		index->sites[index->nsites++] = site;
	else
		*(making->end - ++index->nuses) = site;
}

static void take_table(struct making *making, const struct lode_section *table, const struct lode_section *section)
{
	uint64_t count = lode_divide_(table->size, RELA_SIZE);

	for (uint64_t i = 0; i < count; i++) {
		const unsigned char *p = making->bytes + table->offset + i * RELA_SIZE;
		struct index_field field = {.addr = le64(p), .type = le32(p + 8), .addend = le64(p + 16),
			.code = section->flags & LODE_SHF_EXECINSTR};
		struct link_sym symbol;
		uint32_t number = le32(p + 12);

		if (number >= making->nsymbols || !within(field.addr - section->addr, 8, section->size + 4))
			continue;
		field.at = making->bytes + section->offset + (field.addr - section->addr);
		field.room = field.addr - section->addr;
		symbol = lode_sym_(making->symbols + (uint64_t)number * SYM_SIZE);
		field.symbol = symbol.value;
		field.section = symbol.type == LODE_STT_SECTION;
		if (within(field.addr - section->addr, lode_site_bytes_(field.type), section->size))
			take_site(making, &field);
	}
}

static int take_sites(struct making *making, size_t size, struct lode_diag *why)
{
	struct lode_index *index = making->index;
	uint64_t count = count_sites(making);

	if (count == 0)
		return refuse(making->image, LODE_NO_INDEX, index_diag(LODE_FIELD_REL_INDEX, 0, 0), why);
	index->sites = index_take(&making->pen, count * sizeof *index->sites);
	if (!index->sites || !index_make_set(&making->slots, &making->pen, count))
		return no_room(size, why);
	making->end = index->sites + count;
	for (uint32_t i = 1; i < making->image->nsections; i++) {
		const struct lode_section *section = section_of(making, &making->image->sections[i]);

		if (section)
			take_table(making, &making->image->sections[i], section);
	}
	index->uses = making->end - index->nuses;
	if (making->entries.left == 0 || making->data.left == 0 || making->slots.left == 0)
		return lode_refuse_(why, LODE_RULE_LINK_NAMES, lode_nowhere_(LODE_FIELD_LINK_NAMES, making->nsymbols, 0));
	return LODE_OK;
}

static void see_span(struct making *making)
{
	const struct lode_image *image = making->image;
	const struct lode_segment *first, *last;

	if (image->nload == 0)
		return;
	first = &image->segments[nth_load(image, LODE_VIRTUAL, 0)];
	last = &image->segments[nth_load(image, LODE_VIRTUAL, image->nload - 1)];
	making->index->span = (struct lode_range){.addr = first->vaddr, .size = last->vaddr + last->memsz - first->vaddr};
	making->index->fixed = image->type == LODE_ET_EXEC;
}

int lode_index_make(struct lode_index *index, const struct lode_image *image, void *memory, size_t size, struct lode_diag *why)
{
	struct making making = {.index = index, .image = image, .bytes = image->source->bytes, .pen = {.at = memory, .left = size},
		.characters = lode_unit_budget_(image->source->size)};
	int status;

	*index = (struct lode_index){.nsymbols = 0};
	if (image->machine != LODE_EM_X86_64 || !image_wide(image) || image_big(image))
		return lode_refuse_(why, LODE_RULE_MACHINE_UNSUPPORTED,
			lode_at_header_(image, LODE_FIELD_EHDR_MACHINE, image->machine, 0));
	if (image->type != LODE_ET_EXEC && image->type != LODE_ET_DYN)
		return lode_refuse_(why, LODE_RULE_SWAP_INDEX,
			lode_at_header_(image, LODE_FIELD_EHDR_TYPE, image->type, LODE_ET_EXEC));
	status = find_symbols(&making, why);
	if (status != LODE_OK)
		return status;
	find_segments(&making);
	index->code = lode_index_code(image);
	see_span(&making);
	status = take_symbols(&making, size, why);
	if (status == LODE_OK)
		status = take_sites(&making, size, why);
	if (status != LODE_OK)
		return status;
	if (lode_index_chain_(index, making.pen.at, making.pen.left) != 0)
		return no_room(size, why);
	index_take(&making.pen, index->nbuckets_ * sizeof *index->buckets_);
	lode_index_types_(index, image, making.pen.at, making.pen.left);
	return LODE_OK;
}
