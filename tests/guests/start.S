/* SPDX-License-Identifier: MIT */
/* The first instructions: registers -> the structure `entry`, then guest_main on a stack of its own. 32 and 64 bits. */
	.globl	_start
	.type	_start, @function
	.section .text.start, "ax", @progbits
#ifdef __x86_64__
	.code64
_start:	mov	%rax, entry(%rip)
	mov	%rbx, entry+8(%rip)
	mov	%rcx, entry+16(%rip)
	mov	%rdx, entry+24(%rip)
	mov	%rsi, entry+32(%rip)
	mov	%rdi, entry+40(%rip)
	mov	%rbp, entry+48(%rip)
	mov	%rsp, entry+56(%rip)
	lea	stack_end(%rip), %rsp
	pushf
	pop	entry+64(%rip)
	mov	%cr0, %rax
	mov	%rax, entry+72(%rip)
	mov	%cr3, %rax
	mov	%rax, entry+80(%rip)
	mov	%cr4, %rax
	mov	%rax, entry+88(%rip)
	mov	%cs, entry+96(%rip)
	mov	%ds, entry+104(%rip)
	mov	%es, entry+112(%rip)
	mov	%fs, entry+120(%rip)
	mov	%gs, entry+128(%rip)
	mov	%ss, entry+136(%rip)
	cld
	call	guest_main
	call	finish
#else
	.code32
_start:	mov	%eax, entry
	mov	%ebx, entry+8
	mov	%ecx, entry+16
	mov	%edx, entry+24
	mov	%esi, entry+32
	mov	%edi, entry+40
	mov	%ebp, entry+48
	mov	%esp, entry+56
	mov	$stack_end, %esp
	pushf
	pop	entry+64
	mov	%cr0, %eax
	mov	%eax, entry+72
	mov	%cr3, %eax
	mov	%eax, entry+80
	mov	%cr4, %eax
	mov	%eax, entry+88
	mov	%cs, entry+96
	mov	%ds, entry+104
	mov	%es, entry+112
	mov	%fs, entry+120
	mov	%gs, entry+128
	mov	%ss, entry+136
	cld
	call	guest_main
	call	finish
#endif
	.size	_start, . - _start

	.bss
	.balign	16
	.skip	16384
stack_end:
	.section .note.GNU-stack, "", @progbits
