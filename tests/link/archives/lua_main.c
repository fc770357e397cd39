/* SPDX-License-Identifier: MIT */
/* A Lua script comes in, the interpreter of liblua prints what it computes. */
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>
#include <stdio.h>

static const char script[] = "local s = 0 for i = 1, 100000 do s = s + i end\n"
	"io.write(s, ' ', string.format('%.3f', math.sin(1)), ' ', tostring(pcall(error, 'x')), ' x\\n')\n"
	"local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end return 'coroutine' end)\n"
	"io.write('[', c(), '] [', c(), '] [', c(), '] ', c(), ' ', (string.gsub('xyz', '%w+', 'gsub')), '\\n')\n";

int main(void)
{
	lua_State *state = luaL_newstate();

	luaL_openlibs(state);
	if (luaL_dostring(state, script) != 0) {
		puts(lua_tostring(state, -1));
		return 1;
	}
	lua_close(state);
	return 0;
}
