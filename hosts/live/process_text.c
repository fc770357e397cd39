/* SPDX-License-Identifier: MIT */
/* The name of a file of /proc comes in, all of its text goes out: how long a line of it is, the process has a say in. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 8192, FIRST_ROOM = 16384, LARGEST_TEXT = 1 << 30 };

static char *grow(char *text, size_t *room)
{
	char *larger = NULL;

	if (*room >= LARGEST_TEXT)
		errno = EFBIG;
	else
		larger = realloc(text, *room = 2 * *room + FIRST_ROOM);
	if (!larger)
		free(text);
	return larger;
}

static char *read_text(int fd)
{
	size_t size = 0, room = 0;
	char *text = NULL;
	ssize_t got;

	do {
		if (room - size < PIECE)
			text = grow(text, &room);
		if (!text)
			return NULL;
		got = read(fd, text + size, room - size - 1);
		size += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	text[size] = '\0';
	if (got == 0)
		return text;
	free(text);
	return NULL;
}

char *lode_process_text_(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), error;
	char *text;

	if (fd < 0)
		return NULL;
	text = read_text(fd);
	error = errno;
	close(fd);
	errno = error;
	return text;
}

const char *lode_process_line_(const char *text, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, length) == 0 && line[length] == ':')
			return line + length + 1;
	}
	return NULL;
}

bool lode_process_number_(uint64_t *value, const char *text, const char *field, int base)
{
	const char *line = lode_process_line_(text, field);
	char *end = NULL;

	if (line)
		*value = strtoull(line, &end, base);
	return end != line;
}
