/* SPDX-License-Identifier: MIT */
/* `lode index PROG`: what a program's file says about itself, small enough to be kept when the program is stripped. */
#include "cli.h"
#include "kind.h"
#include <errno.h>
#include <lode/live.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT = 1, VERBOSE };

static const struct option options[] = {
	{OUTPUT, 'o', "output", "FILE", "write the index to FILE; otherwise to PROG.lode"},
	{VERBOSE, 'v', "verbose", NULL, "say on stderr what is in it"},
};

static const struct command command = {
	.name = "index",
	.synopsis = "[OPTIONS] PROG",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.summary = "Writes what is needed to replace code of a program while it runs, so that it can be stripped.",
	.more = "The program was linked with -Wl,--emit-relocs (-Wl,-q) and has its symbol table.\n"
		"It finds PROG.lode beside itself, and so does `lode swap`.",
};

static int complain_of(const char *name, const struct lode_live_index *index, const struct lode_diag *why)
{
	char line[TEXT_MOST];
	struct kind kind;

	if (why->rule == LODE_RULE_NONE) {
		complain(name, "%s", strerror(index->error));
		return EXIT_FAILED;
	}
	if (kind_of_refused(&kind, name, why->rule)) {
		complain(name, "%s%s: programs have an index [%s]", kind.article, kind.words, lode_rule_name(why->rule));
		return EXIT_FAILED;
	}
	diag_text(line, why, false);
	complain(name, "%s", line);
	return EXIT_FAILED;
}

/* What stands under the index's name would be lost: an index may go, and what is empty. */
static int check_output(const char *program, const char *name)
{
	static const char *const begins[] = {"LODEIDX\n"};
	struct stat own, other;

	if (stat(name, &other) != 0)
		return EXIT_DONE;
	if (stat(program, &own) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino)
		complain(name, "is the program itself: the index needs another name");
	else if (!S_ISREG(other.st_mode))
		complain(name, "is no regular file");
	else if (!output_may_replace(name, begins, 1))
		complain(name, "is no index: the index does not take its place");
	else
		return EXIT_DONE;
	return EXIT_FAILED;
}

/* Under another name first, so that nobody reads half of it. */
static int write_file(const char *name, const void *bytes, size_t size)
{
	char *other = NULL;
	ssize_t put = 1;
	size_t at = 0;
	int fd, error;

	if (asprintf(&other, "%s.XXXXXX", name) < 0)
		return ENOMEM;
	signal(SIGXFSZ, SIG_IGN); /* a limit for files is an error of write */
	fd = mkstemp(other);
	if (fd < 0) {
		error = errno;
		free(other);
		return error;
	}
	for (; at < size && put > 0; at += (size_t)put)
		put = write(fd, (const char *)bytes + at, size - at);
	error = put < 0 || fchmod(fd, 0644) != 0 ? errno : 0;
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0 && rename(other, name) != 0)
		error = errno;
	if (error != 0)
		unlink(other);
	free(other);
	return error;
}

static int write_index(const struct lode_live_index *index, const char *name)
{
	size_t size = lode_index_write(NULL, 0, &index->index);
	void *bytes = malloc(size);
	int error = bytes ? 0 : ENOMEM;

	if (bytes) {
		lode_index_write(bytes, size, &index->index);
		error = write_file(name, bytes, size);
	}
	free(bytes);
	if (error == 0)
		return EXIT_DONE;
	complain(name, "%s", strerror(error));
	return EXIT_FAILED;
}

static void tell(const struct lode_index *index)
{
	fprintf(stderr, "lode: %u symbols of %u source files, %llu references, %llu left out\n", index->nsymbols, index->nunits,
		(unsigned long long)index->nsites, (unsigned long long)index->nlost);
	if (index->types.ntypes > 0)
		fprintf(stderr, "lode: %u types\n", index->types.ntypes);
	else
		fprintf(stderr, "lode: no types: the program was not compiled with -g, or they are in other files or compressed\n");
}

static int index_to(const char *output, const char *program, bool verbose)
{
	struct lode_diag why = {.status = LODE_OK};
	struct lode_live_index index;
	int status = check_output(program, output);

	if (status != EXIT_DONE)
		return status;
	if (lode_live_index_make(&index, program, &why) == LODE_OK)
		status = write_index(&index, output);
	else
		status = complain_of(program, &index, &why);
	if (verbose && status == EXIT_DONE)
		tell(&index.index);
	lode_live_index_end(&index);
	return status;
}

static int index_program(const char *program, const char *output, bool verbose)
{
	char *beside = NULL;
	int status;

	if (output)
		return index_to(output, program, verbose);
	if (asprintf(&beside, "%s.lode", program) < 0) {
		complain(program, "%s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	status = index_to(beside, program, verbose);
	free(beside);
	return status;
}

int cmd_index(int argc, char **argv)
{
	const char *output = NULL;
	bool verbose = false;
	struct options walk;
	int option;

	options_begin(&walk, &command, argc, argv);
	while ((option = options_next(&walk)) > 0) {
		if (option == OUTPUT)
			output = walk.value;
		else
			verbose = true;
	}
	if (option == OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands != 1)
		return misuse(&command, walk.noperands == 0 ? "a program is missing" : "one program at a time");
	return index_program(walk.operands[0], output, verbose);
}
