#!/bin/sh
# SPDX-License-Identifier: MIT
# hooks.sh SOURCE BUILD: the hooks for make, CMake and Meson, as they are installed -> programs of each whose units are replaced.
. "$(dirname "$0")/../../embed/lib.sh"
build=$(cd "$2" && pwd)
here=$source/tests/live/hooks
prefix=$work/prefix

# What Meson would install of them, and the command, under another prefix.
lay_out() {
	meson introspect --install-plan "$build" >"$work/plan.json" && python3 - "$work/plan.json" "$build" "$prefix" <<'END'
import json, os, shutil, sys
plan, build, prefix = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
options = {o["name"]: o["value"] for o in json.loads(os.popen("meson introspect --buildoptions '%s'" % build).read())}
wanted, found = {"live.mk", "LodeLiveConfig.cmake", "lode", "lode-live.pc", "lode.pc"}, set()
for kind in plan.values():
    for source, where in kind.items():
        name = os.path.basename(source)
        if name not in wanted or not os.path.isfile(source):
            continue
        to = where["destination"]
        for option in ("datadir", "bindir", "libdir_static", "libdir", "prefix"):
            to = to.replace("{%s}" % option, os.path.join(prefix, options.get(option.split("_")[0], "")) if option != "prefix" else prefix)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(source, to)
        found.add(name)
        if name.endswith(".pc"):
            text = open(to).read().replace("prefix=" + options["prefix"], "prefix=" + prefix, 1)
            open(to, "w").write(text)
sys.exit(str(wanted - found) if wanted != found else 0)
END
}
try "what is installed" lay_out
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name lode-live.pc)")
PATH=$prefix/bin:$PATH
export PKG_CONFIG_PATH PATH
try "the new unit" cc -O2 -DSTEP=2 -c "$here/unit.c" -o "$work/unit.o"

# replaced PROGRAM: it runs, its unit is replaced, its counter goes on.
replaced() {
	program=$1
	[ -e "$program.lode" ] || { echo "FAIL no index"; return 1; }
	rm -f "$work/in" "$work/out" && mkfifo "$work/in" && mkfifo "$work/out" || return 1
	"$program" <"$work/in" >"$work/out" &
	pid=$!
	exec 7>"$work/in" 8<"$work/out"
	echo >&7; read -r before <&8
	lode swap "$pid" "$work/unit.o"
	status=$?
	echo >&7; read -r after <&8
	exec 7>&- 8<&-
	wait "$pid"
	echo "$before $after $status"
	[ "$before $after $status" = "1000001 2000002 0" ]
}

has_symbols() {
	readelf -SW "$1" | grep -q -F -e .symtab -e .rela.text
}

is_stripped() {
	readelf -SW "$1" | grep -q -F .text && ! has_symbols "$1"
}

# checked NAME SERVER [WHOLE]: the one is stripped, the other is not.
checked() {
	try "$1: stripped" is_stripped "$2"
	try "$1: replaced" replaced "$2"
	[ $# -lt 3 ] || try "$1: with its symbols" replaced "$3"
	[ $# -lt 3 ] || try "$1: with its symbols, really" has_symbols "$3"
}

copy() {
	mkdir "$work/$1" && cp "$here"/*.c "$here/$2" "$work/$1/"
}

copy make Makefile
try "make" make -s -C "$work/make"
checked make "$work/make/server" "$work/make/whole"
no_lode() {
	! make -s -B -C "$work/make" LODE=no-such-command server && ! [ -e "$work/make/server" ]
}
try "make without lode" no_lode

found=
present cmake
if [ -n "$found" ]; then
	copy cmake CMakeLists.txt
	by_cmake() {
		cmake -S "$work/cmake" -B "$work/cmake/out" -DCMAKE_PREFIX_PATH="$prefix" "$@" && cmake --build "$work/cmake/out"
	}
	try "cmake" by_cmake
	checked cmake "$work/cmake/out/server" "$work/cmake/out/whole"
	try "cmake: installed" cmake --install "$work/cmake/out" --prefix "$work/there"
	try "cmake: installed, replaced" replaced "$work/there/bin/server"
	refuse "cmake: optimised as a whole" 1 "no units are left" cmake -S "$work/cmake" -B "$work/cmake/lto" -DCMAKE_PREFIX_PATH="$prefix" \
		-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DCMAKE_POLICY_DEFAULT_CMP0069=NEW
fi

copy meson meson.build.in
by_meson() {
	mv "$work/meson/meson.build.in" "$work/meson/meson.build" && meson setup --prefix="$work/meson/there" "$work/meson/out" "$work/meson" &&
		ninja -C "$work/meson/out" && meson install --no-rebuild --strip -C "$work/meson/out"
}
try "meson" by_meson
checked meson "$work/meson/there/bin/server"
try "meson: not installed" replaced "$work/meson/out/server"
finish
