/* SPDX-License-Identifier: MIT */
/* A broken promise comes in, the run ends: the fuzzer keeps the input, a replay fails. */
#include <stdlib.h>

#include "fuzz.h"

void hostile_broken(const char *text, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	abort();
}
