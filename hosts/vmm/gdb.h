/* SPDX-License-Identifier: MIT */
/* What the files of the debugger's stub share: the connection, breakpoints, and registers as the protocol orders them. */
#ifndef LODE_HOSTS_VMM_GDB_H
#define LODE_HOSTS_VMM_GDB_H

#include "hypervisor.h"

enum {
	GDB_PACKET = 4096,
	GDB_REGISTERS = 600, /* bytes of all of a processor's, at most */
	GDB_SOFT = 64,
	GDB_HARD = 4,
	GDB_INTERRUPT = 2, GDB_TRAP = 5, GDB_SEGV = 11, GDB_TERM = 15, /* signals of stop replies, as GDB counts them */
};

/** A breakpoint of the guest's debug registers. */
struct gdb_hard {
	bool used;
	char kind; /* of the protocol: 1 execution, 2 write, 3 read, 4 access */
	uint64_t addr, size;
};

struct gdb_soft {
	bool used;
	uint64_t addr;
	unsigned char byte; /* that stood there */
};

/** @stopped: the gate is closed, and the debugger has the word. Breakpoints change only then. */
struct vmm_gdb {
	struct vmm *vm;
	int fd; /* -1: it has gone */
	bool stopped;
	bool gone; /* it does not take what it is told */
	bool no_ack;
	bool hit;          /* set by a processor's thread: it stands at the gate because of a breakpoint or a step */
	uint32_t debug_flags; /* KVM_GUESTDBG_* that there are beyond the old ones */
	uint32_t chosen;   /* processor of g, G, m, M */
	uint32_t resumed;  /* processor of c and s; UINT32_MAX: all */
	struct gdb_hard hard[GDB_HARD];
	struct gdb_soft soft[GDB_SOFT];
	char in[GDB_PACKET], out[GDB_PACKET + 8];
	uint32_t nin, nout;
	char *xml;         /* the registers' description */
};

static inline struct vmm_kvm *gdb_kvm(const struct vmm_gdb *gdb)
{
	return vmm_kvm_of(gdb->vm);
}

/** The processor that registers and memory are asked of. */
static inline const struct vmm_cpu *gdb_chosen(const struct vmm_gdb *gdb)
{
	return &gdb_kvm(gdb)->cpus[gdb->chosen];
}

/** A reply: begin, add what it consists of, end, which sends it. What does not fit is dropped (gdb_packet.c). */
void lode_gdb_begin_(struct vmm_gdb *gdb);
void lode_gdb_add_(struct vmm_gdb *gdb, const char *text);
void lode_gdb_add_hex_(struct vmm_gdb *gdb, const unsigned char *bytes, uint64_t size);
void lode_gdb_end_(struct vmm_gdb *gdb);
/** All of it at once. */
void lode_gdb_reply_(struct vmm_gdb *gdb, const char *text);
/** The parts of a packet: what is there is taken from the text, and the text stands behind it. */
uint64_t lode_gdb_take_number_(const char **text);
bool lode_gdb_take_(const char **text, char c);
bool lode_gdb_take_word_(const char **text, const char *with);
/** Bytes in hexadecimal: how many could be taken. */
uint32_t lode_gdb_take_bytes_(unsigned char *bytes, const char *text, uint32_t most);
/** Something has come from the debugger, or it has gone. */
void lode_gdb_input_(struct vmm_gdb *gdb);

/** The guest is stopped, and the debugger told by the number of a signal (gdb_run.c). */
void lode_gdb_stop_(struct vmm_gdb *gdb, int number);
void lode_gdb_tell_stop_(struct vmm_gdb *gdb, int number);
/** One processor steps (UINT32_MAX: none), the others run or are held. */
void lode_gdb_go_on_(struct vmm_gdb *gdb, uint32_t stepping, bool hold_others);
/** The actions of a vCont packet. */
void lode_gdb_actions_(struct vmm_gdb *gdb, const char *text);
/** The guest runs on without a debugger. */
void lode_gdb_leave_(struct vmm_gdb *gdb);
/** A thread's number as a processor's; UINT32_MAX: all. False: there is no such. */
bool lode_gdb_take_cpu_(uint32_t *cpu, const struct vmm_gdb *gdb, const char *text);

/** A packet's contents, while the guest is stopped (gdb_commands.c). */
void lode_gdb_command_(struct vmm_gdb *gdb, const char *text);

/** Registers of a processor as the protocol's `g` has them; how many bytes, 0 if KVM fails (gdb_registers.c). */
uint32_t lode_gdb_registers_get_(unsigned char *bytes, const struct vmm_cpu *cpu);
bool lode_gdb_registers_set_(const struct vmm_cpu *cpu, const unsigned char *bytes);
/** Offset and size of a register in that block. False: there is none of that number. */
bool lode_gdb_register_find_(uint32_t *offset, uint32_t *size, uint32_t number);
/** A target description, malloc'ed, or NULL. */
char *lode_gdb_registers_describe_(void);

/** Memory through the processor's page tables: how many bytes could be copied (gdb_memory.c). */
uint64_t lode_gdb_memory_read_(const struct vmm_cpu *cpu, void *bytes, uint64_t addr, uint64_t size);
uint64_t lode_gdb_memory_write_(const struct vmm_cpu *cpu, const void *bytes, uint64_t addr, uint64_t size);
/** A breakpoint of the protocol's kind is put or taken away. */
bool lode_gdb_point_insert_(struct vmm_gdb *gdb, char kind, uint64_t addr, uint64_t size);
bool lode_gdb_point_remove_(struct vmm_gdb *gdb, char kind, uint64_t addr, uint64_t size);
void lode_gdb_points_clear_(struct vmm_gdb *gdb);
/** What a processor is to stop for from now on. */
void lode_gdb_points_arm_(struct vmm_gdb *gdb, struct vmm_cpu *cpu, bool step);
/** Words of a stop reply for what a processor stopped at; "" if there are none. */
void lode_gdb_points_tell_(char *text, size_t size, const struct vmm_gdb *gdb, const struct vmm_cpu *cpu);

#endif
