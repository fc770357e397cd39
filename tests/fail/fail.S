/* SPDX-License-Identifier: MIT */
/* A kernel that fails in one way, FAIL; what `lode boot` says of it is judged by tests/fail/run. 64 bits. */
#define null_jump 1
#define fetch_unmapped 2
#define fetch_no_execute 3
#define fetch_outside 4
#define fetch_zeros 5
#define tables_outside 6
#define tables_without_code 7
#define code_64 8
#define code_32 9
#define sse_off 10
#define avx_off 11
#define ud2_ 12
#define interrupt 13
#define msr 14
#define stack 15
#define read_only 16
#define null_access 17
#define access_unmapped 18
#define access_outside 19
#define no_address 20
#define control_register 21
#define segment 22
#define no_handlers 23
#define handlers_unmapped 24
#define loop_ 25
#define halted 26
#define panic 27
#define printed 28

	.code64
	.section .text.start, "ax", @progbits
	.globl	_start
	.type	_start, @function
_start:	jmp	culprit
	.size	_start, . - _start

	.globl	culprit
	.type	culprit, @function
culprit:
	mov	$0x123456789000, %rbx	/* no memory */
	xor	%eax, %eax
#if FAIL == null_jump
	call	*%rax
#elif FAIL == fetch_unmapped
	jmp	*%rbx
#elif FAIL == fetch_no_execute
	lea	words(%rip), %rax
	jmp	*%rax
#elif FAIL == fetch_outside
	mov	$0x7fff0000, %eax
	jmp	*%rax
#elif FAIL == fetch_zeros
	mov	%rbx, %rax
	lea	zeros(%rip), %rcx
	jmp	*%rcx
#elif FAIL == tables_outside
	mov	$0x7fff0000, %eax
	mov	%rax, %cr3
#elif FAIL == tables_without_code
	lea	zeros(%rip), %rax
	mov	%rax, %cr3
#elif FAIL == code_64
	mov	%rax, %rsi
	mov	%rsi, %rdi
	add	%rdi, %rdx
	ud2
#elif FAIL == code_32
	.byte	0x60			/* pusha */
#elif FAIL == sse_off
	movaps	%xmm0, %xmm1
#elif FAIL == avx_off
	vzeroupper
#elif FAIL == ud2_
	ud2
#elif FAIL == interrupt
	int	$0x80
#elif FAIL == msr
	mov	$0x6e1, %ecx		/* PKRS: of 32 bits, where there is one */
	mov	$1, %edx
	wrmsr
#elif FAIL == stack
	mov	%rbx, %rsp
	push	%rax
#elif FAIL == read_only
	movb	$0, _start(%rip)
#elif FAIL == null_access
	mov	16(%rax), %rcx
#elif FAIL == access_unmapped
	mov	$0x200000, %edx
	mov	(%rdx), %ecx
#elif FAIL == access_outside
	mov	8(%rbx,%rax,4), %rcx
#elif FAIL == no_address
	shl	$16, %rbx
	mov	%al, (%rbx)
#elif FAIL == control_register
	mov	%cr4, %rax
	xor	$0x1000, %rax		/* LA57, which 64-bit mode does not let change */
	mov	%rax, %cr4
#elif FAIL == segment
	mov	$0x1230, %eax		/* behind the table's end */
	mov	%eax, %ds
#elif FAIL == no_handlers
	div	%eax
#elif FAIL == handlers_unmapped
	lidt	table(%rip)
	div	%eax
#elif FAIL == loop_
	jmp	.
#elif FAIL == halted
	mov	$0xff, %al		/* no interrupt of the old controllers */
	out	%al, $0x21
	out	%al, $0xa1
	sti
	hlt
	jmp	.
#elif FAIL == panic
	mov	$1, %al
	mov	$0x505, %dx
	out	%al, %dx
	jmp	.
#elif FAIL == printed
	lea	text(%rip), %rsi
	mov	$0x3f8, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	ud2
#else
#error "FAIL is to be one of the names above"
#endif
	nop
	.size	culprit, . - culprit

	.section .rodata
text:	.asciz	"first line\r\nlast words\r\n"
	.data
#ifdef LIMINE
	.section .requests, "aw", @progbits
	.balign	8
	.quad	0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, 3
	.data
#endif
words:	.quad	words
table:	.word	0xfff
	.quad	0x123456789000
	.bss
	.balign	4096
zeros:	.skip	8192
#ifdef PVH
	.section .note.Xen, "a", @note
	.long	4, 8, 18
	.asciz	"Xen"
	.quad	_start
#endif
	.section .note.GNU-stack, "", @progbits
