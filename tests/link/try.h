/* SPDX-License-Identifier: MIT */
/* Any bytes -> through all steps of a link, with every promise checked that can be: memory of exactly the sizes that were asked
 * for, the same answer twice, a place that stays untouched outside. */
#ifndef LODE_TESTS_LINK_TRY_H
#define LODE_TESTS_LINK_TRY_H

#include <lode/link.h>
#include <stdlib.h>
#include <string.h>

struct link_try {
	uint16_t machine;
	const void *extra; /* a second file, or NULL */
	size_t extra_size;
};

struct link_result {
	int status;
	struct lode_diag why;
	uint64_t sum; /* of the module's bytes */
	uint64_t size;
	size_t used;
};

static inline void link_must(bool holds)
{
	if (!holds)
		abort();
}

static inline int link_try_resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	(void)host;
	answer->value = symbol->type == LODE_STT_TLS ? (uint64_t)-0x2000 : 0x40100000 + 16 * symbol->length;
	if (symbol->type != LODE_STT_TLS)
		answer->type = symbol->length & 1 ? LODE_STT_FUNC : LODE_STT_OBJECT;
	return symbol->length > 32;
}

static inline int link_try_tls(void *host, struct lode_link_tls *tls)
{
	(void)host;
	tls->offset = 0x40;
	return tls->size > 4096;
}

static inline int link_try_ifunc(void *host, uint64_t *value, uint64_t address)
{
	(void)host;
	*value = address + 1;
	return 0;
}

/* The members of a thin archive are the other file. */
static inline int link_try_member(void *host, const void **bytes, uint64_t *size, const struct lode_link_outside *which)
{
	const struct link_try *t = host;

	*bytes = t->extra;
	*size = t->extra_size;
	return !t->extra || which->member.size > 32;
}

static inline void *link_try_copy(const void *bytes, size_t size)
{
	void *copy = malloc(size ? size : 1);

	link_must(copy != NULL);
	memcpy(copy, bytes, size);
	return copy;
}

static inline void link_try_end(struct lode_link *link)
{
	struct lode_link_piece piece = {.addr = 0};
	struct lode_link_text name;
	uint64_t offset;

	while (lode_link_next_piece(&piece, link)) {
		link_must(piece.addr >= link->addr && piece.addr + piece.size <= link->addr + link->size);
		link_must(piece.size == 0 || lode_link_at(&name, &offset, link, piece.addr));
	}
	lode_link_publish(link);
	lode_link_find(link, "main");
	link_must(lode_link_withdraw(link, NULL) == LODE_OK);
}

/* A span that is placed is exactly as large as the plan says, so that a sanitizer sees every byte outside. */
static inline int link_try_place(struct link_result *r, struct lode_link *link)
{
	unsigned char *span = calloc(1, link->size ? link->size : 1), *end = span + link->size;
	const uint64_t usual = UINT64_C(0x40000000);
	const struct lode_link_place place = {.addr = link->align > usual ? link->align : usual, .view = span};

	link_must(span != NULL && (link->size & 0xfff) == 0 && link->size <= 1 << 20);
	r->size = link->size;
	r->status = lode_link_place(link, &place, &r->why);
	if (r->status == LODE_OK)
		r->status = lode_link_ifuncs(link, &r->why);
	for (unsigned char *at = span; at < end; at++)
		r->sum = (r->sum ^ *at) * UINT64_C(0x100000001b3);
	if (r->status == LODE_OK)
		link_try_end(link);
	free(span);
	return r->status;
}

static inline struct link_result link_try_once(const struct link_try *t, const void *bytes, size_t size)
{
	struct lode_link_symbol *buckets[64] = {NULL};
	struct lode_namespace names = {.buckets = buckets, .nbuckets = 64};
	const struct lode_link_host host = {.host = (void *)(uintptr_t)t, .member = link_try_member,
		.resolve = link_try_resolve, .tls = link_try_tls, .ifunc = link_try_ifunc};
	size_t room = LODE_LINK_MEMORY(size + t->extra_size);
	struct lode_link_options options = {.memory = malloc(room), .memory_size = room, .names = &names, .host = &host,
		.page_size = 4096, .max_size = 1 << 20, .flags = LODE_LINK_EH_FRAME, .machine = t->machine};
	struct lode_link *link = malloc(sizeof *link);
	struct link_result r = {.sum = 1};

	link_must(options.memory != NULL && link != NULL);
	memset(options.memory, 0xa5, room);
	r.status = lode_link_begin(link, &options, &r.why);
	if (r.status == LODE_OK)
		r.status = lode_link_add(link, "file", bytes, size, &r.why);
	if (r.status == LODE_OK && t->extra)
		r.status = lode_link_add(link, "extra", t->extra, t->extra_size, &r.why);
	if (r.status == LODE_OK)
		r.status = lode_link_resolve(link, &r.why);
	if (r.status == LODE_OK)
		r.status = lode_link_plan(link, &r.why);
	if (r.status == LODE_OK)
		link_try_place(&r, link);
	r.used = link->memory_used;
	free(options.memory);
	free(link);
	return r;
}

/* Refusals have a rule, its status, and say so twice; work space that is enough by the header's word is enough. */
static inline struct link_result link_try(const struct link_try *t, const void *bytes, size_t size)
{
	void *copy = link_try_copy(bytes, size);
	struct link_result first = link_try_once(t, copy, size), second = link_try_once(t, copy, size);

	link_must(memcmp(copy, bytes, size) == 0);
	link_must(first.status == second.status && first.sum == second.sum && first.used == second.used);
	if (first.status != LODE_OK) {
		link_must(first.why.rule != LODE_RULE_NONE && first.why.rule == second.why.rule);
		link_must(first.why.status == first.status);
		link_must(lode_rule_status(first.why.rule) == first.status);
		link_must(first.why.rule != LODE_RULE_ROOM_LINK && first.why.rule != LODE_RULE_LINK_USE);
	}
	free(copy);
	return first;
}

#endif
