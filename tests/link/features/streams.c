/* SPDX-License-Identifier: MIT */
/* Variables of the C library, read and written directly. Needs data of another module: not where the code lies far from it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern char **environ;
int main(void)
{
	setenv("LODE_TEST", "yes", 1);
	fprintf(stdout, "%d %s\n", environ != NULL, getenv("LODE_TEST"));
	optind = 1;
	fputs("err\n", stderr);
	return 0;
}
