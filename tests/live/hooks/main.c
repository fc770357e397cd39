/* SPDX-License-Identifier: MIT */
/* A line of input -> what the unit says, and how often it was asked. */
#include <stdio.h>

int answer(void);

int main(void)
{
	char line[16];

	while (fgets(line, sizeof line, stdin)) {
		printf("%d\n", answer());
		fflush(stdout);
	}
	return 0;
}
