/* SPDX-License-Identifier: MIT */
/* The verb exec: command line -> a request for the exec host; PATH is searched and text files go to /bin/sh as a shell does it. */
#include "exec.h"
#include "cli.h"
#include "exec_trace.h"
#include "input.h"
#include "kind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_ARGV0 = 1, OPT_CLEAR_ENV, OPT_CWD, OPT_ENV, OPT_FD, OPT_NO_ASLR, OPT_NO_SETID, OPT_OWN_EXE, OPT_QUIET, OPT_STACK_SIZE,
	OPT_TRACE };

static const struct option option_table[] = {
	{OPT_ARGV0, 0, "argv0", "NAME", "argv[0] of the program"},
	{OPT_ENV, 'e', "env", "KEY=VALUE", "set a variable of its environment (repeatable)"},
	{OPT_CLEAR_ENV, 0, "clear-env", NULL, "start from an empty environment"},
	{OPT_CWD, 'C', "cwd", "DIR", "change to DIR first"},
	{OPT_FD, 0, "fd", "N", "the program is open as descriptor N; all operands are ARGS,\nbehind -- those that begin with -"},
	{OPT_STACK_SIZE, 0, "stack-size", "SIZE", "soft limit of the stack (RLIMIT_STACK), e.g. 64M"},
	{OPT_NO_ASLR, 0, "no-aslr", NULL, "fixed addresses for the program and its heap"},
	{OPT_OWN_EXE, 0, "own-exe", NULL,
		"make /proc/self/exe the program even without privilege,\nby a user namespace; refuse if that cannot be had"},
	{OPT_NO_SETID, 0, "no-setid", NULL,
		"run setuid, setgid and file-capability programs without\ntheir privilege instead of refusing them"},
	{OPT_QUIET, 'q', "quiet", NULL, "do not say on a terminal what will not be as by execve"},
	{OPT_TRACE, 't', "trace", NULL, "print the plan and each step to stderr before it is taken"},
	{OPT_TRACE, 'v', "verbose", NULL, "the same"},
};

static const struct command command = {
	.name = "exec",
	.synopsis = "[OPTIONS] PROG [ARGS]\n"
		"       lode exec [OPTIONS] - [ARGS] <PROG\n"
		"       lode exec [OPTIONS] --fd=N [--] [ARGS]",
	.summary = "Replace this process by a program, without execve.\n"
		"PROG is searched in PATH; - is standard input, also a pipe.",
	.options = option_table,
	.noptions = sizeof option_table / sizeof *option_table,
	.more = "Exit status: the program's own; 126 if it cannot be executed, 127 if it or the interpreter\n"
		"that it names is not found, 1 if --cwd fails, 2 for misuse.",
	.in_order = true,
};

/* The file that the program at path asks for, if it is the one at fault: error keeps the last bytes of a long name. */
static const char *asked_for(const char *path, const struct lode_exec_error *why)
{
	size_t length = strlen(path), kept = strlen(why->file);
	bool itself = kept == 0 || (kept <= length && strcmp(path + length - kept, why->file) == 0);

	return !itself && (why->step == LODE_EXEC_STEP_SCRIPT || why->step == LODE_EXEC_STEP_INTERPRETER) ? why->file : NULL;
}

static const char *other_verb(enum kind_id id)
{
	switch (id) {
	case KIND_BZIMAGE:
	case KIND_FLAT: return "; `lode boot` starts kernels";
	case KIND_OBJECT:
	case KIND_ARCHIVE: return "; `lode link` runs objects";
	default: return "";
	}
}

static bool is_no_program(enum kind_id id)
{
	return id == KIND_OBJECT || id == KIND_MODULE || id == KIND_CORE || id == KIND_DEBUG;
}

/* "a Linux kernel...": what a file is that is no image. False: nothing is known of it. */
static bool name_kind(char *words, size_t size, const char *path, const struct lode_exec_error *why)
{
	struct kind kind;

	if (strncmp(path, "/dev/fd/", 8) == 0)
		return false;
	if (!kind_of_refused(&kind, path, why->diag.rule)) {
		kind = kind_of_file(path);
		if (why->error != ENOEXEC || !is_no_program(kind.id))
			return false;
	}
	snprintf(words, size, "%s%s%s", kind.article, kind.words, other_verb(kind.id));
	return true;
}

/* Of a set-id program, or one with file capabilities, whose privilege can be done without. */
static bool wants_privilege(const struct lode_exec_error *why)
{
	return why->step == LODE_EXEC_STEP_PRIVILEGE && why->error == EPERM && why->reason &&
		strncmp(why->reason, "own exe", 7) != 0;
}

/* What could be done instead; empty: nothing. */
static const char *advice(char *words, size_t size, const struct lode_exec_error *why)
{
	const char *machine = why->diag.field == LODE_FIELD_EHDR_MACHINE ? machine_name((uint16_t)why->diag.value) : NULL;

	if (wants_privilege(why))
		return "; --no-setid runs it without";
	if (!machine || why->diag.value == LODE_EM_386)
		return "";
	snprintf(words, size, "; it is for %s: qemu-user starts such", machine);
	return words;
}

/* One line: file, what failed, at which step, and why in more detail if that is known. */
static int report(const char *path, const struct lode_exec_error *why)
{
	const char *symbol = lode_exec_errno_name(why->error), *other = asked_for(path, why);
	const char *reason = why->reason ? why->reason : "";
	char place[768], step[LODE_EXEC_FILE_SIZE + 32], words[96];

	if (name_kind(place, sizeof place, other ? other : path, why))
		reason = "";
	else
		lode_diag_format(place, sizeof place, &why->diag);
	snprintf(step, sizeof step, "%s%s%s", other && why->step == LODE_EXEC_STEP_SCRIPT ? "script interpreter" :
		lode_exec_step_name(why->step), other ? " " : "", other ? other : "");
	complain(other || !why->file[0] ? path : why->file, "%s: %s (%s)%s%s%s%s%s", step,
		*symbol ? lode_exec_errno_text(why->error) : strerror(why->error),
		*symbol ? symbol : "errno", *place ? ": " : "", place, *reason ? ": " : "", reason,
		advice(words, sizeof words, why));
	return why->error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static const char *const *environment_of(const struct launch *launch)
{
	return launch->envp ? launch->envp : (const char *const *)environ;
}

/* Whoever sits at a terminal is told of differences; standard error that goes elsewhere is the program's alone. */
static void (*tracer(const struct launch *launch))(void *, const struct lode_exec_event *)
{
	if (launch->trace)
		return exec_trace;
	return !launch->quiet && isatty(STDERR_FILENO) ? exec_differences : NULL;
}

/* This command has just been started by the kernel and has left nothing behind: hence LODE_EXEC_FRESH. */
static void fill(struct lode_exec_request *request, const struct launch *launch, char **argv)
{
	*request = (struct lode_exec_request){.flags = launch->flags | LODE_EXEC_FRESH, .argv = (const char *const *)argv,
		.argv0 = launch->argv0, .envp = environment_of(launch), .stack_size = launch->stack_size,
		.trace = tracer(launch)};
}

/* Returns only if it was refused. */
static void become(const struct lode_exec_request *request, struct lode_exec_error *why)
{
	struct lode_exec exec;

	if (lode_exec_prepare(&exec, request, why))
		return;
	fflush(NULL);
	lode_exec_commit(&exec, why);
	lode_exec_cancel(&exec);
}

/* What shells take for a script: text without a #! line, in whatever encoding, but no archive, which may begin like text. */
static bool is_text(const char *path)
{
	unsigned char head[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (!is_text_byte(head[i]))
			return false;
	return n >= 0 && !(n >= 2 && memcmp(head, "#!", 2) == 0) && !(n >= 8 && memcmp(head, "!<arch>\n", 8) == 0);
}

/* The kernel leaves text without a #! line to whoever asked; shells and execvp then run it by /bin/sh. */
static void become_script(const struct launch *launch, const char *path, char **argv, struct lode_exec_error *why)
{
	struct lode_exec_request request;
	size_t argc = 0;
	char **words;

	while (argv[argc])
		argc++;
	words = calloc(argc + 3, sizeof *words);
	if (!words)
		return;
	words[0] = (char *)(uintptr_t)(launch->argv0 ? launch->argv0 : "/bin/sh");
	words[1] = (char *)(uintptr_t)path;
	for (size_t i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	fill(&request, launch, words);
	request.argv0 = NULL;
	request.path = "/bin/sh";
	become(&request, why);
	free(words);
}

static void try_path(const struct launch *launch, const char *path, char **argv, struct lode_exec_error *why)
{
	struct lode_exec_request request;

	fill(&request, launch, argv);
	request.path = path;
	become(&request, why);
	if (why->error == ENOEXEC && (why->step == LODE_EXEC_STEP_HEADERS || why->step == LODE_EXEC_STEP_SCRIPT) && is_text(path))
		become_script(launch, path, argv, why);
}

static const char *search_path(const char *const *envp)
{
	for (; *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return "/bin:/usr/bin";
}

/* A file that is not there, or that may not be opened, sends the search on to the next directory; any other failure is final. */
static bool goes_on(const struct lode_exec_error *why)
{
	if (why->step != LODE_EXEC_STEP_OPEN)
		return false;
	return why->error == ENOENT || why->error == ENOTDIR || why->error == EACCES || why->error == ENAMETOOLONG;
}

/* path has room for PATH_MAX bytes, and holds what was tried last. */
static void search(char *path, const struct launch *launch, char **argv, struct lode_exec_error *why)
{
	const char *const *envp = environment_of(launch);
	struct lode_exec_error denied = {0};
	size_t length = strlen(argv[0]);
	const char *dir = search_path(envp), *end;

	for (;; dir = end + 1) {
		end = dir + strcspn(dir, ":");
		if ((size_t)(end - dir) + length + 2 < PATH_MAX) {
			snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - dir), dir, end == dir ? "" : "/", argv[0]);
			*why = (struct lode_exec_error){.error = ENOENT, .step = LODE_EXEC_STEP_OPEN};
			if (access(path, F_OK) == 0)
				try_path(launch, path, argv, why);
			if (!goes_on(why))
				return;
			if (why->error == EACCES && !denied.error)
				denied = *why;
		}
		if (!*end)
			break;
	}
	if (denied.error)
		*why = denied;
	else
		*why = (struct lode_exec_error){.error = ENOENT, .step = LODE_EXEC_STEP_OPEN, .reason = "not found in PATH"};
}

int launch_program(const struct launch *launch, char **argv)
{
	struct lode_exec_error why = {.error = ENOENT, .step = LODE_EXEC_STEP_OPEN};
	struct lode_exec_request request;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", argv[0]);
	if (launch->by_fd) {
		snprintf(path, sizeof path, "/dev/fd/%d", launch->fd);
		fill(&request, launch, argv);
		request.from = LODE_EXEC_FD;
		request.fd = launch->fd;
		become(&request, &why);
	} else if (launch->no_search || strchr(argv[0], '/') || !*argv[0]) {
		try_path(launch, argv[0], argv, &why);
	} else {
		search(path, launch, argv, &why);
	}
	return report(why.file[0] ? path : argv[0], &why);
}

/* Wishes that launch does not know. */
struct wishes {
	struct launch launch;
	const char *cwd;
	bool clear_env;
	char **variables; /* of --env */
	size_t nvariables;
};

static bool take_fd(struct launch *launch, const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || fd > INT_MAX)
		return false;
	launch->by_fd = true;
	launch->fd = (int)fd;
	return true;
}

static int take_option(struct wishes *wishes, int option, char *value)
{
	struct launch *launch = &wishes->launch;

	switch (option) {
	case OPT_ARGV0: launch->argv0 = value; break;
	case OPT_CLEAR_ENV: wishes->clear_env = true; break;
	case OPT_CWD: wishes->cwd = value; break;
	case OPT_NO_ASLR: launch->flags |= LODE_EXEC_NO_ASLR; break;
	case OPT_NO_SETID: launch->flags |= LODE_EXEC_NO_SETID; break;
	case OPT_OWN_EXE: launch->flags |= LODE_EXEC_OWN_EXE; break;
	case OPT_QUIET: launch->quiet = true; break;
	case OPT_TRACE: launch->trace = true; break;
	case OPT_ENV:
		if (!strchr(value, '=') || *value == '=')
			return misuse_value(&command, "env", value, "KEY=VALUE");
		wishes->variables[wishes->nvariables++] = value;
		break;
	case OPT_FD:
		if (!take_fd(launch, value))
			return misuse_value(&command, "fd", value, "the number of a descriptor");
		break;
	case OPT_STACK_SIZE:
		if (!parse_size(&launch->stack_size, value) || launch->stack_size < 64 << 10)
			return misuse_value(&command, "stack-size", value, "a size of 64K at least, like 8M");
		break;
	default:
		break;
	}
	return 0;
}

static bool same_key(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return strncmp(a, b, length) == 0 && b[length] == '=';
}

/* environ (or nothing) with the variables of --env in it, the last of each key. */
static const char *const *environment(const struct wishes *wishes)
{
	size_t count = 0, n = 0;
	const char **list;

	while (!wishes->clear_env && environ[count])
		count++;
	list = calloc(count + wishes->nvariables + 1, sizeof *list);
	if (!list)
		return NULL;
	for (; n < count; n++)
		list[n] = environ[n];
	for (size_t i = 0; i < wishes->nvariables; i++) {
		size_t at = 0;

		while (at < n && !same_key(wishes->variables[i], list[at]))
			at++;
		list[at] = wishes->variables[i];
		n += at == n;
	}
	return list;
}

/* What the program is given: the operands, and of one that is a descriptor a name before them. */
static char **arguments(struct wishes *wishes, const struct options *words)
{
	static char name[32];
	bool named = !wishes->launch.by_fd; /* by the first operand */
	char **argv = calloc((size_t)words->noperands + 2, sizeof *argv);

	if (!argv)
		return NULL;
	if (named && strcmp(words->operands[0], "-") == 0)
		wishes->launch.by_fd = true;
	memcpy(argv + !named, words->operands, (size_t)words->noperands * sizeof *argv);
	if (wishes->launch.by_fd) {
		snprintf(name, sizeof name, "/dev/fd/%d", wishes->launch.fd);
		argv[0] = name;
	}
	return argv;
}

static int run(struct wishes *wishes, const struct options *words)
{
	int status = EXIT_FAILED;
	char **argv;

	if (!wishes->launch.by_fd && words->noperands == 0)
		return misuse(&command, "PROG is missing");
	if (wishes->cwd && chdir(wishes->cwd)) {
		complain(wishes->cwd, "%m");
		return EXIT_FAILED;
	}
	argv = arguments(wishes, words);
	wishes->launch.envp = environment(wishes);
	if (argv && wishes->launch.envp)
		status = launch_program(&wishes->launch, argv);
	else
		complain(NULL, "%m");
	free((void *)(uintptr_t)wishes->launch.envp);
	free(argv);
	return status;
}

int cmd_exec(int argc, char **argv)
{
	struct wishes wishes = {.variables = calloc((size_t)argc + 1, sizeof *wishes.variables)};
	struct options words;
	int option, status = 0;

	if (!wishes.variables) {
		complain(NULL, "%m");
		return EXIT_FAILED;
	}
	options_begin(&words, &command, argc, argv);
	while (status == 0 && (option = options_next(&words)) > 0) {
		status = take_option(&wishes, option, (char *)(uintptr_t)words.value);
		if (wishes.launch.by_fd)
			words.hint = "; arguments of the program stand behind --";
	}
	if (status == 0)
		status = option == OPTIONS_EXIT ? words.status : run(&wishes, &words);
	free(wishes.variables);
	return status;
}
