/* SPDX-License-Identifier: MIT */
/* A mutated file goes through lode_exec_prepare and is cancelled: this process keeps its mappings and descriptors, whatever
 * the file asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lode/exec.h>

#include "hostile.h"
#include "try.h"

static unsigned long runs, prepared, refused_by_core;

/* This process's mappings as the kernel writes them down, without the help of anything that would map more. */
static size_t read_maps(char *text, size_t size)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	while (fd >= 0 && length < size && (got = read(fd, text + length, size - length)) > 0)
		length += (size_t)got;
	close(fd);
	return length;
}

static uint64_t descriptors(void)
{
	uint64_t open_ones = 0;

	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			open_ones |= UINT64_C(1) << fd;
	return open_ones;
}

static void judge(int status, const struct lode_exec_error *why, size_t size)
{
	if (status == 0) {
		prepared++;
		return;
	}
	HOLDS(status < 0 && status > -4096 && why->error == -status);
	HOLDS(lode_exec_errno_name(why->error)[0] == 'E');
	HOLDS(lode_exec_step_name(why->step)[0] != '\0');
	if (why->diag.rule != LODE_RULE_NONE) {
		refused_by_core++;
		hostile_refusal((int)why->diag.status, &why->diag, size);
	}
}

/* Files of other machines and classes are refused by their first bytes. */
bool hostile_wants(const char *name)
{
	return strncmp(name, "cc ", 3) == 0 ? strstr(name, "-32") == NULL : strcmp(name + strlen(name) - 9, "64-little") == 0;
}

void hostile_try(const unsigned char *bytes, size_t size)
{
	static char before[1 << 18], after[1 << 18];
	static const char *const argv[] = {"program", "one", NULL}, *const envp[] = {"A=B", NULL};
	static int fd = -1;
	struct lode_exec_request request = {.argv = argv, .envp = envp, .path = "mutated", .fd = fd};
	struct lode_exec exec = {NULL};
	struct lode_exec_error why;
	size_t length;
	uint64_t open_ones;
	int status;

	if (fd < 0)
		request.fd = fd = memfd_create("mutated", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size || fchmod(fd, 0700) != 0)
		abort();
	request.from = runs++ % 2 == 0 ? LODE_EXEC_MEMORY : LODE_EXEC_FD;
	request.flags = runs % 3 == 0 ? LODE_EXEC_NO_ASLR : 0;
	request.bytes = bytes;
	request.size = size;
	memset(&why, 0xee, sizeof why);
	alarm(20);
	open_ones = descriptors();
	length = read_maps(before, sizeof before);
	status = lode_exec_prepare(&exec, &request, &why);
	HOLDS(status != 0 || exec.state != NULL);
	if (status == 0)
		lode_exec_cancel(&exec);
	HOLDS(read_maps(after, sizeof after) == length && memcmp(before, after, length) == 0);
	HOLDS(descriptors() == open_ones);
	alarm(0);
	judge(status, &why, size);
}

unsigned long hostile_good(void)
{
	return prepared;
}

void hostile_report(void)
{
	printf("%lu files, %lu prepared and cancelled, %lu refused by the core's rules\n", runs, prepared, refused_by_core);
}
