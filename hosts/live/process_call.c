/* SPDX-License-Identifier: MIT */
/* System calls come in; a thread of the process that stands still makes them and is as it was. Ref: ptrace(2) "Syscall-stops". */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(5000000000)
enum { SYSTEM_CALL = SIGTRAP | 0x80, EVENT_STOP = 128, LARGEST_SEARCH = 1 << 22, CALL_BYTES = 2,
	LARGEST_ERRNO = 4095, CODE_64 = 0x33 };

static uint64_t find_in(const struct lode_process *process, const struct process_map *map)
{
	size_t size = map->end - map->begin < LARGEST_SEARCH ? (size_t)(map->end - map->begin) : LARGEST_SEARCH;
	unsigned char *bytes = malloc(size), *at = NULL;
	uint64_t found = 0;

	if (bytes && lode_process_read_((void *)(uintptr_t)process, bytes, map->begin, size) == 0)
		at = memmem(bytes, size, "\x0f\x05", CALL_BYTES);
	if (at)
		found = map->begin + (uint64_t)(at - bytes);
	free(bytes);
	return found;
}

/* In the kernel's own page if there is one, else in any code. */
int lode_process_find_call_(struct lode_process *process)
{
	const struct process_maps *maps = process->maps_;

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < maps->count && process->call_at_ == 0; i++)
			if (maps->all[i].execute && maps->all[i].read && maps->all[i].begin < UINT64_C(1) << 47 &&
				(round == 1 || strcmp(maps->all[i].name, "[vdso]") == 0))
				process->call_at_ = find_in(process, &maps->all[i]);
	return process->call_at_ != 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_NO_CALL, 0);
}

static int died(struct lode_process *process)
{
	return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
}

/* Go on to the next stop of one kind. Signals that cannot be kept away are sent again later. */
static int go_to(struct lode_process *process, struct process_thread *thread, enum __ptrace_request request, int kind)
{
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	int status;

	for (;;) {
		if (ptrace(request, thread->tid, NULL, NULL) != 0 || lode_process_wait_(thread->tid, &status, until) != 0)
			return died(process);
		if ((kind == SYSTEM_CALL && status >> 8 == SYSTEM_CALL) || (kind == EVENT_STOP && status >> 16 == EVENT_STOP))
			return 0;
		if (status >> 16 == 0 && WSTOPSIG(status) != SIGTRAP)
			thread->signal = WSTOPSIG(status);
	}
}

static int call(struct lode_process *process, struct process_thread *thread, struct process_call *call)
{
	struct user_regs_struct regs = thread->regs;

	regs.rip = process->call_at_;
	regs.rax = (unsigned long long)call->number;
	regs.orig_rax = (unsigned long long)-1; /* no system call is under way that the kernel would begin anew */
	regs.rdi = call->arguments[0];
	regs.rsi = call->arguments[1];
	regs.rdx = call->arguments[2];
	regs.r10 = call->arguments[3];
	regs.r8 = call->arguments[4];
	regs.r9 = call->arguments[5];
	if (ptrace(PTRACE_SETREGS, thread->tid, NULL, &regs) != 0)
		return died(process);
	for (int stop = 0; stop < 2; stop++) /* into it, and out of it */
		if (go_to(process, thread, PTRACE_SYSCALL, SYSTEM_CALL) != 0)
			return -1;
	if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs) != 0)
		return died(process);
	call->result = (int64_t)regs.rax;
	return 0;
}

static bool waits(const struct process_thread *thread)
{
	return (int64_t)thread->regs.orig_rax >= 0;
}

static struct process_thread *caller(const struct lode_process *process)
{
	struct process_thread *found = NULL;

	for (uint32_t i = 0; i < process->stop_->count; i++) {
		struct process_thread *thread = &process->stop_->all[i];

		if (thread->stopped && thread->regs.cs == CODE_64 && (!found || (waits(thread) && !waits(found))))
			found = thread;
	}
	return found;
}

/* By a descriptor that is the program's that was looked at: it finds nothing if the process has become another program. */
static bool is_still_there(const struct lode_process *process)
{
	unsigned char bytes[CALL_BYTES];

	return pread(process->mem_, bytes, sizeof bytes, (off_t)process->call_at_) == CALL_BYTES &&
		memcmp(bytes, "\x0f\x05", CALL_BYTES) == 0;
}

int lode_process_calls_begin_(struct lode_process *process)
{
	struct process_stop *stop = process->stop_;
	const uint64_t all = UINT64_MAX;

	if (stop->caller)
		return 0;
	if (!is_still_there(process))
		return died(process);
	stop->caller = caller(process);
	if (!stop->caller || ptrace(PTRACE_GETSIGMASK, stop->caller->tid, (void *)sizeof stop->mask, &stop->mask) != 0 ||
		ptrace(PTRACE_SETSIGMASK, stop->caller->tid, (void *)sizeof all, &all) != 0) {
		stop->caller = NULL;
		return died(process);
	}
	return 0;
}

int lode_process_calls_(struct lode_process *process, struct process_call *calls, uint32_t count)
{
	bool failed = false;
	int result = lode_process_calls_begin_(process);

	for (uint32_t i = 0; i < count && result == 0; i++) {
		calls[i].result = -ECANCELED;
		if (!failed)
			result = call(process, process->stop_->caller, &calls[i]);
		failed |= calls[i].result < 0 && calls[i].result >= -LARGEST_ERRNO;
	}
	return result;
}

/* It ends in a stop of the kind that it was in: only behind that kind the kernel begins an interrupted system call anew. */
void lode_process_calls_end_(struct lode_process *process)
{
	struct process_stop *stop = process->stop_;
	struct process_thread *thread = stop->caller;

	stop->caller = NULL;
	if (!thread || ptrace(PTRACE_SETREGS, thread->tid, NULL, &thread->regs) != 0)
		return;
	ptrace(PTRACE_SETSIGMASK, thread->tid, (void *)sizeof stop->mask, &stop->mask);
	ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	go_to(process, thread, PTRACE_CONT, EVENT_STOP);
}

/* Calls that the kernel ends with EINTR whoever stopped the thread: the first ones by their nature, the others on sockets with a
 * time limit. Ref: signal(7) "Interruption of system calls and library functions by stop signals". */
static bool ends_by_stop(unsigned long long number)
{
	static const short numbers[] = {
		SYS_epoll_wait, SYS_epoll_pwait, 441 /* epoll_pwait2 */, SYS_rt_sigtimedwait, SYS_semop, SYS_semtimedop,
		SYS_io_getevents, 333 /* io_pgetevents */, SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_accept,
		SYS_accept4, SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg,
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (number == (unsigned long long)numbers[i])
			return true;
	return false;
}

/* A signal that is to come to the thread ends the call rightly. */
void lode_process_call_again_(const struct lode_process *process, struct process_thread *thread)
{
	struct user_regs_struct regs = thread->regs;

	if ((int64_t)regs.orig_rax < 0 || (int64_t)regs.rax != -EINTR || !ends_by_stop(regs.orig_rax) ||
		lode_process_has_signal_(process, thread->tid))
		return;
	regs.rax = regs.orig_rax;
	regs.rip -= CALL_BYTES;
	ptrace(PTRACE_SETREGS, thread->tid, NULL, &regs);
}
