#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""observers.py LODE: what a debugger and a profiler know of object files that `lode link` has put into memory. Last line: N passed, N
failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

LODE = os.path.abspath(sys.argv[1])
MAIN = b"""#include <stdio.h>
int inner(int n);
int main(void)
{
	printf("%p\\n", (void *)inner);
	return inner(3) - 9;
}
"""
INNER = b"""static int twice(int n)
{
	return 2 * n;
}
int inner(int n)
{
	int sum = twice(n);
	return sum + n;
}
"""
passed = failed = skipped = 0


def case(name, *wanted):
    global passed, failed
    good = all(wanted)
    if not good:
        print("FAIL %s: %s" % (name, [i for i, want in enumerate(wanted) if not want]))
    passed, failed = passed + good, failed + (not good)


def skip(name, reason):
    global skipped
    print("SKIP %s: %s" % (name, reason))
    skipped += 1


def compile_(folder, *flags):
    for name, text in (("main", MAIN), ("inner", INNER)):
        with open(os.path.join(folder, name + ".c"), "wb") as file:
            file.write(text)
        subprocess.run(["cc", "-g", "-O0", *flags, "-c", name + ".c"], cwd=folder, check=True)
    subprocess.run(["ar", "rc", "lib.a", "inner.o"], cwd=folder, check=True)


def profiler(folder):
    child = subprocess.Popen([LODE, "link", "--perf", "main.o", "lib.a"], cwd=folder, stdout=subprocess.PIPE, text=True)
    out, path = child.communicate()[0], "/tmp/perf-%d.map" % child.pid
    with open(path, encoding="ascii") as file:
        lines = [line.split() for line in file]
    os.unlink(path)
    sizes = {name: int(size, 16) for _, size, name in lines}
    said = subprocess.run(["readelf", "-sW", "inner.o"], cwd=folder, capture_output=True, text=True, check=True).stdout
    real = {line.split()[7]: int(line.split()[2]) for line in said.splitlines() if " FUNC " in line}
    case("a profiler's map", sorted(sizes) == ["inner", "main", "twice"], ["%x" % int(out, 16)] == [addr for addr, _, name in lines if name == "inner"],
         all(sizes[name] == size for name, size in real.items()), child.returncode == 0)
    with open(os.path.join(folder, "kept"), "w", encoding="ascii") as file:
        file.write("kept")
    script = 'ln -s "$PWD/kept" /tmp/perf-$$.map; trap "" EXIT; exec "$0" link --perf main.o lib.a'
    child = subprocess.Popen(["sh", "-c", script, LODE], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = child.communicate()
    os.unlink("/tmp/perf-%d.map" % child.pid)
    with open(os.path.join(folder, "kept"), encoding="ascii") as file:
        case("a profiler's map that is a link", file.read() == "kept", out == "", "symbolic links" in err, child.returncode == 1)


    script = ': >/tmp/perf-$$.map; chown 65534 /tmp/perf-$$.map; chmod 666 /tmp/perf-$$.map; exec "$0" link --perf main.o lib.a'
    if os.geteuid() == 0:
        child = subprocess.Popen(["sh", "-c", script, LODE], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = child.communicate()
        path = "/tmp/perf-%d.map" % child.pid
        case("a profiler's map of somebody else", os.path.getsize(path) == 0, out == "", "not permitted" in err, child.returncode == 1)
        os.unlink(path)
    plain, forged = b"f_7f0000000000_10_evil_X31m", b"f\n7f0000000000 10 evil\033[31m"
    with open(os.path.join(folder, "forged.c"), "wb") as file:
        file.write(b"int %s(void) { return 0; }\nint main(void) { return %s(); }\n" % (plain, plain))
    subprocess.run(["cc", "-c", "forged.c"], cwd=folder, check=True)
    with open(os.path.join(folder, "forged.o"), "rb") as file:
        data = file.read().replace(plain, forged[:len(plain)])
    with open(os.path.join(folder, "forged.o"), "wb") as file:
        file.write(data)
    child = subprocess.Popen([LODE, "link", "--perf", "forged.o"], cwd=folder, stdout=subprocess.PIPE)
    child.communicate()
    with open("/tmp/perf-%d.map" % child.pid, "rb") as file:
        text = file.read()
    os.unlink("/tmp/perf-%d.map" % child.pid)
    case("names that forge lines", text.count(b"\n") == 2, b"\033" not in text, b" f?7f0000000000?10?evil?[31m\n" in text)


def debug(folder, *options):
    commands = ["set breakpoint pending on", "break twice", "run", "backtrace", "up", "print sum + n * 0 == sum", "print n", "delete", "continue"]
    words = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", *words, "--args", LODE, "link", *options, "main.o", "lib.a"],
                          cwd=folder, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def debugger(folder):
    text = debug(folder, "--gdb")
    case("a debugger's backtrace", re.search(r"#0 .*twice \(n=3\) at .*inner\.c:3", text), re.search(r"#1 .*inner \(n=3\) at .*inner\.c:7", text),
         re.search(r"#2 .*main \(\) at .*main\.c:6", text), "$2 = 3" in text, "exited normally" in text)
    text = debug(folder)
    case("a debugger that is told nothing", "twice (n=3)" not in text, "exited normally" in text)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for flags in ((), ("-ffunction-sections", "-fno-pie"), ("-mcmodel=large",)):
            compile_(folder, *flags)
            profiler(folder)
            if shutil.which("gdb"):
                debugger(folder)
        if not shutil.which("gdb"):
            skip("debugger", "gdb is not installed")
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
