#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""own.py BUILD [within|watch]: Lode's own units are replaced by ones that were compiled otherwise: in a program that opens, plans and links files with
them all the time, and in a `lode swap --watch` that replaces a unit of a third program again and again. What comes out stays the same.
Last line: N passed, N failed[, N skipped]."""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1])
LODE = os.path.join(BUILD, "lode")
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
TAKE_ENDS = 3  # how often the watching one works while it is replaced, at least
totals = [0, 0, 0]


def case(name, trouble):
    totals[1 if trouble else 0] += 1
    if trouble:
        print("FAIL %s: %s" % (name, trouble))


def commands(folders):
    """[(name, compiler's words)] of the product's objects in these folders of the build."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            if any(entry["output"].startswith(folder + "/") for folder in folders):
                words = shlex.split(entry["command"])
                yield entry["output"], words[:words.index("-o")] + words[words.index("-o") + 2:], entry["directory"]


def compile_otherwise(folder, folders, *more):
    """The same sources, compiled less cleverly; the objects in order."""
    made, running = [], []
    for output, words, directory in sorted(commands(folders)):
        path = os.path.join(folder, output.replace("/", "!"))
        words = [word for word in words if word not in ("-MD", "-MQ", "-MF") and not word.endswith((".o", ".o.d"))]
        running.append(subprocess.Popen([*words, "-O1", "-w", *more, "-o", path], cwd=directory))
        if len(running) == os.cpu_count():
            running.pop(0).wait()
        made.append(path)
    for one in running:
        one.wait()
    return [path for path in made if subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True, check=True).stdout.strip()]


def globals_of(path):
    said = subprocess.run(["nm", "--defined-only", "-g", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in said.splitlines()}


def within(folder):
    """In process."""
    objects = compile_otherwise(folder, ["core/liblode.a.p", "hosts/live/liblode-live.a.p"])
    lua = subprocess.run(["cc", "-print-file-name=liblua5.4.a"], capture_output=True, text=True, check=True).stdout.strip()
    files = [lua] if os.path.isabs(lua) else []
    libc = subprocess.run(["cc", "-print-file-name=libc.so.6"], capture_output=True, text=True, check=True).stdout.strip()
    program = folder + "/own"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-fPIC", "-I" + ROOT + "/tests", "-I" + ROOT + "/include", HERE + "/own.c", "-Wl,-q", "-Wl,--whole-archive",
                    BUILD + "/hosts/live/liblode-live.a", BUILD + "/core/liblode.a", "-Wl,--no-whole-archive", "-pthread", "-o", program], check=True)
    done = subprocess.run([program, program, libc, *files, HERE + "/own.c", "--", *objects], capture_output=True, text=True, errors="replace",
                          check=False, timeout=900)
    lines = done.stdout.splitlines() or [""]
    counts = COUNTS.match(lines[-1])
    print("\n".join(lines[:-1]))
    if not counts:
        case("within", "it ended with status %d %s" % (done.returncode, done.stderr))
    for i in range(3):
        totals[i] += int(counts.group(i + 1) or 0) if counts else 0


class Third:
    """A program whose unit the watching lode replaces."""

    def __init__(self, folder):
        for step in (1, 2, 3):
            subprocess.run(["cc", "-O2", "-DSTEP=%d" % step, "-c", HERE + "/hooks/unit.c", "-o", "%s/unit%d.o" % (folder, step)], check=True)
        subprocess.run(["cc", "-O2", "-Wl,-q", HERE + "/hooks/main.c", folder + "/unit1.o", "-o", folder + "/third"], check=True)
        self.process = subprocess.Popen([folder + "/third"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder, self.asked = folder, 0

    def step(self):
        """Which unit answers; 0 if its counter has lost something."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said, self.asked = int(self.process.stdout.readline()), self.asked + 1
        return said // 1000000 if said % 1000000 == self.asked else 0

    def give(self, step):
        """The watched file changes."""
        part = self.folder + "/watched.part"
        with open("%s/unit%d.o" % (self.folder, step), "rb") as given, open(part, "wb") as out:
            out.write(given.read())
        os.rename(part, self.folder + "/watched.o")


def await_step(third, step):
    until = time.time() + 20
    while time.time() < until:
        if third.step() == step:
            return True
        time.sleep(0.02)
    return False


def watch(folder):
    """Another process: a lode that works."""
    link = [line for line in subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "lode"], capture_output=True, text=True, check=True).stdout.splitlines()
            if " -o lode " in line][-1]
    program = folder + "/lode"
    subprocess.run(shlex.split(link.replace(" -o lode ", " -o %s -Wl,-q " % program)), cwd=BUILD, check=True)
    objects = compile_otherwise(folder, ["lode.p", "core/liblode.a.p", "hosts/live/liblode-live.a.p"], "-fdata-sections")
    there, all_of_them = globals_of(program), len(objects)
    objects = [path for path in objects if globals_of(path) & there]
    third = Third(folder)
    third.give(2)
    watching = subprocess.Popen([program, "swap", "--watch", str(third.process.pid), folder + "/watched.o"], stdout=subprocess.DEVNULL)
    case("watch: it works", not await_step(third, 2))
    with open("/proc/%d/task/%d/children" % (watching.pid, watching.pid)) as file:
        pid = file.read().split()[0]
    done, step, begun = 0, 2, time.time()
    for number, path in enumerate(objects):
        said = subprocess.run([LODE, "swap", pid, path], capture_output=True, text=True, errors="replace", check=False, timeout=60)
        case("watch: " + os.path.basename(path), said.returncode != 0 and said.stderr.strip())
        done += said.returncode == 0
        # It sleeps most of the time: give it work now and then, and behind the last one.
        if number % (len(objects) // (4 * TAKE_ENDS)) == 0:
            step = 5 - step
            third.give(step)
            case("watch: it works behind " + os.path.basename(path), not await_step(third, step))
    step = 5 - step
    third.give(step)
    case("watch: it works at last", not await_step(third, step))
    print("watch: %d of %d units of a lode that watches replaced in %.0f s; %d more of the library are not in the command" % (
        done, len(objects), time.time() - begun, all_of_them - len(objects)))
    third.process.stdin.close()
    third.process.wait()
    case("watch: it ends with the other", watching.wait(20) != 0)


def main():
    if os.uname().machine != "x86_64":
        print("SKIP own: only on x86-64\n0 passed, 0 failed, 1 skipped")
        return 0
    for part in (within, watch):
        if sys.argv[2:] and part.__name__ not in sys.argv[2:]:
            continue
        if part is watch and not os.access(LODE, os.X_OK):
            totals[2] += 1
            print("SKIP watch: the command is not built")
            continue
        with tempfile.TemporaryDirectory() as folder:
            part(folder)
    print("%d passed, %d failed" % tuple(totals[:2]) + (", %d skipped" % totals[2] if totals[2] else ""))
    return 1 if totals[1] else 0


sys.exit(main())
