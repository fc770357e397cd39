/* SPDX-License-Identifier: MIT */
/* Visibilities bind within the link. */
#include <stdio.h>
extern int h(void) __attribute__((visibility("hidden")));
extern int p(void) __attribute__((visibility("protected")));
extern int i(void) __attribute__((visibility("internal")));
extern int hd __attribute__((visibility("hidden")));
int main(void)
{
	printf("%d %d %d %d\n", h(), p(), i(), hd);
	return 0;
}
