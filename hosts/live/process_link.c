/* SPDX-License-Identifier: MIT */
/* Objects and a process come in; their code for addresses of that process goes out, in this one's memory. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* (Without memory for it the record will lack it, and is not made.) */
static void note_answer(struct lode_process_version *version, uint64_t answer)
{
	if (version->nanswers_ == version->room_answers_) {
		uint32_t room = 2 * version->room_answers_ + 256;
		uint64_t *larger = realloc(version->answers_, room * sizeof *larger);

		if (!larger)
			return;
		version->answers_ = larger;
		version->room_answers_ = room;
	}
	version->answers_[version->nanswers_++] = answer;
}

/* What was replaced since would be compared otherwise. */
static int keep_again(struct lode_process_version *version, uint64_t *addr)
{
	uint64_t answer = version->answer_ < version->nanswers_ ? version->answers_[version->answer_] : LODE_PROCESS_NEW_;

	version->answer_++;
	*addr = answer;
	return answer == LODE_PROCESS_NEW_ ? -1 : 0;
}

static int keep(void *host, uint64_t *addr, const struct lode_link_datum *datum)
{
	struct lode_process_version *version = host;
	bool kept;

	if (version->again_)
		return keep_again(version, addr);
	kept = lode_swap_keep(&version->swap, addr, datum) == 0;
	version->new_tls_ |= datum->thread_local_ && !kept;
	version->answer_++;
	note_answer(version, kept ? *addr : LODE_PROCESS_NEW_);
	return kept ? 0 : -1;
}

/* Threads that run have no room for new variables. If all of the block stays where it is, nothing refers to this one. */
static int tls(void *host, struct lode_link_tls *tls)
{
	const struct lode_process_version *version = host;

	tls->offset = 0;
	return version->new_tls_ ? -1 : 0;
}

static int resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	struct lode_process_version *version = host;

	if (lode_swap_resolve(&version->swap, answer, symbol) == 0)
		return 0;
	return lode_process_resolve_(version->process_, answer, symbol);
}

static void *map(struct lode_process *process, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at != MAP_FAILED)
		return at;
	lode_process_trouble_(process, LODE_PROCESS_SYSTEM, errno);
	return NULL;
}

static int begin(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects,
	struct lode_diag *why)
{
	struct lode_link_options options = {.host = &version->host_, .page_size = PROCESS_PAGE,
		.flags = LODE_LINK_EH_FRAME,
		.machine = LODE_EM_X86_64};
	size_t bytes = 0;
	int status;

	for (uint32_t i = 0; i < objects->count; i++)
		bytes += objects->all[i].size;
	version->memory_size_ = LODE_LINK_MEMORY(bytes) + (64 << 20);
	version->memory_ = map(process, version->memory_size_);
	if (!version->memory_)
		return lode_process_fail_(why);
	options.memory = version->memory_;
	options.memory_size = version->memory_size_;
	version->process_ = process;
	version->host_ = (struct lode_link_host){.host = version, .resolve = resolve, .keep = keep, .tls = tls};
	lode_swap_begin(&version->swap, &process->program_, &version->link);
	status = lode_link_begin(&version->link, &options, why);
	for (uint32_t i = 0; i < objects->count && status == LODE_OK; i++)
		status = lode_link_add(&version->link, objects->all[i].name.at, objects->all[i].bytes, objects->all[i].size, why);
	return status;
}

/* Behind the span a page that nobody may touch, then the record. How large that is at most: a store for every reference. */
static int find_place(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects)
{
	const struct lode_index *index = process->program_.index;
	const struct lode_link *link = &version->link;
	uint64_t size = (link->size + (PROCESS_PAGE - 1)) & ~(uint64_t)(PROCESS_PAGE - 1), room = 2 * PROCESS_PAGE;

	size = size > 0 ? size : PROCESS_PAGE;
	for (uint32_t i = 0; i < objects->count; i++)
		room += objects->all[i].size + objects->all[i].name.size + 64;
	room += (index->nsites + index->nsymbols + link->nrelocations) * sizeof(struct process_record_store);
	for (const struct lode_process_version *older = process->newest; older; older = older->older)
		room += older->link.nrelocations * sizeof(struct process_record_store);
	room += version->nanswers_ * sizeof *version->answers_;
	version->span_.size = size;
	version->room_ = (room + PROCESS_PAGE) & ~(uint64_t)(PROCESS_PAGE - 1);
	version->span_.addr = lode_process_gap_(process, size + PROCESS_PAGE + version->room_, link->align, link->low);
	return version->span_.addr != 0 ? 0 : lode_process_trouble_(process, LODE_PROCESS_NO_PLACE, 0);
}

/* What a record says of an earlier one has to be what comes of its objects. */
static int check_place(struct lode_process *process, const struct lode_process_version *version)
{
	const struct lode_link *link = &version->link;
	uint64_t align = link->align > PROCESS_PAGE ? link->align : PROCESS_PAGE;

	if (link->size > version->span_.size || ((align - 1) & version->span_.addr) != 0)
		return lode_process_trouble_(process, LODE_PROCESS_DAMAGED, (int64_t)version->record_.addr);
	return 0;
}

static int place(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects,
	struct lode_diag *why)
{
	struct lode_link_place there;
	int result = version->span_.addr == 0 ? find_place(process, version, objects) : check_place(process, version);

	version->view_size_ = (size_t)version->span_.size;
	if (result == 0)
		version->view_ = map(process, version->view_size_);
	if (!version->view_)
		return lode_process_fail_(why);
	there = (struct lode_link_place){.addr = version->span_.addr, .view = version->view_};
	return lode_link_place(&version->link, &there, why);
}

/* What does not fit the program says more than what comes of it. */
static int plan(struct lode_process_version *version, struct lode_diag *why)
{
	int status = lode_link_plan(&version->link, why);

	if (status == LODE_OK || lode_swap_check(&version->swap, NULL) != LODE_OK)
		status = lode_swap_check(&version->swap, why);
	return status;
}

int lode_process_link_(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects,
	struct lode_diag *why)
{
	int status = begin(process, version, objects, why);

	if (status == LODE_OK)
		status = lode_link_resolve(&version->link, why);
	if (status == LODE_OK)
		status = plan(version, why);
	if (status == LODE_OK)
		status = place(process, version, objects, why);
	if (status == LODE_OK)
		status = lode_link_ifuncs(&version->link, why);
	return status;
}

void lode_process_version_free_(struct lode_process_version *version)
{
	if (version && version->memory_)
		munmap(version->memory_, version->memory_size_);
	if (version && version->view_)
		munmap(version->view_, version->view_size_);
	if (version) {
		free(version->bytes_);
		free(version->names);
		free(version->stores_);
		free(version->answers_);
		lode_process_objects_free_(version->objects_);
	}
	free(version);
}
