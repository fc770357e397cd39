/* SPDX-License-Identifier: MIT */
/* QEMU's translator as the engine under this loader: RAM that is ready, a ROM that enters it, and how it ended. */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define PATIENCE_NS UINT64_C(2000000000)

enum { ROM_SIZE = 65536, ROM_CODE = 4096 };

static const char *const program = "qemu-system-x86_64";

/* PATH, as execvp searches it: the sandbox of the process that loads does not concern this one. */
static bool find_program(char *path, size_t size)
{
	const char *list = getenv("PATH"), *next;

	for (list = list ? list : "/usr/bin:/bin"; *list; list = next) {
		size_t n = strcspn(list, ":");

		next = list[n] ? list + n + 1 : list + n;
		if (n > 0 && (size_t)snprintf(path, size, "%.*s/%s", (int)n, list, program) < size && access(path, X_OK) == 0)
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
		return lode_vmm_fail_(vm, 0, "%s is not installed (Debian: qemu-system-x86)", program);
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

static int wait_for_end(struct vmm_qemu *qemu)
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
		wait_for_end(qemu);
	}
	int *const all[] = {&qemu->serial, &qemu->serial_far, &qemu->debug, &qemu->debug_far, &qemu->monitor, &qemu->monitor_far,
		&qemu->rom, &qemu->log};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		close_one(all[i]);
	free(qemu);
	vm->engine_state = NULL;
}

/*
 * While it runs
 */

enum { KEYS, SERIAL, DEBUG, MONITOR, SIGNALS, TIMER, OUTPUT, WATCHED };

/* Bytes that wait until their reader takes them. */
struct waiting {
	unsigned char bytes[4096];
	uint32_t from, to;
};

struct run {
	struct vmm *vm;
	struct vmm_qemu *qemu;
	struct pollfd watched[WATCHED];
	struct waiting keys, output;
	bool typing; /* keys are read */
	int serial, debug; /* -1: at its end */
};

static void tell_qemu(const struct vmm_qemu *qemu, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell_qemu(const struct vmm_qemu *qemu, const char *format, ...)
{
	char line[256];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(line, sizeof line, format, list);
	va_end(list);
	send(qemu->monitor, line, (size_t)n, MSG_NOSIGNAL);
}

/* QEMU has the descriptor too, under the same number. */
static void make_picture(const struct run *run)
{
	if (run->vm->picture_fd >= 0 && run->vm->machine.framebuffer)
		tell_qemu(run->qemu,
			"{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/proc/self/fd/%d\",\"format\":\"png\"}}\n",
			run->vm->picture_fd);
	else
		lode_vmm_picture_(run->vm, NULL);
}

/* The guest has ended, and QEMU waits. */
static void leave(struct run *run)
{
	if (!run->qemu->leaving)
		make_picture(run);
	tell_qemu(run->qemu, "{\"execute\":\"quit\"}\n");
	run->qemu->leaving = true;
}

/* The guest has failed: what were its registers? QEMU may be too busy to answer. */
static void ask_why(struct run *run)
{
	run->qemu->asking = true;
	run->qemu->patience = lode_vmm_now_() + PATIENCE_NS;
	tell_qemu(run->qemu, "%s", QEMU_ASK_END);
}

/* Who asks twice does not wait for registers or a picture. */
static void end_qemu(struct run *run, enum lode_vmm_end end)
{
	bool why = end == LODE_VMM_TIME || end == LODE_VMM_HALT;

	lode_vmm_stop_(run->vm, end, 0);
	if (why && !run->qemu->asking && !run->qemu->leaving)
		ask_why(run);
	else if (run->vm->picture_fd < 0 || run->qemu->leaving)
		kill(run->qemu->child, SIGKILL);
	else
		leave(run);
}

static void take_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->watched[SIGNALS].fd, &info, sizeof info) == (ssize_t)sizeof info && info.ssi_signo == SIGUSR1)
		make_picture(run);
	else
		end_qemu(run, LODE_VMM_ESCAPE);
}

static void take_timer(struct run *run)
{
	uint64_t times;

	if (read(run->watched[TIMER].fd, &times, sizeof times) == (ssize_t)sizeof times)
		end_qemu(run, LODE_VMM_TIME);
}

/* The guest may be slow to take what is typed: nothing is lost, and nothing else waits. */
static void type(struct run *run)
{
	struct waiting *keys = &run->keys;
	ssize_t sent = send(run->serial, keys->bytes + keys->from, keys->to - keys->from, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent > 0)
		keys->from += (uint32_t)sent;
	else if (sent < 0 && errno != EINTR && errno != EAGAIN)
		keys->from = keys->to;
}

static void read_keys(struct run *run)
{
	struct waiting *keys = &run->keys;

	keys->from = 0;
	keys->to = lode_vmm_console_read_(run->vm, keys->bytes, sizeof keys->bytes);
	run->typing = !run->vm->console.ended;
	if (run->vm->end != LODE_VMM_NONE)
		end_qemu(run, run->vm->end);
	if (keys->from < keys->to)
		type(run);
}

static void print(struct run *run)
{
	struct waiting *output = &run->output;

	output->from += lode_vmm_console_put_(run->vm, output->bytes + output->from, output->to - output->from);
}

static void hear_monitor(struct run *run, const char *bytes, size_t n)
{
	enum { ENOUGH = 2 };

	lode_vmm_qemu_heard_(run->qemu, bytes, n);
	if (run->qemu->resumed)
		lode_vmm_started_(run->vm);
	if (run->qemu->halts >= ENOUGH && run->vm->end == LODE_VMM_NONE)
		end_qemu(run, LODE_VMM_HALT);
	if ((run->qemu->shutdown || run->qemu->panic) && !run->qemu->asking && !run->qemu->leaving) {
		if (run->qemu->panic || strcmp(run->qemu->reason, "guest-reset") == 0)
			ask_why(run);
		else
			leave(run);
	}
	if (run->qemu->told && !run->qemu->leaving)
		leave(run);
}

/* The guest's words, when those before have been taken. */
static void hear_guest(struct run *run, int *fd)
{
	ssize_t n = read(*fd, run->output.bytes, sizeof run->output.bytes);

	if (n < 0 && errno == EINTR)
		return;
	run->output.from = 0;
	run->output.to = n > 0 ? (uint32_t)n : 0;
	lode_vmm_tail_add_(run->vm, run->output.bytes, run->output.to);
	if (n <= 0)
		*fd = -1;
}

static void hear_qemu(struct run *run)
{
	char bytes[4096];
	ssize_t n = read(run->watched[MONITOR].fd, bytes, sizeof bytes);

	if (n > 0)
		hear_monitor(run, bytes, (size_t)n);
	else if (n == 0 || errno != EINTR)
		run->watched[MONITOR].fd = -1;
}

static void begin_to_watch(struct run *run)
{
	run->typing = true;
	run->serial = run->qemu->serial;
	run->debug = run->qemu->debug;
	run->watched[MONITOR].fd = run->qemu->monitor;
	for (int i = 0; i < WATCHED; i++)
		run->watched[i].events = POLLIN;
	run->watched[OUTPUT].events = POLLOUT;
}

static bool has(const struct waiting *waiting)
{
	return waiting->from < waiting->to;
}

/* Who has something to say is only heard when what was said before has been taken. */
static void watch(struct run *run)
{
	bool printing = has(&run->output), sending = has(&run->keys) && run->serial >= 0;

	run->watched[OUTPUT].fd = printing ? lode_vmm_console_fd_(run->vm) : -1;
	run->watched[KEYS].fd = run->typing && !sending ? STDIN_FILENO : -1;
	run->watched[DEBUG].fd = printing ? -1 : run->debug;
	run->watched[SERIAL].fd = printing && !sending ? -1 : run->serial;
	run->watched[SERIAL].events = (short)((printing ? 0 : POLLIN) | (sending ? POLLOUT : 0));
}

/* Who is halted by a debugger can go on. */
static void ask(const struct run *run)
{
	if (!run->vm->request->gdb && !run->qemu->shutdown && !run->qemu->asking && run->watched[MONITOR].fd >= 0)
		tell_qemu(run->qemu, "%s", QEMU_ASK_REGISTERS);
}

static bool is_ready(const struct run *run, int which)
{
	return run->watched[which].fd >= 0 && run->watched[which].revents;
}

static void serve_serial(struct run *run)
{
	if (run->watched[SERIAL].revents & POLLOUT)
		type(run);
	if (run->watched[SERIAL].revents & ~POLLOUT && !has(&run->output))
		hear_guest(run, &run->serial);
}

static void serve(struct run *run)
{
	if (is_ready(run, OUTPUT))
		print(run);
	if (is_ready(run, SERIAL))
		serve_serial(run);
	if (is_ready(run, DEBUG) && !has(&run->output))
		hear_guest(run, &run->debug);
	if (is_ready(run, MONITOR))
		hear_qemu(run);
	if (is_ready(run, KEYS))
		read_keys(run);
	if (is_ready(run, SIGNALS))
		take_signal(run);
	if (is_ready(run, TIMER))
		take_timer(run);
}

/* QEMU is gone when its ends of the channels are closed. Who does not read the guest's last words does not get them if the guest
 * was ended. */
static void follow(struct run *run)
{
	enum { QUIET_MS = 500 };
	bool ended = false;

	while (run->watched[MONITOR].fd >= 0 || (!ended && (run->serial >= 0 || run->debug >= 0 || has(&run->output)))) {
		int n;

		if (run->qemu->asking && !run->qemu->leaving && lode_vmm_now_() >= run->qemu->patience)
			kill(run->qemu->child, SIGKILL);
		watch(run);
		n = poll(run->watched, WATCHED, QUIET_MS);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			serve(run);
		else if (n == 0)
			ask(run);
		ended = n == 0 && run->watched[MONITOR].fd < 0 && run->vm->end != LODE_VMM_NONE;
	}
}

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
static int judge(struct vmm *vm, const struct vmm_qemu *qemu, int status)
{
	if (vm->end != LODE_VMM_NONE)
		return 0;
	if (WIFSIGNALED(status) || !qemu->resumed)
		return lode_vmm_fail_(vm, 0, "%s ended with %s %d before the guest did", program, WIFSIGNALED(status) ?
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

static int open_signals(const struct vmm *vm, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (vm->picture_fd >= 0)
		sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_timer(uint32_t seconds)
{
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)seconds}};
	int fd = seconds == 0 ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &when, NULL);
	return fd;
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
	tell_qemu(qemu, "{\"execute\":\"qmp_capabilities\"}\n");
	return 0;
}

/* QEMU takes a while until it could run a guest. With a debugger it has to wait: one that is quick would see half a kernel. */
static int qemu_begin(struct vmm *vm)
{
	return vm->request->gdb ? 0 : start_qemu(vm, vm->engine_state);
}

/* Events are only told of when the monitor is ready: a quick guest must not be at its end before. */
static int enter_guest(struct vmm *vm, struct vmm_qemu *qemu)
{
	if (qemu->child <= 0 && start_qemu(vm, qemu) != 0)
		return -1;
	if (vm->request->gdb)
		lode_vmm_started_(vm);
	else
		tell_qemu(qemu, "{\"execute\":\"cont\"}\n");
	return 0;
}

static int qemu_run(struct vmm *vm)
{
	struct vmm_qemu *qemu = vm->engine_state;
	struct run run = {.vm = vm, .qemu = qemu};
	sigset_t before;
	int status, result;

	if (enter_guest(vm, qemu) != 0)
		return -1;
	run.watched[SIGNALS].fd = open_signals(vm, &before);
	run.watched[TIMER].fd = open_timer(vm->request->time_limit);
	begin_to_watch(&run);
	lode_vmm_console_raw_(vm);
	follow(&run);
	status = wait_for_end(qemu);
	lode_vmm_console_close_(vm);
	lode_vmm_picture_check_(vm);
	result = judge(vm, qemu, status);
	if (qemu->told)
		vm->state = qemu->state;
	close_one(&run.watched[SIGNALS].fd);
	close_one(&run.watched[TIMER].fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

static const struct vmm_board q35 = {
	.low_limit = UINT64_C(0xb0000000), .low_most = UINT64_C(0x80000000), .framebuffer = UINT64_C(0xf8000000),
	.pm_base = 0x600, .timer_gsi = 2, .pci = true, .stage = true,
};

const struct vmm_engine lode_vmm_qemu_ = {
	.name = "QEMU", .board = &q35, .open = qemu_open, .begin = qemu_begin, .prepare = lode_vmm_qemu_stage_,
	.run = qemu_run, .close = qemu_close, .elsewhere = true,
};
