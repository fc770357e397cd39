/* SPDX-License-Identifier: MIT */
/* The command line -> the verb that does the work; --help, --version and misuse are answered here. */
#include "cli.h"
#include <string.h>

static const struct lode_verb verbs[] = {
	{"run", "find out what FILE is and do the right thing with it", lode_cmd_run},
	{"boot", "boot a kernel file in a virtual machine", lode_cmd_boot},
	{"show", "what a loader will do with FILE", lode_cmd_show},
	{"check", "what is wrong or unwise in FILE, for whom, and how to mend it", lode_cmd_check},
	{"exec", "replace this process by a program, without execve", lode_cmd_exec},
};
enum { NVERBS = sizeof verbs / sizeof *verbs };

static const struct lode_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static void print_help(FILE *stream)
{
	fputs("usage: lode VERB [OPTIONS] FILE [ARGS]\n"
	      "Lode loads ELF images and starts them.\n\nverbs:\n", stream);
	for (size_t i = 0; i < NVERBS; i++)
		fprintf(stream, "  %-7s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n  lode VERB --help    options of a verb\n"
	      "  lode --version      version\n"
	      "\nExit status: 0 done, 1 refused or failed, 2 misuse; exec and run pass on the program's own.\n", stream);
}

static int misuse(const char *what, const char *name)
{
	char word[64];

	lode_escape(word, sizeof word, name, strlen(name));
	fprintf(stderr, "lode: %s '%s'; see lode --help\n", what, word);
	return LODE_EXIT_MISUSE;
}

static int help(int argc, char **argv)
{
	const struct lode_verb *verb;
	char option[] = "--help";

	if (argc < 2) {
		print_help(stdout);
		return LODE_EXIT_DONE;
	}
	verb = find_verb(argv[1]);
	if (verb == NULL)
		return misuse("no verb", argv[1]);
	return verb->run(2, (char *[]){argv[1], option, NULL});
}

/* Output that did not reach its reader (a full disk) must not end in status 0. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	lode_error(NULL, "standard output: %m");
	return status == LODE_EXIT_DONE ? LODE_EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	const struct lode_verb *verb;

	if (argc < 2) {
		print_help(stderr);
		return LODE_EXIT_MISUSE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return finish(help(argc - 1, argv + 1));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("lode " LODE_VERSION);
		return finish(LODE_EXIT_DONE);
	}
	verb = find_verb(argv[1]);
	if (verb == NULL)
		return misuse(argv[1][0] == '-' ? "unknown option" : "no verb", argv[1]);
	return finish(verb->run(argc - 1, argv + 1));
}
