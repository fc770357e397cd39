/* SPDX-License-Identifier: MIT */
/* The first line of a script, as Linux takes it apart. */
#ifndef LODE_CLI_SCRIPT_H
#define LODE_CLI_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* What the kernel reads of a first line, and how many scripts in a row it starts. */
enum { SCRIPT_HEAD = 256, SCRIPT_DEPTH = 5 };

struct script {
	char name[SCRIPT_HEAD];     /* the interpreter's, "": none that the kernel would take */
	char argument[SCRIPT_HEAD]; /* "": none */
	bool cut;                   /* there is none because it does not end within what is read */
};

/* From the first bytes of a file, SCRIPT_HEAD of them if there are so many. False: it is no script. */
bool script_read(struct script *script, const unsigned char *head, size_t have);

#endif
