/* SPDX-License-Identifier: MIT */
/* Large objects, which the medium and large models put apart. */
#include <stdio.h>
static char array[1 << 20];
char global[1 << 20] = {1};
const char constants[1 << 17] = {[1 << 16] = 2};
extern char *other(void);
int main(void)
{
	array[77] = 5;
	other()[99] = 6;
	printf("%d %d %d %d\n", array[77], global[0], global[99], constants[1 << 16]);
	return 0;
}
