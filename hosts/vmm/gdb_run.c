/* SPDX-License-Identifier: MIT */
/* The guest stopped and let go, all of it or one processor by steps.
 * Ref: GDB manual, appendix E.2 (c, s, vCont), E.3 (stop replies). */
#include "gdb.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { PAUSE_MS = 2000 };

/* Threads are numbered from 1; -1 is all of them, 0 any. */
bool lode_gdb_take_cpu_(uint32_t *cpu, const struct vmm_gdb *gdb, const char *text)
{
	uint64_t number = *text == '-' ? 0 : lode_gdb_take_number_(&text);

	if (*text == '-' || number == 0)
		*cpu = *text == '-' ? UINT32_MAX : 0;
	else
		*cpu = (uint32_t)number - 1;
	return *cpu == UINT32_MAX || *cpu < gdb_kvm(gdb)->ncpus;
}

void lode_gdb_tell_stop_(struct vmm_gdb *gdb, int number)
{
	const struct vmm_cpu *cpu = gdb_chosen(gdb);
	char text[128], why[64] = "";

	if (cpu->hit)
		lode_gdb_points_tell_(why, sizeof why, gdb, cpu);
	snprintf(text, sizeof text, "T%02x%sthread:%x;", (unsigned)number, why, gdb->chosen + 1);
	lode_gdb_reply_(gdb, text);
}

/* A processor may be held up by whoever reads the console: signals that end the guest are seen meanwhile. */
static void pause_all(struct vmm_gdb *gdb)
{
	struct pollfd signals = {.fd = gdb_kvm(gdb)->signal_fd, .events = POLLIN};
	const struct timespec none = {.tv_sec = 0};

	while (!lode_vmm_pause_(gdb_kvm(gdb), PAUSE_MS) && vmm_running(gdb->vm))
		if (ppoll(&signals, 1, &none, NULL) > 0)
			lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0);
}

void lode_gdb_stop_(struct vmm_gdb *gdb, int number)
{
	struct vmm_kvm *kvm = gdb_kvm(gdb);

	pause_all(gdb);
	gdb->stopped = true;
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (kvm->cpus[i].hit)
			gdb->chosen = i;
	lode_gdb_tell_stop_(gdb, number);
}

/* One processor steps (or, with UINT32_MAX, none); those that are held stay where they are. */
void lode_gdb_go_on_(struct vmm_gdb *gdb, uint32_t stepping, bool hold_others)
{
	struct vmm_kvm *kvm = gdb_kvm(gdb);

	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		kvm->cpus[i].hit = false;
		kvm->cpus[i].held = hold_others && i != stepping;
		lode_gdb_points_arm_(gdb, &kvm->cpus[i], i == stepping);
	}
	__atomic_store_n(&gdb->hit, false, __ATOMIC_SEQ_CST);
	gdb->stopped = false;
	lode_vmm_resume_(kvm);
}

void lode_gdb_leave_(struct vmm_gdb *gdb)
{
	if (!gdb->stopped)
		pause_all(gdb);
	lode_gdb_points_clear_(gdb);
	lode_gdb_go_on_(gdb, UINT32_MAX, false);
	gdb->fd = -1; /* it is closed with the process: the sandbox has no close */
}

/* Actions from left to right, the first one that fits a thread counts: one steps, the others go on only if a later one says so. */
void lode_gdb_actions_(struct vmm_gdb *gdb, const char *text)
{
	uint32_t stepping = UINT32_MAX, cpu;
	bool others = false;

	while (*text == ';') {
		char what = text[1];
		const char *thread = text + strcspn(text, ":");
		const char *next = text + 1 + strcspn(text + 1, ";");
		bool one = thread < next && lode_gdb_take_cpu_(&cpu, gdb, thread + 1) && cpu != UINT32_MAX;

		if ((what == 's' || what == 'S') && stepping == UINT32_MAX)
			stepping = one ? cpu : gdb->chosen;
		else if ((what == 'c' || what == 'C') && (!one || stepping == UINT32_MAX))
			others = true;
		text = next;
	}
	lode_gdb_go_on_(gdb, stepping, stepping != UINT32_MAX && !others);
}
