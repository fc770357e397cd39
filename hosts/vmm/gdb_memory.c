/* SPDX-License-Identifier: MIT */
/* Addresses as a processor of the guest sees them -> its memory, and breakpoints in it or in the debug registers. */
#include "gdb.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	PAGE = 4096,
	SOFT = '0', EXECUTE = '1', WRITE = '2',
	INT3 = 0xcc,
	BREAKPOINT = 3, /* the exception */
};

/* What lies at an address, and how much of @size lies on that page. NULL: no memory. */
static unsigned char *find(const struct vmm_cpu *cpu, uint64_t addr, uint64_t *size)
{
	struct kvm_translation translation = {.linear_address = addr};
	uint64_t rest = PAGE - (addr & (PAGE - 1));

	if (rest < *size)
		*size = rest;
	if (ioctl(cpu->fd, KVM_TRANSLATE, &translation) || !translation.valid)
		return NULL;
	return lode_vmm_ram_at_(&cpu->vm->ram, translation.physical_address, *size);
}

uint64_t lode_gdb_memory_read_(const struct vmm_cpu *cpu, void *bytes, uint64_t addr, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t part = size - done;
		const unsigned char *at = find(cpu, addr + done, &part);

		if (!at)
			break;
		memcpy((unsigned char *)bytes + done, at, part);
		done += part;
	}
	return done;
}

uint64_t lode_gdb_memory_write_(const struct vmm_cpu *cpu, const void *bytes, uint64_t addr, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t part = size - done;
		unsigned char *at = find(cpu, addr + done, &part);

		if (!at)
			break;
		memcpy(at, (const unsigned char *)bytes + done, part);
		done += part;
	}
	return done;
}

static const struct vmm_cpu *chosen(const struct vmm_gdb *gdb)
{
	return &vmm_kvm_of(gdb->vm)->cpus[gdb->chosen];
}

static struct gdb_soft *find_soft(struct vmm_gdb *gdb, uint64_t addr, bool used)
{
	for (uint32_t i = 0; i < GDB_SOFT; i++)
		if (gdb->soft[i].used == used && (!used || gdb->soft[i].addr == addr))
			return &gdb->soft[i];
	return NULL;
}

static bool insert_soft(struct vmm_gdb *gdb, uint64_t addr)
{
	static const unsigned char int3 = INT3;
	struct gdb_soft *soft = find_soft(gdb, addr, false);

	if (find_soft(gdb, addr, true))
		return true;
	if (!soft || lode_gdb_memory_read_(chosen(gdb), &soft->byte, addr, 1) != 1 ||
		lode_gdb_memory_write_(chosen(gdb), &int3, addr, 1) != 1)
		return false;
	soft->used = true;
	soft->addr = addr;
	return true;
}

/* If the guest has changed its memory since, the breakpoint has gone with it. */
static bool remove_soft(struct vmm_gdb *gdb, uint64_t addr)
{
	struct gdb_soft *soft = find_soft(gdb, addr, true);
	unsigned char byte;

	if (!soft)
		return false;
	soft->used = false;
	if (lode_gdb_memory_read_(chosen(gdb), &byte, addr, 1) == 1 && byte == INT3)
		lode_gdb_memory_write_(chosen(gdb), &soft->byte, addr, 1);
	return true;
}

static bool same(const struct gdb_hard *hard, char kind, uint64_t addr, uint64_t size)
{
	return hard->used && hard->kind == kind && hard->addr == addr && hard->size == size;
}

static bool insert_hard(struct vmm_gdb *gdb, char kind, uint64_t addr, uint64_t size)
{
	if (kind > EXECUTE && ((size != 1 && size != 2 && size != 4 && size != 8) || addr % size))
		return false;
	for (uint32_t i = 0; i < GDB_HARD; i++)
		if (!gdb->hard[i].used || same(&gdb->hard[i], kind, addr, size)) {
			gdb->hard[i] = (struct gdb_hard){true, kind, addr, size};
			return true;
		}
	return false;
}

/* Whatever the debugger asks for: a debug register works before the code is there. */
bool lode_gdb_point_insert_(struct vmm_gdb *gdb, char kind, uint64_t addr, uint64_t size)
{
	return insert_hard(gdb, kind, addr, size) || (kind == SOFT && insert_soft(gdb, addr));
}

bool lode_gdb_point_remove_(struct vmm_gdb *gdb, char kind, uint64_t addr, uint64_t size)
{
	for (uint32_t i = 0; i < GDB_HARD; i++)
		if (same(&gdb->hard[i], kind, addr, size)) {
			gdb->hard[i].used = false;
			return true;
		}
	return kind == SOFT && remove_soft(gdb, addr);
}

void lode_gdb_points_clear_(struct vmm_gdb *gdb)
{
	for (uint32_t i = 0; i < GDB_SOFT; i++)
		if (gdb->soft[i].used)
			remove_soft(gdb, gdb->soft[i].addr);
	memset(gdb->hard, 0, sizeof gdb->hard);
}

/* Bits of DR7: enabled, and in the upper half what is watched and how many bytes. Ref: Intel SDM volume 3B, 18.2.4. */
static uint64_t control_of(const struct gdb_hard *hard, uint32_t number)
{
	static const unsigned char sizes[] = {0, 0, 1, 0, 3, 0, 0, 0, 2};
	uint64_t kind = hard->kind <= EXECUTE ? 0 : hard->kind == WRITE ? 1 : 3;
	uint64_t size = hard->kind <= EXECUTE || hard->size > 8 ? 0 : sizes[hard->size];

	return UINT64_C(2) << 2 * number | (kind | size << 2) << (16 + 4 * number);
}

void lode_gdb_points_arm_(struct vmm_gdb *gdb, struct vmm_cpu *cpu, bool step)
{
	struct kvm_guest_debug debug = {.control = 0};

	for (uint32_t i = 0; i < GDB_HARD; i++)
		if (gdb->hard[i].used) {
			debug.control |= KVM_GUESTDBG_USE_HW_BP;
			debug.arch.debugreg[i] = gdb->hard[i].addr;
			debug.arch.debugreg[7] |= control_of(&gdb->hard[i], i);
		}
	for (uint32_t i = 0; i < GDB_SOFT; i++)
		if (gdb->soft[i].used)
			debug.control |= KVM_GUESTDBG_USE_SW_BP;
	/* A step that ends in an interrupt's handler is of no use to anybody. */
	if (step)
		debug.control |= KVM_GUESTDBG_SINGLESTEP | (gdb->debug_flags & KVM_GUESTDBG_BLOCKIRQ);
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	cpu->armed = debug;
	ioctl(cpu->fd, KVM_SET_GUEST_DEBUG, &debug);
}

void lode_gdb_points_tell_(char *text, size_t size, const struct vmm_gdb *gdb, const struct vmm_cpu *cpu)
{
	static const char *const words[] = {"swbreak", "hwbreak", "watch", "rwatch", "awatch"};
	const struct kvm_debug_exit_arch *debug = &cpu->run->debug.arch;

	text[0] = 0;
	if (debug->exception == BREAKPOINT) {
		snprintf(text, size, "swbreak:;");
		return;
	}
	for (uint32_t i = 0; i < GDB_HARD; i++)
		if (gdb->hard[i].used && (debug->dr6 >> i & 1) && gdb->hard[i].kind <= EXECUTE)
			snprintf(text, size, "%s:;", words[gdb->hard[i].kind - SOFT]);
		else if (gdb->hard[i].used && (debug->dr6 >> i & 1))
			snprintf(text, size, "%s:%llx;", words[gdb->hard[i].kind - SOFT], (unsigned long long)gdb->hard[i].addr);
}

/* On the processor's own thread. The guest's own breakpoints are the guest's. */
bool lode_vmm_gdb_hit_(struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(cpu->vm);
	const struct kvm_debug_exit_arch *debug = &cpu->run->debug.arch;
	struct kvm_guest_debug again = cpu->armed;

	again.control |= KVM_GUESTDBG_INJECT_BP;
	if (!kvm->gdb)
		return false;
	if (debug->exception == BREAKPOINT && !find_soft(kvm->gdb, debug->pc, true)) {
		ioctl(cpu->fd, KVM_SET_GUEST_DEBUG, &again);
		return false;
	}
	cpu->hit = true;
	__atomic_store_n(&kvm->closed, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&kvm->gdb->hit, true, __ATOMIC_SEQ_CST);
	lode_vmm_wake_(cpu->vm);
	return true;
}
