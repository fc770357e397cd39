/* SPDX-License-Identifier: MIT */
/* classes FOLDER: units of C++ of this process are replaced by objects of the folder; objects that exist, types, exceptions and
 * what is constructed once are looked at. */
#define _GNU_SOURCE
#include "room.h"
#include <check.h>
#include <lode/live.h>
#include <stdlib.h>

static struct lode_live_program self;
static struct lode_diag why;
static const char *folder;

static int replace(const char *name)
{
	char path[4096], line[600];
	int status;

	snprintf(path, sizeof path, "%s/%s.o", folder, name);
	why = (struct lode_diag){.status = LODE_OK};
	status = lode_live_replace(&self, path, LODE_SWAP_IDLE, &why);
	if (status != LODE_OK && getenv("TELL")) {
		lode_diag_format(line, sizeof line, &why);
		printf("%s: %s (%.*s %.*s, errno %d)\n", name, line, (int)self.blame.symbol.size, self.blame.symbol.at,
			(int)self.account.datum.size, self.account.datum.at, self.error);
	}
	return status;
}

static void look(const char *when, int v)
{
	check_case("%s: virtual functions", when);
	CHECK_EQ(room_virtual(v), 0);
	check_case("%s: types", when);
	CHECK_EQ(room_types(), 0);
	check_case("%s: inline functions and templates", when);
	CHECK_EQ(room_inline(v), 0);
	check_case("%s: static variables", when);
	CHECK_EQ(room_statics(), 0);
	check_case("%s: exceptions", when);
	CHECK_EQ(room_exceptions(v), 0);
	check_case("%s: thread-local objects", when);
	CHECK_EQ(room_threads(), 0);
	check_case("%s: copied pointers", when);
	CHECK_EQ(room_pointers(v), 0);
}

static void refuse(const char *name, enum lode_rule rule, const char *datum)
{
	check_case("%s is refused", name);
	CHECK(replace(name) != LODE_OK);
	CHECK_EQ(why.rule, rule);
	CHECK(self.account.datum.size > 4 && memcmp(datum, self.account.datum.at, 4) == 0);
	look("after that", 1);
}

int main(int argc, char **argv)
{
	folder = argc > 1 ? argv[1] : ".";
	room_begin();
	look("before", 1);
	check_case("index");
	CHECK_EQ(lode_live_self(&self, NULL, &why), LODE_OK);
	refuse("shapes-more", LODE_RULE_SWAP_SIZE, "_ZTV");
	if (getenv("TYPE"))
		refuse("shapes-type", LODE_RULE_SWAP_CLASS, "_ZTI");
	for (int v = 2; v < 6; v++) {
		char name[16], when[32];

		snprintf(name, sizeof name, "shapes%d", v % 4 + 1);
		snprintf(when, sizeof when, "version %d", v % 4 + 1);
		check_case("%s", name);
		CHECK_EQ(replace(name), LODE_OK);
		look(when, v % 4 + 1);
	}
	for (int v = 4; v >= 1; v--) {
		static const int versions[] = {0, 1, 3, 4, 1};

		check_case("taken back %d", v);
		CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_IDLE, &why), LODE_OK);
		look("taken back", versions[v]);
	}
	return check_done();
}
