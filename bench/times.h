/* SPDX-License-Identifier: MIT */
/* What the benchmarks measure with: clocks in microseconds, and an order of numbers for medians. */
#ifndef LODE_BENCH_TIMES_H
#define LODE_BENCH_TIMES_H

#include <stdlib.h>
#include <time.h>

static inline double us_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double now(void)
{
	return us_of(CLOCK_MONOTONIC);
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static inline double median_of(double *values, size_t count)
{
	qsort(values, count, sizeof *values, by_value);
	return values[count / 2];
}

#endif
