/* SPDX-License-Identifier: MIT */
/* A FILE argument -> a source of bytes: regular files through a small cache of pread blocks, everything else spooled
 * into memory. */
#include "input.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blocks are found by their number modulo NBLOCKS: tables that are walked side by side (symbols, strings, versions)
 * rarely collide. */
enum { BLOCK = 32768, NBLOCKS = 32 };

struct input_cache {
	uint64_t number[NBLOCKS]; /* block number + 1, 0: empty */
	size_t size[NBLOCKS];     /* bytes read, less than BLOCK at the end of the file */
	unsigned char bytes[NBLOCKS][BLOCK];
};

int input_fail(struct input *input, int errnum, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(input->error, sizeof input->error, format, args);
	va_end(args);
	input->errnum = errnum;
	return -1;
}

void input_note(struct input *input, const char *format, ...)
{
	size_t length = strlen(input->peeled);
	va_list args;

	if (length > 0 && length + 2 < sizeof input->peeled) {
		memcpy(input->peeled + length, ", ", 3);
		length += 2;
	}
	va_start(args, format);
	vsnprintf(input->peeled + length, sizeof input->peeled - length, format, args);
	va_end(args);
}

/* As many bytes as there are, up to size. */
static ssize_t read_at(int fd, unsigned char *dst, size_t size, uint64_t offset)
{
	size_t done = 0;

	if (offset > INT64_MAX)
		return 0;
	while (done < size) {
		ssize_t got = pread(fd, dst + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

size_t input_head(void *dst, size_t size, const char *path)
{
	struct stat st;
	ssize_t got;
	int fd, errnum;

	if (stat(path, &st) != 0)
		return 0;
	errno = 0;
	/* To open a device is to do something to it. */
	if (!S_ISREG(st.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	errno = 0;
	got = read_at(fd, dst, size, 0);
	errnum = errno;
	close(fd);
	errno = errnum;
	return got < 0 ? 0 : (size_t)got;
}

/* The block's bytes behind `skip`, or NULL if it cannot be read. */
static const unsigned char *cached(const struct input *input, uint64_t number, size_t skip, size_t *left)
{
	struct input_cache *cache = input->cache;
	size_t slot = (size_t)(number % NBLOCKS);

	if (cache->number[slot] != number + 1) {
		ssize_t got = read_at(input->fd, cache->bytes[slot], BLOCK, number * BLOCK);

		cache->number[slot] = 0;
		if (got < 0)
			return NULL;
		cache->number[slot] = number + 1;
		cache->size[slot] = (size_t)got;
	}
	if (skip >= cache->size[slot])
		return NULL;
	*left = cache->size[slot] - skip;
	return cache->bytes[slot] + skip;
}

static int read_cached(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct input *input = host;
	unsigned char *to = dst;

	offset += input->window;
	if (size >= BLOCK)
		return read_at(input->fd, to, size, offset) == (ssize_t)size ? 0 : -1;
	while (size > 0) {
		size_t left = 0;
		const unsigned char *from = cached(input, offset / BLOCK, (size_t)(offset % BLOCK), &left);

		if (!from)
			return -1;
		if (left > size)
			left = size;
		memcpy(to, from, left);
		to += left;
		offset += left;
		size -= left;
	}
	return 0;
}

bool input_exact(const struct input *input, void *dst, uint64_t offset, size_t size)
{
	return lode_source_read(dst, &input->source, offset, size, NULL) == LODE_OK;
}

size_t input_peek(const struct input *input, void *dst, uint64_t offset, size_t size)
{
	if (offset >= input->source.size)
		return 0;
	if (size > input->source.size - offset)
		size = (size_t)(input->source.size - offset);
	return input_exact(input, dst, offset, size) ? size : 0;
}

unsigned char *output_room(struct output *output, size_t want, size_t *got)
{
	if (output->size == output->room) {
		size_t room = output->room < INPUT_PIECE ? INPUT_PIECE : output->room * 2;
		unsigned char *bytes;

		if (room > output->limit)
			room = output->limit;
		if (room == output->room)
			return NULL;
		bytes = realloc(output->bytes, room);
		if (!bytes)
			return NULL;
		output->bytes = bytes;
		output->room = room;
	}
	*got = output->room - output->size;
	if (*got > want)
		*got = want;
	return output->bytes + output->size;
}

static int spool(struct input *input)
{
	/* One byte more than is taken, to tell "just fits" from "too much". */
	struct output output = {.limit = (size_t)SPOOL_LIMIT + 1};
	ssize_t got = 0;

	do {
		size_t room = 0;
		unsigned char *to = output_room(&output, SIZE_MAX, &room);

		if (!to)
			break;
		do
			got = read(input->fd, to, room);
		while (got < 0 && errno == EINTR);
		if (got > 0)
			output.size += (size_t)got;
	} while (got > 0);
	input->memory = output.bytes;
	if (output.size > SPOOL_LIMIT)
		return input_fail(input, EFBIG, "more than %llu MiB come out of it; copy it into a file",
			(unsigned long long)(SPOOL_LIMIT >> 20));
	if (!output.bytes || (output.size == output.room && output.room < output.limit))
		return input_fail(input, ENOMEM, "no memory for its bytes");
	if (got < 0)
		return input_fail(input, errno, "%s", strerror(errno));
	input->file_size = input->own_size = output.size;
	input->source = (struct lode_source){.bytes = output.bytes, .size = output.size};
	return 0;
}

static int use_descriptor(struct input *input)
{
	struct stat st;

	if (fstat(input->fd, &st) != 0)
		return input_fail(input, errno, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return input_fail(input, EISDIR, "is a directory");
	/* Files of /proc and /sys say size 0 and have bytes all the same. */
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return spool(input);
	input->cache = calloc(1, sizeof *input->cache);
	if (!input->cache)
		return input_fail(input, ENOMEM, "no memory");
	input->file_size = input->own_size = (uint64_t)st.st_size;
	input->source = (struct lode_source){.size = input->file_size, .read = read_cached, .host = input};
	return 0;
}

/* The descriptor, or -1 with errno, becomes the input's. */
static int take_descriptor(struct input *input, int fd)
{
	if (input->fd >= 0)
		close(input->fd);
	input->fd = fd;
	if (fd < 0)
		return input_fail(input, errno, "%s", strerror(errno));
	free(input->cache);
	input->cache = NULL;
	return 0;
}

int input_path(struct input *input, const char *path)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return take_descriptor(input, fd) == 0 ? use_descriptor(input) : -1;
}

int input_regular(struct input *input, const char *path, const char *otherwise)
{
	struct stat st;

	if (take_descriptor(input, open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) != 0)
		return -1;
	if (fstat(input->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return input_fail(input, 0, "%s", otherwise);
	return use_descriptor(input);
}

/* "lib.a:member.o" where no file of the whole name exists: the last colon that leaves the name of a file. */
static int open_member(struct input *input)
{
	size_t length = strlen(input->name);
	char *path = malloc(length + 1);
	int status = -1;

	if (!path)
		return input_fail(input, ENOMEM, "no memory");
	memcpy(path, input->name, length + 1);
	for (char *colon; status != 0 && (colon = strrchr(path, ':'));) {
		*colon = '\0';
		if (access(path, F_OK) != 0)
			continue;
		/* That there is no file of the whole name is no error any more. */
		input->error[0] = '\0';
		input->errnum = 0;
		status = input_path(input, path);
		if (status == 0)
			status = archive_take(input, path, input->name + (colon - path) + 1);
		break;
	}
	free(path);
	return status;
}

int input_open(struct input *input, const char *name, uint32_t flags)
{
	int status;

	*input = (struct input){.name = name, .fd = -1};
	if (strcmp(name, "-") == 0)
		input->name = INPUT_NAME;
	status = input_path(input, name);
	if (status != 0 && (input->errnum == ENOENT || input->errnum == ENOTDIR) && strchr(name, ':'))
		status = open_member(input);
	if (status == 0 && !(flags & INPUT_RAW))
		status = input_unpack(input);
	return status;
}

void input_close(struct input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	free(input->memory);
	free(input->cache);
	input->fd = -1;
	input->memory = NULL;
	input->cache = NULL;
}
