#!/bin/sh
# SPDX-License-Identifier: MIT
# examples.sh SOURCE: every example, built by the command that docs/embed.md gives -> what it prints, compared.
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1

warn="-std=c11 -O2 -Wall -Wextra -Werror"

# array: a position-independent image with relocations, whose bytes another tool can tell us too
cat >image.c <<'END'
char zeros[9000];
long number = 5;
long *pointer = &number;
void _start(void) { *pointer = zeros[1]; for (;;) ; }
END
array() {
	cc $warn -Wpedantic -I"$source/include" -I"$source/core" "$source/examples/array.c" "$source"/core/*.c "$source"/core/arch/*.c -o array
}
image() {
	cc -nostdlib -static-pie -fPIE -Wl,-z,separate-code -o image image.c
}
try "array: compiles" array
try "array: an image" image
output() {
	./array image >out || return 1
	text=$(readelf -lW image | awk '$1 == "LOAD" && / R E / { print $2 }')
	entry=$(readelf -hW image | awk '/Entry point/ { print $4 }')
	bytes=$(od -An -tx1 -j "$((text + (entry & 4095)))" -N 4 image)
	grep -q " 8192 rw- zeros$\| 12288 rw- zeros$" out && grep -q " r-x bytes$" out && [ "$(tail -n 1 out)" = "$(printf 'entry %#x:%s' $((0x100000 + entry)) "$bytes")" ] || {
		cat out
		echo "entry $entry text $text bytes $bytes"
		return 1
	}
}
try "array: pages and entry" output
head -c 200 image >cut
refuse "array: a cut file" 1 "[header-phtable]" ./array cut
refuse "array: no ELF file" 1 "[header-magic]" ./array image.c
refuse "array: how it is called" 2 "usage: array FILE" ./array
refuse "array: no file" 1 "No such file" ./array nothing
refuse "array: nobody resolves symbols" 1 "[symbol-undefined]" ./array ./array

# kernel: its own checks decide its status; here it is also seen that it made them
kernel() { # CC RUNNER...
	cc=$1
	shift
	rm -rf kernel && CC=$cc "$source/examples/kernel/build" kernel && "$@" kernel/kernel >out 2>&1 || { cat out; return 1; }
	grep -q '\[space-refused\]' out && grep -q 'leaves nothing behind' out && grep -q 'pages r-x with bytes' out &&
		grep -q 'if and only if the plan says so' out && grep -q 'my pointers are relocated' out && [ "$(tail -n 1 out)" = "kernel: the module ran and returned 42" ]
}
needs_nothing() {
	[ -z "$(nm -u kernel/kernel)" ] && ! readelf -lW kernel/kernel | grep -q INTERP
}
found=
present gcc clang-14 clang-19
for cc in $found; do
	try "kernel: $cc" kernel "$cc"
	try "kernel: $cc: freestanding" needs_nothing
done
for machine in aarch64 riscv64; do
	if command -v $machine-linux-gnu-gcc >/dev/null && command -v qemu-$machine >/dev/null; then
		try "kernel: $machine" kernel $machine-linux-gnu-gcc qemu-$machine
	else
		skip "kernel: $machine" "no cross compiler or no qemu-$machine"
	fi
done

# hotreload: its source is changed while it runs; the count of frames goes on, what is drawn changes
if [ "$(uname -m)" = x86_64 ]; then
	hotreload() {
		cc -std=gnu11 -O1 -Wall -Wextra -Werror -fdata-sections -Wl,-q -I"$source/include" -I"$source/core" "$source"/examples/hotreload/*.c \
			"$source"/hosts/live/*.c "$source"/core/*.c "$source"/core/arch/*.c "$source"/link/*.c "$source"/link/arch/*.c -pthread -o hotreload
	}
	goes_on() {
		cp "$source"/examples/hotreload/bounce.? .
		./hotreload bounce.c 120 >frames 2>told &
		sleep 1
		sed "s/= 'o'/= 'X'/" bounce.c >new.c && mv new.c bounce.c
		wait $!
		awk '$1 != NR { exit 1 }' frames && [ "$(wc -l <frames)" = 120 ] && grep -q 'o' frames && tail -n 1 frames | grep -q 'X' &&
			grep -q '3 variables kept, 0 new' told || { cat told; tail -n 3 frames; return 1; }
	}
	try "hotreload: compiles" hotreload
	try "hotreload: goes on" goes_on
else
	skip "hotreload" "x86-64 only"
fi
finish
