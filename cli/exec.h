/* SPDX-License-Identifier: MIT */
/* What `lode exec` offers to other verbs: to become a program, with the wishes of the command line. */
#ifndef LODE_CLI_EXEC_H
#define LODE_CLI_EXEC_H

#include <lode/exec.h>

/* Exit status of a program that was not run, as of a shell. */
enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* Zero-initialised: the program by its path, with this process's environment. */
struct launch {
	const char *argv0;       /* NULL: as found in argv */
	const char *const *envp; /* NULL: environ */
	uint32_t flags;          /* LODE_EXEC_NO_ASLR, LODE_EXEC_OWN_EXE, LODE_EXEC_NO_SETID */
	uint64_t stack_size;
	bool trace;
	bool quiet;              /* what differs from execve is not said, not even on a terminal */
	bool by_fd;              /* the program is descriptor fd; argv[0] is only its name */
	bool no_search;          /* argv[0] is a path even without a slash */
	int fd;
};

/* Become argv[0] with argv. Does not return if that succeeds; otherwise the error was printed and the result is the exit status. */
int launch_program(const struct launch *launch, char **argv);

#endif
