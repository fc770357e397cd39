#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""For each bad or odd file: what execve does with it, and what lode_exec does. Both must give the same errno, or run it alike.

Where execve passes its point of no return and kills the caller, lode_exec must refuse with an errno. Other differences are listed with
their reason; a difference that is not listed fails, and so does a listed one that is none any more.

usage: errors.py LAUNCH
"""
import errno
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

LAUNCH = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
passed = failed = skipped = 0


def case(name, ok, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {name}: {detail}")


def skip(name, reason):
    global skipped
    skipped += 1
    print(f"SKIP {name}: {reason}")


def outcome(kind, words, before=(), **more):
    """@before: a command that starts the launcher."""
    more.setdefault("env", {"A": "1"})
    p = subprocess.run([*before, LAUNCH, kind, "0", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, **more)
    if p.returncode < 0:
        return f"signal {-p.returncode}"
    if not p.stdout and not p.stderr and p.returncode in errno.errorcode:
        return errno.errorcode[p.returncode]
    return (p.returncode, p.stdout, p.stderr)


KILLED = ("signal 11", "signal 9", "signal 7")
# Differences that are meant: name -> (execve, lode_exec, why).
LISTED = {
    "PT_LOAD past the end of the file": ("runs", "ENOEXEC", "the bytes are missing: refused before the new program gets SIGBUS"),
    "an unreadable program": ("runs", "EACCES", "what is mapped by a process must be readable for it"),
    "a 32-bit program": ("runs", "ENOEXEC", "a 64-bit process cannot become a 32-bit one"),
}


def compare(name, words, **more):
    kernel, ours = outcome("-k", words, **more), outcome("-l", words, **more)
    if name in LISTED:
        short = ["runs" if isinstance(x, tuple) else x for x in (kernel, ours)]
        case(name, tuple(short) == LISTED[name][:2], f"execve: {kernel}, lode_exec: {ours}")
    elif kernel in KILLED:
        refused = ours in errno.errorcode.values()
        case(name, refused or ours == kernel and name.startswith("starts and crashes"), f"execve: {kernel}, lode_exec: {ours}")
    else:
        case(name, kernel == ours, f"execve: {kernel}, lode_exec: {ours}")


class Elf:
    """A tiny static program, and everything that can be wrong about it."""

    CODE = bytes.fromhex("bfc8000000b83c0000000f05")  # exit(200)

    def __init__(self, **fields):
        self.h = dict(ident=b"\x7fELF\2\1\1" + bytes(9), type=2, machine=62, version=1, entry=0x400000 + 0x1000, phoff=64, shoff=0, flags=0, ehsize=64,
                      phentsize=56, phnum=None, shentsize=64, shnum=0, shstrndx=0)
        self.segments = [dict(type=1, flags=5, offset=0x1000, vaddr=0x401000, paddr=0, filesz=len(self.CODE), memsz=len(self.CODE), align=0x1000)]
        self.h.update(fields)
        self.tail = b""

    def load(self, **fields):
        self.segments.append(dict(dict(type=1, flags=6, offset=0, vaddr=0x500000, paddr=0, filesz=0, memsz=0, align=0x1000), **fields))
        return self

    def change(self, **fields):
        self.segments[0].update(fields)
        return self

    def interp(self, path, size=None, offset=0x1100):
        self.tail = path
        self.segments.insert(0, dict(type=3, flags=4, offset=offset, vaddr=0, paddr=0, filesz=len(path) if size is None else size,
                                     memsz=len(path), align=1))
        return self

    def bytes(self):
        h = self.h
        phnum = len(self.segments) if h["phnum"] is None else h["phnum"]
        out = h["ident"] + struct.pack("<HHIQQQIHHHHHH", h["type"], h["machine"], h["version"], h["entry"], h["phoff"], h["shoff"], h["flags"],
                                       h["ehsize"], h["phentsize"], phnum, h["shentsize"], h["shnum"], h["shstrndx"])
        for s in self.segments:
            out += struct.pack("<IIQQQQQQ", s["type"], s["flags"], s["offset"], s["vaddr"], s["paddr"], s["filesz"], s["memsz"], s["align"])
        return (out.ljust(0x1000, b"\0") + self.CODE).ljust(0x1100, b"\0") + self.tail


def write(where, name, data, mode=0o755):
    path = os.path.join(where, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(path, mode)
    return path


def elf_cases(where):
    e = Elf
    big = 1 << 62
    programs = {
        "a right program": e(),
        "EI_CLASS 0": e(ident=b"\x7fELF\0\1\1" + bytes(9)),
        "EI_DATA 2": e(ident=b"\x7fELF\2\2\1" + bytes(9)),
        "EI_VERSION 7": e(ident=b"\x7fELF\2\1\7" + bytes(9)),
        "EI_OSABI 255": e(ident=b"\x7fELF\2\1\1\xff" + bytes(8)),
        "no memory, above user space": e().load(vaddr=0x7ffffffff000),
        "no memory, at the end of user space": e().load(vaddr=0x7fffffffe000),
        "linked above user space, and moves": e(type=3).change(vaddr=0x7ffffffff000),
        "magic wrong": e(ident=b"\x7fELG\2\1\1" + bytes(9)),
        "ET_REL": e(type=1),
        "ET_CORE": e(type=4),
        "ET_NONE": e(type=0),
        "machine AArch64": e(machine=183),
        "machine 0": e(machine=0),
        "e_version 9": e(version=9),
        "e_ehsize 0": e(ehsize=0),
        "e_phentsize 55": e(phentsize=55),
        "e_phentsize 32": e(phentsize=32),
        "e_phnum 0": e(phnum=0),
        "e_phnum 1171": e(phnum=1171),
        "e_phnum 0xffff": e(phnum=0xffff),
        "e_phoff past the end": e(phoff=0x100000),
        "e_phoff negative": e(phoff=(1 << 64) - 64),
        "section table nonsense": e(shoff=1 << 60, shentsize=3, shnum=77, shstrndx=99),
        "starts and crashes: entry 0": e(entry=0),
        "starts and crashes: entry outside": e(entry=0x123456789000),
        "filesz above memsz": e().change(filesz=0x2000, memsz=0x1000),
        "memsz huge": e().change(memsz=big),
        "memsz 47 bits": e().change(memsz=(1 << 47)),
        "vaddr above user space": e().change(vaddr=0x800000001000),
        "vaddr in the kernel": e().change(vaddr=0xffffffff80001000),
        "vaddr wraps": e().change(vaddr=0xfffffffffffff000, memsz=0x2000),
        "starts and crashes: vaddr 0": e().change(vaddr=0).change(offset=0x1000),
        "offset not congruent": e().change(offset=0x1001),
        "offset not congruent, 16 bytes": e().change(offset=0x1010),
        "offset huge": e().change(offset=big),
        "PT_LOAD past the end of the file": e().load(offset=0x200000, filesz=0x1000, memsz=0x1000),
        "no PT_LOAD": e().change(type=4),
        "only an empty PT_LOAD": e().change(filesz=0, memsz=0),
        "an empty PT_LOAD among others": e().load(memsz=0),
        "p_align 3": e().change(align=3),
        "p_align 0": e().change(align=0),
        "p_align 2^63": e().change(align=1 << 63),
        "segments out of order": e().load(vaddr=0x300000, memsz=0x5000),
        "segments that overlap": e().load(vaddr=0x401000, offset=0x1000, filesz=0x20, memsz=0x2000, flags=7),
        "a segment over the stack": e().load(vaddr=0x7ffffff00000, memsz=0x1000),
        "a hole of 32 TiB": e().load(vaddr=0x200000000000, memsz=0x1000),
        "writable and executable": e().change(flags=7),
        "execute only": e().change(flags=1),
        "no permissions": e().load(vaddr=0x600000, memsz=0x1000, flags=0),
        "read-only bss": e().load(vaddr=0x600000, memsz=0x3000, flags=4),
        "interpreter missing": e().interp(b"/nosuch/ld.so\0"),
        "interpreter a directory": e().interp(b"/usr\0"),
        "interpreter not executable": e().interp(b"/etc/passwd\0"),
        "interpreter empty name": e().interp(b"\0\0"),
        "interpreter one byte": e().interp(b"\0", 1),
        "interpreter no bytes": e().interp(b"\0", 0),
        "interpreter not terminated": e().interp(b"/bin/sh"),
        "interpreter 4097 bytes": e().interp(b"/" * 4096 + b"\0"),
        "interpreter 4096 bytes": e().interp(b"/" * 4095 + b"\0"),
        "interpreter string past the end": e().interp(b"/bin/sh\0", offset=0x900000),
        "interpreter a script": e().interp(os.path.join(where, "script").encode() + b"\0"),
        "interpreter text": e().interp(os.path.join(where, "text").encode() + b"\0"),
        "interpreter empty file": e().interp(os.path.join(where, "empty").encode() + b"\0"),
        "interpreter for another machine": e().interp(os.path.join(where, "arm").encode() + b"\0"),
        "interpreter without PT_LOAD": e().interp(os.path.join(where, "noload").encode() + b"\0"),
        "interpreter a program at a fixed address": e(entry=0x701000).change(vaddr=0x701000).interp(os.path.join(where, "right").encode() + b"\0"),
    }
    write(where, "arm", e(machine=183).bytes())
    write(where, "noload", e().change(type=4).bytes())
    write(where, "right", e().bytes())
    for name, elf in programs.items():
        compare(name, [write(where, "elf", elf.bytes())])
    for size in (0, 1, 2, 3, 4, 15, 16, 52, 63, 64, 65, 100, 119, 120):
        compare(f"a right program cut to {size} bytes", [write(where, "elf", e().bytes()[:size])])


def path_cases(where):
    os.mkdir(os.path.join(where, "dir"))
    os.symlink("loop", os.path.join(where, "loop"))
    os.symlink("/bin/true", os.path.join(where, "link"))
    os.mkfifo(os.path.join(where, "fifo"), 0o755)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(where, "socket"))
    write(where, "plain", Elf().bytes(), 0o644)
    for name, path in {
        "no such file": "nosuch", "no such directory": "nosuch/x", "empty path": "", "a directory": "dir", "a file as directory": "right/x",
        "a symbolic link": "link", "a loop of links": "loop", "not executable": "plain", "a fifo": "fifo", "a socket": "socket",
        "a name of 256 bytes": "n" * 256, "text": "text", "an empty file": "empty",
    }.items():
        compare(name, [os.path.join(where, path) if path else ""])
    compare("a path of 5000 bytes", ["/" + "x/" * 2500])
    compare("a device", ["/dev/null"])
    compare("a file of /proc", ["/proc/self/maps"])


def busy_cases(where):
    path = write(where, "busy", Elf().bytes())
    with open(path, "r+b"):
        compare("a program that is being written", [path])
    compare("a program that was written", [path])
    results = []
    for kind in ("-k", "-l"):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if holder.stdout.readline() == b"held\n":
            results.append(outcome(kind, [path]))
        holder.communicate()
    if len(results) == 2:
        case("a program on which another process has a lease", results[0] == results[1] and isinstance(results[0], tuple), f"execve: {results[0]}, lode_exec: {results[1]}")
    else:
        skip("a program on which another process has a lease", "leases cannot be had on this file system")


# Takes a lease on a file, and gives it back 0.2 s after somebody else opens it, or when its input ends.
HOLDER = """
import fcntl, os, select, signal, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
signal.signal(signal.SIGIO, lambda *_: (time.sleep(0.2), fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)))
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
os.write(1, b"held\\n")
while os.read(0, 1): pass
"""


def script_cases(where):
    def script(name, text, words=("x", "y z")):
        compare(name, [write(where, "s", text), *words])

    shutil.copy("/bin/echo", os.path.join(where, "echo"))
    for name, text in {
        "script": "#!/bin/echo\n", "script with argument": "#!/bin/echo one\n", "script with two words": "#!/bin/echo one two  three\n",
        "script with trailing blanks": "#!/bin/echo one  \t \n", "script with leading blanks": "#! \t /bin/echo one\n",
        "script with tab": "#!/bin/echo\tone\n", "script without newline": "#!/bin/echo one", "script without newline, trailing blanks": "#!/bin/echo one  ",
        "script with CR": "#!/bin/echo\r\n", "script of two bytes": "#!", "script of three bytes": "#!\n", "script of blanks": "#!   \n", "script of blanks only": "#!    ",
        "script with NUL in the name": "#!/bin/ec\0ho\n", "script with NUL behind the name": "#!/bin/echo\0 one\n", "script with NUL in the argument": "#!/bin/echo on\0e\n",
        "script with missing interpreter": "#!/nosuch\n", "script with directory": "#!/bin\n", "script with unexecutable interpreter": "#!/etc/passwd\n",
        "script with relative interpreter": "#!echo\n", "script with empty line": "#!\n/bin/echo\n", "script with blank before": " #!/bin/echo\n",
    }.items():
        script(name, text)
    for length in (120, 126, 127, 128, 200, 252, 253, 254, 255, 256, 257, 300):
        script(f"script with an argument up to byte {length}", "#!/bin/echo ".ljust(length, "a") + "\nrest\n")
        script(f"script with an argument up to byte {length}, no newline", "#!/bin/echo ".ljust(length, "a"))
        script(f"script with a name up to byte {length}", "#!" + "/".ljust(length - 11, "/") + "bin/echo\nrest\n")
        script(f"script with blanks up to byte {length}", "#!/bin/echo one".ljust(length) + "\nrest\n")
    previous = "/bin/echo"
    for depth in range(1, 9):
        path = write(where, f"nested{depth}", f"#!{previous} {depth}\n")
        compare(f"script of a script, depth {depth}", [path, "a", "b"])
        previous = path
    write(where, "self", f"#!{where}/self\n")
    compare("script of itself", [os.path.join(where, "self")])
    compare("script not executable", [write(where, "s", "#!/bin/echo\n", 0o644)])
    compare("script without arguments", [write(where, "s", "#!/bin/echo one\n")])
    os.chdir(where)
    compare("script by relative path", ["./s", "a"])
    compare("program by relative path", ["./echo", "a"])
    compare("program without a slash", ["echo", "a"])
    os.chdir("/")


def many(name, count, size, **more):
    more.setdefault("env", {"A": "1"})
    results = []
    for kind in ("-k", "-l"):
        p = subprocess.run([LAUNCH, kind, f"x{count},{size}", "/bin/true"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, **more)
        results.append(p.returncode)
    killed = results[0] < 0 and results[1] == errno.E2BIG
    case(name, killed or results[0] == results[1] and results[0] in (0, errno.E2BIG), f"execve: {results[0]}, lode_exec: {results[1]}")
    return results[1]


def argument_cases(where):
    many("a string of 131071 bytes", 1, 131071)
    many("a string of 131072 bytes", 1, 131072)
    many("200000 empty strings", 200000, 0)
    many("one million empty strings", 1000000, 0)
    for stack in (1 << 16, 1 << 18, 1 << 20, 8 << 20, 64 << 20):
        def limit(size=stack):
            resource.setrlimit(resource.RLIMIT_STACK, (size, resource.RLIM_INFINITY))
        most = max(1 << 17, min(6 << 20, stack // 4)) // 1008
        seen = set()
        for count in (most // 2, *range(most - 4, most + 5), most * 2):
            seen.add(many(f"{count} kilobytes of arguments under a stack limit of {stack >> 10} KiB", count, 999, preexec_fn=limit))
        if stack > 1 << 17:
            case(f"the limit of {stack >> 10} KiB was met", len(seen) == 2, str(seen))


def permission_cases(where):
    if os.geteuid():
        skip("permissions", "needs root to become somebody else")
        return
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    launch = os.path.join(where, "launch")
    shutil.copy(LAUNCH, launch)
    os.chmod(launch, 0o755)
    compare("an unreadable program", [write(where, "secret", Elf().bytes(), 0o711)], **nobody)
    compare("a program of others", [write(where, "others", Elf().bytes(), 0o744)], **nobody)
    hidden = os.path.join(where, "hidden")
    os.mkdir(hidden, 0o700)
    compare("a program in a closed directory", [write(hidden, "right", Elf().bytes())], **nobody)
    compare("a right program as nobody", [write(where, "mine", Elf().bytes())], **nobody)
    setuid = write(where, "setuid", Elf().bytes(), 0o4755)
    case("a setuid program is refused", outcome("-l", [setuid], **nobody) == "EPERM", str(outcome("-l", [setuid], **nobody)))
    setgid = write(where, "setgid", Elf().bytes(), 0o2755)
    case("a setgid program is refused", outcome("-l", [setgid], **nobody) == "EPERM", str(outcome("-l", [setgid], **nobody)))
    compare("a setuid program of the caller", [setuid])
    case("setgid without group execution is none", outcome("-l", [write(where, "setgid2", Elf().bytes(), 0o2745)], **nobody) != "EPERM", "refused")
    able = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+setuid,+setgid", "--ambient-caps=+setuid,+setgid"]
    for path in (setuid, setgid):
        got = outcome("-l", [path], able)
        case("%s by somebody who may change identities" % os.path.basename(path), got == "EPERM", str(got))
    case("what grants nothing, by somebody who may change identities", outcome("-l", [write(where, "plain", Elf().bytes())], able) == outcome("-k", [os.path.join(where, "plain")], able), "")
    identity = shutil.copy("/usr/bin/id", os.path.join(where, "id"))
    os.chown(identity, 0, 65534)
    os.chmod(identity, 0o2755)
    compare("root runs a setgid program", [identity])
    os.chown(identity, 65534, 0)
    os.chmod(identity, 0o4755)
    compare("root runs a program that is setuid to nobody", [identity])
    if shutil.which("setcap") and subprocess.run(["setcap", "cap_net_raw+ep", setgid], stderr=subprocess.DEVNULL).returncode == 0:
        os.chmod(setgid, 0o755)
        subprocess.run(["setcap", "cap_net_raw+ep", setgid], check=True)
        case("file capabilities are refused", outcome("-l", [setgid], **nobody) == "EPERM", str(outcome("-l", [setgid], **nobody)))
        compare("root runs a program with file capabilities", [setgid])
    else:
        skip("file capabilities", "setcap is not there or not allowed")


def mount_cases(where):
    script = (f"mount -t tmpfs -o noexec none {where}/mnt && cp {where}/right {where}/mnt/ && printf '#!/bin/echo\\n' >{where}/mnt/s && "
              f"chmod +x {where}/mnt/s; for f in right s; do for k in -k -l; do {LAUNCH} $k 0 {where}/mnt/$f; echo $?; done; done")
    os.mkdir(os.path.join(where, "mnt"))
    p = subprocess.run(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = p.stdout.decode().split()
    if len(lines) != 4:
        skip("noexec mounts", p.stderr.decode().strip()[:200])
        return
    case("a program on a noexec mount", lines[0] == lines[1] == str(errno.EACCES), str(lines))
    case("a script on a noexec mount", lines[2] == lines[3] == str(errno.EACCES), str(lines))


def machine_cases(where):
    source = os.path.join(where, "c.c")
    write(where, "c.c", "void _start(void){__asm__ volatile(\"int $0x80\"::\"a\"(1),\"b\"(200));}")
    p = subprocess.run(["gcc", "-m32", "-static", "-nostdlib", "-o", os.path.join(where, "i386"), source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode:
        skip("a 32-bit program", "gcc cannot build one here")
    elif outcome("-k", [os.path.join(where, "i386")]) in ("ENOEXEC", *KILLED):
        skip("a 32-bit program", "this kernel runs none")
    else:
        compare("a 32-bit program", [os.path.join(where, "i386")])


def main():
    with tempfile.TemporaryDirectory(prefix="lode-exec-") as where:
        os.chmod(where, 0o755)
        write(where, "script", "#!/bin/echo\n")
        write(where, "text", "echo hello\n" * 20)
        write(where, "empty", "")
        elf_cases(where)
        path_cases(where)
        busy_cases(where)
        script_cases(where)
        argument_cases(where)
        permission_cases(where)
        mount_cases(where)
        machine_cases(where)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


sys.exit(main())
