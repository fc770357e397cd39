/* SPDX-License-Identifier: MIT */
/* Symbols that linkers make. */
#include <stdio.h>
extern char __bss_start[], _end[], _edata[], _etext[], __executable_start[];
extern void *__dso_handle;
extern void (*__init_array_start[])(int, char **, char **) __attribute__((weak, visibility("hidden")));
extern void (*__init_array_end[])(int, char **, char **) __attribute__((weak, visibility("hidden")));
__attribute__((constructor)) static void constructor(void) {}
static int zero[3], one = 1;
int main(void)
{
	int n = 0;

	for (void (**at)(int, char **, char **) = __init_array_start; at < __init_array_end; at++)
		n += *at == (void (*)(int, char **, char **))constructor;
	printf("%d ", n);
	printf("%d %d %d ", (char *)zero >= __bss_start && (char *)zero < _end, (char *)&one < _edata, (char *)main < _etext);
	printf("%d %d\n", (char *)main >= __executable_start, (void *)&__dso_handle != NULL);
	return 0;
}
