/* SPDX-License-Identifier: MIT */
/* A process of many threads -> its leader's thread alone. Threads end in a signal handler; the leader's goes on in it. */
#include "state.h"

/* STOP: libcs use it themselves, so that their sigprocmask does not block it. */
enum { SIG_IGN_VALUE = 1, STOP = 33, SA_INFO = 4, SA_RESTORE = 0x04000000, SA_ALTSTACK = 0x08000000, CODE_QUEUE = -1 };
enum { PROC_TEXT = 64 }; /* of a path below /proc, and of the beginning of such a file */

/* The kernel's siginfo of a queued signal. */
struct queued {
	int32_t signo, error, code, pad;
	uint32_t pid, uid;
	uint64_t value, next;
	uint64_t rest[11];
};

/* Whoever takes it out owns it: the leader, who then goes on, or the thread that put it there and gives up. */
struct handover {
	struct exec_state *state;
	void (*rest)(struct exec_state *state);
};
static struct handover *handover;
static struct kernel_sigaction former; /* whose signal it is */
static bool stopping;                  /* decided: the threads end */

_Noreturn void lode_exec_die_(void)
{
	for (;;)
		__asm__ volatile("hlt");
}

/* Pages of address space that the parent has; 0 if it is not to be seen. */
static uint64_t parent_pages(void)
{
	char path[PROC_TEXT], text[PROC_TEXT];
	int64_t fd, n;

	memcpy(path, "/proc/", 6);
	memcpy(put_decimal(path + 6, (uint64_t)call3(NR_getppid, 0, 0, 0)), "/statm", 7);
	fd = linux_open(path, O_CLOEXEC);
	if (failed(fd))
		return 0;
	n = linux_read(fd, text, sizeof text - 1);
	linux_close(fd);
	text[n > 0 ? n : 0] = 0;
	return parse_decimal(&(const char *){text});
}

/* A vfork child's parent grows and shrinks with it. */
static bool shares_with_parent(void)
{
	enum { SOME = 37 };
	uint64_t before = parent_pages(), with, after;
	int64_t pages = linux_map(0, SOME * PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (failed(pages))
		return true;
	with = parent_pages();
	linux_unmap((uint64_t)pages, SOME * PAGE);
	after = parent_pages();
	return before && with - before == SOME && after == before;
}

/* Where a filter forbids unshare: one link for each thread, two more for the directory. */
static int ask_proc(void)
{
	struct kernel_stat stat;

	if (failed(call4(NR_newfstatat, AT_FDCWD, address("/proc/self/task"), address(&stat), 0)) || stat.nlink != 3)
		return -EAGAIN;
	return shares_with_parent() ? -EBUSY : 0;
}

static int ask_shared(void)
{
	int64_t result = call3(NR_unshare, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0);

	if (result == 0)
		return 0;
	if (result == -EINVAL)
		return call3(NR_unshare, CLONE_THREAD, 0, 0) == 0 ? -EBUSY : -EAGAIN;
	return ask_proc();
}

/* A thread that has just left the process may hold its signal handlers a moment longer, which looks like another process. */
int lode_exec_check_alone_(void)
{
	enum { TRIES = 200 };
	int status = ask_shared();

	for (int i = 0; i < TRIES && status == -EBUSY; i++) {
		call3(NR_sched_yield, 0, 0, 0);
		status = ask_shared();
	}
	return status;
}

static int refuse(struct exec_state *state, int64_t error, const char *reason)
{
	return lode_exec_fail_(state, (int)error, LODE_EXEC_STEP_THREADS, NULL, reason);
}

static int visit_entries(struct exec_state *state, int64_t size, int (*visit)(struct exec_state *state, uint64_t tid))
{
	uint64_t self = (uint64_t)call3(NR_gettid, 0, 0, 0);
	int status = 0;

	for (int64_t at = 0; at < size && status == 0;) {
		const struct kernel_dirent *entry = (const void *)((const char *)state->scratch->entries + at);
		const char *name = entry->name;
		uint64_t tid = parse_decimal(&name);

		if (tid && tid != self)
			status = visit(state, tid);
		at += entry->size;
	}
	return status;
}

/* Call visit for each thread but the running one; the first nonzero result ends the walk. */
static int each_thread(struct exec_state *state, int (*visit)(struct exec_state *state, uint64_t tid))
{
	struct exec_scratch *scratch = state->scratch;
	int64_t fd = linux_open("/proc/self/task", O_CLOEXEC | O_DIRECTORY), size = 0;
	int status = 0;

	if (failed(fd))
		return refuse(state, -fd, "the process's threads cannot be listed");
	while (status == 0 &&
		(size = call3(NR_getdents64, (uint64_t)fd, address(scratch->entries), sizeof scratch->entries)) > 0)
		status = visit_entries(state, size, visit);
	linux_close(fd);
	if (status == 0 && size < 0)
		status = refuse(state, -size, "the process's threads cannot be listed");
	return status;
}

static int read_status(char value[STATUS_VALUE], const struct exec_state *state, uint64_t tid, const char *field)
{
	char path[PROC_TEXT];

	memcpy(path, "/proc/self/task/", 16);
	memcpy(put_decimal(path + 16, tid), "/status", 8);
	return lode_exec_status_(value, state, path, field);
}

/* A thread that cannot be stopped: the leader has exited, or the signal is blocked and stays so. Threads begin with all signals
 * blocked, and where processors are few and busy it takes a while until they run. */
static int check_thread(struct exec_state *state, uint64_t tid)
{
	enum { TRIES = 2000, PAUSE = 1000000 };
	const uint64_t pause[2] = {0, PAUSE};
	char value[STATUS_VALUE];
	int status = read_status(value, state, tid, "\nState:");

	if (status == 0 && (*value == 'Z' || *value == 'X')) {
		if (tid == (uint64_t)call3(NR_getpid, 0, 0, 0))
			return refuse(state, EBUSY, "the first thread has exited: only execve can take its place");
		return 0;
	}
	for (int i = 0; i < TRIES && status == 0; i++) {
		const char *digits = value;

		status = read_status(value, state, tid, "\nSigBlk:");
		if (status == 0 && !(parse_hex(&digits) >> (STOP - 1) & 1))
			return 0;
		call3(NR_nanosleep, address(pause), 0, 0);
	}
	if (status == -ENOENT || status == -ESRCH) /* ended meanwhile */
		return 0;
	if (status)
		return refuse(state, -status, "a thread's state cannot be read");
	return refuse(state, EAGAIN, "a thread blocks every signal: it cannot be stopped");
}

/* Fails with EAGAIN where the user has as many signals pending as the limit allows; so would tgkill for this signal. */
static int64_t queue(uint64_t tid)
{
	uint64_t pid = (uint64_t)call3(NR_getpid, 0, 0, 0);
	struct queued info = {.signo = STOP, .code = CODE_QUEUE, .pid = (uint32_t)pid};

	return call4(NR_rt_tgsigqueueinfo, pid, tid, STOP, address(&info));
}

/* What could not be queued is tried again in the next round. */
static int stop_thread(struct exec_state *state, uint64_t tid)
{
	(void)state;
	queue(tid);
	return 0;
}

/* Threads may still have been starting others: ask again until none is left, or for about ten seconds: one that waits in the kernel
 * or has begun to block the signal does not end. Behind the point of no return. */
static void stop_others(struct exec_state *state)
{
	enum { ROUNDS = 50000, YIELDS = 64, PAUSE = 200000, SHARED = ROUNDS / 100 };
	const uint64_t pause[2] = {0, PAUSE};
	int status = lode_exec_check_alone_();

	__atomic_store_n(&stopping, true, __ATOMIC_SEQ_CST);
	state->why = NULL;
	for (int round = 0; status && round < ROUNDS; round += status == -EBUSY ? SHARED : 1) {
		each_thread(state, stop_thread);
		status = -EAGAIN;
		for (int i = 0; i < YIELDS && status == -EAGAIN; i++) {
			call3(NR_sched_yield, 0, 0, 0);
			status = lode_exec_check_alone_();
		}
		if (status)
			call3(NR_nanosleep, address(pause), 0, 0);
	}
	/* Only now another process that shares the memory can be told from a thread. */
	if (status)
		lode_exec_die_();
}

static void end_thread(void)
{
	for (;;)
		call3(NR_exit, 0, 0, 0);
}

/* The libc's own use of the signal goes on until it is decided that the threads end. */
static void pass_on(int signal, const struct queued *info, void *context)
{
	void (*handler)(int signal, const struct queued *info, void *context);

	if (former.handler <= SIG_IGN_VALUE)
		return;
	memcpy(&handler, &former.handler, sizeof handler);
	handler(signal, info, context);
}

/* Runs on every thread but the caller's. */
static void on_stop(int signal, const struct queued *info, void *context)
{
	struct handover *taken;
	bool leader = call3(NR_getpid, 0, 0, 0) == call3(NR_gettid, 0, 0, 0);

	if (info->code != CODE_QUEUE) {
		pass_on(signal, info, context);
		return;
	}
	if (!leader && __atomic_load_n(&stopping, __ATOMIC_SEQ_CST))
		end_thread();
	if (!leader)
		return;
	taken = __atomic_exchange_n(&handover, NULL, __ATOMIC_SEQ_CST);
	if (!taken)
		return;
	stop_others(taken->state);
	taken->rest(taken->state);
}

/* Ignoring a signal removes it from every queue. */
static void restore_action(const struct kernel_sigaction *action)
{
	const struct kernel_sigaction ignore = {.handler = 1};

	call4(NR_rt_sigaction, STOP, address(&ignore), 0, SIGNAL_SETS);
	call4(NR_rt_sigaction, STOP, address(action), 0, SIGNAL_SETS);
}

/* The leader gets about five seconds to begin with the handler. */
static int hand_over(struct exec_state *state, struct handover *mine)
{
	enum { ROUNDS = 5000, PAUSE = 1000000 };
	const uint64_t pause[2] = {0, PAUSE};
	int64_t result;

	__atomic_store_n(&handover, mine, __ATOMIC_SEQ_CST);
	result = queue((uint64_t)call3(NR_getpid, 0, 0, 0));
	for (int round = 0; round < ROUNDS && result == 0; round++) {
		if (!__atomic_load_n(&handover, __ATOMIC_SEQ_CST))
			end_thread();
		call3(NR_nanosleep, address(pause), 0, 0);
	}
	if (!__atomic_exchange_n(&handover, NULL, __ATOMIC_SEQ_CST))
		end_thread();
	if (result)
		return refuse(state, -result, "no signal can be sent to the first thread");
	return refuse(state, EAGAIN, "the first thread does not take the signal that would stop it");
}

/* One signal to the caller itself, which blocks it: shows that signals can be queued before any thread is ended. */
static int try_queue(struct exec_state *state)
{
	const uint64_t set = UINT64_C(1) << (STOP - 1), none[2] = {0, 0};
	int64_t result = queue((uint64_t)call3(NR_gettid, 0, 0, 0));

	if (result)
		return refuse(state, -result, "no signal can be sent to the other threads");
	call4(NR_rt_sigtimedwait, address(&set), 0, address(none), SIGNAL_SETS);
	return 0;
}

/* The first thread goes on as the program: with other rights than the caller's the program would gain or lose some. */
static int check_rights(struct exec_state *state)
{
	static const char *const fields[] = {"\nUid:", "\nGid:", "\nGroups:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:",
		"\nNoNewPrivs:", "\nSeccomp:", "\nSeccomp_filters:"};
	uint64_t self = (uint64_t)call3(NR_gettid, 0, 0, 0), first = (uint64_t)call3(NR_getpid, 0, 0, 0);
	char mine[STATUS_VALUE], its[STATUS_VALUE];

	if (self == first)
		return 0;
	for (uint32_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		int status = read_status(mine, state, self, fields[i]), other = read_status(its, state, first, fields[i]);

		if (status == -EIO && other == -EIO) /* a kernel without this field */
			continue;
		if (status || other || !string_starts(mine, its) || string_length(mine) != string_length(its))
			return refuse(state, EPERM,
				"the first thread, which becomes the program, has other identities, capabilities or filters");
	}
	return 0;
}

int lode_exec_take_over_(struct exec_state *state, void (*rest)(struct exec_state *state))
{
	const struct kernel_sigaction action = {.handler = (uint64_t)(uintptr_t)on_stop,
		.flags = SA_INFO | SA_RESTORE | SA_ALTSTACK,
		.restorer = address(lode_exec_restorer_), .mask = UINT64_MAX};
	struct handover *mine = lode_exec_alloc_(state, sizeof *mine);
	int64_t result;
	int status;

	if (!mine)
		return refuse(state, ENOMEM, NULL);
	status = check_rights(state);
	if (status == 0)
		status = each_thread(state, check_thread);
	if (status == 0)
		status = try_queue(state);
	if (status)
		return status;
	*mine = (struct handover){state, rest};
	result = call4(NR_rt_sigaction, STOP, address(&action), address(&former), SIGNAL_SETS);
	if (failed(result))
		return refuse(state, -result, NULL);
	if (call3(NR_getpid, 0, 0, 0) == call3(NR_gettid, 0, 0, 0)) {
		stop_others(state);
		rest(state);
	}
	status = hand_over(state, mine);
	restore_action(&former);
	return status;
}
