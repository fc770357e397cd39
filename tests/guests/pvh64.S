/* SPDX-License-Identifier: MIT */
/* A PVH guest's bytes (BLOB, linked to BASE) in an ELF64 file, as kernels of 64 bits come. Its entry note lies behind a
 * property note, which wants 8-byte alignment and spoils p_align for it. */
	.section .text.start, "ax", @progbits
	.globl	_start
_start:	.incbin	BLOB
	.skip	65536 /* the blob's .bss */

	.section .note.gnu.property, "a", @note
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 8, 18
	.asciz	"Xen"
	.quad	_start
	.section .note.GNU-stack, "", @progbits
