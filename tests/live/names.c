/* SPDX-License-Identifier: MIT */
/* Two functions whose variables have one name. */
#include "units.h"

int name_one(void)
{
	static int same;

	return ++same;
}

int name_two(void)
{
	static int same;

	return same += 2;
}
