/* SPDX-License-Identifier: MIT */
/* Uses the other object's ifunc. */
extern int chosen(void);
int (*other_pointer)(void) = chosen;
int call_other(void)
{
	return chosen() * 10;
}
