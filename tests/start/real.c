/* SPDX-License-Identifier: MIT */
/* Kernels that nobody here wrote, where this machine (or a tree of unpacked packages, LODE_TEST_ROOT) has them: the protocol, a
 * start state, and the reason where there is none. */
#define _GNU_SOURCE
#include <glob.h>
#include <stdlib.h>

#include "state.h"

static struct state s;
static unsigned char *contents;
static size_t length;
static char path[512];

/* The first file that a pattern names, through a command that unpacks it. */
static bool load(const char *pattern, const char *unpack)
{
	const char *root = getenv("LODE_TEST_ROOT");
	char command[600];
	glob_t found;
	FILE *pipe;

	snprintf(path, sizeof path, "%s%s", root != NULL ? root : "", pattern);
	if (glob(path, 0, NULL, &found) != 0)
		return false;
	snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
	globfree(&found);
	snprintf(command, sizeof command, "%s '%s' 2>/dev/null", unpack, path);
	pipe = popen(command, "r");
	contents = realloc(contents, 1 << 26);
	length = pipe != NULL ? fread(contents, 1, 1 << 26, pipe) : 0;
	if (pipe != NULL)
		pclose(pipe);
	s.file.source = (struct lode_source){.bytes = contents, .size = length};
	return length > 0;
}

static const struct lode_memory_entry memory[] = {{0, 0x9fc00, LODE_MEMORY_USABLE}, {0xf0000, 0x10000, LODE_MEMORY_RESERVED},
	{0x100000, 0x1ff00000, LODE_MEMORY_USABLE}};
static const struct lode_module modules[] = {{0x100000, LODE_ANYWHERE, "module", NULL}};
static const struct lode_machine machine = {.memory = memory, .nmemory = 3, .modules = modules, .nmodules = 1,
	.cmdline = "console=ttyS0"};

/* Open it if it is an ELF file, find its protocol, make the plan for that. */
static enum lode_protocol prepare(bool sections)
{
	enum lode_protocol protocol = LODE_PROTOCOL_NONE;
	bool elf = file_open(&s.file, sections ? LODE_OPEN_SECTIONS : 0) == LODE_OK;

	s.kernel = (struct lode_kernel){NULL, NULL};
	if (!sections)
		s.file.image.sections = NULL;
	s.status = lode_protocol_find(&protocol, elf ? &s.file.image : NULL, &s.file.source, &s.why);
	if (elf)
		state_load(&s, protocol, 0, sections ? LODE_OPEN_SECTIONS : 0);
	state_reset(&s, &machine);
	return protocol;
}

static void start(enum lode_protocol protocol)
{
	struct lode_linux linux_;
	struct lode_multiboot multiboot;
	struct lode_multiboot2 multiboot2;
	struct lode_pvh pvh;

	s.status = LODE_ERR_USE;
	if (protocol == LODE_PROTOCOL_LINUX && (s.status = lode_linux_read(&linux_, &s.file.source, &s.why)) == LODE_OK)
		s.status = lode_start_linux(&s.start, &linux_, &machine, &s.why);
	if (protocol == LODE_PROTOCOL_PVH && (s.status = lode_pvh_find(&pvh, &s.file.image, &s.why)) == LODE_OK)
		s.status = lode_start_pvh(&s.start, &pvh, &s.kernel, &machine, &s.why);
	if (protocol == LODE_PROTOCOL_ELF64)
		s.status = lode_start_elf64(&s.start, &s.kernel, &machine, &s.why);
	if (protocol == LODE_PROTOCOL_MULTIBOOT && (s.status = lode_multiboot_find(&multiboot, &s.file.source, &s.why)) == LODE_OK)
		s.status = lode_start_multiboot(&s.start, &multiboot, s.kernel.image ? &s.kernel : NULL, &machine, &s.why);
	if (protocol == LODE_PROTOCOL_MULTIBOOT2 && (s.status = lode_multiboot2_find(&multiboot2, &s.file.source,
		&s.why)) == LODE_OK)
		s.status = lode_start_multiboot2(&s.start, &multiboot2, s.kernel.image ? &s.kernel : NULL, &machine, &s.why);
}

static const struct {
	const char *pattern, *unpack;
	enum lode_protocol protocol;
	enum lode_rule rule; /* why it is refused */
} files[] = {
	{"/boot/vmlinuz-*", "cat", LODE_PROTOCOL_LINUX, LODE_RULE_NONE},
	{"/boot/xen-*-amd64.gz", "gzip -dc", LODE_PROTOCOL_MULTIBOOT2, LODE_RULE_NONE},
	{"/boot/gnumach-*.gz", "gzip -dc", LODE_PROTOCOL_MULTIBOOT, LODE_RULE_NONE},
	{"/boot/tboot.gz", "gzip -dc", LODE_PROTOCOL_MULTIBOOT2, LODE_RULE_NONE},
	{"/boot/invaders.exec", "cat", LODE_PROTOCOL_MULTIBOOT, LODE_RULE_NONE},
	{"/usr/lib/multiboot/examples/kernel", "cat", LODE_PROTOCOL_MULTIBOOT, LODE_RULE_NONE},
	{"/boot/memtest86+x64.bin", "cat", LODE_PROTOCOL_LINUX, LODE_RULE_NONE},
	{"/boot/memtest86+ia32.bin", "cat", LODE_PROTOCOL_LINUX, LODE_RULE_START_LINUX_16BIT},
	{"/boot/ipxe.lkrn", "cat", LODE_PROTOCOL_LINUX, LODE_RULE_START_LINUX_16BIT},
	{"/usr/lib/syslinux/memdisk", "cat", LODE_PROTOCOL_LINUX, LODE_RULE_START_LINUX_16BIT},
};

static void print_state(const char *name)
{
	if (getenv("LODE_TEST_TALK") == NULL)
		return;
	printf("%s: %s, rip %llx\n", name, lode_protocol_name(s.start.protocol), (unsigned long long)s.start.registers.rip);
	for (uint32_t i = 0; i < s.start.nparts; i++)
		printf("\t%10llx %9llx %s\n", (unsigned long long)s.parts[i].addr, (unsigned long long)s.parts[i].size,
			lode_field_structure(s.parts[i].what));
}

static void run(size_t i, bool sections)
{
	enum lode_protocol protocol;

	check_case("%s%s", files[i].pattern, sections ? " with sections" : "");
	if (!load(files[i].pattern, files[i].unpack)) {
		SKIP("there is no such file here");
		return;
	}
	protocol = prepare(sections);
	CHECK_STR(lode_protocol_name(protocol), lode_protocol_name(files[i].protocol));
	start(protocol);
	CHECK_STR(s.status == LODE_OK ? "" : lode_rule_name(s.why.rule), lode_rule_name(files[i].rule));
	if (s.status != LODE_OK)
		return;
	state_check(&s, &machine);
	print_state(path);
}

/* The vmlinux inside, by its note and by its 64-bit entry. */
static void run_payload(void)
{
	static const char unpack[] = "sh -c 'f=\"$0\"; at=$(grep -obUaP -m1 \"\\x02\\x21\\x4c\\x18\" \"$f\" | "
		"head -n 1 | cut -d: -f1); "
		"tail -c +$((at + 1)) \"$f\" | lz4 -dc'";
	enum lode_protocol protocol;

	check_case("vmlinux of /boot/vmlinuz-*");
	if (!load("/boot/vmlinuz-*", unpack) || length < 4096) {
		SKIP("there is no kernel packed with lz4 here, or no lz4");
		return;
	}
	protocol = prepare(false);
	CHECK_STR(lode_protocol_name(protocol), "pvh");
	start(protocol);
	state_check(&s, &machine);
	print_state("vmlinux, pvh");
	CHECK_EQ(state_get(&s, s.start.info + 12, 4), 1);
	state_reset(&s, &machine);
	start(LODE_PROTOCOL_ELF64);
	state_check(&s, &machine);
	print_state("vmlinux, elf64");
	CHECK_EQ(s.start.registers.rip, s.file.image.entry);
}

int main(void)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		for (int sections = 0; sections < 2; sections++)
			run(i, sections);
	run_payload();
	free(contents);
	return check_done();
}
