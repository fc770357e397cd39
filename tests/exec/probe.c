/* SPDX-License-Identifier: MIT */
/* A new program looks at itself -> one line a fact, addresses replaced by what they mean, so that two starts can be compared. */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;
static __thread int thread_local = 41;
static char bss[70000];
static int data[3] = {1, 2, 3};

static const char *name_of(const char *line)
{
	const char *name = strpbrk(line, "[/");

	return name ? (*name == '/' ? strrchr(line, '/') + 1 : name) : "anonymous";
}

/* Sizes of anonymous memory that the libc has asked for depend on its start-up alone, and are the same. */
static void show_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[600];

	while (fgets(line, sizeof line, maps)) {
		unsigned long start, end, offset;
		char prot[5];

		line[strcspn(line, "\n")] = 0;
		sscanf(line, "%lx-%lx %4s %lx", &start, &end, prot, &offset);
		if (strcmp(name_of(line), "[heap]") == 0 || strcmp(name_of(line), "[stack]") == 0 || strcmp(name_of(line),
			"[vsyscall]") == 0)
			printf("map %s %s\n", prot, name_of(line));
		else if (strcmp(name_of(line), "anonymous"))
			printf("map %s %s offset %lx size %lx\n", prot, name_of(line), offset, end - start);
	}
	fclose(maps);
}

/* Which mapping an address lies in, and where in its file. */
static void show_address(const char *what, unsigned long addr)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[600];

	while (fgets(line, sizeof line, maps)) {
		unsigned long start, end, offset;

		line[strcspn(line, "\n")] = 0;
		sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset);
		if (addr < start || addr >= end)
			continue;
		if (strcmp(name_of(line), "[stack]") == 0)
			printf("%s in [stack]\n", what);
		else
			printf("%s in %s at %lx\n", what, name_of(line), addr - start + offset);
		fclose(maps);
		return;
	}
	printf("%s %s\n", what, addr ? "nowhere" : "0");
	fclose(maps);
}

static void show_auxv(void)
{
	const unsigned long *word = (const unsigned long *)environ;
	unsigned long saved[128];
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t size = read(fd, saved, sizeof saved);
	char label[32];

	close(fd);
	while (*word++)
		;
	for (int i = 0; word[i]; i += 2) {
		snprintf(label, sizeof label, "auxv %lu", word[i]);
		switch (word[i]) {
		case AT_SYSINFO_EHDR: case AT_PHDR: case AT_BASE: case AT_ENTRY: case AT_RANDOM:
			show_address(label, word[i + 1]);
			break;
		case AT_EXECFN: case AT_PLATFORM:
			printf("%s %s\n", label, (const char *)word[i + 1]);
			break;
		default:
			printf("%s %lx\n", label, word[i + 1]);
		}
		if (size > 0 && (saved[i] != word[i] || saved[i + 1] != word[i + 1]))
			printf("auxv %lu differs in /proc\n", word[i]);
	}
}

static void show_status(void)
{
	static const char *const fields[] = {"Name:", "Threads:", "SigQ", "SigBlk:", "SigIgn:", "SigCgt:", "SigPnd:", "CapPrm:",
		"CapEff:", "CapAmb:",
		"CapInh:", "Uid:", "Gid:", "NoNewPrivs:", "VmLck:", "Seccomp:"};
	FILE *status = fopen("/proc/self/status", "r");
	char line[600];

	while (fgets(line, sizeof line, status))
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			if (strcmp(fields[i], "SigQ") && strncmp(line, fields[i], strlen(fields[i])) == 0)
				fputs(line, stdout);
	fclose(status);
}

static void show_file(const char *path)
{
	char buf[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof buf);

	close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] < ' ')
			buf[i] = '|';
	printf("%s %.*s\n", path, (int)n, buf);
}

static void show_descriptors(void)
{
	for (int fd = 0; fd < 400; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d\n", fd);
}

static void show_signals(void)
{
	struct sigaction action;
	stack_t alternative;

	for (int i = 1; i < 65; i++)
		if (i != 32 && i != 33 && sigaction(i, NULL, &action) == 0 && (action.sa_handler != SIG_DFL ||
			action.sa_flags & ~0x04000000))
			printf("signal %d %s flags %x\n", i, action.sa_handler == SIG_IGN ? "ignored" : action.sa_handler
				? "handled" : "default", (unsigned)action.sa_flags);
	sigaltstack(NULL, &alternative);
	printf("altstack flags %d\n", alternative.ss_flags);
}

static void show_limits(void)
{
	struct rlimit limit;
	uint32_t mxcsr;
	uint16_t control;

	getrlimit(RLIMIT_STACK, &limit);
	printf("stack limit %lx dumpable %d keepcaps %d\n", (unsigned long)limit.rlim_cur, prctl(PR_GET_DUMPABLE),
		prctl(PR_GET_KEEPCAPS));
	__asm__("stmxcsr %0" : "=m"(mxcsr));
	__asm__("fnstcw %0" : "=m"(control));
	printf("mxcsr %x control %x\n", mxcsr, control);
}

/* Fields of /proc/self/stat that execve sets: code, data, heap, arguments, environment. */
static void show_stat(void)
{
	char buf[2048], *field;
	int fd = open("/proc/self/stat", O_RDONLY), n = (int)read(fd, buf, sizeof buf - 1), at = 2;
	static const char *const names[] = {[26] = "startcode", [27] = "endcode", [45] = "start_data", [46] = "end_data"};

	close(fd);
	buf[n] = 0;
	field = strrchr(buf, ')') + 1;
	for (field = strtok(field, " "); field; field = strtok(NULL, " ")) {
		at++;
		if (at < 47 && names[at])
			show_address(names[at], strtoul(field, NULL, 10));
	}
}

static int recurse(int depth)
{
	volatile char block[4000];

	block[0] = (char)depth;
	return depth ? recurse(depth - 1) + block[0] : 0;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("argv %d %s\n", i, argv[i]);
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	show_maps();
	show_auxv();
	show_status();
	show_stat();
	show_file("/proc/self/cmdline");
	show_file("/proc/self/environ");
	show_file("/proc/self/timers");
	show_descriptors();
	show_signals();
	show_limits();
	for (size_t i = 0; i < sizeof bss; i++)
		if (bss[i])
			printf("bss is not zero at %zu\n", i);
	printf("data %d %d %d tls %d\n", data[0], data[1], data[2], thread_local);
#ifdef ALIGN
	printf("aligned %d %lu\n", aligned_object[0], (unsigned long)aligned_object % ALIGN);
#endif
	printf("deep %d\n", recurse(500) != 0);
	show_address("brk", (unsigned long)sbrk(4096));
	char *exe = realpath("/proc/self/exe", NULL);
	printf("exe %s\n", exe ? exe : "?");
	return 7;
}
