/* SPDX-License-Identifier: MIT */
/* A space over an array that can share pages, watches the order and the place of every call, and fails at a chosen one. */
#ifndef LODE_TESTS_SPACE_H
#define LODE_TESTS_SPACE_H

#include "hostile.h"

enum hostile_stage { HOSTILE_BEFORE, HOSTILE_RUNS, HOSTILE_BYTES, HOSTILE_PROTECT, HOSTILE_OVER };

struct hostile_space {
	struct lode_space space;
	struct lode_space under; /* the array's own callbacks */
	const struct lode_array *array;
	const struct lode_plan *plan;
	const struct lode_source *source;
	enum hostile_stage stage;
	uint32_t nruns;          /* that have come */
	unsigned long calls;     /* that may fail */
	unsigned long fail_at;   /* this call fails; 0: none */
	unsigned commits, aborts;
	bool begun;
};

void hostile_space_begin(struct hostile_space *s, struct lode_array *array, const struct lode_plan *plan,
	const struct lode_source *source);
/* Commit or abort, once, and the one that goes with the status. */
void hostile_space_end(const struct hostile_space *s, int status);

#endif
