/* SPDX-License-Identifier: MIT */
/* What `lode swap` says. */
#ifndef LODE_CLI_SWAP_H
#define LODE_CLI_SWAP_H

#include <lode/process.h>

/* Why not, on stderr. */
void swap_explain(const struct lode_process *process, const struct lode_diag *why);
void swap_print_replaced(const struct lode_process *process, bool dry_run);
void swap_print_taken_back(const struct lode_process *process, uint32_t serial, bool dry_run);
/* The exit status. */
int swap_print_status(const struct lode_process *process);

#endif
