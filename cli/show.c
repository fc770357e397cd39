/* SPDX-License-Identifier: MIT */
/* `lode show FILE`: what a loader will do with a file, as text, JSON or an SVG picture. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTIONS = 1, SYMBOLS, DYNAMIC_SYMBOLS, PLAN, FOR, PAGE_SIZE, BASE, PHYSICAL, VIRTUAL, JSON, SVG, RAW, ASCII, COLOR,
	QUIET, VERBOSE };

static const struct option options[] = {
	{PLAN, 'p', "plan", NULL, "the plan: runs of pages and fills of bytes"},
	{SECTIONS, 'S', "sections", NULL, "section headers"},
	{SYMBOLS, 's', "symbols", NULL, "the symbol table"},
	{DYNAMIC_SYMBOLS, 'd', "dynamic-symbols", NULL, "the dynamic symbols, with versions"},
	{FOR, 0, "for", "process|kernel", "whose rules decide the plan (default: by the file)"},
	{PAGE_SIZE, 0, "page-size", "SIZE", "page size of the plan (default: the machine's)"},
	{BASE, 0, "base", "ADDRESS", "where the plan puts a position-independent image\n(default: as linked)"},
	{PHYSICAL, 0, "physical", NULL,
		"plan physical addresses (p_paddr): the default for kernels\nwhose boot protocol loads them there"},
	{VIRTUAL, 0, "virtual", NULL, "plan virtual addresses (p_vaddr)"},
	{VERBOSE, 'v', "verbose", NULL, "all tables: -p -S -s -d"},
	{QUIET, 'q', "quiet", NULL, "only what FILE is, what is wrong with it, and the tables that\nare asked for"},
	OPTION_JSON(JSON),
	{SVG, 0, "svg", "FILE", "write the memory picture to FILE ('-': standard output)"},
	{RAW, 0, "raw", NULL, "unpack nothing: take the bytes as they are"},
	{ASCII, 0, "ascii", NULL, "draw the picture with ASCII characters"},
	OPTION_COLOR(COLOR),
};

static const struct command command = {
	.name = "show",
	.synopsis = "[OPTIONS] FILE",
	.summary = "Shows what a loader will do with FILE: identity, memory, notes, relocations, sizes.",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.more = "FILE may be a path, - for standard input, lib.a:member.o, a bzImage, or a file packed\n"
		"with gzip, xz, zstd, lz4, bzip2, lzma or lzop.",
};

static int take_for(struct show_wishes *wishes, const char *value)
{
	wishes->for_given = true;
	wishes->kernel = strcmp(value, "kernel") == 0;
	if (wishes->kernel || strcmp(value, "process") == 0)
		return EXIT_DONE;
	return misuse_value(&command, "for", value, "process or kernel");
}

static int take_numbers(struct show_wishes *wishes, int id, const char *value)
{
	uint64_t number = 0;
	bool good = parse_size(&number, value);

	if (id == BASE) {
		wishes->base = number;
		wishes->base_given = true;
		return good && number % PAGE == 0 ? EXIT_DONE :
			misuse_value(&command, "base", value, "an address, a multiple of 0x1000, like 0x400000");
	}
	if (!good || number < PAGE || (number & (number - 1)) != 0 || number > (1u << 30))
		return misuse_value(&command, "page-size", value, "a power of two from 4K to 1G");
	wishes->page_size = number;
	return EXIT_DONE;
}

static int take_color(struct show_wishes *wishes, const char *value)
{
	if (parse_when(&wishes->colour, value))
		return EXIT_DONE;
	return misuse_value(&command, "color", value, WHEN_MUST);
}

static int take_svg(struct show_wishes *wishes, const char *value)
{
	wishes->svg = value;
	return *value ? EXIT_DONE : misuse_value(&command, "svg", value, "a file, or - for standard output");
}

static int take_option(struct show_wishes *wishes, int id, const char *value)
{
	switch (id) {
	case SECTIONS: wishes->sections = true; break;
	case SYMBOLS: wishes->symbols = true; break;
	case DYNAMIC_SYMBOLS: wishes->dynamic_symbols = true; break;
	case PLAN: wishes->plan = true; break;
	case PHYSICAL: wishes->physical = true; break;
	case VIRTUAL: wishes->virtual_ = true; break;
	case JSON: wishes->json = true; break;
	case SVG: return take_svg(wishes, value);
	case RAW: wishes->raw = true; break;
	case ASCII: wishes->ascii = true; break;
	case QUIET: wishes->quiet = true; break;
	case VERBOSE: wishes->plan = wishes->sections = wishes->symbols = wishes->dynamic_symbols = true; break;
	case COLOR: return take_color(wishes, value);
	case FOR: return take_for(wishes, value);
	default: return take_numbers(wishes, id, value);
	}
	return EXIT_DONE;
}

/* Program headers of debug information are those of the file that it was taken from. */
static bool is_debug(const struct show *show)
{
	return show->kind.id == KIND_DEBUG;
}

static void read_interpreter(struct show *show)
{
	const struct lode_segment *interp = is_debug(show) ? NULL : lode_segment_find(&show->file.image, LODE_PT_INTERP);

	show->has_interpreter = interp != NULL;
	if (interp)
		input_peek(&show->file.input, show->interpreter, interp->offset,
			interp->filesz < sizeof show->interpreter - 1 ? (size_t)interp->filesz : sizeof show->interpreter - 1);
}

static uint64_t machine_page_size(const struct lode_image *image)
{
	switch (image->machine) {
	case LODE_EM_PPC64: return LARGE_PAGE;
	case LODE_EM_LOONGARCH: return 16384;
	case LODE_EM_SPARCV9: return 8192;
	default: return PAGE;
	}
}

/* PVH, Multiboot and Linux's own protocol load segments to p_paddr; Limine and its kind map them at p_vaddr. */
static bool loads_physical(const struct show *show, bool kernel)
{
	const struct kind *kind = &show->kind;

	if (show->wishes.physical || show->wishes.virtual_)
		return show->wishes.physical;
	return kernel && (kind->offers.pvh || kind->offers.multiboot || kind->offers.multiboot2 || kind->xen || kind->linux_kernel);
}

static struct lode_policy choose_policy(const struct show *show)
{
	uint64_t page_size = show->wishes.page_size != 0 ? show->wishes.page_size : machine_page_size(&show->file.image);
	bool kernel = show->wishes.for_given ? show->wishes.kernel : show->kind.id == KIND_KERNEL || show->wishes.physical;
	struct lode_policy policy = kernel ? lode_policy_kernel(page_size) : lode_policy_process(page_size);
	struct lode_span span;

	policy.flags |= kernel ? 0u : (uint32_t)LODE_PLAN_SHARE;
	if (loads_physical(show, kernel)) {
		policy.domain = LODE_PHYSICAL;
		policy.relocate = LODE_RELOCATE_NONE;
	}
	policy.base = show->wishes.base;
	if (!show->wishes.base_given && lode_plan_span(&span, &show->file.image, &policy, NULL) == LODE_OK)
		policy.base = span.range.addr;
	return policy;
}

/* A plan that the rules refuse is tried again with the rules that only warn, so that there is a picture to look at. Where the last
 * segment wins, the time grows with the square of their number: no more than a process may have. */
static void make_plan(struct show *show)
{
	if (is_debug(show)) {
		show->plan_why.status = LODE_ERR_UNSUPPORTED;
		return;
	}
	show->policy = choose_policy(show);
	if (file_plan(&show->plan, &show->file, &show->policy, &show->plan_why) == LODE_OK)
		return;
	show->many = show->file.image.nload > lode_policy_process(show->policy.page_size).max_segments;
	if (show->many)
		return;
	show->strict_why = show->plan_why;
	plan_free(&show->plan);
	show->policy.flags |= LODE_PLAN_ENTRY_ANY | LODE_PLAN_ALIGN_LENIENT;
	show->policy.wx = LODE_WX_ALLOW;
	show->policy.page_overlap = LODE_PAGE_LAST;
	if (file_plan(&show->plan, &show->file, &show->policy, &show->plan_why) == LODE_OK)
		show->plan_why = (struct lode_diag){.status = LODE_OK};
	else
		show->strict_why = (struct lode_diag){.status = LODE_OK};
}

static void look_at_core(struct show *show)
{
	struct lode_note first;

	if (lode_note_find(&first, &show->file.image, "CORE", CORE_PRSTATUS, NULL) != 1)
		return;
	show->first_thread = first.desc_offset;
	show->stood = show_core_stood(show);
}

static void look(struct show *show)
{
	show->kind = kind_of_image(&show->file.image, show->file.input.peeled);
	if (!is_debug(show) && lode_dynamic_open(&show->dynamic, &show->file.image, &show->dynamic_why) == LODE_OK)
		show->dynamic_why = (struct lode_diag){.status = LODE_OK};
	if (show->kind.id == KIND_CORE)
		look_at_core(show);
	read_interpreter(show);
	make_plan(show);
	show_sizes_count(show);
}

static void print_words(const struct show *show, const char *what, const char *text, bool *first)
{
	if (*first)
		show_head(show, "Findings");
	*first = false;
	printf("  %s%s: ", show_sgr(show, "\033[31m"), what);
	put_wrapped(text, show->width, strlen(what) + 4, 4);
	printf("%s\n", show_sgr(show, "\033[0m"));
}

static void print_finding(const struct show *show, const char *what, const struct lode_diag *why, bool *first)
{
	char text[TEXT_MOST];

	if (why->status == LODE_OK)
		return;
	diag_text(text, why, file_inside(&show->file));
	print_words(show, what, text, first);
}

static void print_findings(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	bool first = true;

	print_finding(show, "sections", &show->file.sections_why, &first);
	print_finding(show, "dynamic table", &show->dynamic_why, &first);
	print_finding(show, "plan, made all the same", &show->strict_why, &first);
	if (is_debug(show))
		print_words(show, "no plan", SHOW_DEBUG_PLAN, &first);
	else if ((image->nload > 0 && image->type != LODE_ET_CORE) || image->type == LODE_ET_EXEC || image->type == LODE_ET_DYN)
		print_finding(show, show->many ? "no plan, nor one made all the same of so many segments" : "no plan",
			&show->plan_why, &first);
}

static void print_tables(const struct show *show)
{
	bool all = !show->wishes.quiet;

	if (all && show->plan_why.status == LODE_OK)
		picture_print(show);
	if (all)
		show_segments_print(show);
	if (show->wishes.plan)
		show_plan_print(show);
	if (all) {
		show_notes_print(show);
		show_relocs_print(show);
		show_sizes_print(show);
	}
	if (show->wishes.sections)
		show_sections_print(show);
	if (show->wishes.symbols)
		show_symbols_print(show);
	if (show->wishes.dynamic_symbols)
		show_dynamic_symbols_print(show);
}

static void print_text(const struct show *show)
{
	show_identity_print(show);
	print_tables(show);
	print_findings(show);
}

/* A charset other than UTF-8 is named by the environment. */
static bool narrow_charset(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);

		if (value && value[0] != '\0')
			return !strcasestr(value, "utf-8") && !strcasestr(value, "utf8");
	}
	return false;
}

static int show_image(struct show *show)
{
	int status = EXIT_DONE;

	look(show);
	if (show->wishes.svg && show_svg_write(show, show->wishes.svg) != 0)
		status = EXIT_FAILED;
	if (show->wishes.json)
		show_json_print(show);
	else if (!show->wishes.svg)
		print_text(show);
	plan_free(&show->plan);
	free(show->stood);
	return status;
}

/* What is left of it is shown as the whole would be. */
static int show_cut(struct show *show)
{
	show_image(show);
	if (!show->wishes.svg)
		file_error(&show->file);
	return EXIT_FAILED;
}

/* The file could not be opened as ELF: it may be something else with a name. */
static int show_other(struct show *show)
{
	const struct file *file = &show->file;
	struct kind kind;

	if (show_cut_open(show))
		return show_cut(show);
	if (file->input.error[0] != '\0' ||
		(file->why.rule != LODE_RULE_HEADER_MAGIC && file->why.rule != LODE_RULE_HEADER_TRUNCATED)) {
		if (file->input.error[0] == '\0' && !show->wishes.svg)
			show_refused(show);
		file_error(file);
		return EXIT_FAILED;
	}
	kind = kind_of_bytes(&file->input.source);
	if (kind.id == KIND_ARCHIVE && show->wishes.svg) {
		complain(file->input.name, "an archive has no picture; one of its members has: ARCHIVE:MEMBER");
		return EXIT_FAILED;
	}
	if (kind.id == KIND_ARCHIVE)
		return show_archive(&file->input, show->wishes.json);
	if (file->why.rule == LODE_RULE_HEADER_MAGIC || kind.id != KIND_UNKNOWN)
		complain(file->input.name, "not an ELF file, but %s%s", kind.article, kind.words);
	else
		file_error(file);
	return EXIT_FAILED;
}

static int show_file(struct show *show, const char *name)
{
	if (file_open(&show->file, name, show->wishes.raw ? INPUT_RAW : 0) != 0)
		return show_other(show);
	return show_image(show);
}

int cmd_show(int argc, char **argv)
{
	struct show show = {.ascii = narrow_charset(), .width = terminal_width()};
	struct options walk;
	int id, status;

	options_begin(&walk, &command, argc, argv);
	while ((id = options_next(&walk)) > 0) {
		status = take_option(&show.wishes, id, walk.value);
		if (status != EXIT_DONE)
			return status;
	}
	if (id == OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands == 0 && show.wishes.svg)
		return misuse(&command, "FILE is missing: --svg took %s as its own, to write to", show.wishes.svg);
	if (walk.noperands != 1)
		return misuse(&command, walk.noperands == 0 ? "FILE is missing" : "one FILE at a time");
	show.ascii |= show.wishes.ascii;
	show.colour = wants_colour(stdout, show.wishes.colour);
	status = show_file(&show, walk.operands[0]);
	file_close(&show.file);
	return status;
}
