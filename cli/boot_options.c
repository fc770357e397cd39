/* SPDX-License-Identifier: MIT */
/* The command line of the verb boot -> a request for the virtual machine host. */
#include "boot_options.h"

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

static int read_words(struct boot *boot, int argc, char **argv)
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

int boot_options_read(struct boot *boot, int argc, char **argv)
{
	if (make_lists(boot, argc))
		return read_words(boot, argc, argv);
	complain(NULL, "no memory");
	return EXIT_FAILED;
}

void boot_options_free(struct boot *boot)
{
	free(boot->initrds);
	free(boot->modules);
	free(boot->disks);
}
