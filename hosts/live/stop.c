/* SPDX-License-Identifier: MIT */
/* All other threads of this process come to a halt in a handler; what they, and this one, are at in code of interest, or will
 * return to, goes out. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS = 1024, PATIENCE_MS = 5000, LOOK_AGAIN_MS = 10, SPIN_NS = 20000 };

struct halt {
	uint64_t regs[LODE_LIVE_REGS];
	pid_t tid;
	atomic_bool here, gone;
};

/* Numbers of rounds, so that a signal that comes late is known to be late. */
static struct halt halts[THREADS];
static uint32_t nhalts;
static atomic_uint now_in, over;
static atomic_uint arrived; /* how often a thread has come to a halt */

uint64_t lode_live_now_(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static pid_t stopping; /* is looked at like the others, and goes on */

/* Nothing but system calls: the thread may hold any lock. */
static void stand_still(int signal, siginfo_t *info, void *context)
{
	static const unsigned char numbers[LODE_LIVE_REGS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP,
		REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
	const ucontext_t *at = context;
	unsigned number = (unsigned)info->si_value.sival_int, round = atomic_load(&now_in);
	struct halt *halt = &halts[number % THREADS];
	int error = errno;

	(void)signal;
	if (info->si_code != SI_QUEUE || info->si_pid != getpid() || number / THREADS != round % (UINT_MAX / THREADS))
		return;
	for (unsigned i = 0; i < LODE_LIVE_REGS; i++)
		halt->regs[i] = (uint64_t)at->uc_mcontext.gregs[numbers[i]];
	atomic_store(&halt->here, true);
	if (halt->tid == stopping)
		return;
	atomic_fetch_add(&arrived, 1);
	syscall(SYS_futex, &arrived, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	for (unsigned last = atomic_load(&over); (int)(last - round) < 0; last = atomic_load(&over))
		syscall(SYS_futex, &over, FUTEX_WAIT_PRIVATE, last, NULL, NULL, 0);
	errno = error;
}

static bool is_known(pid_t tid)
{
	for (uint32_t i = 0; i < nhalts; i++)
		if (halts[i].tid == tid)
			return true;
	return false;
}

static int the_signal(void)
{
	return SIGRTMAX - 1;
}

/* 0: it is on its way, or has ended meanwhile. */
static int halt_one(pid_t tid)
{
	unsigned round = atomic_load(&now_in) % (UINT_MAX / THREADS);
	siginfo_t info = {.si_signo = the_signal(), .si_code = SI_QUEUE};
	struct halt *halt = &halts[nhalts];

	if (nhalts == THREADS)
		return EAGAIN;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = (int)(round * THREADS + nhalts);
	halt->tid = tid;
	atomic_store(&halt->here, false);
	atomic_store(&halt->gone, false);
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, the_signal(), &info) != 0)
		return errno == ESRCH ? 0 : errno;
	nhalts++;
	return 0;
}

/*
 * The process's threads and mappings, from /proc. Threads that stand still may hold the allocator's locks, so nothing here
 * allocates.
 */

struct entry64 {
	uint64_t inode, offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static pid_t number_of(const char *text)
{
	pid_t number = 0;

	while (*text >= '0' && *text <= '9')
		number = number * 10 + (*text++ - '0');
	return *text == '\0' ? number : 0;
}

/* True in *more if there were threads that had not been asked yet. */
static int halt_listed(bool *more, const char *list, long size)
{
	const struct entry64 *entry;
	int error = 0;

	for (long at = 0; at < size && error == 0; at += entry->size) {
		pid_t tid;

		entry = (const void *)(list + at);
		tid = number_of(entry->name);
		if (tid == 0 || is_known(tid))
			continue;
		*more = true;
		error = halt_one(tid);
	}
	return error;
}

static int halt_others(bool *more)
{
	static _Alignas(8) char list[1 << 14];
	int tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	long size = 1;

	*more = false;
	if (tasks < 0)
		return errno;
	while (size > 0 && error == 0) {
		size = syscall(SYS_getdents64, tasks, list, sizeof list);
		error = size < 0 ? errno : halt_listed(more, list, size);
	}
	close(tasks);
	return error;
}

/* The first thread remains listed when it has ended. */
static bool is_dead(pid_t tid)
{
	char path[40], text[256], *at = path;
	char digits[12];
	ssize_t size;
	int fd, n = 0;

	if (syscall(SYS_tgkill, getpid(), tid, 0) != 0)
		return true;
	at = stpcpy(at, "/proc/self/task/");
	for (; tid > 0; tid /= 10)
		digits[n++] = (char)('0' + tid % 10);
	while (n > 0)
		*at++ = digits[--n];
	memcpy(at, "/stat", sizeof "/stat");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	at = strrchr(text, ')');
	return size <= 0 || (at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X'));
}

static bool are_all_here(bool look)
{
	bool all = true;

	for (uint32_t i = 0; i < nhalts; i++) {
		if (atomic_load(&halts[i].here) || atomic_load(&halts[i].gone))
			continue;
		if (look && is_dead(halts[i].tid))
			atomic_store(&halts[i].gone, true);
		else
			all = false;
	}
	return all;
}

/* Those that have a processor are here at once; the others need this one. */
static int wait_for_all(void)
{
	const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000};
	uint64_t begun = lode_live_now_(), look = begun;
	unsigned seen = atomic_load(&arrived);

	for (; !are_all_here(false); seen = atomic_load(&arrived)) {
		uint64_t t = lode_live_now_();

		if (t - begun > PATIENCE_MS * UINT64_C(1000000))
			return EAGAIN;
		if (t - look > LOOK_AGAIN_MS * UINT64_C(1000000)) {
			look = t;
			are_all_here(true);
		}
		if (t - begun > SPIN_NS && !are_all_here(false))
			syscall(SYS_futex, &arrived, FUTEX_WAIT_PRIVATE, seen, &pause, NULL, 0);
	}
	return 0;
}

/*
 * Stacks
 */

struct range {
	uint64_t begin, end;
};

static struct {
	struct range all[4096];
	uint32_t count;
} maps;

static void take_line(const char *line)
{
	uint64_t values[2] = {0, 0};

	for (unsigned i = 0; i < 2; i++, line++) {
		for (; *line != '-' && *line != ' ' && *line != '\0'; line++)
			values[i] = values[i] << 4 | (unsigned)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
		if (*line == '\0')
			return;
	}
	if (maps.count < sizeof maps.all / sizeof maps.all[0] && line[0] == 'r')
		maps.all[maps.count++] = (struct range){.begin = values[0], .end = values[1]};
}

/* Long names are cut: a line's head is enough. */
static void read_maps(void)
{
	static char text[1 << 14];
	char line[64];
	size_t length = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	maps.count = 0;
	for (ssize_t size = 1; fd >= 0 && size > 0;) {
		size = read(fd, text, sizeof text);
		for (ssize_t i = 0; i < size; i++) {
			if (text[i] != '\n' && length < sizeof line - 1)
				line[length++] = text[i];
			if (text[i] != '\n')
				continue;
			line[length] = '\0';
			take_line(line);
			length = 0;
		}
	}
	if (fd >= 0)
		close(fd);
}

static uint64_t end_in_maps(uint64_t sp)
{
	for (uint32_t i = 0; i < maps.count; i++)
		if (sp >= maps.all[i].begin && sp < maps.all[i].end)
			return maps.all[i].end;
	return 0;
}

/* Stacks that are newer than what is known; one that has grown. */
static uint64_t end_of_stack(uint64_t sp)
{
	uint64_t end = end_in_maps(sp);

	if (end == 0) {
		read_maps();
		end = end_in_maps(sp);
	}
	return end;
}

/* Behind an instruction that calls: e8 and a distance, or ff /2 with a register or an operand in memory. */
static bool is_behind_call(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_host *host = &swap->program->host;
	static const unsigned char lengths[] = {2, 3, 4, 6, 7};
	unsigned char bytes[7];

	if (host->read(host->host, bytes, addr - sizeof bytes, sizeof bytes) != 0 || bytes[2] == 0xe8)
		return true;
	for (size_t i = 0; i < sizeof lengths; i++) {
		const unsigned char *at = bytes + sizeof bytes - lengths[i];

		if (at[0] == 0xff && (at[1] >> 3 & 7) == 2)
			return true;
	}
	return false;
}

static void note(struct live_stop *stop, uint64_t addr)
{
	if (stop->count < sizeof stop->addrs / sizeof stop->addrs[0])
		stop->addrs[stop->count++] = addr;
}

/* Every word up to the end of the stack's mapping. It is where a thread will return to, or where it was when a signal came: flags
 * and the segment of user code are behind that. */
static void look_at_stack(struct live_stop *stop, const struct lode_swap *swap, uint64_t sp)
{
	uint64_t end = end_of_stack(sp), begin = (sp + 7) & ~UINT64_C(7);
	const volatile uint64_t *words = (const volatile uint64_t *)(uintptr_t)begin;
	uint64_t count = end > begin ? (end - begin) / sizeof *words : 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t word = words[i];

		if (!lode_swap_concerns(swap, word))
			continue;
		if ((i + 2 < count && (words[i + 2] & 0xffff) == 0x33) || is_behind_call(swap, word))
			note(stop, word);
	}
}

/* Where no table says who called, all that is above may be a return address. */
static void look_at_frames(struct live_stop *stop, const struct lode_swap *swap, const struct halt *halt)
{
	struct live_frame frame = {.low = halt->regs[LODE_LIVE_RSP], .exact = true};
	enum live_step step;

	memcpy(frame.regs, halt->regs, sizeof frame.regs);
	frame.high = end_of_stack(frame.low);
	do {
		if (lode_swap_concerns(swap, frame.regs[LODE_LIVE_RIP]))
			note(stop, frame.regs[LODE_LIVE_RIP]);
		step = lode_live_unwind_(&frame);
	} while (step == LODE_LIVE_STEP);
	if (step == LODE_LIVE_LOST)
		look_at_stack(stop, swap, frame.regs[LODE_LIVE_RSP]);
}

int lode_live_stop_all_(struct live_stop *stop, const struct lode_swap *swap)
{
	struct sigaction action = {.sa_sigaction = stand_still, .sa_flags = SA_SIGINFO | SA_RESTART};
	bool more = true;
	int error = 0;

	sigfillset(&action.sa_mask);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	lode_live_tables_find_();
	read_maps();
	nhalts = 0;
	stopping = (pid_t)syscall(SYS_gettid);
	atomic_fetch_add(&now_in, 1);
	if (sigaction(the_signal(), &action, NULL) != 0)
		return errno;
	stop->begun = lode_live_now_();
	/* Threads that run may begin others. */
	while (more && error == 0) {
		error = halt_others(&more);
		if (error == 0)
			error = wait_for_all();
	}
	if (error != 0) {
		lode_live_stop_end_(stop);
		return error;
	}
	stop->halted = lode_live_now_() - stop->begun;
	stop->count = 0;
	for (uint32_t i = 0; i < nhalts; i++)
		if (atomic_load(&halts[i].here))
			look_at_frames(stop, swap, &halts[i]);
	return 0;
}

/* Processors must not go on with instructions that they have read before. (Who is woken may take this processor at once: then it is
 * over.) */
uint64_t lode_live_stop_end_(const struct live_stop *stop)
{
	uint64_t took;

	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	took = lode_live_now_() - stop->begun;
	atomic_store(&over, atomic_load(&now_in));
	syscall(SYS_futex, &over, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	return took;
}
