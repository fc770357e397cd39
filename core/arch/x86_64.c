/* SPDX-License-Identifier: MIT */
/* Dynamic relocations of x86-64. Ref: psABI-x86-64 4.4.1 "Relocation Types". */
#include "relocate.h"

static const struct lode_reloc_type types[] = {
	{0, LODE_OP_NONE, 0},       /* R_X86_64_NONE */
	{1, LODE_OP_SYMBOL, 8},     /* R_X86_64_64 */
	{6, LODE_OP_VALUE, 8},      /* R_X86_64_GLOB_DAT */
	{7, LODE_OP_VALUE, 8},      /* R_X86_64_JUMP_SLOT */
	{8, LODE_OP_RELATIVE, 8},   /* R_X86_64_RELATIVE */
	{16, LODE_OP_DTPMOD, 8},    /* R_X86_64_DTPMOD64 */
	{17, LODE_OP_DTPOFF, 8},    /* R_X86_64_DTPOFF64 */
	{18, LODE_OP_TPOFF, 8},     /* R_X86_64_TPOFF64 */
	{37, LODE_OP_IRELATIVE, 8}, /* R_X86_64_IRELATIVE */
};

const struct lode_arch lode_machine_x86_64_ = {
	.machine = LODE_EM_X86_64,
	.class_ = LODE_CLASS64,
	.types = types,
	.ntypes = sizeof types / sizeof types[0],
};
