/* SPDX-License-Identifier: MIT */
/* Constants of 16 and 32 bytes, which code loads aligned. */
#include <stdio.h>
typedef float v4 __attribute__((vector_size(16)));
static v4 weights = {1, 2, 3, 4};
extern v4 other(v4 v);
int main(void)
{
	v4 v = other(weights * (v4){2, 2, 2, 2});

	printf("%g %g %g %g\n", (double)v[0], (double)v[1], (double)v[2], (double)v[3]);
	return 0;
}
