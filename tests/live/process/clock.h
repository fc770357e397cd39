/* SPDX-License-Identifier: MIT */
/* What the unit that is replaced defines. */
extern int clock_calls;
extern int (*const clock_table[1])(void);
int clock_version(void);
long clock_step(void);
long clock_total(void);
int clock_mine(void);
int clock_wait(const volatile int *until);
