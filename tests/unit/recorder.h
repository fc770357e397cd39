/* SPDX-License-Identifier: MIT */
/* A space over an array that writes down the calls of its callbacks and fails at the one that it is told. */
#ifndef LODE_TESTS_RECORDER_H
#define LODE_TESTS_RECORDER_H

#include "file.h"

enum { MEMORY = 0x10000, BASE = 0x40000, CALLS = 400 };

enum call { BEGIN, SHARE, OWN, ZERO, WRITE, FILL, READ, PROTECT, COMMIT, ABORT };

static struct file f;
static unsigned char memory[MEMORY], undo[MEMORY], before[MEMORY];

/** A space over an array that writes down what is called, and fails at one of the calls. */
static struct recorder {
	struct lode_array array;
	struct lode_space inner;
	enum call calls[CALLS];
	uint32_t ncalls, fail_at;
	uint64_t addr[CALLS];
	uint32_t prot[CALLS];
} recorder;

static bool record(enum call call, uint64_t addr, uint32_t prot)
{
	uint32_t n = recorder.ncalls++;

	if (!CHECK(n < CALLS))
		return false;
	recorder.calls[n] = call;
	recorder.addr[n] = addr;
	recorder.prot[n] = prot;
	return n != recorder.fail_at;
}

static int on_begin(void *host, const struct lode_range *span)
{
	return record(BEGIN, span->addr, 0) ? recorder.inner.begin(host, span) : 7;
}

static int on_share(void *host, const struct lode_run *run)
{
	if (!record(SHARE, run->addr, run->prot))
		return -1;
	for (uint64_t i = 0; i < run->size; i++) {
		unsigned char byte = run->offset + i < f.out.size ? f.out.bytes[run->offset + i] : 0;

		recorder.inner.write(host, run->addr + i, &byte, 1);
	}
	return 0;
}

static int on_own(void *host, const struct lode_run *run)
{
	return record(OWN, run->addr, run->prot) ? recorder.inner.own(host, run) : 1;
}

static int on_zero(void *host, const struct lode_run *run)
{
	return record(ZERO, run->addr, run->prot) ? recorder.inner.own(host, run) : 1;
}

static int on_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	return record(WRITE, addr, 0) ? recorder.inner.write(host, addr, bytes, size) : 1;
}

static int on_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	return record(FILL, fill->addr, 0) ? recorder.inner.fill(host, fill, source, why) : 1;
}

static int on_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	return record(READ, addr, 0) ? recorder.inner.read(host, addr, bytes, size) : 1;
}

static int on_protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	(void)host;
	return record(PROTECT, addr, prot) && size > 0 ? 0 : 1;
}

static void on_commit(void *host)
{
	(void)host;
	record(COMMIT, 0, 0);
}

static void on_abort(void *host)
{
	record(ABORT, 0, 0);
	recorder.inner.abort(host);
}

static struct lode_space recording(uint32_t fail_at)
{
	for (size_t i = 0; i < MEMORY; i++)
		memory[i] = before[i] = (unsigned char)(i * 7 + 1);
	recorder.array = (struct lode_array){.memory = memory, .base = BASE, .size = MEMORY, .undo = undo};
	recorder.inner = lode_array_space(&recorder.array);
	recorder.ncalls = 0;
	recorder.fail_at = fail_at;
	return (struct lode_space){
		&recorder.array, on_begin, on_share, on_own, on_zero, on_write, on_fill, on_read, on_protect, on_commit, on_abort};
}

#endif
