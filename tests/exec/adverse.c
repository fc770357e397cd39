/* SPDX-License-Identifier: MIT */
/* adverse STATIC-HOST: a process in an adverse state, or a file that changes under prepare: refused as promised, or what execve
 * leaves is left. Each case acts in a child, whose exit status is 0 if what it became says so, the errno of a refusal, or a
 * signal. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lode/exec.h>

#include "../check.h"

extern char **environ;

enum { SURPRISE = 99, TIMED_OUT = 98 };

static struct lode_exec_request request_of(const char *const *argv)
{
	return (struct lode_exec_request){.path = argv[0], .argv = argv, .envp = (const char *const *)environ};
}

static int become(const struct lode_exec_request *request)
{
	struct lode_exec_error why;
	struct lode_exec exec = {0};

	if (lode_exec_prepare(&exec, request, &why) == 0 && lode_exec_commit(&exec, &why) == 0)
		return SURPRISE;
	lode_exec_cancel(&exec);
	return why.error;
}

/* What the child ends with; 256 + N: by signal N. */
static int outcome(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act());
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static char place[] = "/tmp/lode-adverse-XXXXXX";

static const char *in_place(char *path, const char *name)
{
	snprintf(path, 128, "%s/%s", place, name);
	return path;
}

/* A mutex in memory that is shared with the next owner. */
static pthread_mutex_t *shared_mutex;

static int die_with_mutex(void)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const struct lode_exec_request request = request_of(argv);

	pthread_mutex_lock(shared_mutex);
	return become(&request);
}

static void test_robust_mutex(void)
{
	struct timespec end;
	pthread_mutexattr_t attributes;

	shared_mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(shared_mutex, &attributes);
	CHECK_EQ(outcome(die_with_mutex), 0);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 5;
	CHECK_EQ(pthread_mutex_timedlock(shared_mutex, &end), EOWNERDEAD);
	munmap(shared_mutex, 4096);
}

/* The list's entries lead anywhere: nobody is woken, and the program starts. */
static int damaged_list(void)
{
	static const char *const argv[] = {"/bin/true", NULL};
	static struct {
		void *next;
		long offset;
		void *pending;
	} head = {(void *)0x10, 0x7fffffffff, (void *)-8};
	const struct lode_exec_request request = request_of(argv);

	syscall(SYS_set_robust_list, &head, sizeof head);
	return become(&request);
}

/* An entry's futex is this thread's, and nobody may write to it. */
static int read_only_futex(void)
{
	static const char *const argv[] = {"/bin/true", NULL};
	static struct {
		void *next;
		long offset;
		void *pending;
	} head;
	const struct lode_exec_request request = request_of(argv);
	uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[0] = (uint64_t)(uintptr_t)&head;
	page[1] = (uint64_t)syscall(SYS_gettid);
	head.next = page;
	head.offset = 8;
	if (mprotect(page, 4096, PROT_READ))
		return SURPRISE;
	syscall(SYS_set_robust_list, &head, sizeof head);
	return become(&request);
}

static void test_damaged_robust_list(void)
{
	CHECK_EQ(outcome(damaged_list), 0);
	CHECK_EQ(outcome(read_only_futex), 0);
}

/* The file is cut after its headers were read and before its pages are mapped. */
static char victim[128];

static void cut(void *host, const struct lode_exec_event *event)
{
	(void)host;
	if (event->kind == LODE_EXEC_EVENT_IMAGE && strcmp(event->text, "program") == 0 && truncate(victim, 4096))
		_exit(SURPRISE);
}

static int run_shrinking(void)
{
	const char *const argv[] = {victim, NULL};
	struct lode_exec_request request = request_of(argv);

	request.trace = cut;
	return become(&request);
}

static bool copy_file(const char *to, const char *from)
{
	char command[512];

	snprintf(command, sizeof command, "cp %s %s && chmod 755 %s", from, to, to);
	return system(command) == 0;
}

static void test_shrinking_file(void)
{
	CHECK(copy_file(in_place(victim, "victim"), "/bin/ls"));
	CHECK_EQ(outcome(run_shrinking), EFAULT);
}

/* As container runtimes do it. */
static void forbid(long call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(SURPRISE);
}

static int act_true(void *unused)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const struct lode_exec_request request = request_of(argv);

	(void)unused;
	_exit(become(&request));
}

static int vfork_behind_filter(void)
{
	static char stack[1 << 18] __attribute__((aligned(64)));
	int status;
	pid_t pid;

	forbid(SYS_unshare);
	pid = clone(act_true, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : SURPRISE;
}

static int alone_behind_filter(void)
{
	forbid(SYS_unshare);
	return act_true(NULL);
}

static int shrinking_behind_filter(void)
{
	forbid(SYS_process_vm_writev);
	return run_shrinking();
}

static int writes_behind_filter(void)
{
	static const char *const argv[] = {"/bin/ls", "/dev/null", NULL};
	const struct lode_exec_request request = request_of(argv);

	forbid(SYS_process_vm_writev);
	return freopen("/dev/null", "w", stdout) ? become(&request) : SURPRISE;
}

static void test_filters(void)
{
	CHECK_EQ(outcome(vfork_behind_filter), EBUSY);
	CHECK_EQ(outcome(alone_behind_filter), 0);
	CHECK_EQ(outcome(writes_behind_filter), 0);
	CHECK(copy_file(victim, "/bin/ls"));
	CHECK_EQ(outcome(shrinking_behind_filter), EFAULT);
}

/* The leader waits for a vfork child and cannot take the signal; meanwhile the libc uses the same signal for setuid. */
static volatile unsigned long ticks;

static void *tick(void *unused)
{
	(void)unused;
	for (;;) {
		usleep(1000);
		ticks++;
	}
	return NULL;
}

static void *set_identity(void *unused)
{
	(void)unused;
	sleep(2);
	setuid(getuid());
	return NULL;
}

static void *commit_meanwhile(void *unused)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const struct lode_exec_request request = request_of(argv);
	unsigned long before;
	int error;

	(void)unused;
	sleep(1);
	error = become(&request);
	before = ticks;
	usleep(300000);
	_exit(before == ticks ? SURPRISE : error);
}

static int refused_commit(void)
{
	pthread_t threads[3];

	if (pthread_create(&threads[0], NULL, tick, NULL) || pthread_create(&threads[1], NULL, commit_meanwhile, NULL) ||
		pthread_create(&threads[2], NULL, set_identity, NULL))
		return SURPRISE;
	if (vfork() == 0) {
		nanosleep(&(struct timespec){.tv_sec = 20}, NULL);
		_exit(0);
	}
	return TIMED_OUT;
}

static void test_refused_commit_harms_nobody(void)
{
	CHECK_EQ(outcome(refused_commit), EAGAIN);
}

/* What is mapped is locked at once: into a limit, or without one. What comes out has nothing locked, and will not. */

static const char *const unlocked_argv[] = {"/bin/sh", "-c",
	"x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do x=$x$x; done; "
	"while read k v u; do test $k = VmLck: && { test $v = 0; exit; }; done </proc/self/status; exit 99", NULL};

/* An ordinary user's process, whose limit of locked memory counts. */
static void lose_privileges(rlim_t locked)
{
	const struct rlimit limit = {locked, locked};

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		_exit(SURPRISE);
	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		_exit(SURPRISE);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static unsigned long locked_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kib = ULONG_MAX;
	char line[256];

	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "VmLck: %lu", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

static int locked_with_room(void)
{
	const struct lode_exec_request request = request_of(unlocked_argv);

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return errno;
	return locked_kib() > 0 ? become(&request) : SURPRISE;
}

/* Refused with a reason, nothing is mapped or unlocked; then the caller unlocks. */
static int locked_without_room(rlim_t limit, bool early)
{
	const struct lode_exec_request request = request_of(unlocked_argv);
	struct lode_exec_error why = {0};
	struct lode_exec exec = {0};
	unsigned long before;
	void *page;

	lose_privileges(limit);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mlock(page, 4096) || mlockall(MCL_FUTURE))
		return errno;
	before = locked_kib();
	if (lode_exec_prepare(&exec, &request, &why) != -EAGAIN || !strstr(why.reason, "munlockall"))
		return SURPRISE;
	if ((why.step == LODE_EXEC_STEP_HOST) != early || before != locked_kib())
		return SURPRISE;
	if (mmap(NULL, limit, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return SURPRISE;
	return munlockall() ? errno : become(&request);
}

static int locked_without_room_for_us(void)
{
	return locked_without_room(64 << 10, true);
}

static int locked_without_room_for_the_program(void)
{
	return locked_without_room((2 << 20) + (256 << 10), false);
}

static void test_locked_memory(void)
{
	int got = outcome(locked_with_room);

	if (got == ENOMEM || got == EPERM)
		SKIP("memory cannot be locked here");
	else
		CHECK_EQ(got, 0);
	CHECK_EQ(outcome(locked_without_room_for_us), 0);
	CHECK_EQ(outcome(locked_without_room_for_the_program), 0);
}

/* Everything readable would be executable, for this program and for the next. */
static int executable_pages(void)
{
	static const char *const argv[] = {"/bin/sh", "-c",
		"read p </proc/self/personality && test $p = 00000000 && ! grep -E ' r.x.* .(heap|stack)' /proc/self/maps", NULL};
	const struct lode_exec_request request = request_of(argv);

	personality(READ_IMPLIES_EXEC);
	return become(&request);
}

static int keeps_personality(void)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const struct lode_exec_request request = request_of(argv);
	struct lode_exec exec;

	personality(READ_IMPLIES_EXEC);
	if (lode_exec_prepare(&exec, &request, NULL))
		return SURPRISE;
	lode_exec_cancel(&exec);
	return personality(0xffffffff) == READ_IMPLIES_EXEC ? 0 : SURPRISE;
}

static void test_personality(void)
{
	CHECK_EQ(outcome(executable_pages), 0);
	CHECK_EQ(outcome(keeps_personality), 0);
}

/* Pipes. */

static int from_pipe(const char *command, int (*limit)(void))
{
	static const char *const argv[] = {"ls", "/dev/null", NULL};
	struct lode_exec_request request = request_of(argv);
	FILE *pipe = popen(command, "r");

	request.from = LODE_EXEC_FD;
	request.fd = fileno(pipe);
	if ((limit && limit()) || !freopen("/dev/null", "w", stdout))
		return SURPRISE;
	return become(&request);
}

static int small_files(void)
{
	return setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
}

static int endless(void)
{
	return from_pipe("yes", NULL);
}

static int limited(void)
{
	return from_pipe("cat /bin/ls", small_files);
}

static void test_pipes(void)
{
	CHECK_EQ(outcome(endless), ENOEXEC);
	CHECK_EQ(outcome(limited), 0);
}

/* An empty PT_LOAD at address 0 where PT_NOTE was: execve counts it as code, prctl would not take that. */
static bool add_empty_segment(const char *path)
{
	enum { PHDRS = 64, PHENT = 56, PHNUM_AT = 56, NOTE = 4 };
	const uint32_t load[2] = {1, 5};
	const uint64_t rest[6] = {0, 0, 0, 0, 0, 4096};
	uint16_t phnum = 0;
	uint32_t type = 0;
	int fd = open(path, O_RDWR);
	off_t at = PHDRS;

	pread(fd, &phnum, sizeof phnum, PHNUM_AT);
	for (; phnum; phnum--, at += PHENT)
		if (pread(fd, &type, sizeof type, at) == sizeof type && type == NOTE)
			break;
	return phnum && pwrite(fd, load, sizeof load, at) == sizeof load &&
		pwrite(fd, rest, sizeof rest, at + 8) == sizeof rest && close(fd) == 0;
}

static const char *static_host; /* host.c at a fixed address */

static int own_exe(void)
{
	char path[128];
	const char *const argv[] = {in_place(path, "empty"), "-", "/bin/true", NULL};
	struct lode_exec_request request = request_of(argv);

	request.flags = LODE_EXEC_OWN_EXE;
	return become(&request);
}

static void test_empty_segment_at_zero(void)
{
	char path[128];
	int got;

	CHECK(copy_file(in_place(path, "empty"), static_host));
	CHECK(add_empty_segment(path));
	got = outcome(own_exe);
	if (got == EPERM)
		SKIP("own exe needs a privilege or a user namespace");
	else
		CHECK_EQ(got, 0);
}

static void test_unknown_wishes(void)
{
	const char *const argv[] = {"/bin/true", NULL};
	struct lode_exec_request request = request_of(argv);
	struct lode_exec_error why;
	struct lode_exec exec;

	request.flags = 0x8000;
	CHECK_EQ(lode_exec_prepare(&exec, &request, &why), -EINVAL);
	CHECK(!exec.state);
	request.flags = 0;
	request.from = (enum lode_exec_from)9;
	CHECK_EQ(lode_exec_prepare(&exec, &request, NULL), -EINVAL);
}

/* What only the calling thread gives up. */
static int give_up_gains(void)
{
	return (int)syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int give_up_groups(void)
{
	gid_t groups[40];

	for (unsigned i = 0; i < 40; i++)
		groups[i] = 100000 + i;
	groups[39]++;
	return (int)syscall(SYS_setgroups, 40, groups);
}

static int (*give_up)(void);

static void *give_up_rights_and_commit(void *unused)
{
	const char *const argv[] = {"/bin/false", NULL};
	struct lode_exec_request request = request_of(argv);
	struct lode_exec_error why = {0};
	struct lode_exec exec;

	(void)unused;
	if (give_up() != 0 || lode_exec_prepare(&exec, &request, &why) != 0)
		return (void *)1;
	return lode_exec_commit(&exec, &why) == -EPERM && why.step == LODE_EXEC_STEP_THREADS ? NULL : (void *)1;
}

/* The first thread has not given up what this one has, and would become the program. */
static int other_rights(void)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, give_up_rights_and_commit, NULL) != 0)
		return 2;
	pthread_join(thread, &result);
	return result != NULL;
}

/* The groups differ in the last of forty only. */
static int other_groups(void)
{
	gid_t groups[40];

	for (unsigned i = 0; i < 40; i++)
		groups[i] = 100000 + i;
	return setgroups(40, groups) != 0 ? 2 : other_rights();
}

static void test_rights_of_the_first_thread(void)
{
	give_up = give_up_gains;
	CHECK_EQ(outcome(other_rights), 0);
	give_up = give_up_groups;
	if (geteuid() == 0)
		CHECK_EQ(outcome(other_groups), 0);
	else
		SKIP("other groups: only root can have them");
}

/* The page that the new stack's top will be in, read-only. */
__attribute__((noinline)) static int read_only_stack(void)
{
	const char *const argv[] = {"/bin/true", NULL};
	uintptr_t page = (uintptr_t)getauxval(AT_RANDOM) & ~(uintptr_t)4095;
	struct lode_exec_request request = request_of(argv);

	request.path = "/bin/true";
	if (mprotect((void *)page, 4096, PROT_READ) != 0)
		return 2;
	return become(&request);
}

/* Two pages further down the stack, so that what is called does not write into that page. */
static int below(void)
{
	volatile char room[8192];

	room[0] = 1;
	return read_only_stack() + room[0] - 1;
}

/* Processor flags that a program does not begin with. */
static int alignment_checked(void)
{
	const char *const argv[] = {"/bin/true", NULL};
	struct lode_exec_request request = request_of(argv);
	struct lode_exec_error why;
	struct lode_exec exec;

	request.path = "/bin/true";
	if (lode_exec_prepare(&exec, &request, &why) != 0)
		return 2;
	__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq $0x40000, (%%rsp)\n\tpopfq\n\tadd $128, %%rsp" : : : "cc", "memory");
	lode_exec_commit(&exec, &why);
	return 3;
}

static void test_odd_stack_and_flags(void)
{
	CHECK_EQ(outcome(below), 0);
	CHECK_EQ(outcome(alignment_checked), 0);
}

/* Refused before all of it is measured: a million pointers to one long string. */
static void test_endless_arguments(void)
{
	enum { COUNT = 1 << 20, LENGTH = 1 << 17 };
	const char **argv = calloc(COUNT + 1, sizeof *argv);
	char *word = malloc(LENGTH);
	struct lode_exec_error why;
	struct lode_exec exec;

	if (!CHECK(argv && word))
		return;
	memset(word, 'w', LENGTH - 1);
	word[LENGTH - 1] = '\0';
	for (int i = 0; i < COUNT; i++)
		argv[i] = word;
	{
		struct lode_exec_request request = request_of(argv);

		request.path = "/bin/true";
		CHECK_EQ(lode_exec_prepare(&exec, &request, &why), -E2BIG);
	}
	free(argv);
	free(word);
}

int main(int argc, char **argv)
{
	char command[64];

	if (argc != 2 || !mkdtemp(place))
		return 2;
	static_host = argv[1];
	CASE(test_unknown_wishes);
	CASE(test_endless_arguments);
	CASE(test_odd_stack_and_flags);
	CASE(test_rights_of_the_first_thread);
	CASE(test_robust_mutex);
	CASE(test_damaged_robust_list);
	CASE(test_shrinking_file);
	CASE(test_filters);
	CASE(test_locked_memory);
	CASE(test_personality);
	CASE(test_pipes);
	CASE(test_empty_segment_at_zero);
	CASE(test_refused_commit_harms_nobody);
	snprintf(command, sizeof command, "rm -rf %s", place);
	return check_done() | (system(command) != 0);
}
