/* SPDX-License-Identifier: MIT */
/* lode_exec_prepare with each of its system calls failing in turn: it must say so, and leave no mapping and no descriptor behind.
 * Built with the host's sources and LODE_EXEC_INJECT. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lode/exec.h>

#include "../check.h"

int64_t lode_exec_inject_(uint64_t nr);

enum { NR_CLOSE = 3, NR_MUNMAP = 11, SNAPSHOT = 1 << 16 };

static long countdown; /* calls until one fails; 0: none does */
static long calls;
static int64_t error;

/* Cleaning up is not made to fail: close always lets go, and munmap fails only where a process has as many mappings as it may. */
int64_t lode_exec_inject_(uint64_t nr)
{
	if (nr == NR_CLOSE || nr == NR_MUNMAP)
		return 0;
	return ++calls == countdown ? error : 0;
}

/* Everything that prepare could leave behind: mappings (with their permissions) and descriptors. */
static void snapshot(char *buf)
{
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, buf + size, SNAPSHOT - 1 - size)) > 0)
		size += (size_t)n;
	close(fd);
	buf[size] = 0;
	for (int i = 0; i < 64; i++)
		if (fcntl(i, F_GETFD) >= 0)
			snprintf(buf + strlen(buf), 16, "fd %d\n", i);
}

static char before[SNAPSHOT + 2048], after[SNAPSHOT + 2048];

static const char *const argv[] = {"x", "y", NULL};
static const char *const envp[] = {"A=1", NULL};

static struct lode_exec_request request_of(const char *path)
{
	return (struct lode_exec_request){.path = path, .argv = argv, .envp = envp};
}

/* Prepare with the given call failing. True if that call was reached. */
static bool once(const struct lode_exec_request *request, long which, int64_t with)
{
	struct lode_exec_error why;
	struct lode_exec exec;
	int status;

	if (request->from == LODE_EXEC_FD)
		lseek(request->fd, 0, SEEK_SET);
	calls = 0;
	countdown = which;
	error = with;
	snapshot(before);
	status = lode_exec_prepare(&exec, request, &why);
	countdown = 0;
	if (status == 0)
		lode_exec_cancel(&exec);
	else if (!CHECK(status == -why.error && status < 0 && why.error < 200))
		printf("call %ld: status %d, error %d\n", which, status, why.error);
	snapshot(after);
	if (!CHECK_STR(after, before))
		printf("call %ld failing with %d leaves something behind\n", which, (int)-with);
	CHECK(exec.state == NULL);
	return calls >= which;
}

static void each_call(const struct lode_exec_request *request, const char *what)
{
	static const int errors[] = {ENOMEM, EPERM, EINVAL, EINTR, EMFILE, EIO};

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		long which = 1;

		check_case("%s, each call failing with %s", what, strerror(errors[i]));
		while (which < 1000 && once(request, which, -errors[i]))
			which++;
		CHECK(which > 20 && which < 1000);
	}
}

/* Without any failure it works, and cancel leaves nothing either. */
static void undisturbed(const struct lode_exec_request *request, const char *what)
{
	struct lode_exec_error why = {0};
	struct lode_exec exec;

	check_case("%s, undisturbed", what);
	snapshot(before);
	if (!CHECK_EQ(lode_exec_prepare(&exec, request, &why), 0))
		printf("%d %d %s %s\n", why.error, (int)why.step, why.file, why.reason ? why.reason : "");
	else
		lode_exec_cancel(&exec);
	snapshot(after);
	CHECK_STR(after, before);
}

static int pipe_with(const char *path)
{
	int ends[2], fd = open(path, O_RDONLY);
	char block[4096];
	ssize_t n;

	CHECK(pipe(ends) == 0);
	if (fork() == 0) {
		if (fork())
			_exit(0);
		while ((n = read(fd, block, sizeof block)) > 0)
			if (write(ends[1], block, (size_t)n) != n)
				_exit(1);
		_exit(0);
	}
	wait(NULL);
	close(ends[1]);
	close(fd);
	return ends[0];
}

/* A pipe can be read once: a new one for each call. */
static void each_call_of_a_pipe(const char *path)
{
	struct lode_exec_request request = request_of(NULL);
	bool more = true;
	long which = 1;

	check_case("%s through a pipe, each call failing", path);
	request.from = LODE_EXEC_FD;
	for (; more && which < 1000; which++) {
		request.fd = pipe_with(path);
		more = once(&request, which, -ENOSYS);
		close(request.fd);
	}
	CHECK(which > 20);
}

static void refusals(void)
{
	static const struct {
		const char *path;
		int error;
	} table[] = {
		{"/nosuch", ENOENT}, {"/", EACCES}, {"/etc/passwd", EACCES}, {"", ENOENT}, {"/dev/null", EACCES},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct lode_exec_request request = request_of(table[i].path);
		struct lode_exec_error why = {0};
		struct lode_exec exec;

		check_case("refused: \"%s\"", table[i].path);
		snapshot(before);
		CHECK_EQ(lode_exec_prepare(&exec, &request, &why), -table[i].error);
		CHECK_EQ(why.error, table[i].error);
		CHECK_EQ(why.step, LODE_EXEC_STEP_OPEN);
		CHECK_STR(why.file, table[i].path);
		snapshot(after);
		CHECK_STR(after, before);
		CHECK_EQ(lode_exec_prepare(&exec, &request, NULL), -table[i].error);
		CHECK_EQ(lode_exec_commit(&exec, &why), -EINVAL);
		lode_exec_cancel(&exec);
	}
}

/* A child that borrows its parent's memory must not be allowed to begin. */
static void vfork_child(void)
{
	struct lode_exec_request request = request_of("/bin/true");
	struct lode_exec_error why = {0};
	struct lode_exec exec;
	volatile int result = 0;
	pid_t child;

	check_case("a vfork child is refused");
	child = vfork();
	if (child == 0) {
		result = lode_exec_prepare(&exec, &request, &why);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	CHECK_EQ(result, -EBUSY);
	CHECK_EQ(why.step, LODE_EXEC_STEP_THREADS);
	CHECK(why.reason != NULL);
}

/* Every prefix of a program, and every bit of its headers: refused or prepared, never anything left behind. */
static void damaged(const char *path)
{
	static char bytes[1 << 20];
	struct lode_exec_request request = request_of(NULL);
	int fd = open(path, O_RDONLY);
	size_t size = (size_t)read(fd, bytes, sizeof bytes);

	close(fd);
	request.from = LODE_EXEC_MEMORY;
	request.bytes = bytes;
	check_case("%s cut at every byte of its headers", path);
	for (request.size = 0; request.size < 1200; request.size++)
		once(&request, 0, 0);
	check_case("%s with each bit of its headers changed", path);
	request.size = size;
	for (size_t bit = 0; bit < (64 + 13 * 56) * 8; bit++) {
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
		once(&request, 0, 0);
		bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
	}
}

int main(int argc, char **argv_)
{
	const char *paths[] = {"/bin/true", argc > 1 ? argv_[1] : NULL, argc > 2 ? argv_[2] : NULL};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct lode_exec_request request = request_of(paths[i]);

		if (!paths[i])
			continue;
		undisturbed(&request, paths[i]);
		each_call(&request, paths[i]);
	}
	each_call_of_a_pipe("/bin/true");
	refusals();
	vfork_child();
	damaged("/bin/true");
	return check_done();
}
