/* SPDX-License-Identifier: MIT */
/* A file that begins with "#!" -> its interpreter, opened, and the strings that come before argv. All quirks are Linux's. */
#include "state.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* First byte in [at, last] that is no blank, or NULL. */
static const char *next_text(const char *at, const char *last)
{
	for (; at <= last; at++)
		if (!is_blank(*at))
			return at;
	return NULL;
}

/* First blank or NUL in [at, last], or NULL. */
static const char *next_end(const char *at, const char *last)
{
	for (; at <= last; at++)
		if (is_blank(*at) || !*at)
			return at;
	return NULL;
}

/* End of the line's text: before its newline and trailing blanks. Without a newline the interpreter's name must at least end. */
static const char *line_end(const char *line)
{
	const char *last = line + SCRIPT_HEAD - 1, *end = line, *name;

	while (end <= last && *end != '\n')
		end++;
	if (end > last) {
		name = next_text(line + 2, last);
		if (!name || !next_end(name, last))
			return NULL;
		end = last;
	}
	while (is_blank(end[-1]))
		end--;
	return end;
}

/* Interpreter and its one argument (or NULL) of a #! line; both end up NUL-terminated in copy. False: no interpreter is named. */
static bool parse_line(const char **name, const char **argument, char *copy)
{
	const char *end = line_end(copy), *separator;

	*argument = NULL;
	*name = end ? next_text(copy + 2, end) : NULL;
	if (!*name || *name == end)
		return false;
	separator = next_end(*name, end);
	if (separator && *separator)
		*argument = next_text(separator, end);
	copy[end - copy] = 0;
	if (*argument)
		copy[separator - copy] = 0;
	return true;
}

/* argv becomes: interpreter, argument, script, and what came before without its first word. */
static void splice(struct exec_state *state, const char *name, const char *argument, const char *script)
{
	if (state->argc)
		state->argc--, state->argv++;
	*--state->argv = script;
	if (argument)
		*--state->argv = argument;
	*--state->argv = name;
	state->argc += argument ? 3 : 2;
}

static int follow(struct exec_state *state, const char **path)
{
	struct exec_file *file = &state->program.file, next = {.head = file->head};
	char *copy = lode_exec_alloc_(state, SCRIPT_HEAD + 1);
	const char *name, *argument;
	int status;

	if (!copy)
		return lode_exec_fail_(state, ENOMEM, LODE_EXEC_STEP_SCRIPT, *path, NULL);
	memcpy(copy, file->head, SCRIPT_HEAD);
	if (!parse_line(&name, &argument, copy))
		return lode_exec_fail_(state, ENOEXEC, LODE_EXEC_STEP_SCRIPT, *path, "the #! line names no interpreter");
	if (file->fd < 0)
		return lode_exec_fail_(state, ENOENT, LODE_EXEC_STEP_SCRIPT, *path, SCRIPT_WITHOUT_PATH);
	if (!state->script && state->request->from == LODE_EXEC_FD && closes_on_exec(state->request->fd))
		return lode_exec_fail_(state, ENOENT, LODE_EXEC_STEP_SCRIPT, *path, "the script's descriptor is closed on exec");
	lode_exec_tell_(state,
		&(struct lode_exec_event){.kind = LODE_EXEC_EVENT_SCRIPT, .text = name, .other = argument, .call = -1});
	splice(state, name, argument, *path);
	/* The kernel resolves the empty name to the working directory. */
	status = lode_exec_open_(state, &next, *name ? name : ".", LODE_EXEC_STEP_SCRIPT);
	if (status)
		return status;
	lode_exec_close_(file);
	*file = next;
	*path = name;
	state->script = true;
	return 0;
}

int lode_exec_scripts_(struct exec_state *state)
{
	const unsigned char *head = state->program.file.head;
	const struct lode_exec_request *request = state->request;
	const char *path = request->from == LODE_EXEC_PATH ? request->path :
		request->from == LODE_EXEC_FD ? state->fd_name : state->execfn;

	for (int depth = 0; head[0] == '#' && head[1] == '!'; depth++) {
		int status;

		if (depth == SCRIPT_DEPTH)
			return lode_exec_fail_(state, ELOOP, LODE_EXEC_STEP_SCRIPT, path, "more than five scripts in a row");
		status = follow(state, &path);
		if (status)
			return status;
	}
	return 0;
}
