/* SPDX-License-Identifier: MIT */
/* Constructors of another object between the first one's. */
#include <stdio.h>
__attribute__((constructor(101))) static void c101(void) { puts("101 other"); }
__attribute__((constructor(65000))) static void c65000(int argc, char **argv) { printf("65000 %d %d\n", argc, argv[0] != NULL); }
__attribute__((constructor)) static void c(void) { puts("plain other"); }
