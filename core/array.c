/* SPDX-License-Identifier: MIT */
/* A flat array as destination of a placing. */
#include "core.h"

static unsigned char *at(const struct lode_array *array, uint64_t addr)
{
	return array->memory + (addr - array->base);
}

/* The one check of bounds: everything that follows lies in the span. */
static int array_begin(void *host, const struct lode_range *span)
{
	struct lode_array *array = host;

	if (span->addr < array->base || !within(span->addr - array->base, span->size, array->size))
		return -1;
	array->span = *span;
	if (array->undo)
		memcpy(array->undo + (span->addr - array->base), at(array, span->addr), (size_t)span->size);
	return 0;
}

static int array_own(void *host, const struct lode_run *run)
{
	memset(at(host, run->addr), 0, (size_t)run->size);
	return 0;
}

static int array_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	memcpy(at(host, addr), bytes, size);
	return 0;
}

static int array_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	return lode_source_read(at(host, fill->addr), source, fill->offset, (size_t)fill->size, why);
}

static int array_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	memcpy(bytes, at(host, addr), size);
	return 0;
}

static void array_abort(void *host)
{
	const struct lode_array *array = host;

	if (array->undo)
		memcpy(at(array, array->span.addr), array->undo + (array->span.addr - array->base), (size_t)array->span.size);
	else
		memset(at(array, array->span.addr), 0, (size_t)array->span.size);
}

struct lode_space lode_array_space(struct lode_array *array)
{
	return (struct lode_space){
		.host = array,
		.begin = array_begin,
		.own = array_own,
		.write = array_write,
		.fill = array_fill,
		.read = array_read,
		.abort = array_abort,
	};
}
