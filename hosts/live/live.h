/* SPDX-License-Identifier: MIT */
/* What the files of the host share. */
#ifndef LODE_HOSTS_LIVE_H
#define LODE_HOSTS_LIVE_H

#include <lode/live.h>

/* names.c: the callback that finds symbols of the process. */
int live_resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol);
/* An address in the C library's data. */
uint64_t live_anchor(void);
/* services.c: functions that have to know which module calls them; NULL: none of this name. */
void *live_service(const char *name);
/* tls.c: a slice of this thread's, and every later thread's, static block. */
int live_tls(void *host, struct lode_link_tls *tls);
void live_tls_fill(struct lode_live *live);
void live_tls_release(struct lode_live *live);
/* memory.c */
int live_map_work(struct lode_live *live);
int live_map_span(struct lode_live *live);
int live_protect(struct lode_live *live, enum lode_link_region region);
int live_map_member(void *host, const void **bytes, uint64_t *size, const struct lode_link_text *names);
int live_map_file(struct lode_live_file *file, const char *name);
/* frames.c: tables for unwinding. */
void live_frames_register(struct lode_live *live);
void live_frames_withdraw(struct lode_live *live);

#endif
