/* SPDX-License-Identifier: MIT */
/* What the host's files share: everything about one prepared program, in one anonymous block (the arena) that ends with it. */
#ifndef LODE_EXEC_STATE_H
#define LODE_EXEC_STATE_H

#include <lode/exec.h>
#include <lode/lode.h>

#include "linux.h"

enum {
	HEAD_SIZE = 1024,    /* bytes of a file that are read at once: headers and interpreter of nearly every program */
	SCRIPT_HEAD = 256,   /* bytes in which Linux looks for a #! line */
	SCRIPT_DEPTH = 5,
	AUXV_MOST = 40,
	SPECIAL_MOST = 16,
	SCRIPT_STRINGS = 2 * SCRIPT_DEPTH + 1, /* most that #! lines can add to argv */
	PHNUM_LARGEST = LODE_PROCESS_SEGMENTS,
	STRING_LARGEST = 131072,
};

/* Arena: the trampoline's code, then this state, then what lode_exec_alloc_ hands out. */
#define CODE_SIZE PAGE
#define ARENA_TABLES (UINT64_C(2) << 20) /* room for two program header tables of the largest size with their plans */

/* An open program, script or interpreter. */
struct exec_file {
	int64_t fd;        /* -1: memory */
	bool owned;        /* opened here */
	const unsigned char *bytes;
	uint64_t mapped;   /* bytes of an anonymous copy of a pipe, to be unmapped; 0: none */
	uint64_t size;
	uint32_t mode, uid, gid;
	uint32_t head_size;
	unsigned char *head; /* HEAD_SIZE bytes of the arena; the first SCRIPT_HEAD are zeros behind head_size */
};

/* An image: the program or its interpreter. */
struct exec_object {
	struct exec_file file;
	struct lode_source source;
	struct lode_image image;
	struct lode_plan plan;
	uint32_t placed;            /* runs that are mapped */
	uint64_t delta;             /* built at address + delta, to be moved by the trampoline; 0: in place */
	int error;                  /* errno of the space callback that failed */
	struct exec_state *state;
};

/* This process, as far as it matters. */
struct exec_host {
	struct lode_auxv auxv[AUXV_MOST];
	uint32_t nauxv;
	struct lode_range special[SPECIAL_MOST]; /* vDSO and the like: kept */
	uint32_t nspecial;
	struct lode_range vdso, stack;
	uint32_t stack_prot;
	uint64_t stack_limit, stack_hard;
	uint64_t personality;
	uint64_t xfeatures;
	uint32_t ruid, euid, suid, rgid, egid, sgid;
	bool random;
};

/* What exec does to the credentials. */
struct exec_creds {
	bool secure, set_uid, set_gid, set_caps, own_exe;
	uint32_t uid, gid;
	struct kernel_cap_data caps[2];
};

/* What commit reads files and directories into: it may be running on a small alternate stack. */
struct exec_scratch {
	uint64_t entries[256];
	char text[2048];
};

enum exec_how {
	HOW_TRY,       /* system call, result ignored */
	HOW_MUST,      /* a failure ends the process */
	HOW_OR_NEXT,   /* if it works, the next record is passed over */
	HOW_COPY,      /* args: to, from, size */
	HOW_ZERO,      /* args: to, size */
	HOW_REGISTERS, /* args: xsave area, feature mask, FSGSBASE usable */
	HOW_UNMAP,     /* args: address, size: what is sealed stays */
	/* args: stack pointer, entry, gadget (0: none), block to unmap by it, its size, block to unmap before, of size @before */
	HOW_LEAVE,
};

/* One step of the trampoline. Layout known to trampoline.S. */
struct exec_record {
	union {
		uint64_t call;   /* the system call's number */
		uint64_t before; /* of HOW_LEAVE; 0: no such block */
	};
	uint64_t args[6];
	uint64_t how;
};

struct exec_state {
	unsigned char xsave[576] __attribute__((aligned(64)));
	struct lode_range arena;
	uint64_t code;     /* page with the trampoline: in the arena, or where it was linked */
	uint64_t jump;     /* the trampoline */
	uint64_t arena_next;
	uint64_t lowest; /* end of the room below what was mapped in the mmap area */
	const struct lode_exec_request *request; /* during prepare only */
	struct lode_exec_error *why;              /* of this prepare or commit; may be NULL */
	void (*trace)(void *host, const struct lode_exec_event *event);
	void *trace_host;
	uint32_t flags;
	struct exec_host host;
	struct exec_creds creds;
	struct exec_object program, interpreter;
	bool has_interpreter;

	/* strings */
	const char *execfn;
	const char **argv; /* in the arena, with room for what #! lines put before it */
	const char *const *envp;
	uint32_t argc, envc;
	bool script;
	char name[16]; /* comm */
	char fd_name[32];
	struct {
		unsigned char at_random[16];
		uint64_t base, heap, gap;
	} random;

	struct lode_stack stack;
	struct lode_stack_layout layout;
	unsigned char *stack_image;
	uint64_t stack_size; /* wanted soft limit, 0: as it is */
	struct kernel_mm_map mm, mm_exe;
	struct kernel_altstack no_altstack;
	uint64_t mask; /* the caller's signal mask */
	struct lode_exec_rseq rseq; /* length 0: none is registered */
	struct exec_record *rseq_record;
	struct exec_record *records;
	uint32_t nrecords, max_records;
	struct exec_scratch *scratch;
};

/* prepare.c */
/* Fill in an error (if there is a place for it), or that of this prepare or commit; both return -error. */
int lode_exec_error_(struct lode_exec_error *why, int error, enum lode_exec_step step, const char *file, const char *reason);
int lode_exec_fail_(struct exec_state *state, int error, enum lode_exec_step step, const char *file, const char *reason);
/* What an errno of mmap says beyond its name, or NULL. */
const char *lode_exec_unmapped_(int error);
int lode_exec_refuse_shared_(struct exec_state *state);
void *lode_exec_alloc_(struct exec_state *state, uint64_t size);
/* What the caller's trace is told, if there is one. */
void lode_exec_tell_(const struct exec_state *state, const struct lode_exec_event *event);
void lode_exec_note_(const struct exec_state *state, const char *text);
void lode_exec_differs_(const struct exec_state *state, const char *text);

/* host.c: auxv, maps, limits, identities. */
int lode_exec_look_(struct exec_state *state);

/* file.c */
int lode_exec_open_(struct exec_state *state, struct exec_file *file, const char *path, enum lode_exec_step step);
int lode_exec_adopt_(struct exec_state *state, struct exec_file *file);
void lode_exec_close_(struct exec_file *file);
void lode_exec_set_file_(struct exec_file *file, int64_t fd, bool owned);
/* Size, mode and owner by the descriptor; the file's first bytes. 0 or negative errno. */
int64_t lode_exec_stat_(struct exec_file *file);
int lode_exec_read_head_(struct exec_file *file);
int lode_exec_read_(void *host, void *dst, uint64_t offset, size_t size);

/* pipe.c: the file's descriptor is the pipe, and becomes what was read from it. */
int lode_exec_spool_(struct exec_state *state, struct exec_file *file, const char *name);

/* creds.c */
int lode_exec_privilege_(struct exec_state *state, const char *name);
/* In a new user namespace: the caller's identity, and no other. */
int64_t lode_exec_map_identity_(const struct exec_state *state);

#define SCRIPT_WITHOUT_PATH "a script that has no path cannot be given to its interpreter"
/* script.c: follow #! lines until a file is no script. */
int lode_exec_scripts_(struct exec_state *state);

/* image.c: headers; the rest by map.c. */
int lode_exec_images_(struct exec_state *state);
bool lode_exec_is_interpreter_(const struct exec_object *object);
/* The core's refusal with the errno of execve. */
int lode_exec_refuse_(const struct exec_object *object, enum lode_exec_step step, const char *name, const struct lode_diag *diag);

/* map.c */
int lode_exec_map_(struct exec_object *object, const char *name);
bool lode_exec_meets_interpreter_(const struct exec_state *state);

/* space.c */
struct lode_space lode_exec_space_(struct exec_object *object);
void lode_exec_unmap_(struct exec_object *object);

/* arguments.c */
/* Bytes of argv's and envp's strings and pointers, to size the arena. */
uint64_t lode_exec_measure_(uint32_t *argc, uint32_t *envc, const struct lode_exec_request *request);
int lode_exec_arguments_(struct exec_state *state);
int lode_exec_stack_(struct exec_state *state);

/* rseq.c: find the area of the running thread; false: there is one that cannot be found. */
bool lode_exec_rseq_find_(struct lode_exec_rseq *rseq);

/* records.c */
int lode_exec_build_records_(struct exec_state *state);

/* threads.c */
/* This process has one thread and shares its memory with no other process: 0; -EAGAIN: more threads; -EBUSY: shared. */
int lode_exec_check_alone_(void);
/* Stop the other threads, then do the rest on the leader. Returns only with an error, while nothing has been done. */
int lode_exec_take_over_(struct exec_state *state, void (*rest)(struct exec_state *state));

/* Behind the point of no return: SIGSEGV, which cannot be blocked, as after HOW_MUST. */
_Noreturn void lode_exec_die_(void);

/* reset.c */
enum { STATUS_VALUE = 32 };
/* The value of a field ("\nSigBlk:") of a status file, without the blanks in front; what is longer than its room is folded, and
 * good only for being compared: 0; -EIO if it has none, -errno of the file. */
int lode_exec_status_(char value[STATUS_VALUE], const struct exec_state *state, const char *path, const char *field);
/* Handlers, timers, descriptors, as exec resets them. */
void lode_exec_reset_(const struct exec_state *state);

/* robust.c */
void lode_exec_release_robust_(void);

/* trampoline.S */
extern const unsigned char lode_exec_trampoline_[], lode_exec_trampoline_end_[], lode_exec_restorer_[];

#endif
