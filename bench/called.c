/* SPDX-License-Identifier: MIT */
/* A function that is called as often as can be. */
int called(int x);

int called(int x)
{
	return x + STEP;
}
