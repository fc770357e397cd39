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
	NR_read = 0, NR_write = 1, NR_close = 3, NR_fstat = 5, NR_mmap = 9, NR_mprotect = 10, NR_munmap = 11, NR_rt_sigaction = 13,
	NR_rt_sigprocmask = 14, NR_ioctl = 16, NR_pread64 = 17, NR_sched_yield = 24, NR_mremap = 25, NR_madvise = 28,
	NR_nanosleep = 35,
	NR_getpid = 39, NR_clone = 56, NR_exit = 60, NR_wait4 = 61, NR_fcntl = 72, NR_ftruncate = 77, NR_readlink = 89,
	NR_setresuid = 117,
	NR_getresuid = 118, NR_setresgid = 119, NR_getresgid = 120, NR_capget = 125, NR_capset = 126, NR_rt_sigtimedwait = 128,
	NR_sigaltstack = 131,
	NR_personality = 135, NR_fstatfs = 138, NR_munlockall = 152, NR_prctl = 157, NR_arch_prctl = 158, NR_gettid = 186,
	NR_fgetxattr = 193, NR_getdents64 = 217, NR_set_tid_address = 218, NR_timer_delete = 226, NR_exit_group = 231,
	NR_openat = 257, NR_newfstatat = 262, NR_unshare = 272, NR_set_robust_list = 273, NR_rt_tgsigqueueinfo = 297,
	NR_prlimit64 = 302,
	NR_getrandom = 318, NR_memfd_create = 319, NR_rseq = 334, NR_faccessat2 = 439,
};

enum {
	E_PERM = 1, E_NOENT = 2, E_SRCH = 3, E_INTR = 4, E_IO = 5, E_NXIO = 6, E_2BIG = 7, E_NOEXEC = 8, E_BADF = 9, E_AGAIN = 11,
	E_NOMEM = 12,
	E_ACCES = 13, E_FAULT = 14, E_BUSY = 16, E_EXIST = 17, E_NODEV = 19, E_NOTDIR = 20, E_ISDIR = 21, E_INVAL = 22,
	E_NFILE = 23,
	E_MFILE = 24, E_NOTTY = 25, E_TXTBSY = 26, E_NAMETOOLONG = 36, E_NOSYS = 38, E_LOOP = 40, E_LIBBAD = 80, E_OPNOTSUPP = 95,
};

#define AT_CWD ((uint64_t)-100)
enum { AT_EFFECTIVE = 0x200, AT_EMPTY = 0x1000 };
enum { O_NOWAIT = 04000, O_CLOSE = 02000000, O_NOTTY = 0400, O_DIR = 0200000 };
enum { FD_GETFD = 1, FD_SETLEASE = 1024, LEASE_READ = 0, LEASE_NONE = 2 };
enum { MODE_TYPE = 0170000, MODE_REGULAR = 0100000, MODE_SETUID = 04000, MODE_SETGID = 02000, MODE_XGROUP = 010 };
enum { MOUNT_NOSUID = 2 };

enum { MAP_READ = 1, MAP_WRITE = 2, MAP_EXEC = 4, MAP_GROWSDOWN_PROT = 0x01000000 };
enum { MAP_PRIV = 2, MAP_AT = 0x10, MAP_ANON = 0x20, MAP_NO_COMMIT = 0x4000, MAP_AT_FREE = 0x100000 };
enum { MOVE_MAY = 1, MOVE_AT = 2 };
enum { MADV_DROP = 4 };

enum { PR_DUMPABLE = 4, PR_KEEPCAPS = 8, PR_NAME = 15, PR_BOUNDING = 23, PR_SECUREBITS = 27, PR_MM = 35, PR_MM_MAP = 14,
	PR_NO_NEW_PRIVS = 39, PR_AMBIENT = 47,
	PR_AMBIENT_IS_SET = 1, PR_USER_DISPATCH = 59, PR_AUXV = 0x41555856, SECURE_NOROOT = 1 };
enum { ARCH_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GS = 0x1001, ARCH_XFEATURES = 0x1021 };
enum { NEW_VM = 0x100, NEW_FILES = 0x400, NEW_SIGHAND = 0x800, NEW_THREAD = 0x10000, NEW_USER = 0x10000000 };
enum { SIG_SET = 2, SIGNAL_CHILD = 17, SIGNALS = 64, SIGNAL_SETS = 8 };
enum { LIMIT_STACK = 3, NO_RANDOMIZE = 0x0040000 };
enum { CAP_SETGID = 6, CAP_SETUID = 7, CAP_SYS_ADMIN = 21, CAP_CHECKPOINT = 40 };

/* No byte of user space lies at or above it on a machine with 47-bit addresses. */
#define TASK_END UINT64_C(0x7ffffffff000)
#define PAGE UINT64_C(4096)

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
enum { PROCMAP_EXEC = 4, PROCMAP_OR_NEXT = 0x10 };

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
#define CAP_VERSION 0x20080522u

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
	return call4(NR_openat, AT_CWD, address(path), flags, 0);
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

/* Value in decimal behind a prefix; returns the end. */
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

#endif
