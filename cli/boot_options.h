/* SPDX-License-Identifier: MIT */
/* The command line of the verb boot. */
#ifndef LODE_CLI_BOOT_OPTIONS_H
#define LODE_CLI_BOOT_OPTIONS_H

#include "boot.h"
#include "input.h"

/* What the options say, and lists that they make. */
struct boot {
	struct lode_vmm_request request;
	struct lode_vmm_file *initrds, *modules, *disks;
	struct input unpacked;
	unsigned char digest[32]; /* of --verify */
	bool json, trace;
	bool bzimage; /* KERNEL is Linux, packed */
};

/* EXIT_DONE: @boot is filled in; -1: nothing is to be done (--help); else the status, and it has been said. Freed in any case. */
int boot_options_read(struct boot *boot, int argc, char **argv);
void boot_options_free(struct boot *boot);

#endif
