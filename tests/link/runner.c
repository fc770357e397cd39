/* SPDX-License-Identifier: MIT */
/* Files -> linked into this process, main called: what `lode link` does, for machines that the command is not built for. */
#include <dlfcn.h>
#include <lode/live.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

static void text(const struct lode_link_text *t)
{
	fprintf(stderr, "%.*s ", (int)t->size, t->at);
}

int main(int argc, char **argv)
{
	static struct lode_live live;
	struct lode_diag why = {.status = LODE_OK};
	int (*entry)(int, char **, char **);
	char line[512], *arguments[2] = {argv[1], NULL};

	if (dlopen("libm.so.6", RTLD_LAZY | RTLD_GLOBAL) == NULL)
		return 125;
	lode_live_begin(&live, NULL);
	for (int i = 1; i < argc; i++)
		if (lode_live_add(&live, argv[i]) != LODE_OK)
			return 126;
	if (lode_live_link(&live, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		text(&live.link.blame.file);
		text(&live.link.blame.symbol);
		text(&live.link.blame.section);
		fprintf(stderr, "%s\n", line);
		return 1;
	}
	entry = (int (*)(int, char **, char **))(uintptr_t)lode_live_symbol(&live, "main");
	if (lode_live_start(&live, &(struct lode_live_arguments){1, arguments, environ}, &why) != LODE_OK)
		return 1;
	exit(entry(1, arguments, environ));
}
