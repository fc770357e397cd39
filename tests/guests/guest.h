/* SPDX-License-Identifier: MIT */
/* What a guest needs to judge its own start: text on COM1, checks that are counted, an exit status by isa-debug-exit. 32 and 64
 * bits.
 *
 * A line for each check that fails, "N passed, N failed" at the end, and the status: 0x10 if none failed, else 0x11. Structures of
 * the protocols are written down here anew, not included, so that a mistake in the library's headers shows. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* Registers as the first instruction found them: start.S saves them before it has a stack. */
struct registers {
	uint64_t ax, bx, cx, dx, si, di, bp, sp, flags;
	uint64_t cr0, cr3, cr4;
	uint64_t cs, ds, es, fs, gs, ss;
};
extern struct registers entry;

void put(const char *text);
void put_hex(uint64_t value);
/* Counted; a failure is named, with the value that was found. */
void check(const char *what, bool holds, uint64_t value);
static inline void equal(const char *what, uint64_t value, uint64_t expected)
{
	check(what, value == expected, value);
}
bool same(const char *a, const char *b);
size_t length(const char *text);
_Noreturn void finish(void);

/* What every guest has in its image, and checks: bytes, zeros that the file does not have, and that text is where it was linked. */
void check_image(void);

/* The guest's own part. */
void guest_main(void);

#ifdef __x86_64__
/* Accesses that may fault (fault.c). */
enum access { READ, WRITE, EXECUTE };
enum { PAGE_FAULT = 14 };
/* The vector of the fault that an access makes, or 0. EXECUTE calls the address: there must be a ret. */
unsigned try(enum access access, uint64_t addr);
uint64_t read_msr(uint32_t msr);
#endif

#endif
