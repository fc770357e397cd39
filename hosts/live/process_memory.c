/* SPDX-License-Identifier: MIT */
/* Addresses of a process come in, its bytes go out, and the other way round; while its threads stand still, pages at a time. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VECTORS = 512 };

/* A page as it is to be; first and end of what differs. */
struct page {
	uint64_t addr;
	bool shared;  /* written by the program too: each store by itself */
	uint32_t first, end;
	unsigned char now[PROCESS_PAGE];
};

struct process_batch {
	struct page *pages;
	uint32_t count;
	bool active;
};

static int read_through(const struct lode_process *process, void *dst, uint64_t addr, size_t size)
{
	struct iovec local = {.iov_base = dst, .iov_len = size}, remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};

	if (process_vm_readv(process->pid, &local, 1, &remote, 1, 0) == (ssize_t)size)
		return 0;
	/* (Pages without permission to be read are there for those who trace.) */
	return pread(process->mem_, dst, size, (off_t)addr) == (ssize_t)size ? 0 : -1;
}

/* The kernel writes through any protection, into pages of the process's own. */
static int write_through(const struct lode_process *process, uint64_t addr, const void *src, size_t size)
{
	const unsigned char *from = src;

	while (size > 0) {
		ssize_t done = pwrite(process->mem_, from, size, (off_t)addr);

		if (done <= 0)
			return -1;
		from += done;
		addr += (uint64_t)done;
		size -= (size_t)done;
	}
	return 0;
}

static struct page *page_at(const struct process_batch *batch, uint64_t addr)
{
	uint32_t low = 0, high = batch->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (batch->pages[middle].addr + PROCESS_PAGE <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < batch->count && addr >= batch->pages[low].addr ? &batch->pages[low] : NULL;
}

/* The part that is in this page. */
static size_t part(const struct page *page, uint64_t addr, size_t size)
{
	uint64_t left = page->addr + PROCESS_PAGE - addr;

	return size < left ? size : (size_t)left;
}

int lode_process_read_(void *host, void *dst, uint64_t addr, size_t size)
{
	const struct lode_process *process = host;
	unsigned char *to = dst;

	while (process->batch_ && process->batch_->active && size > 0) {
		const struct page *page = page_at(process->batch_, addr);
		size_t length;

		if (!page)
			break;
		length = part(page, addr, size);
		memcpy(to, page->now + (addr - page->addr), length);
		to += length;
		addr += length;
		size -= length;
	}
	return size == 0 ? 0 : read_through(process, to, addr, size);
}

static int write_page(const struct lode_process *process, struct page *page, uint64_t addr, const void *src, uint32_t size)
{
	uint32_t at = (uint32_t)(addr - page->addr);

	memcpy(page->now + at, src, size);
	if (page->shared)
		return write_through(process, addr, src, size);
	page->first = at < page->first ? at : page->first;
	page->end = at + size > page->end ? at + size : page->end;
	return 0;
}

int lode_process_write_(void *host, uint64_t addr, const void *src, size_t size)
{
	const struct lode_process *process = host;
	const unsigned char *from = src;

	while (process->batch_ && process->batch_->active && size > 0) {
		struct page *page = page_at(process->batch_, addr);
		size_t length;

		if (!page)
			break;
		length = part(page, addr, size);
		if (write_page(process, page, addr, from, (uint32_t)length) != 0)
			return -1;
		from += length;
		addr += length;
		size -= length;
	}
	return size == 0 ? 0 : write_through(process, addr, from, size);
}

void lode_process_batch_free_(struct lode_process *process)
{
	if (process->batch_)
		free(process->batch_->pages);
	free(process->batch_);
	process->batch_ = NULL;
}

static int compare_words(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Addresses of the pages that the stores touch and of the code's, each once; their number. */
static uint32_t pages_of(uint64_t *addrs, const struct lode_swap *swap, uint32_t ncode)
{
	uint32_t kept = 0, count = 0;

	for (uint32_t i = 0; i < swap->nstores; i++) {
		const struct lode_store *store = &swap->stores[i];

		addrs[count++] = store->addr & ~(uint64_t)(PROCESS_PAGE - 1);
		addrs[count++] = (store->addr + store->width - 1) & ~(uint64_t)(PROCESS_PAGE - 1);
	}
	for (uint32_t i = 0; i < ncode; i++)
		addrs[count++] = swap->link->runs[LODE_REGION_TEXT].addr + (uint64_t)i * PROCESS_PAGE;
	qsort(addrs, count, sizeof *addrs, compare_words);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || addrs[kept - 1] != addrs[i])
			addrs[kept++] = addrs[i];
	return kept;
}

/* A page of the file becomes the process's own at its first write: a byte that stays as it is spares the threads that wait. */
static void touch(const struct lode_process *process, const struct page *page)
{
	unsigned char byte;

	if (!page->shared && read_through(process, &byte, page->addr, 1) == 0)
		write_through(process, page->addr, &byte, 1);
}

int lode_process_batch_plan_(struct lode_process *process, const struct lode_swap *swap, bool back)
{
	/* What is taken back gets jumps in its code. */
	uint32_t ncode = back ? (uint32_t)(swap->link->runs[LODE_REGION_TEXT].size / PROCESS_PAGE) : 0;
	uint64_t *addrs = calloc(2 * (size_t)swap->nstores + ncode + 1, sizeof *addrs);
	struct process_batch *batch = calloc(1, sizeof *batch);

	lode_process_batch_free_(process);
	process->batch_ = batch;
	if (addrs && batch) {
		batch->count = pages_of(addrs, swap, ncode);
		batch->pages = calloc(batch->count + 1, sizeof *batch->pages);
	}
	if (!addrs || !batch || !batch->pages) {
		free(addrs);
		lode_process_batch_free_(process);
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct process_map *map = lode_process_map_at_(process->maps_, addrs[i]);

		batch->pages[i] = (struct page){.addr = addrs[i], .shared = !map || map->write, .first = PROCESS_PAGE};
		touch(process, &batch->pages[i]);
	}
	free(addrs);
	return 0;
}

static int read_pages(const struct lode_process *process, struct page *pages, uint32_t count)
{
	struct iovec local[VECTORS] = {{0}}, remote[VECTORS] = {{0}};

	for (uint32_t i = 0; i < count; i++) {
		local[i] = (struct iovec){.iov_base = pages[i].now, .iov_len = PROCESS_PAGE};
		remote[i] = (struct iovec){.iov_base = (void *)(uintptr_t)pages[i].addr, .iov_len = PROCESS_PAGE};
	}
	if (process_vm_readv(process->pid, local, count, remote, count, 0) != (ssize_t)count * PROCESS_PAGE)
		for (uint32_t i = 0; i < count; i++)
			if (read_through(process, pages[i].now, pages[i].addr, PROCESS_PAGE) != 0)
				return -1;
	for (uint32_t i = 0; i < count; i++) {
		pages[i].first = PROCESS_PAGE;
		pages[i].end = 0;
	}
	return 0;
}

int lode_process_batch_begin_(struct lode_process *process)
{
	struct process_batch *batch = process->batch_;

	for (uint32_t i = 0; i < batch->count; i += VECTORS)
		if (read_pages(process, batch->pages + i, batch->count - i < VECTORS ? batch->count - i : VECTORS) != 0)
			return -1;
	batch->active = true;
	return 0;
}

/* After a failure some pages are written: whoever knows the stores takes them back. */
int lode_process_batch_end_(struct lode_process *process, bool write)
{
	struct process_batch *batch = process->batch_;

	batch->active = false;
	for (uint32_t i = 0; write && i < batch->count; i++) {
		const struct page *page = &batch->pages[i];

		if (page->end > page->first && write_through(process, page->addr + page->first, page->now + page->first,
			page->end - page->first) != 0)
			return -1;
	}
	return 0;
}
