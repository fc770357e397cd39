/* SPDX-License-Identifier: MIT */
/* A process's number comes in; its program's index and what was replaced in it already go out. It does not notice. */
#define _GNU_SOURCE
#include "process.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 20000000 };

const char *lode_process_trouble_text(enum lode_process_trouble trouble)
{
	static const char *const texts[] = {
#define TEXT(id, text) [LODE_PROCESS_##id] = text,
		LODE_PROCESS_TROUBLES(TEXT)
#undef TEXT
	};

	return (size_t)trouble < sizeof texts / sizeof *texts ? texts[trouble] : "";
}

int lode_process_trouble_(struct lode_process *process, enum lode_process_trouble trouble, int64_t number)
{
	process->trouble = trouble;
	process->number = number;
	return -1;
}

int lode_process_fail_(struct lode_diag *why)
{
	if (why)
		*why = (struct lode_diag){.status = LODE_ERR_IO, .rule = LODE_RULE_NONE};
	return LODE_ERR_IO;
}

static void say(const struct lode_process *process, const struct lode_process_step *step)
{
	if (process->options_ && process->options_->trace)
		process->options_->trace(process->options_->host, step);
}

void lode_process_say_(const struct lode_process *process, const char *what, uint64_t number)
{
	say(process, &(struct lode_process_step){.what = what, .number = number});
}

void lode_process_say_where_(const struct lode_process *process, const char *what, uint64_t addr)
{
	say(process, &(struct lode_process_step){.what = what, .number = addr, .address = true});
}

/* One at a time on a program's file: what is looked at must not change before it is written. */
static int lock(struct lode_process *process)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	process->lock_ = openat(process->dir_, "exe", O_RDONLY | O_CLOEXEC);
	if (process->lock_ < 0)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(process->lock_, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		nanosleep(&pause, NULL);
	}
	return lode_process_trouble_(process, LODE_PROCESS_LOCKED, 0);
}

/* What the kernel told the process of its entry, less what the file says. */
static int find_bias(struct lode_process *process)
{
	int fd = openat(process->dir_, "auxv", O_RDONLY | O_CLOEXEC);
	uint64_t pairs[64][2];
	ssize_t size;

	if (fd < 0)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
	size = read(fd, pairs, sizeof pairs);
	close(fd);
	for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *pairs; i++)
		if (pairs[i][0] == AT_ENTRY) {
			process->program_.bias = pairs[i][1] - process->own_.image_.entry;
			return 0;
		}
	return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
}

int lode_process_open(struct lode_process *process, int pid, const char *index, struct lode_diag *why)
{
	int status;

	*process = (struct lode_process){.pid = pid, .dir_ = -1, .mem_ = -1, .lock_ = -1};
	if (lode_process_check_(process) != 0 || lock(process) != 0)
		return lode_process_fail_(why);
	if (lode_process_check_tracer_(process) != 0)
		return lode_process_fail_(why);
	status = lode_process_index_(process, index, why);
	if (status != LODE_OK)
		return status;
	process->program_.host = (struct lode_swap_host){.host = process, .read = lode_process_read_, .write = lode_process_write_,
		.migrate = lode_process_migrate_};
	if (find_bias(process) != 0 || lode_process_maps_read_(process) != 0 || lode_process_find_call_(process) != 0)
		return lode_process_fail_(why);
	return lode_process_records_read_(process, why);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void lode_process_close(struct lode_process *process)
{
	lode_process_records_free_(process);
	lode_process_objects_free_(process->refused_);
	lode_process_libraries_free_(process);
	lode_process_batch_free_(process);
	lode_process_maps_free_(process->maps_);
	lode_process_index_free_(process);
	close_if_open(process->mem_);
	close_if_open(process->lock_);
	close_if_open(process->dir_);
	*process = (struct lode_process){.dir_ = -1, .mem_ = -1, .lock_ = -1};
}
