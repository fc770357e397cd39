/* SPDX-License-Identifier: MIT */
/* A replacement that is planned comes in, the bytes of its record go out; its state in the process is changed later. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(struct process_record) == 80, "no holes, so that other versions of this program find the same");
_Static_assert(sizeof(struct process_record_store) == 32, "no holes");

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

static uint64_t size_of(const struct lode_process_version *version, const struct process_objects *objects)
{
	const struct lode_swap *swap = &version->swap;
	uint64_t size = sizeof(struct process_record) + (uint64_t)swap->nstores * sizeof(struct process_record_store);

	size += version->nanswers_ * sizeof *version->answers_;
	for (uint32_t i = 0; i < objects->count; i++)
		size += sizeof(struct process_record_object) + padded(objects->all[i].name.size) + padded(objects->all[i].size);
	return size;
}

static void write_stores(unsigned char *at, const struct lode_swap *swap)
{
	for (uint32_t i = 0; i < swap->nstores; i++) {
		const struct lode_store *store = &swap->stores[i];
		struct process_record_store out = {.addr = store->addr, .width = store->width, .data = store->data};

		memcpy(out.before, store->before, sizeof out.before);
		memcpy(out.after, store->after, sizeof out.after);
		memcpy(at + i * sizeof out, &out, sizeof out);
	}
}

static unsigned char *write_bytes(unsigned char *at, const void *bytes, size_t size)
{
	if (size > 0)
		memcpy(at, bytes, size);
	return at + padded(size);
}

static void write_objects(unsigned char *at, const struct process_objects *objects)
{
	for (uint32_t i = 0; i < objects->count; i++) {
		const struct process_object *object = &objects->all[i];
		struct process_record_object out = {.name_size = object->name.size, .size = object->size};

		at = write_bytes(at, &out, sizeof out);
		at = write_bytes(at, object->name.at, object->name.size);
		at = write_bytes(at, object->bytes, object->size);
	}
}

bool lode_process_record_fits_(const struct lode_process *process, uint64_t size)
{
	uint64_t left = PROCESS_RECORDS;

	for (const struct lode_process_version *version = process->newest; version; version = version->older) {
		uint64_t taken = version->record_.size > PROCESS_RECORD_LEAST ? version->record_.size : PROCESS_RECORD_LEAST;

		left = left > taken ? left - taken : 0;
	}
	return size <= left && left >= PROCESS_RECORD_LEAST;
}

int lode_process_record_make_(struct lode_process *process, struct lode_process_version *version,
	const struct process_objects *objects)
{
	const struct lode_swap *swap = &version->swap;
	struct process_record head = {.magic = PROCESS_NAME, .format = PROCESS_FORMAT, .state = LODE_PROCESS_PLANNED};
	unsigned char *at;

	head.serial = version->serial;
	head.size = size_of(version, objects);
	head.time = version->time;
	head.span_addr = version->span_.addr;
	head.span_size = version->span_.size;
	head.nstores = swap->nstores;
	head.nanswers = version->nanswers_;
	head.nobjects = objects->count;
	if (version->nanswers_ != version->answer_)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
	if (!lode_process_record_fits_(process, head.size))
		return lode_process_trouble_(process, LODE_PROCESS_FULL, 0);
	if (head.size > version->room_)
		return lode_process_trouble_(process, LODE_PROCESS_NO_PLACE, 0);
	version->record_ = (struct lode_range){.addr = version->span_.addr + version->span_.size + PROCESS_PAGE, .size = head.size};
	version->bytes_ = calloc(1, (size_t)head.size);
	if (!version->bytes_)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
	at = write_bytes(version->bytes_, &head, sizeof head);
	write_stores(at, swap);
	at = write_bytes(at + swap->nstores * sizeof(struct process_record_store), version->answers_,
		version->nanswers_ * sizeof *version->answers_);
	write_objects(at, objects);
	return 0;
}

/* Fewer stores may have been made than were planned: entries that were in use are left out, and width 0 says so. */
static int write_done(struct lode_process *process, struct lode_process_version *version)
{
	const struct lode_swap *swap = &version->swap;
	unsigned char *stores = version->bytes_ + sizeof(struct process_record);
	struct process_record head;
	size_t size;

	memcpy(&head, version->bytes_, sizeof head);
	if (head.nstores == swap->nstores || head.state == LODE_PROCESS_COMMITTED)
		return 0;
	size = head.nstores * sizeof(struct process_record_store);
	memset(stores, 0, size);
	write_stores(stores, swap);
	return lode_process_write_(process, version->record_.addr + sizeof head, stores, size);
}

int lode_process_record_state_(struct lode_process *process, struct lode_process_version *version, enum lode_process_state state)
{
	uint32_t word = state;

	if (state == LODE_PROCESS_COMMITTED && write_done(process, version) != 0)
		return -1;
	if (lode_process_write_(process, version->record_.addr + offsetof(struct process_record, state), &word, sizeof word) != 0)
		return -1;
	memcpy(version->bytes_ + offsetof(struct process_record, state), &word, sizeof word);
	version->state = state;
	return 0;
}
