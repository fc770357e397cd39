#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""classes.py BUILD [WORD...]: units of C++ are replaced in their own process, by every compiler that is here, optimised and not.
Last line: N passed, N failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.path.abspath(sys.argv[1])
WORDS = sys.argv[2:]
LIBRARIES = [os.path.join(BUILD, p) for p in ("hosts/live/liblode-live.a", "core/liblode.a")]
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed")
COMPILERS = {"g++": ("gcc", "bfd"), "clang++-19": ("clang-19", "lld")}
# (name, flags for units, flags for the link)
KINDS = [
    ("pie -O0", ["-fPIE", "-O0"], ["-pie"]),
    ("pie -O2", ["-fPIE", "-O2"], ["-pie"]),
    ("plain -O2", ["-fno-pie", "-O2", "-fdata-sections"], ["-no-pie"]),
    ("pic -O1", ["-fPIC", "-O1"], ["-pie"]),
    ("sections -O2", ["-fPIE", "-O2", "-ffunction-sections", "-fdata-sections"], ["-pie"]),
    ("own runtime -O2", ["-fPIE", "-O2"], ["-pie", "-static-libgcc", "-static-libstdc++"]),
]
totals = [0, 0, 0]


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **more)


def must(command):
    done = run(command)
    if done.returncode:
        raise RuntimeError(" ".join(command) + "\n" + done.stderr)


def build(folder, compiler, kind):
    _, flags, link_flags = kind
    of_c, linker = COMPILERS[compiler]
    for name, source, more in [("shapes%d" % v, "shapes.cc", ["-DV=%d" % v]) for v in (1, 2, 3, 4)] + [
            ("shapes-more", "shapes.cc", ["-DV=2", "-DMORE"]), ("shapes-type", "shapes.cc", ["-DV=2", "-fno-data-sections"]),
            ("shapes", "shapes.cc", ["-DV=1", "-fno-data-sections"]), ("room", "room.cc", [])]:
        must([compiler, "-std=c++17", "-c", *flags, *more, os.path.join(HERE, source), "-o", "%s/%s.o" % (folder, name)])
    must([of_c, "-std=gnu11", "-c", "-O1", "-fPIC", "-I" + ROOT + "/tests", "-I" + ROOT + "/include", HERE + "/classes.c", "-o", folder + "/classes.o"])
    must([compiler, "-fuse-ld=" + linker, "-Wl,-q", *link_flags, *["%s/%s.o" % (folder, n) for n in ("classes", "room", "shapes")], *LIBRARIES,
          "-pthread", "-o", folder + "/classes"])


def fail(title, lines):
    totals[1] += 1
    for line in lines[-8:]:
        print("FAIL %s: %s" % (title, line))


def try_one(folder, title):
    try:
        # Without sections of their own, types among other constants cannot be kept.
        done = run([folder + "/classes", folder], timeout=120, env={**os.environ, **({"TYPE": "1"} if "plain" in title else {})})
    except subprocess.TimeoutExpired:
        return fail(title, ["it did not end"])
    lines = (done.stdout + done.stderr).splitlines() or [""]
    counts = COUNTS.match(lines[-1])
    if not counts:
        return fail(title, lines + ["it ended with status %d" % done.returncode])
    print("\n".join("FAIL %s: %s" % (title, line[5:]) for line in lines[:-1] if line.startswith("FAIL ")) or "%s: %s" % (title, lines[-1]))
    totals[0] += int(counts.group(1))
    totals[1] += int(counts.group(2))
    return None


def main():
    for compiler, (of_c, linker) in COMPILERS.items():
        if not shutil.which(compiler) or not shutil.which(of_c) or not shutil.which("ld." + linker):
            totals[2] += 1
            print("SKIP %s: %s, %s or ld.%s is not installed" % (compiler, compiler, of_c, linker))
            continue
        for kind in KINDS:
            title = "%s %s" % (compiler, kind[0])
            if not all(word in title.split() for word in WORDS):
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    build(folder, compiler, kind)
                    try_one(folder, title)
                except RuntimeError as error:
                    fail(title, str(error).splitlines())
    print("%d passed, %d failed" % tuple(totals[:2]) + (", %d skipped" % totals[2] if totals[2] else ""))
    return 1 if totals[1] else 0


sys.exit(main())
