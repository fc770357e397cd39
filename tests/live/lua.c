/* SPDX-License-Identifier: MIT */
/* lua OBJECT...: a script runs in one thread, again and again, while this program's Lua is replaced, unit by unit. */
#include <check.h>
#include <lauxlib.h>
#include <lode/live.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const char script[] =
	"local t = {}\n"
	"for i = 1, 200 do t[i] = (i * 7919) % 211 end\n"
	"table.sort(t)\n"
	"for i = 2, 200 do assert(t[i - 1] <= t[i]) end\n"
	"local words = {}\n"
	"for w in ('the quick brown fox jumps over the lazy dog'):gmatch('%a+') do words[#words + 1] = w:upper() end\n"
	"assert(table.concat(words, '-') == 'THE-QUICK-BROWN-FOX-JUMPS-OVER-THE-LAZY-DOG')\n"
	"local co = coroutine.wrap(function(a) for i = 1, 50 do a = a + coroutine.yield(a * i) end return -1 end)\n"
	"local sum = co(1)\n"
	"for i = 2, 50 do sum = sum + co(1) end\n"
	"local mt = setmetatable({}, {__index = function(_, k) return k .. '!' end, __call = function(_, x) return x * 2 end})\n"
	"assert(mt.x == 'x!' and mt(21) == 42)\n"
	"local ok, err = pcall(function() error({code = 7}) end)\n"
	"assert(not ok and err.code == 7)\n"
	"assert(select(2, pcall(error, 'msg', 0)) == 'msg')\n"
	"local f = load('local a, b = ... return a // b, a % b, a ~ b, string.format(\"%5.2f|%q\", a / b, \"xy\")')\n"
	"local q, r, x, s = f(17, 5)\n"
	"assert(q == 3 and r == 2 and x == 20 and s == ' 3.40|\"xy\"', s)\n"
	"local g = setmetatable({}, {__gc = function() collected = (collected or 0) + 1 end})\n"
	"g = nil collectgarbage()\n"
	"assert(collected >= 1)\n"
	"assert(utf8.char(228, 8364) == 'ä€' and utf8.len('ä€') == 2)\n"
	"assert(math.type(3) == 'integer' and math.floor(-3.5) == -4)\n"
	"assert(os.time({year = 2020, month = 1, day = 1, hour = 12}) > 0)\n"
	"do local c <close> = setmetatable({}, {__close = function() closed = true end}) end assert(closed)\n"
	"goto done\n"
	"error('not here')\n"
	"::done::\n"
	"runs = (runs or 0) + 1\n"
	"return sum\n";

static atomic_bool ending;
static atomic_ulong runs, wrong;

static void *run(void *data)
{
	lua_State *lua = data;

	while (!atomic_load(&ending)) {
		if (luaL_dostring(lua, script) != LUA_OK || lua_tointeger(lua, -1) != 42925) {
			atomic_fetch_add(&wrong, 1);
			printf("FAIL the script: %s\n", lua_tostring(lua, -1));
			break;
		}
		lua_settop(lua, 0);
		atomic_fetch_add(&runs, 1);
	}
	return NULL;
}

static struct lode_live_program self;
static uint64_t stopped, longest;

static void account(void)
{
	stopped += self.stopped_ns;
	if (self.stopped_ns > longest)
		longest = self.stopped_ns;
}

static void wait_for_runs(unsigned long more)
{
	unsigned long until = atomic_load(&runs) + more;

	for (int i = 0; i < 100000 && atomic_load(&runs) < until && !atomic_load(&wrong) && !atomic_load(&ending); i++)
		usleep(100);
}

static void replace(const char *name, enum lode_swap_policy policy)
{
	struct lode_diag why = {.status = LODE_OK};
	char line[600];

	check_case("%s", name);
	if (!CHECK_EQ(lode_live_replace(&self, name, policy, &why), LODE_OK)) {
		lode_diag_format(line, sizeof line, &why);
		printf("FAIL %s: %s (%.*s %.*s, errno %d)\n", name, line, (int)self.blame.symbol.size, self.blame.symbol.at,
			(int)self.account.datum.size, self.account.datum.at, self.error);
		return;
	}
	account();
	CHECK(self.account.nfunctions + self.account.nconstants > 0);
	wait_for_runs(2);
	CHECK_EQ(atomic_load(&wrong), 0);
}

int main(int argc, char **argv)
{
	struct lode_diag why = {.status = LODE_OK};
	lua_State *lua = luaL_newstate();
	pthread_t thread;

	luaL_openlibs(lua);
	check_case("index");
	CHECK_EQ(lode_live_self(&self, NULL, &why), LODE_OK);
	CHECK_EQ(pthread_create(&thread, NULL, run, lua), 0);
	wait_for_runs(2);
	/* While the script runs, its interpreter is always in use. */
	for (int round = 0; round < 2; round++)
		for (int i = 1; i < argc; i++)
			replace(argv[i], LODE_SWAP_LAZY);
	printf("%d units: threads stood still for %.1f us a unit, %.1f at most\n", argc - 1,
		(double)stopped / 1000 / 2 / (argc - 1), (double)longest / 1000);
	check_case("taken back");
	for (int i = 1; i < argc; i++)
		CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_LAZY, &why), LODE_OK);
	wait_for_runs(2);
	atomic_store(&ending, true);
	pthread_join(thread, NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	CHECK(atomic_load(&runs) > 10);
	lua_getglobal(lua, "runs");
	CHECK_EQ(lua_tointeger(lua, -1), atomic_load(&runs));
	lua_settop(lua, 0);
	/* Nobody is in it now. */
	for (int i = 1; i < argc; i++)
		replace(argv[i], LODE_SWAP_IDLE);
	check_case("closed");
	CHECK_EQ(luaL_dostring(lua, script), LUA_OK);
	lua_close(lua);
	return check_done();
}
