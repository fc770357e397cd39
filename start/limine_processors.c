/* SPDX-License-Identifier: MIT */
/* Processors -> their answer, and the few instructions in which those wait that the kernel has not started yet. */
#include "limine.h"

enum { RESPONSE = 32, X2APIC = 1 };

/*
 * rdi is the processor's limine_mp_info. No register may change, and the flags are to be 2 again:
 *
 *	0:	cmpq $0, 16(%rdi)
 *		jne 1f
 *		pause
 *		jmp 0b
 *	1:	pushq $2
 *		popfq
 *		jmp *16(%rdi)
 */
static const unsigned char park[] = {
	0x48, 0x83, 0x7f, LODE_LIMINE_MP_GOTO, 0x00, 0x75, 0x04, 0xf3, 0x90, 0xeb, 0xf5, 0x6a, 0x02, 0x9d, 0xff, 0x67,
	LODE_LIMINE_MP_GOTO};

static uint32_t apic_id(const struct lode_machine *machine, uint32_t i)
{
	return machine->apic_ids ? machine->apic_ids[i] : i;
}

void lode_limine_processors_(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint32_t n = machine->ncpus > 0 ? machine->ncpus : 1;
	uint64_t at, list;

	if (!lode_limine_asked_(s, LODE_LIMINE_MP))
		return;
	s->park = lode_form_room_(form, sizeof park, 16);
	lode_form_copy_(form, s->park, park, sizeof park);
	at = lode_limine_answer_(form, s, LODE_LIMINE_MP, RESPONSE);
	list = lode_form_room_(form, 8 * (uint64_t)n, 8);
	s->info = lode_form_room_(form, (uint64_t)n * LODE_LIMINE_MP_INFO, 8);
	lode_form_put_(form, at + 8, 4, machine->x2apic && (s->limine->requests[LODE_LIMINE_MP].words[0] & X2APIC) ? X2APIC : 0);
	lode_form_put_(form, at + 12, 4, apic_id(machine, 0));
	lode_form_put_(form, at + 16, 8, n);
	lode_form_put_(form, at + 24, 8, s->hhdm + list);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t info = s->info + (uint64_t)i * LODE_LIMINE_MP_INFO;

		lode_form_put_(form, list + 8 * (uint64_t)i, 8, s->hhdm + info);
		lode_form_put_(form, info + LODE_LIMINE_MP_UID, 4, i);
		lode_form_put_(form, info + LODE_LIMINE_MP_LAPIC, 4, apic_id(machine, i));
	}
}
