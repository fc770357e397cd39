/* SPDX-License-Identifier: MIT */
/* Why a guest failed, told (boot_verdict.c). */
#ifndef LODE_CLI_BOOT_VERDICT_H
#define LODE_CLI_BOOT_VERDICT_H

#include "cli.h"

#include <lode/vmm.h>

/** On stderr, below the line that says how it ended; nothing of an end that is none of a failure. */
void boot_verdict(const struct lode_vmm_result *result);
/** The same as members of the result. */
void boot_verdict_json(struct json *json, const struct lode_vmm_result *result);

#endif
