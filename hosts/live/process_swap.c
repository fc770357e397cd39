/* SPDX-License-Identifier: MIT */
/* Objects come in; their code is in the process in place of the old one, or everything is as it was. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES = 4 };

/* Names outlive the link: they are the objects'. */
static void note_undefined(struct lode_process *process, const struct lode_link *link)
{
	struct lode_link_undefined undefined = {.symbol_ = NULL};

	process->nundefined = link->nundefined;
	for (uint32_t i = 0; i < LODE_PROCESS_UNDEFINED && lode_link_next_undefined(&undefined, link); i++) {
		process->undefined[i] = undefined;
		process->undefined[i].symbol_ = NULL;
	}
}

static int prepare(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects,
	struct lode_diag *why)
{
	uint64_t begun = lode_live_now_();
	int status = lode_process_maps_read_(process) == 0 ? lode_process_link_(process, version, objects, why) :
		lode_process_fail_(why);

	if (status == LODE_OK) {
		lode_process_say_(process, "linked, bytes", version->link.size);
		lode_process_say_where_(process, "at", version->span_.addr);
		status = lode_swap_plan(&version->swap, why);
	}
	if (status == LODE_OK) {
		lode_process_say_(process, "stores planned", version->swap.nstores);
		if (lode_process_record_make_(process, version, objects) != 0)
			status = lode_process_fail_(why);
	}
	process->times.prepare = lode_live_now_() - begun;
	process->account = version->swap.account;
	process->blame = version->link.blame;
	note_undefined(process, &version->link);
	return status;
}

static int put_in(struct lode_process *process, struct lode_process_version *version, bool *taken, struct lode_diag *why)
{
	const struct process_commit commit = {.process = process, .version = version};
	int status;

	if (lode_process_map_(process, version, taken) != 0)
		return lode_process_fail_(why);
	if (lode_process_fill_(process, version) != 0 || lode_process_frames_tell_(process, version) != 0 ||
		lode_process_batch_plan_(process, &version->swap, false) != 0)
		status = lode_process_fail_(why);
	else
		status = lode_process_commit_(&commit, why);
	process->account = version->swap.account;
	if (status != LODE_OK)
		lode_process_frames_withdraw_(process, version);
	if (status != LODE_OK && version->nframed_ == 0)
		lode_process_unmap_(process, version);
	return status;
}

static struct lode_process_version *new_version(struct lode_process *process, const struct process_objects *objects)
{
	struct lode_process_version *version = calloc(1, sizeof *version);

	if (version)
		version->names = calloc(objects->count + 1, sizeof *version->names);
	if (!version || !version->names) {
		lode_process_version_free_(version);
		lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
		return NULL;
	}
	version->serial = process->nversions + 1;
	version->state = LODE_PROCESS_PLANNED;
	version->time = (uint64_t)time(NULL);
	for (uint32_t i = 0; i < objects->count; i++)
		version->names[i] = (struct lode_link_text){objects->all[i].name.at, objects->all[i].name.size - 1};
	version->nnames = objects->count;
	return version;
}

/* *again: the process has changed meanwhile. */
static int attempt(struct lode_process *process, const struct process_objects *objects, bool *again, struct lode_diag *why)
{
	struct lode_process_version *version = new_version(process, objects);
	struct lode_diag reason = {.status = LODE_OK};
	int status;

	*again = false;
	if (!version)
		return lode_process_fail_(why);
	status = prepare(process, version, objects, &reason);
	if (status == LODE_OK && !process->options_->dry_run)
		status = put_in(process, version, again, &reason);
	*again |= status != LODE_OK && reason.rule == LODE_RULE_SWAP_CHANGED;
	if (why)
		*why = reason;
	if (status != LODE_OK || process->options_->dry_run) {
		lode_process_version_free_(version);
		return status;
	}
	version->older = process->newest;
	process->newest = version;
	process->nversions++;
	return LODE_OK;
}

static int read_objects(struct lode_process *process, struct process_objects *objects, const char *const *names)
{
	for (uint32_t i = 0; i < objects->count; i++)
		if (lode_process_object_read_(process, &objects->all[i], names[i]) != 0)
			return -1;
	return 0;
}

static void begin(struct lode_process *process, const struct lode_process_options *options)
{
	lode_process_objects_free_(process->refused_);
	process->refused_ = NULL;
	process->options_ = options;
	process->trouble = LODE_PROCESS_NONE;
	process->times = (struct lode_process_times){.tries = 0};
	process->account = (struct lode_swap_account){.nkept = 0};
	process->blame = (struct lode_link_blame){.file = {NULL, 0}};
	process->nundefined = 0;
	process->nusers = 0;
}

static struct process_objects *new_objects(const char *const *names)
{
	struct process_objects *objects = calloc(1, sizeof *objects);

	while (objects && names[objects->count])
		objects->count++;
	if (objects)
		objects->all = calloc(objects->count + 1, sizeof *objects->all);
	if (objects && objects->all)
		return objects;
	free(objects);
	return NULL;
}

int lode_process_replace(struct lode_process *process, const char *const *names, const struct lode_process_options *options,
	struct lode_diag *why)
{
	struct process_objects *objects = new_objects(names);
	int status = LODE_OK;
	bool again = true;

	begin(process, options);
	if (process->halfway)
		lode_process_trouble_(process, LODE_PROCESS_HALFWAY, process->halfway->serial);
	if (process->halfway || !objects || read_objects(process, objects, names) != 0) {
		lode_process_objects_free_(objects);
		return lode_process_fail_(why);
	}
	for (int i = 0; i < TRIES && again; i++)
		status = attempt(process, objects, &again, why);
	if (status == LODE_OK && !options->dry_run)
		process->newest->objects_ = objects;
	else
		process->refused_ = objects;
	return status;
}

int lode_process_rollback(struct lode_process *process, const struct lode_process_options *options, struct lode_diag *why)
{
	struct process_commit commit = {.process = process, .version = process->newest, .back = true};
	int status;

	begin(process, options);
	if (process->halfway)
		return lode_process_take_back_halfway_(process, why);
	if (!commit.version) {
		if (why)
			*why = lode_diag_of(LODE_RULE_SWAP_NOTHING, LODE_FIELD_SWAP_FUNCTIONS, 0, 0);
		return LODE_ERR_POLICY;
	}
	process->account = commit.version->swap.account;
	if (options->dry_run)
		return LODE_OK;
	if (lode_process_maps_read_(process) != 0 || lode_process_batch_plan_(process, &commit.version->swap, true) != 0)
		return lode_process_fail_(why);
	status = lode_process_commit_(&commit, why);
	if (status == LODE_OK) {
		process->newest = commit.version->older;
		lode_process_version_free_(commit.version);
	}
	return status;
}
