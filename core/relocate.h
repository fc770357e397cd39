/* SPDX-License-Identifier: MIT */
/* Between the relocation engine and the machines' tables. */
#ifndef LODE_CORE_RELOCATE_H
#define LODE_CORE_RELOCATE_H

#include "core.h"

/* What a relocation type computes, in the psABIs' letters: B bias, S symbol, A addend, P place, TP offset from the thread pointer. */
enum lode_reloc_op {
	LODE_OP_UNKNOWN,
	LODE_OP_NONE,
	LODE_OP_RELATIVE,  /* B + A */
	LODE_OP_SYMBOL,    /* S + A */
	LODE_OP_VALUE,     /* S: the addend is not used */
	LODE_OP_IRELATIVE, /* what the resolver at B + A returns */
	LODE_OP_TPOFF,     /* TP(S + A) */
	LODE_OP_TPNEG,     /* -TP(S + A) */
	LODE_OP_DTPMOD,    /* the module's number */
	LODE_OP_DTPOFF,    /* S + A inside the module's block */
};

struct lode_reloc_type {
	uint16_t type;
	uint8_t op;    /* enum lode_reloc_op */
	uint8_t width; /* bytes that are written */
};

struct lode_machine {
	uint16_t machine;
	uint8_t class_;
	const struct lode_reloc_type *types;
	uint32_t ntypes;
	int64_t dtp_bias;      /* subtracted from DTPOFF values */
	bool tls_above;        /* variant I: the block lies above the thread pointer */
	uint8_t tcb;           /* variant I: bytes between thread pointer and block */
};

extern const struct lode_machine lode_machine_x86_64_, lode_machine_i386_, lode_machine_aarch64_, lode_machine_riscv64_;

/* The table for e_machine and class, or NULL. */
const struct lode_machine *lode_machine_(uint16_t machine, uint8_t class_);
/* Applies every relocation; LODE_OK or the first refusal. The image has been checked by lode_relocations_check. */
int lode_relocate_(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan, const struct lode_relocation *relocation, struct lode_diag *why);

#endif
