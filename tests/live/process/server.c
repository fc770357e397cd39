/* SPDX-License-Identifier: MIT */
/* server THREADS: an HTTP server on libevent, a loop for each thread, every answer out of an SQLite table. Prints its port. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROWS = 1000 };
static int listener;

/* GET /K -> "K: NAME of K, SUM", where SUM is over all keys up to K. */
static void answer(struct evhttp_request *request, void *argument)
{
	sqlite3_stmt *statement = argument;
	struct evbuffer *body = evbuffer_new();
	const char *path = evhttp_request_get_uri(request);

	sqlite3_reset(statement);
	sqlite3_bind_int(statement, 1, atoi(path + 1));
	if (sqlite3_step(statement) == SQLITE_ROW)
		evbuffer_add_printf(body, "%s: %s", path + 1, (const char *)sqlite3_column_text(statement, 0));
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
	evhttp_send_reply(request, 200, "OK", body);
	evbuffer_free(body);
}

static sqlite3_stmt *open_table(void)
{
	sqlite3_stmt *statement;
	sqlite3 *db;
	char line[128];

	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		exit(1);
	sqlite3_exec(db, "create table t(k integer primary key, name text); begin", NULL, NULL, NULL);
	for (int i = 0; i < ROWS; i++) {
		snprintf(line, sizeof line, "insert into t values(%d, 'name %d')", i, i * 7);
		sqlite3_exec(db, line, NULL, NULL, NULL);
	}
	sqlite3_exec(db, "commit", NULL, NULL, NULL);
	if (sqlite3_prepare_v2(db, "select printf('%s of %d, %d', name, k, (select sum(k) from t where k <= ?1))"
		" from t where k = ?1", -1, &statement, NULL) != SQLITE_OK)
		exit(1);
	return statement;
}

static void *serve(void *argument)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);

	(void)argument;
	evhttp_set_gencb(http, answer, open_table());
	evhttp_accept_socket(http, listener);
	event_base_dispatch(base);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;
	pthread_t thread;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 128) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		return 1;
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (int i = 1; i < (argc > 1 ? atoi(argv[1]) : 1); i++)
		pthread_create(&thread, NULL, serve, NULL);
	serve(NULL);
	return 0;
}
