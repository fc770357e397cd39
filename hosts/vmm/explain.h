/* SPDX-License-Identifier: MIT */
/* What finds out why a guest failed: registers and memory at its end -> reason, symbol. */
#ifndef LODE_HOSTS_VMM_EXPLAIN_H
#define LODE_HOSTS_VMM_EXPLAIN_H

#include "vmm.h"

/** Registers, @code and RAM -> reason (verdict.c). */
void lode_vmm_judge_(struct vmm *vm);
/** rip -> symbol, by the symbol table of vm->kernel.image (symbol.c). */
void lode_vmm_symbol_find_(struct vmm *vm);

/** A linear address, by the page tables of vm->state (walk.c). */
struct vmm_page {
	enum { VMM_PAGE_ABSENT, VMM_PAGE_NO_TABLE, VMM_PAGE_THERE } found; /* NO_TABLE: a table lies where there is no memory */
	uint64_t phys; /* with NO_TABLE, of that */
	bool write, user, execute;
};

struct vmm_page lode_vmm_walk_(const struct vmm *vm, uint64_t addr);

/** What an instruction is, as far as it explains a fault (code.c). */
enum vmm_code {
	VMM_CODE_OTHER, VMM_CODE_SSE, VMM_CODE_AVX, VMM_CODE_UD2, VMM_CODE_INT, VMM_CODE_MSR, VMM_CODE_CONTROL, VMM_CODE_SEGMENT,
	VMM_CODE_STACK, VMM_CODE_NARROW, VMM_CODE_LOOP, VMM_CODE_HALT,
};

/** @value: of VMM_CODE_INT, the number. */
enum vmm_code lode_vmm_code_(uint64_t *value, const unsigned char *code, uint32_t n, enum lode_vmm_mode mode);
/** The address of the operand in memory that the instruction at rip has. False: it has none, or that is not known here. */
bool lode_vmm_code_operand_(uint64_t *addr, const struct lode_vmm_state *state);
/** How many instructions with a 64-bit prefix @code seems to hold. */
uint32_t lode_vmm_code_wide_(const unsigned char *code, uint32_t n);

#endif
