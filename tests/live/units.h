/* SPDX-License-Identifier: MIT */
/* What the units of the test program know of each other. */
#ifndef LODE_TESTS_LIVE_UNITS_H
#define LODE_TESTS_LIVE_UNITS_H

#include <stddef.h>

struct pair {
	int a, b;
#ifdef LARGER
	int c;
#endif
};

struct state {
	int hits, limit, per_thread, own_per_thread, last, fresh, fresh_static, fresh_per_thread;
	long total;
	struct pair pair;
};

enum datum { TOTAL, LIMIT, PAIR, MIDDLE };

/* counter.c */
extern int hits;
extern struct pair pair;
int count_constructed(void);
int triple(int x);
int version(void);
int step(void);
struct state look(void);
void *address_of(enum datum which);
int tail(void);
int late(void);
int forever(volatile int *stop);
extern int (*const constant_table[2])(void);
extern int (*table[3])(void);

/* other.c: stays as it is. */
int other_limit(void);
int other_version(void);
int other_tail(void);
int (*other_pointer(void))(void);
extern int (*other_table[2])(void);
/* True as long as triple() is right. */
int other_try(int x);

/* arrays.c */
void arrays_step(void);
int arrays_sum(void);

/* names.c: cannot be told apart. */
int name_one(void);
int name_two(void);

#endif
