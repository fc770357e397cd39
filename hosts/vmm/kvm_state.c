/* SPDX-License-Identifier: MIT */
/* The processor that failed -> vm->state, once the guest is at its end and the threads have come out of it. */
#include "hypervisor.h"

#include <string.h>
#include <sys/ioctl.h>

void lode_vmm_blame_(const struct vmm_cpu *cpu)
{
	if (vmm_running(cpu->vm))
		__atomic_store_n(&vmm_kvm_of(cpu->vm)->blamed, cpu->number, __ATOMIC_RELAXED);
}

static void take_general(struct lode_vmm_state *s, const struct kvm_regs *r)
{
	const uint64_t upper[] = {r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};

	s->rax = r->rax;
	s->rbx = r->rbx;
	s->rcx = r->rcx;
	s->rdx = r->rdx;
	s->rsi = r->rsi;
	s->rdi = r->rdi;
	s->rbp = r->rbp;
	s->rsp = r->rsp;
	s->rip = r->rip;
	s->rflags = r->rflags;
	memcpy(s->r8_r15, upper, sizeof upper);
}

static void take_special(struct lode_vmm_state *s, const struct kvm_sregs *r)
{
	s->cr0 = r->cr0;
	s->cr2 = r->cr2;
	s->cr3 = r->cr3;
	s->cr4 = r->cr4;
	s->efer = r->efer;
	s->cs = r->cs.selector;
	s->cs_base = r->cs.base;
	s->gdtr = (struct lode_table){r->gdt.base, r->gdt.limit};
	s->idtr = (struct lode_table){r->idt.base, r->idt.limit};
	s->mode = r->cs.l ? LODE_VMM_MODE_64 : r->cs.db ? LODE_VMM_MODE_32 : LODE_VMM_MODE_16;
}

/* As after INIT. */
static bool is_reset(const struct kvm_regs *regs, const struct kvm_sregs *sregs)
{
	return regs->rip == 0xfff0 && sregs->cs.base == 0xffff0000 && !sregs->cs.l && !sregs->cs.db;
}

void lode_vmm_kvm_state_(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	const struct vmm_cpu *cpu = &kvm->cpus[__atomic_load_n(&kvm->blamed, __ATOMIC_RELAXED)];
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	/* A thread that is stuck outside of the guest does not hold its processor; one that never came out would be waited for. */
	if (kvm->nthreads || ioctl(cpu->fd, KVM_GET_REGS, &regs) || ioctl(cpu->fd, KVM_GET_SREGS, &sregs))
		return;
	vm->state.processor = cpu->number;
	vm->state.lost = vm->end == LODE_VMM_TRIPLE_FAULT && is_reset(&regs, &sregs);
	vm->state.before = vm->state.lost ? cpu->before : 0;
	vm->state.known = true;
	if (vm->state.lost) {
		regs = cpu->regs;
		sregs = cpu->sregs;
	}
	take_general(&vm->state, &regs);
	take_special(&vm->state, &sregs);
}
