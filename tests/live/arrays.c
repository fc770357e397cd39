/* SPDX-License-Identifier: MIT */
/* Variables that are walked through from end to end, beside others, of which there are more in version 2. */
#include "units.h"

static int first[16];
#if V == 2
static int between[24] = {0};
#endif
static int second[32];
static int third;

__attribute__((noinline)) static void fill(int *begin, const int *end, int value)
{
	while (begin != end)
		*begin++ += value;
}

void arrays_step(void)
{
	fill(first, first + 16, 1);
#if V == 2
	fill(between, between + 24, 100);
#endif
	fill(second, second + 32, 10);
	third += 1000;
}

int arrays_sum(void)
{
	int sum = third;

	for (const int *p = first; p != first + 16; p++)
		sum += *p;
	for (const int *p = second; p != second + 32; p++)
		sum += *p;
#if V == 2
	for (const int *p = between; p != between + 24; p++)
		sum += *p;
#endif
	return sum;
}
