/* SPDX-License-Identifier: MIT */
/* The trace callback of `lode exec --trace`. */
#ifndef LODE_CLI_EXEC_TRACE_H
#define LODE_CLI_EXEC_TRACE_H

#include <lode/exec.h>

void exec_trace(void *host, const struct lode_exec_event *event);

#endif
