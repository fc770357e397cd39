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

# A kernel for another machine, without a system below it.
mkdir -p "$work/bare/subprojects"
ln -s "$source" "$work/bare/subprojects/lode"
cp "$source"/examples/kernel/*.[ch] "$work/bare"
cat >"$work/bare/cross" <<'END'
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
[host_machine]
system = 'none'
cpu_family = 'aarch64'
cpu = 'cortex-a53'
endian = 'little'
[properties]
needs_exe_wrapper = true
END
cat >"$work/bare/meson.build" <<'END'
project('bare', 'c', default_options: ['c_std=c11', 'werror=true'])
freestanding = ['-ffreestanding', '-fno-stack-protector', '-O2']
module = custom_target('module.elf', input: 'module.c', output: 'module.elf', command: [meson.get_compiler('c').cmd_array(), freestanding, '-fPIC',
	'-shared', '-nostdlib', '-Wl,-e,module_start', '-Wl,-z,now', '@INPUT@', '-o', '@OUTPUT@'])
executable('kernel', 'kernel.c', 'arena.c', 'machine.c', module, c_args: [freestanding, '-fno-pie', '-DMODULE="' + module.full_path() + '"'],
	dependencies: [dependency('lode', fallback: ['lode', 'lode_dep']), subproject('lode').get_variable('lode_rt_dep')],
	link_args: ['-static', '-nostdlib', '-lgcc'])
END
nothing_hosted() {
	[ -z "$(find "$work/bare/build" -name '*.a' | grep -vE '/liblode(-rt)?\.a$')" ]
}
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
	try "bare: setup" meson setup --wrap-mode=forcefallback --cross-file "$work/bare/cross" "$work/bare/build" "$work/bare"
	try "bare: build" ninja -C "$work/bare/build"
	try "bare: the kernel runs" qemu-aarch64 "$work/bare/build/kernel"
	try "bare: no host was built" nothing_hosted
else
	skip "bare" "no cross compiler or no qemu-aarch64"
fi
finish
