/* SPDX-License-Identifier: MIT */
/* The name of a library -> what it stands for, loaded into this process: a shared object, the files that a linker script in its
 * place names, or an archive. */
#include "link_library.h"
#include "cli.h"
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPT_SIZE = 4096, SCRIPTS = 64, WAITING = 1024 };

/* Those of ld on Debian and Ubuntu, and elsewhere. */
static const char *const system_directories[] = {
	"/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
	"/usr/lib64", "/lib", "/usr/lib"};

/* What belongs to a compiler: libgcc, libstdc++.so, libgomp.so, libgfortran.so. */
static const char compiler_directories[] = "/usr/lib{,64}/gcc/x86_64-{linux-gnu,redhat-linux,pc-linux-gnu,suse-linux}/*";

/* Names of libraries and paths of files, the next one last. */
struct waiting {
	char *words[WAITING];
	int count;
};

static int wait_for(struct waiting *waiting, const char *word)
{
	char *copy = waiting->count < WAITING ? strdup(word) : NULL;

	if (!copy) {
		complain(word, waiting->count < WAITING ? "%m" : "too many words of linker scripts");
		return -1;
	}
	waiting->words[waiting->count++] = copy;
	return 0;
}

/* GROUP ( /lib/libm.so.6 AS_NEEDED ( /lib/libmvec.so.1 ) ): development packages have such text where a library is expected. Its
 * words are the next. */
static int take_script(struct waiting *waiting, char *text)
{
	static const char gaps[] = " \t\r\n(),";
	int first = waiting->count, status = 0;
	char *rest, *word = strtok_r(text, gaps, &rest);

	for (; word && status == 0; word = strtok_r(NULL, gaps, &rest)) {
		if (strncmp(word, "-l", 2) == 0)
			status = wait_for(waiting, word + 2);
		else if (word[0] == '/' || strncmp(word, "lib", 3) == 0)
			status = wait_for(waiting, word);
	}
	for (int i = first, j = waiting->count - 1; i < j; i++, j--) {
		char *other = waiting->words[i];

		waiting->words[i] = waiting->words[j];
		waiting->words[j] = other;
	}
	return status;
}

static void blank_comments(char *text)
{
	for (char *begin = text; (begin = strstr(begin, "/*"));) {
		char *end = strstr(begin + 2, "*/");
		size_t length = end ? (size_t)(end + 2 - begin) : strlen(begin);

		memset(begin, ' ', length);
		begin += length;
	}
}

/* Its first word is a command of such a script. */
static bool begins_script(const char *text)
{
	static const char *const commands[] = {"GROUP", "INPUT", "OUTPUT_FORMAT", "SEARCH_DIR"};

	text += strspn(text, " \t\r\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t length = strlen(commands[i]);

		if (strncmp(text, commands[i], length) == 0 && strchr(" \t(", text[length]))
			return strstr(text, "GROUP") || strstr(text, "INPUT");
	}
	return false;
}

/* The file's text without comments if it is one of a script. */
static bool read_script(char *text, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = 0;

	/* A pipe would be waited for. */
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, SCRIPT_SIZE - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n <= 0 || strlen(text) != (size_t)n)
		return false;
	blank_comments(text);
	return begins_script(text);
}

static int load_file(struct libraries *libraries, struct waiting *waiting, const char *path)
{
	size_t length = strlen(path);
	char text[SCRIPT_SIZE];
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		complain(path, "not a regular file");
		return -1;
	}
	if (libraries->nscripts < SCRIPTS && read_script(text, path)) {
		libraries->nscripts++;
		return take_script(waiting, text);
	}
	if (length > 2 && strcmp(path + length - 2, ".a") == 0)
		return libraries->archive(libraries->host, path);
	// cppcheck-suppress leakNoVarFunctionCall ; it stays loaded
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

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

/* In the folder of the newest compiler that has it. */
static bool find_of_compiler(char *path, const char *name)
{
	glob_t folders;
	bool found = false;

	if (glob(compiler_directories, GLOB_BRACE | GLOB_NOSORT, NULL, &folders) != 0)
		return false;
	qsort(folders.gl_pathv, folders.gl_pathc, sizeof *folders.gl_pathv, by_version);
	for (size_t i = 0; i < folders.gl_pathc && !found; i++)
		found = find(path, folders.gl_pathv[i], name);
	globfree(&folders);
	return found;
}

static int load(struct libraries *libraries, struct waiting *waiting, const char *name)
{
	char path[PATH_MAX];

	for (int i = 0; i < libraries->ndirectories && name[0] != '/'; i++)
		if (find(path, libraries->directories[i], name))
			return load_file(libraries, waiting, path);
	if (strchr(name, '/'))
		return load_file(libraries, waiting, name);
	/* What the system's dynamic linker finds by itself, without a development package, is its business. */
	// cppcheck-suppress leakNoVarFunctionCall
	if (strchr(name, '.') && dlopen(name, RTLD_NOW | RTLD_GLOBAL))
		return 0;
	if (find_of_compiler(path, name))
		return load_file(libraries, waiting, path);
	for (size_t i = 0; i < sizeof system_directories / sizeof *system_directories; i++)
		if (find(path, system_directories[i], name))
			return load_file(libraries, waiting, path);
	if (strchr(name, '.'))
		complain(name, "no such library");
	else
		complain(name, "there is no lib%s.so and no lib%s.a; a name with a dot, like lib%s.so.1, is taken as it is", name,
			name, name);
	return -1;
}

static int load_waiting(struct libraries *libraries, struct waiting *waiting, int status)
{
	while (waiting->count > 0) {
		char *word = waiting->words[--waiting->count];

		if (status == 0)
			status = load(libraries, waiting, word);
		free(word);
	}
	return status;
}

int library_load(struct libraries *libraries, const char *name)
{
	struct waiting waiting = {.count = 0};

	return load_waiting(libraries, &waiting, wait_for(&waiting, name));
}

int library_load_file(struct libraries *libraries, const char *path)
{
	struct waiting waiting = {.count = 0};
	char here[PATH_MAX];

	/* A name without a slash is searched by the dynamic linker. */
	snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path);
	return load_waiting(libraries, &waiting, load_file(libraries, &waiting, here));
}

bool library_is_script(const char *path)
{
	char text[SCRIPT_SIZE];

	return read_script(text, path);
}
