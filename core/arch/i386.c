/* SPDX-License-Identifier: MIT */
/* Dynamic relocations of i386; addends stand in the place that is relocated. Ref: psABI-i386 4.4 "Relocation". */
#include "relocate.h"

static const struct lode_reloc_type types[] = {
	{0, LODE_OP_NONE, 0},       /* R_386_NONE */
	{1, LODE_OP_SYMBOL, 4},     /* R_386_32 */
	{6, LODE_OP_VALUE, 4},      /* R_386_GLOB_DAT */
	{7, LODE_OP_VALUE, 4},      /* R_386_JMP_SLOT */
	{8, LODE_OP_RELATIVE, 4},   /* R_386_RELATIVE */
	{14, LODE_OP_TPOFF, 4},     /* R_386_TLS_TPOFF */
	{35, LODE_OP_DTPMOD, 4},    /* R_386_TLS_DTPMOD32 */
	{36, LODE_OP_DTPOFF, 4},    /* R_386_TLS_DTPOFF32 */
	{37, LODE_OP_TPNEG, 4},     /* R_386_TLS_TPOFF32 */
	{42, LODE_OP_IRELATIVE, 4}, /* R_386_IRELATIVE */
};

const struct lode_arch lode_machine_i386_ = {
	.machine = LODE_EM_386,
	.class_ = LODE_CLASS32,
	.types = types,
	.ntypes = sizeof types / sizeof types[0],
};
