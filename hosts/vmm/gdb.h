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
