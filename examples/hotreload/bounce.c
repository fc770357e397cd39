/* SPDX-License-Identifier: MIT */
/* What is drawn. Edit this file while the program runs, and save it: `step` and its variables go on. */
#include "bounce.h"
#include <stdio.h>
#include <string.h>

enum { WIDTH = 60 };

static int at, direction = 1;
static unsigned long frames;

void step(void)
{
	char line[WIDTH + 1];

	memset(line, '.', WIDTH);
	line[WIDTH] = '\0';
	at += direction;
	if (at <= 0 || at >= WIDTH - 1)
		direction = -direction;
	line[at] = 'o';
	frames++;
	printf("%6lu %s\n", frames, line);
	fflush(stdout);
}
