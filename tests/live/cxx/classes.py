#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""classes.py BUILD [WORD...]: units of C++ are replaced in their own process and, by `lode swap`, in another one, by every compiler that is here,
optimised and not.
Last line: N passed, N failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

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
# Programs that another process replaces units of: name, flags for the link.
OUTSIDE = [("dynamic", []), ("static", ["-static"]), ("own runtime", ["-static-libgcc", "-static-libstdc++"])]
THREADS = 2
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


def case(name, trouble):
    totals[1 if trouble else 0] += 1
    if trouble:
        print("FAIL %s: %s" % (name, str(trouble).strip()))


def refused(done, word):
    return "" if done.returncode == 1 and word in done.stderr else "%d %s%s" % (done.returncode, done.stdout, done.stderr)


class Outside:
    """A program that runs, and throws in its threads."""

    def __init__(self, folder, threads):
        self.folder, self.busy = folder, False
        self.process = subprocess.Popen([folder + "/outside", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)

    def say(self, line):
        self.process.stdin.write("%s\n" % line)
        self.process.stdin.flush()

    def wrong(self, version):
        """How the room answers, if that is not as it is to be; False: it is. What is left on a stack may look like a thread in the old code: then
        pointers that were copied lead there."""
        self.say(version)
        said, count = self.process.stdout.readline().split(), 6 if self.busy else 7
        return said[:count] != ["0"] * count and "%s %s" % (said, self.process.stderr.read() if not said else "")

    def swap(self, *arguments):
        done = run([os.path.join(BUILD, "lode"), "swap", str(self.process.pid), *arguments], cwd=self.folder, timeout=60)
        self.busy |= "threads are in the old code" in done.stdout
        return done

    def maps(self):
        with open("/proc/%d/maps" % self.process.pid) as file:
            return [line for line in file if " 00:00 0 " in line and "[" not in line and "rw" not in line]

    def end(self):
        self.process.kill()
        self.process.communicate()


def from_outside(folder, compiler, name, flags):
    title = "%s %s" % (compiler, name)
    must([COMPILERS[compiler][0], "-O2", "-c", HERE + "/outside.c", "-o", folder + "/outside.o"])
    must([compiler, "-fuse-ld=" + COMPILERS[compiler][1], "-Wl,-q", *flags, *["%s/%s.o" % (folder, n) for n in ("outside", "room", "shapes")],
          "-pthread", "-o", folder + "/outside"])
    for threads in (0, THREADS):
        target = Outside(folder, threads)
        case(title + ", before", target.wrong(1))
        for version in (3, 4, 1, 2):
            done = target.swap("shapes%d.o" % version)
            case("%s, %d threads, version %d" % (title, threads, version), done.returncode and done.stderr or target.wrong(version))
        done = target.swap("shapes-more.o")
        case(title + ": a larger table", refused(done, "swap-size") or target.wrong(2))
        for version in (1, 4, 3, 1):
            done = target.swap("--rollback")
            case("%s, %d threads, back to %d" % (title, threads, version), done.returncode and done.stderr or target.wrong(version))
        target.end()
    target = Outside(folder, 0)
    target.wrong(1)
    target.say("w")
    target.process.stdout.readline()
    time.sleep(0.1)
    maps = target.maps()
    done = target.swap("--policy=idle", "shapes3.o")
    case(title + ": refused behind the unwinder", refused(done, "swap-busy") or target.wrong(1))
    case(title + ": nothing left behind", target.maps() != maps)
    time.sleep(3)
    target.say("s")
    time.sleep(0.2)
    done = target.swap("shapes3.o")
    target.process.stdout.readline()
    if name == "dynamic":
        case(title + ": nobody waits, but in its own code", done.returncode and done.stderr or target.wrong(3))
    else:
        case(title + ": nobody waits", refused(done, "unwinder") or target.wrong(1))
        case(title + ": and then", target.swap("shapes3.o").stderr or target.wrong(3))
    target.end()


def try_outside(compiler):
    """By the command."""
    for name, flags in OUTSIDE:
        if not all(word in ("%s outside %s" % (compiler, name)).split() for word in WORDS):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                build(folder, compiler, KINDS[1])
                from_outside(folder, compiler, name, flags)
            except RuntimeError as error:
                fail(compiler + " " + name, str(error).splitlines())


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
        if os.access(os.path.join(BUILD, "lode"), os.X_OK):
            try_outside(compiler)
        else:
            totals[2] += 1
            print("SKIP another process: the command is not built")
    print("%d passed, %d failed" % tuple(totals[:2]) + (", %d skipped" % totals[2] if totals[2] else ""))
    return 1 if totals[1] else 0


sys.exit(main())
