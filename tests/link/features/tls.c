/* SPDX-License-Identifier: MIT */
/* Thread-local variables: initialised, zero, static, of the other object, in a new thread; in every model. */
#include <pthread.h>
#include <stdio.h>
__thread int own = 5;
static __thread char bytes[3] = "ab", zero[70];
static __thread long local = 9;
extern __thread int other, other_zero __attribute__((aligned(64)));
extern int *other_address(void);
static void *work(void *result)
{
	*(int *)result = own + other + other_zero + bytes[1] + zero[69] + (int)local;
	own = other = 1000;
	return NULL;
}
int main(void)
{
	pthread_t thread;
	int result = 0;

	own++;
	local += 2;
	other_zero = 3;
	zero[69] = 1;
	printf("%d %d %d %s %ld %d\n", own, other, other_zero, bytes, local, zero[69]);
	printf("%d %d\n", other_address() == &other, ((unsigned long)&other_zero & 63) == 0);
	if (pthread_create(&thread, NULL, work, &result) == 0)
		pthread_join(thread, NULL);
	printf("%d %d %d\n", result, own, other);
	return 0;
}
