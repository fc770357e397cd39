/* SPDX-License-Identifier: MIT */
/* What QEMU's monitor writes of a processor, as text -> vm->state. The lines' ends come as \r\n in words of JSON. */
#include <stdlib.h>
#include <string.h>

#include "qemu.h"

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Where the value behind "NAME=" stands; names of fewer than three letters are padded ("R8 =", "CS ="). NULL: nowhere. */
static const char *find(const char *text, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
		const char *end = at + n + (at[n] == ' ');

		/* the n of \n is no letter of a name */
		if ((at == text || !is_name(at[-1])) && *end == '=')
			return end + 1;
	}
	return NULL;
}

/* The number at @column of those behind a name. */
static uint64_t column(const char *text, const char *name, uint32_t column)
{
	const char *at = find(text, name);
	char *end;
	uint64_t value = 0;

	for (uint32_t i = 0; at && i <= column; i++) {
		value = strtoull(at, &end, 16);
		at = end == at ? NULL : end;
	}
	return at ? value : 0;
}

static uint64_t number(const char *text, const char *name)
{
	return column(text, name, 0);
}

/* Outside of 64-bit code they are EAX and the like. */
static uint64_t general(const char *text, const char *letters)
{
	char name[4] = {'R', letters[0], letters[1], '\0'};

	if (!find(text, name))
		name[0] = 'E';
	return number(text, name);
}

static void take_general(struct lode_vmm_state *s, const char *text)
{
	static const char *const names[] = {"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"};

	s->rax = general(text, "AX");
	s->rbx = general(text, "BX");
	s->rcx = general(text, "CX");
	s->rdx = general(text, "DX");
	s->rsi = general(text, "SI");
	s->rdi = general(text, "DI");
	s->rbp = general(text, "BP");
	s->rsp = general(text, "SP");
	s->rip = general(text, "IP");
	s->rflags = general(text, "FL");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		s->r8_r15[i] = number(text, names[i]);
}

/* A segment is selector, base, limit and the upper word of its descriptor. */
static void take_special(struct lode_vmm_state *s, const char *text)
{
	enum { DB = 1 << 22, LONG = 1 << 21 };
	uint64_t access = column(text, "CS", 3);

	s->cr0 = number(text, "CR0");
	s->cr2 = number(text, "CR2");
	s->cr3 = number(text, "CR3");
	s->cr4 = number(text, "CR4");
	s->efer = number(text, "EFER");
	s->cs = (uint16_t)number(text, "CS");
	s->cs_base = column(text, "CS", 1);
	s->gdtr = (struct lode_table){number(text, "GDT"), (uint16_t)column(text, "GDT", 1)};
	s->idtr = (struct lode_table){number(text, "IDT"), (uint16_t)column(text, "IDT", 1)};
	s->mode = (s->efer & 0x400) && (access & LONG) ? LODE_VMM_MODE_64 : access & DB ? LODE_VMM_MODE_32 : LODE_VMM_MODE_16;
}

bool lode_vmm_qemu_registers_(struct lode_vmm_state *state, const char *text)
{
	if ((!find(text, "RIP") && !find(text, "EIP")) || !find(text, "EFER"))
		return false;
	*state = (struct lode_vmm_state){.known = true};
	take_general(state, text);
	take_special(state, text);
	return true;
}
