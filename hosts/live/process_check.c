/* SPDX-License-Identifier: MIT */
/* A process's number comes in; why it cannot be traced goes out, before anything is done to it. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP_SYS_PTRACE_BIT = 19, CAP_SYS_ADMIN_BIT = 21 };

static int read_text(char *text, size_t size, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length >= 0 ? 0 : -1;
}

/* Where the values of a line begin, or NULL. */
static const char *line_of(const char *text, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, length) == 0 && line[length] == ':')
			return line + length + 1;
	}
	return NULL;
}

static uint64_t number(const char *text, const char *field, int base)
{
	const char *line = line_of(text, field);

	return line ? strtoull(line, NULL, base) : 0;
}

int lode_process_check_tracer_(struct lode_process *process)
{
	uint64_t tracer = 0;
	char text[4096];

	if (read_text(text, sizeof text, process->dir_, "status") == 0)
		tracer = number(text, "TracerPid", 10);
	return tracer == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_TRACED, (int64_t)tracer);
}

bool lode_process_has_signal_(const struct lode_process *process, int tid)
{
	char path[64], text[4096];

	snprintf(path, sizeof path, "task/%d/status", tid);
	if (read_text(text, sizeof text, process->dir_, path) != 0)
		return true;
	return ((number(text, "SigPnd", 16) | number(text, "ShdPnd", 16)) & ~number(text, "SigBlk", 16)) != 0;
}

static bool have(const char *mine, int capability)
{
	return number(mine, "CapEff", 16) >> capability & 1;
}

/* True if not all of real, effective and saved identity are @id; the first other one is in *other. */
static bool differs(const char *text, const char *field, uint64_t id, uint64_t *other)
{
	const char *line = line_of(text, field);
	char *end;

	for (int i = 0; line && i < 3; i++, line = end) {
		*other = strtoull(line, &end, 10);
		if (*other != id)
			return true;
	}
	return false;
}

static bool same_user_namespace(int dir)
{
	struct stat own, other;

	return stat("/proc/self/ns/user", &own) != 0 || fstatat(dir, "ns/user", &other, 0) != 0 ||
		(own.st_dev == other.st_dev && own.st_ino == other.st_ino);
}

static uint64_t yama(void)
{
	char text[16];

	return read_text(text, sizeof text, AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope") == 0 ? strtoull(text, NULL, 10) : 0;
}

/* The kernel has said no; the reasons in the order in which it looks at them. Ref: ptrace(2) "Ptrace access mode checking". */
static int explain(struct lode_process *process, const char *text, const char *mine)
{
	int64_t missing = (int64_t)(number(text, "CapPrm", 16) & ~number(mine, "CapEff", 16));
	struct stat file;
	uint64_t other;

	if (differs(text, "Uid", geteuid(), &other) || differs(text, "Gid", getegid(), &other))
		return lode_process_trouble_(process, LODE_PROCESS_OWNER, (int64_t)number(text, "Uid", 10));
	if (!same_user_namespace(process->dir_))
		return lode_process_trouble_(process, LODE_PROCESS_NAMESPACE, 0);
	/* (Files of those that cannot be traced are root's.) */
	if (fstatat(process->dir_, "mem", &file, 0) == 0 && file.st_uid != geteuid())
		return lode_process_trouble_(process, LODE_PROCESS_UNDUMPABLE, 0);
	if (missing != 0 && !have(mine, CAP_SYS_PTRACE_BIT))
		return lode_process_trouble_(process, LODE_PROCESS_CAPABLE, missing);
	if (yama() == 1 || (yama() == 2 && have(mine, CAP_SYS_PTRACE_BIT)))
		return lode_process_trouble_(process, LODE_PROCESS_YAMA, 0);
	if (yama() >= 2)
		return lode_process_trouble_(process, yama() == 2 ? LODE_PROCESS_YAMA_ADMIN : LODE_PROCESS_YAMA_NONE, 0);
	return lode_process_trouble_(process, LODE_PROCESS_DENIED, missing);
}

static int check_kind(struct lode_process *process, const char *text)
{
	const char *state = line_of(text, "State");
	uint64_t group = number(text, "Tgid", 10);

	if (group != (uint64_t)process->pid)
		return lode_process_trouble_(process, LODE_PROCESS_THREAD, (int64_t)group);
	/* The first thread may have ended before the others. */
	if (state && (strstr(state, "\tZ") == state || strstr(state, "\tX") == state) && number(text, "Threads", 10) <= 1)
		return lode_process_trouble_(process, LODE_PROCESS_ZOMBIE, 0);
	if (!line_of(text, "VmSize"))
		return lode_process_trouble_(process, LODE_PROCESS_KERNEL, 0);
	return 0;
}

static int check_filters(struct lode_process *process, const char *text, const char *mine)
{
	uint64_t mode = number(text, "Seccomp", 10);

	if (mode == 1)
		return lode_process_trouble_(process, LODE_PROCESS_STRICT, 0);
	process->filtered_ = mode != 0;
	return mode == 2 && !have(mine, CAP_SYS_ADMIN_BIT) ? lode_process_trouble_(process, LODE_PROCESS_SECCOMP, 0) : 0;
}

/* To open its memory asks for what ptrace asks for, security modules included, and does nothing. */
static int check_access(struct lode_process *process, const char *text, const char *mine)
{
	process->mem_ = openat(process->dir_, "mem", O_RDWR | O_CLOEXEC);
	if (process->mem_ >= 0 && (yama() != 3 || process->pid == 0))
		return check_filters(process, text, mine);
	if (process->mem_ < 0 && errno != EACCES && errno != EPERM)
		return lode_process_trouble_(process, errno == ENOENT || errno == ESRCH ? LODE_PROCESS_DIED : LODE_PROCESS_SYSTEM,
			errno);
	return explain(process, text, mine);
}

int lode_process_check_(struct lode_process *process)
{
	char path[32], text[4096], mine[4096];

	if (process->pid == getpid())
		return lode_process_trouble_(process, LODE_PROCESS_SELF, 0);
	snprintf(path, sizeof path, "/proc/%d", process->pid);
	process->dir_ = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->dir_ < 0)
		return lode_process_trouble_(process, errno == ENOENT ? LODE_PROCESS_GONE : LODE_PROCESS_SYSTEM, errno);
	if (read_text(text, sizeof text, process->dir_, "status") != 0)
		return lode_process_trouble_(process, LODE_PROCESS_GONE, 0);
	if (read_text(mine, sizeof mine, AT_FDCWD, "/proc/self/status") != 0)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
	return check_kind(process, text) == 0 ? check_access(process, text, mine) : -1;
}
