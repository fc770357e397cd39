#!/bin/sh
# SPDX-License-Identifier: MIT
# amalgamation.sh SOURCE: what tools/amalgamate writes -> compiled in every way, and put under the unit tests in place of the library.
. "$(dirname "$0")/lib.sh"

strict="-std=c11 -O2 -Wall -Wextra -Wpedantic -Werror -Wconversion -Wsign-conversion -Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes"
am=$source/tools/amalgamate

try "core" "$am" -o "$work/core"
try "core, start, paging and link" "$am" --start --paging --link -o "$work/start"
try "all of it" "$am" --start --paging --link --rt -o "$work/rt"
try "core and paging" "$am" --paging -o "$work/paging"
refuse "unknown option" 2 "usage:" "$am" --everything

same() {
	"$am" --start --paging --link -o "$work/again" && cmp "$work/start/lode.c" "$work/again/lode.c" && cmp "$work/start/lode.h" "$work/again/lode.h"
}
try "the same every time" same

# Nothing but the standard's freestanding headers is named in the files.
alone() {
	headers=$(sed -n 's/^[ \t]*#[ \t]*include[ \t]*//p' "$work/rt/lode.c" "$work/rt/lode.h" | sort -u | tr -d '\n')
	[ "$headers" = '"lode.h"<stdbool.h><stddef.h><stdint.h>' ] || { echo "$headers"; return 1; }
}
try "includes" alone

# Everything that a header of include/lode declares is in lode.h, but for those of the hosts.
complete() {
	printf '#include <lode/lode.h>\n#include <lode/start.h>\n#include <lode/paging.h>\n#include "lode.h"\n' >"$work/both.c"
	cc -std=c11 -Werror -I"$source/include" -I"$work/start" -fsyntax-only "$work/both.c" || return 1
	for header in "$source"/include/lode/*.h; do
		case ${header##*/} in exec.h|live.h|posix.h|process.h|vmm.h) ;; *) cat "$header" ;; esac
	done | sed -nE 's/^[a-z].*[ *](lode_[a-z0-9_]+\().*/\1/p' | sort -u >"$work/declared"
	while read -r name; do grep -qF "$name" "$work/start/lode.h" || echo "$name"; done <"$work/declared" >"$work/lost"
	[ ! -s "$work/lost" ] && [ "$(wc -l <"$work/declared")" -gt 100 ] || { cat "$work/lost"; return 1; }
}
try "header beside the others" complete

undefined() {
	others=$(nm -u "$1" | awk '{ print $NF }' | grep -vxE "$2")
	[ -z "$others" ] || { echo "needed: $others"; return 1; }
}

found=
present gcc clang-14 clang-19
for cc in $found; do
	try "$cc hosted" $cc $strict -c "$work/start/lode.c" -o "$work/hosted.o"
	try "$cc freestanding" $cc $strict -ffreestanding -c "$work/start/lode.c" -o "$work/free.o"
	try "$cc freestanding: needs" undefined "$work/free.o" "memcpy|memmove|memset|memcmp"
	try "$cc with rt" $cc $strict -ffreestanding -c "$work/rt/lode.c" -o "$work/alone.o"
	try "$cc with rt: needs" undefined "$work/alone.o" "nothing"
	try "$cc with paging" $cc $strict -c "$work/paging/lode.c" -o "$work/paging.o"
	try "$cc -O0" $cc -std=c11 -O0 -Wall -Wextra -Wpedantic -Werror -c "$work/core/lode.c" -o "$work/core.o"
done

# From C++, as docs/embed.md says.
cat >"$work/other.cc" <<'END'
#include "lode.h"
int main()
{
	static const unsigned char bytes[64] = {1, 2, 3, 4};
	struct lode_source source = {};
	struct lode_image image;
	struct lode_diag why;

	source.bytes = bytes;
	source.size = sizeof bytes;
	return lode_open(&image, &source, nullptr, &why) == LODE_ERR_MALFORMED && why.rule == LODE_RULE_HEADER_MAGIC ? 0 : 1;
}
END
if command -v g++ >/dev/null; then
	try "C++ compiles" g++ -Wall -Wextra -Wpedantic -Werror -I"$work/start" "$work/other.cc" "$work/hosted.o" -o "$work/other"
	try "C++ runs" "$work/other"
else
	skip "C++" "no g++ on this machine"
fi

# The unit tests, against lode.h and lode.c in place of headers and library.
mkdir -p "$work/include/lode" "$work/mkelf"
for header in "$source"/include/lode/*.h; do
	echo '#include "../../start/lode.h"' >"$work/include/lode/$(basename "$header")"
done
cp "$source"/include/lode/*.def "$work/include/lode/"
writer() {
	cd "$work/mkelf" && cc -std=c11 -O1 -c $(ls "$source"/tools/mkelf/*.c | grep -v '/main\.c$')
}
build_test() {
	cc -std=c11 -O1 -I"$work/include" -I"$source/tools/mkelf" -I"$source/tests" -I"$source/tests/unit" -o "$work/test" "$1" \
		"$work/hosted.o" "$work"/mkelf/*.o
}
try "the writer of test files" writer
for name in $(sed -n '/^unit_tests = \[/,/^\]/p' "$source/tests/unit/meson.build" | tr -dc 'a-z0-9_\n' | grep -vx 'unit_tests\|mkelf'); do
	rm -f "$work/test"
	try "unit/$name compiles" build_test "$source/tests/unit/$name.c"
	[ -x "$work/test" ] && try "unit/$name" "$work/test"
done
finish
