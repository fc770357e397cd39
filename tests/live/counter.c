/* SPDX-License-Identifier: MIT */
/* A unit with state of every kind, in several versions (-DV=1, 2, 3), whose code differs and whose data is to stay. */
#include "units.h"

#ifndef V
#define V 1
#endif

int hits;
static long total = 5;
static int limit = 100 * V; /* the value that it has when the program begins stays; other.c has one of this name */
struct pair pair = {.a = 1, .b = 2};
int uninitialised[64];
__thread int per_thread = 7;
static __thread int own_per_thread;
static int constructed;

#if V == 2
int fresh = 42;
static int fresh_static = 43;
static __thread int fresh_per_thread;
#endif
#if V != 3
int sometimes = 9; /* removed in version 3 */
#endif

__attribute__((constructor)) static void construct(void)
{
	constructed++;
}

int count_constructed(void)
{
	return constructed;
}

#if V == 3
__attribute__((noinline)) static int helper(int x, int y)
{
	return 2 * x + y;
}
#else
__attribute__((noinline)) static int helper(int x)
{
	return 3 * x;
}
#endif

/* The same in all versions, in another way. */
int triple(int x)
{
#if V == 3
	return helper(x, x) + 1;
#elif V == 2
	return helper(x) + x - x + 1;
#else
	int sum = 1;

	for (int i = 0; i < 3; i++)
		sum += x;
	return sum;
#endif
}

int version(void)
{
	return V;
}

int step(void)
{
	static int calls = 3;
	static const char *const words[] = {"one", "two", "three"};

	hits++;
	calls += V;
	total += V;
	per_thread++;
	own_per_thread += V;
	uninitialised[hits % 64] = calls;
#if V == 2
	fresh++;
	fresh_static++;
	fresh_per_thread++;
#endif
	return words[V - 1] != NULL ? calls : 0;
}

#if V >= 2
/* In version 1 the numbers that compilers give to variables of functions are others. */
int late(void)
{
	static int before;

	return ++before;
}
#endif

struct state look(void)
{
	struct state state = {.hits = hits, .total = total, .limit = limit, .pair = pair, .per_thread = per_thread,
		.own_per_thread = own_per_thread, .last = uninitialised[hits % 64]};

#if V == 2
	state.fresh = fresh;
	state.fresh_static = fresh_static;
	state.fresh_per_thread = fresh_per_thread;
#endif
	return state;
}

void *address_of(enum datum which)
{
	switch (which) {
	case TOTAL: return &total;
	case LIMIT: return &limit;
	case PAIR: return &pair.b;
	case MIDDLE: return &uninitialised[17];
	default: return NULL;
	}
}

/* A caller that is as short as a function gets: a tail call. */
int tail(void)
{
	return version();
}

static int from_table(void)
{
	return 10 + V;
}

/* Tables of pointers: constant, and one that the program writes. */
int (*const constant_table[2])(void) = {version, from_table};
int (*table[3])(void) = {version, from_table, NULL};

/* Goes on until it is told to stop. */
int forever(volatile int *stop)
{
	while (!*stop)
		hits++;
	return V;
}
