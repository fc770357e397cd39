/* SPDX-License-Identifier: MIT */
/* The start state -> registers of KVM's processors. Those that the protocol does not start wait for INIT and SIPI. */
#include "hypervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define CR0_PG UINT64_C(0x80000000)

enum {
	TYPE = 0xf, S = 0x10, PRESENT = 0x80, AVL = 0x1000, LONG = 0x2000, DB = 0x4000, GRANULAR = 0x8000, /* of an access word */
	TSS_BUSY = 2,  /* of the type */
	LDT_TYPE = 2, TSS_TYPE = 11,
	MSR_MISC_ENABLE = 0x1a0, FAST_STRINGS = 1,
	MSR_PAT = 0x277,
	MSR_MTRR_TYPE = 0x2ff, MTRR_WRITE_BACK = 0x806, /* on, and everything write back: it is memory, or no cache sees it */
};

static struct kvm_segment segment(const struct lode_selector *from)
{
	uint32_t access = lode_descriptor_access(from->descriptor);

	return (struct kvm_segment){
		.base = lode_descriptor_base(from->descriptor),
		.limit = lode_descriptor_limit(from->descriptor),
		.selector = from->selector,
		.type = access & TYPE,
		.present = !!(access & PRESENT),
		.dpl = access >> 5 & 3,
		.db = !!(access & DB),
		.s = !!(access & S),
		.l = !!(access & LONG),
		.g = !!(access & GRANULAR),
		.avl = !!(access & AVL),
		.unusable = !from->descriptor,
	};
}

/* Processors never are without a task: a null selector means the one that they have after reset. */
static struct kvm_segment task(const struct lode_selector *from)
{
	struct kvm_segment to = segment(from);

	if (!from->descriptor)
		return (struct kvm_segment){.limit = 0xffff, .type = TSS_TYPE, .present = 1};
	to.type |= TSS_BUSY;
	return to;
}

static struct kvm_segment local_table(const struct lode_selector *from)
{
	struct kvm_segment to = segment(from);

	if (!from->descriptor)
		to.type = LDT_TYPE;
	return to;
}

static void put_special(struct kvm_sregs *to, const struct lode_registers *from)
{
	to->cs = segment(&from->cs);
	to->ds = segment(&from->ds);
	to->es = segment(&from->es);
	to->fs = segment(&from->fs);
	to->gs = segment(&from->gs);
	to->ss = segment(&from->ss);
	to->tr = task(&from->tr);
	to->ldt = local_table(&from->ldtr);
	to->gdt = (struct kvm_dtable){.base = from->gdtr.base, .limit = from->gdtr.limit};
	to->idt = (struct kvm_dtable){.base = from->idtr.base, .limit = from->idtr.limit};
	to->cr0 = from->cr0;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->efer = from->efer;
	if ((from->cr0 & CR0_PG) && (from->efer & EFER_LME))
		to->efer |= EFER_LMA;
}

static void put_general(struct kvm_regs *to, const struct lode_registers *from)
{
	*to = (struct kvm_regs){
		.rax = from->rax, .rbx = from->rbx, .rcx = from->rcx, .rdx = from->rdx, .rsi = from->rsi, .rdi = from->rdi,
		.rsp = from->rsp, .rbp = from->rbp, .rip = from->rip, .rflags = from->rflags | 2,
		.r8 = from->r8_r15[0], .r9 = from->r8_r15[1], .r10 = from->r8_r15[2], .r11 = from->r8_r15[3],
		.r12 = from->r8_r15[4], .r13 = from->r8_r15[5], .r14 = from->r8_r15[6], .r15 = from->r8_r15[7],
	};
}

/* MSRs that a firmware would have left otherwise than reset does. */
static int set_msrs(struct vmm *vm, struct vmm_cpu *cpu, uint64_t pat)
{
	static const struct kvm_msr_entry wanted[3] = {
		{.index = MSR_MTRR_TYPE, .data = MTRR_WRITE_BACK},
		{.index = MSR_MISC_ENABLE, .data = FAST_STRINGS},
		{.index = MSR_PAT},
	};
	union {
		struct kvm_msrs list;
		unsigned char bytes[sizeof(struct kvm_msrs) + sizeof wanted];
	} msrs = {.list.nmsrs = pat ? 3 : 2};
	int done;

	memcpy(msrs.list.entries, wanted, sizeof wanted);
	msrs.list.entries[2].data = pat;
	done = ioctl(cpu->fd, KVM_SET_MSRS, &msrs);
	if (done == (int)msrs.list.nmsrs)
		return 0;
	return lode_vmm_fail_(vm, done < 0 ? errno : 0, "KVM refuses MSR %X of processor %u", wanted[done < 0 ? 0 : done].index,
		cpu->number);
}

static int set_registers(struct vmm *vm, struct vmm_cpu *cpu, const struct lode_registers *registers)
{
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct kvm_regs general;
	struct kvm_sregs special;

	if (ioctl(cpu->fd, KVM_GET_SREGS, &special))
		return lode_vmm_fail_(vm, errno, "reading registers of processor %u", cpu->number);
	put_special(&special, registers);
	put_general(&general, registers);
	if (ioctl(cpu->fd, KVM_SET_SREGS, &special))
		return lode_vmm_fail_(vm, errno, "KVM refuses the control registers and segments of processor %u", cpu->number);
	if (ioctl(cpu->fd, KVM_SET_REGS, &general) || ioctl(cpu->fd, KVM_SET_MP_STATE, &runnable))
		return lode_vmm_fail_(vm, errno, "KVM refuses the registers of processor %u", cpu->number);
	return 0;
}

int lode_vmm_registers_set_(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	struct lode_registers registers;

	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		struct vmm_cpu *cpu = &kvm->cpus[i];
		bool started = lode_start_processor(&registers, &vm->kernel.start, i);

		if (set_msrs(vm, cpu, started ? registers.pat : 0))
			return -1;
		if (started && set_registers(vm, cpu, &registers))
			return -1;
	}
	return 0;
}
