/* SPDX-License-Identifier: MIT */
/* `lode run FILE [ARGS]`: finds out what FILE is; programs and scripts are started, kernels booted, everything else is named. */
#include "boot.h"
#include "exec.h"
#include "input.h"
#include "kind.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUIET = 1, VERBOSE };

#define NO_PATH_KERNEL "a kernel needs a path, to be opened by"
#define NO_PATH_OBJECT "what is to be linked needs a path of its own"
#define NO_PATH "a script of /bin/sh needs a path, to be given to it: sh -s reads one from standard input"

static const struct option options[] = {
	{QUIET, 'q', "quiet", NULL, "do not say on a terminal what will not be as by execve"},
	{VERBOSE, 'v', "verbose", NULL, "say on stderr what FILE is, and each step of starting it"},
};

static const struct command command = {
	.name = "run",
	.synopsis = "[OPTIONS] FILE [ARGS]",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.summary = "Finds out what FILE is and does the right thing with it.",
	.more = "Programs and scripts take the place of this process, as `lode exec` starts them. Kernels are booted as by\n"
		"`lode boot`, with ARGS as their command line. Objects and archives are linked in memory, as by `lode link`, and\n"
		"their main is called. Libraries, kernel modules and cores are recognised and named.\n"
		"Exit status: the program's own; 126 if the file is nothing that can be run, 127 if it is not found,\n"
		"1 if it cannot be linked or booted, 2 for misuse.",
	.in_order = true,
};

enum job { JOB_NONE, JOB_MISSING, JOB_EXEC, JOB_BOOT, JOB_LINK };

/* What is to be done with a kind of file, and what is said where nothing can be done. */
static const struct {
	enum job job;
	const char *missing;
} jobs[] = {
	[KIND_UNKNOWN] = {JOB_NONE, "nothing here knows how to run it"},
	[KIND_EMPTY] = {JOB_NONE, "there is nothing in it to run"},
	[KIND_TEXT] = {JOB_NONE, "it may not be executed, and no #! names who could; sh FILE runs it if it is a script"},
	[KIND_SCRIPT] = {JOB_EXEC, NULL},
	[KIND_ARCHIVE] = {JOB_LINK, NO_PATH_OBJECT},
	[KIND_PE] = {JOB_NONE, "lode runs ELF files"},
	[KIND_FLAT] = {JOB_NONE, "kernels are booted on x86-64 only"},
	[KIND_FOREIGN] = {JOB_NONE, "lode runs ELF files"},
	[KIND_BITCODE] = {JOB_NONE, "compile without -flto, or with -ffat-lto-objects"},
	[KIND_BZIMAGE] = {JOB_BOOT, NO_PATH_KERNEL},
	[KIND_PACKED] = {JOB_NONE, "unpack it first; `lode show` looks inside"},
	[KIND_PROGRAM] = {JOB_EXEC, NULL},
	[KIND_STATIC] = {JOB_EXEC, NULL},
	[KIND_STATIC_PIE] = {JOB_EXEC, NULL},
	[KIND_INTERPRETER] = {JOB_EXEC, NULL},
	[KIND_LIBRARY] = {JOB_NONE, "a library runs as part of a program; `lode show` explains it"},
	[KIND_KERNEL] = {JOB_BOOT, NO_PATH_KERNEL},
	[KIND_OBJECT] = {JOB_LINK, NO_PATH_OBJECT},
	[KIND_MODULE] = {JOB_NONE, "loading kernel modules is not there yet; `lode show` reads it"},
	[KIND_CORE] = {JOB_NONE, "a core is what is left of a program: nothing can run it; `lode show` reads it"},
	[KIND_DEBUG] = {JOB_NONE, "its code is in the file that it was taken from"},
	[KIND_ELF] = {JOB_NONE, "nothing here knows how to run it"},
};

/* Libraries that are programs too (libc.so.6, ld.so) have an interpreter or need nothing. */
static enum job job_of(const struct file *file, const struct kind *kind)
{
	return kind->id == KIND_LIBRARY && lode_segment_find(&file->image, LODE_PT_INTERP) ? JOB_EXEC : jobs[kind->id].job;
}

/* Packed bytes are named with what is in them. A program among them stays what it is: packed. */
static void look_inside(struct kind *kind, const char *name)
{
	struct file file;
	struct kind inside;
	char words[sizeof kind->words];

	if (file_open(&file, name, 0) == 0) {
		inside = kind_of_image(&file.image, file.input.peeled);
		snprintf(words, sizeof words, "%.40s with a %.100s in it", kind->words, inside.words);
		if (job_of(&file, &inside) == JOB_BOOT || job_of(&file, &inside) == JOB_NONE)
			kind->id = inside.id;
		memcpy(kind->words, words, sizeof words);
	}
	file_close(&file);
}

static bool is_input(const char *name)
{
	return strcmp(name, "-") == 0;
}

/* One line, unless it is started and that is not to be told. Returns the job. */
static enum job say(const char *name, const struct kind *kind, enum job job, bool verbose)
{
	bool no_path = kind->id == KIND_TEXT && strcmp(name, INPUT_NAME) == 0;

	if ((job == JOB_BOOT || job == JOB_LINK) && strcmp(name, INPUT_NAME) == 0)
		job = JOB_NONE;
	if (job == JOB_LINK && access(name, F_OK) != 0)
		job = JOB_NONE; /* a member: "lib.a:member.o" */
	if (job == JOB_NONE)
		complain(name, "%s: %s", kind->words, no_path ? NO_PATH : jobs[kind->id].missing);
	else if (verbose)
		complain(name, "%s", kind->words);
	return job;
}

/* What could not be opened as ELF. */
static enum job judge_other(const struct file *file, const char *name, bool verbose)
{
	struct kind kind;
	enum job job;

	if (file->input.errnum == EACCES && !is_input(name))
		return JOB_EXEC; /* who says what may not be executed */
	if (file->input.error[0] != '\0') {
		complain(file->input.name, "%s", file->input.error);
		return file->input.errnum == ENOENT ? JOB_MISSING : JOB_NONE;
	}
	kind = kind_of_bytes(&file->input.source);
	if (file->why.rule != LODE_RULE_HEADER_MAGIC && (file->why.rule != LODE_RULE_HEADER_TRUNCATED || kind.id == KIND_UNKNOWN)) {
		file_error(file);
		return JOB_NONE;
	}
	if (kind.id == KIND_PACKED)
		look_inside(&kind, name);
	/* Text that may be executed, and be it empty, is a script of /bin/sh, as shells have it. */
	job = jobs[kind.id].job;
	if (kind.id == KIND_TEXT || kind.id == KIND_EMPTY)
		job = !is_input(name) && access(name, X_OK) == 0 ? JOB_EXEC : JOB_NONE;
	return say(file->input.name, &kind, job, verbose);
}

/* JOB_NONE, JOB_MISSING: it was named on stderr, as it is of itself if verbose. */
static enum job judge(const char *name, bool verbose)
{
	struct file file;
	struct kind kind;
	enum job job;

	if (file_open(&file, name, INPUT_RAW) != 0) {
		job = judge_other(&file, name, verbose);
	} else {
		kind = kind_of_image(&file.image, file.input.peeled);
		job = say(file.input.name, &kind, job_of(&file, &kind), verbose);
	}
	file_close(&file);
	return job;
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

/* An anonymous file that can be executed, or -1. A limit for files counts for it too, and its signal would end this process. */
static int anonymous_file(void)
{
	enum { EXECUTABLE = 0x10 };
	struct rlimit limit;
	int fd;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY)
		return -1;
	fd = memfd_create("program", MFD_CLOEXEC | EXECUTABLE);
	return fd >= 0 || errno != EINVAL ? fd : memfd_create("program", MFD_CLOEXEC); /* before Linux 6.3 there was no flag */
}

/* All that comes out of standard input; false with errno. */
static bool spool(int fd)
{
	static char piece[1 << 16];
	uint64_t size = 0;
	ssize_t got = 0, put = 0;

	while ((got = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
		if (got < 0 && errno != EINTR)
			return false;
		for (ssize_t at = 0; at < got; at += put) {
			put = write(fd, piece + at, (size_t)(got - at));
			if (put <= 0)
				return false;
		}
		size += got > 0 ? (uint64_t)got : 0;
		if (size > LODE_EXEC_PIPE_MOST) {
			errno = EFBIG;
			return false;
		}
	}
	return true;
}

/* An ELF file that comes through a pipe, read to its end. The program finds standard input as it is: at its end. */
static enum job judge_spooled(struct launch *launch)
{
	int fd = anonymous_file(), input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	enum job job = JOB_EXEC; /* without such a file it is left to exec, unjudged */

	if (fd >= 0 && input >= 0) {
		job = JOB_NONE;
		if (spool(fd) && dup2(fd, STDIN_FILENO) >= 0)
			job = judge("-", launch->trace);
		else
			complain(INPUT_NAME, "%m");
		dup2(input, STDIN_FILENO);
		launch->fd = fd;
	}
	if (input >= 0)
		close(input);
	return job;
}

/* Standard input: a file is judged like any other; what comes through a pipe by its first bytes, of which some may be on their way,
 * or as a whole if it is an ELF file. */
static enum job judge_input(struct launch *launch)
{
	unsigned char head[INPUT_HEAD];
	struct lode_source source = {.bytes = head};
	struct kind kind;
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return judge("-", launch->trace);
	source.size = look_ahead(head, sizeof head);
	if (source.size < 4)
		return JOB_EXEC;
	if (memcmp(head, "\177ELF", 4) == 0)
		return judge_spooled(launch);
	kind = kind_of_bytes(&source);
	return say(INPUT_NAME, &kind, jobs[kind.id].job, launch->trace);
}

/* The command line is the words, with a space between two. */
static int boot_words(char **words)
{
	size_t size = 1;
	char *line, *end;
	int status;

	for (char **word = words + 1; *word; word++)
		size += strlen(*word) + 1;
	line = malloc(size);
	if (!line) {
		complain(NULL, "%m");
		return EXIT_FAILED;
	}
	end = line;
	for (char **word = words + 1; *word; word++)
		end += sprintf(end, "%s%s", word > words + 1 ? " " : "", *word);
	*end = '\0';
	status = boot_kernel(words[0], line);
	free(line);
	return status;
}

/* What is no file here may be a command of PATH, or "lib.a:member.o", which is no path but can be named. */
static enum job choose(struct launch *launch, const char *name)
{
	struct stat st;

	if (is_input(name)) {
		launch->by_fd = true;
		return judge_input(launch);
	}
	if (stat(name, &st) != 0 && errno == ELOOP)
		launch->no_search = true;
	if (stat(name, &st) != 0)
		return strchr(name, ':') ? judge(name, launch->trace) : JOB_EXEC;
	launch->no_search = true;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? judge(name, launch->trace) : JOB_EXEC;
}

int cmd_run(int argc, char **argv)
{
	struct launch launch = {.no_search = false};
	struct options walk;
	int option;

	options_begin(&walk, &command, argc, argv);
	while ((option = options_next(&walk)) > 0)
		*(option == QUIET ? &launch.quiet : &launch.trace) = true;
	if (option == OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands == 0)
		return misuse(&command, "FILE is missing");
	switch (choose(&launch, walk.operands[0])) {
	case JOB_EXEC: return launch_program(&launch, walk.operands);
	case JOB_BOOT:
		open_standard();
		return boot_words(walk.operands);
	case JOB_LINK:
		open_standard();
		return link_words(walk.operands);
	case JOB_MISSING: return EXIT_NOT_FOUND;
	default: return EXIT_NOT_EXECUTABLE;
	}
}
