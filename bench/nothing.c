/* SPDX-License-Identifier: MIT */
/* The least program: it ends. With -nostdlib -DBARE without any libc. */
#ifdef BARE
void _start(void);
void _start(void)
{
	__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}
#else
int main(void)
{
	return 0;
}
#endif
