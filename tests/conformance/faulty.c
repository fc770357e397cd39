/* SPDX-License-Identifier: MIT */
/* A space -> the same space that counts its callbacks, watches their order, and fails one of them. */
#include "faulty.h"

static bool ready(struct faulty *faulty, enum faulty_stage stage)
{
	if (!faulty->begun || faulty->ended || stage < faulty->stage)
		faulty->out_of_order = true;
	faulty->stage = stage;
	return faulty->calls++ != faulty->at;
}

/** The effect, then the failure: what was half done must be undone as well. */
static int after(struct faulty *faulty, bool fine, int status)
{
	return fine || !faulty->late ? status : -1;
}

static int faulty_begin(void *host, const struct lode_range *span)
{
	struct faulty *faulty = host;

	if (faulty->begun || faulty->ended)
		faulty->out_of_order = true;
	faulty->span = *span;
	faulty->last = span->addr;
	if (faulty->calls++ == faulty->at)
		return -1;
	faulty->begun = !faulty->inner.begin || faulty->inner.begin(faulty->inner.host, span) == 0;
	return faulty->begun ? 0 : -1;
}

static bool next_run(struct faulty *faulty, const struct lode_run *run)
{
	if (run->addr < faulty->last || run->size == 0 || (run->addr | run->size) % 4096 ||
		run->addr - faulty->span.addr >= faulty->span.size)
		faulty->out_of_order = true;
	faulty->last = run->addr + run->size;
	return ready(faulty, FAULTY_RUNS);
}

static int faulty_share(void *host, const struct lode_run *run)
{
	struct faulty *faulty = host;
	bool fine = next_run(faulty, run);

	return fine || faulty->late ? after(faulty, fine, faulty->inner.share(faulty->inner.host, run)) : -1;
}

static int faulty_own(void *host, const struct lode_run *run)
{
	struct faulty *faulty = host;
	bool fine = next_run(faulty, run);

	return fine || faulty->late ? after(faulty, fine, faulty->inner.own(faulty->inner.host, run)) : -1;
}

static int faulty_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	struct faulty *faulty = host;
	bool fine = ready(faulty, FAULTY_BYTES);

	if (!fine && !faulty->late)
		return -1;
	return after(faulty, fine, faulty->inner.write(faulty->inner.host, addr, bytes, size));
}

static int faulty_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	struct faulty *faulty = host;
	bool fine = ready(faulty, FAULTY_BYTES);

	if (!fine && !faulty->late)
		return -1;
	return after(faulty, fine, faulty->inner.fill(faulty->inner.host, fill, source, why));
}

static int faulty_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	struct faulty *faulty = host;
	bool fine = ready(faulty, FAULTY_BYTES);

	if (!fine && !faulty->late)
		return -1;
	return after(faulty, fine, faulty->inner.read(faulty->inner.host, addr, bytes, size));
}

static int faulty_protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	struct faulty *faulty = host;
	bool fine = ready(faulty, FAULTY_PROTECT);

	if (!fine && !faulty->late)
		return -1;
	return after(faulty, fine, faulty->inner.protect ? faulty->inner.protect(faulty->inner.host, addr, size, prot) : 0);
}

static void faulty_commit(void *host)
{
	struct faulty *faulty = host;

	if (!faulty->begun || faulty->ended)
		faulty->out_of_order = true;
	faulty->ended = true;
	faulty->commits++;
	if (faulty->inner.commit)
		faulty->inner.commit(faulty->inner.host);
}

static void faulty_abort(void *host)
{
	struct faulty *faulty = host;

	if (!faulty->begun || faulty->ended)
		faulty->out_of_order = true;
	faulty->ended = true;
	faulty->aborts++;
	faulty->inner.abort(faulty->inner.host);
}

struct lode_space faulty_space(struct faulty *faulty)
{
	return (struct lode_space){
		.host = faulty,
		.begin = faulty_begin,
		.share = faulty->inner.share ? faulty_share : NULL,
		.own = faulty_own,
		.write = faulty_write,
		.fill = faulty->inner.fill ? faulty_fill : NULL,
		.read = faulty->inner.read ? faulty_read : NULL,
		.protect = faulty_protect,
		.commit = faulty_commit,
		.abort = faulty_abort,
	};
}
