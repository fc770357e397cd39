/* SPDX-License-Identifier: MIT */
/* Tables of addresses, switch tables, strings that are merged, functions of the C library by address and by call. */
#include <math.h>
#include <stdio.h>
#include <string.h>
static const char *const words[] = {"zero", "one", "two", "three" + 1};
static double (*const functions[])(double) = {sin, cos, sqrt};
extern const char *other_word(int n);
extern size_t (*other_strlen)(const char *);
__attribute__((noinline)) static int pick(int n)
{
	switch (n) {
	case 0: return 11;
	case 1: return 7;
	case 2: return 23;
	case 3: return 5;
	case 4: return 9;
	case 5: return 77;
	case 6: return 1;
	default: return 0;
	}
}
int main(void)
{
	for (int i = 0; i < 8; i++)
		printf("%d ", pick(i));
	printf("%s %s %s\n", words[1], words[3], other_word(2));
	printf("%.3f %.3f %.3f\n", functions[0](1), functions[1](1), functions[2](2));
	printf("%d %zu\n", other_strlen == strlen, other_strlen("hello"));
	return 0;
}
