/* SPDX-License-Identifier: MIT */
/* One access that may fault -> the vector of the fault. 64 bits. */
#include "guest.h"

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, zero;
};

static struct gate gates[32];

/* Where try goes on after a fault. Written by asm below. */
__attribute__((used)) static uint64_t resume_sp;

unsigned attempt(uint64_t access, uint64_t addr);
void handler_13(void);
void handler_14(void);

/* The fault's frame is thrown away with the stack below resume_sp. */
__asm__(".text\n"
	"attempt:	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, resume_sp(%rip)\n"
	"	cmp $1, %rdi\n	je 1f\n	ja 2f\n"
	"	mov (%rsi), %al\n	jmp 3f\n"
	"1:	movb $0, (%rsi)\n	jmp 3f\n"
	"2:	call *%rsi\n"
	"3:	xor %eax, %eax\n"
	"4:	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"
	"handler_13:	mov $13, %eax\n	mov resume_sp(%rip), %rsp\n	jmp 4b\n"
	"handler_14:	mov $14, %eax\n	mov resume_sp(%rip), %rsp\n	jmp 4b\n");

static void set_gate(unsigned vector, void (*handler)(void))
{
	uint64_t addr = (uint64_t)(uintptr_t)handler;
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	gates[vector] = (struct gate){(uint16_t)addr, cs, 0, 0x8e, (uint16_t)(addr >> 16), (uint32_t)(addr >> 32), 0};
}

unsigned try(enum access access, uint64_t addr)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} idt = {sizeof gates - 1, (uint64_t)(uintptr_t)gates};

	set_gate(13, handler_13);
	set_gate(14, handler_14);
	__asm__ volatile("lidt %0" : : "m"(idt));
	return attempt(access, addr);
}

uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}
