/* SPDX-License-Identifier: MIT */
/* A unit whose types change: -DV=1 is the program's. */
#ifdef LONG_CALL
#define CALL long x
#endif
#include "typed.h"
#include <lode/live.h>
#include <stdlib.h>

#if defined(SWAPPED)
struct point { int y, x; };
#elif defined(LARGER)
struct point { long z; int x, y; };
#elif defined(LARGEST)
struct point { long z; int y, x; long more; };
#else
struct point { int x, y; };
#endif

struct item {
	struct item *next;
#ifdef ITEMS
	short value, more;
#else
	int value;
#endif
};

static struct point where = {1, 2};
static struct item items[3], *list = items;
static int calls;
#ifdef FAR
struct far { int b, a; };
#else
struct far { int a, b; };
#endif
static struct far *reach;
#ifdef EXTRA
static struct { int EXTRA; } extra;
#endif
#ifdef SHARED
long shared[2];
#else
int shared[2] = {5, 6};
#endif
#ifdef ALONE
long alone[2];
#else
int alone[2] = {7, 8};
#endif

#ifdef HOOK
struct before {
#ifdef LARGEST
	long z;
#endif
	int x, y;
};

static void renew(void *now, size_t size, const void *before, size_t size_before)
{
	const struct before *old = before;
	struct point *new = now;

#ifdef FAULT
	*(volatile int *)8 = 1;
#endif
#ifdef ENDLESS
	for (volatile int i = 0; i >= 0; i = 0)
		;
#endif
	if (size != sizeof *new || size_before != sizeof *old)
		return;
	new->x = old->x + 100;
	new->y = old->y + 200;
#if defined(LARGER)
	new->z = 3;
#elif defined(LARGEST)
	new->z = old->z + 1;
#endif
}
LODE_LIVE_MIGRATE(where, renew);
#endif

#if defined(SHARED) || defined(ALONE)
static void widen(void *now, size_t size, const void *before, size_t size_before)
{
	for (size_t i = 0; i < size / sizeof(long) && i < size_before / sizeof(int); i++)
		((long *)now)[i] = ((const int *)before)[i];
}
#ifdef SHARED
LODE_LIVE_MIGRATE(shared, widen);
#else
LODE_LIVE_MIGRATE(alone, widen);
#endif
#endif

int typed_version(void)
{
	return V;
}

/* Otherwise compilers make other variables of these. */
void *typed_where(int which)
{
#ifdef EXTRA
	if (which == 2)
		return &extra;
#endif
	return which ? (void *)&where : (void *)&reach;
}

int typed_x(void)
{
	return where.x;
}

int typed_y(void)
{
	return where.y;
}

long typed_z(void)
{
#if defined(LARGER) || defined(LARGEST)
	return where.z;
#else
	return 0;
#endif
}

void typed_step(void)
{
	static struct item last;

	where.x += 1;
	where.y += 10;
	items[0].value++;
	items[0].next = &last;
	last.value = V > 1;
	alone[1]++;
	if (!reach)
		reach = calloc(1, sizeof *reach);
	reach->a += 3;
#ifdef EXTRA
	extra.a += extra.b;
#endif
}

int typed_list(void)
{
	int sum = 0;

	for (const struct item *item = list; item; item = item->next)
		sum = 10 * sum + item->value;
	return sum;
}

int typed_alone(void)
{
	return (int)(alone[0] * 100 + alone[1]);
}

int typed_call(CALL)
{
	calls++;
	return (int)x + V;
}

int typed_calls(void)
{
	return calls;
}
