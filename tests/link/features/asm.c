/* SPDX-License-Identifier: MIT */
/* Relocations that only assembly makes: narrow fields, sizes, absolute symbols, a .init fragment. x86-64. */
#include <stdio.h>
__asm__(".globl small, wide\nsmall = 0x7f\nwide = 0x1234\n"
	".pushsection .rodata\n.globl fields\nfields: .byte other_small\n.byte 0\n.short other_wide\n"
	".long other_size@size\n.quad other_quad - .\n"
	".short 1f - .\n.byte 1f - .\n1: .byte 0\n.popsection\n"
	".pushsection .init,\"ax\",@progbits\ncall init_fragment\n.popsection\n");
extern const unsigned char fields[];
extern const int other_quad;
static int ran;
void init_fragment(void)
{
	ran++;
}
int main(void)
{
	const unsigned char *f = fields;
	long long distance;

	__builtin_memcpy(&distance, f + 8, 8);
	printf("%x %x %d %d ", f[0], f[2] | f[3] << 8, f[4], (const char *)&other_quad == (const char *)(f + 8) + distance);
	printf("%d %d %d\n", f[16] | f[17] << 8, f[18], ran);
	return 0;
}
