/* SPDX-License-Identifier: MIT */
/* What typed_main.c knows of typed.c. */
#ifndef LODE_TESTS_LIVE_TYPED_H
#define LODE_TESTS_LIVE_TYPED_H

/* The unit defines them in its own way. */
#ifndef V
extern int shared[2];
#endif
int typed_version(void);
void *typed_where(int which);
int typed_x(void);
int typed_y(void);
long typed_z(void);
void typed_step(void);
int typed_list(void);
int typed_alone(void);
int typed_calls(void);
#ifndef CALL
#define CALL int x
#endif
int typed_call(CALL);

#endif
