/* SPDX-License-Identifier: MIT */
/* Dynamic relocations of AArch64 (LP64). Ref: AAELF64 "Dynamic relocations". */
#include "relocate.h"

static const struct lode_reloc_type types[] = {
	{0, LODE_OP_NONE, 0},         /* R_AARCH64_NONE */
	{256, LODE_OP_NONE, 0},       /* R_AARCH64_NONE, its withdrawn number */
	{257, LODE_OP_SYMBOL, 8},     /* R_AARCH64_ABS64 */
	{1025, LODE_OP_SYMBOL, 8},    /* R_AARCH64_GLOB_DAT */
	{1026, LODE_OP_SYMBOL, 8},    /* R_AARCH64_JUMP_SLOT */
	{1027, LODE_OP_RELATIVE, 8},  /* R_AARCH64_RELATIVE */
	{1028, LODE_OP_DTPMOD, 8},    /* R_AARCH64_TLS_DTPMOD */
	{1029, LODE_OP_DTPOFF, 8},    /* R_AARCH64_TLS_DTPREL */
	{1030, LODE_OP_TPOFF, 8},     /* R_AARCH64_TLS_TPREL */
	{1032, LODE_OP_IRELATIVE, 8}, /* R_AARCH64_IRELATIVE */
};

const struct lode_arch lode_machine_aarch64_ = {
	.machine = LODE_EM_AARCH64,
	.class_ = LODE_CLASS64,
	.types = types,
	.ntypes = sizeof types / sizeof types[0],
	.tls_above = true,
	.tcb = 16,
};
