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
		"$cc" "$@" -Werror -ffreestanding -I"$source/include" -I"$source/core" -c "$source"/start/*.c "$source"/paging/*.c "$source"/link/*.c "$source"/link/arch/*.c "$source"/rt/*.c
}

# What the objects of core/, start/, paging/ and link/ need from outside, rt/ left away.
needs_little() {
	cd "$work/o" && mkdir -p rt && for file in "$source"/rt/*.c; do mv "$(basename "$file" .c).o" rt/; done
	ld -r -o all.o ./*.o || return 1
	others=$(nm -u all.o | awk '{ print $NF }' | grep -vxE 'memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_')
	[ -z "$others" ] || { echo "needed: $others"; return 1; }
}

# The files that docs/embed.md says may be left out: a program that opens, plans, places and relocates links without them.
without() {
	left_out=$(sed -n '/^Nothing of the loader calls/,/^A host that never/s/^| `\([a-z]*\)\.c` |.*/\1/p' "$source/docs/embed.md")
	[ "$(echo $left_out)" = "array note property version words" ] || { echo "left out: $left_out"; return 1; }
	cat >"$work/loader.c" <<'END'
#include <lode/lode.h>
int main(void)
{
	static const struct lode_space space;
	struct lode_relocation_count count;
	struct lode_dynamic dynamic;
	struct lode_image image;
	struct lode_source source = {0};
	struct lode_plan plan = {0};
	struct lode_policy policy = lode_policy_kernel(4096);
	struct lode_space copy = space;
	uint64_t base;
	if (lode_open(&image, &source, 0, 0) || lode_dynamic_open(&dynamic, &image, 0))
		return 0;
	return lode_plan(&plan, &image, &policy, 0) + lode_plan_fit(&base, &image, &policy, &plan.span, 0) +
	       lode_relocations_check(&count, &image, &plan, 0, 0) + lode_place_relocated(&copy, &image, &plan, 0, 0);
}
END
	files=
	for file in "$source"/core/*.c "$source"/core/arch/*.c; do
		echo "$left_out" | grep -qx "$(basename "$file" .c)" || files="$files $file"
	done
	link_loader
}

link_loader() {
	cc -std=c11 -O1 -I"$source/include" -I"$source/core" $files "$work/loader.c" -o "$work/loader" && "$work/loader"
}
try "what may be left out" without

# And those that a host leaves out which never relocates: the second table, in the order of the first.
without_relocation() {
	more=$(sed -n '/^A host that never relocates places/,/^What is linked/s/^| \(`[^|]*`\) |.*/\1/p' "$source/docs/embed.md" | tr -d '`,')
	[ "$(echo "$more" | tr '\n' ' ')" = "place_relocated.c relocate.c relr.c entry.c arch/*.c tls.c arch/*.c dynamic.c hash.c table.c " ] || { echo "left out: $more"; return 1; }
	cat >"$work/loader.c" <<'END'
#include <lode/lode.h>
int main(void)
{
	struct lode_image image;
	struct lode_source source = {0};
	struct lode_plan plan = {0};
	struct lode_policy policy = lode_policy_process(4096);
	struct lode_space space = {0};
	uint64_t base;
	if (lode_open(&image, &source, 0, 0))
		return 0;
	return lode_plan(&plan, &image, &policy, 0) + lode_plan_fit(&base, &image, &policy, &plan.span, 0) + lode_place(&space, &image, &plan, 0);
}
END
	files=
	for file in "$source"/core/*.c; do
		echo $left_out "$more" | tr ' ' '\n' | grep -qxE "$(basename "$file" .c)(\.c)?" || files="$files $file"
	done
	link_loader
}
try "what may be left out without relocation" without_relocation

# As docs/embed.md says: code and tables without the words, and the largest stack frame. small ALL FEW WORDS FLAG...: the KiB that each
# is below.
small() {
	all=$(($1 * 1024)) fewer=$(($2 * 1024)) text=$(($3 * 1024))
	shift 3
	rm -rf "$work/s" && mkdir "$work/s" && cd "$work/s" && gcc -Os -ffreestanding "$@" -fstack-usage -I"$source/include" \
		-I"$source/core" -c "$source"/core/*.c "$source"/core/arch/*.c || return 1
	words=$(size words.o | awk 'END { print $4 }')
	echo "$words bytes of words"
	[ "$words" -lt "$text" ] || return 1
	rm words.o
	size=$(size -t ./*.o | awk 'END { print $4 }')
	frame=$(cat ./*.su | awk -F '\t' '$2 > most { most = $2 } END { print most }')
	echo "$size bytes, frame of $frame bytes"
	[ "$size" -lt "$all" ] && [ "$frame" -le 1126 ] || return 1
	few=$(size -t $(for file in $files; do basename "$file" .c; done | sed 's/$/.o/') | awk 'END { print $4 }')
	echo "$few bytes without relocation"
	[ "$few" -gt 8192 ] && [ "$few" -lt "$fewer" ]
}
if [ "$(uname -m)" = x86_64 ] && command -v gcc >/dev/null; then
	try "size and stack" small 31 18 40 -fno-asynchronous-unwind-tables
	try "size with unwind tables" small 38 20 41
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
