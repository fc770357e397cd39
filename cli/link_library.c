/* SPDX-License-Identifier: MIT */
/* The name of a library -> what it stands for, loaded into this process: a shared object, the files that a linker script in its
 * place names, or an archive. */
#include "link_library.h"
#include "cli.h"
#include <ctype.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCRIPT_SIZE = 4096, DEEP = 4, SCRIPTS = 64 };

/* Those of ld on Debian and Ubuntu, and elsewhere. */
static const char *const system_directories[] = {
	"/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
	"/usr/lib64", "/lib", "/usr/lib"};

static int load(struct libraries *libraries, const char *name, int depth);

static int load_file(struct libraries *libraries, const char *path, int depth);

/* A word of a script that names a file or a library. */
static int load_word(struct libraries *libraries, const char *word, int depth)
{
	if (strncmp(word, "-l", 2) == 0)
		return load(libraries, word + 2, depth);
	if (word[0] == '/' && word[1] != '*')
		return load_file(libraries, word, depth);
	return strncmp(word, "lib", 3) == 0 ? load(libraries, word, depth) : 0;
}

/* GROUP ( /lib/libm.so.6 AS_NEEDED ( /lib/libmvec.so.1 ) ): development packages have such text where a library is expected. */
static int load_script(struct libraries *libraries, char *text, int depth)
{
	static const char gaps[] = " \t\r\n(),";
	char *rest, *word = strtok_r(text, gaps, &rest);

	for (; word; word = strtok_r(NULL, gaps, &rest))
		if (load_word(libraries, word, depth + 1) != 0)
			return -1;
	return 0;
}

/* The file's text if it is one of a script. */
static bool read_script(char *text, const char *path)
{
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, SCRIPT_SIZE - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return strlen(text) == n && (strstr(text, "GROUP") || strstr(text, "INPUT"));
}

static int load_file(struct libraries *libraries, const char *path, int depth)
{
	size_t length = strlen(path);
	char text[SCRIPT_SIZE];

	if (depth < DEEP && libraries->nscripts < SCRIPTS && read_script(text, path)) {
		libraries->nscripts++;
		return load_script(libraries, text, depth);
	}
	if (length > 2 && strcmp(path + length - 2, ".a") == 0)
		return libraries->archive(libraries->host, path);
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL))
		return 0;
	complain(path, "%s", dlerror());
	return -1;
}

static bool find(char *path, const char *directory, const char *name)
{
	snprintf(path, PATH_MAX, strchr(name, '.') ? "%s/%s" : "%s/lib%s.so", directory, name);
	if (access(path, R_OK) == 0)
		return true;
	snprintf(path, PATH_MAX, "%s/lib%s.a", directory, name);
	return access(path, R_OK) == 0;
}

static int load(struct libraries *libraries, const char *name, int depth)
{
	char path[PATH_MAX];

	for (int i = 0; i < libraries->ndirectories; i++)
		if (find(path, libraries->directories[i], name))
			return load_file(libraries, path, depth);
	if (strchr(name, '/'))
		return load_file(libraries, name, depth);
	/* What the system's dynamic linker finds by itself, without a development package, is its business. */
	if (strchr(name, '.') && dlopen(name, RTLD_NOW | RTLD_GLOBAL))
		return 0;
	for (size_t i = 0; i < sizeof system_directories / sizeof *system_directories; i++)
		if (find(path, system_directories[i], name))
			return load_file(libraries, path, depth);
	if (strchr(name, '.'))
		complain(name, "no such library");
	else
		complain(name, "there is no lib%s.so and no lib%s.a; a name with a dot, like lib%s.so.1, is taken as it is", name,
			name, name);
	return -1;
}

int library_load(struct libraries *libraries, const char *name)
{
	return load(libraries, name, 0);
}
