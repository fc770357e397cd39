/* SPDX-License-Identifier: MIT */
/* exec PIE FIXED LODE NAME=IMAGE... -> tables: exec in place by the kernel and by Lode, and ways to spawn IMAGE, in microseconds.
 * PIE and FIXED are tests/exec/launch.c, which becomes itself N times, linked in two ways; LODE is the command. Rounds are
 * interleaved, so that noise meets all alike. */
#define _GNU_SOURCE
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lode/exec.h>

#include "times.h"

extern char **environ;

enum { CHAIN_ROUNDS = 301, CHAIN = 40, SPAWN_ROUNDS = 300, MAX_IMAGES = 16 };

static const char *command;
static char *environment[] = {"PATH=/usr/bin:/bin", NULL};

static void pin(void)
{
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof cpus, &cpus);
	for (size_t i = CPU_SETSIZE; i-- > 0;) {
		if (!CPU_ISSET(i, &cpus))
			continue;
		CPU_ZERO(&cpus);
		CPU_SET(i, &cpus);
		break;
	}
	sched_setaffinity(0, sizeof cpus, &cpus);
}

static void wait_for(pid_t pid, const char *what)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "bench: %s failed\n", what);
		exit(1);
	}
}

/* Ways of spawning: each returns a process number. */

static void lode_becomes(const char *path, char **argv)
{
	const struct lode_exec_request request = {
		.path = path, .argv = (const char *const *)argv, .envp = (const char *const *)environment};
	struct lode_exec_error why;
	struct lode_exec exec;

	if (lode_exec_prepare(&exec, &request, &why) == 0)
		lode_exec_commit(&exec, &why);
	_exit(127);
}

static pid_t by_vfork(const char *path, char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, argv, environment);
		_exit(127);
	}
	return pid;
}

static pid_t by_posix_spawn(const char *path, char **argv)
{
	pid_t pid;

	return posix_spawn(&pid, path, NULL, NULL, argv, environment) ? -1 : pid;
}

static pid_t by_fork(const char *path, char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, environment);
		_exit(127);
	}
	return pid;
}

static pid_t by_lode(const char *path, char **argv)
{
	pid_t pid = fork();

	if (pid == 0)
		lode_becomes(path, argv);
	return pid;
}

static pid_t by_command(const char *path, char **argv)
{
	char *lode[] = {(char *)command, "exec", (char *)path, NULL};

	(void)argv;
	return by_vfork(command, lode);
}

static const struct way {
	const char *name;
	pid_t (*spawn)(const char *path, char **argv);
} ways[] = {
	{"vfork+execve", by_vfork},
	{"posix_spawn", by_posix_spawn},
	{"fork+execve", by_fork},
	{"fork+Lode", by_lode},
	{"lode exec", by_command},
};
enum { NWAYS = sizeof ways / sizeof *ways };

/* The value below which a share of them lies; sorts. */
static double quantile(double *values, size_t n, double share)
{
	qsort(values, n, sizeof *values, by_value);
	return values[(size_t)((double)(n - 1) * share + 0.5)];
}

/* The chain's program becomes itself n times, then the image. */
static double run_chain(const char *chain, const char *mode, unsigned n, const char *image)
{
	char count[16];
	char *argv[] = {(char *)chain, (char *)mode, count, (char *)image, NULL};
	double begin;

	sprintf(count, "%u", n);
	begin = now();
	wait_for(by_vfork(chain, argv), "the chain");
	return now() - begin;
}

enum { KERNEL_PIE, LODE_PIE, KERNEL_FIXED, LODE_FIXED, NCHAINS };

static void bench_chain(const char *const *programs, const char *image)
{
	static const char *const modes[2] = {"-k", "-l"};
	static const char *const names[NCHAINS] = {
		"kernel, static-PIE", "Lode, static-PIE", "kernel, fixed address", "Lode, fixed address"};
	static double each[NCHAINS][CHAIN_ROUNDS];
	double median[NCHAINS];

	for (int round = -1; round < CHAIN_ROUNDS; round++)
		for (int i = 0; i < NCHAINS; i++) {
			double all = run_chain(programs[i / 2], modes[i & 1], CHAIN, image);
			double rest = run_chain(programs[i / 2], modes[i & 1], 0, image);

			if (round >= 0)
				each[i][round] = (all - rest) / CHAIN;
		}
	printf("Exec in place: a static program without libc becomes itself %d times in one process (%d rounds of each, "
		"interleaved)\n\n",
		CHAIN, CHAIN_ROUNDS);
	printf("  %-24s %8s %8s %8s\n", "us for one exec", "median", "p10", "p90");
	for (int i = 0; i < NCHAINS; i++) {
		median[i] = quantile(each[i], CHAIN_ROUNDS, 0.5);
		printf("  %-24s %8.1f %8.1f %8.1f\n", names[i], median[i], quantile(each[i], CHAIN_ROUNDS, 0.1),
			quantile(each[i], CHAIN_ROUNDS, 0.9));
	}
	printf("  Lode / kernel: %.2f for the static-PIE, %.2f for the fixed address, where the caller is in the way\n\n",
		median[LODE_PIE] / median[KERNEL_PIE], median[LODE_FIXED] / median[KERNEL_FIXED]);
}

static void time_ways(double (*times)[NWAYS][SPAWN_ROUNDS], char **paths, int n)
{
	for (int round = -3; round < SPAWN_ROUNDS; round++)
		for (int i = 0; i < n; i++)
			for (int w = 0; w < NWAYS; w++) {
				char *argv[] = {paths[i], NULL};
				double begin = now();

				wait_for(ways[w].spawn(paths[i], argv), ways[w].name);
				if (round >= 0)
					times[i][w][round] = now() - begin;
			}
}

static void bench_spawn(char **names, char **paths, int n)
{
	static double times[MAX_IMAGES][NWAYS][SPAWN_ROUNDS];

	time_ways(times, paths, n);
	printf("Spawn, run, wait: median, p10 and p90 of %d starts of each, interleaved, in us\n\n  %-22s", SPAWN_ROUNDS, "");
	for (int w = 0; w < NWAYS; w++)
		printf(" %18s", ways[w].name);
	printf(" %10s\n", "Lode/fork");
	for (int i = 0; i < n; i++) {
		double median[NWAYS];

		printf("  %-22s", names[i]);
		for (int w = 0; w < NWAYS; w++) {
			median[w] = quantile(times[i][w], SPAWN_ROUNDS, 0.5);
			printf(" %6.0f %5.0f-%5.0f", median[w], quantile(times[i][w], SPAWN_ROUNDS, 0.1),
				quantile(times[i][w], SPAWN_ROUNDS, 0.9));
		}
		printf(" %10.2f\n", median[3] / median[2]);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	char *names[MAX_IMAGES], *paths[MAX_IMAGES];
	int n = 0;

	if (argc < 5)
		return 2;
	command = argv[3];
	for (int i = 4; i < argc && n < MAX_IMAGES; i++, n++) {
		names[n] = argv[i];
		paths[n] = strchr(argv[i], '=');
		if (paths[n] == NULL)
			return 2;
		*paths[n]++ = '\0';
	}
	pin();
	bench_chain((const char *const *)argv + 1, paths[0]);
	bench_spawn(names, paths, n);
	return 0;
}
