/* SPDX-License-Identifier: MIT */
/* Weak symbols: absent ones are 0, defined ones give way. */
#include <stdio.h>
extern int absent_data __attribute__((weak));
extern void absent(void) __attribute__((weak));
__attribute__((weak)) int chosen(void)
{
	return 1;
}
__attribute__((weak, noinline)) int kept(void)
{
	return 5;
}
int main(void)
{
	int *volatile data = &absent_data;

	if (absent)
		absent();
	printf("%d %d %d %d\n", data == NULL, absent == NULL, chosen(), kept());
	return 0;
}
