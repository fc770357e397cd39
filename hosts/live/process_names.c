/* SPDX-License-Identifier: MIT */
/* A symbol that the program does not define as such comes in; where the dynamic linker, a resolver or a library has it goes out. */
#define _GNU_SOURCE
#include "process.h"
#include <stdlib.h>
#include <string.h>

enum { GLOB_DAT = 6, JUMP_SLOT = 7, IRELATIVE = 37, LONGEST_SYMBOL = 512, JUMP = 6 };

struct process_libraries {
	struct process_library *all;
	uint32_t count;
};

static bool is_begin_of_file(const struct process_map *map)
{
	return map->inode != 0 && map->offset == 0 && map->private_ && map->read && map->name[0] == '/';
}

/* Those behind one with which they would be too large together are not looked at. */
static int load(struct lode_process *process)
{
	const struct process_maps *maps = process->maps_;
	struct process_libraries *libraries = calloc(1, sizeof *libraries);
	uint64_t left = PROCESS_LIBRARY_BYTES;

	process->libraries_ = libraries;
	if (libraries)
		libraries->all = calloc(maps->count, sizeof *libraries->all);
	if (!libraries || !libraries->all)
		return -1;
	for (uint32_t i = 0; i < maps->count; i++) {
		struct process_library *library = &libraries->all[libraries->count];

		if (!is_begin_of_file(&maps->all[i]) || process_is_own(process, maps->all[i].begin))
			continue;
		if (lode_process_library_open_(library, process, &maps->all[i]) != 0)
			continue;
		if (library->size > left) {
			lode_process_library_close_(library);
			break;
		}
		left -= library->size;
		libraries->count++;
	}
	return 0;
}

void lode_process_libraries_free_(struct lode_process *process)
{
	struct process_libraries *libraries = process->libraries_;

	process->libraries_ = NULL;
	if (!libraries)
		return;
	for (uint32_t i = 0; i < libraries->count; i++)
		lode_process_library_close_(&libraries->all[i]);
	free(libraries->all);
	free(libraries);
}

static bool is_code(const struct lode_process *process, uint64_t addr)
{
	const struct process_map *map = lode_process_map_at_(process->maps_, addr);

	return map && map->execute;
}

static int answer_with(struct lode_process *process, struct lode_link_answer *answer, uint64_t addr)
{
	if (!lode_process_map_at_(process->maps_, addr))
		return -1;
	answer->value = addr;
	answer->type = is_code(process, addr) ? LODE_STT_FUNC : LODE_STT_OBJECT;
	return 0;
}

static bool is_named(const struct lode_image *image, const struct lode_symtab *table, uint64_t index,
	const struct lode_link_symbol *symbol)
{
	struct lode_symbol entry;
	char name[LONGEST_SYMBOL];

	return lode_symbol_read(&entry, image, table, index, NULL) == LODE_OK && entry.name != 0 &&
		lode_string_read(name, sizeof name, &table->strings, entry.name, NULL) == LODE_OK &&
		strlen(name) == symbol->length && memcmp(name, symbol->name, symbol->length) == 0;
}

/* What to look for in the program's dynamic relocations: a resolver that has run, or a symbol of a library. */
struct search {
	const struct lode_link_symbol *symbol;
	uint64_t resolver; /* as linked; 0: the symbol */
};

static bool is_wanted(const struct lode_image *program, const struct lode_symtab *symbols, const struct lode_rel *rel,
	const struct search *search)
{
	if (search->resolver != 0)
		return rel->type == IRELATIVE && rel->addend == search->resolver;
	return (rel->type == GLOB_DAT || rel->type == JUMP_SLOT) && rel->symbol != 0 &&
		is_named(program, symbols, rel->symbol, search->symbol);
}

/* The program's own jump through a slot, as linked, or 0. */
static uint64_t jump_through(const struct lode_image *image, uint64_t slot)
{
	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];
		const unsigned char *bytes = (const unsigned char *)image->source->bytes + section->offset;
		const unsigned char *at = bytes, *end;

		if (!(section->flags & LODE_SHF_EXECINSTR) || section->type == LODE_SHT_NOBITS)
			continue;
		end = bytes + section->size;
		for (; end - at >= JUMP; at++) {
			uint64_t addr = section->addr + (uint64_t)(at - bytes);
			int32_t distance;

			memcpy(&distance, at + 2, sizeof distance);
			if (at[0] == 0xff && at[1] == 0x25 && addr + JUMP + (uint64_t)(int64_t)distance == slot)
				return addr;
		}
	}
	return 0;
}

static int look_in(struct lode_process *process, struct lode_link_answer *answer, const struct lode_section *section,
	const struct search *search)
{
	const struct lode_image *program = &process->own_.image_;
	const struct lode_reltab table = {.offset = section->offset, .size = section->size, .count = section->size / 24,
		.rela = true};
	struct lode_symtab symbols = {.count = 0};
	struct lode_rel rel;
	uint64_t value;

	if (search->resolver == 0 && lode_symtab_of_section(&symbols, program, section->link, NULL) != LODE_OK)
		return -1;
	for (uint64_t i = 0; i < table.count; i++) {
		if (lode_rel_read(&rel, program, &table, i, NULL) != LODE_OK || !is_wanted(program, &symbols, &rel, search))
			continue;
		if (lode_process_read_(process, &value, rel.offset + process->program_.bias, sizeof value) != 0)
			return -1;
		if (search->resolver != 0 || !process_is_own(process, value))
			return answer_with(process, answer, value);
		/* It was not called yet: the dynamic linker is in its slot. Who jumps through that will find it. */
		value = rel.type == JUMP_SLOT ? jump_through(program, rel.offset) : 0;
		if (value != 0)
			return answer_with(process, answer, value + process->program_.bias);
	}
	return -1;
}

static int look_in_program(struct lode_process *process, struct lode_link_answer *answer, const struct search *search)
{
	const struct lode_image *image = &process->own_.image_;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_RELA && (section->flags & LODE_SHF_ALLOC) && section->entsize == 24 &&
			look_in(process, answer, section, search) == 0)
			return 0;
	}
	return -1;
}

static int chosen_in(struct lode_process *process, struct lode_link_answer *answer, const struct process_library *library,
	uint64_t resolver)
{
	uint64_t value;

	for (uint32_t i = 0; i < library->nslots; i++) {
		const struct lode_rel *slot = &library->slots[i];

		if (slot->addend == resolver &&
			lode_process_read_(process, &value, slot->offset + library->bias, sizeof value) == 0)
			return answer_with(process, answer, value);
	}
	return -1;
}

static int look_in_library(struct lode_process *process, struct lode_link_answer *answer, const struct process_library *library,
	const struct lode_link_symbol *symbol)
{
	const struct process_export *found = lode_process_library_find_(library, symbol);

	if (!found)
		return -1;
	return found->chosen ? chosen_in(process, answer, library, found->value) :
		answer_with(process, answer, found->value + library->bias);
}

/* As linked, or 0: the program has no such function whose code is chosen when it starts. */
static uint64_t resolver_of(const struct lode_process *process, const struct lode_link_symbol *symbol)
{
	for (uint32_t i = 0; i < process->program_.index->nsymbols; i++) {
		const struct lode_index_symbol *entry = &process->program_.index->symbols[i];

		if (entry->type == LODE_STT_GNU_IFUNC && entry->length == symbol->length &&
			memcmp(entry->name, symbol->name, symbol->length) == 0)
			return entry->addr;
	}
	return 0;
}

int lode_process_resolve_(struct lode_process *process, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	struct search search = {.symbol = symbol, .resolver = resolver_of(process, symbol)};

	if (symbol->type == LODE_STT_TLS || (!process->libraries_ && load(process) != 0))
		return -1;
	if (look_in_program(process, answer, &search) == 0)
		return 0;
	/* What is hidden is no library's. */
	if (symbol->visibility == 1 || symbol->visibility == 2)
		return -1;
	for (uint32_t i = 0; i < process->libraries_->count; i++)
		if (look_in_library(process, answer, &process->libraries_->all[i], symbol) == 0)
			return 0;
	return -1;
}
