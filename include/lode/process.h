/* SPDX-License-Identifier: MIT */
/* Another process that runs, and new objects for units of its program -> the new code in the old one's place, its data where they
 * are; what was done stands in the process's own memory, for the next who asks. For x86-64 Linux. */
#ifndef LODE_PROCESS_H
#define LODE_PROCESS_H

#include <lode/live.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a process cannot be worked on: id, words behind "process PID ". What @number is stands behind each. */
#define LODE_PROCESS_TROUBLES(T) \
	T(NONE, "") \
	T(SYSTEM, "could not be looked at") /* errno */ \
	T(GONE, "does not exist") \
	T(SELF, "is this one, which cannot stop itself") \
	T(ZOMBIE, "has ended; its parent has not asked for its status yet") \
	T(THREAD, "is a thread of another one: name that") /* its process */ \
	T(KERNEL, "is a thread of the kernel") \
	T(TRACED, "is traced already: a debugger or strace has to let go of it first") /* the tracer */ \
	T(OWNER, "belongs to another user: be that user, or root") /* the user */ \
	T(CAPABLE, "has capabilities that you lack, CAP_SYS_PTRACE as well: be root with all of them, outside of a container") \
		/* they, a bit for each */ \
	T(NAMESPACE, "is in a user namespace where you have no rights: enter it (nsenter), or be root outside") \
	T(UNDUMPABLE, "lets nobody trace it (PR_SET_DUMPABLE, or its file is not readable): be root") \
	T(YAMA, \
		"may only be traced by its ancestors (kernel.yama.ptrace_scope 1): be root, or let it call prctl(PR_SET_PTRACER)") \
	T(YAMA_ADMIN, "may only be traced by root (kernel.yama.ptrace_scope is 2)") \
	T(YAMA_NONE, "may be traced by nobody until the next boot (kernel.yama.ptrace_scope is 3)") \
	T(DENIED, "may not be traced: a security module forbids it, or it is in a user namespace outside of yours") \
		/* capabilities that it has and the caller has not, a bit for each */ \
	T(CLASS, "is no 64-bit program for x86-64") \
	T(STRICT, "is confined to read and write (seccomp): it cannot map memory") \
	T(SECCOMP, "has system call filters (seccomp), which only root can suspend") \
	T(LOCKED, "is being worked on by another lode") \
	T(NO_CALL, "has no system call instruction where one was looked for") \
	T(STUCK, "has a thread that does not come to a halt, in a system call that cannot be interrupted") /* the thread */ \
	T(DIED, "ended meanwhile") \
	T(REFUSED, "was refused memory by the kernel") /* errno */ \
	T(NO_PLACE, "has no free addresses within 2 GiB of its program") \
	T(FRAMES, "has no thread that can tell its unwinder of the new code, for exceptions: all are in libraries or want a lock") \
	T(DAMAGED, "has a record of replacements that does not make sense") /* its address */ \
	T(FULL, "has 256 MiB of replacements, or 4096: take some back first, or start it anew") \
	T(HALFWAY, "was left halfway by a replacement that was interrupted: take that back first") /* the replacement */ \
	T(OBJECT, "")  /* a file: errno */ \
	T(ARCHIVE, "") /* a file */

enum lode_process_trouble {
#define LODE_PROCESS_ENUM_(id, text) LODE_PROCESS_##id,
	LODE_PROCESS_TROUBLES(LODE_PROCESS_ENUM_)
#undef LODE_PROCESS_ENUM_
};

/** Words for a trouble, to stand behind the process's name. */
const char *lode_process_trouble_text(enum lode_process_trouble trouble);

/** When to commit, as to threads that are in the old code. */
enum lode_process_policy {
	LODE_PROCESS_LAZY, /* they finish there; entries of functions that are in use do not jump */
	LODE_PROCESS_IDLE, /* not while there are any: swap-busy */
	LODE_PROCESS_WAIT, /* try again until there are none, or patience ends: swap-busy */
};

/** How far a replacement has come, as its record says. */
enum lode_process_state {
	LODE_PROCESS_PLANNED = 1, /* nothing of the program is changed */
	LODE_PROCESS_CHANGING,    /* some of it may be */
	LODE_PROCESS_COMMITTED,
	LODE_PROCESS_TAKEN_BACK,  /* the code stays: a thread or a pointer may be there */
};

enum { LODE_PROCESS_UNDEFINED = 10 };

#define LODE_PROCESS_NEW_ UINT64_MAX

/** A replacement. */
struct lode_process_version {
	struct lode_process_version *older; /* of those that are committed */
	uint32_t serial;                 /* 1 is the process's first */
	enum lode_process_state state;
	uint64_t time;                   /* seconds since 1970 */
	struct lode_link_text *names;    /* of the objects */
	uint32_t nnames;
	struct lode_link link;
	struct lode_swap swap;

	struct lode_process *process_;
	struct lode_link_host host_;
	struct lode_range span_, record_; /* where they are in the process */
	struct lode_range frames_;       /* what its unwinders keep of the code; size 0: nothing */
	uint32_t nframed_;               /* how many of them know of it */
	bool new_tls_;                   /* a thread-local variable that the program has not */
	uint64_t room_;                  /* for the record, as far as is known that the addresses are free */
	struct lode_store *stores_;      /* as the record has them */
	uint64_t *answers_;              /* of each datum in its turn, where it stays, or LODE_PROCESS_NEW_ */
	uint32_t nanswers_, room_answers_, answer_;
	bool again_;                     /* it was linked before: answers are those of then */
	void *memory_;                   /* for linking */
	size_t memory_size_;
	unsigned char *view_;            /* what the span is to hold */
	size_t view_size_;
	unsigned char *bytes_;           /* of the record */
	struct process_objects *objects_; /* that the link has borrowed, if they are not the record's */
};

/** What is being done. */
struct lode_process_step {
	const char *what;
	uint64_t number; /* that belongs to it */
	bool address;    /* it is one, in the process */
};

struct lode_process_options {
	enum lode_process_policy policy;
	uint32_t patience_ms; /* with LODE_PROCESS_WAIT */
	bool dry_run;         /* everything but stopping the process and writing to it */
	void *host;
	void (*trace)(void *host, const struct lode_process_step *step); /* may be NULL */
};

/** How long it took, in ns. */
struct lode_process_times {
	uint64_t prepare;  /* linking and planning, while everything runs */
	uint64_t one;      /* for how long one thread stood still, to map memory */
	uint64_t all;      /* for how long all of them did, the last time */
	uint64_t waited;   /* until it was done or patience ended */
	uint32_t tries;    /* how often all of them did */
};

enum { LODE_PROCESS_USERS = 16, LODE_PROCESS_FUNCTION = 128 };

/** A thread in the code that is taken out of use, by its stack. */
struct lode_process_user {
	int tid;
	char function[LODE_PROCESS_FUNCTION]; /* its name, as far as there is room */
};

/** A process under work. Zero-initialise nothing: lode_process_open does. */
struct lode_process {
	int pid;
	enum lode_process_trouble trouble; /* after LODE_ERR_IO without a rule */
	int64_t number;                    /* what belongs to the trouble */
	const char *file;                  /* of LODE_PROCESS_OBJECT and swap-file; the index that swap-index has missed */
	struct lode_link_blame blame;      /* after a refusal by the linker */
	uint32_t nundefined;
	struct lode_link_undefined undefined[LODE_PROCESS_UNDEFINED]; /* the first of them */
	struct lode_swap_account account;  /* of the last replacement, done or refused */
	struct lode_process_times times;
	uint32_t nthreads;                 /* that were stopped last */
	struct lode_process_user users[LODE_PROCESS_USERS]; /* the first of those that were in the old code at the last try */
	uint32_t nusers;
	struct lode_process_version *newest; /* committed, newest first */
	struct lode_process_version *halfway; /* interrupted, or NULL */
	uint32_t nversions;                /* records, those that were taken back too */

	struct lode_live_index own_;  /* the program's file, and the index that was made of it */
	struct lode_live_index read_; /* if none could be made of it */
	char *index_name_;
	struct lode_program program_;
	int dir_, mem_, lock_;
	bool filtered_; /* system call filters have to be suspended */
	uint64_t call_at_; /* a syscall instruction */
	struct process_maps *maps_;
	struct process_stop *stop_;
	struct process_batch *batch_;
	struct process_libraries *libraries_;
	struct process_objects *refused_; /* the last ones: words about them are borrowed */
	const struct lode_process_options *options_;
};

/**
 * lode_process_open - look at a process, check every permission, make its program's index and read what was replaced already
 * @index: a file that `lode index` wrote for the program, or NULL: the index is made of the program that runs, or, if that was
 *         stripped, read from the file beside it whose name has .lode behind the program's
 * The program was linked with -Wl,-q. The process does not notice.
 * Errors: header-*, section-*, swap-index, swap-file; LODE_ERR_IO without a rule: process->trouble. Close it in any case.
 */
int lode_process_open(struct lode_process *process, int pid, const char *index, struct lode_diag *why);
void lode_process_close(struct lode_process *process);

/**
 * lode_process_replace - put new objects in the place of the units that they were compiled from, all or none
 * @names: of the objects, the last one followed by NULL
 * All threads stand still while references are rewritten; one of them a little before, for memory to be mapped. Constructors of the
 * objects are not run. After a failure, and if the process ends meanwhile, nothing is left behind; a stopped process stays stopped.
 * Errors: link-*, swap-*, LODE_ERR_IO without a rule: process->trouble.
 */
int lode_process_replace(struct lode_process *process, const char *const *names, const struct lode_process_options *options,
	struct lode_diag *why);

/** Take the newest replacement back, or what an interrupted one has done. Its code stays mapped. Errors: swap-*, as above. */
int lode_process_rollback(struct lode_process *process, const struct lode_process_options *options, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
