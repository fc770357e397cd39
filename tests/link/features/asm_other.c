/* SPDX-License-Identifier: MIT */
/* What the fields hold. */
__asm__(".globl other_small, other_wide\nother_small = 0x7f\nother_wide = 0x1234\n"
	".pushsection .data\n.globl other_size\n"
	".type other_size, @object\n.size other_size, 24\nother_size: .zero 24\n.popsection\n");
const int other_quad = 1;
