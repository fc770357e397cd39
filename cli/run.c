/* SPDX-License-Identifier: MIT */
/* `lode run FILE [ARGS]`: finds out what FILE is; programs and scripts are started, everything else is named. */
#include "exec.h"
#include "input.h"
#include "kind.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERBOSE = 1 };

#define NO_PATH "a script of /bin/sh needs a path, to be given to it: sh -s reads one from standard input"

static const struct option options[] = {
	{VERBOSE, 'v', "verbose", NULL, "say on stderr what FILE is, and each step of starting it"},
};

static const struct command command = {
	.name = "run",
	.synopsis = "[OPTIONS] FILE [ARGS]",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.summary = "Finds out what FILE is and does the right thing with it.",
	.more = "Programs and scripts take the place of this process, as `lode exec` starts them. Kernels, objects,\n"
		"libraries, archives and cores are recognised and named; running those is still to come.",
	.in_order = true,
};

/* What is to be done with a kind of file, and what is said where nothing can be done yet. */
static const struct {
	bool exec;
	const char *missing;
} jobs[] = {
	[KIND_UNKNOWN] = {false, "nothing here knows how to run it"},
	[KIND_EMPTY] = {false, "there is nothing in it to run"},
	[KIND_TEXT] = {false, "it may not be executed; chmod +x makes it a script of /bin/sh, or of what its #! names"},
	[KIND_SCRIPT] = {true, NULL},
	[KIND_ARCHIVE] = {false, "linking and running archives is not there yet; `lode show` lists its members"},
	[KIND_PE] = {false, "lode runs ELF files"},
	[KIND_FLAT] = {false, "booting kernels is not there yet"},
	[KIND_FOREIGN] = {false, "lode runs ELF files"},
	[KIND_BZIMAGE] = {false, "booting kernels is not there yet; `lode show` and `lode check` read it"},
	[KIND_PACKED] = {false, "unpack it first; `lode show` looks inside"},
	[KIND_PROGRAM] = {true, NULL},
	[KIND_STATIC] = {true, NULL},
	[KIND_STATIC_PIE] = {true, NULL},
	[KIND_INTERPRETER] = {true, NULL},
	[KIND_LIBRARY] = {false, "a library runs as part of a program; `lode show` explains it"},
	[KIND_KERNEL] = {false, "booting kernels is not there yet; `lode show` and `lode check` read it"},
	[KIND_OBJECT] = {false, "linking and running objects is not there yet; `lode show` reads it"},
	[KIND_MODULE] = {false, "loading kernel modules is not there yet; `lode show` reads it"},
	[KIND_CORE] = {false, "a core is what is left of a program: nothing can run it; `lode show` reads it"},
	[KIND_DEBUG] = {false, "its code is in the file that it was taken from"},
	[KIND_ELF] = {false, "nothing here knows how to run it"},
};

/* Libraries that are programs too (libc.so.6, ld.so) have an interpreter or need nothing. */
static bool runs(const struct file *file, const struct kind *kind)
{
	return jobs[kind->id].exec || (kind->id == KIND_LIBRARY && lode_segment_find(&file->image, LODE_PT_INTERP) != NULL);
}

/* Packed bytes are named with what is in them. A program among them stays what it is: packed. */
static void look_inside(struct kind *kind, const char *name)
{
	struct file file;
	struct kind inside;
	char words[sizeof kind->words];

	if (file_open(&file, name, 0) == 0) {
		inside = kind_of_image(&file);
		snprintf(words, sizeof words, "%.40s with a %.100s in it", kind->words, inside.words);
		if (!runs(&file, &inside))
			kind->id = inside.id;
		memcpy(kind->words, words, sizeof words);
	}
	file_close(&file);
}

static bool is_input(const char *name)
{
	return strcmp(name, "-") == 0;
}

/* One line, unless it is started and that is not to be told. */
static void say(const char *name, const struct kind *kind, bool start, bool verbose)
{
	bool no_path = kind->id == KIND_TEXT && strcmp(name, INPUT_NAME) == 0;

	if (!start)
		complain(name, "%s: %s", kind->words, no_path ? NO_PATH : jobs[kind->id].missing);
	else if (verbose)
		complain(name, "%s", kind->words);
}

/* What could not be opened as ELF: true if it is to be started all the same. */
static bool judge_other(const struct file *file, const char *name, bool verbose)
{
	struct kind kind;
	bool start;

	if (file->input.error[0] != '\0') {
		complain(file->input.name, "%s", file->input.error);
		return false;
	}
	kind = kind_of_bytes(&file->input.source);
	if (file->why.rule != LODE_RULE_HEADER_MAGIC && (file->why.rule != LODE_RULE_HEADER_TRUNCATED || kind.id == KIND_UNKNOWN)) {
		file_error(file);
		return false;
	}
	if (kind.id == KIND_PACKED)
		look_inside(&kind, name);
	/* Text that may be executed, and be it empty, is a script of /bin/sh, as shells have it. */
	start = jobs[kind.id].exec;
	if (kind.id == KIND_TEXT || kind.id == KIND_EMPTY)
		start = !is_input(name) && access(name, X_OK) == 0;
	say(file->input.name, &kind, start, verbose);
	return start;
}

/* True: start it. False: it was named on stderr, as it is of itself if verbose. */
static bool judge(const char *name, bool verbose)
{
	struct file file;
	struct kind kind;
	bool start;

	if (file_open(&file, name, INPUT_RAW) != 0) {
		start = judge_other(&file, name, verbose);
	} else {
		kind = kind_of_image(&file);
		start = runs(&file, &kind);
		say(file.input.name, &kind, start, verbose);
	}
	file_close(&file);
	return start;
}

/* What stands in a pipe now, without taking it out; 0: nothing can be said. */
static size_t look_ahead(void *head, size_t size)
{
	ssize_t got = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return 0;
	if (tee(STDIN_FILENO, ends[1], size, 0) > 0)
		got = read(ends[0], head, size);
	close(ends[0]);
	close(ends[1]);
	return got > 0 ? (size_t)got : 0;
}

/* Standard input: a file is judged like any other, of a pipe the first bytes are, of which some may be on their way. What begins as
 * a program is left to exec.
 */
static bool judge_input(bool verbose)
{
	unsigned char head[INPUT_HEAD];
	struct lode_source source = {.bytes = head};
	struct kind kind;
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return judge("-", verbose);
	source.size = look_ahead(head, sizeof head);
	if (source.size < 4 || memcmp(head, "\177ELF", 4) == 0)
		return true;
	kind = kind_of_bytes(&source);
	say(INPUT_NAME, &kind, jobs[kind.id].exec, verbose);
	return jobs[kind.id].exec;
}

int cmd_run(int argc, char **argv)
{
	struct launch launch = {.no_search = false};
	struct options walk;
	struct stat st;
	const char *name;
	int option;

	options_begin(&walk, &command, argc, argv);
	while ((option = options_next(&walk)) > 0)
		launch.trace = true;
	if (option == OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands == 0)
		return misuse(&command, "FILE is missing");
	name = walk.operands[0];
	if (is_input(name)) {
		if (!judge_input(launch.trace))
			return EXIT_FAILED;
		launch.by_fd = true;
	} else if (stat(name, &st) == 0) {
		if ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && !judge(name, launch.trace))
			return EXIT_FAILED;
		launch.no_search = true;
	} else if (strchr(name, ':') && !judge(name, launch.trace)) {
		/* "lib.a:member.o" is no path, but may be named. */
		return EXIT_FAILED;
	}
	return launch_program(&launch, walk.operands);
}
