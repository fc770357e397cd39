/* SPDX-License-Identifier: MIT */
/* Runs, bytes and permissions -> mappings of this process. The addresses of the plan are pointers here. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <lode/posix.h>

static int protection(uint32_t prot)
{
	return (prot & LODE_PF_R ? PROT_READ : 0) | (prot & LODE_PF_W ? PROT_WRITE : 0) | (prot & LODE_PF_X ? PROT_EXEC : 0);
}

static void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static int failed(struct lode_mappings *mappings, int error)
{
	mappings->error = error;
	return -1;
}

static bool inside(const struct lode_range *outer, uint64_t addr, uint64_t size)
{
	return addr >= outer->addr && size <= outer->size && addr - outer->addr <= outer->size - size;
}

static bool fits_pointer(uint64_t addr, uint64_t size)
{
	return addr <= UINTPTR_MAX && size <= SIZE_MAX && size <= UINTPTR_MAX - addr;
}

/* A plan for smaller pages than the machine's would have its neighbours overwritten: the kernel rounds sizes up. */
static bool whole_pages(uint64_t a, uint64_t b)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (a | b) % page == 0;
}

int lode_mappings_reserve(struct lode_mappings *mappings, uint64_t *base, const struct lode_span *span)
{
	uint64_t size = span->range.size, room = size + span->align, start, head;
	void *p;

	mappings->error = 0;
	if (mappings->reserved.size || mappings->span.size)
		mappings->error = EBUSY;
	else if (!whole_pages(span->align, size))
		mappings->error = EINVAL;
	else if (room < size || room > SIZE_MAX)
		mappings->error = ENOMEM;
	if (mappings->error)
		return mappings->error == ENOMEM ? LODE_ERR_IO : LODE_ERR_USE;
	p = mmap(NULL, (size_t)room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		mappings->error = errno;
		return LODE_ERR_IO;
	}
	start = (uintptr_t)p;
	head = (span->range.addr - start) & (span->align - 1);
	if (head)
		munmap(p, (size_t)head);
	munmap(pointer(start + head + size), (size_t)(span->align - head));
	mappings->reserved = (struct lode_range){start + head, size};
	*base = start + head;
	return LODE_OK;
}

static int take_span(struct lode_mappings *mappings, const struct lode_range *span)
{
	void *p = mmap(pointer(span->addr), (size_t)span->size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return failed(mappings, errno);
	if (p != pointer(span->addr)) { /* kernels before MAP_FIXED_NOREPLACE take the address as a hint */
		munmap(p, (size_t)span->size);
		return failed(mappings, EEXIST);
	}
	return 0;
}

static int mappings_begin(void *host, const struct lode_range *span)
{
	struct lode_mappings *mappings = host;

	if (mappings->span.size)
		return failed(mappings, EBUSY);
	if (!fits_pointer(span->addr, span->size))
		return failed(mappings, ENOMEM);
	if (!whole_pages(span->addr, span->size))
		return failed(mappings, EINVAL);
	if (mappings->reserved.size && !inside(&mappings->reserved, span->addr, span->size))
		return failed(mappings, EINVAL);
	if (!mappings->reserved.size && take_span(mappings, span) != 0)
		return -1;
	mappings->span = *span;
	mappings->page_ = 0;
	return 0;
}

static int mappings_share(void *host, const struct lode_run *run)
{
	struct lode_mappings *mappings = host;
	uint64_t offset = mappings->file_offset + run->offset;

	if (offset < run->offset || offset > INT64_MAX)
		return failed(mappings, EOVERFLOW);
	if (!whole_pages(run->addr, run->size) || !whole_pages(offset, 0))
		return failed(mappings, EINVAL);
	if (mmap(pointer(run->addr), (size_t)run->size, protection(run->prot), MAP_PRIVATE | MAP_FIXED, mappings->fd,
		(off_t)offset) == MAP_FAILED)
		return failed(mappings, errno);
	return 0;
}

/* The kernel's pages of zeros; writable until protect. */
static int mappings_own(void *host, const struct lode_run *run)
{
	struct lode_mappings *mappings = host;

	if (!whole_pages(run->addr, run->size))
		return failed(mappings, EINVAL);
	if (mmap(pointer(run->addr), (size_t)run->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		MAP_FAILED)
		return failed(mappings, errno);
	return 0;
}

/* Where a filter forbids the call that is made for it, or there is none. */
static bool copy_through_pipe(void *dst, const void *src, size_t size)
{
	enum { PIECE = 4096 };
	int ends[2];
	size_t at = 0;

	if (pipe(ends) != 0)
		return false;
	while (at < size) {
		ssize_t n = write(ends[1], (const char *)src + at, size - at < PIECE ? size - at : PIECE);

		if (n > 0)
			n = read(ends[0], (char *)dst + at, (size_t)n);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(ends[0]);
	close(ends[1]);
	return at == size;
}

static bool copy_by_kernel(void *dst, const void *src, size_t size)
{
	struct iovec from = {.iov_base = (void *)(uintptr_t)src, .iov_len = size}, to = {.iov_base = dst, .iov_len = size};
	ssize_t done = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	if (done < 0 && (errno == ENOSYS || errno == EPERM))
		return copy_through_pipe(dst, src, size);
	return done == (ssize_t)size;
}

/*
 * The first bytes of a page by the kernel, which answers where a store would raise SIGBUS: a file whose pages are mapped may have
 * become shorter. Relocations are many a page.
 */
static int copy(struct lode_mappings *mappings, uint64_t addr, void *dst, const void *src, size_t size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), first = addr - addr % page;

	if (mappings->fd < 0 || (first == mappings->page_ && size <= page - addr % page)) {
		memcpy(dst, src, size);
		return 0;
	}
	if (!copy_by_kernel(dst, src, size))
		return failed(mappings, EFAULT);
	mappings->page_ = first;
	return 0;
}

static int mappings_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	struct lode_mappings *mappings = host;

	if (!inside(&mappings->span, addr, size))
		return failed(mappings, EFAULT);
	return copy(mappings, addr, pointer(addr), bytes, size);
}

static int mappings_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	struct lode_mappings *mappings = host;

	if (!inside(&mappings->span, fill->addr, fill->size))
		return failed(mappings, EFAULT);
	if (lode_source_read(pointer(fill->addr), source, fill->offset, (size_t)fill->size, why) != LODE_OK)
		return failed(mappings, EIO);
	return 0;
}

static int mappings_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	struct lode_mappings *mappings = host;

	if (!inside(&mappings->span, addr, size))
		return failed(mappings, EFAULT);
	return copy(mappings, addr, bytes, pointer(addr), size);
}

static int mappings_protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	struct lode_mappings *mappings = host;

	if (!inside(&mappings->span, addr, size))
		return failed(mappings, EFAULT);
	if (!whole_pages(addr, size))
		return failed(mappings, EINVAL);
	return mprotect(pointer(addr), (size_t)size, protection(prot)) == 0 ? 0 : failed(mappings, errno);
}

static void mappings_abort(void *host)
{
	struct lode_mappings *mappings = host;
	void *p = pointer(mappings->span.addr);
	size_t size = (size_t)mappings->span.size;

	if (mappings->reserved.size &&
		mmap(p, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		mappings->error = errno; /* the addresses are kept, and the image with them, until release */
	if (!mappings->reserved.size)
		munmap(p, size);
	mappings->span = (struct lode_range){0, 0};
}

struct lode_space lode_mappings_space(struct lode_mappings *mappings)
{
	return (struct lode_space){
		.host = mappings,
		.begin = mappings_begin,
		.share = mappings->fd >= 0 ? mappings_share : NULL,
		.own = mappings_own,
		.write = mappings_write,
		.fill = mappings_fill,
		.read = mappings_read,
		.protect = mappings_protect,
		.abort = mappings_abort,
	};
}

void lode_mappings_release(struct lode_mappings *mappings)
{
	const struct lode_range *taken = mappings->reserved.size ? &mappings->reserved : &mappings->span;

	if (taken->size)
		munmap(pointer(taken->addr), (size_t)taken->size);
	mappings->reserved = mappings->span = (struct lode_range){0, 0};
}
