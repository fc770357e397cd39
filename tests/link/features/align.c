/* SPDX-License-Identifier: MIT */
/* Alignments above a page, in data, zeros and constants. */
#include <stdint.h>
#include <stdio.h>
static int data __attribute__((aligned(65536))) = 1;
static int zeros[3] __attribute__((aligned(16384)));
static const int constant __attribute__((aligned(8192))) = 3;
int common __attribute__((aligned(4096)));
__attribute__((aligned(1024))) int main(void)
{
	const volatile int *all[4] = {&data, zeros, &constant, &common};
	const uintptr_t masks[4] = {65535, 16383, 8191, 4095};

	for (int i = 0; i < 4; i++)
		printf("%d %d\n", *all[i], ((uintptr_t)all[i] & masks[i]) == 0);
	printf("%d\n", ((uintptr_t)main & 1023) == 0);
	return 0;
}
