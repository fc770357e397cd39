/* SPDX-License-Identifier: MIT */
/* Two names of one function, which become two functions. */
int alias_one(void);
int alias_two(void);

int alias_one(void)
{
	return V;
}

#if V == 1
int alias_two(void) __attribute__((alias("alias_one")));
#else
int alias_two(void)
{
	return V + 1;
}
#endif
