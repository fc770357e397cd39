/* SPDX-License-Identifier: MIT */
/* Facts about a file -> the first lines of `lode show`: what it is, and the small words that all its tables use. */
#include "show.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 16 }; /* column where values begin */

const char *show_size(char buf[24], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t whole = bytes, rest = 0;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, 24, "%" PRIu64 " B", bytes);
		return buf;
	}
	for (;; unit++) {
		rest = whole & 1023;
		whole >>= 10;
		if (whole < 1024)
			break;
	}
	if (whole < 10 && rest != 0)
		snprintf(buf, 24, "%" PRIu64 ".%" PRIu64 " %s", whole, rest * 10 / 1024, units[unit]);
	else
		snprintf(buf, 24, "%" PRIu64 " %s", whole, units[unit]);
	return buf;
}

const char *show_sgr(const struct show *show, const char *code)
{
	return show->colour ? code : "";
}

const char *show_prot_sgr(const struct show *show, uint32_t prot)
{
	bool w = prot & LODE_PF_W, x = prot & LODE_PF_X;

	return show_sgr(show, w && x ? "\033[31m" : x ? "\033[32m" : w ? "\033[33m" : prot & LODE_PF_R ? "\033[36m" : "\033[90m");
}

void show_head(const struct show *show, const char *format, ...)
{
	char text[TEXT_MOST];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	printf("\n%s", show_sgr(show, "\033[1m"));
	put_wrapped(text, show->width, 0, 2);
	printf("%s\n", show_sgr(show, "\033[0m"));
}

static void line(const char *name)
{
	printf("  %-13s ", name);
}

static void say(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static void print_format(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	const char *machine = machine_name(image->machine), *type = type_name(image->type);
	const char *abi = osabi_name(image->osabi);
	char text[256] = "";

	say(text, sizeof text, "ELF%d, %s-endian, ", image->class_ == LODE_CLASS64 ? 64 : 32,
		image->data == LODE_DATA2MSB ? "big" : "little");
	if (machine)
		say(text, sizeof text, "%s, ", machine);
	else
		say(text, sizeof text, "machine %u, ", image->machine);
	if (type)
		say(text, sizeof text, "%s, ", type);
	else
		say(text, sizeof text, "type 0x%x, ", image->type);
	if (abi)
		say(text, sizeof text, "%s ABI", abi);
	else
		say(text, sizeof text, "ABI %u", image->osabi);
	if (image->flags != 0)
		say(text, sizeof text, ", flags 0x%x", image->flags);
	line("format");
	put_wrapped(text, show->width, VALUES, VALUES);
	putchar('\n');
}

static void print_header(const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	char text[256] = "";

	print_format(show);
	say(text, sizeof text, "%u program header%s at 0x%" PRIx64 ", %u section header%s at 0x%" PRIx64, image->nsegments,
		image->nsegments == 1 ? "" : "s", image->phoff, image->nsections, image->nsections == 1 ? "" : "s", image->shoff);
	line("tables");
	put_wrapped(text, show->width, VALUES, VALUES);
	putchar('\n');
}

static void print_input(const struct show *show)
{
	const struct input *input = &show->file.input;
	char size[24];

	if (input->peeled[0] == '\0')
		return;
	line("inside");
	printf("%s", input->peeled);
	if (input->source.size != input->own_size)
		printf(": an ELF file of %s", show_size(size, input->source.size));
	if (input->own_size != input->file_size)
		printf("; the archive has %s", show_size(size, input->file_size));
	putchar('\n');
}

static void print_bzimage(const struct show *show)
{
	const struct input *input = &show->file.input;

	if (input->boot_protocol == 0)
		return;
	line("protocol");
	printf("Linux boot protocol %u.%02u\n", input->boot_protocol >> 8, input->boot_protocol & 0xffu);
	if (input->kernel_version[0] == '\0')
		return;
	line("version");
	put_wrapped(input->kernel_version, show->width, VALUES, VALUES);
	putchar('\n');
}

static void print_stack(const struct show *show)
{
	const struct lode_segment *stack;
	char size[24];

	if (show->kind.id == KIND_KERNEL || !show->file.image.segments ||
		(show->file.image.type != LODE_ET_EXEC && show->file.image.type != LODE_ET_DYN))
		return;
	stack = lode_segment_find(&show->file.image, LODE_PT_GNU_STACK);
	line("stack");
	if (!stack) {
		puts("no PT_GNU_STACK: the loader's default, executable for old programs");
		return;
	}
	printf("%s", prot_name(stack->flags));
	if (stack->memsz != 0)
		printf(", %s wished for", show_size(size, stack->memsz));
	puts(stack->flags & LODE_PF_X ? ": executable" : "");
}

static void print_boot(const struct show *show)
{
	if (show->kind.offers.pvh) {
		line("PVH entry");
		printf("0x%" PRIx64 " (physical, 32-bit protected mode)\n", show->kind.offers.pvh_entry);
	}
}

/* The section that holds an address, "" if none does. */
static const char *section_of(char *name, size_t size, const struct show *show, uint64_t addr)
{
	const struct lode_image *image = &show->file.image;

	name[0] = '\0';
	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if ((section->flags & LODE_SHF_ALLOC) && addr >= section->addr && addr - section->addr < section->size)
			return section_name(name, size, &show->file.image, i);
	}
	return name;
}

static void print_entry(const struct show *show)
{
	char name[64];

	if (show->file.image.entry == 0)
		return;
	line("entry");
	printf("0x%" PRIx64, show->file.image.entry);
	if (section_of(name, sizeof name, show, show->file.image.entry)[0] != '\0') {
		fputs(" in ", stdout);
		put_name(stdout, name);
	}
	putchar('\n');
}

enum { CORE_DESC = 1024 }; /* bytes of a note that are looked at */

static void print_core_note(const struct show *show, const char *title, uint32_t type)
{
	unsigned char bytes[CORE_DESC];
	char words[256] = "";
	struct show_desc desc = show_core_first(bytes, sizeof bytes, show, type);

	show_core_words(words, sizeof words, show, &desc);
	if (words[0] == '\0')
		return;
	line(title);
	put_wrapped(words, show->width, VALUES, VALUES);
	putchar('\n');
}

/* The offset is that of the byte in the file. */
static void print_stood(const struct show_stood *stood)
{
	line("stood in");
	put_name(stdout, stood->mapping.name);
	printf(", file offset 0x%" PRIx64, stood->offset);
	if (stood->symbol[0] != '\0') {
		fputs(", in ", stdout);
		put_name(stdout, stood->symbol);
		printf("+0x%" PRIx64, stood->distance);
	}
	putchar('\n');
}

static void print_missing(const struct show *show)
{
	uint32_t n = show->missing.segments;
	char size[24], text[128];

	if (n == 0)
		return;
	snprintf(text, sizeof text, "%s at the end, with bytes of %u of the %u program headers",
		show_size(size, show->missing.bytes), n, show->file.image.nsegments);
	line("missing");
	put_wrapped(text, show->width, VALUES, VALUES);
	putchar('\n');
}

/* A snapshot of a process that lives (gcore) has no signal. */
static bool has_ended(const struct show *show)
{
	unsigned char bytes[CORE_DESC];
	struct show_desc desc = show_core_first(bytes, sizeof bytes, show, CORE_PRSTATUS);
	struct show_thread thread;

	return desc.bytes && show_core_thread(&thread, show, &desc) && thread.signal != 0;
}

/* The thread that died is the first one. */
static void print_core(const struct show *show)
{
	if (show->kind.id != KIND_CORE)
		return;
	print_missing(show);
	print_core_note(show, "command", CORE_PRPSINFO);
	print_core_note(show, has_ended(show) ? "ended by" : "thread", CORE_PRSTATUS);
	if (show->stood)
		print_stood(show->stood);
}

void show_identity_print(const struct show *show)
{
	char size[24];

	printf("%s", show_sgr(show, "\033[1m"));
	put_name(stdout, show->file.input.name);
	printf("%s: %s, %s\n", show_sgr(show, "\033[0m"), show->kind.words, show_size(size, show->file.input.own_size));
	print_input(show);
	show_privilege_print(show);
	print_bzimage(show);
	print_header(show);
	print_entry(show);
	print_boot(show);
	print_core(show);
	if (show->has_interpreter) {
		line("interpreter");
		put_name(stdout, show->interpreter);
		putchar('\n');
	}
	show_module_print(show);
	show_dynamic_print(show);
	print_stack(show);
}
