/* SPDX-License-Identifier: MIT */
/* A process comes in, the index of its program goes out: made of the program's file, or, if that was stripped, read from the file
 * that `lode index` wrote. */
#define _GNU_SOURCE
#include "process.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREFIX = 64 };

/* What runs, even if its name is another file's by now, or nobody's. By its folder, which stays this process's if the number is
 * another's later. */
static int open_program(struct lode_process *process, struct lode_diag *why)
{
	char path[PREFIX];
	int status;

	snprintf(path, sizeof path, "/proc/self/fd/%d/exe", process->dir_);
	status = lode_live_index_open_(&process->own_, path, why);
	process->own_.file_.name = "";
	if (status == LODE_ERR_IO)
		lode_process_trouble_(process, LODE_PROCESS_SYSTEM, process->own_.error);
	return status;
}

static void name_index(struct lode_process *process, const char *name)
{
	char *copy = strdup(name);

	free(process->index_name_);
	process->index_name_ = copy;
	process->file = copy;
}

static int read_file(struct lode_process *process, const char *name, struct lode_diag *why)
{
	int status;

	lode_live_index_end(&process->read_);
	name_index(process, name);
	status = lode_live_index_read(&process->read_, name, why);
	process->program_.index = &process->read_.index;
	if (status == LODE_ERR_IO)
		lode_process_trouble_(process, LODE_PROCESS_OBJECT, process->read_.error);
	return status == LODE_OK ? lode_live_index_is_of_(&process->read_, &process->own_, why) : status;
}

/* The program's name, as the kernel has it; 0: it has none. What was removed or replaced has words behind it. */
static size_t name_program(const struct lode_process *process, char *name, size_t size)
{
	static const char removed[] = " (deleted)";
	ssize_t length = readlinkat(process->dir_, "exe", name, size - 1);
	size_t words = sizeof removed - 1;

	if (length <= 0 || name[0] != '/')
		return 0;
	if ((size_t)length > words && memcmp(name + length - words, removed, words) == 0)
		length -= (ssize_t)words;
	name[length] = '\0';
	return (size_t)length;
}

/* Its name counts from our root or from its own. A file that is another program's is no reason to stop looking. */
static int read_beside(struct lode_process *process, int status, struct lode_diag *why)
{
	char name[PATH_MAX], path[PREFIX + PATH_MAX + sizeof ".lode"];

	if (name_program(process, name, sizeof name) == 0)
		return status;
	snprintf(path, sizeof path, "%s.lode", name);
	name_index(process, path);
	for (int round = 0; round < 2; round++) {
		if (round == 0)
			snprintf(path, sizeof path, "%s.lode", name);
		else
			snprintf(path, sizeof path, "/proc/%d/root%s.lode", process->pid, name);
		if (access(path, R_OK) != 0)
			continue;
		status = read_file(process, path, why);
		if (status == LODE_OK)
			break;
	}
	return status;
}

static int make(struct lode_process *process, struct lode_diag *why)
{
	struct lode_diag own = {.status = LODE_OK};
	int status = lode_live_index_fill_(&process->own_, &own);

	process->program_.index = &process->own_.index;
	if (why)
		*why = own;
	return own.rule == LODE_RULE_SWAP_INDEX ? read_beside(process, status, why) : status;
}

int lode_process_index_(struct lode_process *process, const char *name, struct lode_diag *why)
{
	const struct lode_image *image = &process->own_.image_;
	int status = open_program(process, why);

	if (status != LODE_OK)
		return status;
	if (image->class_ == LODE_CLASS64 && image->machine == LODE_EM_X86_64)
		return name ? read_file(process, name, why) : make(process, why);
	lode_process_trouble_(process, LODE_PROCESS_CLASS, 0);
	return lode_process_fail_(why);
}

void lode_process_index_free_(struct lode_process *process)
{
	lode_live_index_end(&process->own_);
	lode_live_index_end(&process->read_);
	free(process->index_name_);
}
