/* SPDX-License-Identifier: MIT */
/* Three processors, each with its entry point and its way into the layer below, which is Linux here. */
#include <stdint.h>

#include "machine.h"

#if defined(__x86_64__)
enum { CALL_READ = 0, CALL_WRITE = 1, CALL_PROTECT = 10, CALL_EXIT = 60, CALL_PIPE = 293 };
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandq $-16, %rsp\n\tcall kernel_main\n");

static long call(long number, uintptr_t a, uintptr_t b, uintptr_t c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

static void synchronise_code(uintptr_t begin, uintptr_t end)
{
	(void)begin; /* this machine keeps instructions and data in step */
	(void)end;
}
#elif defined(__aarch64__)
enum { CALL_READ = 63, CALL_WRITE = 64, CALL_PROTECT = 226, CALL_EXIT = 93, CALL_PIPE = 59 };
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tbl kernel_main\n");

static long call(long number, uintptr_t a, uintptr_t b, uintptr_t c)
{
	register long x8 __asm__("x8") = number;
	register uintptr_t x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return (long)x0;
}

static void synchronise_code(uintptr_t begin, uintptr_t end)
{
	__builtin___clear_cache((char *)begin, (char *)end);
}
#elif defined(__riscv) && __riscv_xlen == 64
enum { CALL_READ = 63, CALL_WRITE = 64, CALL_PROTECT = 226, CALL_EXIT = 93, CALL_PIPE = 59, CALL_FLUSH = 259 };
__asm__(".globl _start\n_start:\n\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n\tcall "
	"kernel_main\n");

static long call(long number, uintptr_t a, uintptr_t b, uintptr_t c)
{
	register long a7 __asm__("a7") = number;
	register uintptr_t a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return (long)a0;
}

static void synchronise_code(uintptr_t begin, uintptr_t end)
{
	call(CALL_FLUSH, begin, end, 0);
}
#else
#error "examples/kernel knows x86_64, aarch64 and riscv64"
#endif

void machine_put(const char *text, size_t size)
{
	call(CALL_WRITE, 1, (uintptr_t)text, size);
}

void machine_halt(int status)
{
	for (;;)
		call(CALL_EXIT, (uintptr_t)status, 0, 0);
}

int machine_protect(void *pages, size_t size, unsigned int prot)
{
	if (prot & 4)
		synchronise_code((uintptr_t)pages, (uintptr_t)pages + size);
	return (int)call(CALL_PROTECT, (uintptr_t)pages, size, prot);
}

/* The byte is sent through a pipe and comes back into its place, unless that cannot be written. */
bool machine_writable(void *p)
{
	static int ends[2];

	if (ends[1] == 0 && call(CALL_PIPE, (uintptr_t)ends, 0, 0) != 0)
		return false;
	if (call(CALL_WRITE, (uintptr_t)ends[1], (uintptr_t)p, 1) != 1)
		return false;
	if (call(CALL_READ, (uintptr_t)ends[0], (uintptr_t)p, 1) == 1)
		return true;
	call(CALL_READ, (uintptr_t)ends[0], (uintptr_t)&(char){0}, 1);
	return false;
}
