/* SPDX-License-Identifier: MIT */
/* A glibc program that becomes another one by lode_exec: host OPTIONS PROGRAM ARGS. Exit status: the errno if that is refused.
 * Options: m handlers, altstack, timers, descriptors, locks left behind; q timers that ring soon; t four busy threads; n from a
 * thread that is not the leader; p program from a pipe; d from a descriptor (x: that stays open); M from memory; f fresh;
 * W no memory may become executable; S sealed pages; s no-setid; o own-exe; T trace; e print the error;
 * v memory shared with another process; N a name of its own for AT_EXECFN; B no bytes; c the kernel's execve instead; - none. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lode/exec.h>

extern char **environ;

static char *options;
static char **program;

static bool has(char option)
{
	return strchr(options, option) != NULL;
}

static void on_signal(int signal)
{
	(void)signal;
	write(2, "a handler of the old program ran\n", 33);
	_exit(99);
}

static void *busy(void *kind)
{
	volatile unsigned long count = 0;

	for (;;) {
		if (kind == NULL)
			pause();
		else
			count++;
	}
	return NULL;
}

static void start_threads(void)
{
	static char spin;
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, busy, i & 1 ? &spin : NULL))
			exit(98);
}

/* Everything that exec has to take back. */
static void leave_a_mess(void)
{
	static char stack[65536];
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec soon = {.it_value = {.tv_sec = has('q') ? 0 : 100, .tv_nsec = 400000000},
		.it_interval = {.tv_nsec = 20000000}};
	timer_t timer;

	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP && i != SIGPIPE)
			sigaction(i, &action, NULL);
	action.sa_handler = SIG_DFL;
	action.sa_flags = SA_NOCLDWAIT;
	sigaction(SIGCHLD, &action, NULL);
	sigaltstack(&alternative, NULL);
	for (int i = 0; i < 3; i++) {
		timer_create(CLOCK_MONOTONIC, &event, &timer);
		timer_settime(timer, 0, &soon, NULL);
	}
	for (int i = 0; i < 5; i++)
		open("/dev/null", O_RDONLY | O_CLOEXEC);
	fcntl(0, F_DUPFD_CLOEXEC, 200);
	/* with a limit on locked memory (root has none) what is mapped later may not fit it: a prepare would rightly be refused */
	mlockall(geteuid() == 0 ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT);
	malloc(1 << 22);
	__asm__ volatile("fldpi; fldpi" ::: "st", "st(1)");
	__asm__ volatile("pcmpeqd %%xmm15, %%xmm15; pcmpeqd %%xmm3, %%xmm3" ::: "xmm15", "xmm3");
}

static char *read_whole(const char *path, size_t *size)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes;

	if (fd < 0 || fstat(fd, &stat))
		exit(97);
	bytes = malloc((size_t)stat.st_size + 1);
	*size = (size_t)read(fd, bytes, (size_t)stat.st_size);
	close(fd);
	return bytes;
}

static int pipe_of(const char *path)
{
	int ends[2];
	size_t size;
	char *bytes;

	if (pipe(ends))
		exit(96);
	bytes = read_whole(path, &size);
	if (fork() == 0) {
		close(ends[0]);
		if (fork())
			_exit(0);
		for (size_t done = 0; done < size;) {
			ssize_t n = write(ends[1], bytes + done, size - done);

			if (n <= 0)
				_exit(1);
			done += (size_t)n;
		}
		_exit(0);
	}
	wait(NULL);
	close(ends[1]);
	free(bytes);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	return ends[0];
}

/* No memory may become executable that was not so from the beginning. */
static void forbid_new_code(void)
{
	enum { PR_SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };

	if (prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0))
		exit(93);
}

/* Pages that nobody can unmap any more. */
static void seal(void)
{
	enum { NR_MSEAL = 462, SIZE = 5 * 4096 };
	char *pages = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || syscall(NR_MSEAL, pages, SIZE, 0))
		exit(92);
}

static volatile bool staying;

static int stay(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	staying = true;
	for (;;)
		pause();
	return 0;
}

/* As a vfork child, seen from its parent. It ends with this process. */
static void share_memory(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	if (clone(stay, stack + sizeof stack, CLONE_VM, NULL) < 0)
		exit(91);
	while (!staying)
		sched_yield();
}

static void trace(void *host, const struct lode_exec_event *event)
{
	(void)host;
	fprintf(stderr, "trace: %d %s\n", event->kind, event->text ? event->text : "");
}

static void become(void)
{
	struct lode_exec_request request = {.path = program[0], .argv = (const char *const *)program,
		.envp = (const char *const *)environ};
	struct lode_exec_error why;
	struct lode_exec exec;

	if (has('p')) {
		request.from = LODE_EXEC_FD;
		request.fd = pipe_of(program[0]);
	} else if (has('d')) {
		request.from = LODE_EXEC_FD;
		request.fd = open(program[0], O_RDONLY | (has('x') ? 0 : O_CLOEXEC));
	} else if (has('M')) {
		request.from = LODE_EXEC_MEMORY;
		request.bytes = read_whole(program[0], (size_t *)&request.size);
	}
	if (has('p') || has('M'))
		request.execfn = program[0];
	if (has('N'))
		request.execfn = "a name";
	if (has('B'))
		request.from = LODE_EXEC_MEMORY;
	if (has('f'))
		request.flags |= LODE_EXEC_FRESH;
	if (has('s'))
		request.flags |= LODE_EXEC_NO_SETID;
	if (has('o'))
		request.flags |= LODE_EXEC_OWN_EXE;
	if (has('T'))
		request.trace = trace;
	if (has('c')) {
		execve(program[0], program, environ);
		perror(program[0]);
		_exit(95);
	}
	if (lode_exec_prepare(&exec, &request, &why) == 0)
		lode_exec_commit(&exec, &why);
	if (has('e'))
		fprintf(stderr, "%d %d %s %s %d\n", why.error, why.step, why.file, why.reason ? why.reason : "-", why.diag.rule);
	_exit(why.error);
}

static void *become_thread(void *unused)
{
	(void)unused;
	become();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3)
		return 2;
	options = argv[1];
	program = argv + 2;
	if (has('t'))
		start_threads();
	if (has('v'))
		share_memory();
	if (has('m'))
		leave_a_mess();
	if (has('W'))
		forbid_new_code();
	if (has('S'))
		seal();
	if (!has('n'))
		become();
	if (pthread_create(&thread, NULL, become_thread, NULL))
		return 94;
	for (;;)
		pause();
}
