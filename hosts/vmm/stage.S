/* SPDX-License-Identifier: MIT */
/* From QEMU's reset to the start state: a ROM that enters protected mode and makes port writes, and a stage in the guest's memory
 * that loads every register of the record and goes. None of it is addressed by symbols: all is data here, copied by the host. */
#include "stage.h"

#define ROM_BASE 0xfffff000
#define FLAT_CODE 0x08
#define FLAT_DATA 0x10
#define LONG_CODE 0x18

	.section .rodata
	.globl	lode_vmm_rom_, lode_vmm_rom_end_, lode_vmm_stage_, lode_vmm_stage_end_, lode_vmm_last_
	.globl	lode_vmm_other_, lode_vmm_other_end_

/* 4096 bytes, the last of which ends at 4 GiB. */
	.balign	16
	.code16
lode_vmm_rom_:
begin:	cli
	cld
	lgdtl	%cs:gdtr - begin + 0xf000
	mov	%cr0, %eax
	and	$0x9fffffff, %eax	/* caches on */
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$FLAT_CODE, $ROM_BASE + flat - begin
	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdtr:	.word	31
	.long	ROM_BASE + gdt - begin

	.code32
flat:	mov	$FLAT_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	/* every port write of the record */
	mov	$STAGE_RECORD + RECORD_PORTS, %esi
	mov	STAGE_RECORD + RECORD_NPORTS, %ebx
1:	test	%ebx, %ebx
	jz	4f
	movzwl	(%esi), %edx
	mov	4(%esi), %eax
	cmpw	$2, 2(%esi)
	jb	2f
	ja	3f
	out	%ax, %dx
	jmp	5f
2:	out	%al, %dx
	jmp	5f
3:	out	%eax, %dx
5:	add	$8, %esi
	dec	%ebx
	jmp	1b
4:	mov	$STAGE_CODE, %eax
	jmp	*%eax
	.org	begin + 0xff0
	.code16
	jmp	begin
	.org	begin + 0x1000
lode_vmm_rom_end_:

/* At STAGE_CODE, in flat 32-bit mode. */
	.balign	16
	.code32
lode_vmm_stage_:
stage:	mov	$STAGE_RECORD, %ebp
	cmpl	$0, RECORD_LONG(%ebp)
	jne	long
	lgdt	RECORD_GDTR(%ebp)
	lidt	RECORD_IDTR(%ebp)
	mov	RECORD_CR4(%ebp), %eax
	mov	%eax, %cr4
	mov	RECORD_DS(%ebp), %eax
	mov	%eax, %ds
	mov	RECORD_ES(%ebp), %eax
	mov	%eax, %es
	mov	RECORD_FS(%ebp), %eax
	mov	%eax, %fs
	mov	RECORD_GS(%ebp), %eax
	mov	%eax, %gs
	mov	RECORD_SS(%ebp), %eax
	mov	%eax, %ss
	mov	RECORD_CR0(%ebp), %eax
	mov	%eax, %cr0
	mov	RECORD_TR(%ebp), %eax
	test	%eax, %eax
	jz	1f
	/* the descriptor is that of a task that runs, as it is to be found; to be loaded it must be free */
	mov	RECORD_GDTR + 2(%ebp), %esi
	andb	$~2, 5(%esi,%eax)
	ltr	%ax
	/* returning within a privilege level leaves the stack pointer: three words below it are used */
1:	mov	RECORD_RSP(%ebp), %esp
	test	%esp, %esp
	jnz	2f
	mov	$STAGE_RECORD, %esp
2:	pushl	RECORD_RFLAGS(%ebp)
	pushl	RECORD_CS(%ebp)
	pushl	RECORD_RIP(%ebp)
	mov	RECORD_RAX(%ebp), %eax
	mov	RECORD_RBX(%ebp), %ebx
	mov	RECORD_RCX(%ebp), %ecx
	mov	RECORD_RDX(%ebp), %edx
	mov	RECORD_RSI(%ebp), %esi
	mov	RECORD_RDI(%ebp), %edi
	mov	RECORD_RBP(%ebp), %ebp
	iret

/* CR4's LA57 can only be chosen before paging is on; NXE before tables with NX are used. */
long:	mov	$STAGE_CODE + 1f - stage, %edi
	jmp	enter
1:	ljmp	$LONG_CODE, $STAGE_CODE + wide - stage

/* Paging on, with the stage's tables; ebp -> record, edi -> where to go on. */
enter:	mov	RECORD_CR4(%ebp), %eax
	mov	%eax, %cr4
	mov	RECORD_STAGE_CR3(%ebp), %eax
	mov	%eax, %cr3
	mov	$0x277, %ecx
	mov	RECORD_PAT(%ebp), %eax
	mov	RECORD_PAT + 4(%ebp), %edx
	wrmsr
	mov	$0xc0000080, %ecx
	mov	RECORD_EFER(%ebp), %eax
	and	$~0x400, %eax		/* LMA is the processor's */
	xor	%edx, %edx
	wrmsr
	mov	RECORD_CR0(%ebp), %eax
	mov	%eax, %cr0
	jmp	*%edi

	.code64
wide:	mov	$STAGE_RECORD, %ebp
	cmpl	$0, RECORD_OTHERS(%rbp)
	je	first
	/* INIT and twice SIPI to all but self: STAGE_OTHERS is their page */
	mov	$0xfee00000, %esi
	movl	$0x000c4500, 0x300(%rsi)
	mov	$2000000, %ecx
1:	pause
	dec	%ecx
	jnz	1b
	mov	$2, %edi
2:	movl	$0x000c4600 + (STAGE_OTHERS >> 12), 0x300(%rsi)
	mov	$200000, %ecx
3:	pause
	dec	%ecx
	jnz	3b
	dec	%edi
	jnz	2b
4:	pause
	mov	RECORD_ARRIVED(%rbp), %eax
	cmp	RECORD_OTHERS(%rbp), %eax
	jb	4b
	/* they are on their last instructions here */
	mov	$200000, %ecx
5:	pause
	dec	%ecx
	jnz	5b

/* What differs between processors: r8 is rip, r9 is rdi, r10 is rsp, r11 where the frame of iretq ends (0: behind the record), r12
 * whether the others are to be told. */
first:	mov	RECORD_RIP(%rbp), %r8
	mov	RECORD_RDI(%rbp), %r9
	mov	RECORD_RSP(%rbp), %r10
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	jmp	*RECORD_JUMP(%rbp)

/* Reached at an address that the kernel's tables map too, or, if a shim loads them, with the stage's tables. */
lode_vmm_last_:
	lea	stage + STAGE_RECORD - STAGE_CODE(%rip), %rbp
	lgdt	RECORD_GDTR(%rbp)
	lidt	RECORD_IDTR(%rbp)
	cmpl	$0, RECORD_SHIM(%rbp)
	jne	1f
	mov	RECORD_CR3(%rbp), %rax
	mov	%rax, %cr3
1:	mov	RECORD_DS(%rbp), %eax
	mov	%eax, %ds
	mov	RECORD_ES(%rbp), %eax
	mov	%eax, %es
	mov	RECORD_FS(%rbp), %eax
	mov	%eax, %fs
	mov	RECORD_GS(%rbp), %eax
	mov	%eax, %gs
	test	%r12d, %r12d
	jnz	3f
	mov	RECORD_TR(%rbp), %eax
	test	%eax, %eax
	jz	2f
	mov	RECORD_GDTR + 2(%rbp), %rsi
	andb	$~2, 5(%rsi,%rax)
	ltr	%ax
	/* the frame lies behind the record, where the kernel's tables show it, or below the processor's own stack */
2:	lea	RECORD_SIZE + 1024(%rbp), %rsp
	jmp	4f
3:	mov	%r11, %rsp
	lock incl RECORD_ARRIVED(%rbp)
4:	pushq	RECORD_SS(%rbp)
	push	%r10
	pushq	RECORD_RFLAGS(%rbp)
	pushq	RECORD_CS(%rbp)
	push	%r8
	mov	RECORD_RAX(%rbp), %rax
	mov	RECORD_RBX(%rbp), %rbx
	mov	RECORD_RCX(%rbp), %rcx
	mov	RECORD_RDX(%rbp), %rdx
	mov	RECORD_RSI(%rbp), %rsi
	mov	%r9, %rdi
	mov	RECORD_R8(%rbp), %r8
	mov	RECORD_R8 + 8(%rbp), %r9
	mov	RECORD_R8 + 16(%rbp), %r10
	mov	RECORD_R8 + 24(%rbp), %r11
	mov	RECORD_R8 + 32(%rbp), %r12
	mov	RECORD_R8 + 40(%rbp), %r13
	mov	RECORD_R8 + 48(%rbp), %r14
	mov	RECORD_R8 + 56(%rbp), %r15
	mov	RECORD_RBP(%rbp), %rbp
	iretq
lode_vmm_stage_end_:

/* At STAGE_OTHERS, in real mode: all processors but the first. The n-th of them has APIC id n. */
	.balign	16
	.code16
lode_vmm_other_:
other:	cli
	cld
	lgdtl	%cs:other_gdtr - other
	mov	%cr0, %eax
	and	$0x9fffffff, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$FLAT_CODE, $STAGE_OTHERS + other_flat - other
	.balign	8
other_gdtr:
	.word	31
	.long	ROM_BASE + gdt - begin
	.code32
other_flat:
	mov	$FLAT_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$STAGE_RECORD, %ebp
	mov	$STAGE_OTHERS + 1f - other, %edi
	mov	$STAGE_CODE + enter - stage, %eax
	jmp	*%eax
1:	ljmp	$LONG_CODE, $STAGE_OTHERS + other_wide - other
	.code64
other_wide:
	mov	$STAGE_RECORD, %ebp
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	dec	%ebx
	mov	%rbx, %r9
	mov	%rbx, %r10
	imul	RECORD_OTHER_RDI_STEP(%rbp), %r9
	add	RECORD_OTHER_RDI(%rbp), %r9
	imul	RECORD_OTHER_RSP_STEP(%rbp), %r10
	add	RECORD_OTHER_RSP(%rbp), %r10
	mov	%r10, %r11
	mov	$1, %r12d
	mov	RECORD_OTHER_RIP(%rbp), %r8
	jmp	*RECORD_JUMP(%rbp)
lode_vmm_other_end_:
	.section .note.GNU-stack, "", @progbits
