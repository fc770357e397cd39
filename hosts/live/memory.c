/* SPDX-License-Identifier: MIT */
/* Files, work space and the module's span come in as wishes and go out as mappings; the span lies where its code can reach. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIB (UINT64_C(1) << 30)
#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif
enum { LOW_HINT = 1 << 28, HUGE = 2 << 20, MANY_BYTES = 4 << 20 };

size_t lode_live_page_(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int measure(struct lode_live_file *file, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	file->size = (size_t)st.st_size;
	file->bytes = NULL;
	return 0;
}

static int map_descriptor(struct lode_live_file *file, int fd)
{
	int error = measure(file, fd);

	if (error != 0 || file->size == 0)
		return error;
	file->bytes = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
	return file->bytes == MAP_FAILED ? errno : 0;
}

/* 0 or an errno. */
int lode_live_map_file_(struct lode_live_file *file, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;

	file->name = name;
	if (fd < 0)
		return errno;
	error = map_descriptor(file, fd);
	close(fd);
	return error;
}

/* Bytes of a file that somebody else may cut short meanwhile: what is not there any more is zeros. */
static int copy_descriptor(struct lode_live_file *file, int fd)
{
	void *bytes;
	ssize_t got = 1;

	if (file->size == 0)
		return 0;
	bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return errno;
	for (size_t done = 0; done < file->size && got > 0; done += got > 0 ? (size_t)got : 0)
		got = pread(fd, (char *)bytes + done, file->size - done, (off_t)done);
	if (got < 0) {
		int error = errno;

		munmap(bytes, file->size);
		return error;
	}
	file->bytes = bytes;
	return 0;
}

/* 0 or an errno. */
int lode_live_copy_file_(struct lode_live_file *file, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;

	*file = (struct lode_live_file){.name = name};
	if (fd < 0)
		return errno;
	error = measure(file, fd);
	if (error == 0)
		error = copy_descriptor(file, fd);
	close(fd);
	return error;
}

/* A member of a thin archive: a path from the archive's folder. */
int lode_live_map_member_(void *host, const void **bytes, uint64_t *size, const struct lode_link_outside *which)
{
	struct lode_live *live = host;
	const char *slash = memrchr(which->archive.at, '/', which->archive.size);
	size_t folder = !slash || which->member.at[0] == '/' ? 0 : (size_t)(slash - which->archive.at) + 1;
	struct lode_live_file *file;
	char path[PATH_MAX];

	live->error = folder + which->member.size >= sizeof path ? ENAMETOOLONG : live->nfiles_ == LODE_LIVE_FILES ? ENFILE : 0;
	if (live->error != 0)
		return live->error;
	memcpy(path, which->archive.at, folder);
	memcpy(path + folder, which->member.at, which->member.size);
	path[folder + which->member.size] = '\0';
	file = &live->files_[live->nfiles_];
	live->error = lode_live_map_file_(file, path);
	if (live->error != 0)
		return live->error;
	file->name = "";
	live->nfiles_++;
	*bytes = file->bytes;
	*size = file->size;
	return 0;
}

/* Where as much will be touched as a huge page has, one is had for a third of the time. (No error: it is a wish.) */
static void wish_huge(void *at, size_t size)
{
#ifdef MADV_HUGEPAGE
	madvise(at, size, MADV_HUGEPAGE);
#else
	(void)at;
	(void)size;
#endif
}

/* Pages are only there once they are touched: what is enough for any file costs nothing. Of large files a third is needed. */
int lode_live_map_work_(struct lode_live *live)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < live->nfiles_; i++)
		bytes += live->files_[i].size;
	live->memory_size_ = LODE_LINK_MEMORY(bytes) + (64 << 20);
	live->memory_ = mmap(NULL, live->memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (live->memory_ != MAP_FAILED && bytes >= MANY_BYTES)
		wish_huge(live->memory_, live->memory_size_);
	if (live->memory_ != MAP_FAILED)
		return 0;
	live->memory_ = NULL;
	live->error = errno;
	return -1;
}

static bool is_near(uint64_t addr, size_t size, uint64_t anchor)
{
	const uint64_t reach = 2 * GIB - (UINT64_C(64) << 20);

	return addr < anchor ? anchor - addr < reach : addr + size - anchor < reach;
}

static void *map(uint64_t hint, size_t size, int flags)
{
	return mmap((void *)(uintptr_t)hint, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* At an address that is near; MAP_FAILED: it is not, or is taken. */
static void *map_at(uint64_t addr, size_t size, uint64_t anchor)
{
	if (addr == 0 || !is_near(addr, size, anchor))
		return MAP_FAILED;
	return map(addr, size, MAP_FIXED_NOREPLACE);
}

/* The kernel's own choice is beside the libraries as a rule; else places below and above them are tried. */
static void *map_near(size_t size, const struct lode_live *live)
{
	uint64_t anchor = live->anchor_;
	void *at = map_at(live->behind_, size, anchor);

	if (at != MAP_FAILED)
		return at;
	at = map(0, size, 0);
	if (at == MAP_FAILED || is_near((uint64_t)(uintptr_t)at, size, anchor))
		return at;
	munmap(at, size);
	for (uint64_t step = 1; step < 56; step++) {
		uint64_t distance = (step + 1) / 2 * (GIB / 16);
		uint64_t hint = step & 1 ? (anchor > distance + size ? anchor - distance - size : 0) : anchor + distance;

		at = map_at(hint & ~(uint64_t)(lode_live_page_() - 1), size, anchor);
		if (at != MAP_FAILED)
			return at;
	}
	return map(0, size, 0);
}

/* Larger than asked for by the alignment, and cut to it. */
static void *cut(unsigned char *at, size_t size, uint64_t align, size_t mapped)
{
	unsigned char *begin = (unsigned char *)(((uintptr_t)at + (align - 1)) & ~(uintptr_t)(align - 1));

	if (begin > at)
		munmap(at, (size_t)(begin - at));
	if (at + mapped > begin + size)
		munmap(begin + size, (size_t)(at + mapped - (begin + size)));
	return begin;
}

/* All pages that get bytes, at once: a fault for each would take longer than the linking. Else they come one by one, as where a
 * file asks for more than it has. */
static void populate(const struct lode_live *live)
{
#ifdef MADV_POPULATE_WRITE
	size_t bytes = 0;

	for (uint32_t i = 0; i < live->nfiles_; i++)
		bytes += live->files_[i].size;
	for (unsigned i = 0; i < LODE_REGIONS; i++) {
		const struct lode_link_run *run = &live->link.runs[i];

		if (run->filled >= HUGE && run->filled <= bytes)
			wish_huge((char *)live->span_ + run->addr, run->filled & ~(uint64_t)(HUGE - 1));
		if (run->filled > 0 && run->filled <= bytes)
			madvise((char *)live->span_ + run->addr, run->filled, MADV_POPULATE_WRITE);
	}
#else
	(void)live;
#endif
}

/* The text, which comes first, of large modules begins where a huge page may. */
int lode_live_map_span_(struct lode_live *live)
{
	size_t size = live->link.size > 0 ? (size_t)live->link.size : lode_live_page_();
	uint64_t align = live->link.runs[LODE_REGION_TEXT].filled >= HUGE && live->link.align < HUGE ? HUGE : live->link.align;
	size_t mapped = size + (size_t)(align > lode_live_page_() ? align : 0);
	void *at = live->link.low ? map(LOW_HINT, mapped, MAP_32BIT) : map_near(mapped, live);

	if (at == MAP_FAILED) {
		live->error = errno;
		return -1;
	}
	live->span_ = cut(at, size, align, mapped);
	live->span_size_ = size;
	populate(live);
	return 0;
}

int lode_live_protect_(struct lode_live *live, enum lode_link_region region)
{
	const struct lode_link_run *run = &live->link.runs[region];
	int prot = (run->prot & LODE_PF_R ? PROT_READ : 0) | (run->prot & LODE_PF_W ? PROT_WRITE : 0) |
		(run->prot & LODE_PF_X ? PROT_EXEC : 0);

	if (run->size == 0 || mprotect((void *)(uintptr_t)run->addr, run->size, prot) == 0)
		return 0;
	live->error = errno;
	return -1;
}
