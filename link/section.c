/* SPDX-License-Identifier: MIT */
/* Section headers of an object come in; its loaded sections stand in the link's classes behind it, with their relocation tables. */
#include "link.h"

struct lode_link_text lode_unit_section_name_(const struct lode_link_unit *unit, uint32_t index)
{
	uint32_t at = unit->image.sections[index].name, end = at;

	if (at >= unit->names_size)
		return (struct lode_link_text){.at = "", .size = 0};
	while (unit->names[end] != '\0')
		end++;
	return (struct lode_link_text){.at = unit->names + at, .size = end - at};
}

void lode_link_append_(struct lode_link_section_list *list, struct lode_link_section *section)
{
	section->next = NULL;
	if (list->last)
		list->last->next = section;
	else
		list->first = section;
	list->last = section;
}

static int refuse(struct lode_link *link, const struct lode_link_section *section, struct lode_diag place, struct lode_diag *why)
{
	return lode_link_refuse_section_(link, section->unit, section->index, place, why);
}

static int check_loaded(struct lode_link *link, const struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_section *section = &mine->unit->image.sections[mine->index];
	const uint64_t both = LODE_SHF_WRITE | LODE_SHF_EXECINSTR;

	if ((section->flags & LODE_SHF_COMPRESSED) || (section->flags & both) == both)
		return refuse(link, mine, lode_diag_of(LODE_RULE_LINK_SECTION, LODE_FIELD_SHDR_FLAGS, section->flags, 0), why);
	if (section->addralign > (uint64_t)1 << 31 || (section->addralign & (section->addralign - 1)) != 0)
		return refuse(link, mine,
			lode_diag_of(LODE_RULE_LINK_ALIGN, LODE_FIELD_SHDR_ADDRALIGN, section->addralign, (uint64_t)1 << 31), why);
	return LODE_OK;
}

/* Sections could share their bytes, and be loaded as often as there are headers. */
static int take_bytes(struct lode_link *link, const struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_section *section = &mine->unit->image.sections[mine->index];

	if (section->type == LODE_SHT_NOBITS)
		return LODE_OK;
	if (section->size > mine->unit->room)
		return refuse(link, mine,
			lode_diag_of(LODE_RULE_LINK_OVERLAP, LODE_FIELD_SHDR_SIZE, section->size, mine->unit->room), why);
	mine->unit->room -= section->size;
	return LODE_OK;
}

/* What the code was built for: a module has only the features that all its objects have. */
static int read_property(struct lode_link *link, const struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_section *section = &mine->unit->image.sections[mine->index];
	const struct lode_extent extent = {section->offset, section->size};
	struct lode_property property;
	struct lode_notes notes;
	struct lode_note note;
	int more;

	lode_notes_begin(&notes, &mine->unit->image, &extent, section->addralign);
	while ((more = lode_note_next(&note, &notes, why)) == 1) {
		uint64_t at = 0;

		if (note.type != LODE_NT_GNU_PROPERTY_TYPE_0)
			continue;
		while ((more = lode_property_next(&property, &at, &mine->unit->image, &note, why)) == 1)
			if (property.type == link->machine_->feature)
				mine->unit->features = (uint8_t)property.value;
		if (more < 0)
			break;
	}
	return more < 0 ? more : LODE_OK;
}

/* GCC's section of what it knows of its own format: two versions of 16 bits, then whether there is machine code beside it. */
static bool is_slim(const struct lode_link_section *mine, const struct lode_link_text *name)
{
	enum { SLIM_AT = 4 };
	const struct lode_section *section = &mine->unit->image.sections[mine->index];
	const unsigned char *bytes = mine->unit->source.bytes;

	return TEXT_BEGINS(name, ".gnu.lto_.lto.") && section->type == LODE_SHT_PROGBITS && section->size > SLIM_AT &&
		bytes[section->offset + SLIM_AT] != 0;
}

static int load(struct lode_link *link, struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_section *section = &mine->unit->image.sections[mine->index];
	struct lode_link_text name = lode_unit_section_name_(mine->unit, mine->index);
	int status;

	if (!lode_unit_spend_(mine->unit, name.size))
		return lode_unit_overspent_(link, mine->unit, why);
	if (is_slim(mine, &name))
		return refuse(link, mine, lode_diag_of(LODE_RULE_LINK_LTO, LODE_FIELD_SHDR_SIZE, section->size, 0), why);
	mine->class_ = mine->dropped ? CLASS_NONE : lode_section_class_(link, section, &name);
	if (section->type == LODE_SHT_NOTE && TEXT_IS(&name, ".note.gnu.property"))
		return read_property(link, mine, why);
	if ((section->flags & LODE_SHF_EXECINSTR) && TEXT_IS(&name, ".note.GNU-stack"))
		return refuse(link, mine, lode_diag_of(LODE_RULE_LINK_STACK, LODE_FIELD_SHDR_FLAGS, section->flags, 0), why);
	if (mine->class_ == CLASS_NONE)
		return LODE_OK;
	status = check_loaded(link, mine, why);
	if (status == LODE_OK)
		status = take_bytes(link, mine, why);
	if (status != LODE_OK)
		return status;
	if (mine->class_ >= CLASS_PREINIT_ARRAY && mine->class_ <= CLASS_FINI_ARRAY)
		mine->priority = lode_section_priority_(&name);
	lode_link_append_(&link->classes_[mine->class_], mine);
	return LODE_OK;
}

/* Tables are chained in the section that they are for, whether it is loaded or not: that is known later. */
static int attach_table(struct lode_link *link, struct lode_link_section *mine, struct lode_diag *why)
{
	const struct lode_image *image = &mine->unit->image;
	uint32_t target = image->sections[mine->index].info;

	if (target == 0 || target >= image->nsections || target == mine->index)
		return refuse(link, mine,
			lode_diag_of(LODE_RULE_LINK_RELOCS, LODE_FIELD_SHDR_INFO, target, image->nsections), why);
	mine->relas = mine->unit->sections[target].relas;
	mine->unit->sections[target].relas = mine;
	return take_bytes(link, mine, why);
}

static int note_section(struct lode_link *link, struct lode_link_section *mine, struct lode_diag *why)
{
	struct lode_link_unit *unit = mine->unit;
	const struct lode_section *section = &unit->image.sections[mine->index];

	if (section->type == LODE_SHT_RELA || section->type == LODE_SHT_REL)
		return attach_table(link, mine, why);
	if (section->type != LODE_SHT_SYMTAB)
		return LODE_OK;
	if (unit->symtab != 0)
		return refuse(link, mine, lode_diag_of(LODE_RULE_LINK_SYMTAB, LODE_FIELD_SHDR_TYPE, section->type, 0), why);
	unit->symtab = mine->index;
	return LODE_OK;
}

/* The bytes of a string table, which ends in NUL. False if it is none. */
static bool take_strings(const char **at, uint32_t *size, const struct lode_link_unit *unit, uint32_t index)
{
	const struct lode_section *section = &unit->image.sections[index];

	if (section->type != LODE_SHT_STRTAB || section->size == 0 || section->size > UINT32_MAX)
		return false;
	*at = (const char *)unit->source.bytes + section->offset;
	*size = (uint32_t)section->size;
	return (*at)[*size - 1] == '\0';
}

static int bad_strings(struct lode_link *link, const struct lode_link_unit *unit, uint32_t index, struct lode_diag *why)
{
	uint64_t size = unit->image.sections[index].size;

	return lode_link_refuse_section_(link, unit, index,
		lode_diag_of(LODE_RULE_LINK_STRINGS, LODE_FIELD_SHDR_SIZE, size, 0), why);
}

static int take_section_names(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	uint32_t index = unit->image.shstrndx;

	if (index == 0 || take_strings(&unit->names, &unit->names_size, unit, index))
		return LODE_OK;
	unit->names_size = 0;
	return bad_strings(link, unit, index, why);
}

static int take_symbols(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	const unsigned char *bytes = unit->source.bytes;
	const struct lode_section *section = &unit->image.sections[unit->symtab];
	struct lode_symtab table;
	int status = lode_symtab_of_section(&table, &unit->image, unit->symtab, why);

	if (status != LODE_OK)
		return status;
	if (section->info > table.count || table.count > UINT32_MAX)
		return lode_link_refuse_section_(link, unit, unit->symtab,
			lode_diag_of(LODE_RULE_LINK_SYMTAB, LODE_FIELD_SHDR_INFO, section->info, table.count), why);
	if (!take_strings(&unit->strings, &unit->strings_size, unit, section->link))
		return bad_strings(link, unit, section->link, why);
	unit->symbols = bytes + table.offset;
	unit->nsymbols = (uint32_t)table.count;
	unit->nlocals = section->info;
	if (table.shndx_offset != 0)
		unit->shndx = bytes + table.shndx_offset;
	return LODE_OK;
}

int lode_unit_sections_(struct lode_link *link, struct lode_link_unit *unit, struct lode_diag *why)
{
	int status = take_section_names(link, unit, why);

	for (uint32_t i = 0; i < unit->image.nsections; i++)
		unit->sections[i] = (struct lode_link_section){.unit = unit, .index = i, .class_ = CLASS_NONE};
	for (uint32_t i = 1; i < unit->image.nsections && status == LODE_OK; i++)
		status = note_section(link, &unit->sections[i], why);
	if (status == LODE_OK && unit->symtab != 0)
		status = take_symbols(link, unit, why);
	if (status == LODE_OK)
		status = lode_unit_groups_(link, unit, why);
	for (uint32_t i = 1; i < unit->image.nsections && status == LODE_OK; i++)
		status = load(link, &unit->sections[i], why);
	return status;
}
