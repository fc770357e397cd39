/* SPDX-License-Identifier: MIT */
/* QEMU's translator as the engine under this loader: a process that gets RAM which is ready, and a ROM that enters it. */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

enum { ROM_SIZE = 65536, ROM_CODE = 4096 };

/* PATH, as execvp searches it: the sandbox of the process that loads does not concern this one. */
static bool find_program(char *path, size_t size)
{
	const char *list = getenv("PATH"), *next;

	for (list = list ? list : "/usr/bin:/bin"; *list; list = next) {
		size_t n = strcspn(list, ":");

		next = list[n] ? list + n + 1 : list + n;
		if (n > 0 && (size_t)snprintf(path, size, "%.*s/%s", (int)n, list, QEMU_PROGRAM) < size && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* The ROM is seen in the last 64 KiB below 1 MiB too, in front of what RAM has there. */
static int make_rom(void)
{
	int fd = memfd_create("rom", MFD_CLOEXEC);

	if (fd >= 0 && (ftruncate(fd, ROM_SIZE) != 0 ||
		pwrite(fd, lode_vmm_rom_, ROM_CODE, ROM_SIZE - ROM_CODE) != ROM_CODE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int make_pair(int *near, int *far)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	*near = fds[0];
	*far = fds[1];
	return 0;
}

static int qemu_open(struct vmm *vm)
{
	struct vmm_qemu *qemu = calloc(1, sizeof *qemu);

	if (!qemu)
		return lode_vmm_fail_(vm, ENOMEM, "starting QEMU");
	vm->engine_state = qemu;
	*qemu = (struct vmm_qemu){.serial = -1, .serial_far = -1, .debug = -1, .debug_far = -1, .monitor = -1, .monitor_far = -1,
		.rom = -1, .log = -1};
	if (vm->request->core)
		return lode_vmm_fail_(vm, 0, "a core of the guest can only be had on KVM");
	if (!find_program(qemu->program, sizeof qemu->program))
		return lode_vmm_fail_(vm, 0, "%s is not installed (Debian: qemu-system-x86)", QEMU_PROGRAM);
	qemu->rom = make_rom();
	qemu->log = memfd_create("log", MFD_CLOEXEC);
	if (qemu->rom < 0 || qemu->log < 0 || make_pair(&qemu->serial, &qemu->serial_far) != 0 ||
		make_pair(&qemu->debug, &qemu->debug_far) != 0 || make_pair(&qemu->monitor, &qemu->monitor_far) != 0)
		return lode_vmm_fail_(vm, errno, "making channels to QEMU");
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int lode_vmm_qemu_wait_(struct vmm_qemu *qemu)
{
	int status = 0;

	while (waitpid(qemu->child, &status, 0) < 0 && errno == EINTR)
		;
	qemu->child = 0;
	return status;
}

static void qemu_close(struct vmm *vm)
{
	struct vmm_qemu *qemu = vm->engine_state;

	if (!qemu)
		return;
	if (qemu->child > 0) { /* started, and then the kernel was refused */
		kill(qemu->child, SIGKILL);
		lode_vmm_qemu_wait_(qemu);
	}
	int *const all[] = {&qemu->serial, &qemu->serial_far, &qemu->debug, &qemu->debug_far, &qemu->monitor, &qemu->monitor_far,
		&qemu->rom, &qemu->log};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		close_one(all[i]);
	free(qemu);
	vm->engine_state = NULL;
}

static int start_qemu(struct vmm *vm, struct vmm_qemu *qemu)
{
	if (pwrite(qemu->rom, vm->rsdp, sizeof vm->rsdp, 0) != (ssize_t)sizeof vm->rsdp)
		return lode_vmm_fail_(vm, errno, "writing the ROM");
	fflush(NULL);
	qemu->child = fork();
	if (qemu->child < 0)
		return lode_vmm_fail_(vm, errno, "starting QEMU");
	if (qemu->child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC), error;

		error = null < 0 || dup2(null, STDIN_FILENO) < 0 ? errno : lode_vmm_qemu_exec_(vm, qemu);
		dprintf(STDERR_FILENO, "%s: %s\n", qemu->program, strerror(error));
		_exit(127);
	}
	close_one(&qemu->serial_far);
	close_one(&qemu->debug_far);
	close_one(&qemu->monitor_far);
	lode_vmm_qemu_tell_(qemu, "{\"execute\":\"qmp_capabilities\"}\n");
	return 0;
}

/* QEMU takes a while until it could run a guest. With a debugger it has to wait: one that is quick would see half a kernel. */
static int qemu_begin(struct vmm *vm)
{
	return vm->request->gdb ? 0 : start_qemu(vm, vm->engine_state);
}

static int qemu_run(struct vmm *vm)
{
	struct vmm_qemu *qemu = vm->engine_state;
	int status;

	if (qemu->child <= 0 && start_qemu(vm, qemu) != 0)
		return -1;
	lode_vmm_trim_();
	status = lode_vmm_qemu_follow_(vm, qemu);
	lode_vmm_picture_check_(vm);
	if (qemu->told)
		vm->state = qemu->state;
	return lode_vmm_qemu_judge_(vm, qemu, status);
}

static const struct vmm_board q35 = {
	.low_limit = UINT64_C(0xb0000000), .low_most = UINT64_C(0x80000000), .framebuffer = UINT64_C(0xf8000000),
	.pm_base = 0x600, .timer_gsi = 2, .pci = true, .stage = true,
};

const struct vmm_engine lode_vmm_qemu_ = {
	.name = "QEMU", .board = &q35, .open = qemu_open, .begin = qemu_begin, .prepare = lode_vmm_qemu_stage_,
	.run = qemu_run, .close = qemu_close, .elsewhere = true,
};
