/* SPDX-License-Identifier: MIT */
/* While QEMU runs the guest: terminal, guest, monitor, signals and the time limit, each to where it belongs, until QEMU is gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "qemu.h"

#define PATIENCE_NS UINT64_C(2000000000)

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

/* QEMU has the descriptor too, under the same number. */
static void make_picture(const struct run *run)
{
	if (run->vm->picture_fd >= 0 && run->vm->machine.framebuffer)
		lode_vmm_qemu_tell_(run->qemu,
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
	lode_vmm_qemu_tell_(run->qemu, "{\"execute\":\"quit\"}\n");
	run->qemu->leaving = true;
}

/* The guest has failed: what were its registers? QEMU may be too busy to answer. */
static void ask_why(struct run *run)
{
	run->qemu->asking = true;
	run->qemu->patience = lode_vmm_now_() + PATIENCE_NS;
	lode_vmm_qemu_tell_(run->qemu, "%s", QEMU_ASK_END);
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
		lode_vmm_qemu_tell_(run->qemu, "%s", QEMU_ASK_REGISTERS);
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

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Events are only told of when the monitor is ready: a quick guest must not be at its end before. */
static void enter_guest(struct vmm *vm, const struct vmm_qemu *qemu)
{
	if (vm->request->gdb) {
		lode_vmm_started_(vm);
		lode_vmm_waiting_(vm);
	} else {
		lode_vmm_qemu_tell_(qemu, "{\"execute\":\"cont\"}\n");
	}
}

int lode_vmm_qemu_follow_(struct vmm *vm, struct vmm_qemu *qemu)
{
	struct run run = {.vm = vm, .qemu = qemu};
	sigset_t before;
	int status;

	run.watched[SIGNALS].fd = open_signals(vm, &before);
	run.watched[TIMER].fd = open_timer(vm->request->time_limit);
	begin_to_watch(&run);
	lode_vmm_console_raw_(vm);
	enter_guest(vm, qemu);
	follow(&run);
	status = lode_vmm_qemu_wait_(qemu);
	lode_vmm_console_close_(vm);
	close_one(run.watched[SIGNALS].fd);
	close_one(run.watched[TIMER].fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
