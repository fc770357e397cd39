/* SPDX-License-Identifier: MIT */
/* What the protocols by which Linux starts share: the initrd, the command line, boot_params. */
#ifndef LODE_START_LINUX_H
#define LODE_START_LINUX_H

#include "start.h"

/* Modules as one initrd: side by side, each at a multiple of 4, zeros between them. */
int lode_linux_put_initrd_(struct lode_builder_ *b, const struct lode_wish_ *wish);
/* Where it came to lie; size 0: there is none. */
struct lode_range lode_linux_initrd_(const struct lode_start *start);
/* The machine's command line has at most this many characters. */
int lode_linux_check_cmdline_(const struct lode_builder_ *b, uint64_t most);

/* What boot_params are made of beside the machine, and where they came to lie. */
struct lode_params_ {
	const struct lode_builder_ *b;
	const unsigned char *header; /* the file's setup header from 0x1f1 on; NULL: one is made up */
	uint32_t header_size;
	uint64_t load;               /* where the system was loaded */
	uint64_t params, gdt;
};
/* Stack, identity map, tables, boot_params and the registers of the 64-bit entry. */
int lode_linux_enter_64_(struct lode_builder_ *b, struct lode_params_ *params, uint64_t entry);

#endif
