/* SPDX-License-Identifier: MIT */
/* A script -> whether execve starts it: its first line, and the interpreters that lead from it to a program of this machine. */
#include "check.h"
#include "input.h"
#include "script.h"
#include <string.h>
#include <sys/stat.h>

static bool ends_cr(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && text[n - 1] == '\r';
}

const char *check_why_not(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return "it does not exist";
	if (!S_ISREG(st.st_mode))
		return "it is no file";
	return st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? NULL : "nobody may execute it";
}

/* True if what the line names can be followed further. of: the script, where it is not the file itself. */
static bool check_line(struct check *c, const struct script *script, const char *of)
{
	const struct check_place place = check_at_file(LODE_NO_OFFSET);
	const char *in = *of ? " in " : "", *fault = check_why_not(script->name);

	if (script->name[0] == '\0') {
		check_add(c, CHECK_SCRIPT_LINE, place, "%s%s%s", script->cut ? "its name does not end" : "it is empty", in, of);
		return false;
	}
	if (ends_cr(script->argument))
		check_add(c, CHECK_SCRIPT_ARGUMENT_CR, place, "\"%s\"%s%s", script->argument, in, of);
	if (ends_cr(script->name))
		check_add(c, CHECK_SCRIPT_CR, place, "\"%s\"%s%s", script->name, in, of);
	else if (script->name[0] != '/')
		check_add(c, CHECK_SCRIPT_RELATIVE, place, "\"%s\"%s%s", script->name, in, of);
	else if (fault)
		check_add(c, CHECK_SCRIPT_MISSING, place, "\"%s\"%s%s: %s", script->name, in, of, fault);
	else
		return true;
	return false;
}

void check_script(struct check *c)
{
	unsigned char head[SCRIPT_HEAD];
	size_t have = c->source.size < sizeof head ? (size_t)c->source.size : sizeof head;
	char of[SCRIPT_HEAD] = "";
	struct script script;

	if (!check_read(c, head, 0, have))
		return;
	for (int depth = 0; script_read(&script, head, have); depth++) {
		if (depth == SCRIPT_DEPTH) {
			check_add(c, CHECK_SCRIPT_DEEP, check_at_file(LODE_NO_OFFSET), "the last one is %s", of);
			return;
		}
		if (!check_line(c, &script, of))
			return;
		memcpy(of, script.name, sizeof of);
		have = input_head(head, sizeof head, of);
	}
}
