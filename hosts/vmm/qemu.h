/* SPDX-License-Identifier: MIT */
/* The engine that is QEMU's translator: what its files share. */
#ifndef LODE_HOSTS_VMM_QEMU_H
#define LODE_HOSTS_VMM_QEMU_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm.h"

#define QEMU_PROGRAM "qemu-system-x86_64"

/** Descriptors: ours and QEMU's ends. -1: not open. */
struct vmm_qemu {
	char program[256];
	int serial, serial_far;   /* COM1 */
	int debug, debug_far;     /* port E9h */
	int monitor, monitor_far; /* QMP */
	int rom, log;             /* memfds */
	pid_t child;
	bool resumed;  /* the guest has begun */
	bool shutdown; /* it has told of an end */
	bool panic;
	bool asking;   /* it was asked for the registers that the guest had at its end */
	bool told;     /* they are in state */
	uint64_t patience; /* until when it may answer */
	struct lode_vmm_state state;
	bool leaving;  /* it was told to make the last picture and to end */
	char reason[32];
	char line[4096]; /* of the monitor, as far as it has come */
	size_t line_used;
	char window[5];  /* its last bytes */
	uint32_t flags;  /* of the processor that is being told of */
	bool in_flags;
	uint32_t halted, running; /* processors that this line has told of */
	uint32_t halts;  /* how often all were halted for good, in a row */
};

/** Start state -> record, stage and its page tables in RAM (qemu_stage.c). */
int lode_vmm_qemu_stage_(struct vmm *vm);
/** QEMU's command line, in a process that becomes QEMU (qemu_args.c). Returns an errno. */
int lode_vmm_qemu_exec_(struct vmm *vm, const struct vmm_qemu *qemu);
/** What the monitor is to be asked from time to time, while the guest is quiet: whether anything can still happen. */
#define QEMU_ASK_REGISTERS \
	"{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info registers -a\"}}\n"
/** The answer to QEMU_ASK_END -> registers (qemu_registers.c). False: it is another line. */
bool lode_vmm_qemu_registers_(struct lode_vmm_state *state, const char *text);
/** A guest that runs on is stopped, so that they belong to one moment. */
#define QEMU_ASK_END "{\"execute\":\"stop\"}\n"                                                                                  \
	"{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info registers\"}}\n"
/** Bytes from the monitor, and a line to it (qemu_monitor.c). */
void lode_vmm_qemu_heard_(struct vmm_qemu *qemu, const char *bytes, size_t n);
void lode_vmm_qemu_tell_(const struct vmm_qemu *qemu, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The guest has begun, or begins now -> QEMU's status, as waitpid has it (qemu_follow.c). */
int lode_vmm_qemu_follow_(struct vmm *vm, struct vmm_qemu *qemu);
/** Until the process has ended: its status. */
int lode_vmm_qemu_wait_(struct vmm_qemu *qemu);
/** The status -> vm->end (qemu_end.c). */
int lode_vmm_qemu_judge_(struct vmm *vm, const struct vmm_qemu *qemu, int status);

#endif
