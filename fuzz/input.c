/* SPDX-License-Identifier: MIT */
/* Bytes as a FILE argument of the command: archive members, bzImages and packed files are taken apart; what comes out lies
 * in what went in or in memory of its own, and nothing is left open. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../cli/input.h"
#include "fuzz.h"

enum { MEMBERS = 40 };

/* Every byte that a source claims can be read at its ends. */
static void check_source(const struct input *input)
{
	unsigned char byte;
	uint64_t size = input->source.size;

	if (size > 0)
		HOLDS(input_exact(input, &byte, 0, 1) && input_exact(input, &byte, size - 1, 1));
	HOLDS(!input_exact(input, &byte, size, 1));
	HOLDS(input_peek(input, &byte, size, 1) == 0);
}

static void take_member(const char *path, const struct archive_member *member)
{
	struct input input = {.name = path, .fd = -1};

	if (input_path(&input, path) == 0 && archive_take(&input, path, member->name) == 0)
		check_source(&input);
	input_close(&input);
}

static void walk_archive(const char *path, uint64_t size)
{
	struct input input = {.name = path, .fd = -1};
	struct archive_walk walk;
	struct archive_member member;
	uint64_t last = 0;

	if (input_path(&input, path) == 0 && archive_begin(&walk, &input)) {
		for (int i = 0; i < MEMBERS && archive_next(&member, &walk) > 0; i++) {
			HOLDS(walk.next > last && memchr(member.name, '\0', sizeof member.name) != NULL);
			HOLDS(member.thin || (member.size <= size && member.offset <= size - member.size));
			last = walk.next;
			if (!member.table && !member.thin && i < 4)
				take_member(path, &member);
		}
	}
	input_close(&input);
}

static void open_file(const char *path, uint32_t flags)
{
	struct input input;

	if (input_open(&input, path, flags) == 0)
		check_source(&input);
	else
		HOLDS(input.error[0] != '\0' && memchr(input.error, '\0', sizeof input.error) != NULL);
	HOLDS(memchr(input.peeled, '\0', sizeof input.peeled) != NULL);
	input_close(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	char path[32];
	int spare, lowest;

	if (fd < 0)
		fd = memfd_create("input", 0);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	lowest = dup(fd);
	close(lowest);
	open_file(path, 0);
	open_file(path, INPUT_RAW);
	walk_archive(path, size);
	spare = dup(fd);
	HOLDS(spare == lowest);
	close(spare);
	return 0;
}
