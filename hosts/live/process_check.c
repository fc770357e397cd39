/* SPDX-License-Identifier: MIT */
/* A process's number comes in; why it cannot be traced goes out, before anything is done to it. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP_SYS_PTRACE_BIT = 19, CAP_SYS_ADMIN_BIT = 21 };

enum { USER_IDS = 3 }; /* real, effective, saved */

/* What a status file says, every field of it, or it counts as not read. Ref: proc_pid_status(5). */
struct status {
	uint64_t group, threads, permitted, effective;
	uint64_t users[USER_IDS], groups[USER_IDS];
	uint64_t mode; /* of seccomp; 0 too if the kernel was built without */
	bool ended, has_memory;
};

static bool take_ids(uint64_t *ids, const char *text, const char *field)
{
	const char *line = lode_process_line_(text, field);
	char *end;

	for (int i = 0; line && i < USER_IDS; i++, line = end) {
		ids[i] = strtoull(line, &end, 10);
		if (end == line)
			return false;
	}
	return line != NULL;
}

static bool parse(struct status *status, const char *text)
{
	const char *state = lode_process_line_(text, "State");

	*status = (struct status){.has_memory = lode_process_line_(text, "VmSize") != NULL};
	if (!state || (!lode_process_number_(&status->mode, text, "Seccomp", 10) && prctl(PR_GET_SECCOMP) >= 0))
		return false;
	status->ended = strncmp(state, "\tZ", 2) == 0 || strncmp(state, "\tX", 2) == 0;
	return lode_process_number_(&status->group, text, "Tgid", 10) &&
		lode_process_number_(&status->threads, text, "Threads", 10) &&
		lode_process_number_(&status->permitted, text, "CapPrm", 16) &&
		lode_process_number_(&status->effective, text, "CapEff", 16) && take_ids(status->users, text, "Uid") &&
		take_ids(status->groups, text, "Gid");
}

/* 0, or -1 with errno. */
static int read_status(struct status *status, int dir, const char *name)
{
	char *text = lode_process_text_(dir, name);
	bool whole;

	if (!text)
		return -1;
	whole = parse(status, text);
	free(text);
	errno = ENODATA;
	return whole ? 0 : -1;
}

int lode_process_check_tracer_(struct lode_process *process)
{
	char *text = lode_process_text_(process->dir_, "status");
	uint64_t tracer = 0;
	bool known;

	if (!text)
		return lode_process_trouble_(process, errno == ESRCH ? LODE_PROCESS_DIED : LODE_PROCESS_SYSTEM, errno);
	known = lode_process_number_(&tracer, text, "TracerPid", 10);
	free(text);
	if (!known)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENODATA);
	return tracer == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_TRACED, (int64_t)tracer);
}

bool lode_process_has_signal_(const struct lode_process *process, int tid)
{
	uint64_t own = 0, common = 0, blocked = 0;
	char path[64], *text;
	bool known;

	snprintf(path, sizeof path, "task/%d/status", tid);
	text = lode_process_text_(process->dir_, path);
	known = text && lode_process_number_(&own, text, "SigPnd", 16) && lode_process_number_(&common, text, "ShdPnd", 16) &&
		lode_process_number_(&blocked, text, "SigBlk", 16);
	free(text);
	return !known || ((own | common) & ~blocked) != 0;
}

static bool have(const struct status *mine, int capability)
{
	return mine->effective >> capability & 1;
}

/* True if not all of real, effective and saved identity are @id. */
static bool differs(const uint64_t *ids, uint64_t id)
{
	return ids[0] != id || ids[1] != id || ids[2] != id;
}

static bool same_user_namespace(int dir)
{
	struct stat own, other;

	return stat("/proc/self/ns/user", &own) != 0 || fstatat(dir, "ns/user", &other, 0) != 0 ||
		(own.st_dev == other.st_dev && own.st_ino == other.st_ino);
}

static uint64_t yama(void)
{
	char *text = lode_process_text_(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope");
	uint64_t scope = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return scope;
}

/* The kernel has said no; the reasons in the order in which it looks at them. Ref: ptrace(2) "Ptrace access mode checking". */
static int explain(struct lode_process *process, const struct status *status, const struct status *mine)
{
	int64_t missing = (int64_t)(status->permitted & ~mine->effective);
	struct stat file;

	if (differs(status->users, geteuid()) || differs(status->groups, getegid()))
		return lode_process_trouble_(process, LODE_PROCESS_OWNER, (int64_t)status->users[0]);
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

static int check_kind(struct lode_process *process, const struct status *status)
{
	if (status->group != (uint64_t)process->pid)
		return lode_process_trouble_(process, LODE_PROCESS_THREAD, (int64_t)status->group);
	/* The first thread may have ended before the others. */
	if (status->ended && status->threads <= 1)
		return lode_process_trouble_(process, LODE_PROCESS_ZOMBIE, 0);
	return status->has_memory ? 0 : lode_process_trouble_(process, LODE_PROCESS_KERNEL, 0);
}

static int check_filters(struct lode_process *process, const struct status *status, const struct status *mine)
{
	if (status->mode == 1)
		return lode_process_trouble_(process, LODE_PROCESS_STRICT, 0);
	process->filtered_ = status->mode != 0;
	return process->filtered_ && !have(mine, CAP_SYS_ADMIN_BIT) ? lode_process_trouble_(process, LODE_PROCESS_SECCOMP, 0) : 0;
}

/* To open its memory asks for what ptrace asks for, security modules included, and does nothing. */
static int check_access(struct lode_process *process, const struct status *status, const struct status *mine)
{
	process->mem_ = openat(process->dir_, "mem", O_RDWR | O_CLOEXEC);
	if (process->mem_ >= 0 && (yama() != 3 || process->pid == 0))
		return check_filters(process, status, mine);
	if (process->mem_ < 0 && errno != EACCES && errno != EPERM)
		return lode_process_trouble_(process, errno == ENOENT || errno == ESRCH ? LODE_PROCESS_DIED : LODE_PROCESS_SYSTEM,
			errno);
	return explain(process, status, mine);
}

int lode_process_check_(struct lode_process *process)
{
	struct status status, mine;
	char path[32];

	if (process->pid == getpid())
		return lode_process_trouble_(process, LODE_PROCESS_SELF, 0);
	snprintf(path, sizeof path, "/proc/%d", process->pid);
	process->dir_ = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->dir_ < 0)
		return lode_process_trouble_(process, errno == ENOENT ? LODE_PROCESS_GONE : LODE_PROCESS_SYSTEM, errno);
	if (read_status(&status, process->dir_, "status") != 0)
		return lode_process_trouble_(process, errno == ENOENT || errno == ESRCH ? LODE_PROCESS_GONE : LODE_PROCESS_SYSTEM,
			errno);
	if (read_status(&mine, AT_FDCWD, "/proc/self/status") != 0)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
	return check_kind(process, &status) == 0 ? check_access(process, &status, &mine) : -1;
}
