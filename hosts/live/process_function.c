/* SPDX-License-Identifier: MIT */
/* A function of the process comes in; a thread that stands still calls it, and is as it was, whatever came of it. Ref: ptrace(2)
 * "Syscall-stops", PTRACE_GETREGSET; psABI x86-64 "Calling Conventions". */
#define _GNU_SOURCE
#include "process.h"
#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PATIENCE_NS UINT64_C(1000000000)
#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif
enum { SYSTEM_CALL = SIGTRAP | 0x80, CALL_BYTES = 2, RED_ZONE = 128, ALIGN = 16, LARGEST_STATE = 1 << 15 };

/* Vector registers are the function's to use. */
struct vectors {
	unsigned char bytes[LARGEST_STATE];
	struct iovec all;
};

struct calling {
	struct lode_process *process;
	struct process_thread *thread;
	uint64_t sp; /* when it has returned */
};

/* What a function does by itself: if all of these are held back, the kernel forgets the program's handlers when one comes. */
static uint64_t all_but_faults(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	uint64_t mask = UINT64_MAX;

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		mask &= ~(UINT64_C(1) << (faults[i] - 1));
	return mask;
}

static bool is_fault(int signal)
{
	return signal <= 64 && !(all_but_faults() & UINT64_C(1) << (signal - 1));
}

/* It returns to a system call, before which it stops. */
static int enter(struct calling *calling, const struct process_function *function)
{
	const uint64_t mask = all_but_faults();
	struct user_regs_struct regs = calling->thread->regs;
	pid_t tid = calling->thread->tid;

	calling->sp = (function->stack != 0 ? function->stack : regs.rsp - RED_ZONE) & ~(uint64_t)(ALIGN - 1);
	regs.rsp = calling->sp - sizeof(uint64_t);
	regs.rip = function->addr;
	regs.rdi = function->arguments[0];
	regs.rsi = function->arguments[1];
	regs.rdx = function->arguments[2];
	regs.rcx = function->arguments[3];
	regs.rax = 0;
	regs.orig_rax = (unsigned long long)-1;
	regs.eflags &= ~UINT64_C(0x400); /* directions of string instructions */
	return ptrace(PTRACE_POKEDATA, tid, (void *)(uintptr_t)regs.rsp, (void *)(uintptr_t)calling->process->call_at_) == 0 &&
		ptrace(PTRACE_SETREGS, tid, NULL, &regs) == 0 &&
		ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof mask, &mask) == 0 ? 0 : -1;
}

/* Before the system call that is its end, which is not made; it makes others by itself. */
static bool has_returned(const struct calling *calling)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, calling->thread->tid, NULL, &regs) != 0 ||
		regs.rip != calling->process->call_at_ + CALL_BYTES || regs.rsp != calling->sp)
		return false;
	regs.orig_rax = (unsigned long long)-1;
	return ptrace(PTRACE_SETREGS, calling->thread->tid, NULL, &regs) == 0;
}

/* It has not come to an end: it stops where it is. */
static int interrupt(const struct calling *calling)
{
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	int status;

	if (ptrace(PTRACE_INTERRUPT, calling->thread->tid, NULL, NULL) == 0)
		lode_process_wait_(calling->thread->tid, &status, until);
	return -1;
}

static int run(const struct calling *calling)
{
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	pid_t tid = calling->thread->tid;
	bool returned = false;
	int status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) != 0)
			return -1;
		if (lode_process_wait_(tid, &status, until) != 0)
			return interrupt(calling);
		if (status >> 8 == SYSTEM_CALL) {
			if (returned)
				return 0;
			returned = has_returned(calling);
		} else if (status >> 16 == 0) {
			if (is_fault(WSTOPSIG(status)))
				return -1;
			calling->thread->signal = WSTOPSIG(status);
		}
		if (lode_live_now_() > until)
			return -1;
	}
}

int lode_process_function_(struct lode_process *process, const struct process_function *function)
{
	static struct vectors vectors;
	struct calling calling = {.process = process};
	int result;

	if (lode_process_calls_begin_(process) != 0)
		return -1;
	calling.thread = process->stop_->caller;
	vectors.all = (struct iovec){.iov_base = vectors.bytes, .iov_len = sizeof vectors.bytes};
	if (ptrace(PTRACE_GETREGSET, calling.thread->tid, (void *)NT_X86_XSTATE, &vectors.all) != 0)
		return -1;
	result = enter(&calling, function) == 0 ? run(&calling) : -1;
	if (ptrace(PTRACE_SETREGSET, calling.thread->tid, (void *)NT_X86_XSTATE, &vectors.all) != 0)
		result = -1;
	lode_process_calls_end_(process);
	return result;
}

int lode_process_migrate_(void *host, const struct lode_swap_move *move)
{
	const struct process_function function = {.addr = move->function,
		.arguments = {move->now.addr, move->now.size, move->before.addr, move->before.size}};

	lode_process_say_where_(host, "new value of a variable made by", move->function);
	return lode_process_function_(host, &function);
}
