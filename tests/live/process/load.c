/* SPDX-License-Identifier: MIT */
/* load PORT THREADS: asks all the time, over connections that stay and over new ones, until its input ends; then says how many
 * requests there were, how many were lost or answered wrongly, and the longest wait. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 1000, ON_ONE = 100 };
static struct sockaddr_in address = {.sin_family = AF_INET};
static atomic_long asked, lost, wrong, longest;
static atomic_int end;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The whole answer: its head says how long it is. */
static int get(int fd, char *buffer, size_t room)
{
	size_t size = 0;

	for (;;) {
		ssize_t got = recv(fd, buffer + size, room - 1 - size, 0);
		const char *body, *length;

		if (got <= 0)
			return -1;
		size += (size_t)got;
		buffer[size] = '\0';
		body = strstr(buffer, "\r\n\r\n");
		length = strstr(buffer, "Content-Length: ");
		if (body && length && strlen(body + 4) >= (size_t)atoi(length + 16))
			return 0;
	}
}

static int ask(int fd, int key)
{
	char buffer[4096], expected[128];
	long begun = now(), took;
	int length = snprintf(buffer, sizeof buffer, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", key);

	atomic_fetch_add(&asked, 1);
	if (send(fd, buffer, (size_t)length, MSG_NOSIGNAL) != length || get(fd, buffer, sizeof buffer) != 0) {
		atomic_fetch_add(&lost, 1);
		return -1;
	}
	took = now() - begun;
	if (took > atomic_load(&longest))
		atomic_store(&longest, took);
	snprintf(expected, sizeof expected, "\r\n\r\n%d: name %d of %d, %d", key, key * 7, key, key * (key + 1) / 2);
	if (strncmp(buffer, "HTTP/1.1 200 OK\r\n", 17) != 0 || strcmp(strstr(buffer, "\r\n\r\n"), expected) != 0)
		atomic_fetch_add(&wrong, 1);
	return 0;
}

static void *run(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;

	while (!atomic_load(&end)) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
			atomic_fetch_add(&lost, 1);
		else
			for (int i = 0; i < ON_ONE && !atomic_load(&end) && ask(fd, rand_r(&seed) % ROWS) == 0; i++)
				;
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t threads[64];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "0"));
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(i + 1));
	while (getchar() != EOF)
		;
	atomic_store(&end, 1);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%ld requests, %ld lost, %ld wrong, longest wait %.1f ms\n", atomic_load(&asked), atomic_load(&lost),
		atomic_load(&wrong),
		(double)atomic_load(&longest) / 1e6);
	return 0;
}
