/* SPDX-License-Identifier: MIT */
/* A process of many threads -> its leader's thread alone. Threads end in a signal handler; the leader's goes on in it. */
#include "state.h"

/* Used by libcs inside, so that their sigprocmask does not block it. */
enum { STOP = 33, SA_INFO = 4, SA_RESTORE = 0x04000000, SA_ALTSTACK = 0x08000000, CODE_QUEUE = -1, NAME = 64 };

/* The kernel's siginfo of a queued signal. */
struct queued {
	int32_t signo, error, code, pad;
	uint32_t pid, uid;
	uint64_t value, next;
	uint64_t rest[11];
};

/* What the leader finds in the signal's value. */
struct handover {
	struct exec_state *state;
	void (*rest)(struct exec_state *state);
};

int lode_exec_shared_(void)
{
	struct kernel_stat stat;
	int64_t result = call3(NR_unshare, NEW_THREAD | NEW_SIGHAND | NEW_VM, 0, 0);

	if (result == 0)
		return 0;
	if (result == -E_INVAL)
		return call3(NR_unshare, NEW_THREAD, 0, 0) == 0 ? -E_BUSY : -E_AGAIN;
	/* A filter forbids unshare: one link for each thread, two more for the directory. */
	if (failed(call4(NR_newfstatat, AT_CWD, address("/proc/self/task"), address(&stat), 0)))
		return -E_AGAIN;
	return stat.nlink == 3 ? 0 : -E_AGAIN;
}

/* Call visit for each thread but the running one; the first nonzero result ends the walk. */
static int each_thread(int (*visit)(void *host, uint64_t tid), void *host)
{
	uint64_t buf[256], self = (uint64_t)call3(NR_gettid, 0, 0, 0);
	int64_t fd = linux_open("/proc/self/task", O_CLOSE | O_DIR), size;
	int status = 0;

	if (failed(fd))
		return (int)fd;
	while (status == 0 && (size = call3(NR_getdents64, (uint64_t)fd, address(buf), sizeof buf)) > 0) {
		for (int64_t at = 0; at < size && status == 0;) {
			const struct kernel_dirent *entry = (const void *)((const char *)buf + at);
			const char *name = entry->name;
			uint64_t tid = parse_decimal(&name);

			if (tid && tid != self)
				status = visit(host, tid);
			at += entry->size;
		}
	}
	linux_close(fd);
	return status;
}

/* Value of a field of /proc/self/task/TID/status, e.g. "\nState:"; NULL if it cannot be read. */
static const char *status_field(char *buf, uint32_t size, uint64_t tid, const char *field)
{
	char path[NAME];
	int64_t fd, n;

	memcpy(path, "/proc/self/task/", 16);
	memcpy(put_decimal(path + 16, tid), "/status", 8);
	fd = linux_open(path, O_CLOSE);
	if (failed(fd))
		return NULL;
	n = linux_read(fd, buf, size - 1);
	linux_close(fd);
	buf[n > 0 ? n : 0] = 0;
	for (const char *at = buf; *at; at++)
		if (string_starts(at, field)) {
			at += string_length(field);
			while (*at == ' ' || *at == '\t')
				at++;
			return at;
		}
	return NULL;
}

/* A thread that cannot be stopped: the leader has exited, or the signal is blocked and stays so. */
static int check_thread(void *host, uint64_t tid)
{
	enum { TRIES = 100, PAUSE = 1000000 };
	struct exec_state *state = host;
	const uint64_t pause[2] = {0, PAUSE};
	char buf[3072];
	const char *field = status_field(buf, sizeof buf, tid, "\nState:");

	if (field && (*field == 'Z' || *field == 'X')) {
		if (tid == (uint64_t)call3(NR_getpid, 0, 0, 0))
			return lode_exec_fail_(state, E_BUSY, LODE_EXEC_STEP_THREADS, NULL,
				"the first thread has exited: only execve can take its place");
		return 0;
	}
	for (int i = 0; i < TRIES; i++) {
		field = status_field(buf, sizeof buf, tid, "\nSigBlk:");
		if (!field || !(parse_hex(&field) >> (STOP - 1) & 1))
			return 0;
		call3(NR_nanosleep, address(pause), 0, 0);
	}
	return lode_exec_fail_(state, E_AGAIN, LODE_EXEC_STEP_THREADS, NULL, "a thread blocks every signal: it cannot be stopped");
}

static void queue(uint64_t tid, uint64_t value)
{
	uint64_t pid = (uint64_t)call3(NR_getpid, 0, 0, 0);
	struct queued info = {.signo = STOP, .code = CODE_QUEUE, .pid = (uint32_t)pid, .value = value};

	call4(NR_rt_tgsigqueueinfo, pid, tid, STOP, address(&info));
}

static int stop_thread(void *host, uint64_t tid)
{
	(void)host;
	queue(tid, 0);
	return 0;
}

/* Threads may still have been starting others: ask again until none is left. */
static void stop_others(void)
{
	enum { YIELDS = 64, PAUSE = 200000 };
	const uint64_t pause[2] = {0, PAUSE};

	while (lode_exec_shared_() == -E_AGAIN) {
		each_thread(stop_thread, NULL);
		for (int i = 0; i < YIELDS; i++) {
			call3(NR_sched_yield, 0, 0, 0);
			if (lode_exec_shared_() != -E_AGAIN)
				return;
		}
		call3(NR_nanosleep, address(pause), 0, 0);
	}
}

static void end_thread(void)
{
	for (;;)
		call3(NR_exit, 0, 0, 0);
}

/* Runs on every thread but the caller's. */
static void on_stop(int signal, const struct queued *info, void *context)
{
	struct handover *handover = pointer(info->value);

	(void)signal;
	(void)context;
	if (call3(NR_getpid, 0, 0, 0) != call3(NR_gettid, 0, 0, 0))
		end_thread();
	if (info->code != CODE_QUEUE || !handover)
		return;
	stop_others();
	handover->rest(handover->state);
}

int lode_exec_alone_(struct exec_state *state, void (*rest)(struct exec_state *state))
{
	struct kernel_sigaction action = {.handler = (uint64_t)(uintptr_t)on_stop,
		.flags = SA_INFO | SA_RESTORE | SA_ALTSTACK,
		.restorer = address(lode_exec_restorer_), .mask = UINT64_MAX};
	struct handover *handover = lode_exec_alloc_(state, sizeof *handover);
	int64_t pid = call3(NR_getpid, 0, 0, 0), result;
	int status = each_thread(check_thread, state);

	if (status)
		return status;
	if (!handover)
		return lode_exec_fail_(state, E_NOMEM, LODE_EXEC_STEP_THREADS, NULL, NULL);
	*handover = (struct handover){state, rest};
	result = call4(NR_rt_sigaction, STOP, address(&action), 0, SIGNAL_SETS);
	if (failed(result))
		return lode_exec_fail_(state, (int)-result, LODE_EXEC_STEP_THREADS, NULL, NULL);
	if (pid == call3(NR_gettid, 0, 0, 0)) {
		stop_others();
		rest(state);
	}
	queue((uint64_t)pid, address(handover));
	end_thread();
	return 0;
}
