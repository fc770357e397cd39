/* SPDX-License-Identifier: MIT */
/* docs/security.md -> the sandbox, from inside: what each role may do works, everything else kills, the page lists what it may. */
#include "../../hosts/vmm/sandbox.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { X32 = 0x40000000 };

static struct vmm vm; /* in the children */

/* By the call itself: libc would do more than that. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

/* A child that becomes what a role is and then does something; how it ended, as waitpid says. */
static int in_role(uint32_t role, void (*what)(void))
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (lode_vmm_inherited_(&vm) || lode_vmm_confine_(&vm))
			_exit(99);
		if (role != VMM_LOADER && lode_vmm_confine_run_(&vm, (enum vmm_role)role))
			_exit(98);
		what();
		leave(0);
	}
	waitpid(child, &status, 0);
	return status;
}

/*
 * What kills
 */

static void call_openat(void) { syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }
static void call_open(void) { syscall(SYS_open, "/etc/passwd", O_RDONLY); }
static void call_socket(void) { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static void call_execve(void) { syscall(SYS_execve, "/bin/true", NULL, NULL); }
static void call_fork(void) { syscall(SYS_fork); }
static void call_getppid(void) { syscall(SYS_getppid); }
static void call_clone(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void call_clone_user(void) { syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }
static void call_ptrace(void) { syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }
static void call_kill(void) { syscall(SYS_kill, getppid(), 0); }
static void call_prctl(void) { syscall(SYS_prctl, 4, 1, 0, 0, 0); }
static void call_memfd(void) { syscall(SYS_memfd_create, "x", 0); }
static void call_dup(void) { syscall(SYS_dup, 1); }
static void call_setuid(void) { syscall(SYS_setuid, 0); }
static void call_unlink(void) { syscall(SYS_unlink, "/nowhere"); }
static void call_io_uring(void) { syscall(425, 1, 0); }
static void call_bpf(void) { syscall(SYS_bpf, 0, 0, 0); }
static void call_unshare(void) { syscall(SYS_unshare, CLONE_NEWUSER); }
static void call_vm_read(void) { syscall(SYS_process_vm_readv, getpid(), 0, 0, 0, 0, 0); }
static void call_x32(void) { syscall(SYS_futex | X32, 0, 0, 0); }
static void call_unknown(void) { syscall(4095); }
static void call_minus_one(void) { syscall(-2); }
static void map_code(void) { syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void make_code(void) { syscall(SYS_mprotect, (uintptr_t)&vm & ~UINT64_C(4095), 4096, PROT_READ | PROT_EXEC); }
static void type_for_user(void) { syscall(SYS_ioctl, 0, TIOCSTI, "x"); }
static void make_vm(void) { syscall(SYS_ioctl, 0, KVM_CREATE_VM, 0); }
static void make_device(void) { syscall(SYS_ioctl, 0, KVM_CREATE_DEVICE, 0); }
static void signal_init(void) { syscall(SYS_tgkill, 1, 1, 0); }

struct forbidden {
	const char *name;
	void (*what)(void);
};

static const struct forbidden forbidden[] = {
	{"openat", call_openat}, {"open", call_open}, {"socket", call_socket}, {"execve", call_execve}, {"fork", call_fork},
	{"getppid", call_getppid}, {"clone of a process", call_clone}, {"clone into a namespace", call_clone_user},
	{"ptrace", call_ptrace},
	{"kill", call_kill}, {"prctl", call_prctl}, {"memfd_create", call_memfd}, {"dup", call_dup}, {"setuid", call_setuid},
	{"unlink", call_unlink}, {"io_uring", call_io_uring}, {"bpf", call_bpf}, {"unshare", call_unshare},
	{"process_vm_readv", call_vm_read}, {"a call of x32", call_x32}, {"a number that is not there", call_unknown},
	{"a negative number", call_minus_one}, {"mmap of code", map_code}, {"mprotect to code", make_code},
	{"TIOCSTI", type_for_user},
	{"KVM_CREATE_VM", make_vm}, {"KVM_CREATE_DEVICE", make_device}, {"a signal to another process", signal_init},
};

/* What only the first thread may. */
static void call_mmap(void) { syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void call_brk(void) { syscall(SYS_brk, 0); }
static void call_munmap(void) { syscall(SYS_munmap, (uintptr_t)&vm & ~UINT64_C(4095), 4096); }
static void call_close(void) { syscall(SYS_close, 0); }
static void call_write(void) { syscall(SYS_write, 1, "", 0); }
static void call_read(void) { syscall(SYS_read, 0, &vm, 0); }
static void call_seccomp(void) { syscall(SYS_seccomp, 0, 0, 0); }
static void call_thread(void) { syscall(SYS_clone, 0x3d0f00, 0, 0, 0, 0); }
static void call_clone3(void) { syscall(SYS_clone3, 0, 0); }
static void call_getpid(void) { syscall(SYS_getpid); }
static void set_terminal(void) { syscall(SYS_ioctl, 0, TCSETS, &vm); }
static void set_memory(void) { syscall(SYS_ioctl, 0, KVM_SET_USER_MEMORY_REGION, &vm); }
static void end_thread(void) { syscall(SYS_exit, 0); }
static void end_process(void) { leave(0); }

static const struct forbidden forbidden_run[] = {
	{"mmap", call_mmap}, {"brk", call_brk}, {"munmap", call_munmap}, {"close", call_close}, {"write", call_write},
	{"read", call_read}, {"seccomp", call_seccomp}, {"clone of a thread", call_thread}, {"clone3", call_clone3},
	{"getpid", call_getpid},
	{"terminal settings", set_terminal}, {"KVM_SET_USER_MEMORY_REGION", set_memory}, {"exit", end_thread},
	{"exit_group", end_process},
};

static void each_kills(uint32_t role, const char *role_name, const struct forbidden *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status;

		check_case("%s: %s kills", role_name, list[i].name);
		status = in_role(role, list[i].what);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), SIGSYS);
	}
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void test_kills(void)
{
	each_kills(VMM_LOADER, "loader", forbidden, COUNT(forbidden));
	each_kills(VMM_VCPU, "processor", forbidden, COUNT(forbidden));
	each_kills(VMM_LOOP, "loop", forbidden, COUNT(forbidden));
	each_kills(VMM_VCPU, "processor", forbidden_run, COUNT(forbidden_run));
	each_kills(VMM_LOOP, "loop", forbidden_run, COUNT(forbidden_run));
}

/*
 * What works. A child says so by a byte in shared memory, since it may not end.
 */

static volatile int *said;

static void expect(bool ok, int number)
{
	if (!ok && !*said)
		*said = number;
}

static void *thread(void *argument)
{
	void *memory = malloc(300000);

	expect(memory && syscall(SYS_gettid) != getpid(), 20);
	free(memory);
	return argument;
}

static void use_loader(void)
{
	pthread_t other;
	char byte = 'x';
	void *memory;

	expect(pthread_create(&other, NULL, thread, &byte) == 0 && pthread_join(other, &memory) == 0 && memory == &byte, 1);
	memory = malloc(1 << 20);
	memory = memory ? realloc(memory, 4 << 20) : NULL;
	expect(memory != NULL, 2);
	free(memory);
	expect(syscall(SYS_clone3, 0, 0) == -1 && errno == ENOSYS, 3);
	expect(fprintf(stderr, "%s", "") == 0 && write(1, &byte, 0) == 0, 4);
	expect(raise(0) == 0, 5);
}

static const struct timespec no_time;

static void use_run(void)
{
	struct timespec now;
	char byte;

	expect(clock_gettime(CLOCK_MONOTONIC, &now) == 0, 1);
	expect(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0, 2);
	expect(lode_vmm_read_(0, &byte, 1) == 0, 3); /* /dev/null */
	expect(lode_vmm_write_(0, &byte, 1) == 1, 4);
	expect(fdatasync(0) == -1 && errno == EINVAL, 5);
	expect(syscall(SYS_futex, &now, FUTEX_WAKE_PRIVATE, 1) == 0, 6);
	expect(ioctl(0, KVM_RUN, 0) == -1 && errno == ENOTTY, 7);
}

static void use_loop(void)
{
	struct pollfd fd = {.fd = 0, .events = POLLIN};

	expect(ppoll(&fd, 1, &no_time, NULL) == 1, 8);
	expect(syscall(SYS_tgkill, vm.status, vm.status, 0) == 0, 9);
}

static void work_vcpu(void)
{
	use_run();
	*said = *said ? *said : -1;
	lode_vmm_rest_();
}

static void work_loop(void)
{
	use_loop();
	*said = *said ? *said : -1;
	lode_vmm_rest_();
}

static void work_loader(void)
{
	use_loader();
	*said = *said ? *said : -1;
	lode_vmm_rest_();
}

/* A line of /proc/PID/status as a number in the given base. */
static uint64_t status_of(pid_t pid, const char *key, int base)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, base);
	if (file)
		fclose(file);
	return value;
}

static void works(const char *name, uint32_t role, void (*what)(void))
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t child;

	check_case("%s: what it may do works", name);
	*said = 0;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(null, 0);
		vm.status = (uint32_t)getpid();
		if (lode_vmm_inherited_(&vm) || lode_vmm_confine_(&vm) ||
			(role != VMM_LOADER && lode_vmm_confine_run_(&vm, (enum vmm_role)role)))
			_exit(99);
		what();
	}
	close(null);
	for (int i = 0; i < 1000 && !*said && waitpid(child, &status, WNOHANG) == 0; i++)
		usleep(5000);
	CHECK_EQ(*said, -1);
	CHECK_EQ(status_of(child, "Seccomp", 10), 2);
	CHECK_EQ(status_of(child, "Seccomp_filters", 10), role == VMM_LOADER ? 1 : 2);
	CHECK_EQ(status_of(child, "NoNewPrivs", 10), 1);
	for (size_t i = 0; i < COUNT(sets); i++)
		CHECK_EQ(getuid() == 0 || strcmp(sets[i], "CapBnd") ? status_of(child, sets[i], 16) : 0, 0);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

/* With an absolute time, as libc waits for a condition. */
static void wait_a_while(void)
{
	static const uint32_t never;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	syscall(SYS_futex, &never, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY);
	leave(errno == ETIMEDOUT ? 0 : 1);
}

static void test_stopped_and_continued(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (lode_vmm_inherited_(&vm) || lode_vmm_confine_(&vm))
			_exit(99);
		wait_a_while();
	}
	usleep(300000);
	kill(child, SIGSTOP);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status));
	kill(child, SIGCONT);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/*
 * Descriptors
 */

static int before, after;

static void count_descriptors(void)
{
	expect(syscall(SYS_fstat, before, &vm) == -1 && errno == EBADF, 1);
	expect(syscall(SYS_lseek, after, 0, SEEK_CUR) >= 0, 2);
	expect(syscall(SYS_lseek, 2, 0, SEEK_CUR) >= 0 || errno != EBADF, 3);
	*said = *said ? *said : -1;
	leave(0);
}

static void test_descriptors(void)
{
	struct rlimit files;
	int status;
	pid_t child;

	*said = 0;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		before = open("/dev/zero", O_RDONLY);
		if (lode_vmm_inherited_(&vm))
			_exit(99);
		after = open("/dev/zero", O_RDONLY);
		if (lode_vmm_confine_(&vm))
			_exit(98);
		count_descriptors();
	}
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(*said, -1);
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > 3); /* of this process */
}

/* Landlock alone, because behind seccomp nothing can be seen of it. */
static int under_landlock(void)
{
	const struct sockaddr_in somewhere = {.sin_family = AF_INET, .sin_port = htons(9)};
	const int before_it = open("/dev/null", O_WRONLY), by_net = socket(AF_INET, SOCK_STREAM, 0);

	syscall(SYS_prctl, 38, 1, 0, 0, 0);
	if (lode_vmm_landlock_())
		return 1;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (open("/dev/null", O_WRONLY) >= 0 || errno != EACCES)
		return 3;
	if (write(before_it, "x", 1) != 1)
		return 4;
	if (syscall(444, NULL, 0, 1) >= 4 && (connect(by_net, (const void *)&somewhere, sizeof somewhere) == 0 || errno != EACCES))
		return 5;
	return 0;
}

static void test_landlock(void)
{
	int status = 0;
	pid_t child;

	if (syscall(444, NULL, 0, 1) <= 0) {
		SKIP("this kernel has no Landlock");
		return;
	}
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(under_landlock());
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
}

/*
 * The list
 */

static const struct {
	const char *name;
	uint32_t call;
} run_calls[] = {
	{"ioctl", SYS_ioctl}, {"futex", SYS_futex}, {"clock_gettime", SYS_clock_gettime}, {"preadv2", SYS_preadv2},
	{"pwritev2", SYS_pwritev2}, {"fdatasync", SYS_fdatasync}, {"ppoll", SYS_ppoll}, {"tgkill", SYS_tgkill},
};

static bool page_names(const char *path, const char *call)
{
	char line[1024], word[64];
	FILE *file = fopen(path, "r");
	bool found = false;

	snprintf(word, sizeof word, "| `%s` |", call);
	while (file && fgets(line, sizeof line, file))
		found = found || strstr(line, word) != NULL;
	if (file)
		fclose(file);
	return found;
}

/* Eight kinds, those of the page and no others. */
static void test_list(const char *page)
{
	uint32_t calls[16], n = lode_vmm_seccomp_calls_(calls, 16, VMM_VCPU | VMM_LOOP);

	check_case("eight kinds of calls while the guest runs");
	CHECK_EQ(n, VMM_RUN_CALLS);
	CHECK_EQ(VMM_RUN_CALLS, 8);
	for (uint32_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < COUNT(run_calls) && run_calls[k].call != calls[i])
			k++;
		CHECK(k < COUNT(run_calls));
		CHECK(k < COUNT(run_calls) && page_names(page, run_calls[k].name));
	}
}

int main(int argc, char **argv)
{
	said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_list(argc > 1 ? argv[1] : "");
	works("loader", VMM_LOADER, work_loader);
	works("processor", VMM_VCPU, work_vcpu);
	works("loop", VMM_LOOP, work_loop);
	CASE(test_stopped_and_continued);
	CASE(test_descriptors);
	CASE(test_landlock);
	test_kills();
	return check_done();
}
