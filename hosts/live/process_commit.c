/* SPDX-License-Identifier: MIT */
/* A replacement whose stores are planned comes in; all threads stand still, and it is done, or nothing is. */
#define _GNU_SOURCE
#include "process.h"
#include <string.h>
#include <time.h>

enum { FIRST_PAUSE_MS = 1, LONGEST_PAUSE_MS = 64 };

/* A place that holds what a store has written, or was to take away, is turned back. */
static int turn(struct lode_process *process, const struct lode_store *store, bool back)
{
	const unsigned char *from = back ? store->before : store->after, *to = back ? store->after : store->before;
	unsigned char now[8];

	if (lode_process_read_(process, now, store->addr, store->width) != 0)
		return -1;
	return memcmp(now, from, store->width) == 0 ? lode_process_write_(process, store->addr, to, store->width) : 0;
}

/* Where the pages could not all be written, those that were are made good, store by store. */
static void undo(const struct process_commit *commit)
{
	struct lode_swap *swap = &commit->version->swap;

	for (uint32_t i = 0; i < swap->nstores; i++)
		turn(commit->process, &swap->stores[i], commit->back);
	swap->committed = commit->back;
	if (commit->back) {
		swap->older_ = commit->process->program_.newest;
		commit->process->program_.newest = swap;
	} else {
		commit->process->program_.newest = swap->older_;
	}
}

static int write_all(const struct process_commit *commit, struct lode_diag *why)
{
	struct lode_process *process = commit->process;
	struct lode_process_version *version = commit->version;

	if (lode_process_batch_end_(process, true) == 0 &&
		lode_process_record_state_(process, version, commit->back ? LODE_PROCESS_TAKEN_BACK : LODE_PROCESS_COMMITTED) == 0)
		return LODE_OK;
	undo(commit);
	if (why)
		*why = lode_diag_of(LODE_RULE_SWAP_WRITE, LODE_FIELD_SWAP_SITE, version->swap.stores[0].addr, 0);
	return LODE_ERR_IO;
}

static int commit_stopped(const struct process_commit *commit, struct lode_diag *why)
{
	static struct process_busy found;
	struct lode_process *process = commit->process;
	struct lode_swap *swap = &commit->version->swap;
	struct lode_swap_busy busy = {.addrs = found.addrs};
	int status;

	if (lode_process_busy_find_(process, &found, swap) != 0 || lode_process_batch_begin_(process) != 0)
		return lode_process_fail_(why);
	busy.count = found.count;
	busy.policy = process->options_->policy == LODE_PROCESS_LAZY ? LODE_SWAP_LAZY : LODE_SWAP_IDLE;
	if (lode_process_record_state_(process, commit->version, LODE_PROCESS_CHANGING) != 0) {
		lode_process_batch_end_(process, false);
		lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
		return lode_process_fail_(why);
	}
	status = commit->back ? lode_swap_rollback(swap, &busy, why) : lode_swap_commit(swap, &busy, why);
	if (status == LODE_OK)
		status = write_all(commit, why);
	else
		lode_process_batch_end_(process, false);
	if (status != LODE_OK)
		lode_process_record_state_(process, commit->version, commit->back ? LODE_PROCESS_COMMITTED : LODE_PROCESS_PLANNED);
	return status;
}

static int try_commit(const struct process_commit *commit, struct lode_diag *why)
{
	struct lode_process *process = commit->process;
	struct process_hurry hurry;
	int status;

	lode_process_hurry_(&hurry);
	if (lode_process_stop_all_(process) == 0) {
		status = commit_stopped(commit, why);
		process->times.all = lode_process_go_(process);
	} else {
		status = lode_process_fail_(why);
	}
	lode_process_calm_(&hurry);
	process->times.tries++;
	lode_process_say_(process, "threads that stood still", process->nthreads);
	lode_process_say_(process,
		status == LODE_OK ? "committed, all threads stopped, ns" : "not committed, all threads stopped, ns",
		process->times.all);
	return status;
}

int lode_process_commit_(const struct process_commit *commit, struct lode_diag *why)
{
	const struct lode_process_options *options = commit->process->options_;
	uint64_t begun = lode_live_now_(), until = begun + (uint64_t)options->patience_ms * 1000000u;
	long pause_ms = FIRST_PAUSE_MS;
	int status;

	for (;;) {
		struct timespec pause = {.tv_nsec = pause_ms * 1000000};
		struct lode_diag reason = {.status = LODE_OK};

		status = try_commit(commit, &reason);
		commit->process->times.waited = lode_live_now_() - begun;
		if (why)
			*why = reason;
		if (reason.rule != LODE_RULE_SWAP_BUSY || options->policy != LODE_PROCESS_WAIT || lode_live_now_() > until)
			return status;
		nanosleep(&pause, NULL);
		pause_ms = pause_ms < LONGEST_PAUSE_MS ? 2 * pause_ms : pause_ms;
	}
}

/* What was left halfway: each place that was written already gets what it had. */
int lode_process_take_back_halfway_(struct lode_process *process, struct lode_diag *why)
{
	struct lode_process_version *version = process->halfway;
	struct process_hurry hurry;
	int result;

	lode_process_hurry_(&hurry);
	result = lode_process_stop_all_(process);
	for (uint32_t i = version->swap.nstores; i-- > 0 && result == 0;)
		result = turn(process, &version->swap.stores[i], false);
	if (result == 0)
		result = lode_process_record_state_(process, version, LODE_PROCESS_TAKEN_BACK);
	if (process->stop_)
		process->times.all = lode_process_go_(process);
	lode_process_calm_(&hurry);
	if (result != 0)
		return lode_process_fail_(why);
	process->halfway = NULL;
	lode_process_version_free_(version);
	return LODE_OK;
}
