/* SPDX-License-Identifier: MIT */
/* A request -> a guest, to its end: open, confine, load, run. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "sandbox.h"

#define MIB (UINT64_C(1) << 20)
#define MEMORY_LEAST (2 * MIB)
#define MEMORY_MOST (UINT64_C(1) << 44)

void lode_vmm_say_(const struct vmm *vm, const char *format, ...)
{
	char line[900];
	va_list list;

	if (!vm->request->say)
		return;
	va_start(list, format);
	vsnprintf(line, sizeof line, format, list);
	va_end(list);
	vm->request->say(vm->request->host, line);
}

static const struct vmm_engine *const engines[] = {&lode_vmm_kvm_, &lode_vmm_qemu_};
static const enum lode_vmm_engine names[] = {LODE_VMM_KVM, LODE_VMM_QEMU};

/* "KVM: opening /dev/kvm: Permission denied", from vm->error. */
static void pass_over(struct vmm *vm)
{
	const struct lode_vmm_error *why = &vm->error;

	snprintf(vm->passed_over, sizeof vm->passed_over, "%s: %s%s%s", vm->engine->name, why->text, why->error ? ": " : "",
		why->error ? strerror(why->error) : "");
}

/* None can be had: what each lacks, if all were tried. */
static int fail_without_engine(struct vmm *vm)
{
	struct lode_vmm_error last = vm->error;

	if (!vm->passed_over[0])
		return -1;
	return lode_vmm_fail_(vm, last.error, "%s; %s: %s", vm->passed_over, vm->engine->name, last.text);
}

/* The first that can be had. */
static int choose_engine(struct vmm *vm)
{
	enum lode_vmm_engine wish = vm->request->engine;

	lode_vmm_fail_(vm, 0, "this engine is not there");
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		if (wish != LODE_VMM_ANY && wish != names[i])
			continue;
		vm->engine = engines[i];
		vm->engine_id = names[i];
		if (vm->engine->open(vm) == 0) {
			vm->error = (struct lode_vmm_error){.error = 0};
			return 0;
		}
		if (wish == LODE_VMM_ANY && i + 1 < sizeof engines / sizeof *engines)
			pass_over(vm);
	}
	return fail_without_engine(vm);
}

void lode_vmm_started_(struct vmm *vm)
{
	const char *name = vm->engine->name, *text = vm->passed_over;

	if (text[0] && vm->request->dry_run)
		lode_vmm_say_(vm, "%s; this is the machine of %s", text, name);
	else if (text[0])
		lode_vmm_say_(vm, "%s; %s runs the kernel", text, name);
	vm->passed_over[0] = '\0';
}

void lode_vmm_waiting_(const struct vmm *vm)
{
	const char *where = vm->request->gdb;
	bool local = strncmp(where, "unix:", 5) == 0;

	lode_vmm_say_(vm, "waiting for a debugger: gdb -ex 'target remote %s%s' %s", local ? "" : ":", local ? where + 5 : where,
		vm->kernel_file.path);
}

static bool is_place(const char *gdb)
{
	char *rest;
	unsigned long port;

	if (strncmp(gdb, "unix:", 5) == 0)
		return gdb[5] != '\0';
	port = strtoul(gdb, &rest, 10);
	return gdb[0] >= '0' && gdb[0] <= '9' && *rest == '\0' && port > 0 && port <= 65535;
}

static int check_request(struct vmm *vm)
{
	const struct lode_vmm_request *request = vm->request;

	vm->memory_size = request->memory == 0 ? LODE_VMM_MEMORY : request->memory;
	if (vm->memory_size % MIB != 0 || vm->memory_size < MEMORY_LEAST || vm->memory_size > MEMORY_MOST)
		return lode_vmm_fail_(vm, 0, "memory must be a whole number of MiB from 2 to 16777216");
	if (request->cpus > VMM_CPUS_MOST)
		return lode_vmm_fail_(vm, 0, "%u processors: at most %u", request->cpus, VMM_CPUS_MOST);
	if (request->gdb && !is_place(request->gdb))
		return lode_vmm_fail_(vm, 0, "a debugger is waited for at a port from 1 to 65535, or at unix:PATH");
	if (getrandom(vm->random, sizeof vm->random, 0) != (ssize_t)sizeof vm->random)
		return lode_vmm_fail_(vm, errno, "asking for random bytes");
	return 0;
}

static int run(struct vmm *vm)
{
	int status;

	lode_vmm_picture_begin_(vm);
	status = vm->engine->run(vm);
	lode_vmm_explain_(vm);
	return status;
}

static int boot(struct vmm *vm)
{
	if (check_request(vm) != 0 || lode_vmm_inherited_(vm) != 0 || lode_vmm_files_open_(vm) != 0 ||
		lode_vmm_files_check_(vm) != 0 || lode_vmm_picture_open_(vm) != 0 || choose_engine(vm) != 0)
		return -1;
	if (lode_vmm_ram_create_(vm, vm->memory_size, vm->engine->elsewhere) != 0 || lode_vmm_machine_make_(vm) != 0)
		return -1;
	if (lode_vmm_load_(vm) != 0)
		return -1;
	if (!vm->request->dry_run)
		return run(vm);
	lode_vmm_started_(vm);
	return 0;
}

static void close_machine(struct vmm *vm)
{
	if (vm->engine)
		vm->engine->close(vm);
	lode_vmm_unload_(vm);
	lode_vmm_ram_destroy_(vm);
	lode_vmm_files_close_(vm);
	if (vm->picture_fd >= 0)
		close(vm->picture_fd);
	free(vm->inherited);
	free(vm);
}

/* What is opened must not be taken for standard output. */
static int check_standard(struct vmm *vm)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return lode_vmm_fail_(vm, errno, "descriptors 0 to 2 have to be open: this process lacks %d", fd);
	return 0;
}

/* Children of a process that ignores SIGCHLD are gone before anybody learns how they ended. A file that may not grow is an error,
 * and no end. */
static int boot_with_signals(struct vmm *vm)
{
	struct sigaction usual = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN}, before, limits;
	int status;

	sigaction(SIGCHLD, NULL, &before);
	if (before.sa_handler == SIG_IGN || (before.sa_flags & SA_NOCLDWAIT))
		sigaction(SIGCHLD, &usual, NULL);
	sigaction(SIGXFSZ, &ignored, &limits);
	lode_vmm_console_open_(vm);
	status = boot(vm);
	lode_vmm_console_close_(vm);
	if (vm->confined)
		return status;
	sigaction(SIGCHLD, &before, NULL);
	sigaction(SIGXFSZ, &limits, NULL);
	return status;
}

int lode_vmm_boot(struct lode_vmm_result *result, const struct lode_vmm_request *request, struct lode_vmm_error *why)
{
	struct vmm *vm = calloc(1, sizeof *vm);
	int status;

	*result = (struct lode_vmm_result){.end = LODE_VMM_NONE};
	if (!vm) {
		*why = (struct lode_vmm_error){.error = ENOMEM, .text = "making room for a machine"};
		return -1;
	}
	vm->request = request;
	vm->picture_fd = vm->ram.fd = vm->kernel_file.fd = -1;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->idle, NULL);
	status = check_standard(vm) == 0 ? boot_with_signals(vm) : -1;
	lode_vmm_result_(result, vm);
	*why = vm->error;
	close_machine(vm);
	return status;
}

const char *lode_vmm_end_name(enum lode_vmm_end end)
{
	static const char *const words[] = {
		[LODE_VMM_NONE] = "not started", [LODE_VMM_POWER_OFF] = "power-off", [LODE_VMM_EXIT] = "exit",
		[LODE_VMM_RESET] = "reset", [LODE_VMM_PANIC] = "panic", [LODE_VMM_TRIPLE_FAULT] = "triple fault",
		[LODE_VMM_HALT] = "halt", [LODE_VMM_TIME] = "time limit", [LODE_VMM_ESCAPE] = "stopped",
			[LODE_VMM_ERROR] = "engine failed",
	};

	return (size_t)end < sizeof words / sizeof *words ? words[end] : "";
}
