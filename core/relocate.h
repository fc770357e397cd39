/* SPDX-License-Identifier: MIT */
/* Between the relocation engine and the machines' tables. */
#ifndef LODE_CORE_RELOCATE_H
#define LODE_CORE_RELOCATE_H

#include "core.h"

/* What a relocation type computes, in the psABIs' letters: B bias, S symbol, A addend, TP offset from the thread pointer. */
enum lode_reloc_op {
	LODE_OP_UNKNOWN,
	LODE_OP_NONE,
	LODE_OP_RELATIVE,  /* B + A */
	LODE_OP_SYMBOL,    /* S + A */
	LODE_OP_VALUE,     /* S: the addend is not used */
	LODE_OP_IRELATIVE, /* what the resolver at B + A returns */
	LODE_OP_TPOFF,     /* TP(S + A); this and all that follow are thread-local */
	LODE_OP_TPNEG,     /* A - TP(S) */
	LODE_OP_DTPMOD,    /* the module's number */
	LODE_OP_DTPOFF,    /* S + A inside the module's block */
};

struct lode_reloc_type {
	uint16_t type;
	uint8_t op;    /* enum lode_reloc_op */
	uint8_t width; /* bytes that are written */
};

struct lode_arch {
	uint16_t machine;
	uint8_t class_;
	const struct lode_reloc_type *types;
	uint32_t ntypes;
	int64_t dtp_bias; /* subtracted from DTPOFF values */
	bool tls_above;   /* variant I: the block lies above the thread pointer */
	uint8_t tcb;      /* variant I: bytes between thread pointer and block */
};

extern const struct lode_arch lode_machine_x86_64_, lode_machine_i386_, lode_machine_aarch64_, lode_machine_riscv64_;

/* One walk over all tables. */
struct lode_walk_ {
	const struct lode_image *image;
	const struct lode_plan *plan;
	const struct lode_relocation *options;
	const struct lode_arch *machine;
	struct lode_space *space; /* NULL: check only */
	struct lode_dynamic dynamic;
	struct lode_tls_layout tls;
	struct lode_relocation_count count;
	bool ifuncs;    /* some entry needs a resolver to be called */
	bool irelative; /* the pass for those, after all the others: resolvers may use what those wrote */
};

/* A relocation and where it stands. */
struct lode_entry_ {
	struct lode_rel rel;
	struct lode_symbol symbol;
	uint64_t index;
	uint64_t offset; /* of the entry in the file */
	uint8_t op;
	uint8_t width;
};

/* Where a field of the entry stands. */
struct lode_diag lode_at_reloc_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_field field,
	uint64_t value);
/* Every byte that will be written lies in one segment, and in one that may be written. */
int lode_entry_target_(const struct lode_walk_ *walk, const struct lode_entry_ *entry, enum lode_field field,
	struct lode_diag *why);
int lode_word_read_(const struct lode_walk_ *walk, uint64_t *value, uint64_t addr, uint32_t width, struct lode_diag *why);
int lode_word_write_(const struct lode_walk_ *walk, uint64_t addr, uint64_t value, uint32_t width, struct lode_diag *why);
int lode_walk_relr_(struct lode_walk_ *walk, struct lode_diag *why);

/* The table for e_machine and class, or NULL. */
const struct lode_arch *lode_arch_of_(uint16_t machine, uint8_t class_);
/* Applies every relocation; LODE_OK or the first refusal. The image has been checked by lode_relocations_check. */
int lode_relocate_(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why);

#endif
