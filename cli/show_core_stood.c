/* SPDX-License-Identifier: MIT */
/* The program counter of a core's first thread -> file, offset and function: the file is asked if it is the one that was mapped. */
#include "show.h"
#include "input.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ID_MOST = 64 }; /* bytes of a build-id that are compared */

/* Byte offset of the file that the mapping is of -> where the core has size bytes of it; false: it has not. */
static bool in_core(uint64_t *at, const struct show *show, const struct show_mapping *like, const struct lode_note *id)
{
	struct show_mapping *mapping = malloc(sizeof *mapping);
	struct show_files files;
	bool found = false;

	if (mapping && show_files_of_core(&files, show))
		while (!found && show_files_next(mapping, &files, show))
			found = strcmp(mapping->name, like->name) == 0 && id->desc_offset >= mapping->offset &&
				id->desc_offset - mapping->offset < mapping->end - mapping->begin &&
				lode_vaddr_to_offset(at, &show->file.image,
					mapping->begin + (id->desc_offset - mapping->offset), id->desc_size);
	free(mapping);
	return found;
}

/* The build-id decides where the core has it; else the mapping must lie in the file. */
static bool is_mapped(const struct file *file, const struct show *show, const struct show_mapping *mapping)
{
	unsigned char mine[ID_MOST], theirs[ID_MOST];
	struct lode_note id;
	uint64_t at, pages = file->input.file_size + (PAGE - 1);
	size_t size;

	if (lode_note_find(&id, &file->image, "GNU", LODE_NT_GNU_BUILD_ID, NULL) == 1 && in_core(&at, show, mapping, &id)) {
		size = id.desc_size < ID_MOST ? id.desc_size : ID_MOST;
		if (input_exact(&show->file.input, theirs, at, size))
			return input_exact(&file->input, mine, id.desc_offset, size) && memcmp(mine, theirs, size) == 0;
	}
	return mapping->offset <= pages && mapping->end - mapping->begin <= pages - mapping->offset;
}

/* An offset of the file as the address that it is linked for. */
static bool as_linked(uint64_t *vaddr, const struct lode_image *image, uint64_t offset)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type != LODE_PT_LOAD || offset < segment->offset || offset - segment->offset >= segment->filesz)
			continue;
		*vaddr = segment->vaddr + (offset - segment->offset);
		return true;
	}
	return false;
}

/* Symbols that are looked at: the file is another one than the user asked about, and may be sparse. */
enum { SYMBOLS_MOST = 1 << 22 };

/* How far behind its begin a function holds an address. Thumb code has odd symbols. */
static bool is_around(uint64_t *distance, const struct lode_symbol *symbol, const struct lode_image *image, uint64_t vaddr)
{
	uint64_t value = image->machine == LODE_EM_ARM ? symbol->value & ~UINT64_C(1) : symbol->value;

	*distance = vaddr - value;
	return (symbol->type == LODE_STT_FUNC || symbol->type == LODE_STT_GNU_IFUNC) && symbol->shndx != LODE_SHN_UNDEF &&
		vaddr >= value && *distance < symbol->size;
}

static bool find_symbol(struct show_stood *stood, const struct lode_image *image, const struct lode_symtab *table, uint64_t vaddr)
{
	uint64_t count = table->count < SYMBOLS_MOST ? table->count : SYMBOLS_MOST;
	struct lode_symbol symbol;

	for (uint64_t i = 1; i < count && lode_symbol_read(&symbol, image, table, i, NULL) == LODE_OK; i++) {
		if (!is_around(&stood->distance, &symbol, image, vaddr))
			continue;
		return lode_string_read(stood->symbol, sizeof stood->symbol, &table->strings, symbol.name, NULL) == LODE_OK;
	}
	return false;
}

/* .symtab has more than .dynsym. */
static void look_up(struct show_stood *stood, const struct lode_image *image, uint64_t vaddr)
{
	static const uint32_t types[] = {LODE_SHT_SYMTAB, LODE_SHT_DYNSYM};
	struct lode_symtab table;
	bool found = false;

	for (size_t k = 0; k < sizeof types / sizeof *types; k++)
		for (uint32_t i = 1; !found && image->sections && i < image->nsections; i++)
			if (image->sections[i].type == types[k] && lode_symtab_of_section(&table, image, i, NULL) == LODE_OK) {
				found = find_symbol(stood, image, &table, vaddr);
				break;
			}
	if (!found)
		stood->symbol[0] = '\0';
}

/* A core names any path: only a regular file is opened. */
static void ask_file(struct show_stood *stood, const struct show *show)
{
	struct file file;
	struct stat st;
	uint64_t vaddr;

	if (stood->mapping.name[0] != '/' || stat(stood->mapping.name, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return;
	if (file_open(&file, stood->mapping.name, INPUT_RAW) == 0 && is_mapped(&file, show, &stood->mapping) &&
		as_linked(&vaddr, &file.image, stood->offset))
		look_up(stood, &file.image, vaddr);
	file_close(&file);
}

static bool find_place(struct show_stood *stood, const struct show *show, uint64_t pc)
{
	struct show_files files;

	if (!show_files_of_core(&files, show))
		return false;
	while (show_files_next(&stood->mapping, &files, show))
		if (pc >= stood->mapping.begin && pc < stood->mapping.end) {
			stood->offset = stood->mapping.offset + (pc - stood->mapping.begin);
			return true;
		}
	return false;
}

struct show_stood *show_core_stood(const struct show *show)
{
	unsigned char bytes[1024];
	const struct show_desc desc = show_core_first(bytes, sizeof bytes, show, CORE_PRSTATUS);
	struct show_stood *stood = calloc(1, sizeof *stood);
	struct show_thread thread;

	if (stood && show_core_thread(&thread, show, &desc) && thread.has_registers && find_place(stood, show, thread.pc)) {
		ask_file(stood, show);
		return stood;
	}
	free(stood);
	return NULL;
}
