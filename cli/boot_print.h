/* SPDX-License-Identifier: MIT */
/* What a guest will find, for people and as JSON. */
#ifndef LODE_CLI_BOOT_PRINT_H
#define LODE_CLI_BOOT_PRINT_H

#include <lode/machine.h>
#include <stdio.h>

void boot_print(FILE *stream, const struct lode_machine *machine, const struct lode_start *start);
void boot_print_json(FILE *stream, const struct lode_machine *machine, const struct lode_start *start);

#endif
