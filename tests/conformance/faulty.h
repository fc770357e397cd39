/* SPDX-License-Identifier: MIT */
/* A space around another one: counts callbacks, watches their order, fails the one at @at, before or after its effect. */
#ifndef LODE_TESTS_FAULTY_H
#define LODE_TESTS_FAULTY_H

#include <lode/lode.h>

enum faulty_stage { FAULTY_RUNS, FAULTY_BYTES, FAULTY_PROTECT };

/** Set inner, at and late; zero the rest. */
struct faulty {
	struct lode_space inner;
	uint32_t at; /* which call fails, from 0; UINT32_MAX: none */
	bool late;   /* fail after the effect; begin always fails before */
	uint32_t calls;
	unsigned commits, aborts;
	bool begun, ended, out_of_order;
	enum faulty_stage stage;
	struct lode_range span;
	uint64_t last; /* end of the last run */
};
struct lode_space faulty_space(struct faulty *faulty);

#endif
