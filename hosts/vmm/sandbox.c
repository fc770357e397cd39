/* SPDX-License-Identifier: MIT */
/* A process that has opened all it needs -> one that can do nothing else, before the first byte of an image is read. In this
 * order: descriptors that came from elsewhere, privileges, Landlock, limits, seccomp.
 *
 * What libc does behind the back was thought of: threads share one heap (a second one would ask for the number of
 * processors), clone3 seems absent, and the threads that run the guest allocate nothing. */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int refuse(struct vmm *vm, int error, const char *what)
{
	return lode_vmm_fail_(vm, error, "the sandbox cannot be set up: %s", what);
}

/*
 * Descriptors
 */

static int remember(struct vmm *vm, int fd)
{
	int *more = realloc(vm->inherited, (vm->ninherited + 1) * sizeof *more);

	if (!more)
		return refuse(vm, ENOMEM, "a list of descriptors");
	vm->inherited = more;
	vm->inherited[vm->ninherited++] = fd;
	return 0;
}

int lode_vmm_inherited_(struct vmm *vm)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	int status = 0;

	if (!folder)
		return refuse(vm, errno, "/proc/self/fd cannot be read");
	while (status == 0 && (entry = readdir(folder))) {
		const int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd > STDERR_FILENO && fd != dirfd(folder))
			status = remember(vm, fd);
	}
	closedir(folder);
	return status;
}

static void forget(struct vmm *vm)
{
	free(vm->inherited);
	vm->inherited = NULL;
	vm->ninherited = 0;
}

static void close_inherited(struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->ninherited; i++)
		close(vm->inherited[i]);
	forget(vm);
}

/*
 * Limits and privileges
 */

/* The highest number of a descriptor, or -1. */
static int find_highest(struct vmm *vm)
{
	int most = STDERR_FILENO;

	if (lode_vmm_inherited_(vm))
		return -1;
	for (uint32_t i = 0; i < vm->ninherited; i++)
		most = vm->inherited[i] > most ? vm->inherited[i] : most;
	forget(vm);
	return most;
}

/* No core with the guest's secrets, no descriptor above those that are open. (Nor fewer: Linux polls no more than the limit.) */
static int limit(int highest)
{
	const struct rlimit none = {0, 0}, files = {(rlim_t)highest + 1, (rlim_t)highest + 1};

	return setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_NOFILE, &files) ? -1 : 0;
}

/* The bounding set can only be emptied by who may; without no_new_privs' exec it does not matter any more. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof none);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	return (int)syscall(SYS_capset, &header, none);
}

/*
 * Landlock: everything that the kernel's version can forbid is forbidden, and nothing allowed
 */

enum { LANDLOCK_CREATE = 444, LANDLOCK_RESTRICT = 446, LANDLOCK_VERSION = 1 };

/* Ref: Linux include/uapi/linux/landlock.h; older headers do not have all of it. */
struct ruleset {
	uint64_t files, net, scoped;
};

/** Rights that a version has: bits of files 0 to 12 (version 1), 13 (2), 14 (3), 15 (5); net 0 and 1 (4); scoped 0 and 1 (6). */
static size_t landlock_ruleset(struct ruleset *all, long version)
{
	all->files = version >= 5 ? 0xffff : version >= 3 ? 0x7fff : version >= 2 ? 0x3fff : 0x1fff;
	all->net = version >= 4 ? 3 : 0;
	all->scoped = version >= 6 ? 3 : 0;
	return version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

int lode_vmm_landlock_(void)
{
	const long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	struct ruleset all;
	size_t size;
	long fd;
	int error;

	if (version <= 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : errno;
	size = landlock_ruleset(&all, version);
	fd = syscall(LANDLOCK_CREATE, &all, size, 0);
	if (fd < 0)
		return errno;
	error = syscall(LANDLOCK_RESTRICT, fd, 0) ? errno : 0;
	close((int)fd);
	return error;
}

int lode_vmm_confine_(struct vmm *vm)
{
	int highest, error;

	mallopt(M_ARENA_MAX, 1);
	close_inherited(vm);
	highest = find_highest(vm);
	if (highest < 0)
		return -1;
	if (drop_capabilities())
		return refuse(vm, errno, "capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return refuse(vm, errno, "no_new_privs");
	if ((error = lode_vmm_landlock_()) != 0)
		return refuse(vm, error, "Landlock");
	if (limit(highest))
		return refuse(vm, errno, "limits");
	vm->confined = true;
	error = lode_vmm_seccomp_(VMM_LOADER);
	return error ? refuse(vm, error, "seccomp") : 0;
}

int lode_vmm_confine_run_(struct vmm *vm, enum vmm_role role)
{
	int error = lode_vmm_seccomp_(role);

	return error ? refuse(vm, error, "seccomp") : 0;
}

/* To end, a thread would need calls of its own (for its stack, its signals). */
_Noreturn void lode_vmm_rest_(void)
{
	static const uint32_t never;

	for (;;)
		syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

ssize_t lode_vmm_read_(int fd, void *bytes, size_t size)
{
	const struct iovec part = {bytes, size};

	return preadv2(fd, &part, 1, -1, 0);
}

ssize_t lode_vmm_write_(int fd, const void *bytes, size_t size)
{
	const struct iovec part = {(void *)(uintptr_t)bytes, size};

	return pwritev2(fd, &part, 1, -1, 0);
}
