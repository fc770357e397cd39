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

headers() {
	for header in "$work"/prefix/include/lode/*.h; do
		printf '#include <lode/%s>\n' "$(basename "$header")" >"$work/one.c"
		cc -std=c11 -Wall -Werror $(pkg-config --cflags lode) -fsyntax-only "$work/one.c" || return 1
	done
}
try "every installed header stands alone" headers
finish
