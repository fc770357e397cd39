/* SPDX-License-Identifier: MIT */
/* A PVH guest that is linked where there is no memory, and says by PHYS32_RELOC that it may lie elsewhere: at a multiple of 2
 * MiB from 16 MiB to 64 MiB. */
	.code32
	.section .text.start, "ax", @progbits
	.globl	_start
_start:	lea	64(%ebx), %esp	/* no stack is given: start_info has been read when it is written over */
	mov	(%ebx), %edx
	call	1f
1:	pop	%ebp
	sub	$1b - _start, %ebp	/* where this lies */
	cmp	$0x336ec578, %edx
	jne	bad
	test	$0x1fffff, %ebp
	jnz	bad
	cmp	$0x1000000, %ebp
	jb	bad
	cmp	$0x4000000, %ebp
	ja	bad
	lea	good_text - _start(%ebp), %esi
	mov	$0x10, %bl
	jmp	print
bad:	lea	bad_text - _start(%ebp), %esi
	mov	$0x11, %bl
print:	mov	$0x3f8, %dx
2:	lodsb
	test	%al, %al
	jz	3f
	out	%al, %dx
	jmp	2b
3:	mov	%bl, %al
	out	%al, $0xf4
4:	hlt
	jmp	4b
good_text:
	.asciz	"1 passed, 0 failed\r\n"
bad_text:
	.asciz	"0 passed, 1 failed\r\n"

	.section .note.Xen, "a", @note
	.long	4, 4, 18
	.asciz	"Xen"
	.long	_start
	.long	4, 12, 19
	.asciz	"Xen"
	.long	0x200000, 0x1000000, 0x3ffffff
	.section .note.GNU-stack, "", @progbits
