/* SPDX-License-Identifier: MIT */
/* Every space -> the same placings, refusals and failures: what lode/space.h promises, whoever implements it. */
#define _GNU_SOURCE
#include "../check.h"
#include "faulty.h"
#include "scene.h"

#include <errno.h>
#include <lode/posix.h>
#include <sys/mman.h>
#include <unistd.h>

/** One placing through the watching wrapper; what holds after every placing is checked here. */
static int place(struct scene *scene, struct subject *subject, struct faulty *faulty, struct lode_diag *why)
{
	struct lode_space space;
	int status;

	*why = (struct lode_diag){.status = LODE_OK};
	faulty->inner = subject->open(subject, &scene->plan, &scene->file);
	space = faulty_space(faulty);
	if (scene->plan.relocate == LODE_RELOCATE_NONE)
		status = lode_place(&space, &scene->image, &scene->plan, why);
	else
		status = lode_place_relocated(&space, &scene->image, &scene->plan, NULL, why);
	CHECK(!faulty->out_of_order);
	CHECK_EQ(faulty->commits, status == LODE_OK);
	CHECK_EQ(faulty->aborts, status != LODE_OK && faulty->begun);
	if (status != LODE_OK) {
		CHECK_EQ(why->status, status);
		CHECK(why->rule != LODE_RULE_NONE);
		CHECK(subject->same(subject));
	}
	return status;
}

static void test_memory(struct subject *subject, const struct scenario *scenario, bool callback)
{
	struct faulty faulty = {.at = NEVER};
	struct lode_diag why;
	struct scene scene;

	if (scene_begin(&scene, scenario, subject, callback)) {
		if (CHECK_EQ(place(&scene, subject, &faulty, &why), LODE_OK))
			scene_check(&scene, subject);
		subject->close(subject);
	}
	scene_end(&scene);
}

/** Each callback in turn fails, once before and once after it has taken effect. */
static void test_callbacks_fail(struct subject *subject, const struct scenario *scenario, bool callback)
{
	uint32_t calls = 1;

	for (uint32_t at = 0; at < 2 * calls; at++) {
		struct faulty faulty = {.at = at / 2, .late = at % 2};
		struct lode_diag why;
		struct scene scene;

		if (scene_begin(&scene, scenario, subject, callback)) {
			int status = place(&scene, subject, &faulty, &why);

			if (faulty.calls > at / 2) {
				CHECK_EQ(status, LODE_ERR_IO);
				CHECK_EQ(why.rule, LODE_RULE_SPACE_REFUSED);
				calls = at / 2 + 2; /* the last round is one in which nothing fails */
			} else {
				CHECK_EQ(status, LODE_OK);
			}
			subject->close(subject);
		}
		scene_end(&scene);
	}
	CHECK(calls > 3);
}

/** Each read of the source in turn fails, or comes back changed. The placing either is refused whole, or is done. */
static void test_reads(struct subject *subject, const struct scenario *scenario, int spoil)
{
	uint32_t calls = 1;

	for (uint32_t at = 0; at < calls; at++) {
		struct faulty faulty = {.at = NEVER};
		struct lode_diag why;
		struct scene scene;

		if (scene_begin(&scene, scenario, subject, true)) {
			int status;

			scene.flaky.calls = 0;
			scene.flaky.at = at;
			scene.flaky.spoil = spoil;
			status = place(&scene, subject, &faulty, &why);
			if (scene.flaky.calls > at) {
				if (spoil == SPOIL_FAIL) {
					CHECK_EQ(status, LODE_ERR_IO);
					CHECK_STR(lode_rule_name(why.rule), "source-read");
					CHECK_EQ(why.field, LODE_FIELD_FILE);
					CHECK(why.offset < scene.file.size);
				}
				calls = at + 2;
			} else {
				CHECK_EQ(status, LODE_OK);
			}
			CHECK(subject->same_beside(subject, &scene.plan.span));
			subject->close(subject);
		}
		scene_end(&scene);
	}
}

/** A space that reads the file by itself, and finds nothing there: it says so like any source. */
static void test_lost_file(struct subject *subject)
{
	struct faulty faulty = {.at = NEVER};
	struct lode_diag why = {.status = LODE_OK};
	struct lode_space space;
	struct scene scene;
	bool shares = subject->shares;

	subject->shares = false; /* mapped pages of a file that is gone would be a signal */
	if (scene_begin(&scene, &scenarios[0], subject, true)) {
		faulty.inner = subject->open(subject, &scene.plan, &scene.file);
		subject->lose(subject);
		space = faulty_space(&faulty);
		CHECK_EQ(lode_place_relocated(&space, &scene.image, &scene.plan, NULL, &why), LODE_ERR_IO);
		CHECK_STR(lode_rule_name(why.rule), "source-read");
		CHECK_EQ(why.field, LODE_FIELD_FILE);
		CHECK_EQ(why.offset, scene.plan.fills[0].offset);
		CHECK_EQ(faulty.aborts, 1);
		CHECK(subject->same(subject));
		subject->close(subject);
	}
	scene_end(&scene);
	subject->shares = shares;
}

/** A plan with share runs and a space that cannot share: refused before any callback. */
static void test_cannot_share(struct subject *subject)
{
	struct faulty faulty = {.at = NEVER};
	struct lode_diag why = {.status = LODE_OK};
	struct lode_space space;
	struct scene scene;

	if (scene_begin(&scene, &scenarios[0], subject, false)) {
		faulty.inner = subject->open(subject, &scene.plan, &scene.file);
		space = faulty_space(&faulty);
		space.share = NULL;
		CHECK_EQ(lode_place_relocated(&space, &scene.image, &scene.plan, NULL, &why),
			subject->shares ? LODE_ERR_USE : LODE_OK);
		CHECK_EQ(why.rule, subject->shares ? LODE_RULE_SPACE_CANNOT : LODE_RULE_NONE);
		CHECK(!subject->shares || faulty.calls == 0);
		CHECK(!subject->shares || subject->same(subject));
		subject->close(subject);
	}
	scene_end(&scene);
}

/** A space has room for a span: begin says so, or where there is none the run that would fill it. */
static bool takes(const struct lode_space *space, const struct lode_range *span)
{
	const struct lode_run run = {.addr = span->addr, .size = span->size, .kind = LODE_RUN_OWN, .prot = LODE_PF_R};

	return space->begin ? space->begin(space->host, span) == 0 : space->own(space->host, &run) == 0;
}

/** A span that the destination does not have, or that is taken already: begin refuses, and what was there stays. */
static void test_no_room(struct subject *subject)
{
	struct faulty faulty = {.at = NEVER};
	struct lode_range elsewhere;
	struct lode_space space;
	struct scene scene;

	if (scene_begin(&scene, &scenarios[0], subject, false)) {
		elsewhere = scene.plan.span;
		faulty.inner = subject->open(subject, &scene.plan, &scene.file);
		space = faulty_space(&faulty);
		CHECK_EQ(lode_place_relocated(&space, &scene.image, &scene.plan, NULL, NULL), LODE_OK);
		elsewhere.addr = UINT64_MAX - elsewhere.size + 1;
		CHECK(!takes(&faulty.inner, &elsewhere));
		elsewhere = (struct lode_range){scene.plan.span.addr, UINT64_C(1) << 62};
		CHECK(!takes(&faulty.inner, &elsewhere));
		scene_check(&scene, subject);
		subject->close(subject);
	}
	scene_end(&scene);
}

/** A program placed over one that is there already. */
static void test_taken(struct subject *subject)
{
	struct faulty first = {.at = NEVER}, second = {.at = NEVER};
	struct lode_diag why = {.status = LODE_OK};
	struct lode_space space;
	struct scene scene;
	void *state;

	if (scene_begin(&scene, &scenarios[0], subject, false)) {
		CHECK_EQ(place(&scene, subject, &first, &why), LODE_OK);
		state = subject->state;
		second.inner = subject->open(subject, &scene.plan, &scene.file);
		space = faulty_space(&second);
		CHECK_EQ(lode_place_relocated(&space, &scene.image, &scene.plan, NULL, &why), LODE_ERR_IO);
		CHECK_EQ(why.rule, LODE_RULE_SPACE_REFUSED);
		CHECK_EQ(second.aborts, second.begun);
		CHECK(subject->same(subject));
		subject->close(subject);
		subject->state = state;
		scene_check(&scene, subject);
		subject->close(subject);
	}
	scene_end(&scene);
}

/** The same where every open makes a destination of its own: the second placing goes into the first one's. */
static void test_taken_inside(struct subject *subject)
{
	struct faulty first = {.at = NEVER}, second = {.at = NEVER};
	struct lode_diag why = {.status = LODE_OK};
	struct lode_space space;
	struct scene scene;

	if (scene_begin(&scene, &scenarios[0], subject, false)) {
		CHECK_EQ(place(&scene, subject, &first, &why), LODE_OK);
		second.inner = first.inner;
		space = faulty_space(&second);
		CHECK_EQ(lode_place_relocated(&space, &scene.image, &scene.plan, NULL, &why), LODE_ERR_IO);
		CHECK_EQ(why.rule, LODE_RULE_SPACE_REFUSED);
		CHECK_EQ(second.aborts, 0);
		scene_check(&scene, subject);
		subject->close(subject);
	}
	scene_end(&scene);
}

static void test_subject(struct subject *subject)
{
	static const char *const spoils[] = {"fail", "give zeros", "give ones", "give flipped bits"};

	for (size_t i = 0; i < nscenarios; i++) {
		if (subject->anywhere && scenarios[i].class_ == LODE_CLASS32 && UINTPTR_MAX > UINT32_MAX)
			continue;
		if (subject->never_relocates && scenarios[i].relocate)
			continue;
		check_case("%s: %s: memory and permissions", subject->name, scenarios[i].name);
		test_memory(subject, &scenarios[i], false);
		check_case("%s: %s: the same through read", subject->name, scenarios[i].name);
		test_memory(subject, &scenarios[i], true);
		check_case("%s: %s: callbacks fail", subject->name, scenarios[i].name);
		test_callbacks_fail(subject, &scenarios[i], false);
		check_case("%s: %s: callbacks fail, through read", subject->name, scenarios[i].name);
		test_callbacks_fail(subject, &scenarios[i], true);
		for (int spoil = 0; spoil < SPOILS; spoil++) {
			check_case("%s: %s: reads %s", subject->name, scenarios[i].name, spoils[spoil]);
			test_reads(subject, &scenarios[i], spoil);
		}
	}
	check_case("%s: a space that cannot share", subject->name);
	test_cannot_share(subject);
	if (subject->lose) {
		check_case("%s: a file that is gone", subject->name);
		test_lost_file(subject);
	}
	check_case("%s: a span that it has not", subject->name);
	test_no_room(subject);
}

/** What a plan for pages smaller than this machine's asks for: refused, and the neighbour stays as it is. */
static void test_parts_of_pages(void)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct lode_span parts[] = {{{0, page + page / 2}, page}, {{0, 4 * page}, page / 2}}, whole = {{0, 4 * page}, page};
	struct lode_mappings mappings = {.fd = -1};
	struct lode_space space = lode_mappings_space(&mappings);
	struct lode_range part;
	struct lode_run run = {.prot = LODE_PF_R};
	uint64_t base = 0;

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(lode_mappings_reserve(&mappings, &base, &parts[i]), LODE_ERR_USE);
		CHECK_EQ(mappings.error, EINVAL);
		CHECK_EQ(mappings.reserved.size, 0);
	}
	if (!CHECK_EQ(lode_mappings_reserve(&mappings, &base, &whole), LODE_OK))
		return;
	CHECK_EQ(lode_mappings_reserve(&mappings, &base, &whole), LODE_ERR_USE);
	CHECK_EQ(mappings.error, EBUSY);
	part = (struct lode_range){base, page / 2};
	mappings.error = 0;
	CHECK(space.begin(&mappings, &part) != 0);
	CHECK_EQ(mappings.error, EINVAL);
	CHECK_EQ(space.begin(&mappings, &mappings.reserved), 0);
	CHECK(space.begin(&mappings, &mappings.reserved) != 0);
	CHECK_EQ(mappings.error, EBUSY);
	run.addr = base + page;
	run.size = page;
	CHECK_EQ(space.own(&mappings, &run), 0);
	CHECK_EQ(space.write(&mappings, run.addr, "kept", 5), 0);
	run.addr = base;
	run.size = page + page / 2;
	mappings.error = 0;
	CHECK(space.own(&mappings, &run) != 0);
	CHECK_EQ(mappings.error, EINVAL);
	mappings.error = 0;
	CHECK(space.protect(&mappings, base + page, page / 2, LODE_PF_R) != 0);
	CHECK_EQ(mappings.error, EINVAL);
	CHECK_STR((const char *)(uintptr_t)(base + page), "kept");
	lode_mappings_release(&mappings);
}

/** A file that becomes shorter between plan and place: the zeros over its last page are refused, not answered by a signal. */
static void test_shrinking_file(void)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct lode_mappings mappings = {.fd = memfd_create("shrinks", 0)};
	const struct lode_span span = {{0, page}, page};
	struct lode_space space = lode_mappings_space(&mappings);
	struct lode_run run = {.prot = LODE_PF_R | LODE_PF_W, .size = page};
	unsigned char byte = 0;

	if (!CHECK(mappings.fd >= 0) || !CHECK_EQ(ftruncate(mappings.fd, (off_t)page), 0))
		return;
	CHECK_EQ(lode_mappings_reserve(&mappings, &run.addr, &span), LODE_OK);
	CHECK_EQ(space.begin(&mappings, &mappings.reserved), 0);
	CHECK_EQ(space.share(&mappings, &run), 0);
	CHECK_EQ(space.write(&mappings, run.addr, "x", 1), 0);
	CHECK_EQ(space.write(&mappings, run.addr + 1, "y", 1), 0);
	CHECK_EQ(space.read(&mappings, run.addr, &byte, 1), 0);
	CHECK_EQ(byte, 'x');
	CHECK_EQ(ftruncate(mappings.fd, 0), 0);
	CHECK_EQ(space.share(&mappings, &run), 0);
	mappings.page_ = 0;
	CHECK(space.write(&mappings, run.addr, "y", 1) != 0);
	CHECK_EQ(mappings.error, EFAULT);
	CHECK(space.read(&mappings, run.addr, &byte, 1) != 0);
	lode_mappings_release(&mappings);
	close(mappings.fd);
}

int main(void)
{
	check_case("mappings: parts of pages");
	test_parts_of_pages();
	check_case("mappings: a file that shrinks");
	test_shrinking_file();
	test_subject(&subject_array);
	test_subject(&subject_array_without_undo);
	test_subject(&subject_arena);
	for (int i = 0; i < SUBJECTS_PAGED; i++) {
		test_subject(&subjects_paged[i]);
		check_case("%s: a span that is taken", subjects_paged[i].name);
		test_taken_inside(&subjects_paged[i]);
	}
	test_subject(&subject_mappings);
	test_subject(&subject_reserved_mappings);
	check_case("mappings: a span that is taken");
	test_taken(&subject_mappings);
#ifdef HAVE_EXEC
	test_subject(&subject_exec);
	check_case("exec: a span that is taken");
	test_taken(&subject_exec);
#endif
	return check_done();
}
