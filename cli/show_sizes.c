/* SPDX-License-Identifier: MIT */
/* Tables and plan -> where the file's bytes go and what the memory costs. */
#include "show.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const show_bytes_names[BYTES_KINDS] = {
	"loaded into memory",
	"headers",
	"debug information",
	"symbols and their names",
	"relocations for a linker",
	"other sections",
	"padding, and bytes that nothing names",
};
const char *const show_bytes_keys[BYTES_KINDS] = {"loaded", "headers", "debug", "symbols", "relocations", "other", "padding"};

struct part {
	uint64_t begin, end;
	unsigned kind;
};

/* Room for all is there beforehand; limit is the file's size. */
struct parts {
	struct part *list;
	size_t n;
	uint64_t limit;
};

static bool debug_name(const char *name)
{
	return strncmp(name, ".debug", 6) == 0 || strncmp(name, ".zdebug", 7) == 0 || strcmp(name, ".gdb_index") == 0 ||
		strcmp(name, ".stab") == 0 || strcmp(name, ".stabstr") == 0 || strncmp(name, ".gnu.debuglto_", 14) == 0 ||
		strcmp(name, ".gnu_debugdata") == 0;
}

static unsigned section_kind(const struct show *show, uint32_t index, const uint8_t *symbol_strings)
{
	const struct lode_section *section = &show->file.image.sections[index];
	char name[32];

	/* An object is loaded section by section. */
	if ((section->flags & LODE_SHF_ALLOC) && show->file.image.type == LODE_ET_REL)
		return BYTES_LOADED;
	section_name(name, sizeof name, &show->file.image, index);
	if (debug_name(name))
		return BYTES_DEBUG;
	if (strncmp(name, ".rel", 4) == 0 && debug_name(name + (name[4] == 'a' ? 5 : 4)))
		return BYTES_DEBUG;
	if (section->type == LODE_SHT_SYMTAB || section->type == LODE_SHT_SYMTAB_SHNDX || symbol_strings[index])
		return BYTES_SYMBOLS;
	return section->type == LODE_SHT_REL || section->type == LODE_SHT_RELA ? BYTES_RELOCS : BYTES_OTHER;
}

static void add(struct parts *parts, uint64_t offset, uint64_t size, unsigned kind)
{
	if (size == 0 || offset >= parts->limit)
		return;
	parts->list[parts->n++] = (struct part){offset, size > parts->limit - offset ? parts->limit : offset + size, kind};
}

static void add_sections(struct parts *parts, const struct show *show, uint8_t *symbol_strings)
{
	const struct lode_image *image = &show->file.image;

	for (uint32_t i = 1; i < image->nsections; i++)
		if (image->sections[i].type == LODE_SHT_SYMTAB && image->sections[i].link < image->nsections)
			symbol_strings[image->sections[i].link] = 1;
	for (uint32_t i = 1; i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if (section->type != LODE_SHT_NOBITS && section->type != LODE_SHT_NULL)
			add(parts, section->offset, section->size, section_kind(show, i, symbol_strings));
	}
}

static int by_begin(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* Each byte counts once, for the part that begins first: headers that a segment maps count as loaded. */
static void sweep(struct show_sizes *sizes, const struct parts *parts)
{
	const struct part *part = parts->list;
	uint64_t done = 0;

	for (size_t i = 0; i < parts->n; i++, part++) {
		uint64_t begin = part->begin > done ? part->begin : done;

		if (begin > done)
			sizes->file[BYTES_PADDING] += begin - done;
		if (part->end > begin) {
			sizes->file[part->kind] += part->end - begin;
			done = part->end;
		} else {
			done = begin;
		}
	}
	sizes->file[BYTES_PADDING] += parts->limit - done;
}

static void count_file(struct show_sizes *sizes, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	size_t room = 3 + (size_t)image->nsegments + (image->sections ? image->nsections : 0);
	struct parts parts = {.list = calloc(room, sizeof *parts.list), .limit = image->source->size};
	uint8_t *symbol_strings = calloc((size_t)image->nsections + 1, 1);

	if (parts.list && symbol_strings) {
		for (uint32_t i = 0; i < image->nsegments; i++)
			if (image->segments[i].type == LODE_PT_LOAD && show->kind.id != KIND_DEBUG)
				add(&parts, image->segments[i].offset, image->segments[i].filesz, BYTES_LOADED);
		add(&parts, 0, image->ehsize, BYTES_HEADERS);
		add(&parts, image->phoff, (uint64_t)image->nsegments * image->phentsize, BYTES_HEADERS);
		if (image->sections) {
			add(&parts, image->shoff, (uint64_t)image->nsections * image->shentsize, BYTES_HEADERS);
			add_sections(&parts, show, symbol_strings);
		}
		qsort(parts.list, parts.n, sizeof *parts.list, by_begin);
		sweep(sizes, &parts);
	}
	free(parts.list);
	free(symbol_strings);
}

static void count_memory(struct show_sizes *sizes, const struct show *show)
{
	const struct lode_image *image = &show->file.image;

	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_LOAD)
			sizes->zero_bytes += image->segments[i].memsz - image->segments[i].filesz;
	if (show->plan_why.status != LODE_OK)
		return;
	for (uint32_t i = 0; i < show->plan.nruns; i++) {
		const struct lode_run *run = &show->plan.runs[i];

		sizes->memory += run->size;
		if (run->kind == LODE_RUN_SHARE)
			*(run->prot & LODE_PF_W ? &sizes->copied : &sizes->shared) += run->size;
		else
			*(run->kind == LODE_RUN_OWN ? &sizes->own : &sizes->zero) += run->size;
	}
}

void show_sizes_count(struct show *show)
{
	memset(&show->sizes, 0, sizeof show->sizes);
	count_file(&show->sizes, show);
	count_memory(&show->sizes, show);
}

static void print_share(uint64_t bytes, uint64_t whole, const char *name)
{
	char size[24];

	if (bytes == 0)
		return;
	printf("  %9s  %3.0f %%  %s\n", show_size(size, bytes), whole == 0 ? 0.0 : 100.0 * (double)bytes / (double)whole, name);
}

void show_sizes_print(const struct show *show)
{
	const struct show_sizes *sizes = &show->sizes;
	uint64_t whole = show->file.image.source->size;
	char size[24], zero[24];

	show_head(show, "File: %s", show_size(size, whole));
	for (size_t i = 0; i < BYTES_KINDS; i++)
		print_share(sizes->file[i], whole, show_bytes_names[i]);
	if (show->plan_why.status != LODE_OK || show->file.image.nload == 0)
		return;
	show_head(show, "Memory: %s in pages, %s of it zeros beyond the file's bytes", show_size(size, sizes->memory),
		show_size(zero, sizes->zero_bytes));
	print_share(sizes->shared, sizes->memory, "shared with the page cache and all who run it");
	print_share(sizes->copied, sizes->memory, "page cache until written, then private");
	print_share(sizes->own, sizes->memory, "private, filled from the file");
	print_share(sizes->zero, sizes->memory, "private, zero, there when touched");
}
