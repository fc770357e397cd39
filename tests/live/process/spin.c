/* SPDX-License-Identifier: MIT */
/* A thread that is never in a system call, and looks after a vector register: ends with status 1 if that changes. */
#include "clock.h"
#include <stdio.h>

int main(void)
{
	const long pattern = 0x123456789abcdef;
	long found = pattern;

	printf("%ld\n", clock_step());
	fflush(stdout);
	while (found == pattern)
		__asm__ volatile("movq %1, %%xmm15\n\tmov $10000000, %%ecx\n1:\tdec %%ecx\n\tjnz 1b\n\tmovq %%xmm15, %0"
			: "=r"(found) : "r"(pattern) : "rcx", "xmm15");
	return 1;
}
