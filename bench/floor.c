/* SPDX-License-Identifier: MIT */
/* floor PROGRAM -> the time of the system calls and page faults alone that no exec from inside a process can do without, on a
 * program's own segments: what is left of the kernel's lead when all else costs nothing. Nothing is decided, checked, built or
 * copied here. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lode/lode.h>

#include "times.h"

enum { PAGE = 4096, MOST = 16, ROUNDS = 4001, LOOKS = 5 };

static struct lode_segment segments[MOST];
static struct lode_run runs[LODE_PLAN_RUNS(MOST)];
static struct lode_fill fills[LODE_PLAN_FILLS(MOST)];
static struct lode_plan plan = {.runs = runs, .max_runs = LODE_PLAN_RUNS(MOST), .fills = fills, .max_fills = LODE_PLAN_FILLS(MOST)};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int read_file(void *host, void *dst, uint64_t offset, size_t size)
{
	return pread(*(int *)host, dst, size, (off_t)offset) == (ssize_t)size ? 0 : -1;
}

static void plan_program(int fd)
{
	struct stat stat;
	struct lode_source source = {.read = read_file, .host = &fd};
	struct lode_open_options options = {.segments = segments, .max_segments = MOST};
	struct lode_policy policy = lode_policy_process(PAGE);
	struct lode_image image;

	if (fstat(fd, &stat))
		fail("fstat");
	source.size = (uint64_t)stat.st_size;
	policy.flags |= LODE_PLAN_SHARE;
	if (lode_open(&image, &source, &options, NULL) || lode_plan(&plan, &image, &policy, NULL)) {
		fprintf(stderr, "floor: the program cannot be planned\n");
		exit(1);
	}
}

/* /proc/self/maps is opened, asked for the few ranges that have to stay, and closed. */
static void look_at_maps(void)
{
	struct {
		uint64_t size, flags, addr, answers[6];
		uint32_t numbers[4];
		uint64_t name, build_id;
	} query = {.size = sizeof query};
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < LOOKS; i++) {
		query.addr = (uint64_t)(uintptr_t)&query;
		ioctl(fd, _IOWR('f', 17, query), &query);
	}
	close(fd);
}

/* The image at an address of the kernel's choice, each run touched as a start touches it: read, or written. */
static unsigned char *map_program(int fd)
{
	unsigned char *base = mmap(NULL, (size_t)plan.span.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	munmap(base, (size_t)plan.span.size);
	for (uint32_t i = 0; i < plan.nruns; i++) {
		const struct lode_run *run = &runs[i];
		unsigned char *at = base + (run->addr - plan.span.addr);
		bool share = run->kind == LODE_RUN_SHARE;
		int prot = (run->prot & LODE_PF_R ? PROT_READ : 0) | (run->prot & LODE_PF_W ? PROT_WRITE : 0) |
			(run->prot & LODE_PF_X ? PROT_EXEC : 0);
		int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | (share ? 0 : MAP_ANONYMOUS);

		if (mmap(at, (size_t)run->size, prot, flags, share ? fd : -1, share ? (off_t)run->offset : 0) != at)
			fail("mmap");
		if (share && run->prot & LODE_PF_W)
			*(volatile unsigned char *)at = 1;
		else if (share)
			(void)*(volatile unsigned char *)at;
	}
	return base;
}

static unsigned char *once(const char *path, unsigned char *old)
{
	char head[1024], name[16] = "floor";
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *code, *base;

	if (fd < 0 || fstat(fd, &stat) || pread(fd, head, sizeof head, 0) != sizeof head)
		fail(path);
	faccessat(fd, "", X_OK, AT_EMPTY_PATH);
	look_at_maps();
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(volatile unsigned char *)code = 0xc3;
	mprotect(code, PAGE, PROT_READ | PROT_EXEC);
	base = map_program(fd);
	if (old)
		munmap(old, (size_t)plan.span.size);
	prctl(PR_SET_NAME, name);
	close(fd);
	munmap(code, PAGE);
	return base;
}

int main(int argc, char **argv)
{
	static double each[ROUNDS];
	unsigned char *old = NULL;
	cpu_set_t here;
	int fd;

	if (argc != 2)
		return 2;
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof here, &here);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(argv[1]);
	plan_program(fd);
	close(fd);
	for (int i = -10; i < ROUNDS; i++) {
		double begin = now();

		old = once(argv[1], old);
		if (i >= 0)
			each[i] = now() - begin;
	}
	qsort(each, ROUNDS, sizeof *each, by_value);
	printf("The system calls and page faults that an exec of that static-PIE from inside a process needs, and nothing else:\n"
		"  median %.1f us, p10 %.1f, p90 %.1f\n\n",
		each[ROUNDS / 2], each[ROUNDS / 10], each[ROUNDS * 9 / 10]);
	return 0;
}
