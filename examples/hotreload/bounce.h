/* SPDX-License-Identifier: MIT */
/* What main.c knows of bounce.c. */
void step(void);
