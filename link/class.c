/* SPDX-License-Identifier: MIT */
/* A section's header and name come in, how it is loaded goes out: by type and flags, by name only where those say too little. */
#include "link.h"

static uint8_t array_class(const struct lode_section *section, const struct lode_link_text *name)
{
	if (section->type == SHT_PREINIT_ARRAY)
		return CLASS_PREINIT_ARRAY;
	if (section->type == SHT_INIT_ARRAY || TEXT_BEGINS(name, ".init_array") || TEXT_BEGINS(name, ".ctors"))
		return CLASS_INIT_ARRAY;
	if (section->type == SHT_FINI_ARRAY || TEXT_BEGINS(name, ".fini_array") || TEXT_BEGINS(name, ".dtors"))
		return CLASS_FINI_ARRAY;
	return CLASS_NONE;
}

static uint8_t code_class(const struct lode_link_text *name)
{
	if (TEXT_IS(name, ".init"))
		return CLASS_INIT;
	return TEXT_IS(name, ".fini") ? CLASS_FINI : CLASS_TEXT;
}

static uint8_t large_class(const struct lode_section *section)
{
	if (!(section->flags & LODE_SHF_WRITE))
		return CLASS_LARGE_RODATA;
	return section->type == LODE_SHT_NOBITS ? CLASS_LARGE_BSS : CLASS_LARGE_DATA;
}

static uint8_t data_class(const struct lode_section *section, const struct lode_link_text *name)
{
	if (!(section->flags & LODE_SHF_WRITE))
		return CLASS_RODATA;
	if (section->type == LODE_SHT_NOBITS)
		return CLASS_BSS;
	return TEXT_BEGINS(name, ".data.rel.ro") ? CLASS_RELRO : CLASS_DATA;
}

static bool is_eh_frame(const struct lode_section *section, const struct lode_link_text *name)
{
	return TEXT_IS(name, ".eh_frame") && (section->type == LODE_SHT_PROGBITS || section->type == SHT_X86_UNWIND);
}

static bool is_loaded(const struct lode_section *section, const struct lode_link_text *name)
{
	if (!(section->flags & LODE_SHF_ALLOC) || (section->flags & SHF_EXCLUDE))
		return false;
	if (section->type == LODE_SHT_NULL || section->type == LODE_SHT_RELA || section->type == LODE_SHT_REL)
		return false;
	return !TEXT_IS(name, ".note.gnu.property");
}

uint8_t lode_section_class_(const struct lode_link *link, const struct lode_section *section, const struct lode_link_text *name)
{
	uint8_t array;

	if (!is_loaded(section, name))
		return CLASS_NONE;
	if (section->flags & LODE_SHF_TLS)
		return section->type == LODE_SHT_NOBITS ? CLASS_TBSS : CLASS_TDATA;
	if (is_eh_frame(section, name))
		return link->options_.flags & LODE_LINK_EH_FRAME ? CLASS_EH_FRAME : CLASS_NONE;
	if (section->flags & LODE_SHF_EXECINSTR)
		return code_class(name);
	array = array_class(section, name);
	if (array != CLASS_NONE)
		return array;
	if (link->options_.machine == LODE_EM_X86_64 && (section->flags & SHF_X86_LARGE))
		return large_class(section);
	return data_class(section, name);
}

enum { LAST = 65536 };

/* .init_array.00101 runs before .init_array.00102 and both before .init_array; .ctors.65434 is .init_array.00101. */
uint32_t lode_section_priority_(const struct lode_link_text *name)
{
	uint32_t value = 0;
	size_t digits = 0, i = name->size;

	while (i > 0 && name->at[i - 1] >= '0' && name->at[i - 1] <= '9' && digits < 5) {
		i--;
		digits++;
	}
	if (digits == 0 || i == 0 || name->at[i - 1] != '.')
		return LAST;
	for (; i < name->size; i++)
		value = value * 10 + (uint32_t)(name->at[i] - '0');
	if (value >= LAST)
		return LAST;
	return lode_section_backwards_(name) ? LAST - 1 - value : value;
}

/* The last entry of these comes first. */
bool lode_section_backwards_(const struct lode_link_text *name)
{
	return TEXT_BEGINS(name, ".ctors") || TEXT_BEGINS(name, ".dtors");
}
