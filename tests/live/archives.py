#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""archives.py BUILD [lua|sqlite]: programs with a distribution's Lua and SQLite in them, whose units are replaced by those of the archives while
scripts and queries run. Last line: N passed, N failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1])
LIBRARIES = [os.path.join(BUILD, p) for p in ("hosts/live/liblode-live.a", "core/liblode.a")]
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed")
# name: archive, folders of headers, further libraries
PROGRAMS = {
    "lua": ("liblua5.4.a", ["/usr/include/lua5.4"], ["-lm"]),
    "sqlite": ("libsqlite3.a", [], ["-lm"]),
}
totals = [0, 0, 0]


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **more)


def archive_of(name):
    found = run(["gcc", "-print-file-name=" + name]).stdout.strip()
    return found if os.path.isabs(found) else None


def link(folder, name, kind):
    archive, headers, libraries = PROGRAMS[name]
    program = os.path.join(folder, name + kind)
    done = run(["gcc", "-std=gnu11", "-O1", kind, "-Wl,-q", "-I" + ROOT + "/tests", "-I" + ROOT + "/include", *["-I" + h for h in headers],
                os.path.join(HERE, name + ".c"), "-o", program, "-Wl,--whole-archive", archive_of(archive), "-Wl,--no-whole-archive",
                *LIBRARIES, "-Wl,-E", "-pthread", *libraries])
    return program if done.returncode == 0 else print("FAIL %s: %s" % (name, done.stderr))


def try_one(folder, name, kind):
    objects = os.path.join(folder, name)
    os.makedirs(objects, exist_ok=True)
    run(["ar", "x", archive_of(PROGRAMS[name][0])], cwd=objects)
    # Parts that were configured away are empty objects.
    words = sorted(os.path.join(objects, f) for f in os.listdir(objects))
    words = [w for w in words if run(["nm", "--defined-only", "-g", w]).stdout.strip()]
    program = link(folder, name, kind)
    done = run([program, *words], timeout=600) if program else None
    lines = done.stdout.splitlines() if done else [""]
    counts = COUNTS.match(lines[-1]) if lines else None
    print("\n".join("%s %s: %s" % (name, kind, line) if not line.startswith("FAIL") else line for line in lines[:-1]))
    if not counts:
        print("FAIL %s %s: it ended with status %s" % (name, kind, done and done.returncode))
    totals[0] += int(counts.group(1)) if counts else 0
    totals[1] += int(counts.group(2)) if counts else 1


def main():
    for name, (archive, headers, _) in PROGRAMS.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        if not archive_of(archive) or not shutil.which("gcc") or not all(os.path.isdir(h) for h in headers):
            print("SKIP %s: no %s here" % (name, archive))
            totals[2] += 1
            continue
        for kind in ("-pie", "-no-pie"):
            with tempfile.TemporaryDirectory() as folder:
                try_one(folder, name, kind)
    print("%d passed, %d failed" % tuple(totals[:2]) + (", %d skipped" % totals[2] if totals[2] else ""))
    return 1 if totals[1] else 0


sys.exit(main())
