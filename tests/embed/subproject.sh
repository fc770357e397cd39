#!/bin/sh
# SPDX-License-Identifier: MIT
# subproject.sh SOURCE: a small Meson project with this tree as subprojects/lode -> built, and its program run.
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/tiny/subprojects"
ln -s "$source" "$work/tiny/subprojects/lode"
cp "$source/examples/array.c" "$work/tiny"
cat >"$work/tiny/meson.build" <<'END'
project('tiny', 'c', default_options: ['c_std=c11', 'werror=true'])
executable('array', 'array.c', dependencies: dependency('lode', fallback: ['lode', 'lode_dep']))
END
try "setup" meson setup --wrap-mode=forcefallback "$work/build" "$work/tiny"
try "build" ninja -C "$work/build"
printf 'long x;\nvoid _start(void) { x = 1; for (;;) ; }\n' >"$work/tiny.c"
try "an image to load" cc -nostdlib -static -o "$work/tiny.elf" "$work/tiny.c"
runs() {
	"$work/build/array" "$work/tiny.elf" | grep -q '^entry 0x4'
}
try "the program runs" runs
nothing_else() {
	[ -z "$(find "$work/build" -name '*.p' -type d | grep -vE '/(array|lib[a-z-]*\.a|liblode.*)\.p$')" ]
}
try "nothing but the libraries is built" nothing_else
finish
