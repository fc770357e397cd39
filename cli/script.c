/* SPDX-License-Identifier: MIT */
/* The first bytes of a script -> its interpreter and the argument. Ref: Linux fs/binfmt_script.c. */
#include "script.h"
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

/* Without a newline the last byte that was read is not looked at, but the interpreter's name may end with it. */
static char *line_end(struct script *script, char *line, const char *name)
{
	char *end = line + strcspn(line, "\n");

	if (end < line + SCRIPT_HEAD)
		return end;
	script->cut = name + strcspn(name, BLANKS) == end;
	return end - 1;
}

bool script_read(struct script *script, const unsigned char *head, size_t have)
{
	char line[SCRIPT_HEAD + 1] = "", *name = line + 2, *end;
	size_t size;

	*script = (struct script){.cut = false};
	if (have < 2 || memcmp(head, "#!", 2) != 0)
		return false;
	memcpy(line, head, have < SCRIPT_HEAD ? have : SCRIPT_HEAD);
	name += strspn(name, BLANKS);
	end = line_end(script, line, name);
	if (script->cut)
		return true;
	while (end > name && strchr(BLANKS, end[-1]))
		end--;
	*end = '\0';
	size = strcspn(name, BLANKS);
	snprintf(script->name, sizeof script->name, "%.*s", (int)size, name);
	name += size;
	snprintf(script->argument, sizeof script->argument, "%s", name + strspn(name, BLANKS));
	return true;
}
