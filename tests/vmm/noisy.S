/* SPDX-License-Identifier: MIT */
/* A kernel that prints without end and reads nothing. 64 bits. */
	.code64
	.section .text.start, "ax", @progbits
	.globl	_start
_start:
	mov	$0x3f8, %edx
	mov	$0x78, %al
1:	out	%al, %dx
	jmp	1b
