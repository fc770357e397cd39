/* SPDX-License-Identifier: MIT */
/* /proc/PID/maps comes in; mappings in ascending order go out, and gaps between them that are near the program. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
enum { ACCESS = 4 };
#define USER_END ((UINT64_C(1) << 47) - PROCESS_PAGE)

/* 55d0-55d4 r-xp 00001000 fd:01 1234   /usr/bin/name */
static bool parse(struct process_map *map, char *line)
{
	char *access, *at;

	map->begin = strtoull(line, &at, 16);
	if (*at != '-')
		return false;
	map->end = strtoull(at + 1, &at, 16);
	access = at + 1;
	if (*at != ' ' || strnlen(access, ACCESS + 1) <= ACCESS || map->end <= map->begin)
		return false;
	map->offset = strtoull(access + ACCESS, &at, 16);
	at += *at == ' ';
	at += strcspn(at, " "); /* the device: inodes alone tell files apart well enough */
	map->inode = strtoull(at, &at, 10);
	map->read = access[0] == 'r';
	map->write = access[1] == 'w';
	map->execute = access[2] == 'x';
	map->private_ = access[3] == 'p';
	map->name = at + strspn(at, " ");
	return true;
}

static uint32_t count_lines(const char *text)
{
	uint32_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

void lode_process_maps_free_(struct process_maps *maps)
{
	if (maps) {
		free(maps->all);
		free(maps->text);
	}
	free(maps);
}

static struct process_maps *parse_all(char *text)
{
	struct process_maps *maps = calloc(1, sizeof *maps);
	char *line = text, *end;

	if (!maps) {
		free(text);
		return NULL;
	}
	maps->text = text;
	maps->all = calloc(count_lines(text) + 1, sizeof *maps->all);
	for (; maps->all && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (parse(&maps->all[maps->count], line))
			maps->count++;
	}
	return maps;
}

int lode_process_maps_read_(struct lode_process *process)
{
	char *text = lode_process_text_(process->dir_, "maps");
	struct process_maps *maps;

	if (!text)
		return lode_process_trouble_(process, errno == ESRCH ? LODE_PROCESS_DIED : LODE_PROCESS_SYSTEM, errno);
	maps = parse_all(text);
	if (!maps || maps->count == 0) {
		lode_process_maps_free_(maps);
		return lode_process_trouble_(process, LODE_PROCESS_DIED, 0);
	}
	lode_process_maps_free_(process->maps_);
	process->maps_ = maps;
	return 0;
}

const struct process_map *lode_process_map_at_(const struct process_maps *maps, uint64_t addr)
{
	uint32_t low = 0, high = maps->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (maps->all[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count && addr >= maps->all[low].begin ? &maps->all[low] : NULL;
}

struct wish {
	uint64_t size, align;
	uint64_t low, high; /* within these */
	uint64_t best_at;   /* as near to here as can be */
};

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The place in a gap that is nearest to where it is wanted, or 0. */
static uint64_t fit(const struct wish *wish, uint64_t begin, uint64_t end)
{
	uint64_t at;

	begin = begin > wish->low ? begin : wish->low;
	end = end < wish->high ? end : wish->high;
	begin = (begin + (wish->align - 1)) & ~(wish->align - 1);
	if (begin >= end || end - begin < wish->size)
		return 0;
	at = wish->best_at & ~(wish->align - 1);
	if (at < begin)
		return begin;
	return at <= end - wish->size ? at : (end - wish->size) & ~(wish->align - 1);
}

static uint64_t search(const struct process_maps *maps, const struct wish *wish)
{
	uint64_t best = 0, begin = MIB;

	for (uint32_t i = 0; i <= maps->count; i++) {
		uint64_t end = i < maps->count ? maps->all[i].begin : USER_END, at = fit(wish, begin, end);

		if (at != 0 && (best == 0 || distance(at, wish->best_at) < distance(best, wish->best_at)))
			best = at;
		begin = i < maps->count && maps->all[i].end > begin ? maps->all[i].end : begin;
		/* (Stacks grow downwards, and the heap behind the program upwards: not beside them.) */
		if (i < maps->count && strcmp(maps->all[i].name, "[heap]") == 0)
			begin += 64 * MIB;
	}
	return best;
}

/* Below a program that lies high; above the heap of one that lies at the begin of memory. */
uint64_t lode_process_gap_(const struct lode_process *process, uint64_t size, uint64_t align, bool low)
{
	const struct lode_range own = process_span(process);
	uint64_t begin = own.addr, end = begin + own.size;
	struct wish wish = {.size = size, .align = align > PROCESS_PAGE ? align : PROCESS_PAGE};
	const uint64_t reach = 2 * GIB - 64 * MIB;

	wish.low = end > reach ? end - reach : MIB;
	wish.high = begin + reach < USER_END ? begin + reach : USER_END;
	wish.best_at = begin > 4 * GIB ? begin - 64 * MIB - size : end + GIB / 2;
	if (low && wish.high > 2 * GIB - MIB)
		wish.high = 2 * GIB - MIB;
	return process->maps_ ? search(process->maps_, &wish) : 0;
}
