/* SPDX-License-Identifier: MIT */
/* target THREADS: threads call the unit all the time; a line on standard input asks for what is known of it: "w": a thread waits in
 * the unit from now on; "g": no longer; "a": an alarm comes in a second; "c": a pointer is copied; "v": a thread is in vfork for
 * three. Some threads wait in system calls in every way that a stop could disturb: calls that fail with EINTR are counted. */
#define _GNU_SOURCE
#include "clock.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long interrupted, mixed, steps;
static atomic_int ticks;
static volatile int go = 1, waited;
static int (*volatile copied)(void) = clock_version;
static int (*volatile later)(void) = clock_version;

static void on_alarm(int signal)
{
	(void)signal;
	atomic_fetch_add(&ticks, 1);
}

/* Asked each time: a copy that was made while a version was in use leads to it for ever. */
static int by_table(void)
{
	int (*const volatile *table)(void) = clock_table;

	return (*table)();
}

/* All ways to the function lead to one version, but for the moment in which it changes. */
static void *caller(void *argument)
{
	(void)argument;
	for (;;) {
		pthread_mutex_lock(&lock);
		clock_step();
		atomic_fetch_add(&steps, 1);
		if (clock_version() != by_table() || copied() != clock_version())
			atomic_fetch_add(&mixed, 1);
		pthread_mutex_unlock(&lock);
		usleep(50);
	}
	return NULL;
}

static void *sleeper(void *argument)
{
	int kind = (int)(intptr_t)argument, epoll = epoll_create1(0), pair[2];
	struct timespec second = {.tv_sec = 1};
	struct timeval limit = {.tv_sec = 100};
	struct epoll_event event;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return NULL;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	for (;;) {
		int result = kind == 0 ? epoll_wait(epoll, &event, 1, -1) : kind == 1 ? nanosleep(&second, NULL) :
			kind == 2 ? poll(NULL, 0, 1000) : kind == 3 ? (int)recv(pair[0], &byte, 1, 0) :
			(int)read(pair[1], &byte, 1);

		if (result < 0 && errno == EINTR)
			atomic_fetch_add(&interrupted, 1);
	}
	return NULL;
}

static void *waiter(void *argument)
{
	waited = clock_wait(&go);
	return argument;
}

/* Its caller sleeps until the child has ended. */
static void *forker(void *argument)
{
	if (vfork() == 0) {
		sleep(3);
		_exit(0);
	}
	return argument;
}

static void *brief(void *argument)
{
	return argument;
}

/* Threads come and go. */
static void *breeder(void *argument)
{
	(void)argument;
	for (;;) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, brief, NULL) == 0)
			pthread_join(thread, NULL);
		usleep(50);
	}
	return NULL;
}

static void start(void *(*function)(void *), int count)
{
	for (int i = 0; i < count; i++) {
		pthread_t thread;
		sigset_t set;

		/* The alarm is the first thread's. */
		sigemptyset(&set);
		sigaddset(&set, SIGALRM);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		if (pthread_create(&thread, NULL, function, (void *)(intptr_t)i) != 0)
			exit(1);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
}

static void tell(void)
{
	pthread_mutex_lock(&lock);
	printf("version %d table %d copied %d calls %d steps %ld total %ld mine %d ", clock_version(), by_table(), copied(),
		clock_calls, atomic_load(&steps), clock_total(), clock_mine());
	printf("later %d ", later());
	printf("interrupted %ld mixed %ld ticks %d waited %d\n", atomic_load(&interrupted), atomic_load(&mixed),
		atomic_load(&ticks), waited);
	pthread_mutex_unlock(&lock);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	char line[64];

	sigaction(SIGALRM, &action, NULL);
	clock_step();
	atomic_fetch_add(&steps, 1);
	start(caller, argc > 1 ? atoi(argv[1]) : 0);
	start(sleeper, argc > 1 ? 5 : 0);
	start(breeder, argc > 1 ? 1 : 0);
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'a')
			alarm(1);
		if (line[0] == 'c')
			later = *(int (*const volatile *)(void))clock_table;
		if (line[0] == 'v') {
			start(forker, 1);
			usleep(20000);
		}
		if (line[0] == 'w') {
			go = 0;
			start(waiter, 1);
		}
		if (line[0] == 'g') {
			go = 1;
			usleep(20000);
		}
		tell();
	}
	return 0;
}
