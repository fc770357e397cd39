#!/bin/bash
# SPDX-License-Identifier: MIT
# `lode exec` as a person types it: output, exit status and messages. usage: command.sh LODE
lode=$(readlink -f "${1:?usage: command.sh LODE}")
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
chmod 755 "$where"
cd "$where" || exit 2
passed=0 failed=0 skipped=0

fail() {
	echo "FAIL $1"
	failed=$((failed + 1))
}

# is NAME STATUS OUTPUT -- COMMAND...: both must be equal.
is() {
	local name=$1 status=$2 want=$3 got code
	shift 4
	got=$("$@" 2>"$where/err")
	code=$?
	if [ "$code" = "$status" ] && [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	else
		fail "$name: status $code (wanted $status), output '$got' (wanted '$want'), stderr '$(head -c 300 "$where/err")'"
	fi
}

# says NAME STATUS PATTERN -- COMMAND...: one line on stderr that matches, nothing on stdout.
says() {
	local name=$1 status=$2 want=$3 got code
	shift 4
	got=$("$@" 2>"$where/err")
	code=$?
	if [ "$code" = "$status" ] && [ -z "$got" ] && [ "$(wc -l <"$where/err")" = 1 ] && grep -q -- "$want" "$where/err"; then
		passed=$((passed + 1))
	else
		fail "$name: status $code (wanted $status), stderr '$(head -c 300 "$where/err")' (wanted $want)"
	fi
}

skip() {
	echo "SKIP $1"
	skipped=$((skipped + 1))
}

x() {
	"$lode" exec "$@"
}

from() {
	local file=$1
	shift
	"$lode" exec "$@" <"$file"
}

through() {
	local file=$1
	shift
	cat "$file" | "$lode" exec "$@"
}

printf '#!/bin/echo one  two\n' >script
printf 'echo "text $1 $2"; exit 5\n' >text
printf '\0\1\2\3' >binary
printf '#!/nosuch/interpreter\n' >orphan
printf '#!/bin/sh\necho hidden\n' >hidden
chmod 755 script text binary orphan
mkdir one two three
printf '#!/bin/echo two\n' >two/prog
printf '#!/bin/echo three\n' >three/prog
printf '#!/bin/echo one\n' >one/prog
mkdir four
cp orphan four/prog
printf '#!./hidden\n' >denied
head -c 40 /bin/true >cut
: >empty
chmod 755 two/prog three/prog four/prog denied cut empty
chmod 644 one/prog

# patch FILE OFFSET BYTES: a copy of a dynamic program with other bytes.
patch() {
	[ -e "$1" ] || cp /bin/true "$1"
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
interp=$(grep -abo '/lib64/ld-linux-x86-64.so.2' /bin/true | head -n 1 | cut -d: -f1)
patch arm 18 '\267\0'
patch headless 56 '\0\0'
patch asks-arm "$interp" './arm\0'
patch asks-headless "$interp" './headless\0'
patch endless $((interp + 27)) x
patch narrow 18 '\3\0'
patch asks-nothing $((interp + 26)) 9

is 'a program by its name' 0 hello -- x echo hello
is 'a program by its path' 0 'a b' -- x /bin/echo 'a b'
is 'the status is the program'"'"'s' 7 '' -- x sh -c 'exit 7'
is 'options end at PROG' 0 '--trace x' -- x echo --trace x
is 'options end at --' 0 x -- x -- echo x
is 'a script' 0 'one  two ./script x' -- x ./script x
is 'text without #! goes to /bin/sh' 5 'text a b' -- x ./text a b
is 'argv0' 0 name -- x --argv0 name sh -c 'echo $0'
is 'argv0 of the program' 0 'name' -- x --argv0=name /bin/sh -c 'tr "\0" "\n" </proc/$$/cmdline | head -1'
is 'env' 0 '1 2' -- x --env A=1 --env=B=2 sh -c 'echo $A $B'
is 'env, the last counts' 0 2 -- x --env A=1 -e A=2 sh -c 'echo $A'
is 'env replaces' 0 2 -- env A=1 "$lode" exec --env A=2 sh -c 'echo $A'
is 'clear-env' 0 A=1 -- x --clear-env --env A=1 /usr/bin/env
is 'cwd' 0 /usr -- x --cwd /usr pwd
is 'cwd is where a relative PROG is looked for' 0 'two ./prog' -- x -C two ./prog
is 'stack size' 0 65536 -- x --stack-size 64M sh -c 'ulimit -s'
is 'standard input' 0 'a b' -- from /bin/echo - a b
is 'a pipe' 0 'a b' -- through /bin/echo - a b
is 'a pipe with argv0' 0 "$(/bin/ls --version)" -- through /bin/ls --argv0 ls - --version
is 'a descriptor' 0 "$(/bin/uname)" -- bash -c "'$lode' exec --fd 7 7</bin/uname"
is 'a script on standard input' 0 'one  two /dev/fd/0' -- from script -
is 'PATH finds the first that may be executed' 0 "two $where/two/prog" -- env PATH="$where/one:$where/two:$where/three" "$lode" exec prog
is 'PATH with an empty entry' 0 'three prog' -- bash -c "cd three && PATH=/nosuch: '$lode' exec prog"
is 'PATH of --env' 0 "three $where/three/prog" -- x --env PATH="$where/three" prog
is 'no PATH' 0 x -- env -u PATH "$lode" exec echo x
if [ $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) & (1 << 21 | 1 << 40))) -ne 0 ]; then
	is 'exe is the program' 0 "$(readlink -f /bin/readlink)" -- x readlink /proc/self/exe
else
	echo "SKIP exe is the program: needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE"
	skipped=$((skipped + 1))
fi
is 'no descriptor is left' 0 "$(ls /proc/self/fd | wc -l)" -- bash -c "'$lode' exec ls /proc/self/fd | wc -l"
is 'no-aslr' 0 555555554000 -- bash -c "'$lode' exec --no-aslr cat /proc/self/maps | head -1 | cut -d- -f1"
is 'help' 0 'usage: lode exec [OPTIONS] PROG [ARGS]' -- bash -c "'$lode' exec --help | head -1"

says 'not found in PATH' 127 'lode: nosuch: .*ENOENT.*PATH' -- x nosuch
says 'not found' 127 'lode: ./nosuch: .*ENOENT' -- x ./nosuch
says 'empty name' 127 'ENOENT' -- x ''
says 'not executable' 126 'lode: ./hidden: .*EACCES' -- x ./hidden
says 'found in PATH, but not executable' 126 'EACCES' -- env PATH="$where/one" "$lode" exec prog
says 'a directory' 126 'lode: /: .*EACCES.*: a directory, not a regular file' -- x /
says 'binary nonsense' 126 'lode: ./binary: .*ENOEXEC' -- x ./binary
says 'another machine' 126 'headers: .*ENOEXEC.*e_machine = 0xb7 .*0x3e.* offset 0x12: not a program for x86-64; it is for AArch64: qemu-user starts such' -- x ./arm
says 'an interpreter for another machine' 126 'lode: ./asks-arm: program interpreter ./arm: .*ELIBBAD.*e_machine = 0xb7' -- x ./asks-arm
says 'no program headers' 126 'headers: .*ENOEXEC.*e_phnum = 0x0 .*offset 0x38: a program has 1 to 1170 program headers' -- x ./headless
says 'an interpreter without program headers' 126 'lode: ./asks-headless: program interpreter ./headless: .*ELIBBAD.*e_phnum' -- x ./asks-headless
says 'a name of an interpreter without end' 126 \
	'program interpreter: .*ENOEXEC.*program header [0-9]*: p_filesz = 0x1c .*not terminated' -- x ./endless
says 'a script without interpreter' 127 'lode: ./orphan: script interpreter /nosuch/interpreter: .*ENOENT' -- x ./orphan
says 'a program without interpreter' 127 'lode: ./asks-nothing: program interpreter /lib64/ld-linux-x86-64.so.9: .*ENOENT' -- x ./asks-nothing
says 'a program of PATH without interpreter' 127 "lode: $where/four/prog: script interpreter /nosuch/interpreter: .*ENOENT" -- env PATH="$where/four" "$lode" exec prog
says 'an interpreter that may not be executed' 126 'lode: ./denied: script interpreter ./hidden: .*EACCES' -- x ./denied
says 'options of a program that is a descriptor' 2 "unknown option '-l'; arguments of the program stand behind --; see" -- from /bin/ls --fd=0 -l
says 'long ones' 2 "unknown option '--all'; arguments of the program stand behind --; see" -- from /bin/ls --fd=0 --all
says 'options before the program' 2 "unknown option '-l'; see" -- x -l /bin/ls
is 'behind --' 0 '-n' -- from "$(which printf)" --fd=0 -- %s -n
printf 'int f(void) { return 1; }\n' >object.c
if cc -c -o object.o object.c 2>/dev/null; then
	chmod +x object.o
	says 'an object' 126 'ENOEXEC): a relocatable object; `lode link` runs objects$' -- x ./object.o
else
	skip 'an object: no compiler'
fi
printf '#!./narrow\necho sh ran this\n' >foreign && printf '#!/bin/%0300d\necho sh ran this\n' 0 >endless-line && chmod +x foreign endless-line
says 'a script whose interpreter is a 32-bit program' 126 'a 32-bit program cannot be started from a 64-bit process' -- x ./foreign
says 'a #! line that does not end' 126 'ENOEXEC' -- x ./endless-line
printf '!<arch>\n' >arch.a && printf 'debian-binary   0           0     0     100644  4         `\n2.0\n' >>arch.a && chmod +x arch.a
says 'an archive that looks like text' 126 'ENOEXEC' -- x ./arch.a
says 'a header that is cut off' 126 'lode: ./cut: headers: .*ENOEXEC.*header-truncated' -- x ./cut
says 'a 32-bit program' 126 'lode: ./narrow: .*ENOEXEC.*e_machine = 0x3 .*a 32-bit program cannot be started from a 64-bit process' -- x ./narrow
is 'an empty file is an empty script' 0 '' -- x ./empty
for verb in exec run; do
	says "$verb: an interpreter is missing" 127 'lode: ./orphan: script interpreter /nosuch/interpreter: .*ENOENT' -- "$lode" $verb ./orphan
	says "$verb: a program interpreter is missing" 127 'lode: ./asks-nothing: program interpreter ' -- "$lode" $verb ./asks-nothing
done
says 'a script through a pipe' 127 'ENOENT.*no path' -- through script -
says 'text through a pipe' 126 'ENOEXEC' -- through text -
# place FILE [ARGS]: a descriptor that is only the place of FILE.
place() {
	python3 -c 'import os, sys
fd = os.open(sys.argv[2], os.O_PATH)
os.set_inheritable(fd, True)
os.execv(sys.argv[1], [sys.argv[1], "exec", "--fd", str(fd), *sys.argv[3:]])' "$lode" "$@"
}
is 'a program by its place' 0 'by place' -- place /bin/echo by place
is 'a script by its place' 0 'one  two /dev/fd/3 x' -- place ./script x
says 'a folder by its place' 126 'EACCES' -- place /tmp
mkfifo fifo
says 'a named pipe by its place' 126 'EACCES' -- place ./fifo
says 'a closed descriptor' 126 'EBADF' -- x --fd 99
says 'no PROG' 2 'PROG' -- x
says 'unknown option' 2 'unknown option' -- x --nosuch true
says 'env without =' 2 'KEY=VALUE' -- x --env A true
says 'fd that is no number' 2 'descriptor' -- x --fd=x
says 'stack size that is none' 2 'size' -- x --stack-size=12q true
says 'cwd that is not there' 1 'lode: /nosuch: ' -- x --cwd /nosuch true

if [ "$(id -u)" = 0 ]; then
	trace=$(setpriv --reuid=65534 --clear-groups "$lode" exec --trace /bin/true 2>&1)
	if grep -q 'unlike execve: /proc/self/exe stays' <<<"$trace"; then passed=$((passed + 1)); else fail "a trace says whose exe it is"; fi
else
	skip 'a trace says whose exe it is: needs root, to become somebody else'
fi
trace=$(x --trace ./script x 2>&1 >/dev/null)
for word in 'open: ./script' 'script: interpreter: /bin/echo argument one  two' 'open: /bin/echo' 'program: ET_DYN' 'interpreter: ET_DYN' 'map  ' 'stack: ' \
	'commit: munmap 0*-' 'commit: zero [0-9a-f]*-' 'commit: copy .* from ' 'commit: prctl PR_SET_NAME script' 'commit: set_tid_address$' 'commit: close [0-9]*$' \
	'commit: .*and start: sp 0x.* entry 0x'; do
	if grep -q -- "$word" <<<"$trace"; then passed=$((passed + 1)); else fail "trace names '$word'"; fi
done

if [ "$(id -u)" = 0 ]; then
	cp "$lode" lode
	chmod 755 lode
	nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$where/lode" exec "$@"; }
	is 'nobody runs a program' 0 65534 -- nobody id -u
	cp /bin/true setuid
	chmod 4755 setuid
	says 'a setuid program is refused' 126 'EPERM.*setuid: .*; --no-setid runs it without$' -- nobody ./setuid
	cp /usr/bin/id setuid
	chmod 4755 setuid
	is 'no-setid runs it as it is' 0 'uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)' -- nobody --no-setid ./setuid
	if setpriv --reuid=65534 --regid=65534 --clear-groups unshare -U true 2>/dev/null; then
		is 'own-exe' 0 "$(readlink -f /bin/readlink)" -- nobody --own-exe readlink /proc/self/exe
		is 'own-exe keeps the identity' 0 '65534 65534' -- nobody --own-exe sh -c 'echo $(id -u) $(id -g)'
		is 'own-exe leaves no capability' 0 'CapEff:	0000000000000000' -- nobody --own-exe grep CapEff: /proc/self/status
	else
		skip 'own-exe: user namespaces are not allowed here'
	fi
	is 'without own-exe it is the command' 0 "$where/lode" -- nobody readlink /proc/self/exe
	terminal() { python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null; }
	for verb in exec run; do
		is "$verb: said on a terminal" 0 \
			"$(printf 'lode: unlike execve: %s\r' "/proc/self/exe stays the caller's, the file may be written to: it takes CAP_SYS_ADMIN or own exe")" -- \
			terminal setpriv --reuid=65534 --regid=65534 --clear-groups "$where/lode" $verb /bin/true
		is "$verb: quiet" 0 '' -- terminal setpriv --reuid=65534 --regid=65534 --clear-groups "$where/lode" $verb -q /bin/true
	done
else
	skip 'other users: needs root'
fi
echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
[ "$failed" = 0 ]
