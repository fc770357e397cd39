/* SPDX-License-Identifier: MIT */
/* What the files of the host share. */
#ifndef LODE_HOSTS_LIVE_H
#define LODE_HOSTS_LIVE_H

#include <lode/live.h>

/* names.c: the callback that finds symbols of the process. */
int lode_live_resolve_(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol);
/* An address in the C library's data. */
uint64_t lode_live_anchor_(void);
/* services.c: functions that have to know which module calls them; NULL: none of this name. */
void *lode_live_service_(const char *name);
/* tls.c: a slice of this thread's, and every later thread's, static block. */
int lode_live_tls_(void *host, struct lode_link_tls *tls);
/* 0, or an errno. */
int lode_live_tls_fill_(struct lode_live *live);
void lode_live_tls_release_(struct lode_live *live);
/* memory.c */
size_t lode_live_page_(void);
int lode_live_map_work_(struct lode_live *live);
int lode_live_map_span_(struct lode_live *live);
int lode_live_protect_(struct lode_live *live, enum lode_link_region region);
int lode_live_map_member_(void *host, const void **bytes, uint64_t *size, const struct lode_link_outside *which);
int lode_live_map_file_(struct lode_live_file *file, const char *name);
/* Memory of its own; unmapped like the other. */
int lode_live_copy_file_(struct lode_live_file *file, const char *name);
/* module.c: the module's ifuncs are resolved, and what is only read is protected from here on. */
int lode_live_ready_(struct lode_live *live, struct lode_diag *why);
/* Every module that is linked. */
void lode_live_each_(void (*each)(const struct lode_live *live));

/* unwind.c: a thread's registers, by the numbers that tables for unwinding have for them. */
enum { LODE_LIVE_RSP = 7, LODE_LIVE_RIP = 16, LODE_LIVE_REGS = 17 };
struct live_frame {
	uint64_t regs[LODE_LIVE_REGS];
	uint64_t low, high; /* the stack */
	bool exact;         /* it is at its address, not behind a call */
};
enum live_step { LODE_LIVE_STEP, LODE_LIVE_END, LODE_LIVE_LOST };
/* Which code has which tables; before threads stand still. */
void lode_live_tables_find_(void);
/* To the caller. LOST: its code has no tables, or they ask for more than is done here. */
enum live_step lode_live_unwind_(struct live_frame *thread);
/* stop.c: ns. */
uint64_t lode_live_now_(void);
/* All other threads of the process stand still, and what they are at is known. */
struct live_stop {
	uint64_t addrs[256];
	uint32_t count;
	uint64_t begun, halted; /* ns: a time, and how long it took */
};
/* 0, or an errno: EAGAIN if a thread did not come to a halt. */
int lode_live_stop_all_(struct live_stop *stop, const struct lode_swap *swap);
/* For how long they stood still, in ns. */
uint64_t lode_live_stop_end_(const struct live_stop *stop);
/* index.c: a program's file, copied, and opened with its sections; then the index of it. To be ended, however it went. */
int lode_live_index_open_(struct lode_live_index *index, const char *program, struct lode_diag *why);
int lode_live_index_fill_(struct lode_live_index *index, struct lode_diag *why);
/* Whether an index is that of a program that was opened. Errors: swap-file. */
int lode_live_index_is_of_(const struct lode_live_index *index, const struct lode_live_index *program, struct lode_diag *why);
/* observers.c: whoever debugs or profiles this process, by the module's options. 0, or an errno. */
int lode_live_observe_(struct lode_live *live);
void lode_live_observe_end_(struct lode_live *live);
/* frames.c: tables for unwinding. */
void lode_live_frames_register_(struct lode_live *live);
void lode_live_frames_withdraw_(struct lode_live *live);

#endif
