/* SPDX-License-Identifier: MIT */
/* hotreload SOURCE [FRAMES]: calls step(), and whenever SOURCE is saved compiles it and puts it in the place of what runs. */
#define _GNU_SOURCE
#include "bounce.h"
#include <lode/live.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lode_live_program self;

static int complain(const char *what, const struct lode_diag *why)
{
	char line[512];

	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "%s: %.*s %s\n", what, (int)self.account.datum.size, self.account.datum.at ? self.account.datum.at : "",
		why->rule == LODE_RULE_NONE ? strerror(self.error) : line);
	return 1;
}

/* 0 if the compiler was content; it has said why otherwise. */
static int compile(const char *source, const char *object)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		execlp("cc", "cc", "-O2", "-fdata-sections", "-c", source, "-o", object, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static int reload(const char *source)
{
	char object[] = "/tmp/hotreload-XXXXXX";
	int fd = mkstemp(object), status = -1;
	struct lode_diag why = {.status = LODE_OK};

	if (fd < 0)
		return -1;
	close(fd);
	if (compile(source, object) == 0) {
		status = lode_live_replace(&self, object, LODE_SWAP_IDLE, &why);
		if (status != LODE_OK)
			complain(source, &why);
		else
			fprintf(stderr, "%s: %u variables kept, %u new, %u references, %.0f us\n", source, self.account.nkept,
				self.account.nnew, self.account.nsites, (double)self.stopped_ns / 1000);
	}
	unlink(object);
	return status;
}

/* Editors write a file anew, or another one in its place. */
static int was_saved(const char *source)
{
	static struct stat last;
	struct stat st;
	int changed;

	if (stat(source, &st) != 0 || st.st_size == 0)
		return 0;
	changed = last.st_ino != 0 && (st.st_ino != last.st_ino || st.st_mtim.tv_sec != last.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != last.st_mtim.tv_nsec);
	last = st;
	return changed;
}

int main(int argc, char **argv)
{
	long frames = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
	struct lode_diag why = {.status = LODE_OK};

	if (argc < 2) {
		fputs("usage: hotreload SOURCE [FRAMES]\n", stderr);
		return 2;
	}
	if (lode_live_self(&self, NULL, &why) != LODE_OK)
		return complain(argv[0], &why);
	for (; frames != 0; frames -= frames > 0) {
		if (was_saved(argv[1]))
			reload(argv[1]);
		step();
		usleep(50000);
	}
	return 0;
}
