/* SPDX-License-Identifier: MIT */
/* New code with tables for exceptions comes in; the process's unwinders know of it, told by a thread that can be in the middle of
 * none: it waits, or is in the program's own code. Others go on meanwhile, and let go of whatever lock that needs. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define PATIENCE_NS UINT64_C(1000000000)
enum { AREA = 1 << 16, OBJECT = 256, UNWINDERS = 2, DEEPEST = 1 << 20, PAUSE_NS = 5000000, CODE_64 = 0x33 };

/* The same function of each unwinder: of the program's own, if libgcc is linked into it, and of the shared one. */
struct unwinders {
	uint64_t functions[UNWINDERS];
	uint32_t count;
	bool in_program, own_malloc;
};

static void find(struct lode_process *process, struct unwinders *found, const struct lode_swap *swap, const char *name)
{
	const struct lode_link_symbol symbol = {.name = name, .length = (uint32_t)strlen(name), .type = LODE_STT_NOTYPE};
	const struct lode_link_symbol malloc_ = {.name = "malloc", .length = 6};
	struct lode_link_answer answer;

	*found = (struct unwinders){.own_malloc = lode_swap_resolve(swap, &answer, &malloc_) == 0};
	if (lode_swap_resolve(swap, &answer, &symbol) == 0)
		found->functions[found->count++] = answer.value;
	if (lode_process_resolve_(process, &answer, &symbol) == 0 && (found->count == 0 || found->functions[0] != answer.value))
		found->functions[found->count++] = answer.value;
	for (uint32_t i = 0; i < found->count; i++)
		found->in_program |= process_is_own(process, found->functions[i]);
}

/* Calls in which nobody holds a lock of the C library or of the unwinder: those that wait for something from outside, and, of
 * futexes, conditions, semaphores and ends of threads, but no locks. */
static bool waits(const struct user_regs_struct *regs)
{
	static const short numbers[] = {
		SYS_read, SYS_poll, SYS_select, SYS_pause, SYS_nanosleep, SYS_accept, SYS_recvfrom, SYS_recvmsg, SYS_wait4,
		SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_restart_syscall, SYS_clock_nanosleep, SYS_epoll_wait, SYS_waitid,
		SYS_pselect6, SYS_ppoll, SYS_epoll_pwait, SYS_accept4, 441 /* epoll_pwait2 */,
	};

	const unsigned long long flags = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;

	if (regs->orig_rax == SYS_futex)
		return (regs->rsi & ~flags) == FUTEX_WAIT_BITSET;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (regs->orig_rax == (unsigned long long)numbers[i])
			return true;
	return false;
}

/* mov $15, %rax; syscall: what a handler returns to. Ref: sigreturn(2). */
static bool is_return_of_handler(struct lode_process *process, uint64_t addr)
{
	static const unsigned char code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	const struct process_map *map = lode_process_map_at_(process->maps_, addr);
	unsigned char bytes[sizeof code];

	return map && map->execute && lode_process_read_(process, bytes, addr, sizeof bytes) == 0 &&
		memcmp(bytes, code, sizeof code) == 0;
}

/* A signal may have come in the middle of anything. */
static bool is_in_handler(struct lode_process *process, const struct process_thread *thread)
{
	uint64_t sp = (thread->regs.rsp + 7) & ~UINT64_C(7);
	const struct process_map *map = lode_process_map_at_(process->maps_, sp);
	size_t size = map && map->end - sp <= DEEPEST ? (size_t)(map->end - sp) : 0;
	uint64_t *words = size > 0 ? malloc(size) : NULL;
	bool found = !words || lode_process_read_(process, words, sp, size) != 0;

	for (size_t i = 0; i < size / sizeof *words && !found; i++)
		found = is_return_of_handler(process, words[i]);
	free(words);
	return found;
}

/* (A program that has a malloc of its own may be in the middle of that.) */
static bool is_in_the_middle_of_none(struct lode_process *process, const struct unwinders *unwinders)
{
	const struct process_thread *thread = &process->stop_->all[0];
	bool free_;

	if (!thread->stopped || thread->regs.cs != CODE_64 || lode_process_maps_read_(process) != 0)
		return false;
	if ((int64_t)thread->regs.orig_rax >= 0)
		free_ = waits(&thread->regs);
	else
		free_ = !unwinders->in_program && process_is_own(process, thread->regs.rip) &&
			!unwinders->own_malloc;
	return free_ && !is_in_handler(process, thread);
}

/* -1: there is none now. */
static int stop_one_of(struct lode_process *process, DIR *tasks, const struct unwinders *unwinders)
{
	struct dirent *entry;

	while ((entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		char state = tid > 0 ? lode_process_task_state_(process, tid) : 0;

		if ((state != 'S' && state != 'R' && state != 'T') || lode_process_stop_thread_(process, tid) != 0)
			continue;
		if (is_in_the_middle_of_none(process, unwinders))
			return 0;
		lode_process_go_(process);
	}
	return -1;
}

static int stop_one(struct lode_process *process, const struct unwinders *unwinders)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t until = lode_live_now_() + PATIENCE_NS;
	int result = -1;

	do {
		DIR *tasks = lode_process_tasks_open_(process);

		if (!tasks)
			return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
		result = stop_one_of(process, tasks, unwinders);
		closedir(tasks);
		if (result != 0)
			nanosleep(&pause, NULL);
	} while (result != 0 && lode_live_now_() < until);
	return result == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_FRAMES, 0);
}

/* What the unwinder keeps of each table, and a stack to tell it on. */
static int map_area(struct lode_process *process, struct lode_process_version *version)
{
	struct process_call call = {.number = SYS_mmap, .arguments = {0, AREA, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, UINT64_MAX, 0}};

	if (version->frames_.size > 0)
		return 0;
	if (lode_process_calls_(process, &call, 1) != 0)
		return -1;
	if (call.result < 0 && call.result > -4096)
		return lode_process_trouble_(process, LODE_PROCESS_REFUSED, -call.result);
	version->frames_ = (struct lode_range){.addr = (uint64_t)call.result, .size = AREA};
	return 0;
}

static int call_one(struct lode_process *process, const struct lode_process_version *version, const struct unwinders *unwinders,
	uint32_t i)
{
	const struct process_function function = {.addr = unwinders->functions[i],
		.arguments = {version->link.eh_frame.addr, version->frames_.addr + i * OBJECT},
		.stack = version->frames_.addr + AREA};

	if (lode_process_function_(process, &function) == 0)
		return 0;
	return lode_process_trouble_(process, LODE_PROCESS_STUCK, process->stop_->all[0].tid);
}

static int tell_each(struct lode_process *process, struct lode_process_version *version, const struct unwinders *unwinders)
{
	int result = map_area(process, version);

	for (uint32_t i = 0; i < unwinders->count && result == 0; i++) {
		result = call_one(process, version, unwinders, i);
		version->nframed_ += result == 0;
	}
	return result;
}

/* One that was not told would abort the process. */
static int withdraw_each(struct lode_process *process, struct lode_process_version *version, const struct unwinders *unwinders)
{
	int result = 0;

	while (version->nframed_ > 0 && result == 0) {
		result = call_one(process, version, unwinders, version->nframed_ - 1);
		version->nframed_ -= result == 0;
	}
	return result;
}

static int with_one_stopped(struct lode_process *process, struct lode_process_version *version, const struct unwinders *unwinders,
	int (*each)(struct lode_process *, struct lode_process_version *, const struct unwinders *))
{
	struct process_hurry hurry;
	int result;

	lode_process_hurry_(&hurry);
	result = stop_one(process, unwinders);
	if (result == 0) {
		result = each(process, version, unwinders);
		lode_process_go_(process);
	}
	lode_process_calm_(&hurry);
	return result;
}

/* Where no C++ is, exceptions pass nothing. */
int lode_process_frames_tell_(struct lode_process *process, struct lode_process_version *version)
{
	struct unwinders unwinders;

	find(process, &unwinders, &version->swap, "__gxx_personality_v0");
	if (version->link.eh_frame.size == 0 || unwinders.count == 0)
		return 0;
	find(process, &unwinders, &version->swap, "__register_frame_info");
	if (unwinders.count == 0)
		return lode_process_trouble_(process, LODE_PROCESS_FRAMES, 0);
	if (with_one_stopped(process, version, &unwinders, tell_each) != 0)
		return -1;
	lode_process_say_(process, "unwinders that know of it", unwinders.count);
	return 0;
}

void lode_process_frames_withdraw_(struct lode_process *process, struct lode_process_version *version)
{
	enum lode_process_trouble trouble = process->trouble;
	int64_t number = process->number;
	struct unwinders unwinders;

	if (version->nframed_ == 0)
		return;
	find(process, &unwinders, &version->swap, "__deregister_frame_info");
	if (version->nframed_ <= unwinders.count)
		with_one_stopped(process, version, &unwinders, withdraw_each);
	process->trouble = trouble;
	process->number = number;
}
