/* SPDX-License-Identifier: MIT */
/* `lode link OBJ|ARCHIVE... -- ARGS`: links object files into this process and runs their main. */
#include "cli.h"
#include "kind.h"
#include "link_library.h"
#include "undefined.h"
#include <dlfcn.h>
#include <errno.h>
#include <lode/live.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern char **environ;

enum { ENTRY = 1, DIRECTORY, GDB, LIBRARY, MAP, PERF, VERBOSE };

static const struct option options[] = {
	{ENTRY, 'e', "entry", "NAME", "the function that is called; otherwise main"},
	{LIBRARY, 'l', NULL, "NAME", "load libNAME.so, or take libNAME.a; NAME itself if it has a dot"},
	{DIRECTORY, 'L', NULL, "DIR", "look for libraries in DIR before the system's places (repeatable)"},
	{GDB, 0, "gdb", NULL, "let debuggers see the objects and their lines"},
	{PERF, 0, "perf", NULL, "write names for profilers into /tmp/perf-PID.map"},
	{MAP, 'm', "map", NULL, "print where each section lies, and run nothing"},
	{VERBOSE, 'v', "verbose", NULL, "say on stderr what was linked"},
};

static const struct command command = {
	.name = "link",
	.synopsis = "[OPTIONS] OBJECT|ARCHIVE|LIBRARY... [-- ARGS]",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.summary = "Links object files in memory and runs their main, without writing a program.",
	.more = "Members of archives are taken as they are needed, in any order of the arguments. Symbols of the C library, of\n"
		"libm and of what -l loads are those of this process; libstdc++ and libgcc_s are loaded when they are wanted.",
};

struct job {
	const char *entry;
	bool gdb, map, perf, verbose;
	struct libraries libraries;
	const char **names; /* of -l */
	int nnames;
	char *paths[LODE_LIVE_FILES]; /* of archives that -l stands for: the module quotes them */
	int npaths;
	struct lode_live live;
};

static void put(FILE *stream, const struct lode_link_text *text)
{
	put_characters(stream, text->at, text->size);
}

static void put_input(const struct lode_link_text *file, const struct lode_link_text *member)
{
	put(stderr, file);
	if (member->size > 0) {
		fputc('(', stderr);
		put(stderr, member);
		fputc(')', stderr);
	}
}

static void put_named(const char *before, const struct lode_link_text *text)
{
	if (text->size == 0)
		return;
	fputs(before, stderr);
	put(stderr, text);
}

static void explain_undefined(const struct lode_link *link)
{
	struct lode_link_undefined all[UNDEFINED_MOST], one = {.symbol_ = NULL};

	for (uint32_t i = 0; i < UNDEFINED_MOST && lode_link_next_undefined(&one, link); i++)
		all[i] = one;
	put_undefined(all, link->nundefined);
}

/* lode: FILE(MEMBER): symbol X, section Y: DIAGNOSIS */
static void explain(const struct job *job, const struct lode_diag *why)
{
	const struct lode_link_blame *blame = &job->live.link.blame;
	char line[1024];

	if (why->rule == LODE_RULE_LINK_UNDEFINED) {
		explain_undefined(&job->live.link);
		return;
	}
	fputs("lode: ", stderr);
	if (blame->file.size > 0) {
		put_input(&blame->file, &blame->member);
		fputs(": ", stderr);
	}
	put_named("symbol ", &blame->symbol);
	put_named(blame->symbol.size > 0 ? ", section " : "section ", &blame->section);
	if (blame->other_file.size > 0) {
		fputs(", defined in ", stderr);
		put_input(&blame->other_file, &blame->other_member);
	}
	if (blame->symbol.size > 0 || blame->section.size > 0)
		fputs(": ", stderr);
	if (why->rule == LODE_RULE_NONE) {
		fprintf(stderr, "%s\n", strerror(job->live.error));
		return;
	}
	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "%s\n", line);
}

static void print_map(const struct job *job)
{
	struct lode_link_piece piece = {.addr = 0};

	while (lode_link_next_piece(&piece, &job->live.link)) {
		printf("%016llx %8llx ", (unsigned long long)piece.addr, (unsigned long long)piece.size);
		put(stdout, &piece.section);
		putchar(' ');
		put(stdout, &piece.file);
		if (piece.member.size > 0) {
			putchar('(');
			put(stdout, &piece.member);
			putchar(')');
		}
		putchar('\n');
	}
}

static void tell(const struct job *job)
{
	const struct lode_link *link = &job->live.link;

	fprintf(stderr, "lode: %u objects, %llu relocations, %llu bytes at 0x%llx\n", link->nunits,
		(unsigned long long)link->nrelocations, (unsigned long long)link->size, (unsigned long long)link->addr);
}

static int run(struct job *job, int argc, char **argv)
{
	struct lode_diag why = {.status = LODE_OK};
	int (*entry)(int, char **, char **);

	entry = (int (*)(int, char **, char **))(uintptr_t)lode_live_symbol(&job->live, job->entry);
	if (!entry) {
		complain(argv[0], "no object defines %s", job->entry);
		return EXIT_FAILED;
	}
	if (lode_live_start(&job->live, &(struct lode_live_arguments){argc, argv, environ}, &why) != LODE_OK) {
		explain(job, &why);
		return EXIT_FAILED;
	}
	exit(entry(argc, argv, environ));
}

static int link_and_run(struct job *job, int argc, char **argv)
{
	struct lode_diag why = {.status = LODE_OK};

	/* If it cannot be had, a program that needs it will say so. */
	dlopen("libm.so.6", RTLD_LAZY | RTLD_GLOBAL);
	if (lode_live_link(&job->live, &why) != LODE_OK) {
		explain(job, &why);
		return EXIT_FAILED;
	}
	if (job->verbose)
		tell(job);
	if (job->map) {
		print_map(job);
		return EXIT_DONE;
	}
	return run(job, argc, argv);
}

static int add_file(struct job *job, const char *name)
{
	if (lode_live_add(&job->live, name) == LODE_OK)
		return 0;
	complain(name, "%s", strerror(job->live.error));
	return -1;
}

/* An archive that -l stands for. */
static int add_archive(void *host, const char *path)
{
	struct job *job = host;
	bool room = job->npaths < LODE_LIVE_FILES;
	char *kept = room ? strdup(path) : NULL;

	if (!kept) {
		complain(path, "%s", strerror(room ? ENOMEM : ENFILE));
		return -1;
	}
	job->paths[job->npaths++] = kept;
	return add_file(job, kept);
}

/* A library or a linker script is what -l makes of it; what is neither of them nor known is left to the linker. */
static int add_operand(struct job *job, const char *name)
{
	struct kind kind = kind_of_file(name);

	switch (kind.id) {
	case KIND_UNKNOWN:
	case KIND_OBJECT:
	case KIND_MODULE:
	case KIND_ARCHIVE: return add_file(job, name);
	case KIND_LIBRARY:
	case KIND_INTERPRETER: return library_load_file(&job->libraries, name);
	default: break;
	}
	if (kind.id == KIND_TEXT && library_is_script(name))
		return library_load_file(&job->libraries, name);
	complain(name, "%s%s: objects, archives and libraries are linked%s", kind.article, kind.words,
		kind.id == KIND_TEXT ? "; cc -c makes an object of a source" : "");
	return -1;
}

static int add_operands(struct job *job, char **names, int count)
{
	struct stat st;

	for (int i = 0; i < count; i++) {
		if (stat(names[i], &st) != 0) {
			complain(names[i], "%s%s", strerror(errno), errno == ENOENT && i > 0
				? "; arguments of the program stand behind --" : "");
			return -1;
		}
		if (add_operand(job, names[i]) != 0)
			return -1;
	}
	return 0;
}

/* -l may stand before the -L that it needs. */
static int add_libraries(struct job *job)
{
	for (int i = 0; i < job->nnames; i++)
		if (library_load(&job->libraries, job->names[i]) != 0)
			return -1;
	return 0;
}

/* The arguments behind "--" are the program's. */
static int own_arguments(int argc, char **argv)
{
	int i = 0;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	return i;
}

/* The program's arguments: its name, which is that of the first file, stands where "--" was. */
static int run_with(struct job *job, char *name, int count, char **separator)
{
	char *alone[] = {name, NULL};

	if (count == 0)
		return link_and_run(job, 1, alone);
	*separator = name;
	return link_and_run(job, count, separator);
}

int link_words(char **words)
{
	static struct job of_words = {.entry = "main"};
	int count = 0;

	while (words[count])
		count++;
	lode_live_begin(&of_words.live, &(struct lode_live_options){.entry = of_words.entry});
	return add_file(&of_words, words[0]) == 0 ? link_and_run(&of_words, count, words) : EXIT_FAILED;
}

/* 0, or the status of misuse. */
static int take_option(struct job *job, int option, const char *value)
{
	switch (option) {
	case ENTRY: job->entry = value; break;
	case GDB: job->gdb = true; break;
	case MAP: job->map = true; break;
	case PERF: job->perf = true; break;
	case VERBOSE: job->verbose = true; break;
	case LIBRARY: job->names[job->nnames++] = value; break;
	case DIRECTORY:
		if (job->libraries.ndirectories == LIBRARY_DIRECTORIES)
			return misuse(&command, "more than %d folders of -L", LIBRARY_DIRECTORIES);
		job->libraries.directories[job->libraries.ndirectories++] = value;
		break;
	default: break;
	}
	return 0;
}

int cmd_link(int argc, char **argv)
{
	static struct job job = {.entry = "main"};
	int own = own_arguments(argc, argv), option, status = 0;
	struct options walk;

	job.names = calloc((size_t)argc + 1, sizeof *job.names);
	if (!job.names) {
		complain(NULL, "%m");
		return EXIT_FAILED;
	}
	options_begin(&walk, &command, own, argv);
	while (status == 0 && (option = options_next(&walk)) > 0)
		status = take_option(&job, option, walk.value);
	if (status != 0)
		return status;
	if (option == OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands == 0)
		return misuse(&command, "an object or archive is missing");
	lode_live_begin(&job.live, &(struct lode_live_options){.entry = job.entry, .gdb = job.gdb, .perf = job.perf});
	job.libraries.archive = add_archive;
	job.libraries.host = &job;
	if (add_operands(&job, walk.operands, walk.noperands) != 0 || add_libraries(&job) != 0)
		return EXIT_FAILED;
	return run_with(&job, walk.operands[0], argc - own, argv + own);
}
