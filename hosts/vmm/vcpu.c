/* SPDX-License-Identifier: MIT */
/* A processor's thread: enters the guest again and again, and does what it stopped for. */
#include "hypervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum {
	KICK_MS = 5, /* a signal that came just before a system call did nothing: it is sent again */
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

	ioctl(cpu->fd, KVM_GET_REGS, &regs);
	pthread_mutex_lock(&vm->lock);
	if (!vm->error.text[0])
		lode_vmm_fail_(vm, error, "%s (processor %u, rip %llx)", what, cpu->number, regs.rip);
	pthread_mutex_unlock(&vm->lock);
	lode_vmm_stop_(vm, LODE_VMM_ERROR, 0);
}

static void internal_error(struct vmm_cpu *cpu)
{
	const struct kvm_run *run = cpu->run;
	char text[160];
	int at = snprintf(text, sizeof text, "KVM cannot emulate the guest's instruction");

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
		snprintf(text, sizeof text, "KVM gave up: internal error %u", run->internal.suberror);
	else if (run->emulation_failure.ndata >= 4 && (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		for (uint32_t i = 0; i < run->emulation_failure.insn_size && i < sizeof run->emulation_failure.insn_bytes; i++)
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

static void do_exit(struct vmm_cpu *cpu)
{
	struct kvm_run *run = cpu->run;
	struct vmm *vm = cpu->vm;
	char text[60];

	switch (run->exit_reason) {
	case KVM_EXIT_IO: do_ports(vm, run); break;
	case KVM_EXIT_MMIO: do_memory(vm, run); break;
	case KVM_EXIT_INTR: break;
	case KVM_EXIT_HLT: lode_vmm_stop_(vm, LODE_VMM_HALT, 0); break;
	case KVM_EXIT_SHUTDOWN: lode_vmm_stop_(vm, LODE_VMM_TRIPLE_FAULT, 0); break;
	case KVM_EXIT_SYSTEM_EVENT: do_event(vm, run); break;
	case KVM_EXIT_INTERNAL_ERROR: internal_error(cpu); break;
	case KVM_EXIT_FAIL_ENTRY: entry_refused(cpu); break;
	default:
		snprintf(text, sizeof text, "KVM stopped for a reason that is not known here: %u", run->exit_reason);
		give_up(cpu, 0, text);
	}
}

static bool goes_on(const struct vmm_cpu *cpu)
{
	return vmm_running(cpu->vm) && !__atomic_load_n(&vmm_kvm_of(cpu->vm)->over, __ATOMIC_ACQUIRE);
}

/* Where threads wait while the gate is closed. */
static void pass_gate(struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(cpu->vm);

	pthread_mutex_lock(&kvm->gate);
	kvm->waiting++;
	pthread_cond_broadcast(&kvm->moved);
	while (kvm->closed && goes_on(cpu))
		pthread_cond_wait(&kvm->moved, &kvm->gate);
	kvm->waiting--;
	pthread_mutex_unlock(&kvm->gate);
}

/* An access that the guest was stopped for is only complete when the guest has been entered again: not before that the gate. */
static void interrupted(struct vmm_cpu *cpu)
{
	__atomic_store_n(&cpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vmm_kvm_of(cpu->vm)->closed, __ATOMIC_SEQ_CST))
		pass_gate(cpu);
}

static void enter(struct vmm_cpu *cpu)
{
	if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
		__atomic_store_n(&cpu->exits, cpu->exits + 1, __ATOMIC_RELAXED);
		do_exit(cpu);
	} else if (errno == EINTR)
		interrupted(cpu);
	else if (errno != EAGAIN) /* a processor that waits for SIPI was woken for nothing */
		give_up(cpu, errno, "running the guest");
}

void *lode_vmm_cpu_main_(void *argument)
{
	struct vmm_cpu *cpu = argument;
	struct vmm_kvm *kvm = vmm_kvm_of(cpu->vm);

	pass_gate(cpu);
	while (goes_on(cpu))
		enter(cpu);
	pthread_mutex_lock(&kvm->gate);
	kvm->nthreads--;
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
	return NULL;
}

/* The flag for one that is about to enter the guest, the signal for one that is in it. */
void lode_vmm_kick_(struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		__atomic_store_n(&kvm->cpus[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (kvm->cpus[i].has_thread)
			pthread_kill(kvm->cpus[i].thread, VMM_KICK);
	}
}

static void wait_a_little(struct vmm_kvm *kvm)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += KICK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&kvm->moved, &kvm->gate, &until);
}

bool lode_vmm_pause_(struct vmm_kvm *kvm, uint32_t ms)
{
	uint64_t until = lode_vmm_now_() + (uint64_t)ms * 1000000;
	bool all;

	pthread_mutex_lock(&kvm->gate);
	__atomic_store_n(&kvm->closed, true, __ATOMIC_SEQ_CST);
	while (kvm->waiting < kvm->nthreads && lode_vmm_now_() < until) {
		lode_vmm_kick_(kvm);
		wait_a_little(kvm);
	}
	all = kvm->waiting == kvm->nthreads;
	pthread_mutex_unlock(&kvm->gate);
	if (!all)
		lode_vmm_resume_(kvm);
	return all;
}

void lode_vmm_resume_(struct vmm_kvm *kvm)
{
	pthread_mutex_lock(&kvm->gate);
	__atomic_store_n(&kvm->closed, false, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
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

bool lode_vmm_all_halted_(const struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (!halted(&kvm->cpus[i]))
			return false;
	return true;
}
