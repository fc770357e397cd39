/* SPDX-License-Identifier: MIT */
/* Object files and archives as part of the calling process: mapped, linked against what is loaded, started, taken away. Linux. */
#ifndef LODE_LIVE_H
#define LODE_LIVE_H

#include <lode/swap.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LODE_LIVE_FILES = 64 };

/** A file as it is mapped. */
struct lode_live_file {
	const char *name;
	void *bytes;
	size_t size;
};

/** Zero-initialise, then set what is needed. */
struct lode_live_options {
	struct lode_namespace *names; /* where the module looks for symbols and publishes its own, or NULL */
	const char *entry;            /* is taken from an archive although nothing refers to it, or NULL */
	struct lode_swap *swap;       /* the module is new code for a program: its data and symbols are the program's */
	bool no_frames;               /* leave .eh_frame out: nothing unwinds through the module */
	bool gdb;                     /* debuggers with GDB's JIT interface see the module: copies of its objects are kept */
	bool perf;                    /* its functions are added to /tmp/perf-PID.map, where profilers look for names */
};

/**
 * struct lode_live - a module in this process
 * @link: what the linker knows of it; link.blame says what a refusal is about
 * @error: errno of a system call that failed, or 0
 */
struct lode_live {
	struct lode_link link;
	int error;

	struct lode_live_options options_;
	struct lode_link_host host_;
	struct lode_live_file files_[LODE_LIVE_FILES];
	uint32_t nfiles_;
	void *memory_, *span_, *copies_;
	size_t memory_size_, span_size_, copies_size_;
	uint64_t anchor_;       /* an address in the C library, or in the program, which the module has to be near */
	uint64_t behind_;       /* where it is tried to lie first, or 0 */
	struct lode_live *next_;
	uint32_t tls_first_, tls_units_;
	bool new_tls_;          /* a thread-local variable that the program has not */
	uint32_t nthread_exits_; /* destructors of thread-local objects that were registered: the text stays */
	uint8_t framed_; /* which unwinders know of it */
	bool linked_, started_;
};

/*
 * One thread at a time begins, links, starts and ends modules; code of modules may run, and lode_live_at be called, in any.
 */

/** Begin a module. Nothing can fail yet. */
void lode_live_begin(struct lode_live *live, const struct lode_live_options *options);

/**
 * lode_live_add - map one more file; it has to stay as it is while the module lives
 * @name: borrowed as long as the module
 * Returns LODE_OK, or LODE_ERR_IO with live->error; ENFILE: more than LODE_LIVE_FILES.
 */
int lode_live_add(struct lode_live *live, const char *name);

/**
 * lode_live_link - link all files into this process: nothing of the module runs
 * Symbols that the module lacks are those of libraries that are loaded. LODE_ERR_IO without a rule: see live->error.
 * After a failure nothing of the module is mapped but its files, which live->link.blame quotes: lode_live_end lets go of them.
 * Thread-local variables have their initial values in this thread and in those that begin later; other threads that run have there
 * what an earlier module left, or zeros.
 * Link the program that calls this from objects built with -fPIC: others have copies of variables of the C library (stdout,
 * environ) far from it, where code built with -fPIE cannot reach them.
 */
int lode_live_link(struct lode_live *live, struct lode_diag *why);

/** What initialisers are called with: the arguments of main. */
struct lode_live_arguments {
	int argc;
	char **argv, **envp;
};

/**
 * lode_live_start - resolvers of ifuncs and initialisers run; then the module's symbols are visible in its namespace
 * @arguments: may be NULL: none
 * Precondition: linked, and not started before. Errors: link-ifunc, link-use; LODE_ERR_IO without a rule: see live->error.
 */
int lode_live_start(struct lode_live *live, const struct lode_live_arguments *arguments, struct lode_diag *why);

/** Address of a symbol of the module, or NULL. */
void *lode_live_symbol(const struct lode_live *live, const char *name);

/**
 * lode_live_end - run what the module registered for its end, then its finalisers, and unmap it
 * Errors: link-in-use if another module needs it; then nothing has happened. May be called at any stage behind begin.
 */
int lode_live_end(struct lode_live *live, struct lode_diag *why);

/** The module that an address belongs to, or NULL. */
struct lode_live *lode_live_at(const void *address);

/** The index of a program, with the file that it borrows from. */
struct lode_live_index {
	struct lode_index index;
	int error; /* errno of a system call that failed, or 0 */
	struct lode_source source_;
	struct lode_image image_; /* of a program's file */
	struct lode_live_file file_;
	void *memory_;
	size_t memory_size_, taken_;
};

/**
 * lode_live_index_make - from the program's file; lode_live_index_read - from a file that `lode index` wrote
 * To be ended, however it went. Errors: lode_index_make's and lode_open's; lode_index_read's; LODE_ERR_IO without a rule: error.
 */
int lode_live_index_make(struct lode_live_index *index, const char *program, struct lode_diag *why);
int lode_live_index_read(struct lode_live_index *index, const char *name, struct lode_diag *why);
/** Whether it is the index of this program, which may have been stripped. Errors: swap-file if not; lode_open's. */
int lode_live_index_check(const struct lode_live_index *index, const char *program, struct lode_diag *why);
void lode_live_index_end(struct lode_live_index *index);

/** What LODE_LIVE_MIGRATE leaves in an object. */
struct lode_live_hook {
	void *variable;
	void (*function)(void *now, size_t size, const void *before, size_t size_before);
};

/**
 * LODE_LIVE_MIGRATE - in a source file behind a variable: its new value, where its size or type has changed
 * @function: makes of the @size_before bytes at @before, which stay as they are, the @size bytes at @now, which hold the new
 *            initial value
 * It runs while all other threads stand still, wherever they are: it must not wait for a lock, so it may not allocate memory. Where
 * nothing has changed it does not run. The variable is not thread-local, and only the units that are replaced name it; pointers to
 * the old one that are kept elsewhere lead to the old one. Nothing has to be linked for this.
 */
#define LODE_LIVE_MIGRATE(variable, function)                                                                                      \
	static const struct lode_live_hook lode_live_hook_of_##variable                                                            \
		__attribute__((used, section(".lode.migrate"))) = {(void *)&(variable), (function)}

/** One replacement: the new code, and what it changed. */
struct lode_live_version {
	struct lode_live live;
	struct lode_swap swap;
	struct lode_live_version *older;
	char *name_;
};

/** This process as a program whose code can be replaced. */
struct lode_live_program {
	uint32_t patience_ms;             /* set by the caller: for how long LODE_SWAP_IDLE is tried again */
	bool gdb, perf;                   /* set by the caller: as in struct lode_live_options, for replacements from here on */
	int error;                        /* errno of a system call that failed, or 0 */
	struct lode_link_blame blame;     /* after a refusal by the linker */
	struct lode_swap_account account; /* of the last replacement, done or refused */
	uint64_t stopped_ns;              /* for how long threads stood still then */
	uint64_t halted_ns;               /* the part of it until the last one did */
	struct lode_live_version *newest;

	struct lode_live_index index_;
	struct lode_program program_;
	uint64_t behind_; /* where the next version is tried to lie */
	int mem_;
	bool stopped_; /* all other threads stand still */
	struct lode_live_version *refused_;
};

/**
 * lode_live_self - the running program, which was linked with -Wl,-q
 * @index: a file that `lode index` wrote, or NULL: the index is made from the program's file, or, if that was stripped, read from
 *         the file beside it whose name has .lode behind the program's
 * One for a process, which is never given back. Errors: header-*, section-*, swap-index, swap-file; LODE_ERR_IO without a rule:
 * error.
 */
int lode_live_self(struct lode_live_program *self, const char *index, struct lode_diag *why);

/**
 * lode_live_replace - put a new object in the place of the unit that it was compiled from; the unit's data stays
 * @name: an object file; it is copied
 * All other threads stand still while references are rewritten, and only then: in a handler of the signal SIGRTMAX - 1, which has
 * to be left to this, and unblocked in every thread. System calls that signals interrupt are begun again where the kernel does
 * that (signal(7)). Constructors of the object are not run. Calls must not overlap. After a failure the program is as it was.
 * Errors: link-*, swap-*; with LODE_SWAP_IDLE swap-busy if a thread (this one too) is in the unit. LODE_ERR_IO without a rule,
 * and so without a text, if a system call failed: error; ENOENT: there is no such object; EAGAIN: a thread did not come to a halt
 * in five seconds.
 */
int lode_live_replace(struct lode_live_program *self, const char *name, enum lode_swap_policy policy, struct lode_diag *why);

/**
 * lode_live_rollback - take the newest replacement back
 * Its code stays mapped, since a thread may be there; its functions lead to those before, unless a thread is in one of them.
 * Errors: swap-*.
 */
int lode_live_rollback(struct lode_live_program *self, enum lode_swap_policy policy, struct lode_diag *why);

#ifdef __cplusplus
}
#endif

#endif
