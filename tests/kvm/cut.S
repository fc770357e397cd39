/* SPDX-License-Identifier: MIT */
/* A kernel whose file becomes shorter while it runs: it says "up", waits for a byte on the serial line, then needs what is gone, in
 * one way, CUT. Linked as an ELF64 file; the last segment, `gone`, is what will be missing. */
#define load 1
#define device 2
#define tables 3
#define fault 4
#define waits 5

	.set	COM1, 0x3f8
	.set	RNG, 0xd0000000         /* the only virtio device */

	.macro	put register, value
	movl	$\value, \register(%rbx)
	.endm

	.code64
	.section .text.start, "ax", @progbits
	.globl	_start
_start:	mov	$RNG, %ebx
#if CUT == device
	put	0x70, 3                 /* acknowledge, driver */
	put	0x24, 1
	put	0x20, 1                 /* VIRTIO_F_VERSION_1 */
	put	0x70, 11                /* features are right */
	put	0x30, 0
	put	0x38, 4                 /* a queue of four, all of it in the page */
	put	0x80, gone
	put	0x90, gone + 0x100
	put	0xa0, gone + 0x200
	put	0x44, 1
	put	0x70, 15
#elif CUT == tables
	lea	gone(%rip), %rax
	mov	%rax, %cr3
#endif
	mov	$COM1, %dx
	mov	$'u', %al
	out	%al, %dx
	mov	$'p', %al
	out	%al, %dx
	mov	$10, %al
	out	%al, %dx
	mov	$COM1 + 5, %dx
1:	in	%dx, %al
	test	$1, %al
	jz	1b
#if CUT == load
	mov	gone(%rip), %rax
#elif CUT == device
	put	0x50, 0
#elif CUT == tables
	mov	%cr3, %rax
	mov	%rax, %cr3
#elif CUT == fault
	ud2
#elif CUT != waits
#error "CUT is to be one of the names above"
#endif
2:	pause
	jmp	2b

/* As page tables: the first GiB where it is. As a queue: nothing in it. */
	.data
	.balign	4096
gone:	.quad	gone + 0x1000 + 3
	.fill	511, 8, 0
	.quad	gone + 0x2000 + 3
	.fill	511, 8, 0
	.set	page, 0x83
	.rept	512
	.quad	page
	.set	page, page + 0x200000
	.endr
	.section .note.GNU-stack, "", @progbits
