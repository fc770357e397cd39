/* SPDX-License-Identifier: MIT */
/* Names of objects come in, copies of their bytes go out. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARCHIVE_MAGIC = 7 };

/* A copy: a file that is written anew must not change under what is being linked. NULL: errno. */
static void *read_whole(size_t *size, int fd)
{
	struct stat st;
	char *bytes = NULL;
	size_t done = 0;
	ssize_t got = 1;

	if (fstat(fd, &st) != 0)
		return NULL;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (S_ISREG(st.st_mode))
		bytes = malloc((size_t)st.st_size + 1);
	while (bytes && got > 0 && done < (size_t)st.st_size) {
		got = read(fd, bytes + done, (size_t)st.st_size - done);
		done += got > 0 ? (size_t)got : 0;
	}
	if (bytes && got < 0) {
		free(bytes);
		return NULL;
	}
	*size = done;
	return bytes;
}

int lode_process_object_read_(struct lode_process *process, struct process_object *object, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	process->file = name;
	object->name.at = strdup(name);
	object->name.size = strlen(name) + 1;
	if (fd >= 0) {
		object->bytes = read_whole(&object->size, fd);
		close(fd);
	}
	if (!object->bytes || !object->name.at)
		return lode_process_trouble_(process, LODE_PROCESS_OBJECT, errno);
	if (object->size >= ARCHIVE_MAGIC && memcmp(object->bytes, "!<arch>", ARCHIVE_MAGIC) == 0)
		return lode_process_trouble_(process, LODE_PROCESS_ARCHIVE, 0);
	return 0;
}

void lode_process_objects_free_(struct process_objects *objects)
{
	for (uint32_t i = 0; objects && i < objects->count; i++) {
		free((void *)(uintptr_t)objects->all[i].bytes);
		free((char *)(uintptr_t)objects->all[i].name.at);
	}
	if (objects)
		free(objects->all);
	free(objects);
}
