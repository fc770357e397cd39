/* SPDX-License-Identifier: MIT */
/* A role of a thread -> the system calls that it keeps; every other one kills the process. The lists are below, as data. */
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#endif

/** What an argument has to be; all are looked at as 32 bits, which is what the kernel takes of them. */
struct check {
	/* OURSELVES: the number of this process. ABSENT: answered as by a kernel that does not have the call */
	enum { ANY, ONE_OF, MASKED, OURSELVES, ABSENT } kind;
	uint32_t argument;
	uint32_t mask, value;  /* MASKED: argument & mask == value */
	const uint32_t *among; /* ONE_OF; ends with 0 */
};

struct rule {
	uint32_t call;
	uint32_t roles;
	struct check check;
};

/* Terminals are set to raw mode and back; TIOCSTI, which types for the user, is none of them. */
static const uint32_t loader_ioctls[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ,
	KVM_RUN, KVM_CHECK_EXTENSION, KVM_GET_API_VERSION, KVM_GET_VCPU_MMAP_SIZE, KVM_GET_SUPPORTED_CPUID,
	KVM_GET_MSR_INDEX_LIST, KVM_CREATE_VCPU, KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_SET_TSS_ADDR,
	KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_USER_MEMORY_REGION, KVM_ENABLE_CAP, KVM_IRQ_LINE, KVM_IOEVENTFD, KVM_IRQFD,
	KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_GET_TSC_KHZ, KVM_SET_TSC_KHZ, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS,
	KVM_SET_SREGS, KVM_GET_MSRS, KVM_SET_MSRS, KVM_GET_FPU, KVM_SET_FPU, KVM_GET_LAPIC, KVM_SET_LAPIC,
	KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_SET_SIGNAL_MASK, KVM_GET_VCPU_EVENTS,
	KVM_SET_VCPU_EVENTS, KVM_GET_XCRS, KVM_SET_XCRS, KVM_SET_GUEST_DEBUG, KVM_TRANSLATE, KVM_KVMCLOCK_CTRL,
	KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, KVM_INTERRUPT, KVM_NMI, 0};
static const uint32_t vcpu_ioctls[] = {
	KVM_RUN, KVM_IRQ_LINE, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
	KVM_GET_MP_STATE, KVM_SET_GUEST_DEBUG, KVM_TRANSLATE, KVM_GET_MSRS, KVM_GET_FPU, 0};
static const uint32_t loop_ioctls[] = {KVM_IRQ_LINE, 0};
static const uint32_t debugger_ioctls[] = {
	KVM_IRQ_LINE, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_FPU, KVM_SET_FPU, KVM_SET_GUEST_DEBUG,
	KVM_TRANSLATE, 0};

enum { LOADER = VMM_LOADER, VCPU = VMM_VCPU, LOOP = VMM_LOOP, DEBUGGER = VMM_DEBUGGER, LOOPS = LOOP | DEBUGGER,
	RUN = VCPU | LOOPS };
/* A thread of this process and nothing else: as pthread_create asks for it; CLONE_DETACHED (musl) means nothing. */
#define THREAD                                                                                                     \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
		CLONE_CHILD_CLEARTID)

static const struct rule rules[] = {
	/* while the guest runs: eight kinds, VMM_RUN_CALLS */
	{SYS_ioctl, VCPU, {.kind = ONE_OF, .argument = 1, .among = vcpu_ioctls}},
	{SYS_ioctl, LOOP, {.kind = ONE_OF, .argument = 1, .among = loop_ioctls}},
	{SYS_ioctl, DEBUGGER, {.kind = ONE_OF, .argument = 1, .among = debugger_ioctls}},
	{SYS_futex, LOADER | RUN, {.kind = ANY}},
	{SYS_clock_gettime, LOADER | RUN, {.kind = ANY}}, /* where the vDSO cannot tell the time */
	{SYS_preadv2, LOADER | RUN, {.kind = ANY}},       /* disks, randomness, terminal, events: with offset -1 it is read */
	{SYS_pwritev2, LOADER | RUN, {.kind = ANY}},
	{SYS_fdatasync, LOADER | RUN, {.kind = ANY}},
	{SYS_ppoll, LOADER | RUN, {.kind = ANY}},
	{SYS_tgkill, LOADER | LOOPS, {.kind = OURSELVES}}, /* takes processors out of the guest */
	/* while the kernel is loaded, and by the first thread, which waits meanwhile, when the guest is at its end */
	{SYS_ioctl, LOADER, {.kind = ONE_OF, .argument = 1, .among = loader_ioctls}},
	{SYS_pread64, LOADER, {.kind = ANY}},
	{SYS_pwrite64, LOADER, {.kind = ANY}},
	{SYS_read, LOADER, {.kind = ANY}},
	{SYS_write, LOADER, {.kind = ANY}},
	{SYS_preadv, LOADER, {.kind = ANY}},
	{SYS_pwritev, LOADER, {.kind = ANY}},
	{SYS_writev, LOADER, {.kind = ANY}},
	{SYS_ftruncate, LOADER, {.kind = ANY}},
	{SYS_lseek, LOADER, {.kind = ANY}},
	{SYS_fstat, LOADER, {.kind = ANY}},
	{SYS_close, LOADER, {.kind = ANY}},
	{SYS_mmap, LOADER, {.kind = MASKED, .argument = 2, .mask = PROT_EXEC}},
	{SYS_mprotect, LOADER, {.kind = MASKED, .argument = 2, .mask = PROT_EXEC}},
	{SYS_munmap, LOADER, {.kind = ANY}},
	{SYS_mremap, LOADER, {.kind = ANY}},
	{SYS_madvise, LOADER, {.kind = ANY}},
	{SYS_brk, LOADER, {.kind = ANY}},
	{SYS_clone, LOADER, {.kind = MASKED, .mask = ~(uint32_t)0x400000, .value = THREAD}},
	{SYS_clone3, LOADER, {.kind = ABSENT}}, /* its flags cannot be seen from here: libc then takes clone */
	{SYS_set_robust_list, LOADER, {.kind = ANY}},
	{SYS_rseq, LOADER, {.kind = ANY}},
	{SYS_gettid, LOADER, {.kind = ANY}},
	{SYS_getpid, LOADER, {.kind = ANY}},
	{SYS_rt_sigaction, LOADER, {.kind = ANY}},
	{SYS_rt_sigprocmask, LOADER, {.kind = ANY}},
	{SYS_rt_sigreturn, LOADER, {.kind = ANY}},
	{SYS_restart_syscall, LOADER, {.kind = ANY}}, /* a wait with a time limit that was stopped and continued */
	{SYS_timerfd_settime, LOADER, {.kind = ANY}},
	{SYS_getrandom, LOADER, {.kind = ANY}},
	{SYS_seccomp, LOADER, {.kind = ANY}}, /* filters only add up */
	{SYS_exit, LOADER, {.kind = ANY}},
	{SYS_exit_group, LOADER, {.kind = ANY}},
};

enum { RULES = sizeof rules / sizeof *rules, MOST = 512 };

struct program {
	struct sock_filter at[MOST];
	uint16_t n;
};

static void add(struct program *program, uint32_t code, uint32_t value, uint32_t yes_no)
{
	program->at[program->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)(yes_no >> 8), (uint8_t)yes_no, value};
}

/* How far to go on: a jump over as many instructions if it is so, and if it is not. */
enum { GO_ON_IF_EQUAL = 0x0001, SKIP_IF_EQUAL = 0x0100 };

static void load(struct program *program, size_t offset)
{
	add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0);
}

static void answer(struct program *program, uint32_t what)
{
	add(program, BPF_RET | BPF_K, what, 0);
}

static void answer_if_equal(struct program *program, uint32_t value, uint32_t what)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, value, GO_ON_IF_EQUAL);
	answer(program, what);
}

/* The argument is looked at, and the answer given: nothing of this falls through. */
static void add_check(struct program *program, const struct check *check)
{
	const size_t argument = offsetof(struct seccomp_data, args) + (size_t)check->argument * 8; /* low half: little-endian */

	switch (check->kind) {
	case ANY: answer(program, SECCOMP_RET_ALLOW); return;
	case ABSENT: answer(program, SECCOMP_RET_ERRNO | ENOSYS); return;
	case ONE_OF:
		load(program, argument);
		for (const uint32_t *value = check->among; *value; value++)
			answer_if_equal(program, *value, SECCOMP_RET_ALLOW);
		break;
	case OURSELVES:
		load(program, argument);
		answer_if_equal(program, (uint32_t)getpid(), SECCOMP_RET_ALLOW);
		break;
	case MASKED:
		load(program, argument);
		add(program, BPF_ALU | BPF_AND | BPF_K, check->mask, 0);
		answer_if_equal(program, check->value, SECCOMP_RET_ALLOW);
	}
	answer(program, SECCOMP_RET_KILL_PROCESS);
}

static void add_rule(struct program *program, const struct rule *rule)
{
	const uint16_t jump = program->n;

	add(program, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0);
	add_check(program, &rule->check);
	program->at[jump].jf = (uint8_t)(program->n - jump - 1);
}

static void compile(struct program *program, uint32_t role)
{
	enum { X32 = 0x40000000 }; /* the 32-bit calls that come by the same gate */

	load(program, offsetof(struct seccomp_data, arch));
	add(program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, SKIP_IF_EQUAL);
	answer(program, SECCOMP_RET_KILL_PROCESS);
	load(program, offsetof(struct seccomp_data, nr));
	add(program, BPF_JMP | BPF_JGE | BPF_K, X32, GO_ON_IF_EQUAL);
	answer(program, SECCOMP_RET_KILL_PROCESS);
	for (uint32_t i = 0; i < RULES; i++)
		if (rules[i].roles & role)
			add_rule(program, &rules[i]);
	answer(program, SECCOMP_RET_KILL_PROCESS);
}

int lode_vmm_seccomp_(uint32_t role)
{
	struct program program = {.n = 0};
	struct sock_fprog installed = {0, program.at};

	compile(&program, role);
	installed.len = program.n;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &installed) ? errno : 0;
}

uint32_t lode_vmm_seccomp_calls_(uint32_t *calls, uint32_t most, uint32_t roles)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < RULES; i++) {
		bool again = false;

		for (uint32_t k = 0; k < n && k < most; k++)
			again = again || calls[k] == rules[i].call;
		if (!(rules[i].roles & roles) || again)
			continue;
		if (n < most)
			calls[n] = rules[i].call;
		n++;
	}
	return n;
}
