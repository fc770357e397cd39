/* SPDX-License-Identifier: MIT */
/* A Multiboot kernel that asks for a framebuffer, draws (red 0x40, green y, blue x), and powers off. */
	.code32
	.section .text.start, "ax", @progbits
	.globl	_start
	.type	_start, @function
	.balign	4
	.long	0x1badb002, 4, -(0x1badb002 + 4)
	.long	0, 0, 0, 0, 0
	.long	0, 320, 200, 32
_start:	mov	88(%ebx), %edi		/* framebuffer_addr */
	xor	%edx, %edx
line:	xor	%ecx, %ecx
	mov	%edi, %esi
pixel:	mov	%edx, %eax
	and	$0xff, %eax
	shl	$8, %eax
	mov	%cl, %al
	or	$0x400000, %eax
	mov	%eax, (%esi)
	add	$4, %esi
	inc	%ecx
	cmp	100(%ebx), %ecx		/* width */
	jb	pixel
	add	96(%ebx), %edi		/* pitch */
	inc	%edx
	cmp	104(%ebx), %edx		/* height */
	jb	line
	mov	$0x604, %dx		/* PM1a control: sleep */
	mov	$0x2000, %ax
	out	%ax, %dx
	cli
stop:	hlt
	jmp	stop
