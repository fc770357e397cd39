/* SPDX-License-Identifier: MIT */
/* What the test asks the C++ units: each answer is for everything that was made before and what is made now. */
#ifndef LODE_TESTS_LIVE_ROOM_H
#define LODE_TESTS_LIVE_ROOM_H

#ifdef __cplusplus
extern "C" {
#endif

/* Objects of each class, made by the code that there is at the beginning. */
void room_begin(void);

/* 0, or the line of the first thing that is not as it is to be when the unit has version @v. */
int room_virtual(int v);
int room_types(void);
int room_inline(int v);
int room_statics(void);
int room_exceptions(int v);
int room_threads(void);
int room_pointers(int v);

/* Throws and catches for ever, through whatever code there is. */
void room_throw(void);
/* Is in the unit for three seconds. */
void room_wait(void);
unsigned long room_thrown(void);

#ifdef __cplusplus
}
#endif

#endif
