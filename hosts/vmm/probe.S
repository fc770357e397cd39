/* SPDX-License-Identifier: MIT */
/* A guest in long mode that uses what every kernel does -> one number at port F4h. Copied to PROBE_CODE; no relocations. */

	.section .rodata
	.globl lode_vmm_probe_code_, lode_vmm_probe_fault_, lode_vmm_probe_end_
	.type lode_vmm_probe_code_, @object
	.hidden lode_vmm_probe_code_
	.hidden lode_vmm_probe_fault_
	.hidden lode_vmm_probe_end_
	.code64

/* rdi: scratch memory. The IDT that was loaded has lode_vmm_probe_fault_ for invalid opcodes. */
lode_vmm_probe_code_:
	mov	%rdi, %rsi
	mov	$0x01010101, %eax
	movd	%eax, %xmm0
	pshufd	$0, %xmm0, %xmm1
	paddd	%xmm0, %xmm1
	movups	%xmm1, (%rdi)
	mov	(%rdi), %ebx            /* 02020202 */
	mov	$64, %ecx
	mov	$1, %al
	add	$16, %rdi
	rep stosb
	lock addl %ebx, 16(%rsi)        /* 03030303 */
	push	16(%rsi)
	xor	%eax, %eax
	cpuid
	mov	$0xc0000080, %ecx       /* EFER */
	rdmsr
	and	$0x400, %eax            /* LMA */
	mov	%cr3, %rdx
	mov	%rdx, %cr3
	ud2
1:	jmp	1b

lode_vmm_probe_fault_:
	mov	24(%rsp), %rcx          /* the stack as it was: above rip, cs and rflags */
	mov	(%rcx), %ebx
	or	%ebx, %eax              /* 03030703 */
	mov	$0xf4, %dx
	out	%eax, %dx
2:	hlt
	jmp	2b
lode_vmm_probe_end_:

	.size	lode_vmm_probe_code_, . - lode_vmm_probe_code_
	.section .note.GNU-stack, "", @progbits
