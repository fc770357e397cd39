/* SPDX-License-Identifier: MIT */
/* An object comes in; it takes the place of the unit of this program that it was compiled from, whose data stays. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int read_self(void *host, void *dst, uint64_t addr, size_t size)
{
	const struct lode_live_program *self = host;

	return pread(self->mem_, dst, size, (off_t)addr) == (ssize_t)size ? 0 : -1;
}

/* The kernel writes through any protection, into pages of the process's own. */
static int write_self(void *host, uint64_t addr, const void *src, size_t size)
{
	const struct lode_live_program *self = host;

	return pwrite(self->mem_, src, size, (off_t)addr) == (ssize_t)size ? 0 : -1;
}

static int fail(struct lode_live_program *self, int error, struct lode_diag *why)
{
	self->error = error;
	if (why)
		*why = (struct lode_diag){.status = LODE_ERR_IO, .rule = LODE_RULE_NONE};
	return LODE_ERR_IO;
}

static int first_object(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	*(uint64_t *)data = info->dlpi_addr;
	return 1;
}

static int make_index(struct lode_live_program *self, struct lode_diag *why)
{
	const struct lode_source source = {.bytes = self->file_.bytes, .size = self->file_.size};
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	struct lode_image image;
	int status = lode_open(&image, &source, &options, NULL);
	size_t taken;

	if (status != LODE_OK && status != LODE_ERR_ROOM)
		return lode_open(&image, &source, &options, why);
	options.segments = self->memory_;
	options.max_segments = image.nsegments;
	taken = (image.nsegments * sizeof *options.segments + 15) & ~(size_t)15;
	options.sections = (void *)((char *)self->memory_ + taken);
	options.max_sections = image.nsections;
	taken += (image.nsections * sizeof *options.sections + 15) & ~(size_t)15;
	status = lode_open(&image, &source, &options, why);
	if (status != LODE_OK)
		return status;
	return lode_index_make(&self->index_, &image, (char *)self->memory_ + taken, self->memory_size_ - taken, why);
}

int lode_live_self(struct lode_live_program *self, struct lode_diag *why)
{
	int error, status;

	*self = (struct lode_live_program){.mem_ = -1};
	error = lode_live_map_file_(&self->file_, "/proc/self/exe");
	if (error != 0)
		return fail(self, error, why);
	self->mem_ = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	self->memory_size_ = LODE_INDEX_MEMORY(self->file_.size) + (1 << 20);
	self->memory_ = mmap(NULL, self->memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (self->memory_ == MAP_FAILED || self->mem_ < 0)
		return fail(self, errno, why);
	status = make_index(self, why);
	if (status != LODE_OK)
		return status;
	self->program_ = (struct lode_program){.index = &self->index_, .host = {.host = self, .read = read_self, .write = write_self}};
	if (!self->index_.fixed)
		dl_iterate_phdr(first_object, &self->program_.bias);
	return LODE_OK;
}

/* Everything is decided; threads stand still while it is done. */
static int with_threads_stopped(struct lode_live_program *self, struct lode_swap *swap, enum lode_swap_policy policy, bool back,
	struct lode_diag *why)
{
	static struct live_stop stop;
	struct lode_swap_busy busy = {.addrs = stop.addrs, .policy = policy};
	int error = lode_live_stop_all_(&stop, swap), status;

	if (error != 0)
		return fail(self, error, why);
	busy.count = stop.count;
	status = back ? lode_swap_rollback(swap, &busy, why) : lode_swap_commit(swap, &busy, why);
	self->stopped_ns = lode_live_stop_end_(&stop);
	return status;
}

static int link_version(struct lode_live_program *self, struct lode_live_version *version, const char *name, struct lode_diag *why)
{
	struct lode_live *live = &version->live;
	int status;

	lode_live_begin(live, &(struct lode_live_options){.swap = &version->swap});
	lode_swap_begin(&version->swap, &self->program_, &live->link);
	status = lode_live_add(live, name);
	if (status == LODE_OK)
		status = lode_live_link(live, why);
	else
		fail(self, live->error, why);
	if (status == LODE_OK)
		status = lode_swap_plan(&version->swap, why);
	if (status != LODE_OK)
		self->error = live->error;
	return status;
}

int lode_live_replace(struct lode_live_program *self, const char *name, enum lode_swap_policy policy, struct lode_diag *why)
{
	struct lode_live_version *version = calloc(1, sizeof *version);
	int status;

	self->error = 0;
	if (!version)
		return fail(self, ENOMEM, why);
	status = link_version(self, version, name, why);
	if (status == LODE_OK)
		status = with_threads_stopped(self, &version->swap, policy, false, why);
	self->account = version->swap.account;
	self->blame = version->live.link.blame;
	if (status != LODE_OK) {
		lode_live_end(&version->live, NULL);
		free(version);
		return status;
	}
	version->older = self->newest;
	self->newest = version;
	return LODE_OK;
}

int lode_live_rollback(struct lode_live_program *self, enum lode_swap_policy policy, struct lode_diag *why)
{
	struct lode_live_version *version = self->newest;
	int status;

	self->error = 0;
	if (!version) {
		if (why)
			*why = lode_diag_of(LODE_RULE_SWAP_NOTHING, LODE_FIELD_SWAP_FUNCTIONS, 0, 0);
		return LODE_ERR_POLICY;
	}
	status = with_threads_stopped(self, &version->swap, policy, true, why);
	if (status == LODE_OK)
		self->newest = version->older;
	return status;
}
