/* SPDX-License-Identifier: MIT */
/* An object comes in; it takes the place of the unit of this program that it was compiled from, whose data stays. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int read_self(void *host, void *dst, uint64_t addr, size_t size)
{
	const struct lode_live_program *self = host;

	/* What was read when planning, which is mapped for good: a call of the kernel for each is what threads would wait for. */
	if (self->stopped_) {
		memcpy(dst, (const void *)(uintptr_t)addr, size);
		return 0;
	}
	return pread(self->mem_, dst, size, (off_t)addr) == (ssize_t)size ? 0 : -1;
}

/* The kernel writes through any protection, into pages of the process's own. */
static int write_self(void *host, uint64_t addr, const void *src, size_t size)
{
	const struct lode_live_program *self = host;

	return pwrite(self->mem_, src, size, (off_t)addr) == (ssize_t)size ? 0 : -1;
}

/* The calling thread does it, while the others stand still. */
static int migrate_self(void *host, const struct lode_swap_move *move)
{
	void (*function)(void *, size_t, const void *, size_t) =
		(void (*)(void *, size_t, const void *, size_t))(uintptr_t)move->function;

	(void)host;
	function((void *)(uintptr_t)move->now.addr, (size_t)move->now.size, (const void *)(uintptr_t)move->before.addr,
		(size_t)move->before.size);
	return 0;
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

/* The program's file may have been stripped: then the index lies beside it. */
static int find_index(struct lode_live_program *self, struct lode_diag *why)
{
	static const char exe[] = "/proc/self/exe", suffix[] = ".lode";
	char path[PATH_MAX];
	struct lode_diag own = {.rule = LODE_RULE_NONE};
	int status = lode_live_index_make(&self->index_, exe, &own);
	ssize_t length;

	if (why)
		*why = own;
	if (status == LODE_OK || own.rule != LODE_RULE_SWAP_INDEX)
		return status;
	length = readlink(exe, path, sizeof path - sizeof suffix);
	if (length <= 0)
		return status;
	memcpy(path + length, suffix, sizeof suffix);
	if (access(path, R_OK) != 0)
		return status;
	lode_live_index_end(&self->index_);
	status = lode_live_index_read(&self->index_, path, why);
	return status == LODE_OK ? lode_live_index_check(&self->index_, exe, why) : status;
}

static int open_index(struct lode_live_program *self, const char *name, struct lode_diag *why)
{
	int status;

	if (!name)
		return find_index(self, why);
	status = lode_live_index_read(&self->index_, name, why);
	return status == LODE_OK ? lode_live_index_check(&self->index_, "/proc/self/exe", why) : status;
}

int lode_live_self(struct lode_live_program *self, const char *index, struct lode_diag *why)
{
	int status;

	*self = (struct lode_live_program){.mem_ = open("/proc/self/mem", O_RDWR | O_CLOEXEC)};
	if (self->mem_ < 0)
		return fail(self, errno, why);
	status = open_index(self, index, why);
	if (status != LODE_OK) {
		self->error = self->index_.error;
		lode_live_index_end(&self->index_);
		close(self->mem_);
		self->mem_ = -1;
		return status;
	}
	self->program_ = (struct lode_program){.index = &self->index_.index,
		.host = {.host = self, .read = read_self, .write = write_self, .migrate = migrate_self}};
	if (!self->index_.index.fixed)
		dl_iterate_phdr(first_object, &self->program_.bias);
	return LODE_OK;
}

/* What is about to happen, with the threads stopped or about to be. */
struct turn {
	struct lode_live_program *self;
	struct lode_swap *swap;
	enum lode_swap_policy policy;
	bool back;
};

/* A page of the file becomes the process's own at its first write: a byte that stays as it is spares the threads that wait. */
static void touch(const struct lode_swap *swap)
{
	const struct lode_swap_host *host = &swap->program->host;
	const uint64_t page = lode_live_page_();
	uint64_t last = 0;
	unsigned char byte;

	for (uint32_t i = 0; i < swap->nstores; i++) {
		const struct lode_store *store = &swap->stores[i];

		if (store->data || store->addr / page == last)
			continue;
		last = store->addr / page;
		if (host->read(host->host, &byte, store->addr, 1) == 0)
			host->write(host->host, store->addr, &byte, 1);
	}
}

/* What is about to write is in use as well, if it is this program's own and is replaced itself. */
static void add_own(struct live_stop *stop, const struct lode_swap *swap)
{
	const uint64_t own[] = {(uint64_t)(uintptr_t)lode_swap_commit + 1, (uint64_t)(uintptr_t)lode_swap_rollback + 1};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (lode_swap_concerns(swap, own[i]) && stop->count < sizeof stop->addrs / sizeof *stop->addrs)
			stop->addrs[stop->count++] = own[i];
}

/* Everything is decided; threads stand still while it is done. */
static int with_threads_stopped(const struct turn *turn, struct lode_diag *why)
{
	static struct live_stop stop;
	struct lode_swap_busy busy = {.addrs = stop.addrs, .policy = turn->policy};
	int error, status;

	turn->self->stopped_ = true;
	error = lode_live_stop_all_(&stop, turn->swap);
	turn->self->stopped_ = error == 0;
	if (error != 0)
		return fail(turn->self, error, why);
	add_own(&stop, turn->swap);
	busy.count = stop.count;
	turn->self->halted_ns = stop.halted;
	status = turn->back ? lode_swap_rollback(turn->swap, &busy, why) : lode_swap_commit(turn->swap, &busy, why);
	turn->self->stopped_ns = lode_live_stop_end_(&stop);
	turn->self->stopped_ = false;
	return status;
}

static int take_turn(const struct turn *turn, struct lode_diag *why)
{
	const struct timespec while_ = {.tv_nsec = 1000000};
	uint64_t until = lode_live_now_() + (uint64_t)turn->self->patience_ms * 1000000;
	struct lode_diag own;
	int status;

	if (!turn->back)
		touch(turn->swap);
	for (;;) {
		status = with_threads_stopped(turn, &own);
		if (status == LODE_OK || own.rule != LODE_RULE_SWAP_BUSY || lode_live_now_() >= until)
			break;
		nanosleep(&while_, NULL);
	}
	if (status != LODE_OK && why)
		*why = own;
	return status;
}

/* The file may change as soon as it is read: it is compiled anew, perhaps in place. */
static int add_copy(struct lode_live_version *version, const char *name)
{
	struct lode_live *live = &version->live;
	int error;

	version->name_ = strdup(name);
	if (!version->name_)
		return ENOMEM;
	error = lode_live_copy_file_(&live->files_[0], version->name_);
	if (error != 0)
		return error;
	live->nfiles_ = live->files_[0].bytes ? 1 : 0;
	return live->nfiles_ > 0 ? 0 : EINVAL;
}

/* Work space that was not needed. */
static void trim(struct lode_live *live)
{
	size_t page = lode_live_page_(), used = (live->link.memory_used + page - 1) & ~(page - 1);

	if (used >= live->memory_size_)
		return;
	munmap((char *)live->memory_ + used, live->memory_size_ - used);
	live->memory_size_ = used;
}

static int link_version(struct lode_live_program *self, struct lode_live_version *version, const char *name, struct lode_diag *why)
{
	struct lode_live *live = &version->live;
	int status, error;

	lode_live_begin(live, &(struct lode_live_options){.swap = &version->swap, .gdb = self->gdb, .perf = self->perf});
	lode_swap_begin(&version->swap, &self->program_, &live->link);
	live->behind_ = self->behind_;
	error = add_copy(version, name);
	if (error != 0)
		return fail(self, error, why);
	status = lode_live_link(live, why);
	if (status == LODE_OK)
		status = lode_live_ready_(live, why);
	if (status == LODE_OK)
		status = lode_swap_plan(&version->swap, why);
	self->error = live->error;
	if (status == LODE_OK)
		trim(live);
	return status;
}

/* What the refusal is about stays readable: its words are in the object. */
static void give_up(struct lode_live_program *self, struct lode_live_version *version)
{
	struct lode_live_version *refused = self->refused_;

	self->refused_ = version;
	if (!refused)
		return;
	lode_live_end(&refused->live, NULL);
	free(refused->name_);
	free(refused);
}

int lode_live_replace(struct lode_live_program *self, const char *name, enum lode_swap_policy policy, struct lode_diag *why)
{
	struct lode_live_version *version = calloc(1, sizeof *version);
	struct turn turn = {.self = self, .policy = policy};
	int status;

	self->error = 0;
	if (!version)
		return fail(self, ENOMEM, why);
	turn.swap = &version->swap;
	status = link_version(self, version, name, why);
	if (status == LODE_OK)
		status = take_turn(&turn, why);
	self->account = version->swap.account;
	self->blame = version->live.link.blame;
	if (status != LODE_OK) {
		give_up(self, version);
		return status;
	}
	self->behind_ = (uint64_t)(uintptr_t)version->live.span_ + version->live.span_size_;
	version->older = self->newest;
	self->newest = version;
	return LODE_OK;
}

int lode_live_rollback(struct lode_live_program *self, enum lode_swap_policy policy, struct lode_diag *why)
{
	struct lode_live_version *version = self->newest;
	struct turn turn = {.self = self, .policy = policy, .back = true};
	int status;

	self->error = 0;
	if (!version) {
		if (why)
			*why = lode_diag_of(LODE_RULE_SWAP_NOTHING, LODE_FIELD_SWAP_FUNCTIONS, 0, 0);
		return LODE_ERR_POLICY;
	}
	turn.swap = &version->swap;
	status = take_turn(&turn, why);
	if (status == LODE_OK)
		self->newest = version->older;
	return status;
}
