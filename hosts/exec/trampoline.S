/* SPDX-License-Identifier: MIT */
/* A list of records (struct exec_record) in rdi -> the new program. Runs from a copy, with all signals blocked, uses no stack
 * and no address of its own: tools/check-trampoline proves that it has no relocations. */

	.section .text.lode_exec_trampoline, "ax", @progbits
	.globl	lode_exec_trampoline_, lode_exec_trampoline_end_
	.hidden	lode_exec_trampoline_, lode_exec_trampoline_end_
	.type	lode_exec_trampoline_, @function

/* struct exec_record */
#define CALL		0
#define BEFORE		0
#define ARG0		8
#define ARG1		16
#define ARG2		24
#define ARG3		32
#define ARG4		40
#define ARG5		48
#define HOW		56
#define RECORD		64

/* enum exec_how */
#define HOW_TRY		0
#define HOW_MUST	1
#define HOW_OR_NEXT	2
#define HOW_COPY	3
#define HOW_ZERO	4
#define HOW_REGISTERS	5
#define HOW_UNMAP	6

#define NR_MUNMAP	11
#define PAGE		4096

/* State component 9 of XCR0: the protection-key rights, whose state after exec is not the processor's initial one. */
#define XFEATURE_PKRU	9
#define INIT_PKRU	0x55555554

	/* It must not lie across two pages: check-trampoline compares its size with this. */
	.balign	512
lode_exec_trampoline_:
	mov	%rdi, %rbx
	xor	%esp, %esp		/* an alternate stack that is in use cannot be turned off */
	cld
	jmp	.Lrecord

.Lnext:
	add	$RECORD, %rbx
.Lrecord:
	mov	HOW(%rbx), %rbp
	cmp	$HOW_COPY, %rbp
	je	.Lcopy
	cmp	$HOW_ZERO, %rbp
	je	.Lzero
	cmp	$HOW_REGISTERS, %rbp
	je	.Lregisters
	cmp	$HOW_UNMAP, %rbp
	je	.Lunmap
	ja	.Lleave

	mov	CALL(%rbx), %rax
	mov	ARG0(%rbx), %rdi
	mov	ARG1(%rbx), %rsi
	mov	ARG2(%rbx), %rdx
	mov	ARG3(%rbx), %r10
	mov	ARG4(%rbx), %r8
	mov	ARG5(%rbx), %r9
	syscall
	cmp	$-4095, %rax
	jae	.Lfailed
	cmp	$HOW_OR_NEXT, %rbp
	jne	.Lnext
	add	$RECORD, %rbx
	jmp	.Lnext
.Lfailed:
	cmp	$HOW_MUST, %rbp
	jne	.Lnext
	hlt				/* privileged: SIGSEGV, and it cannot be blocked */

.Lcopy:
	mov	ARG0(%rbx), %rdi
	mov	ARG1(%rbx), %rsi
	mov	ARG2(%rbx), %rcx
	rep movsb
	jmp	.Lnext

.Lzero:
	mov	ARG0(%rbx), %rdi
	mov	ARG1(%rbx), %rcx
	xor	%eax, %eax
	rep stosb
	jmp	.Lnext

/* munmap of [r12, r14) does nothing at all if it meets a sealed mapping: then halves, down to the pages that have to stay. */
.Lunmap:
	mov	ARG0(%rbx), %r12
	mov	ARG1(%rbx), %r13
	lea	(%r12,%r13), %r14
.Lpiece:
	mov	%r12, %rdi
	mov	%r13, %rsi
	mov	$NR_MUNMAP, %eax
	syscall
	test	%rax, %rax
	jz	.Lunmapped
	cmp	$PAGE, %r13
	jbe	.Lunmapped
	shr	%r13
	add	$PAGE - 1, %r13
	and	$-PAGE, %r13
	jmp	.Lpiece
.Lunmapped:
	add	%r13, %r12
	mov	%r14, %r13
	sub	%r12, %r13
	ja	.Lpiece
	jmp	.Lnext

/* Floating-point and vector registers, protection keys, segment bases as after exec. */
.Lregisters:
	mov	ARG0(%rbx), %rsi
	mov	ARG1(%rbx), %rax
	test	%rax, %rax
	jz	.Lno_xsave
	mov	%rax, %rdx
	shr	$32, %rdx
	btr	$XFEATURE_PKRU, %eax
	jnc	.Lno_keys
	mov	%eax, %r8d
	mov	%edx, %r9d
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$INIT_PKRU, %eax
	wrpkru
	mov	%r8d, %eax
	mov	%r9d, %edx
.Lno_keys:
	xrstor64 (%rsi)
	jmp	.Lsegments
.Lno_xsave:
	fxrstor64 (%rsi)
.Lsegments:
	cmpq	$0, ARG2(%rbx)
	je	.Lnext
	xor	%eax, %eax
	wrfsbase %rax
	wrgsbase %rax
	jmp	.Lnext

/* The vDSO's own `syscall` unmaps this code and returns to the entry. Without it, the block stays mapped. If the code runs where it
 * was linked, the block with the records goes first. */
.Lleave:
	mov	ARG0(%rbx), %rsp
	pushq	ARG1(%rbx)
	mov	ARG2(%rbx), %r12
	mov	ARG3(%rbx), %r13
	mov	ARG4(%rbx), %r14
	mov	ARG5(%rbx), %rdi
	mov	BEFORE(%rbx), %rsi
	test	%rsi, %rsi
	jz	.Lalone
	mov	$NR_MUNMAP, %eax
	syscall
.Lalone:
	mov	%r12, %rcx
	mov	%r13, %rdi
	mov	%r14, %rsi
	xor	%ebp, %ebp
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	test	%rcx, %rcx
	jz	.Lstay
	push	%rcx
	xor	%ecx, %ecx
	mov	$NR_MUNMAP, %eax
	ret
.Lstay:
	xor	%edi, %edi
	xor	%esi, %esi
	xor	%eax, %eax
	ret
lode_exec_trampoline_end_:
	.size	lode_exec_trampoline_, . - lode_exec_trampoline_

/* Handlers of stopped threads never return; the kernel wants a restorer all the same. */
	.text
	.globl	lode_exec_restorer_
	.hidden	lode_exec_restorer_
	.type	lode_exec_restorer_, @function
lode_exec_restorer_:
	mov	$15, %eax
	syscall
	hlt
	.size	lode_exec_restorer_, . - lode_exec_restorer_

	.section .note.GNU-stack, "", @progbits
