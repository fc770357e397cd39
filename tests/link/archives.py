#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""archives.py LODE: Debian's archives as they are, and archives of every kind that ar makes, linked and run; what the programs print is
compared with known results. Last line: N passed, N failed[, N skipped]."""
import hashlib
import os
import subprocess
import sys
import tempfile
import zlib

LODE = os.path.abspath(sys.argv[1])
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "archives")
FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")
passed = failed = skipped = 0


def case(name, *troubles):
    global passed, failed
    troubles = [t for t in troubles if t]
    for trouble in troubles:
        print("FAIL %s: %s" % (name, " | ".join(str(trouble).splitlines())[:400]))
    passed, failed = passed + (not troubles), failed + bool(troubles)


def skip(name, why):
    global skipped
    print("SKIP %s: %s" % (name, why))
    skipped += 1


def run(*command, **more):
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    return result.returncode, result.stdout, result.stderr


def find(archive):
    return next((os.path.join(f, archive) for f in FOLDERS if os.path.exists(os.path.join(f, archive))), None)


def known(folder):
    data = bytes((i * i >> 7) & 255 for i in range(100000))
    return {
        "lua": ("liblua5.4.a", "5000050000 0.841 false x\n[1] [2] [3] coroutine gsub\n"),
        "sqlite": ("libsqlite3.a", "count(*)=1000 sum(b)=333833500 round(avg(a),2)=500.5 \n"),
        "crypto": ("libcrypto.a", hashlib.sha256(b"abc").hexdigest() + "\n" + hashlib.sha512(b"abc").hexdigest() + "\n"),
        "z": ("libz.a", "0 0 0 %08x\n" % zlib.crc32(data)),
        "zstd": ("libzstd.a", "100000 0\n"),
    }


def debian(folder):
    for name, (archive, want) in known(folder).items():
        path, source, target = find(archive), os.path.join(HERE, name + "_main.c"), os.path.join(folder, name + ".o")
        if not path:
            skip(archive, "not on this machine")
            continue
        status, _, err = run("cc", "-O2", "-c", source, "-o", target)
        if status:
            skip(archive, "its headers are not on this machine")
            continue
        got = run(LODE, "link", target, path)
        case(archive, got != (0, want, "") and got)
        case(archive + " first", run(LODE, "link", path, target) != (0, want, "") and "in the other order")
        status, out, _ = run(LODE, "link", "--map", target, path)
        case(archive + " map", status and "status", len(out.splitlines()) < 10 and out)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    status, _, err = run("cc", "-O2", "-c", path, "-o", path[:-2] + ".o")
    assert status == 0, err
    return path[:-2] + ".o"


def kinds(folder):
    """One program from archives of every form."""
    long_name = "a_member_whose_name_does_not_fit_sixteen_characters"
    main = write(folder, "main.c", "#include <stdio.h>\nextern int a(void), c(void);\nint main(void) { printf(\"%d %d\\n\", a(), c()); return 0; }\n")
    a = write(folder, long_name + ".c", "extern int b(void);\nint a(void) { return b() + 1; }\n")
    b = write(folder, "b.c", "extern int a(void);\nint b(void) { return 10; }\nint unused(void) { return a(); }\n")
    c = write(folder, "c.c", "int c(void) { return 7; }\n")
    d = write(folder, "d.c", "int nobody_defines_this(void);\nint d(void) { return nobody_defines_this(); }\n")
    members = [os.path.basename(m) for m in (a, b, c, d)]
    forms = {"plain": ["rcs"], "thin": ["rcsT"], "without index": ["rcS"]}
    for name, flags in forms.items():
        archive = os.path.join(folder, name.replace(" ", "-") + ".a")
        run("ar", flags[0], archive, *members, cwd=folder)
        got = run(LODE, "link", main, archive)
        case(name, got != (0, "11 7\n", "") and got)
    for name, format_ in {"bsd": "bsd", "darwin": "darwin", "llvm": "gnu"}.items():
        archive = os.path.join(folder, name + ".a")
        status, _, _ = run("llvm-ar-19", "--format=" + format_, "rcs", archive, *members, cwd=folder)
        if status:
            skip(name, "llvm-ar-19 does not make it here")
            continue
        got = run(LODE, "link", main, archive)
        case(name, got != (0, "11 7\n", "") and got)
    wide = os.path.join(folder, "wide.a")
    sym64(os.path.join(folder, "plain.a"), wide)
    got = run(LODE, "link", main, wide)
    case("/SYM64/", got != (0, "11 7\n", "") and got)
    got = run(LODE, "link", main, a, b, os.path.join(folder, "plain.a"))
    case("objects beside the archive", got != (0, "11 7\n", "") and got)
    both = write(folder, "both.c", "int a(void) { return 1; }\n")
    got = run(LODE, "link", main, a, both, b, c)
    case("two definitions", got[0] != 1 and got, "link-twice" not in got[2] and got[2], "defined in" not in got[2] and got[2])
    wants = write(folder, "wants.c", "extern int d(void);\nint main(void) { return d(); }\n")
    got = run(LODE, "link", wants, os.path.join(folder, "plain.a"))
    case("undefined in a member", got[0] != 1 and got, got[2] != "lode: undefined: nobody_defines_this (used in %s(d.o)) [link-undefined]\n" % os.path.join(folder, "plain.a") and got[2])
    names = ["absent_%d" % i for i in range(13)]
    many = write(folder, "many.c", "".join("int %s(void);\n" % n for n in names) + "int main(void) { return %s; }\n" % " + ".join(n + "()" for n in names))
    got = run(LODE, "link", many)
    lines = ["lode: undefined: %s (used in %s) [link-undefined]" % (n, many) for n in names[:10]] + ["lode: and 3 more undefined symbols"]
    case("many undefined", got[0] != 1 and got, sorted(got[2].splitlines()) != sorted(lines) and got[2])
    case("undefined by run", run(LODE, "run", many) != got and got)


def libraries(folder):
    """-l and -L, as linkers take them."""
    at = os.path.join(folder, "libraries")
    os.mkdir(at)
    main = write(folder, "asks.c", "extern int answer(void);\nint main(void) { return answer(); }\n")
    for name, value in {"one": 41, "two": 42}.items():
        source = write(folder, name + ".c", "int answer(void) { return %d; }\n" % value)
        run("ar", "rcs", os.path.join(at, "lib%s.a" % name), source)
        if name == "two":
            run("cc", "-shared", "-fPIC", "-o", os.path.join(at, "libtwo.so"), source[:-2] + ".c")
    texts = {"script": "/* GNU ld script */\nGROUP ( %s/libtwo.so )\n" % at, "other": "INPUT(-lscript)\n", "circle": "INPUT(-lcircle)\n"}
    for name, text in texts.items():
        with open(os.path.join(at, "lib%s.so" % name), "w", encoding="ascii") as file:
            file.write(text)
    for name, want in {"one": 41, "two": 42, "script": 42, "other": 42}.items():
        for words in (["-l" + name, "-L", at, main], ["-L" + at, main, "-l", name]):
            got = run(LODE, "link", *words)
            case("%s as %s" % (name, " ".join(words[:1])), got != (want, "", "") and got)
    got = run(LODE, "link", "-l", os.path.join(at, "libtwo.so"), main)
    case("a library's path", got != (42, "", "") and got)
    for name, want in {"nosuch": "there is no libnosuch.so", "circle": "libcircle.so: ", "libnosuch.so.1": "no such library"}.items():
        got = run(LODE, "link", "-L", at, "-l", name, main)
        case("-l" + name, got[0] != 1 and got, want not in got[2] and got, len(got[2].splitlines()) != 1 and got)
    os.mkfifo(os.path.join(at, "libpipe.so"))
    with open(os.path.join(at, "libaround.so"), "w", encoding="ascii") as file:
        file.write("/* INPUT ( /etc/passwd ) -l nosuch */ GROUP ( %s/libpipe.so )\n" % at)
    for name in ("pipe", "around"):
        got = run("timeout", "20", LODE, "link", "-L", at, "-l" + name, main)
        case("a pipe as -l" + name, got[0] != 1 and got, got[2] != "lode: %s/libpipe.so: not a regular file\n" % at and got)
    sine = write(folder, "sine.c", "#include <math.h>\n#include <stdio.h>\nint main(int c, char **v) { (void)v; printf(\"%.3f\\n\", sin(c)); return 0; }\n")
    got = run(LODE, "link", "-lm", sine)
    case("libm's linker script", got != (0, "0.841\n", "") and got)
    for name in ("stdc++", "gomp", "gcc_s", "gfortran"):
        if run("cc", "-print-file-name=lib%s.so" % name)[1].strip() == "lib%s.so" % name:
            skip("-l" + name, "not on this machine")
            continue
        got = run(LODE, "link", "-l" + name, sine)
        case("-l%s, of the compiler" % name, got != (0, "0.841\n", "") and got)
    operands(folder, at, main)


def operands(folder, at, main):
    """Libraries and linker scripts without -l; what is no object is named."""
    static = os.path.join(folder, "static.a")
    with open(static, "w", encoding="ascii") as file:
        file.write("/* GNU ld script\n   of a library for libraries */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( %s/libone.a )\n" % at)
    for name, want in {static: 41, os.path.join(at, "libscript.so"): 42, os.path.join(at, "libtwo.so"): 42}.items():
        got = run(LODE, "link", main, name)
        case(os.path.basename(name) + " as it is", got != (want, "", "") and got)
    got = run(LODE, "link", main, "libtwo.so", cwd=at)
    case("a library of this folder", got != (42, "", "") and got)
    source = write(folder, "source.c", "/* INPUT */ int GROUP(void) { return 1; }\n")[:-2] + ".c"
    empty = os.path.join(folder, "empty.o")
    open(empty, "w", encoding="ascii").close()
    for name, want in {source: "text: objects, archives and libraries are linked; cc -c", empty: "an empty file: ", "/bin/true": "a position-independent program"}.items():
        got = run(LODE, "link", main, name)
        case("no object: " + name, got[0] != 1 and got, not got[2].startswith("lode: %s: %s" % (name, want)) and got, len(got[2].splitlines()) != 1 and got)
    got = run(LODE, "link", main, "a", "b", cwd=folder)
    case("arguments without --", got[0] != 1 and got, got[2] != "lode: a: No such file or directory; arguments of the program stand behind --\n" and got)
    got = run(LODE, "index", source)
    case("index of a source", got[0] != 1 and got, got[2] != "lode: %s: text: programs have an index [header-magic]\n" % source and got)


def sym64(source, target):
    """The archive with its index in the form for large files."""
    with open(source, "rb") as file:
        old = file.read()
    size = int(old[56:66])
    index = old[68:68 + size]
    count = int.from_bytes(index[:4], "big")
    names = index[4 + 4 * count:]
    wide_size = 8 + 8 * count + len(names)
    wide_size += wide_size & 1
    shift = wide_size - (size + (size & 1))
    offsets = [int.from_bytes(index[4 + 4 * i:8 + 4 * i], "big") + shift for i in range(count)]
    body = count.to_bytes(8, "big") + b"".join(o.to_bytes(8, "big") for o in offsets) + names
    head = b"%-16s%s%-10d`\n" % (b"/SYM64/", old[24:56], wide_size)
    with open(target, "wb") as file:
        file.write(old[:8] + head + body.ljust(wide_size, b"\0") + old[68 + size + (size & 1):])


def main():
    with tempfile.TemporaryDirectory() as folder:
        debian(folder)
        kinds(folder)
        libraries(folder)
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
