/* SPDX-License-Identifier: MIT */
/* What a program does with each mutated file: mutate.c makes them, one of the try_*.c takes them. */
#ifndef LODE_TESTS_TRY_H
#define LODE_TESTS_TRY_H

#include <stdbool.h>
#include <stddef.h>

/* False: mutations of the seed of this name are not worth the time. */
bool hostile_wants(const char *name);
void hostile_try(const unsigned char *bytes, size_t size);
/* try_cli.c: one of its calls, by number; 3 and 4 are JSON at its fullest. */
void hostile_try_call(const unsigned char *bytes, size_t size, unsigned long which);
/* How many files, or parts of their way, went well so far. */
unsigned long hostile_good(void);
/* A line of numbers: so that nobody takes a run for thorough in which everything was refused at the door. */
void hostile_report(void);

#endif
