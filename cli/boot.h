/* SPDX-License-Identifier: MIT */
/* Booting a kernel, for the verbs boot and run. */
#ifndef LODE_CLI_BOOT_H
#define LODE_CLI_BOOT_H

#include "cli.h"

#include <lode/protocol.h>
#include <lode/vmm.h>

/* With every option but the command line as it is of itself; the exit status of the verb boot. */
int boot_kernel(const char *path, const char *cmdline);

#endif
