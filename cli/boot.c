/* SPDX-License-Identifier: MIT */
/* The verb boot: a request to the virtual machine host; how the guest ended -> one line and the exit status. */
#include "boot.h"
#include "boot_options.h"
#include "boot_print.h"
#include "boot_verdict.h"
#include "kind.h"
#include "png.h"

#include <string.h>
#include <unistd.h>

/*
 * What the host asks and tells
 */

static void say(void *host, const char *line)
{
	(void)host;
	complain(NULL, "%s", line);
}

static int refuse_packed(const struct boot *boot, struct lode_vmm_unpacked *unpacked)
{
	snprintf(unpacked->why, sizeof unpacked->why, "%s%s", boot->unpacked.error,
		boot->bzimage ? "; without --direct its own code is entered, which unpacks it" : "");
	return -1;
}

/* A bzImage stays one, unless what is in it is to be entered directly. */
static int unpack(void *host, struct lode_vmm_unpacked *unpacked, const struct lode_source *file, bool direct)
{
	struct boot *boot = host;
	struct input *input = &boot->unpacked;
	unsigned char head[INPUT_HEAD];
	size_t have;

	*input = (struct input){.name = boot->request.kernel.path, .fd = -1, .source = *file, .file_size = file->size,
		.own_size = file->size};
	if (input_peel(input) != 0)
		return refuse_packed(boot, unpacked);
	have = input_peek(input, head, 0, sizeof head);
	boot->bzimage = is_bzimage(head, have);
	if ((!boot->bzimage || direct) && input_unpack(input) != 0)
		return refuse_packed(boot, unpacked);
	unpacked->bytes = input->memory ? input->source.bytes : NULL;
	unpacked->size = input->memory ? input->source.size : 0;
	return 0;
}

static int picture(void *host, int fd, const struct lode_framebuffer *screen, const unsigned char *pixels)
{
	(void)host;
	return png_write(fd, screen, pixels);
}

/* Linux's own choice is a screen, which it has only if one was asked for. The terminal then shows nothing at all. */
static bool is_silent(const struct boot *boot)
{
	static const char *const consoles[] = {"console=", "earlyprintk", "earlycon"};
	const char *cmdline = boot->request.cmdline ? boot->request.cmdline : "";
	bool named = false;

	for (size_t i = 0; i < sizeof consoles / sizeof *consoles; i++)
		named = named || strstr(cmdline, consoles[i]);
	return boot->bzimage && !named && boot->request.width == 0;
}

static void loaded(void *host, const struct lode_machine *machine, const struct lode_start *start)
{
	const struct boot *boot = host;

	if (boot->request.dry_run && boot->json)
		boot_print_json(stdout, machine, start);
	else if (boot->request.dry_run)
		boot_print(stdout, machine, start);
	else if (boot->trace)
		boot_print(stderr, machine, start);
	if (!boot->request.dry_run && is_silent(boot))
		complain(boot->request.kernel.path, "its command line names no console, so Linux will print nothing here: "
			"--append 'console=ttyS0'");
	fflush(NULL);
}

/*
 * The end
 */

static int status_of(const struct lode_vmm_result *result)
{
	static const int statuses[] = {
		[LODE_VMM_NONE] = EXIT_DONE, [LODE_VMM_POWER_OFF] = EXIT_DONE, [LODE_VMM_EXIT] = 0,
		[LODE_VMM_RESET] = 123, [LODE_VMM_PANIC] = 121, [LODE_VMM_TRIPLE_FAULT] = 122, [LODE_VMM_HALT] = 126,
		[LODE_VMM_TIME] = 124, [LODE_VMM_ESCAPE] = 120, [LODE_VMM_ERROR] = 125,
	};

	return result->end == LODE_VMM_EXIT ? (int)((result->status << 1 | 1) & 0xff) : statuses[result->end];
}

/* Linux waits for ever when it has panicked, unless it has pvpanic. Of what it said last of it, the rest of the line; NULL: it said
 * nothing. */
static const char *panic_of(int *length, const struct lode_vmm_result *result)
{
	static const char words[] = "Kernel panic - not syncing: ";
	const char *at = memmem(result->tail, result->ntail, words, sizeof words - 1), *from;
	size_t left;

	if (!at || (result->end != LODE_VMM_TIME && result->end != LODE_VMM_ESCAPE && result->end != LODE_VMM_HALT))
		return NULL;
	from = at + sizeof words - 1;
	left = (size_t)(result->tail + result->ntail - from);
	for (*length = 0; (size_t)*length < left && from[*length] != '\r' && from[*length] != '\n';)
		++*length;
	return from;
}

static void tell(const char *name, const struct lode_vmm_result *result, int status)
{
	int length = 0;
	const char *panic = panic_of(&length, result);

	static const char *const words[] = {
		[LODE_VMM_POWER_OFF] = "the guest powered off",
		[LODE_VMM_EXIT] = "the guest ended by isa-debug-exit",
		[LODE_VMM_RESET] = "the guest asked for a reset",
		[LODE_VMM_PANIC] = "the guest panicked (pvpanic)",
		[LODE_VMM_TRIPLE_FAULT] = "triple fault: an exception that the guest could not handle",
		[LODE_VMM_HALT] = "every processor halted with interrupts off",
		[LODE_VMM_TIME] = "the time limit ran out",
		[LODE_VMM_ESCAPE] = "ended from outside",
		[LODE_VMM_ERROR] = "the engine failed",
	};

	if (panic)
		complain(name, "the kernel had panicked (%.*s); %s (status %d)", length, panic, words[result->end], status);
	else if (result->end != LODE_VMM_NONE)
		complain(name, "%s (status %d)", words[result->end], status);
}

static void tell_json(const struct lode_vmm_result *result, int status)
{
	struct json json;

	json_begin(&json, stdout);
	json_object(&json, NULL);
	json_string(&json, "end", lode_vmm_end_name(result->end));
	json_number(&json, "status", (uint64_t)status);
	json_string(&json, "engine", result->engine == LODE_VMM_KVM ? "kvm" : "qemu");
	json_string(&json, "protocol", lode_protocol_name(result->protocol));
	boot_verdict_json(&json, result);
	json_object_end(&json);
	json_end(&json);
}

#define HOLE UINT64_C(0x80000000) /* from here to 4 GiB there may be none, however much it is */
enum { TABLES = 1 << 20 };        /* at the end of memory, at most */

/* Sizes of what has no place, in MiB; "" where more memory is no remedy. */
static void memory_text(char buf[160], const struct lode_vmm_request *request, const struct lode_diag *why)
{
	uint64_t memory = request->memory != 0 ? request->memory : LODE_VMM_MEMORY;
	unsigned long long has = memory >> 20, needs = (why->value >> 20) + ((why->value & 0xfffff) != 0);

	buf[0] = '\0';
	if (why->rule == LODE_RULE_START_NO_PLACE)
		snprintf(buf, 160, "; it needs %llu MiB in one piece, the machine has %llu in all: -m gives it more", needs, has);
	else if (why->rule == LODE_RULE_START_OUTSIDE && why->value >= memory && (why->value < HOLE || why->value >> 32 != 0))
		snprintf(buf, 160, "; it begins at %llu MiB, the machine has %llu: -m gives it more", needs, has);
	else if (why->rule == LODE_RULE_START_OUTSIDE && why->limit > why->value && why->limit > memory - TABLES)
		snprintf(buf, 160, "; it ends behind the end of memory, the machine has %llu MiB: -m gives it more", has);
}

/* What speaks no boot protocol is named, and who starts it. False: nothing is known of it. */
static bool report_kind(const char *name)
{
	const struct kind kind = kind_of_file(name);
	bool object = kind.id == KIND_OBJECT || kind.id == KIND_ARCHIVE;

	switch (kind.id) {
	case KIND_UNKNOWN:
	case KIND_PACKED:
	case KIND_FLAT:
	case KIND_BZIMAGE:
	case KIND_KERNEL: return false;
	default: break;
	}
	complain(name, "%s%s: it speaks no boot protocol; %s [%s]", kind.article, kind.words, object ? "`lode link` runs objects" :
		"`lode exec` starts programs, and --protocol says what a kernel does not", lode_rule_name(LODE_RULE_START_NONE));
	return true;
}

static void report(const struct lode_vmm_request *request, const struct lode_vmm_error *why)
{
	const char *file = why->file ? why->file : request->kernel.path;
	char text[TEXT_MOST], memory[160];

	if (why->diag.rule == LODE_RULE_START_NONE && report_kind(file))
		return;
	diag_text(text, &why->diag, false);
	memory_text(memory, request, &why->diag);
	if (why->diag.rule != LODE_RULE_NONE)
		complain(file, "%s%s", text, memory);
	else
		complain(file, "%s%s%s", why->text, why->error ? ": " : "", why->error ? strerror(why->error) : "");
}

static int start(struct boot *boot)
{
	static char buffer[65536];
	const char *name = boot->request.kernel.path;
	struct lode_vmm_result result;
	struct lode_vmm_error why;
	int status;

	boot->request.unpack = unpack;
	boot->request.loaded = loaded;
	boot->request.picture = picture;
	boot->request.say = say;
	boot->request.host = boot;
	boot->request.console_to_error = boot->json;
	/* in the sandbox stdio can no longer ask what standard output is */
	setvbuf(stdout, buffer, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof buffer);
	if (lode_vmm_boot(&result, &boot->request, &why) != 0) {
		report(&boot->request, &why);
		if (boot->json && result.end == LODE_VMM_ERROR)
			tell_json(&result, 125);
		else
			boot_verdict(&result);
		return result.end == LODE_VMM_ERROR ? 125 : EXIT_FAILED;
	}
	status = status_of(&result);
	if (boot->json && result.end != LODE_VMM_NONE)
		tell_json(&result, status);
	else
		tell(name, &result, status);
	if (!boot->json)
		boot_verdict(&result);
	return status;
}

int boot_kernel(const char *path, const char *cmdline)
{
	struct boot boot = {.request = {.kernel = {.path = path}, .cmdline = cmdline}};

	return start(&boot);
}

int cmd_boot(int argc, char **argv)
{
	struct boot boot = {.json = false};
	int status = boot_options_read(&boot, argc, argv);

	if (status == EXIT_DONE)
		status = start(&boot);
	boot_options_free(&boot);
	return status < 0 ? EXIT_DONE : status;
}
