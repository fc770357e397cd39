/* SPDX-License-Identifier: MIT */
/* Names of ELF files come in as arguments or lines of standard input; all that Lode reads in them goes out, line by line.
 * tools/compare-readelf compares it with what readelf prints. Symbols and relocations have readelf's own form, so that most lines
 * are equal as they stand. */
#include <fcntl.h>
#include <inttypes.h>
#include <lode/lode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 1 << 20, VERSIONS = 0x8000 };

/* One file while it is printed. */
struct dump {
	struct lode_source source;
	struct lode_image image;
	struct lode_dynamic dynamic;
	bool has_dynamic;
	struct lode_version versions[VERSIONS]; /* by their index in versym */
	char name[NAME];
};
static struct dump dump;

static bool wide(void)
{
	return dump.image.class_ == LODE_CLASS64;
}

static void refused(const char *what, const struct lode_diag *why)
{
	char line[512];

	lode_diag_format(line, sizeof line, why);
	printf("refused %s %s %s\n", what, lode_rule_name(why->rule), line);
}

/* Like readelf: control bytes as ^X; so that a name never ends a line. */
static void put_name(const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x20) {
			putchar('^');
			putchar(c + 0x40);
		} else {
			putchar(c);
		}
	}
}

static const char *string_of(const struct lode_strings *strings, uint64_t index)
{
	struct lode_diag why;

	if (strings->size == 0)
		return "";
	if (lode_string_read(dump.name, sizeof dump.name, strings, index, &why) != LODE_OK)
		return "<corrupt>";
	return dump.name;
}

static void put_header(void)
{
	const struct lode_image *image = &dump.image;

	printf("header %u %u %u %u %u %u 0x%x 0x%" PRIx64 " %" PRIu64 " %" PRIu64 " %u %u %u %u %u %u\n", image->class_,
		image->data, image->osabi, image->abiversion, image->type, image->machine, image->flags, image->entry, image->phoff,
		image->shoff, image->ehsize, image->phentsize, image->nsegments, image->shentsize, image->nsections,
		image->shstrndx);
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *s = &image->segments[i];

		printf("segment %u %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %u %" PRIx64 "\n", s->type,
			s->offset, s->vaddr, s->paddr, s->filesz, s->memsz, s->flags, s->align);
	}
}

static void put_sections(void)
{
	const struct lode_image *image = &dump.image;
	struct lode_strings names = {.source = image->source};

	if (image->shstrndx < image->nsections) {
		names.offset = image->sections[image->shstrndx].offset;
		names.size = image->sections[image->shstrndx].size;
	}
	for (uint32_t i = 0; i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		printf("section %u %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %u %u %" PRIu64 " ", s->type,
			s->flags, s->addr, s->offset, s->size, s->entsize, s->link, s->info, s->addralign);
		put_name(string_of(&names, s->name));
		putchar('\n');
	}
}

/* The version as readelf adds it to a dynamic symbol's name: of a need with its index, none to the symbol that names a version. */
static void put_version(uint64_t symbol, const struct lode_strings *strings, uint64_t symbol_name)
{
	static char name[NAME];
	const struct lode_version *version;
	struct lode_versym word;
	struct lode_diag why;

	if (dump.dynamic.versym.size == 0)
		return;
	if (lode_versym_read(&word, &dump.image, &dump.dynamic, symbol, &why) != LODE_OK) {
		printf("<no version>");
		return;
	}
	version = &dump.versions[word.index];
	if (version->name == LODE_NO_OFFSET)
		return;
	snprintf(name, sizeof name, "%s", string_of(&dump.dynamic.symbols.strings, version->name));
	if (strcmp(name, string_of(strings, symbol_name)) == 0)
		return;
	fputs(word.hidden || version->file != LODE_NO_OFFSET ? "@" : "@@", stdout);
	put_name(name);
	if (version->file != LODE_NO_OFFSET)
		printf(" (%u)", word.index);
}

static const char *pick(const char *const *names, size_t count, unsigned value, char *buf)
{
	if (value < count && names[value] != NULL)
		return names[value];
	sprintf(buf, "?%u", value);
	return buf;
}
#define PICK(names, value, buf) pick(names, sizeof names / sizeof *names, value, buf)

static const char *index_text(const struct lode_symbol *symbol, char *buf)
{
	if (symbol->shndx == LODE_SHN_UNDEF)
		return "UND";
	if (symbol->reserved && symbol->shndx == LODE_SHN_ABS)
		return "ABS";
	if (symbol->reserved && symbol->shndx == LODE_SHN_COMMON)
		return "COM";
	sprintf(buf, symbol->reserved ? "?%x" : "%u", symbol->shndx);
	return buf;
}

static void put_symbol(uint64_t index, const struct lode_symtab *table, const struct lode_symbol *symbol, bool versions)
{
	static const char *const types[] = {
		"NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE", "COMMON", "TLS", NULL, "RELC", "SRELC", "IFUNC"};
	static const char *const binds[] = {"LOCAL", "GLOBAL", "WEAK", NULL, NULL, NULL, NULL, NULL, NULL, NULL, "UNIQUE"};
	static const char *const visibilities[] = {"DEFAULT", "INTERNAL", "HIDDEN", "PROTECTED"};
	char type[16], bind[16], shndx[16], size[24];

	sprintf(size, symbol->size <= 99999 ? "%5" PRIu64 : "0x%" PRIx64, symbol->size);
	printf("%6" PRIu64 ": %0*" PRIx64 " %s %-7s %-6s %-7s %4s ", index, wide() ? 16 : 8, symbol->value, size,
		PICK(types, symbol->type, type), PICK(binds, symbol->bind, bind), visibilities[symbol->other & 3],
		index_text(symbol, shndx));
	put_name(string_of(&table->strings, symbol->name));
	if (versions)
		put_version(index, &table->strings, symbol->name);
	putchar('\n');
}

static void put_symbols_of(uint32_t section)
{
	struct lode_symtab table;
	struct lode_symbol symbol;
	struct lode_diag why;

	if (lode_symtab_of_section(&table, &dump.image, section, &why) != LODE_OK) {
		refused("symtab", &why);
		return;
	}
	printf("symbols %u %" PRIu64 "\n", section, table.count);
	for (uint64_t i = 0; i < table.count; i++) {
		if (lode_symbol_read(&symbol, &dump.image, &table, i, &why) != LODE_OK) {
			refused("symbol", &why);
			return;
		}
		put_symbol(i, &table, &symbol, dump.has_dynamic && dump.image.sections[section].type == LODE_SHT_DYNSYM);
	}
}

/* MIPS keeps three types and a special symbol in r_info; readelf prints the word as it is. */
static void put_relocations_of(uint32_t index)
{
	const struct lode_section *section = &dump.image.sections[index];
	bool rela = section->type == LODE_SHT_RELA;
	uint32_t size = (rela ? 12u : 8u) * (wide() ? 2u : 1u);
	struct lode_reltab table = {section->offset, section->size, section->size / size, rela};
	struct lode_diag why;
	struct lode_rel rel;
	int digits = wide() ? 16 : 8;

	printf("relocations %u %" PRIx64 " %" PRIu64 "\n", index, table.offset, table.count);
	for (uint64_t i = 0; i < table.count; i++) {
		if (lode_rel_read(&rel, &dump.image, &table, i, &why) != LODE_OK) {
			refused("relocation", &why);
			return;
		}
		printf("%0*" PRIx64 "  %0*" PRIx64 "\n", digits, rel.offset, digits,
			wide() ? (uint64_t)rel.symbol << 32 | rel.type : (uint64_t)rel.symbol << 8 | rel.type);
	}
}

static void put_notes(const char *where, uint32_t index, struct lode_extent extent, uint64_t align)
{
	struct lode_notes notes;
	struct lode_note note;
	struct lode_diag why;
	int more;

	lode_notes_begin(&notes, &dump.image, &extent, align);
	printf("notes %s %u %" PRIx64 " %" PRIx64 "\n", where, index, extent.offset, extent.size);
	while ((more = lode_note_next(&note, &notes, &why)) > 0) {
		printf("note %" PRIx64 " %u %u %u ", note.offset, note.owner_size, note.desc_size, note.type);
		put_name(note.owner);
		putchar('\n');
	}
	if (more < 0)
		refused("note", &why);
}

static void put_dynamic(void)
{
	const struct lode_dynamic *dynamic = &dump.dynamic;
	struct lode_dyn entry;
	struct lode_diag why;

	if (lode_dynamic_open(&dump.dynamic, &dump.image, &why) != LODE_OK) {
		refused("dynamic", &why);
		return;
	}
	if (dynamic->offset == 0)
		return;
	dump.has_dynamic = true;
	printf("dynamic %" PRIx64 " %" PRIu64 " %d\n", dynamic->offset, dynamic->symbols.count, dynamic->counted);
	for (uint32_t i = 0; i < dynamic->count; i++) {
		if (lode_dynamic_entry(&entry, &dump.image, dynamic, i, &why) != LODE_OK) {
			refused("dynamic entry", &why);
			return;
		}
		printf("dyn %" PRIx64 " %" PRIx64 " ", wide() ? (uint64_t)entry.tag : (uint64_t)(uint32_t)entry.tag, entry.value);
		if (entry.tag == LODE_DT_NEEDED || entry.tag == LODE_DT_SONAME || entry.tag == LODE_DT_RPATH ||
			entry.tag == LODE_DT_RUNPATH)
			put_name(string_of(&dynamic->symbols.strings, entry.value));
		putchar('\n');
	}
}

/* Version tables: how many definitions and needs there are; which stands behind which index. The file's own name is no version. */
static void read_versions(void)
{
	struct lode_versions walk;
	struct lode_version version;
	struct lode_diag why;
	unsigned defs = 0, needs = 0;
	int more;

	for (uint32_t i = 0; i < VERSIONS; i++)
		dump.versions[i].name = LODE_NO_OFFSET;
	if (!dump.has_dynamic)
		return;
	lode_versions_begin(&walk, &dump.image, &dump.dynamic);
	while ((more = lode_version_next(&version, &walk, &why)) > 0) {
		if (version.file == LODE_NO_OFFSET)
			defs++;
		else
			needs++;
		if (!(version.flags & 1))
			dump.versions[version.index & (VERSIONS - 1)] = version;
	}
	if (more < 0)
		refused("version", &why);
	printf("versions %u %u\n", defs, needs);
}

/* Every name is known to somebody, at an address that fits 32 bits. */
static int resolve(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host, (void)name, (void)symbol;
	*address = 0x1000;
	return 0;
}

/* What a process loader makes of the image, and what a loader that relocates would. */
static void put_plan(void)
{
	struct lode_policy policy = lode_policy_process(4096);
	uint32_t n = dump.image.nload;
	struct lode_plan plan = {.max_runs = LODE_PLAN_RUNS(n), .max_fills = LODE_PLAN_FILLS(n)};
	struct lode_relocation_count count;
	struct lode_relocation relocation = {.resolve = resolve, .irelative = LODE_IRELATIVE_SKIP, .static_tls = true};
	struct lode_diag why;

	if (dump.image.type != LODE_ET_EXEC && dump.image.type != LODE_ET_DYN)
		return;
	plan.runs = calloc(plan.max_runs, sizeof *plan.runs);
	plan.fills = calloc(plan.max_fills, sizeof *plan.fills);
	if (lode_plan(&plan, &dump.image, &policy, &why) != LODE_OK)
		refused("plan", &why);
	else
		printf("plan %u %u %" PRIx64 "\n", plan.nruns, plan.nfills, plan.span.size);
	policy = lode_policy_kernel(4096);
	policy.flags |= LODE_PLAN_ENTRY_ANY | LODE_PLAN_TEXTREL;
	policy.wx = LODE_WX_ALLOW;
	if (lode_plan(&plan, &dump.image, &policy, &why) != LODE_OK)
		refused("kernel-plan", &why);
	else if (lode_relocations_check(&count, &dump.image, &plan, &relocation, &why) != LODE_OK)
		refused("relocations", &why);
	else
		printf("relocated %" PRIu64 "\n", count.total);
	free(plan.runs);
	free(plan.fills);
}

static void put_tables(void)
{
	const struct lode_image *image = &dump.image;

	put_sections();
	for (uint32_t i = 0; i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		if (s->type == LODE_SHT_SYMTAB || s->type == LODE_SHT_DYNSYM)
			put_symbols_of(i);
		else if (s->size != 0 && (s->type == LODE_SHT_REL || s->type == LODE_SHT_RELA))
			put_relocations_of(i);
		else if (s->type == LODE_SHT_NOTE)
			put_notes("section", i, (struct lode_extent){s->offset, s->size}, s->addralign);
	}
}

static bool open_with(uint32_t flags)
{
	struct lode_open_options options = {.flags = flags};
	struct lode_diag why;
	int status = lode_open(&dump.image, &dump.source, &options, &why);

	if (status == LODE_OK || status == LODE_ERR_ROOM) {
		options.max_segments = dump.image.nsegments;
		options.max_sections = dump.image.nsections;
		options.segments = calloc(options.max_segments + 1, sizeof *options.segments);
		options.sections = calloc(options.max_sections + 1, sizeof *options.sections);
		status = lode_open(&dump.image, &dump.source, &options, &why);
	}
	if (status != LODE_OK)
		refused(flags & LODE_OPEN_SECTIONS ? "open-sections" : "open", &why);
	return status == LODE_OK;
}

static void put_image(void)
{
	bool sections = open_with(LODE_OPEN_SECTIONS);

	if (!sections && !open_with(0))
		return;
	put_header();
	put_dynamic();
	read_versions();
	if (sections)
		put_tables();
	for (uint32_t i = 0; i < dump.image.nsegments; i++) {
		const struct lode_segment *s = &dump.image.segments[i];

		if (s->type == LODE_PT_NOTE)
			put_notes("segment", i, (struct lode_extent){s->offset, s->filesz}, s->align);
	}
	put_plan();
	free(dump.image.segments);
	free(dump.image.sections);
}

static void put_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;

	printf("\nFile: %s\n", path);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
		printf("unreadable\n");
		return;
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED) {
		printf("unreadable\n");
		return;
	}
	dump.has_dynamic = false;
	dump.source = (struct lode_source){.bytes = bytes, .size = (uint64_t)st.st_size};
	put_image();
	munmap(bytes, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	static char line[1 << 16];

	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	for (int i = 1; i < argc; i++)
		put_file(argv[i]);
	while (argc == 1 && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		put_file(line);
	}
	return 0;
}
