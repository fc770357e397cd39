/* SPDX-License-Identifier: MIT */
/* A mutated file goes through `lode show` and `lode check`, called in this process with their output caught: statuses as
 * documented, one line for an error, no control bytes, valid JSON, an end within seconds. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../cli/cli.h"
#include "hostile.h"
#include "json_valid.h"
#include "try.h"

static unsigned long runs, good, shown_bytes;

static const struct call {
	const char *arguments[8];
	bool json;
} calls[] = {
	{{"show"}, false},
	{{"show", "--json"}, true},
	{{"check"}, false},
	{{"show", "--json", "--plan", "--sections", "--symbols", "--dynamic-symbols"}, true},
	{{"check", "--json", "--for", "any"}, true},
	{{"show", "--plan", "--sections", "--symbols", "--dynamic-symbols", "--ascii"}, false},
	{{"check", "--for", "pvh"}, false},
	{{"show", "--for", "kernel", "--page-size", "2M"}, false},
	{{"check", "--for", "linux-process"}, false},
	{{"show", "--svg", "-"}, false},
	{{"check", "--for", "limine"}, false},
	{{"check", "--for", "module"}, false},
};
enum { NCALLS = sizeof calls / sizeof *calls };

struct caught {
	FILE *stream, *real;
	char *text;
	size_t size;
};

static void catch_begin(struct caught *c, FILE **stream)
{
	c->real = *stream;
	c->stream = *stream = open_memstream(&c->text, &c->size);
	if (c->stream == NULL)
		abort();
}

static void catch_end(struct caught *c, FILE **stream)
{
	fclose(c->stream);
	*stream = c->real;
}

/* Names out of the file must not steer a terminal. */
static bool printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

static void judge(const struct call *call, int status, const struct caught *out, const struct caught *err)
{
	bool show = strcmp(call->arguments[0], "show") == 0;

	HOLDS(show ? status == 0 || status == 1 : status == 0 || status == 1 || status == 3 || status == 4);
	HOLDS(printable(out->text, out->size) && printable(err->text, err->size));
	HOLDS(!(show && status == 1) || (err->size > 0 && strchr(err->text, '\n') == err->text + err->size - 1));
	HOLDS(!(show && status == 0) || out->size > 0);
	if (call->json && out->size > 0) {
		HOLDS(json_valid(out->text, out->size));
		shown_bytes += out->size;
	}
	good += status == 0;
}

static void run_call(const struct call *call, const char *path)
{
	char *argv[10];
	int argc = 0, status;
	struct caught out, err;

	for (; call->arguments[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)call->arguments[argc];
	argv[argc++] = (char *)(uintptr_t)path;
	argv[argc] = NULL;
	alarm(20);
	catch_begin(&out, &stdout);
	catch_begin(&err, &stderr);
	status = strcmp(argv[0], "show") == 0 ? cmd_show(argc, argv) : cmd_check(argc, argv);
	catch_end(&err, &stderr);
	catch_end(&out, &stdout);
	alarm(0);
	judge(call, status, &out, &err);
	free(out.text);
	free(err.text);
}

bool hostile_wants(const char *name)
{
	(void)name;
	return true;
}

void hostile_try_call(const unsigned char *bytes, size_t size, unsigned long which)
{
	static int fd = -1;
	char path[32];

	if (fd < 0)
		fd = memfd_create("mutated", 0);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	run_call(&calls[which % NCALLS], path);
}

void hostile_try(const unsigned char *bytes, size_t size)
{
	hostile_try_call(bytes, size, runs++);
}

unsigned long hostile_good(void)
{
	return good;
}

void hostile_report(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%lu calls, %lu of them with status 0, %lu bytes of JSON, at most %ld MiB of memory\n", runs, good, shown_bytes,
		usage.ru_maxrss / 1024);
#if !defined(__SANITIZE_ADDRESS__)
	HOLDS(usage.ru_maxrss < 64 * 1024);
#endif
}
