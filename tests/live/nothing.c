/* SPDX-License-Identifier: MIT */
/* Functions that the program has not. */
int never_heard_of(int x)
{
	return x;
}
