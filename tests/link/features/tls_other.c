/* SPDX-License-Identifier: MIT */
/* The other object's thread-local variables. */
__thread int other = 70, other_zero __attribute__((aligned(64)));
int *other_address(void)
{
	return &other;
}
