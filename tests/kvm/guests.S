/* SPDX-License-Identifier: MIT */
/* Small guests, one a property -> what they saw in memory at 6000h, and a number at the exit port. Each is copied to 10000h. */

	.macro	guest name
	.globl	guest_\name, guest_\name\()_end
	.type	guest_\name, @object
	.size	guest_\name, guest_\name\()_end - guest_\name
guest_\name:
	.endm
	.macro	end name
guest_\name\()_end:
	.endm
	.macro	exit
	mov	$0xf4, %dx
	out	%eax, %dx
9:	hlt
	jmp	9b
	.endm

	.set	SEEN, 0x6000

	.section .rodata

/* Everything that the start state sets. */
	.code64
	guest registers64
	mov	%rax, SEEN
	mov	%rbx, SEEN + 8
	mov	%rcx, SEEN + 16
	mov	%rdx, SEEN + 24
	mov	%rsi, SEEN + 32
	mov	%rdi, SEEN + 40
	mov	%rbp, SEEN + 48
	mov	%rsp, SEEN + 56
	mov	%r8, SEEN + 64
	mov	%r9, SEEN + 72
	mov	%r10, SEEN + 80
	mov	%r11, SEEN + 88
	mov	%r12, SEEN + 96
	mov	%r13, SEEN + 104
	mov	%r14, SEEN + 112
	mov	%r15, SEEN + 120
	pushf
	pop	SEEN + 128
	mov	%cr0, %rax
	mov	%rax, SEEN + 136
	mov	%cr3, %rax
	mov	%rax, SEEN + 144
	mov	%cr4, %rax
	mov	%rax, SEEN + 152
	mov	$0xc0000080, %ecx
	rdmsr
	mov	%eax, SEEN + 160
	mov	$0x277, %ecx
	rdmsr
	mov	%eax, SEEN + 168
	mov	%edx, SEEN + 172
	mov	%cs, SEEN + 176
	mov	%ds, SEEN + 178
	mov	%es, SEEN + 180
	mov	%fs, SEEN + 182
	mov	%gs, SEEN + 184
	mov	%ss, SEEN + 186
	str	SEEN + 188
	sldt	SEEN + 190
	sgdt	SEEN + 192
	sidt	SEEN + 208
	fnstcw	SEEN + 224
	stmxcsr	SEEN + 228
	mov	$0x2ff, %ecx
	rdmsr
	mov	%eax, SEEN + 232
	mov	$1, %eax
	exit
	end registers64

/* CPUID of some leaves, each with its subleaf, from the list at 7000h (ended by ~0) to SEEN. */
	guest cpuid
	mov	$0x7000, %esi
	mov	$SEEN, %edi
1:	mov	(%rsi), %eax
	mov	4(%rsi), %ecx
	cmp	$-1, %eax
	je	2f
	cpuid
	mov	%eax, (%rdi)
	mov	%ebx, 4(%rdi)
	mov	%ecx, 8(%rdi)
	mov	%edx, 12(%rdi)
	add	$8, %esi
	add	$16, %edi
	jmp	1b
2:	mov	$2, %eax
	exit
	end cpuid

/* Ports that nobody has, in all widths; a string to the debug console; a string from a port. */
	guest ports
	mov	$0x123, %dx
	in	%dx, %al
	mov	%al, SEEN
	in	%dx, %ax
	mov	%ax, SEEN + 2
	in	%dx, %eax
	mov	%eax, SEEN + 4
	in	$0xe9, %al
	mov	%al, SEEN + 8
	mov	$0xcf8, %dx
	mov	$0xffffffff, %eax
	out	%eax, %dx               /* across CF9h, but no reset */
	in	%dx, %eax
	mov	%eax, SEEN + 12
	mov	$0x7000, %esi
	mov	$5, %ecx
	mov	$0xe9, %dx
	cld
	rep outsb
	mov	$SEEN + 16, %edi
	mov	$4, %ecx
	rep insb
	mov	$3, %eax
	exit
	end ports

/* Addresses that nobody has, and a device at D4000000h. */
	guest mmio
	mov	$0xd4000000, %ebx
	mov	(%rbx), %eax
	mov	%eax, SEEN
	movb	$0x12, 4(%rbx)
	movw	$0x3456, 8(%rbx)
	movl	$0x789abcde, 12(%rbx)
	mov	$0x1122334455667788, %rax
	mov	%rax, 16(%rbx)
	mov	16(%rbx), %rax
	mov	%rax, SEEN + 8
	mov	$0xd8000000, %ebx
	mov	(%rbx), %rax
	mov	%rax, SEEN + 16
	mov	%rax, (%rbx)
	movzbl	(%rbx), %eax
	mov	%eax, SEEN + 24
	mov	$4, %eax
	exit
	end mmio

/* Memory at the hole's edge and above 4 GiB. */
	guest memory
	mov	$0xbfffffff, %eax
	movb	$0x5a, (%rax)
	mov	$0x100000000, %rax
	movq	$0x77, (%rax)
	mov	$0x13fffffff, %rax
	movb	$0x78, (%rax)
	mov	$0xc0000000, %eax
	mov	(%rax), %rax
	mov	%rax, SEEN
	mov	$5, %eax
	exit
	end memory

	guest triple
	lidt	1f(%rip)
	ud2
1:	.quad	0, 0
	end triple

	guest halt
	cli
1:	hlt
	jmp	1b
	end halt

	guest spin
1:	pause
	jmp	1b
	end spin

/* The byte at 7000h to the port at 7002h, or the word if 7004h is not 0. */
	guest poke
	mov	0x7002, %dx
	mov	0x7000, %ax
	cmpb	$0, 0x7004
	jne	1f
	out	%al, %dx
	jmp	2f
1:	out	%ax, %dx
2:	mov	$6, %eax
	exit
	end poke

/* The instruction lies where there is no memory. */
	guest nowhere
	mov	$0xd8000000, %eax
	jmp	*%rax
	end nowhere

/* What comes on the serial line goes back one higher, by polling; 'q' ends. */
	guest echo
	mov	$0x3fa, %dx
	mov	$1, %al
	out	%al, %dx
1:	mov	$0x3fd, %dx
	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$0x3f8, %dx
	in	%dx, %al
	cmp	$'q', %al
	je	2f
	inc	%al
	out	%al, %dx
	jmp	1b
2:	mov	$7, %eax
	exit
	end echo

/* The timer's interrupt by the PIC (vector 20h) and the serial line's (24h) end HLT. The handler counts at SEEN + vector. */
	guest interrupts
	mov	$0x11, %al
	out	%al, $0x20
	mov	$0x20, %al
	out	%al, $0x21
	mov	$4, %al
	out	%al, $0x21
	mov	$1, %al
	out	%al, $0x21
	mov	$0xee, %al              /* lines 0 and 4 */
	out	%al, $0x21
	lea	timer(%rip), %rax
	mov	$0x5000 + 16 * 0x20, %edi
	call	gate
	lea	serial(%rip), %rax
	mov	$0x5000 + 16 * 0x24, %edi
	call	gate
	lidt	table(%rip)
	mov	$0x34, %al
	out	%al, $0x43
	mov	$0x00, %al
	out	%al, $0x40
	mov	$0x10, %al
	out	%al, $0x40
	mov	$0x3f9, %dx
	mov	$2, %al
	out	%al, %dx                /* transmitter empty */
1:	sti
	hlt
	cmpb	$3, SEEN + 0x20
	jb	1b
	cmpb	$1, SEEN + 0x24
	jb	1b
	mov	$8, %eax
	exit
gate:	mov	%ax, (%rdi)
	mov	%cs, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shr	$16, %rax
	mov	%ax, 6(%rdi)
	movl	$0, 8(%rdi)
	ret
timer:	incb	SEEN + 0x20
	push	%rax
	mov	$0x20, %al
	out	%al, $0x20
	pop	%rax
	iretq
serial:	incb	SEEN + 0x24
	push	%rax
	push	%rdx
	mov	$0x3fa, %dx
	in	%dx, %al
	mov	%al, SEEN + 0x40
	mov	$0x20, %al
	out	%al, $0x20
	pop	%rdx
	pop	%rax
	iretq
table:	.word	0xfff
	.quad	0x5000
	end interrupts

/* All processors count at SEEN and the last one ends; started by the protocol, rdi is each one's own. */
	guest others
	mov	%rdi, %rax
	mov	%rsp, SEEN + 16(,%rdi,8)
	lock incl SEEN
1:	mov	SEEN, %ecx
	cmp	0x7000, %ecx
	jb	1b
	cmp	$0, %rdi
	jne	2f
	mov	$9, %eax
	exit
2:	cli
	hlt
	jmp	2b
	end others

/* The first processor starts the others by INIT and SIPI, in real mode at 8000h. */
	guest sipi
	mov	$0xfee00000, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	lea	trampoline(%rip), %rsi
	mov	$0x8000, %edi
	mov	$trampoline_end - trampoline, %ecx
	rep movsb
	movl	$0xc4500, 0x300(%rbx)
	mov	$200000, %ecx
1:	loop	1b
	movl	$0xc4608, 0x300(%rbx)
2:	pause
	mov	SEEN, %ecx
	cmp	0x7000, %ecx
	jb	2b
	mov	$10, %eax
	exit
	.code16
trampoline:
	xor	%ax, %ax
	mov	%ax, %ds
	lock incl SEEN
3:	hlt
	jmp	3b
trampoline_end:
	.code64
	end sipi

/* Counts for a debugger, until a byte at SEEN + 16 says that it is enough. */
	guest debugged
	xor	%eax, %eax
1:	inc	%rax
	mov	%rax, SEEN
	call	guest_debugged_called
	cmpb	$0, SEEN + 16
	je	1b
	mov	$13, %eax
	exit
	.globl	guest_debugged_called
guest_debugged_called:
	lock incq SEEN + 8
	int3                            /* its own breakpoints are its own */
	ret
	end debugged

	guest debugged_int3
	incb	SEEN + 24
	iretq
	end debugged_int3

/* Real mode, from segment 1000h. */
	.code16
	guest real
	mov	%cs, %ax
	mov	%ax, %ds:SEEN
	mov	%ss, %ax
	mov	%ax, %ds:SEEN + 2
	mov	%sp, %ds:SEEN + 4
	smsw	%ax
	mov	%ax, %ds:SEEN + 6
	mov	$0xfe, %al
	mov	$0xe9, %dx
	out	%al, %dx
	mov	$11, %eax
	exit
	end real

/* Protected mode without paging. */
	.code32
	guest flat
	mov	%eax, SEEN
	mov	%ebx, SEEN + 4
	mov	%cr0, %eax
	mov	%eax, SEEN + 8
	mov	%cs, SEEN + 12
	str	SEEN + 14
	mov	$0xbff00000, %eax
	movl	$0x1234, (%eax)
	mov	$12, %eax
	exit
	end flat

	.section .note.GNU-stack, "", @progbits
