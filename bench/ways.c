/* SPDX-License-Identifier: MIT */
/* ways ROUNDS TEXT -- NAME COMMAND... [-- NAME COMMAND...] -> a line for each way: its name; the median and the shortest time in
 * us from its start to TEXT on its output (-: to its end); the memory of its process at that moment beside a guest's RAM of 256
 * MiB, in KiB: its part of all pages (Pss), and those that are of no file; its status. The ways take turns, so that what disturbs
 * the machine disturbs all. A command that ends without the text is a failure, and after two minutes it is ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "times.h"

enum { ROUNDS_MOST = 101, WAYS_MOST = 16, REST_US = 200000, LIMIT = 120 /* seconds */, MAPPINGS_MOST = 4096 };
#define RAM 0x10000000ul /* of the guests */

/* KiB */
struct memory {
	unsigned long shared; /* its part of all pages (Pss), those of files among them */
	unsigned long own;    /* pages of no file */
};

struct way {
	char **command; /* the name first */
	double took[ROUNDS_MOST];
	struct memory memory;
	int status; /* of the last one */
};

static volatile pid_t child;

static void end_child(int number)
{
	(void)number;
	kill(child, SIGKILL);
}

static void start(char **command, int *out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		exit(1);
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(command[0], command);
		_exit(127);
	}
	if (child < 0)
		exit(1);
	alarm(LIMIT);
	close(fds[1]);
	*out = fds[0];
}

/* Read to the text, or to the end of the output; the text's bytes may come in pieces. True if it came. */
static int follow(int fd, const char *text)
{
	char bytes[8192];
	size_t kept = 0, size = strlen(text);
	ssize_t n;

	while ((n = read(fd, bytes + kept, sizeof bytes - kept)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		kept += (size_t)n;
		if (memmem(bytes, kept, text, size))
			return 1;
		if (kept > size) {
			memmove(bytes, bytes + kept - size, size);
			kept = size;
		}
	}
	return 0;
}

struct mapping {
	unsigned long first, last;
	struct memory memory;
};

static int read_mappings(struct mapping *maps)
{
	struct mapping *at = maps;
	char path[64], line[512];
	unsigned long kib, first, last;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/smaps", (int)child);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, "%lx-%lx ", &first, &last) == 2 && at + 1 < maps + MAPPINGS_MOST)
			*++at = (struct mapping){.first = first, .last = last};
		else if (sscanf(line, "Pss: %lu", &kib) == 1)
			at->memory.shared = kib;
		else if (sscanf(line, "Anonymous: %lu", &kib) == 1)
			at->memory.own = kib;
	}
	if (file)
		fclose(file);
	return (int)(at - maps);
}

/* The guest's RAM: neighbours that are of its size together, since a kernel may be mapped into it; else the mapping that has
 * grown together with others, and is larger. */
static int find_ram(const struct mapping *maps, int n, int *end)
{
	for (int i = 1; i <= n; i++) {
		*end = i;
		while (*end < n && maps[*end].last - maps[i].first < RAM && maps[*end + 1].first == maps[*end].last)
			++*end;
		if (maps[*end].last - maps[i].first == RAM)
			return i;
	}
	for (*end = 1; *end <= n; ++*end)
		if (maps[*end].last - maps[*end].first > RAM)
			return *end;
	return 0;
}

/* All but the guest's RAM. */
static struct memory look(void)
{
	static struct mapping maps[MAPPINGS_MOST];
	int n = read_mappings(maps), last = 0, first = find_ram(maps, n, &last);
	struct memory memory = {0, 0};

	for (int i = 1; i <= n; i++)
		if (first == 0 || i < first || i > last) {
			memory.shared += maps[i].memory.shared;
			memory.own += maps[i].memory.own;
		}
	return memory;
}

static double once(struct way *way, const char *text)
{
	const double begun = now();
	double took;
	int out, came = 1, status = 0;

	start(way->command + 1, &out);
	if (!text) {
		waitpid(child, &status, 0);
		took = now() - begun;
	} else {
		came = follow(out, text);
		took = now() - begun;
		usleep(REST_US); /* what is started is up */
		way->memory = look();
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	alarm(0);
	close(out);
	way->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (came)
		return took;
	fprintf(stderr, "%s: it ended before it printed the text\n", way->command[0]);
	exit(1);
}

static int split(struct way *ways, char **words)
{
	int n = 0;

	for (; *words && n < WAYS_MOST; words++)
		if (strcmp(*words, "--") == 0) {
			*words = NULL;
			ways[n++].command = words + 1;
		}
	return n;
}

int main(int argc, char **argv)
{
	static struct way ways[WAYS_MOST];
	int rounds = argc > 4 ? atoi(argv[1]) : 0, n;
	const char *text = argc > 4 && strcmp(argv[2], "-") != 0 ? argv[2] : NULL;

	if (rounds < 1 || rounds > ROUNDS_MOST)
		return 2;
	n = split(ways, argv + 3);
	signal(SIGALRM, end_child);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			ways[i].took[round] = once(&ways[i], text);
	for (int i = 0; i < n; i++) {
		qsort(ways[i].took, (size_t)rounds, sizeof *ways[i].took, by_value);
		printf("%s\t%.0f\t%.0f\t%lu\t%lu\t%d\n", ways[i].command[0], ways[i].took[rounds / 2], ways[i].took[0],
			ways[i].memory.shared, ways[i].memory.own, ways[i].status);
	}
	return 0;
}
