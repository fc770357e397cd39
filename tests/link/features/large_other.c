/* SPDX-License-Identifier: MIT */
/* Points at the other's. */
extern char global[1 << 20];
char *other(void)
{
	return global;
}
