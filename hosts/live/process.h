/* SPDX-License-Identifier: MIT */
/* What the files about another process share. Functions that return int give 0, or -1 with the trouble noted. */
#ifndef LODE_HOSTS_LIVE_PROCESS_H
#define LODE_HOSTS_LIVE_PROCESS_H

#include "live.h"

#include <dirent.h>
#include <lode/process.h>
#include <sched.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

enum { PROCESS_PAGE = 4096 };

/* Where the program is. */
static inline struct lode_range process_span(const struct lode_process *process)
{
	const struct lode_range *linked = &process->program_.index->span;

	return (struct lode_range){.addr = linked->addr + process->program_.bias, .size = linked->size};
}

static inline bool process_is_own(const struct lode_process *process, uint64_t addr)
{
	struct lode_range own = process_span(process);

	return addr - own.addr < own.size;
}

/* Note what is in the way; always -1. */
int lode_process_trouble_(struct lode_process *process, enum lode_process_trouble trouble, int64_t number);
/* A diagnosis that says no more than that; always LODE_ERR_IO. */
int lode_process_fail_(struct lode_diag *why);
void lode_process_say_(const struct lode_process *process, const char *what, uint64_t number);
void lode_process_say_where_(const struct lode_process *process, const char *what, uint64_t addr);

/* process_check.c: 0: the process may be traced, as far as can be known without doing it. */
int lode_process_check_(struct lode_process *process);
int lode_process_check_tracer_(struct lode_process *process);
/* A signal that is to come to a thread. */
bool lode_process_has_signal_(const struct lode_process *process, int tid);

/* process_text.c: all of a file of /proc, to be freed. NULL: errno. */
char *lode_process_text_(int dir, const char *name);
/* Where the values of a field begin, each of which has its line; NULL: there is none. */
const char *lode_process_line_(const char *text, const char *field);
/* False: there is none, and *value is as it was. */
bool lode_process_number_(uint64_t *value, const char *text, const char *field, int base);

/* process_index.c: the program's file, and its index, from a file of that name or, if that is NULL, from where it is. */
int lode_process_index_(struct lode_process *process, const char *name, struct lode_diag *why);
void lode_process_index_free_(struct lode_process *process);

/* process_maps.c */
struct process_map {
	uint64_t begin, end, offset, inode;
	bool read, write, execute, private_;
	const char *name; /* "" if it has none */
};
struct process_maps {
	struct process_map *all;
	uint32_t count;
	char *text;
};
int lode_process_maps_read_(struct lode_process *process);
void lode_process_maps_free_(struct process_maps *maps);
const struct process_map *lode_process_map_at_(const struct process_maps *maps, uint64_t addr);
/* A free range near the program, or 0. */
uint64_t lode_process_gap_(const struct lode_process *process, uint64_t size, uint64_t align, bool low);

/* process_memory.c: the process's bytes. */
int lode_process_read_(void *host, void *dst, uint64_t addr, size_t size);
int lode_process_write_(void *host, uint64_t addr, const void *src, size_t size);
/* Pages that stores go to are read at once, and those that nobody writes are written at once. */
int lode_process_batch_plan_(struct lode_process *process, const struct lode_swap *swap, bool back);
int lode_process_batch_begin_(struct lode_process *process);
int lode_process_batch_end_(struct lode_process *process, bool write);
void lode_process_batch_free_(struct lode_process *process);

/* process_stop.c */
struct process_thread {
	pid_t tid;
	bool stopped;
	int signal; /* that came meanwhile, to be sent again; or 0 */
	struct user_regs_struct regs;
};
struct process_stop {
	struct process_thread *all;
	uint32_t count, room;
	uint64_t begun;
	struct process_thread *caller; /* that made system calls and is not as it was, or NULL */
	uint64_t mask;                 /* its signals that are blocked */
};
struct process_hurry {
	sigset_t mask;
	struct sched_param param;
	int policy;
	bool urgent;
};
void lode_process_hurry_(struct process_hurry *hurry);
void lode_process_calm_(const struct process_hurry *hurry);
int lode_process_stop_all_(struct lode_process *process);
int lode_process_stop_one_(struct lode_process *process);
int lode_process_stop_thread_(struct lode_process *process, pid_t tid);
/* Everybody goes on; for how long they stood still, in ns. */
uint64_t lode_process_go_(struct lode_process *process);
/* Wait for a stop of a thread: its status, or -1: it is no more, or takes too long. */
int lode_process_wait_(pid_t tid, int *status, uint64_t until);

/* process_tasks.c */
DIR *lode_process_tasks_open_(const struct lode_process *process);
/* What a thread is doing: R, S, D, T, t, Z, X; 0: it is no more. */
char lode_process_task_state_(const struct lode_process *process, pid_t tid);
bool lode_process_task_ended_(const struct lode_process *process, pid_t tid);
/* One that is in this state, or 0. */
pid_t lode_process_task_in_state_(const struct lode_process *process, DIR *tasks, char state);
/* One that waits in a system call, if there is any, or another. */
pid_t lode_process_waiting_task_(const struct lode_process *process);

/* process_call.c: system calls of the process, by a thread that is stopped. */
struct process_call {
	long number;
	uint64_t arguments[6];
	int64_t result; /* or the negative of an errno */
};
int lode_process_find_call_(struct lode_process *process);
/* A thread that makes them is chosen; its signals are held back. */
int lode_process_calls_begin_(struct lode_process *process);
/* Those behind one that failed are not made: -ECANCELED. */
int lode_process_calls_(struct lode_process *process, struct process_call *calls, uint32_t count);
/* The thread is as it was. */
void lode_process_calls_end_(struct lode_process *process);
/* If our stop made a system call end that would have gone on waiting, it is begun anew. */
void lode_process_call_again_(const struct lode_process *process, struct process_thread *thread);

/* process_function.c: a function of the process, by a thread that is stopped: to its end, within a second. -1: it did not come to
 * that. The thread calls it on a stack that ends at @stack; 0: on its own. */
struct process_function {
	uint64_t addr, arguments[4], stack;
};
int lode_process_function_(struct lode_process *process, const struct process_function *function);
/* For the program's host. */
int lode_process_migrate_(void *host, const struct lode_swap_move *move);

/* process_frames.c: unwinders of the process know of the new code, if exceptions may pass it; they forget it again. */
int lode_process_frames_tell_(struct lode_process *process, struct lode_process_version *version);
void lode_process_frames_withdraw_(struct lode_process *process, struct lode_process_version *version);

/* process_busy.c: code addresses on stacks of threads that are stopped. */
enum { PROCESS_BUSY = 256 };
struct process_busy {
	uint64_t addrs[PROCESS_BUSY];
	pid_t tids[PROCESS_BUSY]; /* whose */
	uint32_t count;
};
int lode_process_busy_find_(struct lode_process *process, struct process_busy *busy, const struct lode_swap *swap);

/* process_names.c: symbols that the program's index has not. */
int lode_process_resolve_(struct lode_process *process, struct lode_link_answer *answer, const struct lode_link_symbol *symbol);
void lode_process_libraries_free_(struct lode_process *process);

/* process_library.c: what a library exports, read once. Files that are larger than is reasonable export nothing. */
enum { PROCESS_LIBRARY_BYTES = 256 << 20 };
struct process_export {
	uint32_t name; /* its place in strings; 0: none */
	bool chosen;   /* value is the function that chooses */
	uint64_t value; /* as linked */
};
struct process_library {
	uint64_t bias, size; /* bytes that it takes here */
	char *strings;
	struct process_export *exports; /* by hash */
	uint32_t mask, nslots;
	struct lode_rel *slots; /* of functions that were chosen */
};
int lode_process_library_open_(struct process_library *library, const struct lode_process *process, const struct process_map *map);
void lode_process_library_close_(struct process_library *library);
/* NULL: it has none of that name. */
const struct process_export *lode_process_library_find_(const struct process_library *library,
	const struct lode_link_symbol *symbol);

/* process_object.c: files, with their names. */
struct process_object {
	struct lode_link_text name;
	const void *bytes;
	size_t size;
};
struct process_objects {
	struct process_object *all;
	uint32_t count;
};
/* Names of objects have their NUL with them. */
int lode_process_object_read_(struct lode_process *process, struct process_object *object, const char *name);
void lode_process_objects_free_(struct process_objects *objects);

/* process_link.c: objects are linked for the process, in this one's memory: where version->span_ says, or, if that is 0, where
 * there is room. LODE_ERR_IO without a rule: trouble. */
int lode_process_link_(struct lode_process *process, struct lode_process_version *version, const struct process_objects *objects,
	struct lode_diag *why);
void lode_process_version_free_(struct lode_process_version *version);

/* process_map.c: memory for it; *taken: somebody else has mapped something there meanwhile. */
int lode_process_map_(struct lode_process *process, const struct lode_process_version *version, bool *taken);
void lode_process_unmap_(struct lode_process *process, const struct lode_process_version *version);
int lode_process_fill_(struct lode_process *process, const struct lode_process_version *version);

/* process_commit.c */
struct process_commit {
	struct lode_process *process;
	struct lode_process_version *version;
	bool back;
};
int lode_process_commit_(const struct process_commit *commit, struct lode_diag *why);
/* What was left halfway: each place that was written already gets what it had. */
int lode_process_take_back_halfway_(struct lode_process *process, struct lode_diag *why);

/* process_record.c: what a replacement was made of and what it wrote over, as bytes of the process. All that are in use have no
 * more bytes together than this, and each counts as some at least: more was not written by lode. */
enum { PROCESS_RECORDS = 256 << 20, PROCESS_RECORD_LEAST = 64 << 10 };
/* One more of that size, beside those that are committed. */
bool lode_process_record_fits_(const struct lode_process *process, uint64_t size);
int lode_process_record_make_(struct lode_process *process, struct lode_process_version *version,
	const struct process_objects *objects);
int lode_process_record_state_(struct lode_process *process, struct lode_process_version *version, enum lode_process_state state);
/* process_records.c: those that are there. */
int lode_process_records_read_(struct lode_process *process, struct lode_diag *why);
void lode_process_records_free_(struct lode_process *process);

/* Bytes of a record: this, the stores, the answers, then for each object its sizes, its name and its bytes, each at a multiple of
 * 8. */
enum { PROCESS_FORMAT = 1, PROCESS_MAGIC = 12 };
#define PROCESS_NAME "lode-swap"
struct process_record {
	char magic[PROCESS_MAGIC]; /* the name, zeros */
	uint32_t format, serial, state;
	uint64_t size, time;
	uint64_t span_addr, span_size;
	uint32_t nstores, nobjects, nanswers, reserved;
	uint64_t more;
};
struct process_record_store {
	uint64_t addr;
	unsigned char before[8], after[8];
	uint32_t width, data;
};
struct process_record_object {
	uint64_t name_size, size;
};

#endif
