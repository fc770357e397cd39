/* SPDX-License-Identifier: MIT */
/* A program without libc looks at the registers that it was started with -> one line a fact; all zero after execve. */
#include "../../hosts/exec/linux.h"

uint64_t start_registers[15];
uint64_t start_sp;
unsigned char start_vectors[512] __attribute__((aligned(64)));

void bare_main(void) __attribute__((noreturn, used));

__asm__(".globl _start\n"
	"_start:\n"
	"	fxsave64 start_vectors(%rip)\n"
	"	mov %rsp, start_sp(%rip)\n"
	"	lea start_registers+120(%rip), %rsp\n"
	"	push %r15; push %r14; push %r13; push %r12; push %r11; push %r10; push %r9; push %r8\n"
	"	push %rbp; push %rdi; push %rsi; push %rdx; push %rcx; push %rbx; push %rax\n"
	"	mov start_sp(%rip), %rsp\n"
	"	and $-16, %rsp\n"
	"	call bare_main\n");

static void say(const char *what, uint64_t value)
{
	char line[64], *end = line;

	while (*what)
		*end++ = *what++;
	*end++ = ' ';
	end = put_decimal(end, value);
	*end++ = '\n';
	call3(NR_write, 1, address(line), (uint64_t)(end - line));
}

static uint64_t in_use(void)
{
	uint32_t eax, edx;

	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(1));
	return ((uint64_t)edx << 32 | eax) & ~UINT64_C(0x203);
}

void bare_main(void)
{
	static const char names[15][4] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15"};
	uint64_t fs, gs, vectors = 0;

	for (int i = 0; i < 15; i++)
		say(names[i], start_registers[i]);
	__asm__("rdfsbase %0" : "=r"(fs));
	__asm__("rdgsbase %0" : "=r"(gs));
	for (int i = 32; i < 416; i++)
		vectors |= start_vectors[i];
	say("fs", fs);
	say("gs", gs);
	say("sp modulo 16", start_sp % 16);
	say("x87 and SSE registers", vectors);
	say("mxcsr", *(const uint32_t *)(const void *)(start_vectors + 24));
	say("control word", *(const uint16_t *)(const void *)start_vectors);
	say("states in use", in_use());
	say("argc", *(const uint64_t *)pointer(start_sp));
	for (;;)
		call3(NR_exit_group, 3, 0, 0);
}
