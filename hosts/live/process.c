/* SPDX-License-Identifier: MIT */
/* A process's number comes in; its program's index and what was replaced in it already go out. It does not notice. */
#define _GNU_SOURCE
#include "live.h"
#include "process.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
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

uint64_t lode_process_now_(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void lode_process_say_(const struct lode_process *process, const char *what, uint64_t number)
{
	if (process->options_ && process->options_->trace)
		process->options_->trace(process->options_->host, what, number);
}

/* By its folder, which stays this process's if the number is another's later. */
static int map_program(struct lode_process *process)
{
	char path[64];
	int error;

	snprintf(path, sizeof path, "/proc/self/fd/%d/exe", process->dir_);
	error = lode_live_map_file_(&process->file_, path);
	process->file_.name = "";
	return error == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_SYSTEM, error);
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
static int find_bias(struct lode_process *process, const struct lode_image *image)
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
			process->program_.bias = pairs[i][1] - image->entry;
			return 0;
		}
	return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
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

static int make_index(struct lode_process *process, struct lode_diag *why)
{
	const struct lode_source source = {.bytes = process->file_.bytes, .size = process->file_.size};
	struct lode_image image = {.source = &source};
	size_t taken = 0;
	int status;

	process->memory_size_ = LODE_INDEX_MEMORY(process->file_.size) + (1 << 20);
	process->memory_ = mmap(NULL, process->memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	if (process->memory_ == MAP_FAILED) {
		process->memory_ = NULL;
		lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
		return lode_process_fail_(why);
	}
	status = open_program(process, &image, &taken, why);
	if (status != LODE_OK)
		return status;
	if (image.class_ != LODE_CLASS64 || image.machine != LODE_EM_X86_64) {
		lode_process_trouble_(process, LODE_PROCESS_CLASS, 0);
		return lode_process_fail_(why);
	}
	status = lode_index_make(&process->index_, &image, (char *)process->memory_ + taken, process->memory_size_ - taken, why);
	if (status != LODE_OK)
		return status;
	process->program_.index = &process->index_;
	process->program_.host = (struct lode_swap_host){.host = process, .read = lode_process_read_, .write = lode_process_write_,
		.migrate = lode_process_migrate_};
	return find_bias(process, &image) == 0 ? LODE_OK : lode_process_fail_(why);
}

int lode_process_open(struct lode_process *process, int pid, struct lode_diag *why)
{
	int status;

	*process = (struct lode_process){.pid = pid, .dir_ = -1, .mem_ = -1, .lock_ = -1};
	if (lode_process_check_(process) != 0 || lock(process) != 0)
		return lode_process_fail_(why);
	if (lode_process_check_tracer_(process) != 0 || map_program(process) != 0)
		return lode_process_fail_(why);
	status = make_index(process, why);
	if (status != LODE_OK)
		return status;
	if (lode_process_maps_read_(process) != 0 || lode_process_find_call_(process) != 0)
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
	if (process->file_.bytes)
		munmap(process->file_.bytes, process->file_.size);
	if (process->memory_)
		munmap(process->memory_, process->memory_size_);
	close_if_open(process->mem_);
	close_if_open(process->lock_);
	close_if_open(process->dir_);
	*process = (struct lode_process){.dir_ = -1, .mem_ = -1, .lock_ = -1};
}
