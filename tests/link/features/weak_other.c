/* SPDX-License-Identifier: MIT */
/* The strong definition. */
int chosen(void)
{
	return 2;
}
