/* SPDX-License-Identifier: MIT */
/* Mappings of a process come in; records of earlier replacements, which anybody may have written there, go out as far as they make
 * sense: their objects are linked again for the places where they are. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool within(uint64_t offset, uint64_t size, uint64_t total)
{
	return size <= total && offset <= total - size;
}

static int damaged(struct lode_process *process, const struct lode_range *record)
{
	lode_process_trouble_(process, LODE_PROCESS_DAMAGED, (int64_t)record->addr);
	return -1;
}

/* Where the answers begin, or 0: the stores do not make sense. */
static uint64_t check_stores(const unsigned char *bytes, const struct process_record *head)
{
	uint64_t size = (uint64_t)head->nstores * sizeof(struct process_record_store);

	if (!within(sizeof *head, size, head->size))
		return 0;
	for (uint32_t i = 0; i < head->nstores; i++) {
		struct process_record_store store;

		memcpy(&store, bytes + sizeof *head + i * sizeof store, sizeof store);
		if (store.width != 0 && store.width != 4 && store.width != 5 && store.width != 8)
			return 0;
	}
	return sizeof *head + size;
}

static bool take(uint64_t *at, uint64_t *offset, uint64_t size, uint64_t total)
{
	*at = *offset;
	if (!within(*offset, size, total))
		return false;
	*offset += size;
	/* (The last one's padding may be missing.) */
	*offset = ((*offset + 7) & ~UINT64_C(7)) < total ? (*offset + 7) & ~UINT64_C(7) : total;
	return true;
}

/* Names end in NUL here: what is refused by them is printed. */
static bool take_object(struct process_object *object, const struct lode_process_version *version, uint64_t *offset, uint64_t total)
{
	struct process_record_object sizes;
	uint64_t at;
	char *name;

	if (!take(&at, offset, sizeof sizes, total))
		return false;
	memcpy(&sizes, version->bytes_ + at, sizeof sizes);
	if (!take(&at, offset, sizes.name_size, total))
		return false;
	name = (char *)version->bytes_ + at;
	object->name = (struct lode_link_text){.at = name, .size = (size_t)sizes.name_size};
	if (!take(&at, offset, sizes.size, total))
		return false;
	object->bytes = version->bytes_ + at;
	object->size = (size_t)sizes.size;
	return sizes.name_size > 0 && name[sizes.name_size - 1] == '\0' && memchr(name, '\0', (size_t)sizes.name_size);
}

static int take_objects(struct lode_process *process, struct process_objects *objects, struct lode_process_version *version,
	const struct process_record *head)
{
	uint64_t offset = check_stores(version->bytes_, head), answers;

	if (offset == 0 || !take(&answers, &offset, (uint64_t)head->nanswers * sizeof *version->answers_, head->size))
		return damaged(process, &version->record_);
	if (head->nobjects == 0 || head->nobjects > (head->size - offset) / sizeof(struct process_record_object))
		return damaged(process, &version->record_);
	objects->all = calloc(head->nobjects, sizeof *objects->all);
	version->names = calloc(head->nobjects, sizeof *version->names);
	version->stores_ = calloc((size_t)head->nstores + 1, sizeof *version->stores_);
	version->answers_ = calloc((size_t)head->nanswers + 1, sizeof *version->answers_);
	if (!objects->all || !version->names || !version->stores_ || !version->answers_)
		return lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
	memcpy(version->answers_, version->bytes_ + answers, head->nanswers * sizeof *version->answers_);
	version->nanswers_ = head->nanswers;
	version->again_ = true;
	for (uint32_t i = 0; i < head->nobjects; i++) {
		if (!take_object(&objects->all[i], version, &offset, head->size))
			return damaged(process, &version->record_);
		version->names[i] = objects->all[i].name;
		version->names[i].size--;
	}
	version->nnames = objects->count = head->nobjects;
	return 0;
}

static uint32_t take_stores(struct lode_process_version *version, const struct process_record *head)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < head->nstores; i++) {
		struct process_record_store in;
		struct lode_store *store = &version->stores_[count];

		memcpy(&in, version->bytes_ + sizeof *head + i * sizeof in, sizeof in);
		if (in.width == 0)
			continue;
		*store = (struct lode_store){.addr = in.addr, .width = (uint8_t)in.width, .data = in.data != 0};
		memcpy(store->before, in.before, sizeof store->before);
		memcpy(store->after, in.after, sizeof store->after);
		count++;
	}
	return count;
}

/* Its stores and names; and, of one that is in use, its code as it was linked. */
static int open_record(struct lode_process *process, struct lode_process_version *version, struct lode_diag *why)
{
	struct process_objects objects = {.count = 0};
	struct process_record head;
	int status = LODE_OK;

	memcpy(&head, version->bytes_, sizeof head);
	if (take_objects(process, &objects, version, &head) != 0) {
		free(objects.all);
		return lode_process_fail_(why);
	}
	if (version->state == LODE_PROCESS_COMMITTED) {
		status = lode_process_link_(process, version, &objects, why);
		/* What went through once does so again, unless somebody changed it. */
		if (status != LODE_OK && status != LODE_ERR_IO) {
			if (lode_process_maps_read_(process) == 0)
				damaged(process, &version->record_);
			status = lode_process_fail_(why);
		}
	}
	free(objects.all);
	if (status != LODE_OK)
		return status;
	if (version->state == LODE_PROCESS_COMMITTED) {
		status = lode_swap_adopt(&version->swap, version->stores_, take_stores(version, &head), why);
		if (status != LODE_OK)
			return status;
		version->older = process->newest;
		process->newest = version;
	} else {
		version->swap.stores = version->stores_;
		version->swap.nstores = take_stores(version, &head);
		process->halfway = version;
	}
	return LODE_OK;
}

/* A mapping that begins as a record does. */
struct found {
	struct process_record head;
	struct lode_range map;
};

static bool find_record(struct lode_process *process, struct found *found, const struct process_map *map)
{
	if (map->inode != 0 || !map->private_ || !map->read || map->write || map->execute)
		return false;
	if (lode_process_read_(process, &found->head, map->begin, sizeof found->head) != 0)
		return false;
	found->map = (struct lode_range){.addr = map->begin, .size = map->end - map->begin};
	return memcmp(found->head.magic, PROCESS_NAME, sizeof PROCESS_NAME) == 0 && found->head.format == PROCESS_FORMAT;
}

static int by_serial(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	return left->head.serial < right->head.serial ? -1 : left->head.serial > right->head.serial;
}

static uint32_t find_records(struct lode_process *process, struct found *found)
{
	const struct process_maps *maps = process->maps_;
	uint32_t count = 0;

	for (uint32_t i = 0; i < maps->count; i++)
		count += find_record(process, &found[count], &maps->all[i]);
	qsort(found, count, sizeof *found, by_serial);
	return count;
}

static bool is_of_interest(const struct process_record *head)
{
	return head->state == LODE_PROCESS_COMMITTED || head->state == LODE_PROCESS_CHANGING;
}

/* Before any room is made for it; nothing of it is further from the program than a displacement reaches. */
static bool makes_sense(const struct lode_process *process, const struct found *found)
{
	const struct process_record *head = &found->head;

	return head->size >= sizeof *head && head->size <= found->map.size && lode_process_record_fits_(process, head->size) &&
		head->span_size <= UINT32_MAX / 2 && head->span_addr <= UINT64_MAX - head->span_size;
}

static struct lode_process_version *read_record(struct lode_process *process, const struct found *found)
{
	struct lode_process_version *version = calloc(1, sizeof *version);
	const struct process_record *head = &found->head;

	if (version)
		version->bytes_ = malloc((size_t)head->size);
	if (!version || !version->bytes_) {
		lode_process_version_free_(version);
		lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
		return NULL;
	}
	if (lode_process_read_(process, version->bytes_, found->map.addr, (size_t)head->size) != 0) {
		lode_process_version_free_(version);
		damaged(process, &found->map);
		return NULL;
	}
	memcpy(version->bytes_, head, sizeof *head);
	version->serial = head->serial;
	version->state = (enum lode_process_state)head->state;
	version->time = head->time;
	version->record_ = (struct lode_range){.addr = found->map.addr, .size = head->size};
	version->span_ = (struct lode_range){.addr = head->span_addr, .size = head->span_size};
	return version;
}

static int take_record(struct lode_process *process, const struct found *found, struct lode_diag *why)
{
	struct lode_process_version *version;
	int status;

	if (!makes_sense(process, found)) {
		damaged(process, &found->map);
		return lode_process_fail_(why);
	}
	version = read_record(process, found);
	if (!version)
		return lode_process_fail_(why);
	status = open_record(process, version, why);
	if (process->newest != version && process->halfway != version)
		lode_process_version_free_(version);
	return status;
}

int lode_process_records_read_(struct lode_process *process, struct lode_diag *why)
{
	struct found *found = calloc((size_t)process->maps_->count + 1, sizeof *found);
	int status = LODE_OK;
	uint32_t count;

	if (!found) {
		lode_process_trouble_(process, LODE_PROCESS_SYSTEM, ENOMEM);
		return lode_process_fail_(why);
	}
	count = find_records(process, found);
	if (count > 0)
		process->nversions = found[count - 1].head.serial;
	for (uint32_t i = 0; i < count && status == LODE_OK && !process->halfway; i++)
		if (is_of_interest(&found[i].head))
			status = take_record(process, &found[i], why);
	free(found);
	return status;
}

void lode_process_records_free_(struct lode_process *process)
{
	while (process->newest) {
		struct lode_process_version *version = process->newest;

		process->newest = version->older;
		lode_process_version_free_(version);
	}
	lode_process_version_free_(process->halfway);
	process->halfway = NULL;
}
