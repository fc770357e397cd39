/* SPDX-License-Identifier: MIT */
/* A unit with state of every kind, for replacing while threads call it: STEP is what its code adds. */
#include "clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef STEP
#define STEP 1
#endif
#ifndef TOTAL
#define TOTAL long
#endif

int clock_calls;
static TOTAL total;
#ifdef HOOK
#include <lode/live.h>

/* What a hook is likely to do, and what it must not. */
static void widen(void *now, size_t size, const void *before, size_t size_before)
{
	enum { WELL = 1, FAULTS, NEVER_ENDS, WAITS };

	if (HOOK == FAULTS)
		*(volatile int *)8 = 1;
	while (HOOK == NEVER_ENDS)
		__asm__ volatile("");
	while (HOOK == WAITS)
		usleep(100000000);
	__asm__ volatile("pcmpeqb %%xmm15, %%xmm15\n\tpcmpeqb %%xmm0, %%xmm0" ::: "xmm0", "xmm15");
	if (usleep(1) != 0 || size <= size_before)
		return;
	memset(now, 0, size);
	memcpy(now, before, size_before);
}
LODE_LIVE_MIGRATE(total, widen);
#endif
static __thread int mine;
#ifdef SWAPPED
static struct { long last; int by, count; } rate;
#else
static struct { long last; int count, by; } rate;
#endif

static long bump(long by)
{
	static long calls;

#ifdef EXTRA
	static EXTRA extra;

	extra++;
#endif
	calls++;
	total += by;
	rate.count++;
	rate.by = (int)by;
	rate.last = total != 0 ? by : rate.count;
	return calls;
}

#ifdef WORDS
/* Functions that the program does not call: of the C library, chosen by the processor, and a variable of it. */
static int words(void)
{
	char text[32], copy[32];

	errno = 0;
	snprintf(text, sizeof text, "%d", STEP);
	memcpy(copy, text, strlen(text) + 1);
	if (strchr(copy, 'x') || strcmp(text, copy) != 0 || !stdout || memchr(copy, '\0', sizeof copy) != copy + strlen(text))
		return -1;
	return atoi(copy) + errno;
}
#else
static int words(void)
{
	return STEP;
}
#endif

int clock_version(void)
{
	return words();
}

long clock_step(void)
{
	clock_calls++;
	mine++;
	return bump(STEP);
}

long clock_total(void)
{
	return (long)total;
}

int clock_mine(void)
{
	return mine;
}

/* Whoever is in here is in the unit. */
int clock_wait(const volatile int *until)
{
	while (!*until)
		usleep(1000);
	return clock_version();
}

int (*const clock_table[1])(void) = {clock_version};
