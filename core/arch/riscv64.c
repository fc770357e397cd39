/* SPDX-License-Identifier: MIT */
/* Dynamic relocations of RV64. Ref: RISC-V ELF psABI "Relocations", "Dynamic Linking". */
#include "relocate.h"

static const struct lode_reloc_type types[] = {
	{0, LODE_OP_NONE, 0},       /* R_RISCV_NONE */
	{1, LODE_OP_SYMBOL, 4},     /* R_RISCV_32 */
	{2, LODE_OP_SYMBOL, 8},     /* R_RISCV_64 */
	{3, LODE_OP_RELATIVE, 8},   /* R_RISCV_RELATIVE */
	{5, LODE_OP_VALUE, 8},      /* R_RISCV_JUMP_SLOT */
	{7, LODE_OP_DTPMOD, 8},     /* R_RISCV_TLS_DTPMOD64 */
	{9, LODE_OP_DTPOFF, 8},     /* R_RISCV_TLS_DTPREL64 */
	{11, LODE_OP_TPOFF, 8},     /* R_RISCV_TLS_TPREL64 */
	{58, LODE_OP_IRELATIVE, 8}, /* R_RISCV_IRELATIVE */
};

const struct lode_arch lode_machine_riscv64_ = {
	.machine = LODE_EM_RISCV,
	.class_ = LODE_CLASS64,
	.types = types,
	.ntypes = sizeof types / sizeof types[0],
	.dtp_bias = 0x800,
	.tls_above = true,
};
