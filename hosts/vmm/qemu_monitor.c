/* SPDX-License-Identifier: MIT */
/* Lines of QEMU's monitor (QMP) -> why the guest ended. */
#include <string.h>

#include "qemu.h"

static bool has_event(const char *line, const char *name)
{
	const char *event = strstr(line, "\"event\"");

	return event && strstr(event, name);
}

static void take_reason(struct vmm_qemu *qemu, const char *line)
{
	const char *reason = strstr(line, "\"reason\"");
	size_t n = 0;

	if (!reason || !(reason = strchr(reason + strlen("\"reason\""), '"')))
		return;
	for (reason++; *reason && *reason != '"' && n + 1 < sizeof qemu->reason; reason++)
		qemu->reason[n++] = *reason;
	qemu->reason[n] = '\0';
}

static void take_line(struct vmm_qemu *qemu, const char *line)
{
	if (strstr(line, "\"QMP\""))
		qemu->asked = true;
	if (has_event(line, "\"GUEST_PANICKED\""))
		qemu->panic = true;
	if (has_event(line, "\"SHUTDOWN\"") && !qemu->shutdown) {
		qemu->shutdown = true;
		take_reason(qemu, line);
	}
}

void lode_vmm_qemu_heard_(struct vmm_qemu *qemu, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			qemu->line[qemu->line_used] = '\0';
			take_line(qemu, qemu->line);
			qemu->line_used = 0;
		} else if (qemu->line_used + 1 < sizeof qemu->line) {
			qemu->line[qemu->line_used++] = bytes[i];
		}
	}
}
