/* SPDX-License-Identifier: MIT */
/* Trace callbacks of `lode exec`: with --trace, and without. */
#ifndef LODE_CLI_EXEC_TRACE_H
#define LODE_CLI_EXEC_TRACE_H

#include <lode/exec.h>

void exec_trace(void *host, const struct lode_exec_event *event);
void exec_differences(void *host, const struct lode_exec_event *event);

#endif
