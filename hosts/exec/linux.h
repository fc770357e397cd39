/* SPDX-License-Identifier: MIT */
/* Linux x86-64 system calls as inline functions and the kernel's structures, without libc: results are values or -errno. */
#ifndef LODE_EXEC_LINUX_H
#define LODE_EXEC_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memset(void *dst, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

enum {
	NR_read = 0, NR_write = 1, NR_close = 3, NR_fstat = 5, NR_mmap = 9, NR_mprotect = 10, NR_munmap = 11,
	NR_rt_sigaction = 13, NR_rt_sigprocmask = 14, NR_ioctl = 16, NR_pread64 = 17, NR_sched_yield = 24, NR_mremap = 25,
	NR_madvise = 28, NR_nanosleep = 35, NR_getpid = 39, NR_clone = 56, NR_exit = 60, NR_wait4 = 61, NR_fcntl = 72,
	NR_readlink = 89, NR_getppid = 110, NR_setresuid = 117, NR_getresuid = 118, NR_setresgid = 119,
	NR_getresgid = 120, NR_capget = 125, NR_capset = 126, NR_rt_sigtimedwait = 128, NR_sigaltstack = 131,
	NR_personality = 135, NR_fstatfs = 138, NR_munlockall = 152, NR_prctl = 157, NR_arch_prctl = 158, NR_gettid = 186,
	NR_fgetxattr = 193, NR_futex = 202, NR_getdents64 = 217, NR_set_tid_address = 218, NR_timer_delete = 226,
	NR_exit_group = 231, NR_openat = 257, NR_newfstatat = 262, NR_unshare = 272, NR_set_robust_list = 273,
	NR_get_robust_list = 274, NR_pipe2 = 293, NR_rt_tgsigqueueinfo = 297, NR_prlimit64 = 302, NR_process_vm_readv = 310,
	NR_process_vm_writev = 311, NR_getrandom = 318, NR_memfd_create = 319, NR_rseq = 334, NR_faccessat2 = 439,
};

enum {
	EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9, EAGAIN = 11,
	ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
	ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENAMETOOLONG = 36, ENOSYS = 38, ELOOP = 40,
	ELIBBAD = 80, EOPNOTSUPP = 95,
};

#define AT_FDCWD ((uint64_t)-100)
enum { AT_EACCESS = 0x200, AT_EMPTY_PATH = 0x1000 };
enum { O_NONBLOCK = 04000, O_CLOEXEC = 02000000, O_NOTTY = 0400, O_DIRECTORY = 0200000, O_PATH = 010000000 };
enum { F_GETFD = 1, F_GETFL = 3, FD_CLOEXEC = 1, F_SETLEASE = 1024, F_RDLCK = 0, F_UNLCK = 2 };
enum { S_IFMT = 0170000, S_IFSOCK = 0140000, S_IFREG = 0100000, S_IFDIR = 0040000, S_IFCHR = 0020000, S_IFIFO = 0010000 };
enum { S_ISUID = 04000, S_ISGID = 02000, S_IXGRP = 010 };
enum { ST_NOSUID = 2 };

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_GROWSDOWN = 0x01000000 };
enum { MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000, MAP_FIXED_NOREPLACE = 0x100000 };
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };
enum { MADV_DONTNEED = 4 };

enum {
	PR_SET_DUMPABLE = 4, PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_CAPBSET_READ = 23, PR_GET_SECUREBITS = 27, PR_SET_MM = 35,
	PR_SET_MM_MAP = 14, PR_GET_NO_NEW_PRIVS = 39, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_IS_SET = 1, PR_CAP_AMBIENT_CLEAR_ALL = 4,
	PR_SET_SYSCALL_USER_DISPATCH = 59, PR_GET_AUXV = 0x41555856, SECBIT_NOROOT = 1,
};
enum { ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_SET_GS = 0x1001, ARCH_GET_XCOMP_SUPP = 0x1021 };
enum { CLONE_VM = 0x100, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_THREAD = 0x10000, CLONE_NEWUSER = 0x10000000 };
enum { SIG_SETMASK = 2, SIGCHLD = 17, SIGNALS = 64, SIGNAL_SETS = 8 };
enum { RLIMIT_FSIZE = 1, RLIMIT_STACK = 3 };
enum { ADDR_NO_RANDOMIZE = 0x0040000, MMAP_PAGE_ZERO = 0x0100000, READ_IMPLIES_EXEC = 0x0400000 };
enum { CAP_SETGID = 6, CAP_SETUID = 7, CAP_SYS_ADMIN = 21, CAP_CHECKPOINT_RESTORE = 40 };

/* No byte of user space lies at or above it on a machine with 47-bit addresses. */
#define TASK_SIZE UINT64_C(0x7ffffffff000)
#define PAGE UINT64_C(4096)
enum { PATH_MAX = 4096 }; /* the final NUL included */

struct kernel_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	uint64_t times[6];
	int64_t unused[3];
};

struct kernel_statfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	int64_t namelen, frsize, flags, spare[4];
};

struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};

struct kernel_altstack {
	uint64_t base;
	uint32_t flags, pad;
	uint64_t size;
};

struct kernel_iovec {
	uint64_t base, size;
};

struct kernel_rlimit {
	uint64_t soft, hard;
};

/* PROCMAP_QUERY of /proc/self/maps, Linux 6.11. */
struct kernel_procmap {
	uint64_t size, flags, addr;
	uint64_t start, end, prot, page, offset, inode;
	uint32_t major, minor, name_size, build_id_size;
	uint64_t name, build_id;
};
#define PROCMAP_QUERY 0xc0686611u
enum { PROCMAP_QUERY_VMA_EXECUTABLE = 4, PROCMAP_QUERY_COVERING_OR_NEXT_VMA = 0x10 };

/* PR_SET_MM_MAP */
struct kernel_mm_map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end;
	uint64_t auxv;
	uint32_t auxv_size, exe_fd;
};

struct kernel_cap_header {
	uint32_t version;
	int32_t pid;
};
struct kernel_cap_data {
	uint32_t effective, permitted, inheritable;
};
#define CAP_VERSION_3 0x20080522u

struct kernel_dirent {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

#ifdef LODE_EXEC_INJECT
/* Tests make any call fail: a negative result is used instead of the call. */
int64_t lode_exec_inject_(uint64_t nr);
#endif

static inline int64_t system_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11",
		"memory");
	return result;
}

static inline int64_t call6(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
#ifdef LODE_EXEC_INJECT
	int64_t injected = lode_exec_inject_(nr);

	if (injected < 0)
		return injected;
#endif
	return system_call(nr, a, b, c, d, e, f);
}

static inline int64_t call4(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return call6(nr, a, b, c, d, 0, 0);
}

static inline int64_t call3(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return call6(nr, a, b, c, 0, 0, 0);
}

#ifdef __clang_analyzer__
/* The analyzer cannot know that the kernel writes to addresses; a function that it cannot see might. */
uint64_t unseen(void *p);
#define address(p) unseen((void *)(uintptr_t)(p))
#else
static inline uint64_t address(const volatile void *p)
{
	return (uint64_t)(uintptr_t)p;
}
#endif

static inline void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static inline bool failed(int64_t result)
{
	return (uint64_t)result > (uint64_t)-4096;
}

static inline int64_t linux_open(const char *path, uint32_t flags)
{
	return call4(NR_openat, AT_FDCWD, address(path), flags, 0);
}

static inline void linux_close(int64_t fd)
{
	call3(NR_close, (uint64_t)fd, 0, 0);
}

static inline int64_t linux_read(int64_t fd, void *buf, uint64_t size)
{
	return call3(NR_read, (uint64_t)fd, address(buf), size);
}

static inline int64_t linux_map(uint64_t addr, uint64_t size, uint32_t prot, uint32_t flags, int64_t fd, uint64_t offset)
{
	return call6(NR_mmap, addr, size, prot, flags, (uint64_t)fd, offset);
}

static inline void linux_unmap(uint64_t addr, uint64_t size)
{
	call3(NR_munmap, addr, size, 0);
}

/* False too for what is no open descriptor. */
static inline bool closes_on_exec(int64_t fd)
{
	int64_t flags = call3(NR_fcntl, (uint64_t)fd, F_GETFD, 0);

	return !failed(flags) && (flags & FD_CLOEXEC);
}

static inline uint64_t page_down(uint64_t addr)
{
	return addr & ~(PAGE - 1);
}

static inline uint64_t page_up(uint64_t addr)
{
	return (addr + (PAGE - 1)) & ~(PAGE - 1);
}

static inline uint64_t string_length(const char *s)
{
	uint64_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool string_starts(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix)
		s++, prefix++;
	return !*prefix;
}

static inline const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

/* Decimal digits at *s, which is moved behind them. */
static inline uint64_t parse_decimal(const char **s)
{
	uint64_t value = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++)
		value = value * 10 + (uint64_t)(**s - '0');
	return value;
}

static inline uint64_t parse_hex(const char **s)
{
	uint64_t value = 0;

	for (;; (*s)++) {
		char c = **s;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return value;
	}
}

/* Writes the value in decimal, terminated; returns the end. */
static inline char *put_decimal(char *to, uint64_t value)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		*to++ = digits[--n];
	*to = 0;
	return to;
}

enum { FD_PATH = 40 };

/* The path under which /proc knows a descriptor of this process. */
static inline const char *fd_path(char path[FD_PATH], int64_t fd)
{
	memcpy(path, "/proc/self/fd/", 14);
	put_decimal(path + 14, (uint64_t)fd);
	return path;
}

#endif
