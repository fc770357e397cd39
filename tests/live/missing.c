/* SPDX-License-Identifier: MIT */
/* A function that the program has, and one that nobody has. */
int nobody_has_this(void);
int version(void);

int version(void)
{
	return nobody_has_this();
}
