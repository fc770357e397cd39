/* SPDX-License-Identifier: MIT */
/* One image with its plan, ready to be placed, and what memory must hold afterwards by a naive reading of file and plan. */
#ifndef LODE_TESTS_SCENE_H
#define LODE_TESTS_SCENE_H

#include "subject.h"

enum { SCENE_SEGMENTS = 16 };

/** Which sample under which policy. */
struct scenario {
	const char *name, *sample;
	uint8_t class_, data;
	uint16_t machine;
	bool process;  /* lode_policy_process, else lode_policy_kernel */
	bool physical; /* where the subject can hold any address */
	bool relocate;
};
extern const struct scenario scenarios[];
extern const size_t nscenarios;

/** A source that counts its reads and spoils the one at @at: @spoil 0 fails it, others change its bytes. */
struct flaky {
	const struct mkelf_out *file;
	unsigned calls, at;
	int spoil;
};
#define NEVER UINT32_MAX
enum { SPOIL_FAIL, SPOIL_ZEROS, SPOIL_ONES, SPOIL_FLIP, SPOILS };

struct scene {
	struct mkelf_out file;
	struct flaky flaky;
	struct lode_source source;
	struct lode_image image;
	struct lode_segment segments[SCENE_SEGMENTS];
	struct lode_run runs[LODE_PLAN_RUNS(SCENE_SEGMENTS)];
	struct lode_fill fills[LODE_PLAN_FILLS(SCENE_SEGMENTS)];
	struct lode_plan plan;
	unsigned char *want; /* span.size bytes */
	unsigned char *held; /* 1 where a run lies */
};

/** Open and plan for a subject; false and a failed check if that does not work. @callback: through read instead of from memory. */
bool scene_begin(struct scene *scene, const struct scenario *scenario, struct subject *subject, bool callback);
/** Memory of the span and permissions of its pages are those wanted. */
void scene_check(struct scene *scene, struct subject *subject);
void scene_end(struct scene *scene);

#endif
