/* SPDX-License-Identifier: MIT */
/* sqlite OBJECT...: queries in two threads while this program's SQLite is replaced, unit by unit. */
#include <check.h>
#include <lode/live.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 2, ROWS = 100 };
static atomic_bool ending;
static atomic_ulong runs, wrong;

static int number(sqlite3 *db, const char *query)
{
	sqlite3_stmt *statement;
	int value = -1;

	if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) != SQLITE_OK)
		return -2;
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static bool try_once(sqlite3 *db, int round)
{
	char query[200];

	snprintf(query, sizeof query, "begin; delete from t;"
		" with recursive c(x) as (select 1 union all select x+1 from c where x<%d)"
		" insert into t select x, x*%d, 'row ' || x from c; commit;", ROWS, round);
	if (sqlite3_exec(db, query, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	return number(db, "select count(*) from t") == ROWS &&
		number(db, "select sum(b) from t") == round * ROWS * (ROWS + 1) / 2 &&
		number(db, "select a from t where c = 'row 42'") == 42 &&
		number(db, "select count(*) from t join t as u on t.a = u.a where u.c like 'row 1%'") == 12 &&
		number(db, "select max(length(hex(c))) from t order by b desc") == 14;
}

static void *run(void *data)
{
	sqlite3 *db = data;

	for (int round = 1; !atomic_load(&ending); round = round % 1000 + 1) {
		if (!try_once(db, round)) {
			printf("FAIL a query: %s\n", sqlite3_errmsg(db));
			atomic_fetch_add(&wrong, 1);
			break;
		}
		atomic_fetch_add(&runs, 1);
	}
	return NULL;
}

static struct lode_live_program self;
static unsigned functions, sites, kept, doors;
static uint64_t longest;

static bool replace(const char *name, enum lode_swap_policy policy)
{
	struct lode_diag why = {.status = LODE_OK};
	unsigned long before = atomic_load(&runs);
	char line[600];

	if (!CHECK_EQ(lode_live_replace(&self, name, policy, &why), LODE_OK)) {
		lode_diag_format(line, sizeof line, &why);
		printf("FAIL %s: %s (%.*s %.*s, errno %d)\n", name, line, (int)self.blame.symbol.size, self.blame.symbol.at,
			(int)self.account.datum.size, self.account.datum.at, self.error);
		return false;
	}
	functions += self.account.nfunctions;
	sites += self.account.nsites;
	kept += self.account.nkept;
	doors += self.account.ndoors;
	if (self.stopped_ns > longest)
		longest = self.stopped_ns;
	for (int i = 0; i < 100000 && atomic_load(&runs) < before + 2 && !atomic_load(&wrong) && !atomic_load(&ending); i++)
		usleep(100);
	return CHECK_EQ(atomic_load(&wrong), 0);
}

int main(int argc, char **argv)
{
	struct lode_diag why = {.status = LODE_OK};
	pthread_t threads[THREADS];
	sqlite3 *dbs[THREADS];

	check_case("index");
	CHECK_EQ(lode_live_self(&self, NULL, &why), LODE_OK);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(sqlite3_open(":memory:", &dbs[i]), SQLITE_OK);
		CHECK_EQ(sqlite3_exec(dbs[i], "create table t(a integer primary key, b, c)", NULL, NULL, NULL), SQLITE_OK);
		CHECK_EQ(pthread_create(&threads[i], NULL, run, dbs[i]), 0);
	}
	for (int i = 1; i < argc; i++) {
		check_case("%s", argv[i]);
		replace(argv[i], LODE_SWAP_LAZY);
	}
	printf("%d units: kept %u, functions %u, references %u, entries %u, stopped for %.1f us at most\n", argc - 1, kept,
		functions, sites, doors, (double)longest / 1000);
	check_case("taken back");
	while (self.newest && CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_LAZY, &why), LODE_OK))
		;
	usleep(10000);
	atomic_store(&ending, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	CHECK(atomic_load(&runs) > 0);
	for (int i = 1; i < argc; i++) {
		check_case("%s, idle", argv[i]);
		replace(argv[i], LODE_SWAP_IDLE);
	}
	check_case("closed");
	for (int i = 0; i < THREADS; i++) {
		CHECK(try_once(dbs[i], 7));
		CHECK_EQ(sqlite3_close(dbs[i]), SQLITE_OK);
	}
	return check_done();
}
