/* SPDX-License-Identifier: MIT */
/* Priorities of constructors and destructors over several objects, and atexit between them. */
#include <stdio.h>
#include <stdlib.h>
static void late(void) { puts("atexit"); }
__attribute__((constructor(102))) static void c102(void) { puts("102"); }
__attribute__((constructor)) static void c(void) { puts("plain main"); }
__attribute__((constructor(101))) static void c101(void) { puts("101"); }
__attribute__((destructor(102))) static void d102(void) { puts("~102"); }
__attribute__((destructor(101))) static void d101(void) { puts("~101"); }
__attribute__((destructor)) static void d(void) { puts("~plain"); }
int main(int argc, char **argv)
{
	atexit(late);
	printf("main %d %d\n", argc, argv[argc] == NULL);
	return 7;
}
