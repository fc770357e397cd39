/* SPDX-License-Identifier: MIT */
/* Process 1 of the machine in which KVM is tested: loads the modules of /modules, runs the commands of /commands, prints each one's
 * status on the second serial port, powers off. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 256, LINE = 8192 };

static void mount_all(void)
{
	static const char *const kinds[][2] = {{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		mkdir(kinds[i][1], 0755);
		if (mount(kinds[i][0], kinds[i][1], kinds[i][0], 0, NULL) && i)
			perror(kinds[i][1]);
	}
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		perror(path);
	if (fd >= 0)
		close(fd);
}

static void exec_words(char *line)
{
	char *words[WORDS];
	int n = 0;

	for (char *word = strtok(line, "\t"); word && n < WORDS - 1; word = strtok(NULL, "\t"))
		words[n++] = word;
	words[n] = NULL;
	if (n)
		execv(words[0], words);
	perror(line);
	_exit(127);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A line is a command, its words separated by tabs. */
static void run(char *line)
{
	double begun = now();
	int status = 0;
	pid_t child;

	printf("@begin %s\n", line);
	fflush(stdout);
	child = fork();
	if (child == 0)
		exec_words(line);
	while (waitpid(child, &status, 0) != child)
		;
	printf("\n@end %d %.2f\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), now() - begun);
	fflush(stdout);
}

static void each_line(const char *path, void (*function)(char *line))
{
	FILE *file = fopen(path, "re");
	char line[LINE];

	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		function(line);
	}
	if (file)
		fclose(file);
}

static void one_module(char *line)
{
	load_module(line);
}

int main(void)
{
	int out;

	mount_all();
	setenv("PATH", "/usr/bin:/bin", 1);
	out = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (out >= 0) {
		dup2(out, 1);
		dup2(out, 2);
	}
	printf("@ready\n");
	fflush(stdout);
	each_line("/modules", one_module);
	each_line("/commands", run);
	printf("@done\n");
	fflush(stdout);
	sync();
	sleep(1);
	reboot(RB_POWER_OFF);
	return 0;
}
