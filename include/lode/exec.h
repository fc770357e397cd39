/* SPDX-License-Identifier: MIT */
/* Replacing the program of a running Linux process without execve: prepare (may fail, leaves nothing behind), then commit. */
#ifndef LODE_EXEC_H
#define LODE_EXEC_H

#include <lode/image.h>
#include <lode/plan.h>
#include <lode/start.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the program comes from. */
enum lode_exec_from {
	LODE_EXEC_PATH,   /* a path, opened as execve opens it: no search */
	LODE_EXEC_FD,     /* a descriptor, also of O_PATH; what cannot be mapped (a pipe, a socket) is read to its end first */
	LODE_EXEC_MEMORY, /* bytes: private copies of every page, /proc/self/exe stays the caller's */
};

/*
 * NO_ASLR: fixed place for a PIE and its heap, no gap in the stack; personality gets ADDR_NO_RANDOMIZE, as by setarch -R
 * OWN_EXE: /proc/self/exe must become the program, by a user namespace if privilege is lacking; refused where prepare can tell that
 *          it cannot be had. If the kernel declines it later, or if a process that had threads gets no namespace, the process ends
 * FRESH: nothing but libc's start-up has happened since the kernel's exec: handlers, timers, locks, the alternate stack and
 *        descriptors that close on exec are not looked for. Has no effect if there are other threads when prepare is called; none
 *        may be started between prepare and commit
 * NO_SETID: run setuid, setgid and file-capability programs without their privilege instead of refusing them
 */
enum {
	LODE_EXEC_NO_ASLR = 1,
	LODE_EXEC_OWN_EXE = 2,
	LODE_EXEC_FRESH = 4,
	LODE_EXEC_NO_SETID = 8,
};

/**
 * struct lode_exec_rseq - a restartable-sequences area that this thread's libc registered
 * @area, @length, @signature: as given to rseq(2); @area 0: find it. glibc's is found by
 *                              __rseq_offset, others near the thread pointer.
 */
struct lode_exec_rseq {
	uint64_t area;
	uint32_t length;
	uint32_t signature;
};

/** What a trace callback is told. Pointers hold during the call only. */
enum lode_exec_event_kind {
	LODE_EXEC_EVENT_FILE,   /* text: a file is about to be opened */
	LODE_EXEC_EVENT_SCRIPT, /* text: interpreter of a script, other: its argument or NULL */
	LODE_EXEC_EVENT_IMAGE,  /* text: "program" or "interpreter"; image, plan: about to be mapped */
	LODE_EXEC_EVENT_STACK,  /* layout */
	LODE_EXEC_EVENT_NOTE,   /* text: something that was decided */
	LODE_EXEC_EVENT_DIFFERENCE, /* text: something that will not be as after execve */
	LODE_EXEC_EVENT_CALL,   /* text: name of a step of commit; call, shape, args: its system call (call -1: none, or several) */
};
/** What the arguments of a step of commit are. */
enum lode_exec_shape {
	LODE_EXEC_SHAPE_NONE,       /* they tell nothing */
	LODE_EXEC_SHAPE_CALL,       /* those of the system call */
	LODE_EXEC_SHAPE_PRCTL,      /* those of prctl(2) */
	LODE_EXEC_SHAPE_RANGE,      /* address, size */
	LODE_EXEC_SHAPE_COPY,       /* address to copy to, address to copy from, size */
	LODE_EXEC_SHAPE_MOVE,       /* address, size, then at [4] the address to move to */
	LODE_EXEC_SHAPE_PROTECTION, /* address, size, PROT_* */
	LODE_EXEC_SHAPE_IDENTITIES, /* real, effective, saved; -1: it stays */
	LODE_EXEC_SHAPE_DESCRIPTOR,
	LODE_EXEC_SHAPE_START,      /* stack pointer, entry */
};
struct lode_exec_event {
	enum lode_exec_event_kind kind;
	const char *text, *other;
	const struct lode_image *image;
	const struct lode_plan *plan;
	const struct lode_stack_layout *layout;
	int64_t call;
	bool instead; /* only taken if the step before it is refused */
	enum lode_exec_shape shape;
	uint64_t args[6];
};

/* Bytes that are read of a pipe or socket at most: 4 GiB. */
#define LODE_EXEC_PIPE_MOST (UINT64_C(4) << 30)

/**
 * struct lode_exec_request - what is to be run, and how. Zero-initialise, then set what is needed.
 * @path, @fd, @bytes with @size: the source that @from names. For LODE_EXEC_FD and LODE_EXEC_MEMORY @path is a name for messages,
 *                                or NULL. @fd must stay open, and the same file, until commit or cancel. The reader's position of a
 *                                file is not used; a pipe or socket is consumed, even if prepare fails afterwards, and
 *                                may bring LODE_EXEC_PIPE_MOST bytes (EFBIG); what begins neither as ELF nor with #! is refused
 *                                at once
 * @argv, @envp: NULL-terminated; NULL: empty. An empty argv gets one empty string, as by the kernel
 * @argv0: replaces argv[0], or NULL
 * @execfn: AT_EXECFN's string; NULL: the path, "/dev/fd/N", or argv[0] for memory
 * @stack_size: new soft RLIMIT_STACK, 0: as it is
 * @trace: called before each step of prepare, and at the beginning of commit for all steps of commit, before the first of them; the
 *         rseq area shown is then that of the calling thread. NULL: no trace, and nobody is told what differs from execve: security
 *         domains that execve would change and root's reduced capabilities are then not even looked for
 */
struct lode_exec_request {
	enum lode_exec_from from;
	uint32_t flags;
	const char *path;
	int fd;
	const void *bytes;
	uint64_t size;
	const char *const *argv;
	const char *const *envp;
	const char *argv0;
	const char *execfn;
	uint64_t stack_size;
	struct lode_exec_rseq rseq;
	void (*trace)(void *host, const struct lode_exec_event *event);
	void *host;
};

/** Where a refusal happened. */
enum lode_exec_step {
	LODE_EXEC_STEP_REQUEST,
	LODE_EXEC_STEP_HOST,        /* looking at this process: /proc, auxv, limits, rseq */
	LODE_EXEC_STEP_OPEN,        /* opening the program or script, or asking for permission */
	LODE_EXEC_STEP_PRIVILEGE,   /* setuid, capabilities, user namespace */
	LODE_EXEC_STEP_SCRIPT,      /* a #! line */
	LODE_EXEC_STEP_HEADERS,     /* the program's headers */
	LODE_EXEC_STEP_INTERPRETER, /* the dynamic linker that PT_INTERP names */
	LODE_EXEC_STEP_PLAN,
	LODE_EXEC_STEP_MAP,
	LODE_EXEC_STEP_ARGUMENTS, /* argv, envp, the stack */
	LODE_EXEC_STEP_THREADS,   /* other threads, or another process, that cannot be stopped */
};

#define LODE_EXEC_FILE_SIZE 256

/**
 * struct lode_exec_error - why prepare or commit refused
 * @error: the errno that execve would give, or the nearest one
 * @reason: a sentence for what errno cannot say, or NULL
 * @file: which file, cut to its last bytes if long; "" if none
 * @diag: the core's diagnosis. diag.rule is LODE_RULE_NONE if the core was content; then diag.field may still tell of which field
 *        @reason speaks
 */
struct lode_exec_error {
	int error;
	enum lode_exec_step step;
	const char *reason;
	char file[LODE_EXEC_FILE_SIZE];
	struct lode_diag diag;
};

/** A prepared program. @state is NULL if there is none. */
struct lode_exec {
	void *state;
};

/**
 * lode_exec_prepare - open, plan and map the program and its interpreter, and build its stack; the caller goes on unharmed
 * @exec: filled in
 * @request: its strings and bytes are copied or mapped; kept are @fd's number, and @trace with @host, which commit calls
 * Returns 0, or a negative errno with *why (if given) filled in; then no mapping and no descriptor is left behind. What was read
 * from a pipe or socket is gone.
 * Errors: those that execve gives for the same file, arguments and limits (E2BIG, EACCES, ELIBBAD, ELOOP, ENOENT, ENOEXEC, ENOMEM,
 * ETXTBSY...); EINVAL for a source or flag that there is none; EPERM for privileges that only the kernel can grant, EBUSY for a
 * vfork child, EFBIG for a pipe without end.
 * Of libc only memcpy, memset and memcmp are called: usable from any thread of any program, whatever its libc. Until commit no
 * thread may map anything over the new image's place or unmap it. Only one thread may be in commit at a time.
 * Whether the file is being written is asked by a read lease, held for a moment: a writer that comes in just then makes the kernel
 * send SIGIO to this process.
 * What it maps counts against RLIMIT_MEMLOCK where mlockall has locked future mappings (EAGAIN): such a caller calls munlockall
 * before, which commit does in any case.
 * Linux >= 4.17 (MAP_FIXED_NOREPLACE) on x86-64 only. Needs /proc. Random addresses have the 28 bits of the kernel's default:
 * vm.mmap_rnd_bits and kernel.randomize_va_space are not looked at, the ADDR_NO_RANDOMIZE personality is.
 * Ref: execve(2); Linux binfmt_elf, binfmt_script, create_elf_tables; psABI x86-64 3.4.1.
 */
int lode_exec_prepare(struct lode_exec *exec, const struct lode_exec_request *request, struct lode_exec_error *why);

/** Undo lode_exec_prepare. Harmless on a zero struct lode_exec or after a failed prepare. */
void lode_exec_cancel(struct lode_exec *exec);

/**
 * lode_exec_commit - become the prepared program
 * Does not return once anything has been changed. Before that it may refuse (negative errno, *why filled in, @exec still prepared):
 * a thread that blocks every signal, signals that cannot be queued (RLIMIT_SIGPENDING), a leader that has exited or does not take
 * the signal within some seconds, and, if there are no other threads, memory shared with another process (a vfork child).
 * Other threads end where they are; the leader's thread goes on as the new program, with the caller's signal mask, if the caller is
 * not the leader itself: identities, groups, capabilities and filters must then be the leader's too (EPERM); namespaces, root and
 * working directory, scheduling and keyrings are the leader's. Signal 33 is used for that.
 * Behind the point of no return a failure ends the process by SIGSEGV, as in the kernel: what prepare could try has been tried, but
 * the kernel may still refuse a step (identities, capabilities, limits, moving pages, rseq); with other threads also one that does
 * not end within about ten seconds (it waits in the kernel or has begun to block the signal), and memory shared with another
 * process, which cannot be told from a thread before the threads have ended.
 * Where a filter forbids unshare(2), memory that is shared with a child instead of the parent is not found out either.
 * Not cancelled, unlike by execve: asynchronous I/O contexts (io_setup), whose requests may still complete, and io_uring rings
 * whose descriptor does not close on exec.
 */
int lode_exec_commit(struct lode_exec *exec, struct lode_exec_error *why);

/*
 * Words for errors, in words.c: linked only if called.
 */

/** "opening", "mapping"...: a step in one or two words. */
const char *lode_exec_step_name(enum lode_exec_step step);
/** Symbolic name of an errno ("ENOENT"), or "" if it is none that this library gives. */
const char *lode_exec_errno_name(int error);
/** Text of an errno, as short as strerror's, without libc. */
const char *lode_exec_errno_text(int error);

#ifdef __cplusplus
}
#endif

#endif
