/* SPDX-License-Identifier: MIT */
/* outside [THREADS]: threads throw all the time. A version of the unit as input -> what the room answers for it, and how often
 * somebody threw; "s": this thread is busy for three seconds, in code of its own, and then answers; "w": a thread waits in the unit
 * for as long. */
#include "room.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile unsigned long spins;

static void spin(void)
{
	time_t until = time(NULL) + 3;

	while (time(NULL) < until)
		for (int i = 0; i < 10000000; i++)
			spins++;
}

static void *throw_on(void *unused)
{
	room_throw();
	return unused;
}

/* What calls have left on the stack looks like callers that are still to be returned to. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char stack[1 << 16];

	for (size_t i = 0; i < sizeof stack; i++)
		stack[i] = 0;
}

static void *wait_there(void *unused)
{
	room_wait();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char line[16];

	room_begin();
	for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--)
		if (pthread_create(&thread, NULL, throw_on, NULL) != 0)
			return 1;
	while (fgets(line, sizeof line, stdin)) {
		int v = atoi(line);

		if (line[0] == 's')
			spin();
		if (line[0] == 'w' && pthread_create(&thread, NULL, wait_there, NULL) != 0)
			return 1;
		printf("%d %d %d %d %d %d %d ", room_virtual(v), room_types(), room_inline(v), room_statics(), room_exceptions(v),
			room_threads(), room_pointers(v));
		printf("%lu\n", room_thrown());
		fflush(stdout);
		wipe();
	}
	return 0;
}
