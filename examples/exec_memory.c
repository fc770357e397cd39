/* SPDX-License-Identifier: MIT */
/* A program on standard input -> this process running it, from memory: no file is executed, none is written.
 *
 *	exec_memory NAME [ARGS] <program
 */
#include <lode/exec.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Standard input to its end; *size is set. NULL with errno set if it cannot be read. */
static unsigned char *read_all(size_t *size)
{
	size_t room = 1 << 16, used = 0;
	unsigned char *bytes = malloc(room), *more;
	ssize_t n = 0;

	while (bytes && (n = read(0, bytes + used, room - used)) > 0) {
		used += (size_t)n;
		if (used < room)
			continue;
		room *= 2;
		more = realloc(bytes, room);
		if (!more)
			free(bytes);
		bytes = more;
	}
	if (bytes && n == 0) {
		*size = used;
		return bytes;
	}
	free(bytes);
	return NULL;
}

/* One line: what was refused, why, and where in the program if the program is to blame. */
static void explain(const char *name, const struct lode_exec_error *why)
{
	char detail[512] = "";

	if (why->diag.rule != LODE_RULE_NONE)
		lode_diag_format(detail, sizeof detail, &why->diag);
	else if (why->reason)
		snprintf(detail, sizeof detail, "%s", why->reason);
	fprintf(stderr, "exec_memory: %s: %s: %s%s%s\n", why->file[0] ? why->file : name, lode_exec_step_name(why->step),
		lode_exec_errno_text(why->error), *detail ? ": " : "", detail);
}

int main(int argc, char **argv)
{
	struct lode_exec_request request = {.from = LODE_EXEC_MEMORY};
	struct lode_exec_error why;
	struct lode_exec exec;
	size_t size = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: exec_memory NAME [ARGS] <program\n");
		return 2;
	}
	request.bytes = read_all(&size);
	if (!request.bytes) {
		fprintf(stderr, "exec_memory: standard input: %s\n", strerror(errno));
		return 1;
	}
	request.size = size;
	request.path = argv[1];
	request.argv = (const char *const *)(argv + 1);
	request.envp = (const char *const *)environ;

	/* Everything that can fail happens in prepare; after it, this program could still go on or cancel. */
	if (lode_exec_prepare(&exec, &request, &why) == 0)
		lode_exec_commit(&exec, &why);
	explain(argv[1], &why);
	return why.error == ENOENT ? 127 : 126;
}
