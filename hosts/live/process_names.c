/* SPDX-License-Identifier: MIT */
/* A symbol that the program does not define as such comes in; where the dynamic linker, a resolver or a library has it goes out. */
#define _GNU_SOURCE
#include "live.h"
#include "process.h"
#include <lode/dynamic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { GLOB_DAT = 6, JUMP_SLOT = 7, IRELATIVE = 37, LONGEST_SYMBOL = 512, JUMP = 6 };

/* A file that is mapped in the process. */
struct library {
	struct lode_live_file file;
	struct lode_source source;
	struct lode_image image;
	struct lode_dynamic dynamic;
	uint64_t bias;
	void *tables;
};

struct process_libraries {
	struct library *all;
	uint32_t count;
};

static int open_image(struct library *library, uint32_t flags)
{
	struct lode_open_options options = {.flags = flags};
	size_t segments;

	library->source = (struct lode_source){.bytes = library->file.bytes, .size = library->file.size};
	if (lode_open(&library->image, &library->source, &options, NULL) != LODE_ERR_ROOM)
		return -1;
	segments = (library->image.nsegments * sizeof *options.segments + 15) & ~(size_t)15;
	library->tables = malloc(segments + library->image.nsections * sizeof *options.sections + 1);
	if (!library->tables)
		return -1;
	options.segments = library->tables;
	options.max_segments = library->image.nsegments;
	options.sections = (void *)((char *)library->tables + segments);
	options.max_sections = flags & LODE_OPEN_SECTIONS ? library->image.nsections : 0;
	return lode_open(&library->image, &library->source, &options, NULL) == LODE_OK ? 0 : -1;
}

static void close_library(struct library *library)
{
	if (library->file.bytes)
		munmap(library->file.bytes, library->file.size);
	free(library->tables);
	*library = (struct library){.bias = 0};
}

static int open_path(struct library *library, const struct process_map *map, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || st.st_ino != map->inode || !S_ISREG(st.st_mode))
		return -1;
	if (lode_live_map_file_(&library->file, path) != 0)
		return -1;
	library->file.name = "";
	return 0;
}

/* By what is mapped, which root may; else by its name, which counts from its root or from ours, and may be another file's. */
static int open_file(const struct lode_process *process, struct library *library, const struct process_map *map)
{
	char path[4200];

	snprintf(path, sizeof path, "/proc/self/fd/%d/map_files/%llx-%llx", process->dir_, (unsigned long long)map->begin,
		(unsigned long long)map->end);
	if (open_path(library, map, path) == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d/root%s", process->dir_, map->name);
	return open_path(library, map, path) == 0 ? 0 : open_path(library, map, map->name);
}

static int open_library(const struct lode_process *process, struct library *library, const struct process_map *map)
{
	const struct lode_segment *first;

	if (open_file(process, library, map) != 0)
		return -1;
	if (open_image(library, 0) != 0 || library->image.machine != LODE_EM_X86_64 || library->image.nload == 0)
		return -1;
	if (lode_dynamic_open(&library->dynamic, &library->image, NULL) != LODE_OK || library->dynamic.symbols.count == 0)
		return -1;
	first = &library->image.segments[library->image.segments[0].by_vaddr];
	library->bias = map->begin - (first->vaddr & ~(uint64_t)(PROCESS_PAGE - 1));
	return 0;
}

static bool is_begin_of_file(const struct process_map *map)
{
	return map->inode != 0 && map->offset == 0 && map->private_ && map->read && map->name[0] == '/';
}

/* The program itself is the first. */
static int load(struct lode_process *process)
{
	const struct process_maps *maps = process->maps_;
	struct process_libraries *libraries = calloc(1, sizeof *libraries);
	uint64_t own = process->index_.span.addr + process->program_.bias;

	process->libraries_ = libraries;
	if (libraries)
		libraries->all = calloc(maps->count + 1, sizeof *libraries->all);
	if (!libraries || !libraries->all)
		return -1;
	libraries->all[0].source = (struct lode_source){.bytes = process->file_.bytes, .size = process->file_.size};
	libraries->all[0].file = process->file_;
	libraries->all[0].bias = process->program_.bias;
	if (open_image(&libraries->all[0], LODE_OPEN_SECTIONS) != 0)
		libraries->all[0].image.nsections = 0;
	libraries->count = 1;
	for (uint32_t i = 0; i < maps->count; i++) {
		struct library *library = &libraries->all[libraries->count];

		if (!is_begin_of_file(&maps->all[i]) || maps->all[i].begin - own < process->index_.span.size)
			continue;
		if (open_library(process, library, &maps->all[i]) == 0)
			libraries->count++;
		else
			close_library(library);
	}
	return 0;
}

void lode_process_libraries_free_(struct lode_process *process)
{
	struct process_libraries *libraries = process->libraries_;

	process->libraries_ = NULL;
	if (!libraries)
		return;
	if (libraries->all)
		libraries->all[0].file.bytes = NULL; /* the process's */
	for (uint32_t i = 0; libraries->all && i < libraries->count; i++)
		close_library(&libraries->all[i]);
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

static bool is_wanted(const struct library *program, const struct lode_symtab *symbols, const struct lode_rel *rel,
	const struct search *search)
{
	if (search->resolver != 0)
		return rel->type == IRELATIVE && rel->addend == search->resolver;
	return (rel->type == GLOB_DAT || rel->type == JUMP_SLOT) && rel->symbol != 0 &&
		is_named(&program->image, symbols, rel->symbol, search->symbol);
}

/* The program's own jump through a slot, as linked, or 0. */
static uint64_t jump_through(const struct library *program, uint64_t slot)
{
	const struct lode_image *image = &program->image;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];
		const unsigned char *bytes = (const unsigned char *)program->file.bytes + section->offset, *at = bytes, *end;

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
	const struct library *program = &process->libraries_->all[0];
	const struct lode_reltab table = {.offset = section->offset, .size = section->size, .count = section->size / 24,
		.rela = true};
	uint64_t own = process->index_.span.addr + process->program_.bias, value;
	struct lode_symtab symbols = {.count = 0};
	struct lode_rel rel;

	if (search->resolver == 0 && lode_symtab_of_section(&symbols, &program->image, section->link, NULL) != LODE_OK)
		return -1;
	for (uint64_t i = 0; i < table.count; i++) {
		if (lode_rel_read(&rel, &program->image, &table, i, NULL) != LODE_OK || !is_wanted(program, &symbols, &rel, search))
			continue;
		if (lode_process_read_(process, &value, rel.offset + process->program_.bias, sizeof value) != 0)
			return -1;
		if (search->resolver != 0 || value - own >= process->index_.span.size)
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
	const struct lode_image *image = &process->libraries_->all[0].image;

	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type == LODE_SHT_RELA && (section->flags & LODE_SHF_ALLOC) && section->entsize == 24 &&
			look_in(process, answer, section, search) == 0)
			return 0;
	}
	return -1;
}

/* The default version, where there are several. */
static bool is_exported(const struct library *library, const struct lode_symbol *symbol, uint64_t index)
{
	struct lode_versym version;

	if (symbol->bind == LODE_STB_LOCAL || symbol->shndx == LODE_SHN_UNDEF || symbol->reserved)
		return false;
	if (symbol->type != LODE_STT_FUNC && symbol->type != LODE_STT_OBJECT && symbol->type != LODE_STT_NOTYPE &&
		symbol->type != LODE_STT_GNU_IFUNC)
		return false;
	return library->dynamic.versym.size == 0 ||
		(lode_versym_read(&version, &library->image, &library->dynamic, index, NULL) == LODE_OK && !version.hidden);
}

/* The library calls its own such functions through slots. */
static int chosen_in(struct lode_process *process, struct lode_link_answer *answer, const struct library *library,
	uint64_t resolver)
{
	const struct lode_reltab *const tables[] = {&library->dynamic.rela, &library->dynamic.jmprel};
	struct lode_rel rel;
	uint64_t value;

	for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
		for (uint64_t i = 0; i < tables[k]->count; i++) {
			if (lode_rel_read(&rel, &library->image, tables[k], i, NULL) != LODE_OK)
				return -1;
			if (rel.type != IRELATIVE || rel.addend != resolver)
				continue;
			if (lode_process_read_(process, &value, rel.offset + library->bias, sizeof value) == 0)
				return answer_with(process, answer, value);
		}
	return -1;
}

static int look_in_library(struct lode_process *process, struct lode_link_answer *answer, const struct library *library,
	const struct lode_link_symbol *symbol)
{
	const struct lode_symtab *table = &library->dynamic.symbols;
	struct lode_symbol entry;
	uint64_t i;

	for (i = 1; i < table->count; i++)
		if (lode_symbol_read(&entry, &library->image, table, i, NULL) == LODE_OK && is_exported(library, &entry, i) &&
			is_named(&library->image, table, i, symbol))
			break;
	if (i >= table->count)
		return -1;
	return entry.type == LODE_STT_GNU_IFUNC ? chosen_in(process, answer, library, entry.value) :
		answer_with(process, answer, entry.value + library->bias);
}

/* As linked, or 0: the program has no such function whose code is chosen when it starts. */
static uint64_t resolver_of(const struct lode_process *process, const struct lode_link_symbol *symbol)
{
	for (uint32_t i = 0; i < process->index_.nsymbols; i++) {
		const struct lode_index_symbol *entry = &process->index_.symbols[i];

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
	for (uint32_t i = 1; i < process->libraries_->count; i++)
		if (look_in_library(process, answer, &process->libraries_->all[i], symbol) == 0)
			return 0;
	return -1;
}
