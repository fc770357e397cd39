/* SPDX-License-Identifier: MIT */
/* The load stage as a whole: confine, decide, fill; in this process or in one of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

static int fill(struct vmm *vm)
{
	if (lode_vmm_fill_(vm) != 0 || (vm->engine->prepare && vm->engine->prepare(vm) != 0))
		return -1;
	lode_vmm_begun_(vm);
	if (vm->kernel.protocol == LODE_PROTOCOL_LINUX && !vm->request->dry_run)
		lode_vmm_initrds_tell_(vm);
	if (vm->request->loaded)
		vm->request->loaded(vm->request->host, &vm->machine, &vm->kernel.start);
	return 0;
}

/*
 * For an engine that is another process: in a process of its own, into RAM that all have
 */

/* What the process that reads the kernel tells of it. It has read hostile bytes: each value is checked before it is believed. */
struct report {
	struct lode_vmm_error error;
	enum lode_protocol protocol;
	struct vmm_begun begun;
	bool screen;
};

static void write_report(struct report *report, const struct vmm *vm)
{
	*report = (struct report){.error = vm->error, .protocol = vm->kernel.protocol, .begun = vm->begun,
		.screen = vm->machine.framebuffer};
}

/* A path that was handed in, or none. */
static const char *known_path(const struct vmm *vm, const char *path)
{
	const char *known = path == vm->kernel_file.path ? path : NULL;

	for (uint32_t i = 0; i < vm->nmodules; i++)
		known = path == vm->modules[i].path ? path : known;
	for (uint32_t i = 0; i < vm->ndisks; i++)
		known = path == vm->disks[i].path ? path : known;
	return known;
}

static void read_report(struct vmm *vm, const struct report *shared)
{
	struct report report = {.protocol = LODE_PROTOCOL_NONE};
	unsigned char screen, wide;

	memcpy(&screen, &shared->screen, 1);
	memcpy(&wide, &shared->begun.wide, 1);
	memcpy(&report, shared, sizeof report);
	report.begun.wide = wide;
	report.error.file = known_path(vm, report.error.file);
	report.error.text[sizeof report.error.text - 1] = '\0';
	if ((unsigned)report.error.diag.rule >= LODE_RULE_COUNT_)
		report.error.diag.rule = LODE_RULE_NONE;
	vm->error = report.error;
	vm->kernel.protocol = (unsigned)report.protocol <= LODE_PROTOCOL_RUST ? report.protocol : LODE_PROTOCOL_NONE;
	vm->begun = report.begun;
	vm->machine.framebuffer = screen ? &vm->layout.screen : NULL;
}

/* False if the process at the other end has come to its end without a word. */
static bool hear_of_decision(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static int wait_for_loader(struct vmm *vm, pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return lode_vmm_fail_(vm, errno, "waiting for the process that reads the kernel");
	if (WIFSIGNALED(status))
		return lode_vmm_fail_(vm, 0, "the process that reads the kernel was ended by signal %d", WTERMSIG(status));
	return status == 0 ? 0 : -1;
}

/* The other process: its end is its status. */
static int load_for(struct vmm *vm, struct report *report, int decided)
{
	int status = lode_vmm_confine_(vm) == 0 ? lode_vmm_decide_(vm) : -1;

	write_report(report, vm);
	if (status == 0 && write(decided, "", 1) != 1)
		status = lode_vmm_fail_(vm, errno, "telling that the kernel has been read");
	if (status == 0)
		status = fill(vm);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0)
		status = lode_vmm_fail_(vm, errno, "writing to standard output");
	write_report(report, vm);
	return status;
}

/* RAM is in memory that both processes have; what the engine can do before it is filled it does meanwhile. */
static int load_with(struct vmm *vm, struct report *report, const int decided[2])
{
	const struct vmm_engine *engine = vm->engine;
	int begun = 0, loaded;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(load_for(vm, report, decided[1]) == 0 ? 0 : 1);
	close(decided[1]);
	if (child > 0 && hear_of_decision(decided[0]) && engine->begin && !vm->request->dry_run) {
		read_report(vm, report);
		begun = engine->begin(vm);
	}
	close(decided[0]);
	if (child < 0)
		return lode_vmm_fail_(vm, errno, "starting the process that reads the kernel");
	if (begun != 0)
		kill(child, SIGKILL);
	loaded = wait_for_loader(vm, child);
	if (begun != 0)
		return -1;
	if (loaded == 0 || !vm->error.text[0])
		read_report(vm, report);
	return loaded;
}

static int load_elsewhere(struct vmm *vm)
{
	struct report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int decided[2], status;

	if (report == MAP_FAILED)
		return lode_vmm_fail_(vm, errno, "making room for a report");
	if (pipe2(decided, O_CLOEXEC) == 0)
		status = load_with(vm, report, decided);
	else
		status = lode_vmm_fail_(vm, errno, "making a channel to the process that reads the kernel");
	munmap(report, sizeof *report);
	return status;
}

static int load_here(struct vmm *vm)
{
	if (lode_vmm_confine_(vm) != 0 || (vm->engine->guard && vm->engine->guard(vm) != 0))
		return -1;
	return lode_vmm_decide_(vm) == 0 ? fill(vm) : -1;
}

int lode_vmm_load_(struct vmm *vm)
{
	return vm->engine->elsewhere ? load_elsewhere(vm) : load_here(vm);
}
