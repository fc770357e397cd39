/* SPDX-License-Identifier: MIT */
/* A unit with state, for replacing: STEP is what its code adds. */
#include <stdio.h>
int hits; static long total;
#ifndef STEP
#define STEP 1
#endif
static int bump(int x){ static int calls; calls++; return x + calls*0 + STEP; }
int step(void){ hits++; total = bump((int)total); return (int)total; }
int (*table[1])(void) = {step};
void show(const char *w){ printf("%s hits %d total %ld\n", w, hits, total); }
