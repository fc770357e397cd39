/* SPDX-License-Identifier: MIT */
/* A TLS template and a machine come in, the place of the main program's block relative to the thread pointer goes out. */
#include "relocate.h"

/* Both variants keep the block congruent to its address as linked, modulo its alignment: code has the offsets built in, and
 * the bias need not be a multiple of the template's alignment. */
static uint64_t block_offset(const struct lode_arch *machine, const struct lode_tls *tls)
{
	uint64_t mask = tls->align - 1, addr = tls->addr - tls->bias;

	if (machine->tls_above)
		return machine->tcb + ((addr - machine->tcb) & mask);
	return 0 - (tls->mem_size + ((0 - tls->mem_size - addr) & mask));
}

int lode_tls_layout(struct lode_tls_layout *layout, const struct lode_tls *tls, uint16_t machine, struct lode_diag *why)
{
	const struct lode_arch *table = lode_arch_of_(machine, machine == LODE_EM_386 ? LODE_CLASS32 : LODE_CLASS64);
	const uint64_t limit = UINT64_C(1) << 62;

	if (!table)
		return lode_refuse_(why, LODE_RULE_MACHINE_UNSUPPORTED, lode_nowhere_(LODE_FIELD_EHDR_MACHINE, machine, 0));
	if (!power_of_two(tls->align) || tls->align > limit)
		return lode_refuse_(why, LODE_RULE_TLS_TOO_LARGE, lode_nowhere_(LODE_FIELD_PHDR_ALIGN, tls->align, limit));
	if (tls->mem_size > limit)
		return lode_refuse_(why, LODE_RULE_TLS_TOO_LARGE, lode_nowhere_(LODE_FIELD_PHDR_MEMSZ, tls->mem_size, limit));
	layout->offset = block_offset(table, tls);
	layout->size = table->tls_above ? layout->offset + tls->mem_size : 0 - layout->offset;
	layout->align = tls->align;
	return LODE_OK;
}
