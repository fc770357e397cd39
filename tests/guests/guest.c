/* SPDX-License-Identifier: MIT */
/* Text, checks and the end of a guest. */
#include "guest.h"

struct registers entry;

static unsigned passed, failed;

/* More than a page of zeros, behind more than a page of bytes: the border lies within a page. */
static volatile unsigned char zeros[5000];
static volatile unsigned char bytes[4500] = {1, 2, 3, [4499] = 77};
static const unsigned char constants[16] = "constant bytes.";
/* Addresses in data: position-independent guests need them relocated. */
static const volatile void *volatile pointers[3] = {constants + 1, bytes, zeros + 8};

static void put_character(char c)
{
	/* No longer than any port needs: a guest without COM1 goes on. */
	for (int i = 0; i < 100000 && !(inb(0x3fd) & 0x20); i++)
		;
	outb(0x3f8, (uint8_t)c);
}

void put(const char *text)
{
	while (*text)
		put_character(*text++);
}

void put_hex(uint64_t value)
{
	bool on = false;

	put("0x");
	for (int shift = 60; shift >= 0; shift -= 4) {
		unsigned digit = (unsigned)(value >> shift) & 15;

		on = on || digit != 0 || shift == 0;
		if (on)
			put_character("0123456789abcdef"[digit]);
	}
}

static void put_number(unsigned value)
{
	if (value >= 10)
		put_number(value / 10);
	put_character((char)('0' + value % 10));
}

void check(const char *what, bool holds, uint64_t value)
{
	if (holds) {
		passed++;
		return;
	}
	failed++;
	put("FAIL ");
	put(what);
	put(": ");
	put_hex(value);
	put("\r\n");
}

size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void check_image(void)
{
	unsigned dirty = 0;

	for (size_t i = 0; i < sizeof zeros; i++)
		dirty += zeros[i] != 0;
	equal("bytes of .bss that are not zero", dirty, 0);
	zeros[4999] = 1;
	equal("last byte of .data", bytes[4499], 77);
	equal("first byte of .data", bytes[0], 1);
	equal("pointers in .data", (uintptr_t)pointers[0], (uintptr_t)(constants + 1));
	equal("pointers in .data, the last", (uintptr_t)pointers[2], (uintptr_t)(zeros + 8));
	check("constants", same((const char *)constants, "constant bytes."), constants[0]);
}

_Noreturn void finish(void)
{
	put_number(passed);
	put(" passed, ");
	put_number(failed);
	put(" failed\r\n");
	outb(0xf4, failed == 0 ? 0x10 : 0x11);
	for (;;)
		__asm__ volatile("cli; hlt");
}
