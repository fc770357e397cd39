/* SPDX-License-Identifier: MIT */
/* A unit that refers to another one in every way that there is. */
#include "units.h"

static int limit = 77;
int (*other_table[2])(void) = {version, tail};

int other_limit(void)
{
	return limit;
}

int other_version(void)
{
	return version() + 0 * limit;
}

int other_tail(void)
{
	return version();
}

int (*other_pointer(void))(void)
{
	return version;
}

int other_try(int x)
{
	return triple(x) == 3 * x + 1;
}
