/* SPDX-License-Identifier: MIT */
/* The sandbox (sandbox.c, seccomp.c). It takes the process over: nothing can be opened behind it, and a call that a filter does
 * not list kills. */
#ifndef LODE_HOSTS_VMM_SANDBOX_H
#define LODE_HOSTS_VMM_SANDBOX_H

#include "vmm.h"

/** What a thread does, and so which system calls it keeps (seccomp.c lists them). */
enum vmm_role {
	VMM_LOADER = 1, /* the first thread: loads, makes the others, waits until the guest is at its end, reports */
	VMM_VCPU = 2,
	VMM_LOOP = 4,   /* terminal, timers, signals */
	VMM_DEBUGGER = 8, /* the same for a debugger too: registers and breakpoints */
};

/** First of all: the descriptors that the process has now are not the guest's; lode_vmm_confine_ closes all from 3 on. */
int lode_vmm_inherited_(struct vmm *vm);
/**
 * Everything is open: from here on there are no new files, programs, privileges or executable pages. Threads may be made, and
 * inherit it; lode_vmm_confine_run_ then takes away what running the guest does not need, for the calling thread only. Such a
 * thread must not allocate, free, print by stdio, or end: when there is nothing more to do it rests until the process exits.
 * It sends signals by syscall(SYS_tgkill), since pthread_kill does more than that; it does not wait for a condition with a time
 * limit (that would go on by restart_syscall), and the handler of a signal that it gets does not return (cut.c).
 */
int lode_vmm_confine_(struct vmm *vm);
int lode_vmm_confine_run_(struct vmm *vm, enum vmm_role role);
_Noreturn void lode_vmm_rest_(void);

enum { VMM_RUN_CALLS = 8 }; /* kinds of system calls while the guest runs, of all its threads together */

/** No files, no network, no signals and sockets to the outside, as far as the kernel knows Landlock. 0 or an errno. */
int lode_vmm_landlock_(void);
/** From here on the calling thread has the calls of a role. 0 or an errno. */
int lode_vmm_seccomp_(uint32_t role);
/** The calls that some of these roles have, each once. How many there are. */
uint32_t lode_vmm_seccomp_calls_(uint32_t *calls, uint32_t most, uint32_t roles);

#endif
