/* SPDX-License-Identifier: MIT */
/* Threads that stand still come in; words of their registers and stacks that may be addresses in code that is replaced go out. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A stack that is deeper than this lies in something else, as those of coroutines do. */
enum { CHUNK = 1 << 16, DEEPEST = 16 << 20 };

struct looking {
	struct process_busy *busy;
	const struct lode_swap *swap;
	pid_t tid;
};

static void look_at(const struct looking *looking, uint64_t word)
{
	struct process_busy *busy = looking->busy;

	if (busy->count == PROCESS_BUSY || !lode_swap_concerns(looking->swap, word))
		return;
	busy->tids[busy->count] = looking->tid;
	busy->addrs[busy->count++] = word;
}

/* Every word from the stack pointer to the end of its mapping: what looks like an address in the code counts as one. */
static int look_at_stack(const struct lode_process *process, const struct looking *looking, uint64_t from, uint64_t end)
{
	uint64_t *words = malloc(CHUNK);
	int result = words ? 0 : -1;

	for (uint64_t at = from; at < end && result == 0; at += CHUNK) {
		size_t size = end - at < CHUNK ? (size_t)(end - at) : CHUNK;

		result = lode_process_read_((void *)(uintptr_t)process, words, at, size);
		for (size_t i = 0; i < size / sizeof *words && result == 0; i++)
			look_at(looking, words[i]);
	}
	free(words);
	return result;
}

static const struct process_map *stack_of(struct lode_process *process, uint64_t sp)
{
	const struct process_map *map = lode_process_map_at_(process->maps_, sp);

	/* Threads and stacks that are newer than what is known; a stack that has grown. */
	if (!map && lode_process_maps_read_(process) == 0)
		map = lode_process_map_at_(process->maps_, sp);
	return map;
}

static int look_at_thread(struct lode_process *process, const struct looking *looking, const struct process_thread *thread)
{
	uint64_t sp = (thread->regs.rsp + 7) & ~UINT64_C(7), end;
	const struct process_map *map = stack_of(process, sp);

	look_at(looking, thread->regs.rip);
	if (!map || !map->read)
		return 0;
	end = map->end - sp < DEEPEST ? map->end : sp + DEEPEST;
	if (look_at_stack(process, looking, sp, end) == 0)
		return 0;
	/* The mapping is another by now. */
	if (lode_process_maps_read_(process) != 0)
		return -1;
	map = lode_process_map_at_(process->maps_, sp);
	end = !map ? sp : map->end - sp < DEEPEST ? map->end : sp + DEEPEST;
	return look_at_stack(process, looking, sp, end) == 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
}

static void add_user(struct lode_process *process, pid_t tid, const struct lode_link_text *name)
{
	struct lode_process_user user = {.tid = tid};

	memcpy(user.function, name->at, name->size < sizeof user.function ? name->size : sizeof user.function - 1);
	for (uint32_t i = 0; i < process->nusers; i++)
		if (process->users[i].tid == tid && strcmp(process->users[i].function, user.function) == 0)
			return;
	if (process->nusers < LODE_PROCESS_USERS)
		process->users[process->nusers++] = user;
}

/* Who is in which function, once. */
static void name_users(struct lode_process *process, const struct looking *looking)
{
	const struct process_busy *busy = looking->busy;
	struct lode_link_text name;

	process->nusers = 0;
	for (uint32_t i = 0; i < busy->count; i++)
		if (lode_swap_function_at(looking->swap, &name, busy->addrs[i]) && name.size > 0)
			add_user(process, busy->tids[i], &name);
}

int lode_process_busy_find_(struct lode_process *process, struct process_busy *busy, const struct lode_swap *swap)
{
	struct looking looking = {.busy = busy, .swap = swap};
	int result = 0;

	busy->count = 0;
	for (uint32_t i = 0; i < process->stop_->count && result == 0; i++) {
		looking.tid = process->stop_->all[i].tid;
		if (process->stop_->all[i].stopped)
			result = look_at_thread(process, &looking, &process->stop_->all[i]);
	}
	name_users(process, &looking);
	return result;
}
