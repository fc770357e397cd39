/* SPDX-License-Identifier: MIT */
/* kvm-pair PATH FIRST... -- SECOND...: runs FIRST, and SECOND when PATH is there; each one's status when both are at their end. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND = 100 /* looks */, LOOK_US = 10000, BEGIN = 30 * SECOND, LIMIT = 50 * SECOND, REST = 10 * SECOND };

static pid_t start(char **words)
{
	pid_t child = fork();

	if (child == 0) {
		execv(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	return child;
}

/* Who takes longer than so many looks is ended. */
static int finish(pid_t child, int looks)
{
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (looks-- == 0)
			kill(child, SIGKILL);
		usleep(LOOK_US);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int middle = 3, looks = BEGIN;
	pid_t first, second;

	while (middle + 1 < argc && strcmp(argv[middle], "--") != 0)
		middle++;
	if (middle + 1 >= argc)
		return 2;
	argv[middle] = NULL;
	unlink(argv[1]);
	first = start(argv + 2);
	while (access(argv[1], F_OK) != 0 && looks-- > 0)
		usleep(LOOK_US);
	second = start(argv + middle + 1);
	printf("\nsecond %d\n", finish(second, LIMIT));
	printf("first %d\n", finish(first, REST));
	return 0;
}
