/* SPDX-License-Identifier: MIT */
/* The other half: larger and aligned. */
int shared, twice[64];
int defined = 42;
int other_sum(void)
{
	return shared + twice[0] + twice[63];
}
