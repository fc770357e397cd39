/* SPDX-License-Identifier: MIT */
/* Common symbols of several sizes become one; a definition wins. */
#include <stdio.h>
int shared, twice[4];
int defined;
extern int other_sum(void);
int main(void)
{
	shared = 3;
	twice[0] = 4;
	printf("%d %d\n", other_sum(), defined);
	return 0;
}
