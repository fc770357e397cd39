/* SPDX-License-Identifier: MIT */
/* The command line -> the verb that does the work; --help, --version and misuse are answered here. */
#include "cli.h"
#include <string.h>

static const struct verb verbs[] = {
	{"run", "find out what FILE is and do the right thing with it", cmd_run},
	{"boot", "boot a kernel file in a virtual machine", cmd_boot},
	{"show", "what a loader will do with FILE", cmd_show},
	{"check", "what is wrong or unwise in FILE, for whom, and how to mend it", cmd_check},
	{"exec", "replace this process by a program, without execve", cmd_exec},
	{"link", "link object files in memory and run their main", cmd_link},
	{"index", "write what is needed to replace code of PROG while it runs", cmd_index},
	{"swap", "replace objects of a program that runs, in another process", cmd_swap},
};
enum { NVERBS = sizeof verbs / sizeof *verbs };

static const struct verb *find_verb(const char *name)
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
		"\nExit status: 0 done, 1 refused or failed, 2 misuse; exec, link, run and boot pass on the program's own.\n",
		stream);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static bool is_version(const char *word)
{
	return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0;
}

/* A letter too many or too few, another one, or two that changed places. */
static bool nearly(const char *a, const char *b)
{
	size_t x, y;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	for (x = strlen(a), y = strlen(b); x > 0 && y > 0 && a[x - 1] == b[y - 1]; x--)
		y--;
	return (x <= 1 && y <= 1) || (x == 2 && y == 2 && a[0] == b[1] && a[1] == b[0]);
}

/* A word that is neither verb nor option. */
static int unknown(const char *word)
{
	const char *meant = NULL;
	char safe[64];

	escape_bytes(safe, sizeof safe, word, strlen(word));
	for (size_t i = 0; i < NVERBS && !meant; i++)
		meant = nearly(word, verbs[i].name) ? verbs[i].name : NULL;
	if (meant)
		fprintf(stderr, "lode: no verb '%s', did you mean '%s'? See lode --help\n", safe, meant);
	else
		fprintf(stderr, "lode: %s '%s'; see lode --help\n", word[0] == '-' ? "unknown option" : "no verb", safe);
	return EXIT_MISUSE;
}

static int help(int argc, char **argv)
{
	const struct verb *verb;
	char option[] = "--help";

	if (argc < 2 || is_help(argv[1])) {
		print_help(stdout);
		return EXIT_DONE;
	}
	verb = find_verb(argv[1]);
	if (!verb)
		return unknown(argv[1]);
	return verb->run(2, (char *[]){argv[1], option, NULL});
}

/* Output that did not reach its reader (a full disk) must not end in status 0. */
static int finish(int status, int unwritten)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	complain(NULL, "standard output: %m");
	return status == EXIT_DONE ? unwritten : status;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_MISUSE;
	}
	if (is_help(argv[1]))
		return finish(help(argc - 1, argv + 1), EXIT_FAILED);
	if (is_version(argv[1])) {
		puts("lode " LODE_VERSION);
		return finish(EXIT_DONE, EXIT_FAILED);
	}
	verb = find_verb(argv[1]);
	if (!verb)
		return unknown(argv[1]);
	/* Programs that these two become have the descriptors that lode was given. */
	if (verb->run != cmd_exec && verb->run != cmd_run)
		open_standard();
	/* Of check EXIT_FAILED is a verdict. */
	return finish(verb->run(argc - 1, argv + 1), verb->run == cmd_check ? EXIT_UNREADABLE : EXIT_FAILED);
}
