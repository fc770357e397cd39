/* SPDX-License-Identifier: MIT */
/* Mappings of this process, at free addresses and in reserved ones -> two subjects of the conformance suite. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lode/posix.h>

#include "subject.h"

struct mappings_state {
	struct lode_mappings mappings;
	struct lode_range span; /* what was asked for, rounded to the host's pages */
	FILE *file;
	char before[SUBJECT_PICTURE]; /* lines of /proc/self/maps that touch the span */
	char beside[SUBJECT_NEIGHBOURS];
};

static struct lode_mappings reserved; /* between choose and open */

void subject_picture(char *text, const struct lode_range *span)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4352], prot[5];
	uint64_t first, end, limit = span->addr + span->size;
	size_t used = 0;

	*text = 0;
	while (maps && fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &first, &end, prot) != 3 || first >= limit || end <= span->addr)
			continue;
		used += (size_t)snprintf(text + used, SUBJECT_PICTURE - used, "%" PRIx64 "-%" PRIx64 " %s\n",
			first < span->addr ? span->addr : first, end > limit ? limit : end, prot);
		if (used >= SUBJECT_PICTURE)
			abort();
	}
	if (maps)
		fclose(maps);
}

void subject_neighbours(char *text, const struct lode_range *span)
{
	const uint64_t size = 1 << 20;
	struct lode_range side = {span->addr > size ? span->addr - size : 0, 0};

	side.size = span->addr - side.addr;
	subject_picture(text, &side);
	side = (struct lode_range){span->addr + span->size, size};
	subject_picture(text + strlen(text), &side);
}

/** Free addresses: those of a mapping that was there a moment ago. */
bool subject_choose_free(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low)
{
	uint64_t from = low ? 0x10000000 : UINT64_C(0x10000000) << 16 * (sizeof(void *) == 8);

	(void)subject;
	for (; from < UINTPTR_MAX / 4 * 3; from += span->align + 0x1000000) {
		void *want = (void *)(uintptr_t)(from + (span->range.addr - from) % span->align);
		void *got =
			mmap(want, (size_t)span->range.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (got != MAP_FAILED)
			munmap(got, (size_t)span->range.size);
		*base = (uintptr_t)got;
		if (got == want)
			return true;
	}
	return false;
}

static bool choose_reserved(struct subject *subject, uint64_t *base, const struct lode_span *span, bool low)
{
	(void)subject;
	(void)low;
	if (reserved.reserved.size)
		lode_mappings_release(&reserved);
	return lode_mappings_reserve(&reserved, base, span) == LODE_OK;
}

static struct lode_space open_mappings(struct subject *subject, const struct lode_plan *plan, const struct mkelf_out *file)
{
	struct mappings_state *state = calloc(1, sizeof *state);

	if (!state)
		abort();
	state->mappings = reserved;
	memset(&reserved, 0, sizeof reserved);
	state->span = plan->span;
	state->file = tmpfile();
	if (!state->file || fwrite(file->bytes, 1, file->size, state->file) != file->size || fflush(state->file) != 0)
		abort();
	state->mappings.fd = fileno(state->file);
	subject_picture(state->before, &plan->span);
	subject_neighbours(state->beside, &plan->span);
	subject->state = state;
	return lode_mappings_space(&state->mappings);
}

static bool same(struct subject *subject)
{
	struct mappings_state *state = subject->state;
	static char now[SUBJECT_PICTURE];

	subject_picture(now, &state->span);
	return strcmp(now, state->before) == 0;
}

static bool same_beside(struct subject *subject, const struct lode_range *span)
{
	const struct mappings_state *state = subject->state;
	static char now[SUBJECT_NEIGHBOURS];

	subject_neighbours(now, span);
	return strcmp(now, state->beside) == 0;
}

static int shown_prot(uint64_t addr)
{
	const struct lode_range page = {addr, 1};
	static char text[SUBJECT_PICTURE];
	const char *letters;
	int prot;

	subject_picture(text, &page);
	letters = strchr(text, ' ');
	if (!letters)
		return 0;
	prot = letters[1] == 'r' ? (int)LODE_PF_R : 0;
	prot |= letters[2] == 'w' ? (int)LODE_PF_W : 0;
	return prot | (letters[3] == 'x' ? (int)LODE_PF_X : 0);
}

/** qemu-user takes neighbours that differ in nothing but execution for one mapping, and shows the first one's permissions. */
static bool hides_execution(void)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool hidden;

	if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_READ | PROT_EXEC) != 0)
		return false;
	hidden = shown_prot((uintptr_t)pages + 4096) == (int)LODE_PF_R;
	munmap(pages, 8192);
	return hidden;
}

int subject_prot(struct subject *subject, uint64_t addr)
{
	static int hides = -1;

	if (hides < 0) {
		hides = hides_execution();
		if (hides)
			printf("permission to execute is not shown by this machine's /proc and not compared\n");
	}
	subject->hidden = hides ? LODE_PF_X : 0;
	return shown_prot(addr) & ~(int)subject->hidden;
}

void subject_look(struct subject *subject, uint64_t addr, void *bytes, size_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), first = addr / page * page;

	(void)subject;
	if (mprotect((void *)(uintptr_t)first, (size_t)(addr + size - first), PROT_READ) != 0)
		memset(bytes, 0xee, size);
	else
		memcpy(bytes, (const void *)(uintptr_t)addr, size);
}

static void close_mappings(struct subject *subject)
{
	struct mappings_state *state = subject->state;

	lode_mappings_release(&state->mappings);
	fclose(state->file);
	free(state);
	subject->state = NULL;
}

struct subject subject_mappings = {
	.name = "mappings",
	.shares = true,
	.choose = subject_choose_free,
	.open = open_mappings,
	.same = same,
	.same_beside = same_beside,
	.prot = subject_prot,
	.look = subject_look,
	.close = close_mappings,
};

struct subject subject_reserved_mappings = {
	.name = "reserved mappings",
	.shares = true,
	.anywhere = true,
	.choose = choose_reserved,
	.open = open_mappings,
	.same = same,
	.same_beside = same_beside,
	.prot = subject_prot,
	.look = subject_look,
	.close = close_mappings,
};
