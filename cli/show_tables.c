/* SPDX-License-Identifier: MIT */
/* Program headers, sections, symbols and the plan -> tables of text. */
#include "show.h"
#include <inttypes.h>
#include <string.h>

/* Columns of a symbol's line that are kept for its name; those that its section's name gets at the most. */
enum { NAME_ROOM = 20, PLACE_ROOM = 14 };

/* Hex digits that the addresses of an image need. */
static int digits(const struct show *show)
{
	return (int)(2 * lode_word_size(&show->file.image));
}

static void put_type(const char *name, uint32_t type, int width)
{
	char number[16];

	snprintf(number, sizeof number, "0x%x", type);
	printf("%-*s", width, name ? name : number);
}

/* As many as the highest address needs, so that the table of a process fits 80 columns. */
static int segment_digits(const struct lode_image *image)
{
	uint64_t all = 0;
	int n = image->class_ == LODE_CLASS64 ? 12 : 8;

	for (uint32_t i = 0; i < image->nsegments; i++)
		all |= image->segments[i].vaddr;
	return n == 12 && all >> 48 ? 16 : n;
}

void show_segments_print(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	int width;

	if (image->nsegments == 0 || !image->segments)
		return;
	width = segment_digits(image);
	show_head(show, "Program headers");
	printf("  %3s %-12s %-3s %10s %*s %10s %10s %8s\n", "#", "type", "", "offset", width + 2, "address", "in file",
		"in memory", "align");
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];

		printf("  %3u ", i);
		put_type(segment_type_name(s->type), s->type, 12);
		printf(" %s%s%s 0x%08" PRIx64 " 0x%0*" PRIx64 " 0x%08" PRIx64 " 0x%08" PRIx64 " 0x%" PRIx64,
			show_prot_sgr(show, s->flags), prot_name(s->flags), show_sgr(show, "\033[0m"), s->offset,
			width, s->vaddr, s->filesz, s->memsz, s->align);
		if (s->paddr != s->vaddr)
			printf(" phys 0x%" PRIx64, s->paddr);
		putchar('\n');
	}
}

static const char *section_flags(char buf[16], uint64_t flags)
{
	static const char letters[] = "WAX?MSILOGTC";
	size_t n = 0;

	for (size_t bit = 0; bit < sizeof letters - 1; bit++)
		if ((flags >> bit & 1) && letters[bit] != '?')
			buf[n++] = letters[bit];
	if (flags >> 12 != 0)
		buf[n++] = '+';
	buf[n] = '\0';
	return buf;
}

void show_sections_print(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	char name[256], flags[16];

	if (!image->sections || image->nsections == 0) {
		puts("\nNo sections.");
		return;
	}
	show_head(show, "Sections (%u; names from section %u)", image->nsections, image->shstrndx);
	printf("  %4s %-12s %-5s %*s %10s %10s %4s %4s %5s  name\n", "#", "type", "flags", digits(show) + 2, "address", "offset",
		"size", "link", "info", "align");
	for (uint32_t i = 0; i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		printf("  %4u ", i);
		put_type(section_type_name(s->type), s->type, 12);
		printf(" %-5s 0x%0*" PRIx64 " 0x%08" PRIx64 " 0x%08" PRIx64 " %4u %4u %5" PRIu64 "  ",
			section_flags(flags, s->flags), digits(show), s->addr, s->offset, s->size, s->link, s->info, s->addralign);
		put_name(stdout, section_name(name, sizeof name, &show->file.image, i));
		putchar('\n');
	}
}

static const char *symbol_type(uint8_t type)
{
	static const char *const names[] = {
		"NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE", "COMMON", "TLS", NULL, NULL, NULL, "IFUNC"};

	return type < sizeof names / sizeof *names ? names[type] : NULL;
}

static const char *symbol_bind(uint8_t bind)
{
	static const char *const names[] = {"LOCAL", "GLOBAL", "WEAK", NULL, NULL, NULL, NULL, NULL, NULL, NULL, "UNIQUE"};

	return bind < sizeof names / sizeof *names ? names[bind] : NULL;
}

const char *show_symbol_name(char *buf, size_t size, const struct lode_image *image, const struct lode_symtab *table,
	const struct lode_symbol *symbol)
{
	int status;

	if (symbol->name == 0 && symbol->type == LODE_STT_SECTION && !symbol->reserved)
		return section_name(buf, size, image, symbol->shndx);
	status = lode_string_read(buf, size, &table->strings, symbol->name, NULL);
	if (status == LODE_ERR_ROOM)
		buf[size - 1] = '\0';
	return status == LODE_OK || status == LODE_ERR_ROOM ? buf : NULL;
}

/* Columns for the section's name: what the line has to spare beside its other columns and some for the symbol's name. */
static int place_room(const struct show *show)
{
	int room = show->width - 46 - digits(show) - NAME_ROOM;

	return room < 0 ? 0 : room < PLACE_ROOM ? room : PLACE_ROOM;
}

static void put_place_name(const struct show *show, const struct lode_symbol *symbol, int room)
{
	char name[256], safe[PLACE_ROOM + 1] = "";

	if (room == 0)
		return;
	if (!symbol->reserved && symbol->shndx != LODE_SHN_UNDEF) {
		section_name(name, sizeof name, &show->file.image, symbol->shndx);
		escape_bytes(safe, (size_t)room + 1, name, strlen(name));
	}
	printf(" %-*s", room, safe);
}

static void put_place(const struct lode_symbol *symbol)
{
	if (symbol->shndx == LODE_SHN_UNDEF)
		printf(" %6s", "UND");
	else if (symbol->reserved && symbol->shndx == LODE_SHN_ABS)
		printf(" %6s", "ABS");
	else if (symbol->reserved && symbol->shndx == LODE_SHN_COMMON)
		printf(" %6s", "COM");
	else if (symbol->reserved)
		printf(" 0x%04x", symbol->shndx);
	else
		printf(" %6u", symbol->shndx);
}

static void put_or_number(const char *name, unsigned number, int width)
{
	if (name)
		printf(" %-*s", width, name);
	else
		printf(" %-*u", width, number);
}

static const char *visibility_name(uint8_t other)
{
	static const char *const names[] = {"", " internal", " hidden", " protected"};

	return names[other & 3];
}

static void print_table(const struct show *show, const struct lode_symtab *table, const struct show_versions *versions)
{
	char name[4096], version[80];
	int room = place_room(show);

	printf("  %6s %*s %8s %-7s %-6s %6s%*s  name\n", "#", digits(show) + 2, "value", "size", "type", "bind", "in",
		room > 0 ? room + 1 : 0, "");
	for (uint64_t i = 0; i < table->count; i++) {
		struct lode_symbol symbol;

		if (lode_symbol_read(&symbol, &show->file.image, table, i, NULL) != LODE_OK) {
			puts("  the rest cannot be read");
			return;
		}
		printf("  %6" PRIu64 " 0x%0*" PRIx64 " %8" PRIu64, i, digits(show), symbol.value, symbol.size);
		put_or_number(symbol_type(symbol.type), symbol.type, 7);
		put_or_number(symbol_bind(symbol.bind), symbol.bind, 6);
		put_place(&symbol);
		put_place_name(show, &symbol, room);
		fputs("  ", stdout);
		if (show_symbol_name(name, sizeof name, &show->file.image, table, &symbol))
			put_name(stdout, name);
		else if (symbol.name != 0)
			fputs("(no name: outside the string table)", stdout);
		if (versions)
			put_name(stdout, show_version_of(version, sizeof version, versions, show, i));
		puts(visibility_name(symbol.other));
	}
}

void show_symbols_print(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	uint64_t left = show_allowance(show);
	bool any = false;

	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		struct lode_symtab table;
		struct lode_diag why;

		if (image->sections[i].type != LODE_SHT_SYMTAB)
			continue;
		any = true;
		if (lode_symtab_of_section(&table, image, i, &why) != LODE_OK) {
			char text[TEXT_MOST];

			diag_text(text, &why, file_inside(&show->file));
			printf("\n  section %u: %s\n", i, text);
			continue;
		}
		if (!show_afford(&left, image->sections[i].size))
			continue;
		show_head(show, "Symbols (%" PRIu64 ", in section %u)", table.count, i);
		print_table(show, &table, NULL);
	}
	if (!any)
		puts(image->type == LODE_ET_CORE ? "\nNo symbol table." : "\nNo symbol table: the file was stripped.");
}

void show_dynamic_symbols_print(const struct show *show)
{
	const struct lode_symtab *table = &show->dynamic.symbols;
	struct show_versions versions;

	if (show->dynamic_why.status != LODE_OK || table->count == 0) {
		puts("\nNo dynamic symbols.");
		return;
	}
	show_versions_read(&versions, show);
	show_head(show, "Dynamic symbols (%" PRIu64 "%s)", table->count,
		show->dynamic.counted ? "" : ", as many as can lie there: no hash table counts them");
	print_table(show, table, &versions);
	show_versions_free(&versions);
}

static void print_run(const struct show *show, const struct lode_run *run)
{
	static const char *const kinds[] = {"share", "own", "zero"};
	char size[24];

	printf("  %-5s 0x%0*" PRIx64 "-0x%0*" PRIx64 " %s%s%s %9s  segment %u", kinds[run->kind], digits(show), run->addr,
		digits(show), run->addr + run->size, show_prot_sgr(show, run->prot), prot_name(run->prot),
		show_sgr(show, "\033[0m"), show_size(size, run->size), run->segment);
	if (run->kind == LODE_RUN_SHARE)
		printf(", file 0x%" PRIx64, run->offset);
	putchar('\n');
}

static void print_fill(const struct show *show, const struct lode_fill *fill)
{
	char size[24];

	printf("  0x%0*" PRIx64 " %9s ", digits(show), fill->addr, show_size(size, fill->size));
	if (fill->offset == LODE_FILL_ZEROS)
		puts("zeros");
	else
		printf("from file 0x%" PRIx64 "\n", fill->offset);
}

static void sentence(const struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void sentence(const struct show *show, const char *format, ...)
{
	char text[TEXT_MOST];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fputs("  ", stdout);
	put_wrapped(text, show->width, 2, 4);
	putchar('\n');
}

static void print_scalars(const struct show *show)
{
	const struct lode_plan *plan = &show->plan;
	char size[24];

	sentence(show, "bias 0x%" PRIx64 ", span 0x%" PRIx64 "-0x%" PRIx64 " (%s), alignment 0x%" PRIx64 ", brk at 0x%" PRIx64,
		plan->bias, plan->span.addr, plan->span.addr + plan->span.size, show_size(size, plan->span.size), plan->align,
		plan->end);
	printf("  entry 0x%" PRIx64 ", program headers ", plan->entry);
	if (plan->has_phdr)
		printf("at 0x%" PRIx64 "\n", plan->phdr);
	else
		puts("not in memory");
	if (plan->has_tls)
		sentence(show, "TLS template at 0x%" PRIx64 ", %" PRIu64 " bytes of the file, %" PRIu64 " in memory, alignment %"
			PRIu64, plan->tls.addr, plan->tls.file_size, plan->tls.mem_size, plan->tls.align);
	if (plan->relro.size > 0)
		printf("  read-only once relocated: 0x%" PRIx64 "-0x%" PRIx64 "\n", plan->relro.addr,
			plan->relro.addr + plan->relro.size);
	if (plan->has_stack)
		printf("  stack %s\n", prot_name(plan->stack_prot));
}

void show_plan_print(const struct show *show)
{
	const struct lode_plan *plan = &show->plan;

	if (show->plan_why.status != LODE_OK)
		return;
	show_head(show, "Plan for a %s, %" PRIu64 " KiB pages, %s addresses",
		show->policy.use == LODE_USE_KERNEL ? "kernel" : "process", show->policy.page_size >> 10,
		show->policy.domain == LODE_PHYSICAL ? "physical" : "virtual");
	print_scalars(show);
	show_head(show, "Runs (%u)", plan->nruns);
	for (uint32_t i = 0; i < plan->nruns; i++)
		print_run(show, &plan->runs[i]);
	if (plan->nfills > 0)
		show_head(show, "Fills (%u), in this order", plan->nfills);
	for (uint32_t i = 0; i < plan->nfills; i++)
		print_fill(show, &plan->fills[i]);
}
