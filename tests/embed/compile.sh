#!/bin/sh
# SPDX-License-Identifier: MIT
# compile.sh SOURCE: the freestanding folders as they lie, by the documented command -> objects that need four functions at the most.
. "$(dirname "$0")/lib.sh"

compile() { # CC FLAGS...
	cc=$1
	shift
	rm -rf "$work/o" && mkdir "$work/o" && cd "$work/o" || return 1
	"$cc" "$@" -Werror -ffreestanding -I"$source/include" -I"$source/core" -c "$source"/core/*.c &&
		"$cc" "$@" -Werror -ffreestanding -I"$source/include" -I"$source/core" -c "$source"/core/arch/*.c &&
		"$cc" "$@" -Werror -ffreestanding -I"$source/include" -c "$source"/start/*.c "$source"/rt/*.c
}

# What the objects of core/ and start/ need from outside, rt/ left away.
needs_little() {
	cd "$work/o" && mkdir -p rt && for file in "$source"/rt/*.c; do mv "$(basename "$file" .c).o" rt/; done
	ld -r -o all.o ./*.o || return 1
	others=$(nm -u all.o | awk '{ print $NF }' | grep -vxE 'memcpy|memmove|memset|memcmp')
	[ -z "$others" ] || { echo "needed: $others"; return 1; }
}

# As docs/embed.md says: code and tables without the words, and the largest stack frame.
small() {
	mkdir -p "$work/s" && cd "$work/s" && gcc -Os -ffreestanding -fno-asynchronous-unwind-tables -fstack-usage -I"$source/include" \
		-I"$source/core" -c "$source"/core/*.c "$source"/core/arch/*.c || return 1
	rm words.o
	size=$(size -t ./*.o | awk 'END { print $4 }')
	frame=$(cat ./*.su | awk -F '\t' '$2 > most { most = $2 } END { print most }')
	echo "$size bytes, frame of $frame bytes"
	[ "$size" -lt 30720 ] && [ "$frame" -le 1126 ]
}
if [ "$(uname -m)" = x86_64 ] && command -v gcc >/dev/null; then
	try "size and stack" small
else
	skip "size and stack" "the figures are those of gcc for x86-64"
fi

found=
present gcc clang-14 clang-19
for cc in $found; do
	for level in -O0 -O2 -Os; do
		try "$cc $level" compile "$cc" "$level"
	done
	try "$cc: no dependency" needs_little
	try "$cc: every warning" compile "$cc" -std=c11 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wvla -Wundef \
		-Wstrict-prototypes -Wmissing-prototypes
done
finish
