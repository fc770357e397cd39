/* SPDX-License-Identifier: MIT */
/* Page tables for 1 GiB -> a table: this library's, and one walk from the root for each page, as loaders do it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lode/paging.h>

#include "times.h"

enum { ROUNDS = 51, FRAMES = 1100 };
#define BASE UINT64_C(0x100000000)
#define GIB UINT64_C(0x40000000)

/* (volatile: what is called through a pointer is not known when the loops are compiled) */
static int (*volatile alloc_callback)(void *host, uint64_t *frame, uint64_t size);
static void *(*volatile pointer_callback)(void *host, uint64_t frame);
static unsigned char (*memory)[4096];
static uint32_t used;

static int take(void *host, uint64_t *frame, uint64_t size)
{
	(void)host;
	if (size != 4096 || used == FRAMES)
		return -1;
	*frame = (uint64_t)used++ * 4096;
	return 0;
}

static void give(void *host, uint64_t frame, uint64_t size)
{
	(void)host;
	(void)frame;
	(void)size;
}

static void *look(void *host, uint64_t frame)
{
	(void)host;
	return memory[frame / 4096];
}

static struct lode_paging tables(void)
{
	struct lode_paging paging = {.format = LODE_PAGING_X86_64,
		.features = LODE_PAGING_NX | LODE_PAGING_1G,
		.phys_bits = 40,
		.alloc = alloc_callback,
		.free = give,
		.pointer = pointer_callback};

	used = 0;
	if (lode_paging_init(&paging, NULL) != LODE_OK)
		exit(1);
	return paging;
}

/*
 * The other way: for each page down from the root, a table where there is none, the entry if it is free. Once written out for
 * this one host, as fast as such a loop gets, and once through the callbacks that a writer for all hosts needs.
 */

static uint64_t *next_table(uint64_t *entry)
{
	uint64_t frame;

	if (!(*entry & 1)) {
		if (take(NULL, &frame, 4096) != 0)
			exit(1);
		memset(look(NULL, frame), 0, 4096);
		*entry = frame | 3;
	}
	return look(NULL, *entry & UINT64_C(0xffffffffff000));
}

static void map_page(const struct lode_paging *paging, uint64_t addr, uint64_t value, int level)
{
	uint64_t *table = look(NULL, paging->root);

	for (int shift = 39; shift > 12 + 9 * level; shift -= 9)
		table = next_table(&table[addr >> shift & 511]);
	table += addr >> (12 + 9 * level) & 511;
	if (*table)
		exit(1);
	*table = value;
}

static uint64_t *called_table(const struct lode_paging *paging, uint64_t *entry)
{
	uint64_t frame;

	if (!(*entry & 1)) {
		if (paging->alloc(paging->host, &frame, 4096) != 0)
			return NULL;
		memset(paging->pointer(paging->host, frame), 0, 4096);
		*entry = frame | 3;
	}
	return paging->pointer(paging->host, *entry & UINT64_C(0xffffffffff000));
}

static void map_page_by_calls(const struct lode_paging *paging, uint64_t addr, uint64_t value, int level)
{
	uint64_t *table = paging->pointer(paging->host, paging->root);

	for (int shift = 39; table && shift > 12 + 9 * level; shift -= 9)
		table = called_table(paging, &table[addr >> shift & 511]);
	if (!table || table[addr >> (12 + 9 * level) & 511])
		exit(1);
	table[addr >> (12 + 9 * level) & 511] = value;
}

static double by_walks(uint64_t page, int level, void (*map)(const struct lode_paging *, uint64_t, uint64_t, int))
{
	struct lode_paging paging = tables();
	const uint64_t flags = (level ? 0x83 : 3) | UINT64_C(1) << 63;
	double begin = us_of(CLOCK_THREAD_CPUTIME_ID);

	if (map == map_page)
		for (uint64_t at = 0; at < GIB; at += page)
			map_page(&paging, BASE + at, (GIB + at) | flags, level);
	else
		for (uint64_t at = 0; at < GIB; at += page)
			map_page_by_calls(&paging, BASE + at, (GIB + at) | flags, level);
	return us_of(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static double by_lode(uint64_t max_page)
{
	struct lode_paging paging = tables();
	const struct lode_mapping mapping = {BASE, GIB, GIB, LODE_PF_R | LODE_PF_W};
	double begin = us_of(CLOCK_THREAD_CPUTIME_ID);

	if (lode_paging_map(&paging, &mapping, max_page, NULL) != LODE_OK)
		exit(1);
	return us_of(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static double by_unmap(uint64_t max_page)
{
	struct lode_paging paging = tables();
	const struct lode_mapping mapping = {BASE, GIB, GIB, LODE_PF_R | LODE_PF_W};
	const struct lode_range range = {BASE, GIB};
	double begin;

	if (lode_paging_map(&paging, &mapping, max_page, NULL) != LODE_OK)
		exit(1);
	begin = us_of(CLOCK_THREAD_CPUTIME_ID);
	if (lode_paging_unmap(&paging, &range, NULL) != LODE_OK)
		exit(1);
	return us_of(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static double by_protect(uint64_t max_page)
{
	struct lode_paging paging = tables();
	const struct lode_mapping mapping = {BASE, GIB, GIB, LODE_PF_R | LODE_PF_W};
	const struct lode_range range = {BASE, GIB};
	double begin;

	if (lode_paging_map(&paging, &mapping, max_page, NULL) != LODE_OK)
		exit(1);
	begin = us_of(CLOCK_THREAD_CPUTIME_ID);
	if (lode_paging_protect(&paging, &range, LODE_PF_R, NULL) != LODE_OK)
		exit(1);
	return us_of(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static const struct size {
	const char *name;
	uint64_t page;
	int level;
} sizes[] = {{"4 KiB", 0x1000, 0}, {"2 MiB", 0x200000, 1}, {"as fits", 0, 2}};

static double bench_size(const struct size *size, double small)
{
	static double walks[ROUNDS], calls[ROUNDS], maps[ROUNDS], protects[ROUNDS], unmaps[ROUNDS];
	const uint64_t page = size->page ? size->page : GIB;
	double walk, call, map;

	for (int round = 0; round < ROUNDS; round++) {
		walks[round] = by_walks(page, size->level, map_page);
		calls[round] = by_walks(page, size->level, map_page_by_calls);
		maps[round] = by_lode(size->page);
		protects[round] = by_protect(size->page);
		unmaps[round] = by_unmap(size->page);
	}
	walk = median_of(walks, ROUNDS), call = median_of(calls, ROUNDS), map = median_of(maps, ROUNDS);
	printf("  %-8s %10.2f %10.2f %10.2f %9.1f %9.1f %11.0f %10.2f %10.2f\n", size->name, walk, call, map, walk / map,
		call / map, (small > 0 ? small : call) / map, median_of(protects, ROUNDS), median_of(unmaps, ROUNDS));
	return call;
}

int main(void)
{
	double small = 0;

	alloc_callback = take;
	pointer_callback = look;
	memory = aligned_alloc(4096, (size_t)FRAMES * 4096);
	if (memory == NULL)
		return 1;
	memset(memory, 0, (size_t)FRAMES * 4096);
	printf("Page tables for 1 GiB, x86-64: processor time in us, medians of %d, interleaved. A walk from the root for each "
		"page, written\n"
		"for this host (a) and through a host's callbacks (b), against lode_paging_map; (c) is (b) with small pages\n\n",
		ROUNDS);
	printf("  %-8s %10s %10s %10s %9s %9s %11s %10s %10s\n", "pages", "walks (a)", "walks (b)", "map", "a / map", "b / map",
		"c / map", "protect", "unmap");
	for (int i = 0; i < 3; i++) {
		double call = bench_size(&sizes[i], small);

		small = small > 0 ? small : call;
	}
	printf("\n");
	return 0;
}
