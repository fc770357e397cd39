#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""process.py LODE [PART...]: units of programs that run are replaced by `lode swap`, and taken back; their data, their threads' system calls and what
they answer stay right, whatever is in the way. Last line: N passed, N failed[, N skipped]."""
import ctypes
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
LODE = os.path.abspath(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534
HOSTILE = int(os.environ.get("HOSTILE", 400))
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
PR_CAPBSET_DROP, CAP_SETPCAP, CAP_NET_RAW, CAP_SYS_PTRACE = 24, 8, 13, 19
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
passed = failed = skipped = 0
random.seed(4)


def case(name, trouble):
    global passed, failed
    if trouble:
        failed += 1
        print("FAIL %s: %s" % (name, trouble))
    else:
        passed += 1


def skip(name, why):
    global skipped
    skipped += 1
    print("SKIP %s: %s" % (name, why))


def build(folder):
    """Programs and versions of the unit."""
    def cc(*arguments):
        subprocess.run(["cc", "-O2", *arguments], cwd=folder, check=True)
    cc("-c", HERE + "/target.c", "-o", "target.o")
    for name, flags in {"clock": ["-g"], "ten": ["-DSTEP=10"], "hundred": ["-DSTEP=100"], "wide": ["-DTOTAL=__int128"],
                        "int": ["-DSTEP=10", "-DEXTRA=int"], "long": ["-DSTEP=100", "-DEXTRA=long"],
                        "lost": ["-Dusleep=no_such_function"], "far": ["-DSTEP=10", "-mcmodel=large"], "words": ["-DSTEP=10", "-DWORDS", "-fno-builtin"],
                        "typed": ["-g", "-DSTEP=10"], "swapped": ["-g", "-DSTEP=10", "-DSWAPPED"], "double": ["-g", "-DSTEP=10", "-DTOTAL=double"],
                        "hook": ["-g", "-DSTEP=10", "-DTOTAL=__int128", "-DHOOK=1"], "faults": ["-DSTEP=10", "-DTOTAL=__int128", "-DHOOK=2"],
                        "endless": ["-DSTEP=10", "-DTOTAL=__int128", "-DHOOK=3"], "waits": ["-DSTEP=10", "-DTOTAL=__int128", "-DHOOK=4"],
                        "sections": ["-DSTEP=10", "-ffunction-sections", "-fdata-sections", "-g"]}.items():
        cc("-c", "-fdata-sections", HERE + "/clock.c", "-I" + ROOT + "/include", "-o", name + ".o", *flags)
    for name, flags in {"pie": [], "fixed": ["-no-pie"], "static": ["-static"], "static-pie": ["-static-pie"]}.items():
        cc("-Wl,-q", "target.o", "clock.o", "-o", name, "-pthread", *flags)
    for linker in ("lld", "gold", "mold"):
        if shutil.which("ld." + linker):
            cc("-fuse-ld=" + linker, "-Wl,--emit-relocs", "target.o", "clock.o", "-o", linker, "-pthread")
    cc("target.o", "clock.o", "-o", "unprepared", "-pthread")
    with open(os.path.join(folder, "execs.c"), "w") as file:
        file.write('#include "clock.h"\n#include <stdio.h>\n#include <unistd.h>\n'
                   'int main(void) { char x[2]; printf("%d\\n", clock_version()); fflush(stdout); return read(0, x, 2) != 2 || '
                   'execlp("cat", "cat", NULL); }\n')
    cc("-I" + HERE, "-Wl,-q", "execs.c", "clock.o", "-o", "execs")
    cc("-I" + HERE, "-Wl,-q", HERE + "/spin.c", "clock.o", "-o", "spin")
    subprocess.run(["ar", "rc", "clock.a", "ten.o"], cwd=folder, check=True)


def strip(folder, name):
    """The same program without symbols, and its index beside it."""
    stripped = os.path.join(folder, name + "-stripped")
    subprocess.run([LODE, "index", os.path.join(folder, name), "-o", stripped + ".lode"], check=True)
    subprocess.run(["strip", "-o", stripped, os.path.join(folder, name)], check=True)
    return os.path.basename(stripped)


class Target:
    """A program that runs."""

    def __init__(self, folder, name, threads=2, before=None):
        self.folder = folder
        arguments = [os.path.join(folder, name)] + ([str(threads)] if threads else [])
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=before)
        self.pid = self.process.pid
        self.ask()

    def ask(self, what=""):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def lode(self, *arguments, policy="wait", before=None):
        """As soon as nobody is in the old code, so that all ways lead to the new one."""
        if policy and "--status" not in arguments:
            arguments = ("--policy", policy) + arguments
        run = subprocess.run([LODE, "swap", str(self.pid), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60,
                             preexec_fn=before, errors="replace")
        self.said = run.stdout + run.stderr
        return run.returncode

    def state(self):
        with open("/proc/%d/stat" % self.pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def maps(self):
        """Those that could be a replacement's: code and constants without a file."""
        with open("/proc/%d/maps" % self.pid) as file:
            return [line for line in file if re.match(r"\S+ (r-x|r--)p \S+ 00:00 0 *(\[anon:.*)?$", line)]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.end()


def wrong(answer, version, mixed=20):
    """Every way to the unit leads to one version; its counters have lost nothing; no system call was disturbed. Each stop may fall between
    the calls that a thread compares."""
    if not answer:
        return "the program is gone"
    if [answer["version"], answer["table"], answer["copied"]] != [version] * 3:
        return "versions %(version)d %(table)d %(copied)d" % answer + ", not %d" % version
    if answer["calls"] != answer["steps"] or answer["mine"] != 1 or answer["interrupted"] or answer["mixed"] > mixed:
        return str(answer)
    return ""


def replaced(target, status, version, mixed=20):
    if status != 0:
        return target.said
    return wrong(target.ask(), version, mixed)


def indexes(folder):
    """No program is lost to an index, and what is no program has none."""
    def expect(name, words, *arguments):
        run = subprocess.run([LODE, "index", *arguments], cwd=folder, capture_output=True, text=True)
        case("index: " + name, (run.returncode != 1 or not re.search(words, run.stderr) or run.stderr.count("\n") != 1) and run.stderr)

    def content(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    program, object_ = content("pie"), content("ten.o")
    os.symlink("pie", folder + "/alias")
    expect("over the program", "lode: pie: is the program itself", "-o", "pie", "pie")
    expect("over the program by another name", "lode: alias: is the program itself", "-o", "alias", "pie")
    expect("over another ELF file", "lode: ten.o: is no index", "-o", "ten.o", "pie")
    expect("over a folder", "lode: .: is no regular file", "-o", ".", "pie")
    expect("of an object", r"lode: ten.o: .*e_type = 0x1.*swap-index", "ten.o")
    case("index: nothing was written", content("pie") != program or content("ten.o") != object_ or os.path.exists(folder + "/ten.o.lode"))
    for _ in range(2):
        subprocess.run([LODE, "index", "pie"], cwd=folder, check=True)
    case("index: over an index", not os.path.exists(folder + "/pie.lode"))
    os.unlink(folder + "/pie.lode")


def versions(folder):
    for name in ("pie", "fixed", "static", "static-pie", "lld", "gold", "mold"):
        if os.path.exists(os.path.join(folder, name)):
            versions_of(folder, name)
        else:
            skip("versions, " + name, "no such linker")


def versions_of(folder, name):
    with Target(folder, name) as target:
        before = target.ask()
        status = target.lode("ten.o")
        case(name + ": replaced", replaced(target, status, 10) or (target.ask()["total"] <= before["total"] and "the total was lost"))
        case(name + ": status", target.lode("--status") != 0 or not re.match(r"1 \S+ replaced \d+ stores, code at 0x\w+, ten.o\n$", target.said))
        case(name + ": another", replaced(target, target.lode("hundred.o"), 100))
        case(name + ": the first again", replaced(target, target.lode("clock.o"), 1))
        for version in (100, 10, 1):
            case(name + ": taken back to %d" % version, replaced(target, target.lode("--rollback"), version))
        case(name + ": nothing left", target.lode("--rollback") != 1 or "swap-nothing" not in target.said)
        case(name + ": empty status", target.lode("--status") != 0 or target.said != "nothing is replaced\n")
        case(name + ": after that", replaced(target, target.lode("sections.o"), 10))


def stripped(folder):
    for name in ("pie", "fixed", "static", "static-pie", "lld"):
        if os.path.exists(os.path.join(folder, name)):
            versions_of(folder, strip(folder, name))
    program = os.path.join(folder, strip(folder, "pie"))
    with open(program + ".lode", "rb") as file:
        index = file.read()
    with Target(folder, "pie-stripped") as target:
        maps = target.maps()
        os.rename(program + ".lode", folder + "/elsewhere.lode")
        case("stripped: no index", target.lode("ten.o") != 1 or "swap-index" not in target.said)
        case("stripped: which was looked for", "; no index can be read at %s.lode either: " % os.path.realpath(program) not in target.said or
             "--index=FILE" not in target.said)
        for name, data in {"half": index[:len(index) // 2], "a bit": index[:200] + bytes([index[200] ^ 1]) + index[201:],
                           "another program's": index[:56] + bytes(8) + index[64:]}.items():
            with open(program + ".lode", "wb") as file:
                file.write(data)
            case("stripped: " + name, target.lode("ten.o") != 1 or not re.match(r"lode: \S+pie-stripped.lode: .*swap-file", target.said))
        case("stripped: --index, no such", target.lode("--index=none.lode", "ten.o") != 1 or "none.lode: No such file" not in target.said)
        case("stripped: --index, a program", target.lode("--index=pie", "ten.o") != 1 or "lode: pie: " not in target.said)
        case("stripped: nothing left behind", target.maps() != maps or wrong(target.ask(), 1))
        case("stripped: --index", replaced(target, target.lode("--index=elsewhere.lode", "ten.o"), 10))
        case("stripped: --index, taken back", replaced(target, target.lode("--index", "elsewhere.lode", "--rollback"), 1))
    os.rename(folder + "/elsewhere.lode", program + ".lode")


def built_anew(folder):
    """The program's file is another one by now, or none: what runs counts."""
    def copy(name, to):
        shutil.copy(os.path.join(folder, name), os.path.join(folder, to))

    subprocess.run(["cc", "-O2", "-Wl,-q", "target.o", "hundred.o", "-o", "newer", "-pthread"], cwd=folder, check=True)
    copy("pie", "server")
    with Target(folder, "server") as target:
        os.unlink(folder + "/server")
        case("removed", replaced(target, target.lode("ten.o"), 10))
        copy("newer", "server")
        case("built anew", replaced(target, target.lode("clock.o"), 1))
        case("built anew: taken back", replaced(target, target.lode("--rollback"), 10))
    copy(strip(folder, "pie"), "server")
    copy("pie-stripped.lode", "server.lode")
    with Target(folder, "server") as target:
        os.unlink(folder + "/server")
        case("stripped, removed", replaced(target, target.lode("ten.o"), 10))
        copy(strip(folder, "newer"), "server")
        copy("newer-stripped.lode", "server.lode")
        case("stripped, built anew: another's index", target.lode("clock.o") != 1 or "server.lode: " not in target.said or "swap-file" not in target.said)
        case("stripped, built anew", replaced(target, target.lode("--index=pie-stripped.lode", "clock.o"), 1))
        case("stripped, built anew: status", target.lode("--index=pie-stripped.lode", "--status") != 0 or target.said.count("\n") != 2)


def mounted(folder):
    """A program on a mount that only it has, with its index."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("a mount of its own", "needs root and unshare")
        return
    strip(folder, "static")
    os.mkdir(folder + "/inner")
    copy = "mount -t tmpfs inner inner && cp static-stripped static-stripped.lode inner && exec inner/static-stripped 2"
    target = Target.__new__(Target)
    target.folder = folder
    target.process = subprocess.Popen(["unshare", "-m", "sh", "-c", copy], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    target.pid = target.process.pid
    if not target.ask():
        skip("a mount of its own", "mounting is not allowed")
    else:
        case("a mount of its own: not seen", os.listdir(folder + "/inner"))
        case("a mount of its own", replaced(target, target.lode("ten.o"), 10))
    target.end()


def single(folder):
    for name in ("pie", "static"):
        with Target(folder, name, 0) as target:
            case("one thread, %s" % name, replaced(target, target.lode("ten.o"), 10))
            target.ask("a")
            time.sleep(1.2)
            case("an alarm afterwards", target.ask()["ticks"] != 1)


def objects_of_all_models(folder):
    with Target(folder, "fixed") as target:
        case("-mcmodel=large", replaced(target, target.lode("far.o"), 10))


def names(folder):
    """What new code calls is the library's, of which the program knows nothing."""
    for name in ("pie", "fixed"):
        with Target(folder, name) as target:
            case("names, " + name, replaced(target, target.lode("words.o"), 10))


def pointers(folder):
    """A pointer that was copied while a replacement was in use leads to what is in use afterwards."""
    with Target(folder, "static") as target:
        target.lode("ten.o")
        case("pointers: copied", target.ask("c")["later"] != 10)
        case("pointers: another one", target.lode("hundred.o") != 0 or target.ask()["later"] != 100)
        case("pointers: back to the first", target.lode("--rollback") != 0 or target.ask()["later"] != 10)
        case("pointers: back to the program", target.lode("--rollback") != 0 or target.ask()["later"] != 1)
        case("pointers: and on", target.lode("hundred.o") != 0 or target.ask()["later"] != 100)


def elsewhere(folder):
    """In a root folder and namespaces of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("another root", "needs root and unshare")
        return
    root = os.path.join(folder, "root")
    listed = subprocess.run(["ldd", os.path.join(folder, "pie")], capture_output=True, text=True).stdout
    for path in re.findall(r"(/\S+) \(0x", listed):
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    shutil.copy(os.path.join(folder, "pie"), root)
    outer = subprocess.Popen(["unshare", "-m", "-p", "-f", "--kill-child", "chroot", root, "/pie", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True)
    target = Target.__new__(Target)
    target.folder, target.process = folder, outer
    target.ask()
    with open("/proc/%d/task/%d/children" % (outer.pid, outer.pid)) as file:
        target.pid = int(file.read())
    case("another root", replaced(target, target.lode("words.o"), 10))
    case("another root: taken back", replaced(target, target.lode("--rollback"), 1))
    target.end()


def stuck(folder):
    """A parent of vfork cannot be stopped: it is said, and nobody waits with it."""
    with Target(folder, "static") as target:
        before = target.ask("v")
        begun = time.time()
        status = target.lode("ten.o")
        time.sleep(0.1)
        case("stuck: said", status != 1 or "does not come to a halt" not in target.said)
        case("stuck: others went on", time.time() - begun > 2.5 or wrong(target.ask(), 1))
        time.sleep(3)
        case("stuck: and then", replaced(target, target.lode("ten.o"), 10) or before["calls"] == 0)


def policies(folder):
    with Target(folder, "static") as target:
        target.ask("w")
        maps = target.maps()
        case("idle: refused", target.lode("ten.o", policy="idle") != 1 or "swap-busy" not in target.said)
        case("idle: who is in the way", not re.search(r"symbol clock_wait: .*\nlode: thread \d+ is in clock_wait\n$", target.said) and target.said)
        threads = os.listdir("/proc/%d/task" % target.pid)
        case("idle: a thread of it", re.search(r"thread (\d+)", target.said).group(1) not in threads)
        case("idle: nothing left behind", target.maps() != maps or wrong(target.ask(), 1))
        begun = time.time()
        case("wait: refused", target.lode("--patience=1", "ten.o") != 1 or time.time() - begun < 0.9)
        case("wait: how long", not re.search(r"is in clock_wait\nlode: waited 1\.\d s, tried \d+ times\n$", target.said) and target.said)
        case("wait: nothing left behind", target.maps() != maps or wrong(target.ask(), 1))
        waiting = subprocess.Popen([LODE, "swap", str(target.pid), "--policy", "wait", "ten.o"], cwd=folder, stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        target.ask("g")
        case("wait: done", waiting.wait(20) != 0 or wrong(target.ask(), 10))
    with Target(folder, "static") as target:
        target.ask("w")
        status = target.lode("ten.o", policy=None)
        case("lazy: who goes on", not re.search(r"\nclock_wait is running in thread \d+: its old code goes on until it returns\n", target.said) and target.said)
        answer = target.ask("g")
        case("lazy: done", status != 0 or answer["version"] != 10 or answer["waited"] != 1 or "threads are in the old code" not in target.said)
        # (What was copied leads to the old code until then.)
        case("lazy: taken back", replaced(target, target.lode("--rollback"), 1, 1 << 30))


def main_loops(folder):
    """What is replaced is where the process spends its life: it is said that this cannot come to an end by itself."""
    with open(folder + "/loop.c", "w") as file:
        file.write("#include <stdio.h>\n#include <unistd.h>\nstatic int rounds;\nint main(void)\n{\n\tputs(\"x 0\");\n\tfflush(stdout);\n"
                   "\tfor (;; rounds++)\n\t\tusleep(1000);\n}\n")
    subprocess.run(["cc", "-O1", "-c", "loop.c"], cwd=folder, check=True)
    subprocess.run(["cc", "-Wl,-q", "loop.o", "-o", "loop"], cwd=folder, check=True)
    with Target(folder, "loop", 0) as target:
        case("main: dry run", target.lode("--dry-run", "loop.o") != 0 or "\nmain is among them: " not in target.said)
        case("main: refused", target.lode("loop.o", policy="idle") != 1 or "lode: thread %d is in main\n" % target.pid not in target.said)
        case("main: lazy", (target.lode("loop.o", policy=None) != 0 or
                            "\nmain is running in thread %d: its old code goes on until it returns\n" % target.pid not in target.said) and target.said)
        case("main: nobody is in the new one", target.lode("--rollback", policy=None) != 0 or "running" in target.said)


def stopped(folder):
    with Target(folder, "static") as target:
        os.kill(target.pid, signal.SIGSTOP)
        time.sleep(0.1)
        status = target.lode("ten.o")
        time.sleep(0.1)
        case("a stopped process stays stopped", status != 0 and target.said or (target.state() != "T" and target.state()))
        os.kill(target.pid, signal.SIGCONT)
        case("and goes on", wrong(target.ask(), 10))


def no_memory(folder):
    with Target(folder, "static") as target:
        limit = resource.prlimit(target.pid, resource.RLIMIT_AS)
        resource.prlimit(target.pid, resource.RLIMIT_AS, (1 << 20, limit[1]))
        case("no memory: said", target.lode("ten.o") != 1 or "was refused memory by the kernel: Cannot allocate memory" not in target.said)
        resource.prlimit(target.pid, resource.RLIMIT_AS, limit)
        case("no memory: and then", replaced(target, target.lode("ten.o"), 10))


def another_program(folder):
    """The process becomes another program at any moment; that one goes on."""
    trouble = ""
    for i in range(40):
        target = subprocess.Popen(["sh", "-c", "read x; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  executable=os.path.join(folder, "execs"))
        target.stdout.readline()
        lode = subprocess.Popen([LODE, "swap", str(target.pid), "ten.o"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.008))
        target.stdin.write("x\n")
        target.stdin.flush()
        code = lode.wait(20)
        out, _ = target.communicate("end\n")
        if code not in (0, 1) or out != "end\n" or target.returncode != 0:
            trouble = "%d: %d, %d, %r" % (i, code, target.returncode, out)
    case("another program", trouble)


def dry_run(folder):
    with Target(folder, "pie") as target:
        maps = target.maps()
        case("dry run", target.lode("--dry-run", "ten.o") != 0 or "would replace" not in target.said or target.maps() != maps)
        case("dry run: an address is one", target.lode("--dry-run", "--trace", "ten.o") != 0 or not re.search(r" ms  at 0x[0-9a-f]+\n", target.said) or
             not re.search(r" ms  stores planned \d+\n", target.said))
        case("dry run: main is none of them", "main" in target.said)
        case("dry run: nothing done", wrong(target.ask(), 1))
        case("dry run: nothing to take back", target.lode("--rollback", "--dry-run") != 1 or "swap-nothing" not in target.said)


def refusals(folder):
    with Target(folder, "static") as target:
        maps = target.maps()
        with open(os.path.join(folder, "text.o"), "w", encoding="ascii") as file:
            file.write("int f(void);\n")
        for arguments, words in ((["text.o"], r"text\.o: text: objects take the place of others \[header-"), (["none.o"], "none.o: No such file"), (["clock.a"], "is an archive"), (["target"], "target: No such"),
                                 (["wide.o"], r"symbol total: .*swap-size"), (["lost.o"], r"^lode: undefined: no_such_function \(used in \S*lost\.o\) \[link-undefined\]$"),
                                 (["target.c"], "target.c: No such"), (["static"], r"link-|header-"), (["/dev/null"], "/dev/null")):
            case("refused: " + arguments[0], target.lode(*arguments) != 1 or not re.search(words, target.said) or target.said.count("\n") != 1)
        case("a variable of a replacement", replaced(target, target.lode("int.o"), 10) or "5 variables kept, 1 new" not in target.said)
        case("of another size: refused", target.lode("long.o") != 1 or "swap-size" not in target.said)
        case("and kept otherwise", replaced(target, target.lode("int.o"), 10) or "6 variables kept, 0 new" not in target.said)
        target.lode("--rollback")
        target.lode("--rollback")
        maps = target.maps()
        case("one of two is refused, so is the other", target.lode("ten.o", "wide.o") != 1)
        case("refused: nothing left behind", target.maps() != maps or wrong(target.ask(), 1))
    with Target(folder, "unprepared") as target:
        case("not linked with -q", target.lode("ten.o") != 1 or "swap-index" not in target.said)


def renamed(folder):
    """An object of a source file that the program has not: what it would begin anew is not lost; what nobody has may be new."""
    for name, text in (("renamed", "#include \"%s/clock.c\"\n" % HERE), ("added", "static int fresh;\nint clock_mine(void)\n{\n\tfresh++;\n\treturn 1;\n}\n")):
        with open(folder + "/%s.c" % name, "w") as file:
            file.write(text)
        subprocess.run(["cc", "-O2", "-c", name + ".c", "-DSTEP=10", "-I" + HERE], cwd=folder, check=True)
    with Target(folder, "pie") as target:
        maps = target.maps()
        refused = target.lode("renamed.o") == 1 and "swap-source" in target.said
        case("renamed: refused", not refused and target.said)
        case("renamed: said", not re.search(r"compiled from renamed\.c, which the program has not; its clock\.c has (calls\S*|total|mine|rate)\n", target.said) and target.said)
        case("renamed: dry run", target.lode("--dry-run", "renamed.o") != 1)
        case("renamed: nothing done", target.maps() != maps or wrong(target.ask(), 1))
        case("renamed: after a replacement", target.lode("ten.o") != 0 or target.lode("renamed.o") != 1 or "swap-source" not in target.said)
        case("renamed: a new source file", replaced(target, target.lode("added.o"), 10) or "0 variables kept, 1 new" not in target.said)
        case("renamed: and again", replaced(target, target.lode("added.o"), 10) or "1 variable kept, 0 new" not in target.said)
        case("renamed: counts of one", not re.match(r"replaced: 3 functions, 1 reference, .*\n1 variable is known", target.said) and target.said)


def types(folder):
    """Of variables, by debug information; without it what is not compared is said."""
    for name in ("pie", "static"):
        with Target(folder, name) as target:
            case("types, %s: members" % name, target.lode("swapped.o") != 1 or not re.search(r"symbol rate\.by: member: offset = 0x8 .*swap-type", target.said))
            case("types, %s: a number" % name, target.lode("double.o") != 1 or not re.search(r"symbol total: type: encoding .*swap-type", target.said))
            case("types, %s: dry run" % name, target.lode("--dry-run", "swapped.o") != 1 or "swap-type" not in target.said)
            case("types, %s: the same" % name, replaced(target, target.lode("typed.o"), 10) or "by name and size alone" in target.said)
            case("types, %s: unknown" % name, replaced(target, target.lode("hundred.o"), 100) or "variables are known by name and size alone" not in target.said)


def migrate(folder):
    """A hook makes the new value, in a thread that stands still; where it does not end well, everything is as it was."""
    for name in ("pie", "fixed", "static"):
        with Target(folder, name) as target:
            maps, before = target.maps(), target.ask()
            for bad in ("faults", "endless", "waits"):
                begun = time.time()
                status = target.lode(bad + ".o")
                case("migrate, %s: %s" % (name, bad), status != 1 or "symbol total: " not in target.said or "swap-migrate" not in target.said or
                     time.time() - begun > 4)
                case("migrate, %s: %s: as it was" % (name, bad), target.maps() != maps or wrong(target.ask(), 1))
            case("migrate, %s: dry run" % name, target.lode("--dry-run", "hook.o") != 0 or "1 variable would get a new value" not in target.said)
            case("migrate, %s: done" % name, replaced(target, target.lode("hook.o"), 10) or "1 variable has a new value" not in target.said)
            after = target.ask()
            case("migrate, %s: the value" % name, after["total"] < before["total"] + after["steps"] - before["steps"] and "%s %s" % (before, after))
            case("migrate, %s: another" % name, replaced(target, target.lode("hook.o"), 10) or "new value" in target.said)
            left = target.ask()["total"]
            case("migrate, %s: taken back" % name, replaced(target, target.lode("--rollback"), 10) or target.ask()["total"] < left)
            case("migrate, %s: to the first" % name, replaced(target, target.lode("--rollback"), 1) or target.ask()["total"] > left)
        # Nobody is in the old code while it happens, whatever the policy.
        with Target(folder, name) as target:
            target.ask("w")
            case("migrate, %s: in use" % name, target.lode("hook.o", policy="lazy") != 1 or "swap-busy" not in target.said)
            target.ask("g")
            case("migrate, %s: no longer" % name, replaced(target, target.lode("hook.o"), 10))


def vectors(folder):
    """A thread that is in the middle of something has its vector registers back."""
    target = subprocess.Popen([folder + "/spin"], stdout=subprocess.PIPE, text=True)
    target.stdout.readline()
    trouble = ""
    for _ in range(5):
        for arguments in (["hook.o"], ["--rollback"]):
            run = subprocess.run([LODE, "swap", "-pwait", str(target.pid), *arguments], cwd=folder, capture_output=True, text=True)
            trouble = trouble or (run.returncode != 0 and run.stderr) or (target.poll() is not None and "it ended with status %d" % target.poll())
    time.sleep(0.2)
    case("vectors", trouble or (target.poll() is not None and "it ended"))
    target.kill()
    target.communicate()


def misuse(folder):
    for arguments in ([], ["x"], ["0", "ten.o"], ["1"], ["1", "--status", "ten.o"], ["1", "--rollback", "--status"], ["1", "-p", "soon", "a.o"],
                      ["1", "--patience=x", "a.o"], ["--watch", "--rollback", "1"]):
        run = subprocess.run([LODE, "swap", *arguments], cwd=folder, capture_output=True, text=True)
        case("misuse: " + " ".join(arguments), run.returncode != 2 or run.stderr.count("\n") != 1)


def permissions(folder):
    def as_nobody():
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    def expect(name, pid, words, before=None):
        run = subprocess.run([LODE, "swap", str(pid), "ten.o"], cwd=folder, capture_output=True, text=True, preexec_fn=before, timeout=20)
        case("permission: " + name, run.returncode != 1 or not re.search(words, run.stderr) or run.stderr.count("\n") != 1)

    expect("no such process", 4194303, "does not exist")
    case("permission: itself", subprocess.run(["sh", "-c", "exec %s swap $$ ten.o" % LODE], cwd=folder, capture_output=True).returncode != 1)
    child = os.fork()
    if child == 0:
        os._exit(0)
    time.sleep(0.1)
    expect("zombie", child, "has ended")
    os.waitpid(child, 0)
    if os.path.exists("/proc/2/status") and "kthreadd" in open("/proc/2/comm").read():
        expect("kernel", 2, "thread of the kernel")
    with Target(folder, "static") as target:
        thread = [tid for tid in os.listdir("/proc/%d/task" % target.pid) if int(tid) != target.pid][0]
        expect("thread", thread, r"is a thread of another one.*\(%d\)" % target.pid)
        LIBC.ptrace(PTRACE_SEIZE, target.pid, None, None)
        expect("traced", target.pid, r"is traced already.*\(%d\)" % os.getpid())
        LIBC.ptrace(PTRACE_INTERRUPT, target.pid, None, None)
        os.waitpid(target.pid, 0)
        LIBC.ptrace(PTRACE_DETACH, target.pid, None, None)
        case("permission: no longer traced", replaced(target, target.lode("ten.o"), 10))
    if os.geteuid() != 0:
        skip("permission: other users", "only root can become one")
        return
    with Target(folder, "static") as target:
        expect("another user's", target.pid, "belongs to another user.*\\(0\\)", as_nobody)
    def less():
        for capability in (CAP_NET_RAW, CAP_SYS_PTRACE):
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    with Target(folder, "static") as target:
        with open("/proc/%d/status" % target.pid) as file:
            has = int(re.search(r"CapPrm:\s*(\w+)", file.read()).group(1), 16)
        if has >> CAP_NET_RAW & has >> CAP_SYS_PTRACE & has >> CAP_SETPCAP & 1:
            expect("capabilities", target.pid, r"has capabilities that you lack, CAP_SYS_PTRACE as well.* \(CAP_NET_RAW, CAP_SYS_PTRACE\)$", less)
        else:
            skip("permission: capabilities", "root lacks them itself")
    with Target(folder, "static", before=as_nobody) as target:
        status = target.lode("ten.o", before=as_nobody)
        scope = "/proc/sys/kernel/yama/ptrace_scope"
        if os.path.exists(scope) and open(scope).read().strip() != "0":
            case("permission: yama", status != 1 or "yama" not in target.said)
        else:
            case("permission: one's own", replaced(target, status, 10))
        case("permission: root", target.lode("ten.o") != 0 and target.said)


def confined(folder):
    """System call filters: root suspends them, others are refused."""
    if os.geteuid() != 0:
        skip("seccomp", "needs root")
        return

    def filter_all(*forbidden):
        def before():
            code = struct.pack("HBBI", 0x20, 0, 0, 0)
            for number in forbidden:
                code += struct.pack("HBBI", 0x15, 0, 1, number) + struct.pack("HBBI", 0x06, 0, 0, 0x80000000)
            code += struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000)
            room = ctypes.create_string_buffer(code)
            program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(room))
            LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if LIBC.prctl(PR_SET_SECCOMP, 2, program, 0, 0) != 0:
                os._exit(99)
        return before

    def as_nobody():
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    # Memory cannot be made executable, once the program has started.
    with Target(folder, "static", before=filter_all(324)) as target:
        status = target.lode("ten.o")
        case("filters: suspended", replaced(target, status, 10))

    # With so many groups what the kernel says of a process is longer than a page, and the filter stands behind them.
    for count, filters in ((440, [9]), (700, []), (60000, [9])):
        def grouped():
            os.setgroups(range(1000000, 1000000 + count))
            filter_all(*filters)()
        with Target(folder, "static", 0, before=grouped) as target:
            case("%d groups, %s" % (count, "no mmap" if filters else "no filter"), replaced(target, target.lode("ten.o"), 10))
        with Target(folder, "static") as target:
            case("%d groups of its own" % count, replaced(target, target.lode("ten.o", before=lambda: os.setgroups(range(1, 1 + count))), 10))

    def both():
        as_nobody()
        filter_all(324)()
    with Target(folder, "static", before=both) as target:
        case("filters: refused", target.lode("ten.o", before=as_nobody) != 1 or "seccomp" not in target.said)

    def hidden():
        as_nobody()
        LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    shutil.copy(os.path.join(folder, "static"), os.path.join(folder, "unreadable"))
    os.chmod(os.path.join(folder, "unreadable"), 0o711)
    with Target(folder, "unreadable", before=as_nobody) as target:
        case("not dumpable: refused", target.lode("ten.o", before=as_nobody) != 1 or "lets nobody trace it" not in target.said)
        case("not dumpable: root", replaced(target, target.lode("ten.o"), 10))


def dying(folder):
    """The process ends at any moment: it is said, or it was done before."""
    for i in range(40):
        with Target(folder, "static", 3) as target:
            lode = subprocess.Popen([LODE, "swap", str(target.pid), "ten.o"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(random.uniform(0, 0.012))
            os.kill(target.pid, signal.SIGKILL)
            out, err = lode.communicate(timeout=20)
            if lode.returncode not in (0, 1) or (lode.returncode == 1 and err.count("\n") != 1):
                case("dying %d" % i, "%d %s%s" % (lode.returncode, out, err))
                return
    case("dying", "")


def signals(folder):
    """Signals arrive all the time; each handler runs, and no call is disturbed more than by them."""
    with Target(folder, "static", 3) as target:
        trouble = ""
        for i in range(30):
            os.kill(target.pid, signal.SIGALRM)
            trouble = trouble or replaced(target, target.lode("ten.o" if i % 2 == 0 else "clock.o"), 10 if i % 2 == 0 else 1, 90)
        answer = target.ask()
        case("signals", trouble or (answer["ticks"] != 30 and str(answer)))


def many(folder):
    with Target(folder, "static", 4) as target:
        trouble, begun = "", time.time()
        for i in range(60):
            trouble = trouble or replaced(target, target.lode("ten.o"), 10, 480) or replaced(target, target.lode("--rollback"), 1, 480)
        case("60 times there and back", trouble)
    with Target(folder, "pie", 4) as target:
        runs = [subprocess.Popen([LODE, "swap", "-pwait", str(target.pid), "ten.o"], cwd=folder, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE) for _ in range(4)]
        codes = [run.wait(30) for run in runs]
        for run in runs:
            run.stderr.close()
        case("four at once", any(codes) and str(codes) or wrong(target.ask(), 10))
        target.lode("--status")
        case("four at once: four of them", target.said.count("\n") != 4 and target.said)


def lua(folder):
    """All units of the interpreter that runs a script, one after another and again; two of them have only constants."""
    archive = subprocess.run(["cc", "-print-file-name=liblua5.4.a"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(archive):
        skip("lua", "needs liblua5.4.a (liblua5.4-dev)")
        return
    subprocess.run(["cc", "-static", "-Wl,-q", HERE + "/lua.c", archive, "-lm", "-o", "lua"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    os.mkdir(folder + "/units")
    subprocess.run(["ar", "x", archive], cwd=folder + "/units", check=True)
    units = sorted(os.listdir(folder + "/units"))
    done, stops = 0, []
    with Target(folder, "lua", 0) as target:
        for unit in 2 * units:
            status = target.lode("units/" + unit, policy=None)
            answer = target.ask()
            done += status == 0
            stops += [int(us) for us in re.findall(r"stopped 1 thread for (\d+) us", target.said)]
            if not answer or answer["wrong"] or (status != 0 and "swap-nothing" not in target.said):
                case("lua: " + unit, str(answer) + target.said)
        case("lua: units", done < 2 * (len(units) - 2) and "%d of %d" % (done, len(units)))
        for i in range(40):
            target.lode("--rollback", policy=None)
        before = target.ask()
        time.sleep(0.2)
        after = target.ask()
        case("lua: at last", not after or after["wrong"] or after["rounds"] <= before["rounds"])
    stops.sort()
    print("lua: %d replacements, one thread stopped for %d us (median), at most %d us" % (done, stops[len(stops) // 2], stops[-1]))


def watch(folder):
    with Target(folder, "static") as target:
        shutil.copy(folder + "/ten.o", folder + "/watched.o")
        lode = subprocess.Popen([LODE, "swap", "--watch", "-p", "wait", str(target.pid), "watched.o"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        time.sleep(0.5)
        case("watch: the first", wrong(target.ask(), 10))
        shutil.copy(folder + "/wide.o", folder + "/watched.o")
        time.sleep(0.6)
        case("watch: refused", wrong(target.ask(), 10))
        shutil.copy(folder + "/hundred.o", folder + "/watched.o")
        time.sleep(0.6)
        case("watch: the next", wrong(target.ask(), 100))
        target.end()
        out, err = lode.communicate(timeout=10)
        case("watch: ends with it", lode.returncode != 0 or out.count("replaced:") != 2 or "swap-size" not in err)


def worker(folder):
    """Who does the work for lode is killed: it is said."""
    with Target(folder, "static") as target:
        lode = subprocess.Popen([LODE, "swap", "--watch", str(target.pid), "ten.o"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        with open("/proc/%d/task/%d/children" % (lode.pid, lode.pid)) as file:
            os.kill(int(file.read()), signal.SIGBUS)
        said = lode.communicate(timeout=10)[1]
        case("worker: ended by a signal", lode.returncode != 1 or "ended by signal 7" not in said)
        case("worker: the program goes on", target.ask()["version"] != 10)


def record_of(target):
    target.lode("--status")
    for line in open("/proc/%d/maps" % target.pid):
        begin, end = (int(x, 16) for x in line.split()[0].split("-"))
        if line.split()[1] != "r--p" or line.split()[4] != "0":
            continue
        with open("/proc/%d/mem" % target.pid, "rb", 0) as file:
            file.seek(begin)
            if file.read(9) == b"lode-swap":
                return begin, end - begin
    return None


def hostile(folder):
    """What the process made of its record is refused or harmless."""
    with Target(folder, "static") as target:
        target.lode("ten.o")
        begin, size = record_of(target)
        with open("/proc/%d/mem" % target.pid, "r+b", 0) as memory:
            memory.seek(begin)
            record = memory.read(size)
            trouble = ""
            for i in range(HOSTILE):
                changed = bytearray(record)
                for _ in range(random.randint(1, 4)):
                    at = random.randrange(12, 80) if i % 2 == 0 else random.randrange(12, size)
                    changed[at] = random.choice([0, 1, 0x7f, 0x80, 0xff, random.randrange(256)])
                memory.seek(begin)
                memory.write(changed)
                if target.lode("--status") not in (0, 1):
                    trouble = "status %s: %s" % (i, target.said[:200])
                    break
            memory.seek(begin)
            memory.write(record)
        case("hostile records", trouble)
        case("hostile: as it was", replaced(target, target.lode("--rollback"), 1))


LIAR = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
int main(int argc, char **argv)
{
	size_t size = strtoull(argv[2], 0, 0);
	for (int i = 0; i < atoi(argv[1]); i++) {
		struct { char magic[12]; uint32_t format, serial, state; uint64_t size, time, span[2]; uint32_t counts[4]; uint64_t more; } head = {"lode-swap", 1,
			1, atoi(argv[4]), strtoull(argv[3], 0, 0), 0, {0, 0}, {0, 1, 0, 0}, 0};
		char *at = mmap(0, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		memcpy(at, &head, sizeof head);
		mprotect(at, size, PROT_READ);
		mprotect(at + size, 4096, PROT_NONE);
	}
	puts("version 1");
	fflush(stdout);
	return getchar() + argc;
}
"""


def lying(folder):
    """What a process says of its records costs little, however much it says."""
    with open(folder + "/liar.c", "w") as file:
        file.write(LIAR)
    subprocess.run(["cc", "-O2", "-Wl,-q", "liar.c", "-o", "liar"], cwd=folder, check=True)
    gib = 1 << 30
    for name, arguments, said in (("ten of a GiB", (10, gib, gib, 3), "does not make sense"), ("ten that are planned", (10, gib, gib, 1), "nothing is replaced"),
                                  ("larger than its mapping", (1, 8192, 65536, 3), "does not make sense"), ("of no size", (1, 8192, 0, 2), "does not make sense"),
                                  ("of all there is", (1, 8192, (1 << 64) - 1, 3), "does not make sense")):
        process = subprocess.Popen([folder + "/liar", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        lode = subprocess.Popen([LODE, "swap", "--status", str(process.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        answer = lode.stdout.read()
        lode.stdout.close()
        kib = os.wait4(lode.pid, 0)[2].ru_maxrss
        lode.returncode = 0
        process.communicate("\n")
        case("lying: " + name, said not in answer and answer or kib > 600 << 10 and "%d KiB" % kib)


SHORTENER = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int step(int);
int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR), n = 0;
	struct stat st;
	fstat(fd, &st);
	char *bytes = malloc(st.st_size);
	pread(fd, bytes, st.st_size, 0);
	mmap(0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	puts("version 1");
	fflush(stdout);
	for (;;) {
		n = step(n);
		ftruncate(fd, 4096);
		usleep(500);
		pwrite(fd, bytes, st.st_size, 0);
		usleep(500);
	}
}
"""


def shortened(folder):
    """A file that the process has mapped becomes shorter while it is read."""
    def write(name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    write("shortener.c", SHORTENER)
    write("step.c", "int step(int n) { return n + 1; }\n")
    write("wants.c", "".join("extern int no%d(void) __attribute__((weak));\n" % i for i in range(4000)) + "int step(int n) { return n + 2"
          + "".join(" + (no%d ? no%d() : 0)" % (i, i) for i in range(4000)) + "; }\n")
    write("much.c", "".join("int a_function_of_this_library_%d(void) { return %d; }\n" % (i, i) for i in range(4000)))
    for command in ("-c step.c", "-c wants.c", "-shared -fPIC much.c -o much.so", "-Wl,-q shortener.c step.o -o shortener"):
        subprocess.run(["cc", "-O1", "-w", *command.split()], cwd=folder, check=True)
    process = subprocess.Popen([folder + "/shortener", folder + "/much.so"], stdout=subprocess.PIPE)
    process.stdout.readline()
    trouble, begun = "", time.time()
    for i in range(20):
        run = subprocess.run([LODE, "swap", "--dry-run", str(process.pid), "wants.o"], cwd=folder, capture_output=True, text=True, timeout=60)
        trouble = trouble or (run.returncode not in (0, 1) or "signal" in run.stderr or not run.stdout + run.stderr) and "%s %s" % (run.returncode, run.stderr)
    case("shortened: a library", trouble)
    case("shortened: 4000 names that nobody has", time.time() - begun > 6 and "%.1f s" % (time.time() - begun))
    process.kill()
    process.communicate()


def full(folder):
    """What is not read again is not written either."""
    shutil.copy(folder + "/ten.o", folder + "/large.o")
    os.truncate(folder + "/large.o", 200 << 20)
    with Target(folder, "static") as target:
        case("full: 200 MiB", replaced(target, target.lode("large.o"), 10))
        maps = target.maps()
        case("full: 400 MiB", target.lode("large.o") != 1 or "has 256 MiB of replacements" not in target.said)
        case("full: nothing left behind", target.maps() != maps or wrong(target.ask(), 10))
        case("full: a small one", replaced(target, target.lode("hundred.o"), 100))
        case("full: status", target.lode("--status") != 0 or target.said.count("\n") != 2)
    os.unlink(folder + "/large.o")


def halfway(folder):
    """A lode that was killed while it wrote: the next one says so, and takes back what was written."""
    with Target(folder, "static") as target:
        target.lode("ten.o")
        begin, size = record_of(target)
        with open("/proc/%d/mem" % target.pid, "r+b", 0) as memory:
            memory.seek(begin + 20)
            memory.write(struct.pack("I", 2))
            memory.seek(begin)
            record = memory.read(size)
            count = struct.unpack_from("I", record, 56)[0]
            stores = [struct.unpack_from("Q8s8sI", record, 80 + 32 * i) for i in range(count)]
            for addr, before, _, width in stores[count // 2:]:
                memory.seek(addr)
                memory.write(before[:width])
        case("halfway: said", target.lode("--status") != 0 or "halfway" not in target.said)
        case("halfway: no other", target.lode("hundred.o") != 1 or "take that back first" not in target.said)
        case("halfway: taken back", replaced(target, target.lode("--rollback"), 1, 1 << 30))
        case("halfway: and then", replaced(target, target.lode("hundred.o"), 100, 1 << 30))


def main():
    if os.uname().machine != "x86_64":
        print("SKIP process: only on x86-64\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        build(folder)
        parts = [indexes, versions, stripped, built_anew, mounted, single, objects_of_all_models, names, pointers, elsewhere, stuck, policies, main_loops, stopped, dry_run, no_memory, another_program, refusals, renamed, types, migrate, vectors, misuse, permissions, confined, dying, signals, many, lua, watch, hostile, lying, full, shortened, worker, halfway]
        for part in parts:
            if len(sys.argv) < 3 or part.__name__ in sys.argv[2:]:
                part(folder)
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
