/* SPDX-License-Identifier: MIT */
/* The other half of a recursion. */
extern int odd(int n);
int even(int n)
{
	return n == 0 ? 1 : odd(n - 1);
}
