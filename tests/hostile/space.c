/* SPDX-License-Identifier: MIT */
/* Calls of lode_place come in, an array's bytes change; what breaks the contract of struct lode_space is reported. */
#include <string.h>

#include "space.h"

/* True if this call is to fail. Stages only ever go on. */
static bool enter(struct hostile_space *s, enum hostile_stage stage)
{
	HOLDS(stage >= s->stage && s->stage != HOSTILE_OVER);
	s->stage = stage;
	return ++s->calls == s->fail_at;
}

static int begin(void *host, const struct lode_range *span)
{
	struct hostile_space *s = host;

	HOLDS(s->stage == HOSTILE_BEFORE && !s->begun);
	HOLDS(span->addr == s->plan->span.addr && span->size == s->plan->span.size);
	if (enter(s, HOSTILE_RUNS) || s->under.begin(s->under.host, span) != 0)
		return -1;
	s->begun = true;
	return 0;
}

/* Each run of the plan once and in its order. */
static bool enter_run(struct hostile_space *s, const struct lode_run *run)
{
	HOLDS(s->begun && s->stage == HOSTILE_RUNS);
	HOLDS(s->nruns < s->plan->nruns && run->addr == s->plan->runs[s->nruns].addr && run->size == s->plan->runs[s->nruns].size);
	s->nruns++;
	return enter(s, HOSTILE_RUNS);
}

/* As a mapping of the file would be: what reaches past its end reads as zeros. */
static int share(void *host, const struct lode_run *run)
{
	struct hostile_space *s = host;
	uint64_t there = s->source->size - run->offset;

	HOLDS(run->kind == LODE_RUN_SHARE && run->offset < s->source->size);
	if (enter_run(s, run) || run->offset >= s->source->size)
		return -1;
	there = there < run->size ? there : run->size;
	if (s->under.own(s->under.host, run) != 0)
		return -1;
	return lode_source_read(s->array->memory + (run->addr - s->array->base), s->source, run->offset, (size_t)there, NULL);
}

static int own(void *host, const struct lode_run *run)
{
	struct hostile_space *s = host;

	HOLDS(run->kind == LODE_RUN_OWN);
	return enter_run(s, run) ? -1 : s->under.own(s->under.host, run);
}

static int zero(void *host, const struct lode_run *run)
{
	struct hostile_space *s = host;

	HOLDS(run->kind == LODE_RUN_ZERO);
	return enter_run(s, run) ? -1 : s->under.own(s->under.host, run);
}

/* Every byte that is touched lies in a run. */
static bool enter_bytes(struct hostile_space *s, uint64_t addr, uint64_t size)
{
	HOLDS(s->nruns == s->plan->nruns);
	for (uint64_t at = 0; at < size;) {
		const struct lode_run *run = lode_plan_run_at(s->plan, addr + at, 1);

		HOLDS(run != NULL);
		if (run == NULL)
			break;
		at = run->addr + run->size - addr;
	}
	return enter(s, HOSTILE_BYTES);
}

static int write_bytes(void *host, uint64_t addr, const void *bytes, size_t size)
{
	struct hostile_space *s = host;

	return enter_bytes(s, addr, size) ? -1 : s->under.write(s->under.host, addr, bytes, size);
}

static int fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	struct hostile_space *s = host;

	HOLDS(why->rule == LODE_RULE_NONE);
	return enter_bytes(s, fill->addr, fill->size) ? -1 : s->under.fill(s->under.host, fill, source, why);
}

static int read_bytes(void *host, uint64_t addr, void *bytes, size_t size)
{
	struct hostile_space *s = host;

	return enter_bytes(s, addr, size) ? -1 : s->under.read(s->under.host, addr, bytes, size);
}

static int protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	struct hostile_space *s = host;

	HOLDS(((addr | size) & (s->plan->page_size - 1)) == 0 && size > 0 && prot <= 7);
	HOLDS(lode_plan_run_at(s->plan, addr, 1) != NULL && lode_plan_run_at(s->plan, addr + size - 1, 1) != NULL);
	return enter(s, HOSTILE_PROTECT) ? -1 : 0;
}

static void commit(void *host)
{
	struct hostile_space *s = host;

	HOLDS(s->begun && s->stage != HOSTILE_OVER);
	s->stage = HOSTILE_OVER;
	s->commits++;
}

static void abort_placing(void *host)
{
	struct hostile_space *s = host;

	HOLDS(s->begun && s->stage != HOSTILE_OVER);
	s->stage = HOSTILE_OVER;
	s->aborts++;
	s->under.abort(s->under.host);
}

void hostile_space_begin(struct hostile_space *s, struct lode_array *array, const struct lode_plan *plan,
	const struct lode_source *source)
{
	*s = (struct hostile_space){.under = lode_array_space(array), .array = array, .plan = plan, .source = source};
	s->space = (struct lode_space){
		.host = s, .begin = begin, .share = share, .own = own, .zero = zero, .write = write_bytes, .fill = fill,
		.read = read_bytes, .protect = protect, .commit = commit, .abort = abort_placing,
	};
}

void hostile_space_end(const struct hostile_space *s, int status)
{
	HOLDS(s->commits == (status == LODE_OK ? 1u : 0u));
	HOLDS(s->aborts == (status != LODE_OK && s->begun ? 1u : 0u));
}
