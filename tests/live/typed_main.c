/* SPDX-License-Identifier: MIT */
/* typed_main CASE FOLDER: the unit typed.c of this process is replaced by versions whose types have changed. */
#define _GNU_SOURCE
#include "typed.h"
#include <check.h>
#include <lode/live.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const char *folder;
static struct lode_live_program self;
static struct lode_diag why;
static int shared_sum;

static int replace(const char *name)
{
	char path[4096], line[600];
	int status;

	snprintf(path, sizeof path, "%s/%s.o", folder, name);
	why = (struct lode_diag){.status = LODE_OK};
	status = lode_live_replace(&self, path, LODE_SWAP_IDLE, &why);
	if (getenv("TELL")) {
		lode_diag_format(line, sizeof line, &why);
		printf("%s: %s (%.*s %.*s%s)\n", name, status == LODE_OK ? "done" : line, (int)self.blame.symbol.size,
			self.blame.symbol.at, (int)self.account.datum.size, self.account.datum.at, self.account.path);
	}
	return status;
}

static int take_back(void)
{
	return lode_live_rollback(&self, LODE_SWAP_IDLE, &why);
}

/** Refused by a rule, for a variable or function and a part of it; the unit is the one that it was. */
static void refused(const char *name, enum lode_rule rule, const char *datum, const char *path)
{
	int version = typed_version();
	char said[256];

	CHECK(replace(name) != LODE_OK);
	CHECK_STR(lode_rule_name(why.rule), lode_rule_name(rule));
	snprintf(said, sizeof said, "%.*s", (int)self.account.datum.size, self.account.datum.at ? self.account.datum.at : "");
	CHECK_STR(said, datum);
	CHECK_STR(self.account.path, path);
	CHECK_EQ(typed_version(), version);
}

/** The other code of the same types: compiled by whatever, it is taken. */
static void test_same(void)
{
	static const char *const names[] = {"other", "other-level", "other-dwarf", "other-compiler", "mute"};

	typed_step();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		CHECK_EQ(replace(names[i]), LODE_OK);
		CHECK_EQ(typed_version(), 2);
		CHECK_EQ(typed_x(), 2);
		CHECK(self.account.nkept >= 5);
		CHECK_EQ(self.account.ntyped, i == 4 ? 0 : self.account.nkept);
	}
}

static void test_refused(void)
{
	refused("swapped", LODE_RULE_SWAP_TYPE, "where", ".y");
	CHECK_EQ(why.field, LODE_FIELD_SWAP_MEMBER);
	CHECK_EQ(why.value, 0);
	CHECK_EQ(why.limit, 4);
	refused("larger", LODE_RULE_SWAP_SIZE, "where", "");
	CHECK_EQ(why.value, 16);
	CHECK_EQ(why.limit, 8);
	CHECK_EQ(replace("extra"), LODE_OK);
	CHECK_EQ(self.account.nnew, 1);
	refused("extra-swapped", LODE_RULE_SWAP_TYPE, "extra", ".b");
	CHECK_EQ(replace("other"), LODE_OK);
	refused("swapped", LODE_RULE_SWAP_TYPE, "where", ".y");
}

/** What a pointer points to, and an array whose elements have other members. */
static void test_pointed(void)
{
	refused("far", LODE_RULE_SWAP_TYPE, "reach", "->b");
	CHECK_EQ(replace("items"), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SWAP_TYPE);
	CHECK_EQ(why.field, LODE_FIELD_SWAP_MEMBERS);
	CHECK_EQ(typed_version(), 1);
}

/** This unit calls it with an int. */
static void test_called(void)
{
	CHECK_EQ(typed_call(3), 4);
	refused("long-call", LODE_RULE_SWAP_CALL, "typed_call", "()");
	CHECK_EQ(typed_call(3), 4);
	CHECK_EQ(typed_calls(), 2);
}

/** What cannot be read is not compared: by name and size alone. */
static void test_mute(void)
{
	CHECK_EQ(replace("mute-swapped"), LODE_OK);
	CHECK_EQ(self.account.ntyped, 0);
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(typed_version(), 1);
}

static void test_migrate(void)
{
	typed_step();
	CHECK_EQ(replace("larger-hook"), LODE_OK);
	CHECK_EQ(self.account.nmigrated, 1);
	CHECK_EQ(typed_x(), 102);
	CHECK_EQ(typed_y(), 212);
	CHECK_EQ(typed_z(), 3);
	typed_step();
	/* Its type is the one that it has now. */
	refused("other", LODE_RULE_SWAP_SIZE, "where", "");
	CHECK_EQ(replace("larger-hook"), LODE_OK);
	CHECK_EQ(self.account.nmigrated, 0);
	CHECK_EQ(typed_x(), 103);
	CHECK_EQ(replace("largest-hook"), LODE_OK);
	CHECK_EQ(typed_z(), 4);
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(typed_x(), 103);
	CHECK_EQ(take_back(), LODE_OK);
	/* As it was left. */
	CHECK_EQ(typed_x(), 2);
	CHECK_EQ(typed_y(), 12);
	CHECK_EQ(typed_version(), 1);
	CHECK_EQ(replace("swapped-hook"), LODE_OK);
	CHECK_EQ(typed_x(), 102);
	CHECK_EQ(typed_y(), 212);
}

/** A name that other units can use: refused if one does. */
static void test_global(void)
{
	refused("shared-hook", LODE_RULE_SWAP_MIGRATE, "shared", "");
	CHECK_EQ(shared_sum, 11);
	typed_step();
	CHECK_EQ(replace("alone-hook"), LODE_OK);
	CHECK_EQ(typed_alone(), 709);
	typed_step();
	CHECK_EQ(typed_alone(), 710);
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(typed_alone(), 709);
}

/*
 * Faults: the n-th write fails, behind the hook
 */

static struct lode_swap_host real;
static int writes_left, migrations;
static bool refuse_migration;

/* Those before the stop only make pages the process's own. */
static int failing_write(void *host, uint64_t addr, const void *src, size_t size)
{
	if (!self.stopped_)
		return real.write(host, addr, src, size);
	return writes_left >= 0 && writes_left-- == 0 ? -1 : real.write(host, addr, src, size);
}

static int failing_migrate(void *host, const struct lode_swap_move *move)
{
	migrations++;
	return refuse_migration ? -1 : real.migrate(host, move);
}

static void test_faults(void)
{
	int failed = 0;

	real = self.program_.host;
	self.program_.host.write = failing_write;
	self.program_.host.migrate = failing_migrate;
	for (int n = 0;; n++) {
		typed_step();
		writes_left = n;
		if (replace("larger-hook") == LODE_OK)
			break;
		CHECK_EQ(why.rule, LODE_RULE_SWAP_WRITE);
		CHECK_EQ(typed_version(), 1);
		CHECK_EQ(typed_x(), n + 2);
		CHECK_EQ(typed_y(), 10 * n + 12);
		failed++;
	}
	CHECK(failed >= 5);
	CHECK_EQ(migrations, failed + 1);
	CHECK_EQ(typed_x(), failed + 102);
	writes_left = -1;
	CHECK_EQ(take_back(), LODE_OK);
	refuse_migration = true;
	refused("larger-hook", LODE_RULE_SWAP_MIGRATE, "where", "");
	CHECK_EQ(typed_x(), failed + 2);
	self.program_.host.migrate = NULL;
	refused("larger-hook", LODE_RULE_SWAP_MIGRATE, "where", "");
}

static atomic_bool ending;
static atomic_ulong rounds;

static void *step_on(void *data)
{
	while (!atomic_load(&ending)) {
		typed_call(1);
		typed_x();
		atomic_fetch_add(&rounds, 1);
	}
	return data;
}

/** Nobody is in the old code then. */
static void test_threads(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, step_on, NULL);
	self.patience_ms = 20000;
	for (int i = 0; i < 6; i++) {
		unsigned long before = atomic_load(&rounds);

		CHECK_EQ(replace(i % 2 ? "largest-hook" : "larger-hook"), LODE_OK);
		CHECK_EQ(self.account.nmigrated, 1);
		CHECK_EQ(typed_x(), i % 2 ? 201 : 101);
		while (atomic_load(&rounds) < before + 10)
			usleep(100);
		if (i % 2)
			CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_IDLE, &why), LODE_OK);
		CHECK_EQ(i % 2 ? lode_live_rollback(&self, LODE_SWAP_IDLE, &why) : LODE_OK, LODE_OK);
	}
	atomic_store(&ending, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define ONE(name) {#name, test_##name}
	ONE(same), ONE(refused), ONE(pointed), ONE(called), ONE(mute), ONE(migrate), ONE(global), ONE(faults), ONE(threads),
};

int main(int argc, char **argv)
{
	char line[600];

	if (argc < 3) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
			puts(cases[i].name);
		return 0;
	}
	folder = argv[2];
	shared_sum = shared[0] + shared[1];
	check_case("%s", argv[1]);
	if (lode_live_self(&self, NULL, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		printf("FAIL %s: no index: %s, errno %d\n", argv[1], line, self.error);
		return 1;
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			cases[i].run();
	return check_done();
}
