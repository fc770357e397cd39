/* SPDX-License-Identifier: MIT */
/* swap lua THREADS [OBJECT...]: threads run a Lua script all the time; its units are replaced by the objects, each ROUNDS
 * times: a line for each replacement. Without objects another process may do so, until input ends.
 * swap calls OBJECT: what a call of a function costs before and behind its replacement. -DALONE: without Lode. */
#define _GNU_SOURCE
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "times.h"

enum { ROUNDS = 2, TURNS = 15, CALLS = 20000000 };

static const char script[] =
	"local t, s = {}, 0\n"
	"for i = 1, 200 do t[i] = (i * 7919) % 1009 end\n"
	"table.sort(t)\n"
	"for i, v in ipairs(t) do s = s + i * v end\n"
	"s = s + #string.rep('ab', 100) + #(string.gsub('hello world', 'o', '00'))\n"
	"return s + load('return 7')() + math.floor(2.5)\n";

static atomic_ulong runs, wrong;

static void *run(void *data)
{
	lua_State *lua = luaL_newstate();
	lua_Integer first = 0;

	luaL_openlibs(lua);
	for (;;) {
		if (luaL_dostring(lua, script) != LUA_OK || (first != 0 && lua_tointeger(lua, -1) != first))
			atomic_fetch_add(&wrong, 1);
		first = lua_tointeger(lua, -1);
		lua_settop(lua, 0);
		atomic_fetch_add(&runs, 1);
	}
	return data;
}

static void await_runs(unsigned long more)
{
	unsigned long until = atomic_load(&runs) + more;

	while (atomic_load(&runs) < until)
		usleep(200);
}

static void start(int threads)
{
	pthread_t thread;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, run, NULL) != 0)
			exit(1);
	await_runs((unsigned long)threads);
}

int called(int x);

/* ns a call, the least of some turns. */
static double cost(int (*function)(int))
{
	double best = 0;

	for (int i = 0; i < TURNS; i++) {
		double begun = us_of(CLOCK_THREAD_CPUTIME_ID), took;
		int x = 0;

		for (int k = 0; k < CALLS / TURNS; k++)
			x = function ? function(x) : called(x);
		took = (us_of(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e3 / (CALLS / TURNS);
		best = best == 0 || took < best ? took : best;
	}
	return best;
}

#ifdef ALONE
static int replace(char **names)
{
	(void)names;
	for (char line[16]; fgets(line, sizeof line, stdin);) {
		printf("runs %lu wrong %lu\n", atomic_load(&runs), atomic_load(&wrong));
		fflush(stdout);
	}
	return 0;
}

static int calls(const char *name)
{
	(void)name;
	return cost(NULL) < 0;
}
#else
#include <lode/live.h>

static struct lode_live_program self;

/* 1: there is nothing in this one. */
static int put(const char *name, enum lode_swap_policy policy)
{
	struct lode_diag why = {.status = LODE_OK};
	char line[512];

	if (lode_live_replace(&self, name, policy, &why) == LODE_OK)
		return 0;
	if (why.rule == LODE_RULE_SWAP_NOTHING)
		return 1;
	lode_diag_format(line, sizeof line, &why);
	fprintf(stderr, "%s: %s\n", name, line);
	exit(1);
}

static uint64_t resident(void)
{
	unsigned long pages = 0, ignored;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu", &ignored, &pages) != 2)
		exit(1);
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Sizes of what is mapped for good. */
static void account(uint64_t before)
{
	uint64_t code = 0, count = 0;

	for (const struct lode_live_version *version = self.newest; version; version = version->older, count++)
		for (int i = 0; i < LODE_REGIONS; i++)
			code += version->live.link.runs[i].filled;
	printf("memory %llu versions %llu KiB of code and data, %llu KiB more are resident\n", (unsigned long long)count,
		(unsigned long long)code >> 10, (unsigned long long)(resident() - before) >> 10);
}

static int replace(char **names)
{
	struct lode_diag why;
	uint64_t before;

	if (lode_live_self(&self, NULL, &why) != LODE_OK)
		return 1;
	before = resident();
	for (int round = 0; round < ROUNDS; round++)
		for (char **name = names; *name; name++) {
			double begun = now(), took;

			if (put(*name, LODE_SWAP_LAZY) != 0)
				continue;
			took = now() - begun;
			printf("%s %.1f %.1f %.1f\n", *name, took - (double)self.stopped_ns / 1e3, (double)self.halted_ns / 1e3,
				(double)self.stopped_ns / 1e3);
			await_runs(8);
		}
	account(before);
	return atomic_load(&wrong) != 0;
}

static int calls(const char *name)
{
	int (*volatile copied)(int) = called;
	double before, pointer, after, jump;
	struct lode_diag why;

	if (lode_live_self(&self, NULL, &why) != LODE_OK)
		return 1;
	before = cost(NULL);
	pointer = cost(copied);
	if (put(name, LODE_SWAP_IDLE) != 0 || called(0) != 2)
		return 1;
	after = cost(NULL);
	jump = cost(copied);
	printf("calls %.3f %.3f %.3f %.3f\n", before, after, pointer, jump);
	return 0;
}
#endif

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "calls") == 0)
		return calls(argv[2]);
	if (argc < 3)
		return 2;
	start(atoi(argv[2]));
	return replace(argv + 3);
}
