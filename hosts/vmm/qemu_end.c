/* SPDX-License-Identifier: MIT */
/* QEMU's status, its log and what its monitor has told -> how the guest ended. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu.h"

static bool log_has(const struct vmm_qemu *qemu, const char *text)
{
	char bytes[65536];
	ssize_t n = pread(qemu->log, bytes, sizeof bytes - 1, 0);

	/* the last part, if the log is longer: the fault is the last that it tells of */
	if (n == (ssize_t)sizeof bytes - 1)
		n = pread(qemu->log, bytes, sizeof bytes - 1, lseek(qemu->log, 0, SEEK_END) - (off_t)sizeof bytes + 1);
	bytes[n > 0 ? n : 0] = '\0';
	return strstr(bytes, text) != NULL;
}

/* isa-debug-exit ends QEMU with an odd status; its own failures too, but before the guest begins. */
int lode_vmm_qemu_judge_(struct vmm *vm, const struct vmm_qemu *qemu, int status)
{
	if (vm->end != LODE_VMM_NONE)
		return 0;
	if (WIFSIGNALED(status) || !qemu->resumed)
		return lode_vmm_fail_(vm, 0, "%s ended with %s %d before the guest did", QEMU_PROGRAM, WIFSIGNALED(status) ?
			"signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (WEXITSTATUS(status) & 1)
		lode_vmm_stop_(vm, LODE_VMM_EXIT, (uint32_t)WEXITSTATUS(status) >> 1);
	else if (qemu->panic)
		lode_vmm_stop_(vm, LODE_VMM_PANIC, 0);
	else if (strcmp(qemu->reason, "guest-reset") == 0)
		lode_vmm_stop_(vm, log_has(qemu, "Triple fault") ? LODE_VMM_TRIPLE_FAULT : LODE_VMM_RESET, 0);
	else if (qemu->shutdown && strcmp(qemu->reason, "guest-shutdown") == 0)
		lode_vmm_stop_(vm, LODE_VMM_POWER_OFF, 0);
	else
		lode_vmm_stop_(vm, LODE_VMM_ERROR, 0);
	return 0;
}
