/* SPDX-License-Identifier: MIT */
/* A process comes in; its threads and what each is doing go out. Ref: proc(5) /proc/PID/task. */
#define _GNU_SOURCE
#include "process.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char lode_process_task_state_(const struct lode_process *process, pid_t tid)
{
	char path[64], text[512], *end;
	ssize_t size;
	int fd;

	snprintf(path, sizeof path, "task/%d/stat", tid);
	fd = openat(process->dir_, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof text - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

bool lode_process_task_ended_(const struct lode_process *process, pid_t tid)
{
	char state = lode_process_task_state_(process, tid);

	return state == 0 || state == 'Z' || state == 'X';
}

DIR *lode_process_tasks_open_(const struct lode_process *process)
{
	int fd = openat(process->dir_, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !tasks)
		close(fd);
	return tasks;
}

pid_t lode_process_task_in_state_(const struct lode_process *process, DIR *tasks, char state)
{
	struct dirent *entry;

	rewinddir(tasks);
	while ((entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && lode_process_task_state_(process, tid) == state)
			return tid;
	}
	return 0;
}

/* One that waits in a system call is best: it is in the middle of nothing (a restartable sequence would not notice that it was). */
pid_t lode_process_waiting_task_(const struct lode_process *process)
{
	DIR *tasks = lode_process_tasks_open_(process);
	struct dirent *entry;
	pid_t any = 0;

	while (tasks && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		char state = tid > 0 ? lode_process_task_state_(process, tid) : 0;

		if (state == 'S') {
			any = tid;
			break;
		}
		if (state == 'R' || state == 'T' || (state == 'D' && any == 0))
			any = tid;
	}
	if (tasks)
		closedir(tasks);
	return any;
}
