/* SPDX-License-Identifier: MIT */
/* A process comes in, the index of its program goes out: made of the program's file, or, if that was stripped, read from the file
 * that `lode index` wrote. */
#define _GNU_SOURCE
#include "live.h"
#include "process.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PREFIX = 64 };

/* What runs, even if its name is another file's by now, or nobody's. By its folder, which stays this process's if the number is
 * another's later. */
static int copy_program(struct lode_process *process)
{
	char path[PREFIX];
	int error;

	snprintf(path, sizeof path, "/proc/self/fd/%d/exe", process->dir_);
	error = lode_live_copy_file_(&process->file_, path);
	process->file_.name = "";
	if (error != 0)
		process->file_.bytes = NULL;
	return error == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_SYSTEM, error);
}

static int map_memory(struct lode_process *process)
{
	process->memory_size_ = LODE_INDEX_MEMORY(process->file_.size) + (1 << 20);
	process->memory_ = mmap(NULL, process->memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	if (process->memory_ != MAP_FAILED)
		return 0;
	process->memory_ = NULL;
	return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
}

static size_t padded(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

static int open_program(struct lode_process *process, struct lode_image *image, size_t *taken, struct lode_diag *why)
{
	const struct lode_source *source = image->source;
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	int status = lode_open(image, source, &options, NULL);

	if (status != LODE_OK && status != LODE_ERR_ROOM)
		return lode_open(image, source, &options, why);
	options.segments = process->memory_;
	options.max_segments = image->nsegments;
	*taken = padded(image->nsegments * sizeof *options.segments);
	options.sections = (void *)((char *)process->memory_ + *taken);
	options.max_sections = image->nsections;
	*taken += padded(image->nsections * sizeof *options.sections);
	return lode_open(image, source, &options, why);
}

static void name_index(struct lode_process *process, const char *name)
{
	char *copy = strdup(name);

	free(process->index_name_);
	process->index_name_ = copy;
	process->file = copy;
}

static int read_file(struct lode_process *process, const struct lode_image *image, const char *name, struct lode_diag *why)
{
	uint64_t code = lode_index_code(image);
	int status;

	lode_live_index_end(&process->read_);
	name_index(process, name);
	status = lode_live_index_read(&process->read_, name, why);
	process->index_ = process->read_.index;
	if (status == LODE_ERR_IO)
		lode_process_trouble_(process, LODE_PROCESS_OBJECT, process->read_.error);
	if (status != LODE_OK || code == process->index_.code)
		return status;
	if (why)
		*why = lode_diag_of(LODE_RULE_SWAP_FILE, LODE_FIELD_INDEX_CODE, process->index_.code, code);
	return LODE_ERR_MALFORMED;
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
static int read_beside(struct lode_process *process, const struct lode_image *image, int status, struct lode_diag *why)
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
		status = read_file(process, image, path, why);
		if (status == LODE_OK)
			break;
	}
	return status;
}

static int make(struct lode_process *process, const struct lode_image *image, size_t taken, struct lode_diag *why)
{
	struct lode_diag own = {.status = LODE_OK};
	int status = lode_index_make(&process->index_, image, (char *)process->memory_ + taken, process->memory_size_ - taken,
		&own);

	if (why)
		*why = own;
	return own.rule == LODE_RULE_SWAP_INDEX ? read_beside(process, image, status, why) : status;
}

int lode_process_index_(struct lode_process *process, uint64_t *entry, const char *name, struct lode_diag *why)
{
	struct lode_source source;
	struct lode_image image = {.source = &source};
	size_t taken = 0;
	int status;

	if (copy_program(process) != 0 || map_memory(process) != 0)
		return lode_process_fail_(why);
	source = (struct lode_source){.bytes = process->file_.bytes, .size = process->file_.size};
	status = open_program(process, &image, &taken, why);
	if (status != LODE_OK)
		return status;
	*entry = image.entry;
	if (image.class_ == LODE_CLASS64 && image.machine == LODE_EM_X86_64)
		return name ? read_file(process, &image, name, why) : make(process, &image, taken, why);
	lode_process_trouble_(process, LODE_PROCESS_CLASS, 0);
	return lode_process_fail_(why);
}

void lode_process_index_free_(struct lode_process *process)
{
	if (process->file_.bytes)
		munmap(process->file_.bytes, process->file_.size);
	if (process->memory_)
		munmap(process->memory_, process->memory_size_);
	lode_live_index_end(&process->read_);
	free(process->index_name_);
}
