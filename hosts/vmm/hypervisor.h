/* SPDX-License-Identifier: MIT */
/* What the files of the KVM engine share: its virtual machine and its processors, a thread each. */
#ifndef LODE_HOSTS_VMM_HYPERVISOR_H
#define LODE_HOSTS_VMM_HYPERVISOR_H

#include "vmm.h"

#include <linux/kvm.h>
#include <signal.h>

struct vmm_cpu {
	struct vmm *vm;
	uint32_t number; /* its APIC's ID too */
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	pid_t tid;      /* 0: its thread has not begun yet */
	bool halted;    /* as it stands at the gate: it waits for an interrupt that it does not take */
	uint64_t exits; /* to this process, so far */
	struct kvm_regs regs; /* as it last came out, and when, if KVM loses them in a triple fault */
	struct kvm_sregs sregs;
	uint64_t seen;   /* ns; 0: never */
	uint64_t before; /* how long before a triple fault that was */
	bool held;      /* stays at the gate when it opens: the debugger lets others go on */
	bool hit;       /* it stopped because of a breakpoint or a step */
	struct kvm_guest_debug armed;
};

struct vmm_gdb;

/**
 * @gate: of what follows it. A processor's thread passes it before it enters the guest; while it is closed the threads wait there,
 * and their processors' registers may be read and set from outside.
 */
struct vmm_kvm {
	int fd, vm_fd;
	int wake_fd;   /* eventfd: the loop is to look again */
	int signal_fd; /* of those that end the guest */
	int kick_fd;   /* of VMM_KICK */
	pid_t pid;
	pthread_t loop;
	bool has_loop, loop_over;
	size_t run_size;
	uint32_t tsc_khz; /* 0: unknown */
	struct kvm_cpuid2 *cpuid;
	sigset_t old_mask;
	bool signals_set;
	struct vmm_gdb *gdb;   /* NULL: no debugger */
	int core_fd;           /* -1: no core is wanted */
	unsigned char *screen; /* memory of the framebuffer, or NULL */
	uint64_t screen_size;
	pthread_mutex_t gate;
	pthread_cond_t moved;
	bool closed;
	bool picture;        /* one is asked for: the first thread makes it */
	bool over;           /* threads are to end */
	bool cut;            /* pages of the kernel's file are gone, and were missed */
	uint32_t waiting;    /* threads that stand at the gate */
	uint32_t nthreads;   /* that have not ended */
	uint32_t blamed; /* the processor because of which the guest ended, else 0 */
	uint32_t ncpus;
	struct vmm_cpu cpus[];
};

static inline struct vmm_kvm *vmm_kvm_of(const struct vmm *vm)
{
	return vm->engine_state;
}

static inline bool vmm_running(const struct vmm *vm)
{
	return __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) == LODE_VMM_NONE;
}

/**
 * The signal that takes a processor's thread out of the guest. All threads block it; only KVM_RUN lets it in, so that none is lost,
 * and what has come is read from kick_fd.
 */
#define VMM_KICK SIGRTMIN

/** The machine and its processors (kvm_make.c). */
int lode_vmm_kvm_make_(struct vmm *vm, struct vmm_kvm *kvm);
/** Whether KVM runs guests here: a small one is tried (probe.c). False: vm->error says what it did instead. */
bool lode_vmm_probe_(struct vmm *vm);
/** VMM_KICK takes this processor out of the guest: 0 or an errno. */
int lode_vmm_kick_allow_(int cpu_fd);
/** VMM_KICKs that the calling thread got are done with. */
void lode_vmm_kick_take_(const struct vmm_kvm *kvm);

/** What the processors are: the host's features, less what a guest has no use for (cpuid.c). */
int lode_vmm_cpuid_read_(struct vmm *vm, struct vmm_kvm *kvm);
int lode_vmm_cpuid_set_(struct vmm *vm, struct vmm_cpu *cpu);
/** They are AMD's, or Hygon's, which are the same. */
bool lode_vmm_cpuid_amd_(const struct vmm_kvm *kvm);

/** vm->kernel.start -> registers of all processors (registers.c). */
int lode_vmm_registers_set_(struct vmm *vm);

/** A thread's life, for a struct vmm_cpu: waits for the gate, runs the guest until vm->end is set (vcpu.c). */
void *lode_vmm_cpu_main_(void *argument);
/** Its end. Of the machine the thread may use nothing from here on. */
void lode_vmm_cpu_leave_(struct vmm_cpu *cpu);
/** Close the gate and wait until all threads stand there, at most @ms milliseconds. False: they do not; it is open again. */
bool lode_vmm_pause_(struct vmm_kvm *kvm, uint32_t ms);
void lode_vmm_resume_(struct vmm_kvm *kvm);
/** All threads leave the guest. */
void lode_vmm_kick_(struct vmm_kvm *kvm);
/** Every processor waits for an interrupt that it does not take. The gate is closed. */
bool lode_vmm_all_halted_(const struct vmm_kvm *kvm);

/** The debugger of the request is waited for; then it holds the gate (gdb.c). */
int lode_vmm_gdb_open_(struct vmm *vm, struct vmm_kvm *kvm);
/** What the loop is to watch; -1: nothing. */
int lode_vmm_gdb_fd_(const struct vmm_kvm *kvm);
/** The loop's turn: packets if there are any to read, processors that stopped. False while the debugger holds the guest. */
bool lode_vmm_gdb_turn_(struct vmm_kvm *kvm, bool readable);
/** vm->end is set: it is told. */
void lode_vmm_gdb_end_(struct vmm_kvm *kvm);
void lode_vmm_gdb_close_(struct vmm_kvm *kvm);
/** A processor's thread, for KVM_EXIT_DEBUG. True: it is to stand at the gate. */
bool lode_vmm_gdb_hit_(struct vmm_cpu *cpu);

/** The file of the request's core; what the guest was is written to it when its processors stand still (core.c). */
int lode_vmm_core_open_(struct vmm *vm, struct vmm_kvm *kvm);
int lode_vmm_core_write_(struct vmm *vm);

/** The guest ends because of this processor; before lode_vmm_stop_ (kvm_state.c). */
void lode_vmm_blame_(const struct vmm_cpu *cpu);
/** From here on an access to the guest's memory does not end the process when the kernel's file became shorter (cut.c). */
int lode_vmm_cut_watch_(struct vmm *vm);
/** It did: a guest that has not begun, or cannot go on because of that, ends with vm->error (-1); beside another failure it is
 * said. */
int lode_vmm_cut_tell_(struct vmm *vm);
/** Registers of the processor that is blamed -> vm->state. */
void lode_vmm_kvm_state_(struct vmm *vm);

/** Input, timers, signals, until vm->end is set (loop.c): descriptors, and a thread's life, for a struct vmm. */
int lode_vmm_loop_open_(struct vmm *vm, struct vmm_kvm *kvm);
void *lode_vmm_loop_main_(void *argument);
/** Its end, as lode_vmm_cpu_leave_. */
void lode_vmm_loop_leave_(struct vmm *vm);
void lode_vmm_loop_close_(struct vmm_kvm *kvm);

#endif
