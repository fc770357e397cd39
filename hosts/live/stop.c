/* SPDX-License-Identifier: MIT */
/* All other threads of this process come to a halt in a handler; words on their stacks that are addresses in code of interest go out. */
#define _GNU_SOURCE
#include "live.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS = 1024, PATIENCE_MS = 1000 };

struct halt {
	pid_t tid;
	uint64_t pc, sp;
};

static struct halt halts[THREADS];
static atomic_uint arrived, sent, go_on;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nothing but system calls: the thread may hold any lock. */
static void stand_still(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;
	struct halt *halt = &halts[info->si_value.sival_int];
	int error = errno;

	(void)signal;
	halt->pc = (uint64_t)at->uc_mcontext.gregs[REG_RIP];
	halt->sp = (uint64_t)at->uc_mcontext.gregs[REG_RSP];
	atomic_fetch_add(&arrived, 1);
	while (!atomic_load(&go_on))
		syscall(SYS_futex, &go_on, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	errno = error;
}

static bool is_known(pid_t tid)
{
	for (unsigned i = 0; i < atomic_load(&sent); i++)
		if (halts[i].tid == tid)
			return true;
	return false;
}

/* 0: it is on its way, or has ended meanwhile. */
static int halt_one(pid_t tid, int signal)
{
	siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
	unsigned number = atomic_load(&sent);

	if (number == THREADS)
		return EAGAIN;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = (int)number;
	halts[number] = (struct halt){.tid = tid};
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal, &info) != 0)
		return errno == ESRCH ? 0 : errno;
	atomic_fetch_add(&sent, 1);
	return 0;
}

/* True in *more if there were threads that had not been asked yet. */
static int halt_others(bool *more, int signal)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int error = 0;

	*more = false;
	if (!tasks)
		return errno;
	while (error == 0 && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || tid == (pid_t)syscall(SYS_gettid) || is_known(tid))
			continue;
		*more = true;
		error = halt_one(tid, signal);
	}
	closedir(tasks);
	return error;
}

/* A thread that ended before its signal came never arrives. */
static int wait_for_all(void)
{
	uint64_t until = now() + PATIENCE_MS * UINT64_C(1000000);

	while (atomic_load(&arrived) < atomic_load(&sent)) {
		if (now() > until)
			return EAGAIN;
		sched_yield();
	}
	return 0;
}

static void look_at(struct live_stop *stop, const struct lode_swap *swap, uint64_t word)
{
	if (stop->count < sizeof stop->addrs / sizeof stop->addrs[0] && lode_swap_concerns(swap, word))
		stop->addrs[stop->count++] = word;
}

/* Every word from the stack pointer to the end of its mapping: what looks like an address in the code counts as one. */
static void look_at_stack(struct live_stop *stop, const struct lode_swap *swap, uint64_t sp)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long begin, end = 0;
	char line[512];

	while (maps && fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx", &begin, &end) == 2 && sp >= begin && sp < end)
			break;
	if (maps)
		fclose(maps);
	for (uint64_t at = (sp + 7) & ~UINT64_C(7); at + 8 <= end; at += 8)
		look_at(stop, swap, *(const volatile uint64_t *)(uintptr_t)at);
}

static int the_signal(void)
{
	return SIGRTMAX - 1;
}

int lode_live_stop_all_(struct live_stop *stop, const struct lode_swap *swap)
{
	struct sigaction action = {.sa_sigaction = stand_still, .sa_flags = SA_SIGINFO | SA_RESTART};
	bool more = true;
	int error = 0;

	sigfillset(&action.sa_mask);
	stop->count = 0;
	atomic_store(&arrived, 0);
	atomic_store(&sent, 0);
	atomic_store(&go_on, 0);
	if (sigaction(the_signal(), &action, NULL) != 0)
		return errno;
	stop->begun = now();
	/* Threads that run may begin others. */
	while (more && error == 0) {
		error = halt_others(&more, the_signal());
		if (error == 0)
			error = wait_for_all();
	}
	if (error != 0) {
		lode_live_stop_end_(stop);
		return error;
	}
	for (unsigned i = 0; i < atomic_load(&sent); i++) {
		look_at(stop, swap, halts[i].pc);
		look_at_stack(stop, swap, halts[i].sp);
	}
	look_at_stack(stop, swap, (uint64_t)(uintptr_t)__builtin_frame_address(0));
	return 0;
}

uint64_t lode_live_stop_end_(const struct live_stop *stop)
{
	atomic_store(&go_on, 1);
	syscall(SYS_futex, &go_on, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	return now() - stop->begun;
}
