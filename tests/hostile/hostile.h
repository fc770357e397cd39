/* SPDX-License-Identifier: MIT */
/* Any bytes come in; every entry point of the core is called on them and what it promises is checked. Used by the generative tests
 * and by the fuzz targets. */
#ifndef LODE_TESTS_HOSTILE_H
#define LODE_TESTS_HOSTILE_H

#include <lode/lode.h>
#include <mkelf.h>
#include <stdio.h>

/* A promise of the core. What becomes of a broken one is the program's business: a failed case, or the end of a fuzz run. */
#define HOLDS(condition) ((condition) ? (void)0 : hostile_broken(#condition, __FILE__, __LINE__))
void hostile_broken(const char *text, const char *file, int line);

/* What happened so far. */
struct hostile_count {
	unsigned long files, opened, planned, placed, relocated, refused;
	unsigned long rule[LODE_RULE_COUNT_];
};
extern struct hostile_count hostile_count;

/* A source that counts what is read of it, and that can fail or lie. */
struct hostile_source {
	struct lode_source source;
	const unsigned char *bytes;
	uint64_t size;
	uint64_t reads, total;      /* calls, bytes */
	uint64_t fail_at;           /* this read fails; 0: none (reads count from 1) */
	uint64_t flip_at;           /* this read gets one byte changed; 0: none */
	bool flip_on;               /* and so do all that follow */
	unsigned char flip;         /* exclusive-or */
	const unsigned char *other; /* from flip_at on all bytes are of this file instead, other_size long */
	uint64_t other_size;
};
void hostile_source_begin(struct hostile_source *s, const unsigned char *bytes, uint64_t size);

/* An image and the arrays that it stands on, allocated to the entry so that a sanitizer sees the first byte too far. */
struct hostile_image {
	struct lode_image image;
	struct lode_segment *segments;
	struct lode_section *sections;
	struct lode_diag why;
	int status;
};
struct hostile_wish {
	uint32_t flags;
	uint8_t class_, data;
};
/* Open with exact arrays; LODE_OK or a refusal that has been checked. */
int hostile_open(struct hostile_image *opened, const struct lode_source *source, const struct hostile_wish *wish);
void hostile_close(struct hostile_image *opened);

/* A refusal names a rule, its status, and a place in the file or none. */
void hostile_refusal(int status, const struct lode_diag *why, uint64_t size);
/* A diagnosis that no function has filled in. */
struct lode_diag hostile_unfilled(void);
void hostile_check_image(const struct lode_image *image);
void hostile_check_plan(const struct lode_plan *plan, const struct lode_image *image, const struct lode_policy *policy);

/* The policies that every file is planned by. */
struct hostile_policy {
	struct lode_policy policy;
	const char *name;
};
extern const uint32_t hostile_npolicies;
struct lode_policy hostile_policy(uint32_t index);
/* Base for an image: aligned, in the low 31 bits if there is a place, else where it was linked. */
uint64_t hostile_base(const struct lode_image *image, const struct lode_policy *policy);

/* Plan with exact arrays. */
struct hostile_plan {
	struct lode_plan plan;
	struct lode_run *runs;
	struct lode_fill *fills;
};
int hostile_plan(struct hostile_plan *planned, const struct lode_image *image, const struct lode_policy *policy);
void hostile_plan_free(struct hostile_plan *planned);

/* Place a plan between guard pages and compare with the reference; with a hostile source only the guards are watched. */
enum { HOSTILE_ARENA = 16 << 20 };
/* HOSTILE_ARENA bytes between pages that must not be touched; never given back. */
unsigned char *hostile_arena(void);
void hostile_place(const struct lode_image *image, const struct hostile_plan *planned, const struct lode_policy *policy,
	const unsigned char *bytes, uint64_t size, bool compare);
/* What relocation asks of the host in all tests. */
extern const struct lode_relocation hostile_relocation;

/* Dynamic table, versions, symbols, strings, notes. */
void hostile_tables(const struct lode_image *image);
void hostile_notes(const struct lode_image *image);
void hostile_dynamic(const struct lode_image *image);
void hostile_symbols(const struct lode_image *image);

/* Everything. bytes may be of any size; they are not kept. */
void hostile_all(const unsigned char *bytes, size_t size);
/* Plans and placings of one image; from hostile_all, or alone. */
void hostile_plans(const struct lode_image *image, const unsigned char *bytes, uint64_t size, unsigned long turn);

/* Good files to begin with. */
struct hostile_seed {
	char name[48];
	struct mkelf_out out; /* bytes, and where which structure lies */
};
/* Seeds made by the writer; NULL behind the last. The caller frees with mkelf_free. */
bool hostile_seed(struct hostile_seed *seed, uint32_t index);
/* Seeds that the machine's compiler makes, false behind the last; not made: it cannot. */
bool hostile_real_seed(struct hostile_seed *seed, uint32_t index, bool *made);
/* Where the structures of any ELF file lie, as far as its headers can be followed. */
void hostile_locate(struct mkelf_out *out, unsigned char *bytes, size_t size);

#endif
