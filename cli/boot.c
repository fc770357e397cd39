/* SPDX-License-Identifier: MIT */
/* The verb boot: command line -> a request for the virtual machine host; how the guest ended -> one line and the exit status. */
#include "boot.h"
#include "boot_print.h"
#include "boot_verdict.h"
#include "input.h"
#include "png.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_APPEND = 1, OPT_CORE, OPT_CPUS, OPT_DIRECT, OPT_DISK, OPT_DRY_RUN, OPT_ENGINE, OPT_FRAMEBUFFER, OPT_GDB, OPT_INITRD,
	OPT_JSON, OPT_MEMORY, OPT_MODULE, OPT_PROTOCOL, OPT_SCREENSHOT, OPT_TIME_LIMIT, OPT_TRACE, OPT_VERIFY,
};

static const struct option option_table[] = {
	{OPT_APPEND, 'a', "append", "TEXT", "the kernel's command line"},
	{OPT_INITRD, 'i', "initrd", "FILE", "initial RAM disk (repeatable: one behind the other)"},
	{OPT_MODULE, 0, "module", "FILE[:TEXT]", "a module with its command line (repeatable)"},
	{OPT_DISK, 'd', "disk", "FILE[:ro]", "a raw disk image, writable unless :ro (repeatable)"},
	{OPT_MEMORY, 'm', "memory", "SIZE", "RAM, e.g. 512M or 6G; a bare number is MiB (256)"},
	{OPT_CPUS, 'c', "cpus", "N", "processors (1)"},
	{OPT_FRAMEBUFFER, 0, "framebuffer", "WxH",
		"size of the framebuffer in pixels (1024x768, for\nkernels that have no other console)"},
	{OPT_SCREENSHOT, 0, "screenshot", "FILE.png", "a picture of the framebuffer when the guest ends, and at SIGUSR1"},
	{OPT_PROTOCOL, 'p', "protocol", "NAME", "auto, pvh, linux, elf64, multiboot, multiboot2, limine, rust"},
	{OPT_DIRECT, 0, "direct", NULL, "unpack a bzImage here and enter the kernel that is in it"},
	{OPT_ENGINE, 'e', "engine", "NAME", "auto, kvm, qemu"},
	{OPT_TIME_LIMIT, 0, "time-limit", "SECONDS", "end the guest after that time"},
	{OPT_GDB, 0, "gdb", "PORT|unix:PATH", "wait for a debugger there, and begin when it says so"},
	{OPT_CORE, 0, "dump-core", "FILE", "write an ELF core of the guest when it ends (KVM)"},
	{OPT_VERIFY, 0, "verify", "SHA256", "refuse a KERNEL whose bytes have another digest"},
	{OPT_DRY_RUN, 'n', "dry-run", NULL, "print memory map, placement and start state, and stop"},
	{OPT_TRACE, 't', "trace", NULL, "print them to stderr, and go on"},
	OPTION_JSON(OPT_JSON),
};

static const struct command command = {
	.name = "boot",
	.synopsis = "[OPTIONS] KERNEL",
	.summary = "Boot a kernel file in a virtual machine, its console on this terminal.\n"
		   "Ctrl-A x ends it; Ctrl-A Ctrl-A is one Ctrl-A for the guest.",
	.options = option_table,
	.noptions = sizeof option_table / sizeof *option_table,
	.more = "Exit status: 0 when the guest powers off; what it says by isa-debug-exit (2 * value + 1);\n"
		"120 Ctrl-A x or a signal, 121 panic (pvpanic), 122 triple fault, 123 reset, 124 time limit,\n"
		"125 the engine failed, 126 every processor halted for good; 1 not booted, 2 misuse.",
};

/* What the options say, and lists that they make. */
struct boot {
	struct lode_vmm_request request;
	struct lode_vmm_file *initrds, *modules, *disks;
	struct input unpacked;
	unsigned char digest[32]; /* of --verify */
	bool json, trace;
	bool bzimage; /* KERNEL is Linux, packed */
};

static const char *const protocol_names[] = {"auto", "pvh", "linux", "elf64", "multiboot", "multiboot2", "limine", "rust"};
static const enum lode_protocol protocols[] = {
	LODE_PROTOCOL_NONE, LODE_PROTOCOL_PVH, LODE_PROTOCOL_LINUX, LODE_PROTOCOL_ELF64, LODE_PROTOCOL_MULTIBOOT,
	LODE_PROTOCOL_MULTIBOOT2, LODE_PROTOCOL_LIMINE, LODE_PROTOCOL_RUST,
};
static const char *const engine_names[] = {"auto", "kvm", "qemu"};
static const enum lode_vmm_engine engines[] = {LODE_VMM_ANY, LODE_VMM_KVM, LODE_VMM_QEMU};

/* Index of a word in a list, or n. */
static size_t find_word(const char *const *list, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(list[i], word) != 0)
		i++;
	return i;
}

static int take_protocol(struct boot *boot, const char *value)
{
	size_t i = find_word(protocol_names, sizeof protocols / sizeof *protocols, value);

	if (i == sizeof protocols / sizeof *protocols)
		return misuse_value(&command, "protocol", value,
			"auto, pvh, linux, elf64, multiboot, multiboot2, limine or rust");
	boot->request.protocol = protocols[i];
	return EXIT_DONE;
}

static int take_engine(struct boot *boot, const char *value)
{
	size_t i = find_word(engine_names, sizeof engines / sizeof *engines, value);

	if (i == sizeof engines / sizeof *engines)
		return misuse_value(&command, "engine", value, "auto, kvm or qemu");
	boot->request.engine = engines[i];
	return EXIT_DONE;
}

/* A decimal number that is not 0. */
static bool parse_count(uint32_t *value, const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*value = (uint32_t)number;
	return *text >= '0' && *text <= '9' && *end == '\0' && number != 0 && number <= UINT32_MAX;
}

static int take_number(uint32_t *number, const char *option, const char *value)
{
	return parse_count(number, value) ? EXIT_DONE : misuse_value(&command, option, value, "a number from 1 on");
}

static int take_framebuffer(struct boot *boot, const char *value)
{
	char width[16];
	size_t n = strcspn(value, "x");

	snprintf(width, sizeof width, "%.*s", n < sizeof width ? (int)n : 0, value);
	if (value[n] == '\0' || !parse_count(&boot->request.width, width) || !parse_count(&boot->request.height, value + n + 1) ||
		boot->request.width > 4096 || boot->request.height > 4096)
		return misuse_value(&command, "framebuffer", value, "width x height, 4096 at most each: 1024x768");
	return EXIT_DONE;
}

/* Two hexadecimal digits at each byte, as sha256sum prints them. */
static bool parse_digest(unsigned char *digest, const char *text, size_t size)
{
	unsigned value;

	if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		sscanf(text + 2 * i, "%2x", &value); // NOLINT(cert-err34-c): digits only
		digest[i] = (unsigned char)value;
	}
	return true;
}

static int take_digest(struct boot *boot, const char *value)
{
	if (!parse_digest(boot->digest, value, sizeof boot->digest))
		return misuse_value(&command, "verify", value, "64 hexadecimal digits, as sha256sum prints them");
	boot->request.sha256 = boot->digest;
	return EXIT_DONE;
}

/* A number without a unit is MiB, as QEMU's -m takes it. */
static int take_memory(struct boot *boot, const char *value)
{
	uint64_t size;

	if (!parse_size(&size, value) || size == 0)
		return misuse_value(&command, "memory", value, "a size such as 512M or 6G, or a number of MiB");
	if (value[strspn(value, "0123456789")] == '\0')
		size = size <= UINT64_MAX >> 20 ? size << 20 : UINT64_MAX;
	boot->request.memory = size;
	return EXIT_DONE;
}

/* A file that exists under its whole name is meant by it, whatever colons it has. */
static struct lode_vmm_file split(char *value, char **rest)
{
	char *colon = strchr(value, ':');

	*rest = NULL;
	if (access(value, F_OK) != 0 && colon) {
		*colon = '\0';
		*rest = colon + 1;
	}
	return (struct lode_vmm_file){.path = value};
}

static int take_module(struct boot *boot, char *value)
{
	struct lode_vmm_file *module = &boot->modules[boot->request.nmodules++];
	char *rest;

	*module = split(value, &rest);
	module->cmdline = rest;
	return EXIT_DONE;
}

static int take_disk(struct boot *boot, char *value)
{
	struct lode_vmm_file *disk = &boot->disks[boot->request.ndisks++];
	char *rest;

	*disk = split(value, &rest);
	if (rest && strcmp(rest, "ro") != 0)
		return misuse_value(&command, "disk", rest, "ro, or nothing");
	disk->flags = rest ? LODE_VMM_READ_ONLY : 0;
	return EXIT_DONE;
}

static int take_file(struct boot *boot, int option, char *value)
{
	switch (option) {
	case OPT_MODULE: return take_module(boot, value);
	case OPT_DISK: return take_disk(boot, value);
	default: boot->initrds[boot->request.ninitrds++] = (struct lode_vmm_file){.path = value}; break;
	}
	return EXIT_DONE;
}

static int take(struct boot *boot, int option, const char *value)
{
	switch (option) {
	case OPT_APPEND: boot->request.cmdline = value; break;
	case OPT_CORE: boot->request.core = value; break;
	case OPT_GDB: boot->request.gdb = value; break;
	case OPT_CPUS: return take_number(&boot->request.cpus, "cpus", value);
	case OPT_TIME_LIMIT: return take_number(&boot->request.time_limit, "time-limit", value);
	case OPT_MEMORY: return take_memory(boot, value);
	case OPT_FRAMEBUFFER: return take_framebuffer(boot, value);
	case OPT_PROTOCOL: return take_protocol(boot, value);
	case OPT_ENGINE: return take_engine(boot, value);
	case OPT_VERIFY: return take_digest(boot, value);
	case OPT_SCREENSHOT: boot->request.screenshot = value; break;
	case OPT_DIRECT: boot->request.direct = true; break;
	case OPT_DRY_RUN: boot->request.dry_run = true; break;
	case OPT_TRACE: boot->trace = true; break;
	case OPT_JSON: boot->json = true; break;
	default: return take_file(boot, option, (char *)(uintptr_t)value);
	}
	return EXIT_DONE;
}

/*
 * What the host asks and tells
 */

static void say(void *host, const char *line)
{
	(void)host;
	complain(NULL, "%s", line);
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
	have = input_peek(input, head, 0, sizeof head);
	boot->bzimage = is_bzimage(head, have);
	if (boot->bzimage && !direct)
		return 0;
	if (input_unpack(input) != 0) {
		snprintf(unpacked->why, sizeof unpacked->why, "%s%s", input->error,
			boot->bzimage ? "; without --direct its own code is entered, which unpacks it" : "");
		return -1;
	}
	unpacked->bytes = input->memory;
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

static void tell(const char *name, const struct lode_vmm_result *result, int status)
{
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

	if (result->end != LODE_VMM_NONE)
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

static void report(const char *name, const struct lode_vmm_error *why)
{
	const char *file = why->file ? why->file : name;

	if (why->diag.rule != LODE_RULE_NONE)
		complain_diag(file, &why->diag, false);
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
		report(name, &why);
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

/* Lists as long as there are words. */
static bool make_lists(struct boot *boot, int argc)
{
	size_t n = (size_t)argc + 1;

	boot->initrds = calloc(n, sizeof *boot->initrds);
	boot->modules = calloc(n, sizeof *boot->modules);
	boot->disks = calloc(n, sizeof *boot->disks);
	boot->request.initrds = boot->initrds;
	boot->request.modules = boot->modules;
	boot->request.disks = boot->disks;
	return boot->initrds && boot->modules && boot->disks;
}

static int read_options(struct boot *boot, int argc, char **argv)
{
	struct options walk;
	int option, status;

	options_begin(&walk, &command, argc, argv);
	while ((option = options_next(&walk)) > 0) {
		status = take(boot, option, walk.value);
		if (status != EXIT_DONE)
			return status;
	}
	if (option == OPTIONS_EXIT)
		return walk.status == EXIT_DONE ? -1 : walk.status;
	if (walk.noperands != 1)
		return misuse(&command, walk.noperands == 0 ? "KERNEL is missing" : "one KERNEL only");
	boot->request.kernel.path = walk.operands[0];
	return EXIT_DONE;
}

int boot_kernel(const char *path, const char *cmdline)
{
	struct boot boot = {.request = {.kernel = {.path = path}, .cmdline = cmdline}};

	return start(&boot);
}

int cmd_boot(int argc, char **argv)
{
	struct boot boot = {.json = false};
	int status = EXIT_FAILED;

	if (!make_lists(&boot, argc))
		complain(NULL, "no memory");
	else if ((status = read_options(&boot, argc, argv)) == EXIT_DONE)
		status = start(&boot);
	free(boot.initrds);
	free(boot.modules);
	free(boot.disks);
	return status < 0 ? EXIT_DONE : status;
}
