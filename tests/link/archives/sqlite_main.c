/* SPDX-License-Identifier: MIT */
/* Statements come in, libsqlite3 prints the rows. */
#include <sqlite3.h>
#include <stdio.h>

static int print(void *nothing, int n, char **values, char **names)
{
	(void)nothing;
	for (int i = 0; i < n; i++)
		printf("%s=%s ", names[i], values[i]);
	puts("");
	return 0;
}

int main(void)
{
	static const char text[] = "create table t(a, b);"
		"with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000)"
		" insert into t select x, x * x from c;"
		"select count(*), sum(b), round(avg(a),2) from t;";
	char *error = NULL;
	sqlite3 *db;

	if (sqlite3_open(":memory:", &db) != 0 || sqlite3_exec(db, text, print, NULL, &error) != 0)
		return 1;
	return sqlite3_close(db);
}
