/* SPDX-License-Identifier: MIT */
/* QEMU's monitor (QMP): lines to it; lines from it -> why the guest ended, or that nothing can happen in it any more. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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
	if (qemu->asking && lode_vmm_qemu_registers_(&qemu->state, line))
		qemu->told = true;
	if (has_event(line, "\"RESUME\""))
		qemu->resumed = true;
	if (has_event(line, "\"GUEST_PANICKED\""))
		qemu->panic = true;
	if (has_event(line, "\"SHUTDOWN\"") && !qemu->shutdown) {
		qemu->shutdown = true;
		take_reason(qemu, line);
	}
}

/* Registers come in one line that has no bound, as text: ...RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1... */
static void take_register(struct vmm_qemu *qemu, char c)
{
	enum { INTERRUPTS = 0x200 };

	memmove(qemu->window, qemu->window + 1, sizeof qemu->window - 1);
	qemu->window[sizeof qemu->window - 1] = c;
	if (qemu->in_flags && isxdigit((unsigned char)c))
		qemu->flags = qemu->flags << 4 | (uint32_t)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
	else
		qemu->in_flags = false;
	if (memcmp(qemu->window + 2, "FL=", 3) == 0) {
		qemu->in_flags = true;
		qemu->flags = 0;
	} else if (memcmp(qemu->window, "HLT=1", 5) == 0 && !(qemu->flags & INTERRUPTS)) {
		qemu->halted++;
	} else if (memcmp(qemu->window, "HLT=", 4) == 0) {
		qemu->running++;
	}
}

static void count_halts(struct vmm_qemu *qemu)
{
	if (qemu->halted + qemu->running > 0)
		qemu->halts = qemu->running == 0 ? qemu->halts + 1 : 0;
	qemu->halted = qemu->running = 0;
}

void lode_vmm_qemu_heard_(struct vmm_qemu *qemu, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		take_register(qemu, bytes[i]);
		if (bytes[i] == '\n') {
			qemu->line[qemu->line_used] = '\0';
			take_line(qemu, qemu->line);
			count_halts(qemu);
			qemu->line_used = 0;
		} else if (qemu->line_used + 1 < sizeof qemu->line) {
			qemu->line[qemu->line_used++] = bytes[i];
		}
	}
}

void lode_vmm_qemu_tell_(const struct vmm_qemu *qemu, const char *format, ...)
{
	char line[256];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(line, sizeof line, format, list);
	va_end(list);
	send(qemu->monitor, line, (size_t)n, MSG_NOSIGNAL);
}
