#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""units.py BUILD [WORD...]: a program whose units are replaced by others of their kind while it runs, by every compiler and every linker
that is here, position-independent and not. Last line: N passed, N failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1])
PARTS = sys.argv[2:]
LIBRARIES = [os.path.join(BUILD, p) for p in ("hosts/live/liblode-live.a", "core/liblode.a")]
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed")
LINKERS = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld", "mold": "ld.mold"}
# (name, flags for units, flags for the link)
KINDS = [
    ("pie", ["-fPIE", "-O2"], ["-pie"]),
    ("plain", ["-fno-pie", "-O2"], ["-no-pie"]),
    ("pic", ["-fPIC", "-O2"], ["-pie"]),
    ("unoptimised", ["-fPIE", "-O0"], ["-pie"]),
    ("sections", ["-fPIE", "-O2", "-ffunction-sections", "-fdata-sections"], ["-pie"]),
    ("marked", ["-fPIE", "-O2", "-fcf-protection=full", "-fno-plt"], ["-pie"]),
]
# Kinds that differ in what the compiler does are tried with one linker, and the linkers with one compiler.
EVERY_LINKER = ("pie", "plain")
USUAL = {"gcc": "bfd", "clang-19": "lld"}
EXTRA = {
    "larger": ["counter.c", "-DV=2", "-DLARGER"],
    "names": ["names.c"],
    "nothing": ["nothing.c"],
    "missing": ["missing.c"],
    "aliases": ["aliases.c", "-DV=2"],
    "arrays": ["arrays.c", "-DV=2"],
}
passed = failed = skipped = 0


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **more)


def compile_one(compiler, out, words, flags):
    sources = [os.path.join(HERE, w) if w.endswith((".c", ".h")) else w for w in words]
    done = run([compiler, "-std=gnu11", "-c", *flags, "-I" + HERE, "-I" + ROOT + "/tests", "-I" + ROOT + "/include", *sources, "-o", out])
    if done.returncode:
        raise RuntimeError("%s: %s" % (os.path.basename(out), done.stderr))
    return out


def make_objects(folder, compiler, flags):
    for v in (1, 2, 3):
        compile_one(compiler, "%s/counter%d.o" % (folder, v), ["counter.c", "-DV=%d" % v], flags)
    for name, words in EXTRA.items():
        compile_one(compiler, "%s/%s.o" % (folder, name), words, flags)
    compile_one(compiler, folder + "/other.o", ["other.c"], flags)
    for name in ("aliases", "arrays"):
        compile_one(compiler, "%s/%s1.o" % (folder, name), [name + ".c", "-DV=1"], flags)
    # The program itself is not what is tried: it is compiled as it would be.
    compile_one(compiler, folder + "/program.o", ["program.c"], ["-O1", "-fPIC"])


def link(folder, compiler, linker, flags):
    program = "%s/program-%s" % (folder, linker)
    objects = ["%s/%s.o" % (folder, n) for n in ("program", "counter1", "other", "names", "aliases1", "arrays1")]
    done = run([compiler, "-fuse-ld=" + linker, "-Wl,-q", "-Wl,-z,now", *flags, *objects, *LIBRARIES, "-pthread", "-o", program])
    if done.returncode:
        raise RuntimeError("%s: %s" % (linker, done.stderr))
    return program


def fail(name, lines):
    global failed
    failed += 1
    for line in lines[-8:]:
        print(("" if line.startswith("FAIL") else "FAIL %s: " % name) + line)


def try_one(name, program, case, folder):
    global passed
    try:
        done = run([program, case, folder], timeout=120, env={**os.environ, **({"SECTIONS": "1"} if "sections" in name else {})})
    except subprocess.TimeoutExpired:
        return fail(name, ["%s did not end" % case])
    lines = (done.stdout + done.stderr).splitlines() or [""]
    counts = COUNTS.match(lines[-1])
    if done.returncode == 0 and counts and int(counts.group(1)) and not int(counts.group(2)):
        passed += 1
        return None
    return fail(name, [name + " " + case + ": " + line for line in lines] + ["%s ended with status %d" % (case, done.returncode)])


def strip(program):
    """The same program, stripped, with its index beside it. None: there is no command here."""
    command = os.path.join(BUILD, "lode")
    if not os.access(command, os.X_OK):
        return None
    stripped = program + "-stripped"
    done = run([command, "index", "-o", stripped + ".lode", program])
    if done.returncode:
        raise RuntimeError(done.stderr)
    subprocess.run(["strip", "--strip-all", "-o", stripped, program], check=True)
    return stripped


def try_stripped(title, program, cases, folder):
    """All as before; without the index, or with another program's, it is refused."""
    global passed
    stripped = strip(program)
    if not stripped:
        return
    for case in cases:
        if case not in ("generations", "callers_idle", "callers_lazy", "faults_there"):
            try_one(title + " stripped", stripped, case, folder)
    other = stripped + "-other"
    shutil.copy(stripped, other)
    for name, content in (("no index", None), ("half an index", lambda b: b[:len(b) // 2]), ("a bit", lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:]),
                          ("another program's", lambda b: b[:56] + bytes(8) + b[64:])):
        if content:
            with open(stripped + ".lode", "rb") as file:
                data = content(file.read())
            with open(other + ".lode", "wb") as file:
                file.write(data)
        done = run([other, "state", folder])
        if done.returncode == 1 and "no index" in done.stdout and ("swap-file" if content else "swap-index") in done.stdout:
            passed += 1
        else:
            fail(title + " " + name, (done.stdout + done.stderr).splitlines() or ["nothing was said"])


def try_kind(folder, compiler, kind, linkers):
    name, flags, link_flags = kind
    if PARTS and not any(all(p in (compiler, name, linker) for p in PARTS) for linker in linkers):
        return
    make_objects(folder, compiler, flags)
    cases = None
    for linker in linkers:
        if linker != USUAL[compiler] and (name not in EVERY_LINKER or compiler != "gcc"):
            continue
        title = "%s %s %s" % (compiler, name, linker)
        if not all(p in (compiler, name, linker) for p in PARTS):
            continue
        program = link(folder, compiler, linker, link_flags)
        cases = cases or run([program]).stdout.split()
        for case in cases:
            try_one(title, program, case, folder)
        if name in EVERY_LINKER and compiler == "gcc":
            try_stripped(title, program, cases, folder)


def try_example():
    """What docs/live.md shows first says why nothing was replaced, with a rule or without."""
    global passed
    with open(ROOT + "/docs/live.md") as file:
        example = re.search(r"```c\n(.*?)```", file.read(), re.S).group(1)
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/example.c", "w") as file:
            file.write(example + "int main(int argc, char **argv)\n{\n\treturn begin() != 0 || reload(argv[argc - 1]) != 0;\n}\n")
        compile_one("gcc", folder + "/example.o", [folder + "/example.c"], ["-O1", "-fPIC", "-Wall", "-Werror"])
        done = run(["gcc", "-Wl,-q", folder + "/example.o", *LIBRARIES, "-pthread", "-o", folder + "/example"])
        if done.returncode:
            raise RuntimeError(done.stderr)
        for name, words in (("none.o", "none.o: No such file or directory\n"), ("example.c", "header-magic"), ("example.o", "")):
            done = run([folder + "/example", name], cwd=folder)
            if done.returncode == (words != "") and words in done.stderr and done.stderr.count("\n") == (words != ""):
                passed += 1
            else:
                fail("the example, " + name, (done.stdout + done.stderr).splitlines() or ["nothing was said"])


def main():
    global skipped
    if not PARTS or "example" in PARTS:
        try_example()
    linkers = [name for name, command in LINKERS.items() if shutil.which(command)]
    for name in LINKERS:
        if name not in linkers:
            skipped += 1
            print("SKIP %s: it is not installed" % name)
    for compiler in ("gcc", "clang-19"):
        if not shutil.which(compiler):
            skipped += 1
            print("SKIP %s: it is not installed" % compiler)
            continue
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    try_kind(folder, compiler, kind, linkers)
                except RuntimeError as error:
                    fail("%s %s" % (compiler, kind[0]), str(error).splitlines())
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
