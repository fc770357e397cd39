/* SPDX-License-Identifier: MIT */
/* A file that is mapped in the process comes in; what it exports goes out, as a copy: the file may become shorter at any time. */
#define _GNU_SOURCE
#include "process.h"
#include <fcntl.h>
#include <lode/dynamic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IRELATIVE = 37, BLOCK = 4096, BLOCKS = 64, LONGEST_SEARCH = 64 };

/* The newest blocks of a file, each in the place that its number gives. */
struct reader {
	int fd;
	struct block {
		uint64_t number; /* and 1; 0: none */
		size_t size;
		unsigned char bytes[BLOCK];
	} blocks[BLOCKS];
};

static const struct block *block_at(struct reader *reader, uint64_t offset)
{
	struct block *block = &reader->blocks[offset / BLOCK % BLOCKS];
	ssize_t size;

	if (block->number == offset / BLOCK + 1)
		return block;
	size = pread(reader->fd, block->bytes, BLOCK, (off_t)(offset / BLOCK * BLOCK));
	block->size = size > 0 ? (size_t)size : 0;
	block->number = offset / BLOCK + 1;
	return block;
}

static int read_file(void *host, void *dst, uint64_t offset, size_t size)
{
	unsigned char *to = dst;

	while (size > 0) {
		const struct block *block = block_at(host, offset);
		size_t from = offset % BLOCK, part = size < BLOCK - from ? size : BLOCK - from;

		if (from + part > block->size)
			return -1;
		memcpy(to, block->bytes + from, part);
		to += part;
		offset += part;
		size -= part;
	}
	return 0;
}

static int open_path(const struct process_map *map, const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_ino == map->inode && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	close(fd);
	return -1;
}

/* By what is mapped, which root may; else by its name, which counts from its root or from ours, and may be another file's. */
static int open_file(const struct lode_process *process, const struct process_map *map, uint64_t *size)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d/map_files/%llx-%llx", process->dir_, (unsigned long long)map->begin,
		(unsigned long long)map->end);
	fd = open_path(map, path, size);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d/root%s", process->dir_, map->name);
	fd = open_path(map, path, size);
	return fd >= 0 ? fd : open_path(map, map->name, size);
}

static uint32_t hash(const char *name, size_t length)
{
	uint32_t value = 0x811c9dc5;

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)name[i]) * 0x01000193;
	value = (value ^ value >> 16) * 0x85ebca6b;
	return value ^ value >> 13;
}

/* Where the name is, or the free place for it. NULL: a search would be longer than a quarter of the places makes likely, so the
 * names were chosen for that. */
static struct process_export *place(const struct process_library *library, const char *name, size_t length)
{
	uint32_t first = hash(name, length);

	for (uint32_t i = 0; i < LONGEST_SEARCH; i++) {
		struct process_export *at = &library->exports[(first + i) & library->mask];
		const char *other = library->strings + at->name;

		if (at->name == 0 || (strncmp(other, name, length) == 0 && other[length] == '\0'))
			return at;
	}
	return NULL;
}

const struct process_export *lode_process_library_find_(const struct process_library *library,
	const struct lode_link_symbol *symbol)
{
	const struct process_export *found = NULL;

	if (symbol->length > 0 && !memchr(symbol->name, '\0', symbol->length))
		found = place(library, symbol->name, symbol->length);
	return found && found->name != 0 ? found : NULL;
}

/* The default version, where there are several. */
static bool is_exported(const struct lode_image *image, const struct lode_dynamic *dynamic, const struct lode_symbol *symbol,
	uint64_t index)
{
	struct lode_versym version;

	if (symbol->bind == LODE_STB_LOCAL || symbol->shndx == LODE_SHN_UNDEF || symbol->reserved)
		return false;
	if (symbol->type != LODE_STT_FUNC && symbol->type != LODE_STT_OBJECT && symbol->type != LODE_STT_NOTYPE &&
		symbol->type != LODE_STT_GNU_IFUNC)
		return false;
	return dynamic->versym.size == 0 ||
		(lode_versym_read(&version, image, dynamic, index, NULL) == LODE_OK && !version.hidden);
}

/* Three quarters of the places stay free, so that a search ends soon. */
static int make_room(struct process_library *library, const struct lode_dynamic *dynamic)
{
	uint64_t most = PROCESS_LIBRARY_BYTES / sizeof *library->exports, places = LONGEST_SEARCH;
	const struct lode_strings *strings = &dynamic->symbols.strings;
	uint64_t size = strings->size;

	if (size == 0 || size > PROCESS_LIBRARY_BYTES || dynamic->symbols.count > most / 8)
		return -1;
	while (places < 4 * dynamic->symbols.count)
		places *= 2;
	library->size = size + places * sizeof *library->exports;
	library->mask = (uint32_t)places - 1;
	library->strings = malloc((size_t)size);
	library->exports = calloc((size_t)places, sizeof *library->exports);
	if (!library->strings || !library->exports ||
		lode_source_read(library->strings, strings->source, strings->offset, (size_t)size, NULL) != LODE_OK)
		return -1;
	library->strings[size - 1] = '\0';
	return 0;
}

static int take_exports(struct process_library *library, const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	const struct lode_symtab *table = &dynamic->symbols;
	struct lode_symbol symbol;

	if (make_room(library, dynamic) != 0)
		return -1;
	for (uint64_t i = 1; i < table->count; i++) {
		struct process_export *at;

		if (lode_symbol_read(&symbol, image, table, i, NULL) != LODE_OK || symbol.name == 0 ||
			symbol.name >= table->strings.size || !is_exported(image, dynamic, &symbol, i))
			continue;
		at = place(library, library->strings + symbol.name, strlen(library->strings + symbol.name));
		if (at && at->name == 0)
			*at = (struct process_export){.name = symbol.name, .chosen = symbol.type == LODE_STT_GNU_IFUNC,
				.value = symbol.value};
	}
	return 0;
}

static int add_slot(struct process_library *library, const struct lode_rel *slot)
{
	size_t room = library->nslots == 0 ? 1 : 2 * (size_t)library->nslots;

	if ((library->nslots & (library->nslots - 1)) == 0) {
		struct lode_rel *larger = NULL;

		if (room <= PROCESS_LIBRARY_BYTES / sizeof *slot)
			larger = realloc(library->slots, room * sizeof *slot);
		if (!larger)
			return -1;
		library->slots = larger;
	}
	library->slots[library->nslots++] = *slot;
	return 0;
}

/* The library calls its own functions whose code is chosen when it starts through slots. */
static int take_slots(struct process_library *library, const struct lode_image *image, const struct lode_dynamic *dynamic)
{
	const struct lode_reltab *const tables[] = {&dynamic->rela, &dynamic->jmprel};
	struct lode_rel rel;

	for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
		for (uint64_t i = 0; i < tables[k]->count; i++) {
			if (lode_rel_read(&rel, image, tables[k], i, NULL) != LODE_OK)
				return -1;
			if (rel.type != IRELATIVE)
				continue;
			if (add_slot(library, &rel) != 0)
				return -1;
		}
	library->size += library->nslots * sizeof rel;
	return 0;
}

static int take(struct process_library *library, const struct lode_source *source, const struct process_map *map)
{
	struct lode_open_options options = {.flags = 0};
	struct lode_dynamic dynamic;
	struct lode_image image;
	int result = -1;

	if (lode_open(&image, source, &options, NULL) != LODE_ERR_ROOM)
		return -1;
	options.max_segments = image.nsegments;
	options.segments = calloc((size_t)image.nsegments + 1, sizeof *options.segments);
	if (options.segments && lode_open(&image, source, &options, NULL) == LODE_OK && image.machine == LODE_EM_X86_64 &&
		image.nload > 0 && lode_dynamic_open(&dynamic, &image, NULL) == LODE_OK && dynamic.symbols.count > 0) {
		const struct lode_segment *first = &image.segments[image.segments[0].by_vaddr];

		library->bias = map->begin - (first->vaddr & ~(uint64_t)(PROCESS_PAGE - 1));
		result = take_exports(library, &image, &dynamic) == 0 ? take_slots(library, &image, &dynamic) : -1;
	}
	free(options.segments);
	return result;
}

int lode_process_library_open_(struct process_library *library, const struct lode_process *process, const struct process_map *map)
{
	struct reader *reader = calloc(1, sizeof *reader);
	struct lode_source source = {.read = read_file, .host = reader};
	int result = -1;

	*library = (struct process_library){.bias = 0};
	if (!reader)
		return -1;
	reader->fd = open_file(process, map, &source.size);
	if (reader->fd >= 0) {
		result = take(library, &source, map);
		close(reader->fd);
	}
	free(reader);
	if (result != 0)
		lode_process_library_close_(library);
	return result;
}

void lode_process_library_close_(struct process_library *library)
{
	free(library->strings);
	free(library->exports);
	free(library->slots);
	*library = (struct process_library){.bias = 0};
}
