/* SPDX-License-Identifier: MIT */
/* All threads of a process, or one, come to a halt by ptrace, and go on as they were. Ref: ptrace(2) "Attaching and detaching",
 * "Stopped states". */
#define _GNU_SOURCE
#include "process.h"
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(1000000000)
#define RUNNING_NS UINT64_C(5000000000)
enum { PAUSE_NS = 1000000 };

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

/* Nothing ends this process, or takes its processor, while another one depends on it. */
void lode_process_hurry_(struct process_hurry *hurry)
{
	const struct sched_param first = {.sched_priority = 1};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &hurry->mask);
	hurry->policy = sched_getscheduler(0);
	hurry->urgent = sched_getparam(0, &hurry->param) == 0 && sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

void lode_process_calm_(const struct process_hurry *hurry)
{
	if (hurry->urgent)
		sched_setscheduler(0, hurry->policy, &hurry->param);
	sigprocmask(SIG_SETMASK, &hurry->mask, NULL);
}

/* A stop is announced by SIGCHLD, which is held; not if the caller ignores it. */
int lode_process_wait_(pid_t tid, int *status, uint64_t until)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t got = waitpid(tid, status, WNOHANG | __WALL);

		if (got == tid)
			return WIFSTOPPED(*status) ? 0 : -1;
		if (got < 0 && errno != EINTR)
			return -1;
		if (lode_live_now_() > until) {
			*status = 0;
			return -1;
		}
		sigtimedwait(&child, NULL, &pause);
	}
}

/* One that could run and has no processor will stop as soon as it has one. */
static int await_stop(const struct lode_process *process, pid_t tid, int *status, uint64_t until)
{
	const uint64_t last = until + RUNNING_NS;

	while (lode_process_wait_(tid, status, until) != 0) {
		if (*status != 0 || until >= last || lode_process_task_state_(process, tid) != 'R')
			return -1;
		until += PATIENCE_NS;
	}
	return 0;
}

/* Signals that arrive before our own stop are delivered first: behind that stop nothing is under way. */
static int await_halt(struct lode_process *process, struct process_thread *thread, uint64_t until)
{
	int status = -1;

	while (await_stop(process, thread->tid, &status, until) == 0) {
		if (status >> 16 == PTRACE_EVENT_STOP) {
			thread->stopped = ptrace(PTRACE_GETREGS, thread->tid, NULL, &thread->regs) == 0;
			return 0;
		}
		if (ptrace(PTRACE_CONT, thread->tid, NULL, (void *)(intptr_t)(status >> 16 == 0 ? WSTOPSIG(status) : 0)) != 0)
			break;
	}
	/* It has ended; or it cannot be let go of before it stops, which the end of this process does. */
	return status == 0 && kill(thread->tid, 0) == 0 ? lode_process_trouble_(process, LODE_PROCESS_STUCK, thread->tid) : 0;
}

static struct process_thread *known(const struct process_stop *stop, pid_t tid)
{
	for (uint32_t i = 0; i < stop->count; i++)
		if (stop->all[i].tid == tid)
			return &stop->all[i];
	return NULL;
}

static struct process_thread *add(struct lode_process *process, pid_t tid)
{
	struct process_stop *stop = process->stop_;

	if (stop->count == stop->room) {
		uint32_t room = 2 * stop->room + 64;
		struct process_thread *larger = realloc(stop->all, room * sizeof *larger);

		if (!larger) {
			lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
			return NULL;
		}
		stop->all = larger;
		stop->room = room;
	}
	stop->all[stop->count] = (struct process_thread){.tid = tid};
	return &stop->all[stop->count++];
}

/* 0: it is ours, and runs; or it has ended. */
static int seize(struct lode_process *process, pid_t tid)
{
	long options = PTRACE_O_TRACESYSGOOD | (process->filtered_ ? PTRACE_O_SUSPEND_SECCOMP : 0);
	struct process_thread *thread;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)options) != 0) {
		int error = errno;

		if (error == ESRCH || lode_process_task_ended_(process, tid))
			return 0;
		return lode_process_check_tracer_(process) != 0 ? -1 : lode_process_trouble_(process, LODE_PROCESS_DENIED, error);
	}
	thread = add(process, tid);
	return thread ? 0 : -1;
}

/* Threads that are not known yet. */
static int seize_others(struct lode_process *process, DIR *tasks)
{
	struct dirent *entry;
	int result = 0;

	rewinddir(tasks);
	while (result == 0 && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && !known(process->stop_, tid))
			result = seize(process, tid);
	}
	return result;
}

static int halt_from(struct lode_process *process, uint32_t first)
{
	struct process_stop *stop = process->stop_;
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	int result = 0;

	for (uint32_t i = first; i < stop->count; i++)
		ptrace(PTRACE_INTERRUPT, stop->all[i].tid, NULL, NULL);
	for (uint32_t i = first; i < stop->count && result == 0; i++)
		result = await_halt(process, &stop->all[i], until);
	return result;
}

static int begin(struct lode_process *process)
{
	process->stop_ = calloc(1, sizeof *process->stop_);
	if (!process->stop_)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
	process->stop_->begun = lode_live_now_();
	return 0;
}

static int any_stopped(struct lode_process *process)
{
	for (uint32_t i = 0; i < process->stop_->count; i++)
		if (process->stop_->all[i].stopped)
			return 0;
	return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
}

/* Who sleeps and cannot be interrupted (a parent of vfork, a file on a server that is gone) would keep all others waiting. */
static int await_calm(struct lode_process *process, DIR *tasks)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	pid_t tid;

	while ((tid = lode_process_task_in_state_(process, tasks, 'D')) != 0) {
		if (lode_live_now_() > until)
			return lode_process_trouble_(process, LODE_PROCESS_STUCK, tid);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* They are seized while they run. Those that run may begin others: it takes rounds, until one finds none. */
static int stop_all(struct lode_process *process, DIR *tasks)
{
	struct process_stop *stop = process->stop_;
	uint32_t first = 0;
	int result = await_calm(process, tasks);

	if (result == 0)
		result = seize_others(process, tasks);
	stop->begun = lode_live_now_();
	while (result == 0 && first < stop->count) {
		uint32_t count = stop->count;

		result = halt_from(process, first);
		if (result == 0)
			result = seize_others(process, tasks);
		first = count;
	}
	return result == 0 ? any_stopped(process) : result;
}

int lode_process_stop_all_(struct lode_process *process)
{
	DIR *tasks = lode_process_tasks_open_(process);
	int result = begin(process);

	if (result == 0)
		result = tasks ? stop_all(process, tasks) : lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
	if (tasks)
		closedir(tasks);
	if (!process->stop_)
		return result;
	process->nthreads = process->stop_->count;
	if (result != 0)
		lode_process_go_(process);
	return result;
}

int lode_process_stop_thread_(struct lode_process *process, pid_t tid)
{
	int result = begin(process);

	if (result != 0)
		return result;
	result = tid == 0 ? lode_process_trouble_(process, LODE_PROCESS_DIED, 0) : seize(process, tid);
	process->stop_->begun = lode_live_now_();
	if (result == 0)
		result = halt_from(process, 0);
	if (result == 0)
		result = any_stopped(process);
	if (result != 0)
		lode_process_go_(process);
	return result;
}

int lode_process_stop_one_(struct lode_process *process)
{
	return lode_process_stop_thread_(process, lode_process_waiting_task_(process));
}

static void let_go(const struct lode_process *process, struct process_thread *thread)
{
	int status;

	lode_process_call_again_(process, thread);
	if (ptrace(PTRACE_DETACH, thread->tid, NULL, NULL) != 0) {
		waitpid(thread->tid, &status, WNOHANG | __WALL);
		return;
	}
	if (thread->signal != 0)
		syscall(SYS_tgkill, process->pid, thread->tid, thread->signal);
}

uint64_t lode_process_go_(struct lode_process *process)
{
	struct process_stop *stop = process->stop_;
	uint64_t begun = stop->begun;

	lode_process_calls_end_(process);
	/* First those that were at work. */
	for (int waiting = 0; waiting < 2; waiting++)
		for (uint32_t i = 0; i < stop->count; i++)
			if (stop->all[i].stopped && ((int64_t)stop->all[i].regs.orig_rax >= 0) == waiting)
				let_go(process, &stop->all[i]);
	free(stop->all);
	free(stop);
	process->stop_ = NULL;
	return lode_live_now_() - begun;
}
