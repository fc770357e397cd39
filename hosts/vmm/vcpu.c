/* SPDX-License-Identifier: MIT */
/* A processor's thread: enters the guest again and again, and does what it stopped for. */
#include "hypervisor.h"
#include "sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_NS = 100000,
	INTERRUPTS = 0x200, /* RFLAGS.IF */
};

static void do_ports(struct vmm *vm, struct kvm_run *run)
{
	unsigned char *bytes = (unsigned char *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, bytes += run->io.size)
		if (run->io.direction == KVM_EXIT_IO_OUT)
			lode_vmm_bus_write_(vm, true, run->io.port, bytes, run->io.size);
		else
			lode_vmm_bus_read_(vm, true, run->io.port, bytes, run->io.size);
}

static void do_memory(struct vmm *vm, struct kvm_run *run)
{
	if (run->mmio.is_write)
		lode_vmm_bus_write_(vm, false, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		lode_vmm_bus_read_(vm, false, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

static void do_event(struct vmm *vm, const struct kvm_run *run)
{
	enum lode_vmm_end end = LODE_VMM_POWER_OFF;

	if (run->system_event.type == KVM_SYSTEM_EVENT_RESET)
		end = LODE_VMM_RESET;
	else if (run->system_event.type == KVM_SYSTEM_EVENT_CRASH)
		end = LODE_VMM_PANIC;
	lode_vmm_stop_(vm, end, 0);
}

/* The engine's own failure; what is said first stays. */
static void give_up(struct vmm_cpu *cpu, int error, const char *what)
{
	struct vmm *vm = cpu->vm;
	struct kvm_regs regs = {0};

	lode_vmm_blame_(cpu);
	ioctl(cpu->fd, KVM_GET_REGS, &regs);
	pthread_mutex_lock(&vm->lock);
	if (!vm->error.text[0])
		lode_vmm_fail_(vm, error, "%s (processor %u, rip %llx)", what, cpu->number, regs.rip);
	pthread_mutex_unlock(&vm->lock);
	lode_vmm_stop_(vm, LODE_VMM_ERROR, 0);
}

/* How many bytes of the instruction KVM tells; 0: it does not. */
static uint32_t told_bytes(const struct kvm_run *run)
{
	enum { FLAGS_AND_BYTES = 4 }; /* words */
	uint32_t most = sizeof run->emulation_failure.insn_bytes, size = run->emulation_failure.insn_size;

	if (run->emulation_failure.ndata < FLAGS_AND_BYTES ||
		!(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return 0;
	return size < most ? size : most;
}

static void internal_error(struct vmm_cpu *cpu)
{
	const struct kvm_run *run = cpu->run;
	char text[160];
	int at = snprintf(text, sizeof text, "KVM cannot emulate the guest's instruction");

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
		snprintf(text, sizeof text, "KVM gave up: internal error %u", run->internal.suberror);
	else
		for (uint32_t i = 0; i < told_bytes(run); i++)
			at += snprintf(text + at, sizeof text - (size_t)at, " %02x", run->emulation_failure.insn_bytes[i]);
	give_up(cpu, 0, text);
}

static void entry_refused(struct vmm_cpu *cpu)
{
	char text[100];

	snprintf(text, sizeof text, "the processor refuses to enter the guest: reason %llx",
		cpu->run->fail_entry.hardware_entry_failure_reason);
	give_up(cpu, 0, text);
}

static bool goes_on(const struct vmm_cpu *cpu)
{
	return vmm_running(cpu->vm) && !__atomic_load_n(&vmm_kvm_of(cpu->vm)->over, __ATOMIC_ACQUIRE);
}

/* One that was never started sleeps for ever too, as long as the others do. */
static bool halted(const struct vmm_cpu *cpu)
{
	struct kvm_mp_state state;
	struct kvm_regs regs;

	if (ioctl(cpu->fd, KVM_GET_MP_STATE, &state))
		return false;
	if (state.mp_state == KVM_MP_STATE_UNINITIALIZED || state.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	return state.mp_state == KVM_MP_STATE_HALTED && ioctl(cpu->fd, KVM_GET_REGS, &regs) == 0 && !(regs.rflags & INTERRUPTS);
}

/* Where threads wait while the gate is closed. */
static void pass_gate(struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(cpu->vm);

	pthread_mutex_lock(&kvm->gate);
	cpu->halted = halted(cpu);
	kvm->waiting++;
	pthread_cond_broadcast(&kvm->moved);
	while ((kvm->closed || cpu->held) && goes_on(cpu))
		pthread_cond_wait(&kvm->moved, &kvm->gate);
	kvm->waiting--;
	pthread_mutex_unlock(&kvm->gate);
}

static void do_exit(struct vmm_cpu *cpu)
{
	struct kvm_run *run = cpu->run;
	struct vmm *vm = cpu->vm;
	char text[60];

	switch (run->exit_reason) {
	case KVM_EXIT_IO: do_ports(vm, run); break;
	case KVM_EXIT_MMIO: do_memory(vm, run); break;
	case KVM_EXIT_INTR: break;
	case KVM_EXIT_DEBUG:
		if (lode_vmm_gdb_hit_(cpu))
			pass_gate(cpu);
		break;
	case KVM_EXIT_HLT: lode_vmm_stop_(vm, LODE_VMM_HALT, 0); break;
	case KVM_EXIT_SHUTDOWN:
		lode_vmm_blame_(cpu);
		lode_vmm_stop_(vm, LODE_VMM_TRIPLE_FAULT, 0);
		break;
	case KVM_EXIT_SYSTEM_EVENT: do_event(vm, run); break;
	case KVM_EXIT_INTERNAL_ERROR: internal_error(cpu); break;
	case KVM_EXIT_FAIL_ENTRY: entry_refused(cpu); break;
	default:
		snprintf(text, sizeof text, "KVM stopped for a reason that is not known here: %u", run->exit_reason);
		give_up(cpu, 0, text);
	}
}

/* An access that the guest was stopped for is only complete when the guest has been entered again: not before that the gate. */
static void interrupted(struct vmm_cpu *cpu)
{
	lode_vmm_kick_take_(vmm_kvm_of(cpu->vm));
	if (__atomic_load_n(&vmm_kvm_of(cpu->vm)->closed, __ATOMIC_SEQ_CST))
		pass_gate(cpu);
}

/* An AMD processor that stops by a triple fault is reset by KVM: what is known of it is from before. */
static void remember(struct vmm_cpu *cpu)
{
	const struct kvm_run *run = cpu->run;

	if (!run->kvm_valid_regs)
		return;
	if (run->exit_reason == KVM_EXIT_SHUTDOWN) {
		cpu->before = cpu->seen ? lode_vmm_now_() - cpu->seen : 0;
		return;
	}
	cpu->regs = run->s.regs.regs;
	cpu->sregs = run->s.regs.sregs;
	cpu->seen = lode_vmm_now_();
}

static void enter(struct vmm_cpu *cpu)
{
	if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
		remember(cpu);
		__atomic_store_n(&cpu->exits, cpu->exits + 1, __ATOMIC_RELAXED);
		do_exit(cpu);
	} else if (errno == EINTR)
		interrupted(cpu);
	else if (errno != EAGAIN) /* a processor that waits for SIPI was woken for nothing */
		give_up(cpu, errno, "running the guest");
}

void lode_vmm_cpu_leave_(struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(cpu->vm);

	pthread_mutex_lock(&kvm->gate);
	kvm->nthreads--;
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
}

void *lode_vmm_cpu_main_(void *argument)
{
	struct vmm_cpu *cpu = argument;
	bool confined = cpu->vm->confined;

	__atomic_store_n(&cpu->tid, gettid(), __ATOMIC_SEQ_CST);
	if (confined && lode_vmm_confine_run_(cpu->vm, VMM_VCPU))
		lode_vmm_stop_(cpu->vm, LODE_VMM_ERROR, 0);
	pass_gate(cpu);
	while (goes_on(cpu))
		enter(cpu);
	lode_vmm_cpu_leave_(cpu);
	if (confined)
		lode_vmm_rest_();
	return NULL;
}

int lode_vmm_kick_allow_(int cpu_fd)
{
	enum { BYTES = 8 }; /* of the kernel's set of signals */
	unsigned char space[sizeof(struct kvm_signal_mask) + BYTES];
	struct kvm_signal_mask mask = {.len = BYTES};
	uint64_t blocked = ~(UINT64_C(1) << (VMM_KICK - 1));

	memcpy(space, &mask, sizeof mask);
	memcpy(space + sizeof mask, &blocked, BYTES);
	return ioctl(cpu_fd, KVM_SET_SIGNAL_MASK, space) ? errno : 0;
}

void lode_vmm_kick_take_(const struct vmm_kvm *kvm)
{
	struct signalfd_siginfo info;

	while (lode_vmm_read_(kvm->kick_fd, &info, sizeof info) > 0)
		;
}

void lode_vmm_kick_(struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		pid_t tid = __atomic_load_n(&kvm->cpus[i].tid, __ATOMIC_SEQ_CST);

		if (tid)
			syscall(SYS_tgkill, kvm->pid, tid, VMM_KICK);
	}
}

static bool all_wait(struct vmm_kvm *kvm)
{
	bool all;

	pthread_mutex_lock(&kvm->gate);
	all = kvm->waiting == kvm->nthreads;
	pthread_mutex_unlock(&kvm->gate);
	return all;
}

bool lode_vmm_pause_(struct vmm_kvm *kvm, uint32_t ms)
{
	const struct timespec little = {.tv_nsec = WAIT_NS};
	uint64_t until = lode_vmm_now_() + (uint64_t)ms * 1000000;

	__atomic_store_n(&kvm->closed, true, __ATOMIC_SEQ_CST);
	lode_vmm_kick_(kvm);
	while (!all_wait(kvm)) {
		if (lode_vmm_now_() >= until) {
			lode_vmm_resume_(kvm);
			return false;
		}
		ppoll(NULL, 0, &little, NULL);
	}
	return true;
}

void lode_vmm_resume_(struct vmm_kvm *kvm)
{
	pthread_mutex_lock(&kvm->gate);
	__atomic_store_n(&kvm->closed, false, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
}

bool lode_vmm_all_halted_(const struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (!kvm->cpus[i].halted)
			return false;
	return true;
}
