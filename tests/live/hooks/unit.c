/* SPDX-License-Identifier: MIT */
/* The unit that is replaced. */
#ifndef STEP
#define STEP 1
#endif
int answer(void);

int answer(void)
{
	static int asked;

	return 1000000 * STEP + ++asked;
}
