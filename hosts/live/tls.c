/* SPDX-License-Identifier: MIT */
/* A module's thread-local block comes in, a slice of an array that every thread has goes out: one distance from all pointers. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { UNIT = 64, UNITS = 256 };

/* Initialised, so that it has bytes in the image that new threads are begun with. */
static __thread unsigned char arena[UNITS * UNIT] __attribute__((aligned(UNIT), tls_model("initial-exec"))) = {1};
static unsigned char used[UNITS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_free(uint32_t first, uint32_t count)
{
	return !memchr(used + first, 1, count);
}

static bool fits(uint32_t first, uint64_t count, uint64_t align)
{
	return ((uintptr_t)(arena + first * UNIT) & (align - 1)) == 0 && is_free(first, (uint32_t)count);
}

/* The first place that fits; UNITS: there is none. */
static uint32_t take_units(uint64_t count, uint64_t align)
{
	uint32_t first = 0;

	while (first + count <= UNITS && !fits(first, count, align))
		first++;
	if (first + count > UNITS)
		return UNITS;
	memset(used + first, 1, count);
	return first;
}

int lode_live_tls_(void *host, struct lode_link_tls *tls)
{
	struct lode_live *live = host;
	uint64_t count = (tls->size + (UNIT - 1)) / UNIT;
	uint32_t first;

	/* If all of the block stays where it is, nothing refers to this one. */
	if (live->options_.swap && !live->new_tls_) {
		tls->offset = 0;
		return 0;
	}
	if (count > UNITS)
		return -1;
	pthread_mutex_lock(&lock);
	first = take_units(count, tls->align);
	pthread_mutex_unlock(&lock);
	if (first == UNITS)
		return -1;
	live->tls_first_ = first;
	live->tls_units_ = (uint32_t)count;
	tls->offset = (uint64_t)((uintptr_t)(arena + first * UNIT) - (uintptr_t)__builtin_thread_pointer());
	return 0;
}

/* The image of the library or program that has the array. */
static int find_image(struct dl_phdr_info *info, size_t size, void *data)
{
	unsigned char **image = data;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uintptr_t offset = (uintptr_t)arena - (uintptr_t)info->dlpi_tls_data;

		if (phdr->p_type != PT_TLS || !info->dlpi_tls_data || offset >= phdr->p_filesz)
			continue;
		*image = (unsigned char *)(info->dlpi_addr + phdr->p_vaddr + offset);
		return 1;
	}
	return 0;
}

static int write_image(unsigned char *at, const void *bytes, size_t size, size_t zeros)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)at & ~(page - 1);
	size_t length = (uintptr_t)at + size + zeros - begin;

	if (mprotect((void *)begin, length, PROT_READ | PROT_WRITE) != 0)
		return errno;
	memcpy(at, bytes, size);
	memset(at + size, 0, zeros);
	return 0;
}

/* This thread's block, and the one that threads to come are begun with. Others that run keep what they have there. */
int lode_live_tls_fill_(struct lode_live *live)
{
	const struct lode_link_tls *tls = &live->link.tls;
	size_t offset = (size_t)live->tls_first_ * UNIT, zeros = (size_t)(tls->size - tls->template_size);
	const unsigned char *template = (const unsigned char *)live->span_ + tls->template_offset;
	unsigned char *image = NULL;

	if (live->tls_units_ == 0)
		return 0;
	memcpy(arena + offset, template, tls->template_size);
	memset(arena + offset + tls->template_size, 0, zeros);
	dl_iterate_phdr(find_image, &image);
	return image ? write_image(image + offset, template, tls->template_size, zeros) : 0;
}

void lode_live_tls_release_(struct lode_live *live)
{
	pthread_mutex_lock(&lock);
	memset(used + live->tls_first_, 0, live->tls_units_);
	pthread_mutex_unlock(&lock);
	live->tls_units_ = 0;
}
