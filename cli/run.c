/* SPDX-License-Identifier: MIT */
/* `lode run FILE [ARGS]`: finds out what FILE is; programs and scripts are started, everything else is named. */
#include "exec.h"
#include "kind.h"
#include <string.h>
#include <sys/stat.h>

static const struct lode_command command = {
	.name = "run",
	.synopsis = "FILE [ARGS]",
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
	[KIND_TEXT] = {false, "a script begins with #! and its interpreter"},
	[KIND_SCRIPT] = {true, NULL},
	[KIND_ARCHIVE] = {false, "linking and running archives is not there yet; `lode show` lists its members"},
	[KIND_PE] = {false, "lode runs ELF files"},
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
static bool runs(const struct lode_file *file, const struct lode_kind *kind)
{
	return jobs[kind->id].exec || (kind->id == KIND_LIBRARY && lode_segment_find(&file->image, LODE_PT_INTERP) != NULL);
}

/* 1: start it; 0: it was named on stderr. Files that nobody can open are left to exec, which says why. */
static int judge(const char *name)
{
	struct lode_file file;
	struct lode_kind kind;
	int start = 1;

	if (lode_file_open(&file, name, LODE_INPUT_RAW) == 0) {
		kind = lode_kind_of_image(&file);
		start = runs(&file, &kind);
	} else if (file.input.error[0] != '\0') {
		lode_error(name, "%s", file.input.error);
		lode_file_close(&file);
		return 0;
	} else {
		kind = lode_kind_of_bytes(&file.input);
		start = kind.id != KIND_UNKNOWN ? jobs[kind.id].exec : 0;
		if (file.why.rule != LODE_RULE_HEADER_MAGIC &&
			(file.why.rule != LODE_RULE_HEADER_TRUNCATED || kind.id == KIND_UNKNOWN) && kind.id != KIND_EMPTY) {
			lode_file_error(&file);
			lode_file_close(&file);
			return 0;
		}
	}
	if (!start)
		lode_error(name, "%s: %s", kind.words, jobs[kind.id].missing);
	lode_file_close(&file);
	return start;
}

int lode_cmd_run(int argc, char **argv)
{
	struct lode_launch launch = {.no_search = false};
	struct lode_options walk;
	struct stat st;
	const char *name;

	lode_options_begin(&walk, &command, argc, argv);
	if (lode_options_next(&walk) == LODE_OPTIONS_EXIT)
		return walk.status;
	if (walk.noperands == 0)
		return lode_misuse(&command, "FILE is missing");
	name = walk.operands[0];
	/* A pipe gives its bytes once: exec is to have them. */
	if (strcmp(name, "-") == 0) {
		launch.by_fd = true;
	} else if (stat(name, &st) == 0) {
		if ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && !judge(name))
			return LODE_EXIT_FAILED;
		launch.no_search = true;
	} else if (strchr(name, ':') != NULL && !judge(name)) {
		/* "lib.a:member.o" is no path, but may be named. */
		return LODE_EXIT_FAILED;
	}
	return lode_launch(&launch, walk.operands);
}
