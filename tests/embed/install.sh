#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh SOURCE: the library installed into a prefix -> an example compiled by pkg-config alone, and run.
. "$(dirname "$0")/lib.sh"

setup() {
	meson setup --prefix="$work/prefix" -Dcli=false -Dtests=false "$work/build" "$source" && ninja -C "$work/build" && meson install -C "$work/build"
}
try "install" setup

pc=$(find "$work/prefix" -name lode.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
try "version" pkg-config --exact-version="$(sed -n 's/#define LODE_VERSION "\(.*\)"/\1/p' "$source/include/lode/base.h")" lode

# As docs/embed.md says it.
compile() {
	mkdir -p "$work/elsewhere" && cp "$source/examples/array.c" "$work/elsewhere" && cd "$work/elsewhere" &&
		cc array.c $(pkg-config --cflags --libs lode) -o array
}
try "pkg-config --cflags --libs lode" compile
printf 'long x;\nvoid _start(void) { x = 1; for (;;) ; }\n' >"$work/tiny.c"
try "an image to load" cc -nostdlib -static -o "$work/tiny" "$work/tiny.c"
runs() {
	"$work/elsewhere/array" "$work/tiny" | grep -q '^entry 0x4'
}
try "the example runs" runs

# The host that becomes another program: out of memory, with the libraries that pkg-config names.
try "pkg-config --cflags --libs lode-exec" sh -c "cd '$work/elsewhere' && cp '$source/examples/exec_memory.c' . &&
	cc -std=c11 -Wall -Wextra -Werror exec_memory.c \$(pkg-config --cflags --libs lode-exec) -o exec_memory"
memory=$work/elsewhere/exec_memory
says() { # TEXT STATUS PROGRAM ARGS...: the program on standard input prints the text and ends with the status
	text=$1 status=$2 program=$3
	shift 3
	printed=$("$memory" "$@" <"$program" 2>&1)
	got=$?
	[ "$printed" = "$text" ] && [ $got -eq "$status" ] || { echo "$printed, status $got"; return 1; }
}
static=$(ls /sbin/ldconfig.real /sbin/ldconfig 2>/dev/null | head -n 1)
try "a dynamic program from memory" says "one two" 0 /bin/echo echo one two
try "its environment and status" says "$HOME" 7 /bin/sh sh -c 'echo $HOME; exit 7'
try "a static program from memory" says "$($static --version)" 0 "$static" ldconfig --version
try "the file it came from is not the program's" says "$memory" 0 /bin/readlink readlink /proc/self/exe
refuse "not a program" 126 "[header-phtable]" sh -c "head -c 100 /bin/echo | '$memory' echo"

headers() {
	for header in "$work"/prefix/include/lode/*.h; do
		printf '#include <lode/%s>\n' "$(basename "$header")" >"$work/one.c"
		cc -std=c11 -Wall -Werror $(pkg-config --cflags lode) -fsyntax-only "$work/one.c" || return 1
	done
}
try "every installed header stands alone" headers

# A tree that is built already goes where the next PREFIX says.
prefixes() {
	for prefix in one two; do
		make -s -C "$source" BUILD="$work/made" PREFIX="$work/$prefix" install || return 1
		"$work/$prefix/bin/lode" --version && [ -e "$work/$prefix/include/lode/lode.h" ] || return 1
	done
	[ "$(find "$work/one" -type f | wc -l)" = "$(find "$work/two" -type f | wc -l)" ]
}
try "make install, and again to another PREFIX" prefixes
pages() { # every function that a header declares is found by its name, and says what the header says
	sed -nE 's/^[a-z].*[ *](lode_[a-z0-9_]+)\(.*/\1/p' "$work"/two/include/lode/*.h | sort -u >"$work/functions"
	[ "$(wc -l <"$work/functions")" -gt 100 ] || return 1
	while read -r function; do
		man --warnings -M "$work/two/share/man" 3 "$function" >"$work/page" 2>&1 && grep -q "$function" "$work/page" ||
			{ echo "$function"; return 1; }
	done <"$work/functions"
}
if command -v man >/dev/null; then
	try "a page for every function" pages
else
	skip "a page for every function" "man is not on this machine"
fi
uninstalled() {
	make -s -C "$source" BUILD="$work/made" uninstall && [ "$(find "$work/two" -type f | wc -l)" = 0 ] &&
		[ -e "$work/one/bin/lode" ]
}
try "make uninstall" uninstalled
refuse "make uninstall of nothing" 2 "nothing was installed" make -C "$source" BUILD="$work/none" uninstall
refuse "make install to a relative PREFIX" 2 "PREFIX must be an absolute path" make -C "$source" BUILD="$work/made" PREFIX=one install
finish
