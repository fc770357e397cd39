/* SPDX-License-Identifier: MIT */
/* A launcher without libc. launch PROGRAM ARGS becomes PROGRAM by lode_exec; its exit status is the errno if that is refused.
 * launch -l N PROGRAM ARGS: after N rounds through this launcher itself. launch -k N ...: by the kernel's execve instead.
 * launch -l xCOUNT,SIZE PROGRAM: with COUNT arguments of SIZE bytes each. */
#include <lode/exec.h>

#include "../../hosts/exec/linux.h"

void launch_main(const char *const *stack) __attribute__((noreturn, used));

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall launch_main\n");

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
	for (;;)
		call3(NR_exit_group, (uint64_t)status, 0, 0);
}

static bool same(const char *a, const char *b)
{
	return string_starts(a, b) && string_length(a) == string_length(b);
}

enum { NR_execve = 59 };

/* argv[at] counts the rounds that are left; this very program is run for each. */
static void count_down(const char *const *argv, char *text)
{
	uint64_t left = parse_decimal(&(const char *){argv[2]});

	put_decimal(text, left - 1);
}

enum { MOST = 1 << 20, LONGEST = 1 << 18 };
static const char *words[MOST + 2];
static char word[LONGEST + 1];

static const char *const *many(const char *text, const char *program)
{
	uint64_t count = parse_decimal(&text), size;

	text++;
	size = parse_decimal(&text);
	for (uint64_t i = 0; i < size && i < LONGEST; i++)
		word[i] = 'w';
	words[0] = program;
	for (uint64_t i = 0; i < count && i < MOST; i++)
		words[i + 1] = word;
	return words;
}

void launch_main(const char *const *stack)
{
	uint64_t argc = address(stack[0]);
	const char *const *argv = stack + 1, *const *envp = argv + argc + 1;
	const char *chained[8] = {0};
	char text[24];
	struct lode_exec_request request = {.path = argv[1], .argv = argv + 1, .envp = envp, .flags = LODE_EXEC_FRESH};
	struct lode_exec_error why;
	struct lode_exec exec;
	bool kernel = false;

	if (argc < 2)
		leave(2);
	/* launch -k|-l N PROGRAM */
	if (argc >= 4 && argv[1][0] == '-') {
		kernel = same(argv[1], "-k");
		if (argv[2][0] == 'x') {
			request.path = argv[3];
			request.argv = many(argv[2] + 1, argv[3]);
		} else if (argv[2][0] != '0') {
			count_down(argv, text);
			for (uint64_t i = 0; i < argc && i < 7; i++)
				chained[i] = argv[i];
			chained[2] = text;
			request.path = argv[0];
			request.argv = chained;
		} else {
			request.path = argv[3];
			request.argv = argv + 3;
		}
	}
	if (kernel)
		leave((int)-call3(NR_execve, address(request.path), address(request.argv), address(envp)));
	if (lode_exec_prepare(&exec, &request, &why) == 0)
		lode_exec_commit(&exec, &why);
	leave(why.error);
}
