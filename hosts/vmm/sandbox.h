/* SPDX-License-Identifier: MIT */
/* What confines the process: the parts of sandbox.c that lie in files of their own. */
#ifndef LODE_HOSTS_VMM_SANDBOX_H
#define LODE_HOSTS_VMM_SANDBOX_H

#include "vmm.h"

enum { VMM_RUN_CALLS = 8 }; /* kinds of system calls while the guest runs, of all its threads together */

/** No files, no network, no signals and sockets to the outside, as far as the kernel knows Landlock. 0 or an errno. */
int lode_vmm_landlock_(void);
/** From here on the calling thread has the calls of a role. 0 or an errno. */
int lode_vmm_seccomp_(uint32_t role);
/** The calls that some of these roles have, each once. How many there are. */
uint32_t lode_vmm_seccomp_calls_(uint32_t *calls, uint32_t most, uint32_t roles);

#endif
