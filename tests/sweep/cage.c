/* SPDX-License-Identifier: MIT */
/* cage [-p FILE] [-m] SECONDS DIR FD PROGRAM ARGS -> PROGRAM run in namespaces of its own (processes, network, System V
 * IPC, mounts: all read-only but DIR and /tmp, which are empty), killed with all it started after SECONDS. FD gets its wait
 * status, or -1 if the time was up. -p: standard input is a pipe with FILE's bytes. -m: PROGRAM is run from a copy in
 * memory (memfd_create, fexecve). Exit status 125: there are no such namespaces here. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { NO_CAGE = 125 };

static const char *piped;
static bool from_memory;
static volatile sig_atomic_t time_is_up;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "cage: %s: %s\n", what, strerror(errno));
	_exit(NO_CAGE);
}

/* Bytes of a file to a descriptor, as far as somebody takes them. */
static void copy(const char *path, int to)
{
	static char buf[1 << 16];
	int from = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (from < 0)
		fail(path);
	while ((n = read(from, buf, sizeof buf)) > 0)
		for (ssize_t done = 0, m; done < n; done += m)
			if ((m = write(to, buf + done, (size_t)(n - done))) <= 0)
				break;
	close(from);
}

/* The writer is outside of the namespace, so that process numbers are the same with and without it. */
static void feed(void)
{
	int ends[2];

	if (pipe(ends))
		fail("pipe");
	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		close(ends[0]);
		signal(SIGPIPE, SIG_DFL);
		copy(piped, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], 0);
	close(ends[0]);
}

static void map_id(const char *file, unsigned id)
{
	char line[64];
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	sprintf(line, "%u %u 1", id, id);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		fail(file);
	close(fd);
}

static void enter(void)
{
	unsigned uid = geteuid(), gid = getegid();
	int flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS;
	int fd;

	if (uid == 0) {
		if (unshare(flags))
			fail("unshare");
		return;
	}
	if (unshare(flags | CLONE_NEWUSER))
		fail("unshare");
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "deny", 4) < 0)
		fail("setgroups");
	close(fd);
	map_id("/proc/self/uid_map", uid);
	map_id("/proc/self/gid_map", gid);
}

static void mount_all(const char *dir)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail("private mounts");
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) && geteuid() == 0)
		fail("read-only root");
	if (mount("proc", "/proc", "proc", 0, NULL))
		fail("/proc");
	if (mount("tmp", "/tmp", "tmpfs", 0, "mode=1777") || mount("dir", dir, "tmpfs", 0, "mode=755"))
		fail("tmpfs");
}

static void become(char **argv)
{
	const struct rlimit none = {0, 0};
	int fd;

	setsid();
	setrlimit(RLIMIT_CORE, &none);
	if (from_memory) {
		fd = memfd_create("program", MFD_CLOEXEC);
		copy(argv[0], fd);
		fexecve(fd, argv, environ);
	} else {
		execv(argv[0], argv);
	}
	fprintf(stderr, "cage: %s: %s\n", argv[0], strerror(errno));
	_exit(NO_CAGE + 1);
}

static void on_alarm(int signal)
{
	(void)signal;
	time_is_up = 1;
}

/* Process 1 of the namespace: when it ends, all others do. */
static void guard(unsigned seconds, const char *dir, int report, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm};
	int status = -1;
	pid_t program, ended;

	mount_all(dir);
	if (chdir(dir))
		fail(dir);
	program = fork();
	if (program < 0)
		fail("fork");
	if (program == 0) {
		close(report);
		become(argv);
	}
	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
	do {
		ended = wait(&status);
	} while (ended != program && !time_is_up && !(ended < 0 && errno == ECHILD));
	dprintf(report, "%d\n", ended == program ? status : -1);
	_exit(0);
}

int main(int argc, char **argv)
{
	int status = 0, option;
	pid_t first;

	while ((option = getopt(argc, argv, "+p:m")) != -1) {
		if (option == 'p')
			piped = optarg;
		else if (option == 'm')
			from_memory = true;
		else
			return 2;
	}
	if (argc - optind < 4)
		return 2;
	argv += optind;
	if (piped)
		feed();
	enter();
	first = fork();
	if (first < 0)
		fail("fork");
	if (first == 0)
		guard((unsigned)atoi(argv[0]), argv[1], atoi(argv[2]), argv + 3);
	while (waitpid(first, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : NO_CAGE;
}
