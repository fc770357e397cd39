/* SPDX-License-Identifier: MIT */
/* Functions that a resolver chooses, called and pointed at from both objects; its resolver uses relocated data. */
#include <stdio.h>
static int one(void) { return 1; }
static int two(void) { return 2; }
static int (*const table[2])(void) = {one, two};
static volatile int which = 1;
static int (*resolve(void))(void)
{
	return table[which];
}
int chosen(void) __attribute__((ifunc("resolve")));
static int local(void) __attribute__((ifunc("resolve")));
int (*pointer)(void) = chosen;
extern int call_other(void);
extern int (*other_pointer)(void);
int main(void)
{
	printf("%d %d %d %d %d\n", chosen(), local(), pointer(), call_other(), other_pointer());
	return 0;
}
