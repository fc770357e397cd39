/* SPDX-License-Identifier: MIT */
/* A Lua script that sorts, matches, loads, collects and resumes a coroutine, for ever: each line of input asks how often, and how
 * often the result was another one than at first. */
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <poll.h>
#include <stdio.h>

static const char script[] =
	"rounds, wrong = 0, 0\n"
	"local function work()\n"
	"  local t, s = {}, 0\n"
	"  for i = 1, 200 do t[i] = (i * 7919) % 1009 end\n"
	"  table.sort(t)\n"
	"  for i, v in ipairs(t) do s = s + i * v end\n"
	"  local next_one = coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end)\n"
	"  for _ = 1, 10 do s = s + next_one() end\n"
	"  s = s + #string.rep('ab', 100) + #(string.gsub('hello world', 'o', '00'))\n"
	"  if pcall(error, 'x') then return 0 end\n"
	"  collectgarbage('step')\n"
	"  return s + load('return 7')() + #setmetatable({}, {__len = function() return 3 end}) + math.floor(2.5)\n"
	"end\n"
	"local kept = coroutine.create(function() while true do coroutine.yield(work()) end end)\n"
	"local first = work()\n"
	"function go()\n"
	"  local ok, result = coroutine.resume(kept)\n"
	"  rounds = rounds + 1\n"
	"  if not ok or result ~= first then wrong = wrong + 1 end\n"
	"end\n";

static int number(lua_State *lua, const char *name)
{
	int value;

	lua_getglobal(lua, name);
	value = (int)lua_tointeger(lua, -1);
	lua_pop(lua, 1);
	return value;
}

int main(void)
{
	lua_State *lua = luaL_newstate();
	struct pollfd input = {.fd = 0, .events = POLLIN};
	char line[16];

	luaL_openlibs(lua);
	if (luaL_dostring(lua, script) != LUA_OK)
		return 1;
	for (;;) {
		lua_getglobal(lua, "go");
		if (lua_pcall(lua, 0, 0, 0) != LUA_OK)
			return 1;
		if (poll(&input, 1, 0) == 0)
			continue;
		if (!fgets(line, sizeof line, stdin))
			return 0;
		printf("rounds %d wrong %d\n", number(lua, "rounds"), number(lua, "wrong"));
		fflush(stdout);
	}
}
