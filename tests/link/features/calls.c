/* SPDX-License-Identifier: MIT */
/* Calls back and forth, recursion, variable arguments, a jump out of a callback of the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
extern int even(int n);
int odd(int n)
{
	return n == 0 ? 0 : even(n - 1);
}
static int sum(int n, ...)
{
	va_list list;
	int all = 0;

	va_start(list, n);
	while (n-- > 0)
		all += va_arg(list, int);
	va_end(list);
	return all;
}
static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}
static jmp_buf out;
static int leave(const void *a, const void *b)
{
	(void)a;
	(void)b;
	longjmp(out, 4);
}
int main(void)
{
	int numbers[5] = {5, 3, 9, 1, 7};

	qsort(numbers, 5, sizeof *numbers, compare);
	printf("%d %d %d ", even(10), odd(10), sum(3, 1, 2, 3));
	printf("%d%d%d%d%d\n", numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
	if (setjmp(out) == 0)
		qsort(numbers, 5, sizeof *numbers, leave);
	else
		puts("left");
	return 0;
}
