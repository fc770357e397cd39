#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts programs by execve and by lode_exec from many kinds of hosts and compares what they find: maps, auxv, signals, descriptors...

usage: compare.py LAUNCH HOST...   built from launch.c and host.c
"""
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LAUNCH = os.path.abspath(sys.argv[1])
HOSTS = [(os.path.basename(a).replace("exec-host-", ""), os.path.abspath(a)) for a in sys.argv[2:]]
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


def run(args, **more):
    more.setdefault("env", {"A": "1", "PATH": "/usr/bin:/bin", "LONG": "x" * 3000})
    more.setdefault("stdin", subprocess.DEVNULL)
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **more)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def build(compiler, *args):
    """True if the compiler is there and built it."""
    try:
        p = subprocess.run([compiler, "-O1", "-w", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    except FileNotFoundError:
        return f"{compiler} is not installed"
    return None if p.returncode == 0 else p.stdout.decode(errors="replace").strip().splitlines()[-1]


PROBE = os.path.join(HERE, "probe.c")
BARE = os.path.join(HERE, "bare.c")
ALIGNED = ["-include", os.path.join(HERE, "aligned.h")]
NOLIBC = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-mfsgsbase", "-mxsave", "-fno-builtin"]
# name, compiler, arguments: all kinds of programs, and the exotic ones that gcc and ld make of the same source.
PROGRAMS = [
    ("pie", "gcc", [PROBE]),
    ("no-pie", "gcc", ["-no-pie", PROBE]),
    ("static", "gcc", ["-static", PROBE]),
    ("static-pie", "gcc", ["-static-pie", PROBE]),
    ("static-pie-relr", "gcc", ["-static-pie", "-Wl,-z,pack-relative-relocs", PROBE]),
    ("pie-relr", "gcc", ["-Wl,-z,pack-relative-relocs", PROBE]),
    ("execstack", "gcc", ["-z", "execstack", PROBE]),
    ("static-execstack", "gcc", ["-static", "-z", "execstack", PROBE]),
    ("musl-static", "musl-gcc", ["-static", PROBE]),
    ("musl-static-pie", "musl-gcc", ["-static-pie", PROBE]),
    ("musl-dynamic", "musl-gcc", [PROBE]),
    ("pie-2M-aligned", "gcc", ["-DALIGN=0x200000", *ALIGNED, "-Wl,-z,max-page-size=0x200000", PROBE]),
    ("static-pie-2M-aligned", "gcc", ["-static-pie", "-DALIGN=0x200000", *ALIGNED, "-Wl,-z,max-page-size=0x200000", PROBE]),
    ("static-2M-aligned", "gcc", ["-static", "-DALIGN=0x200000", *ALIGNED, "-Wl,-z,max-page-size=0x200000", PROBE]),
    ("pie-64K-aligned", "gcc", ["-DALIGN=0x10000", *ALIGNED, "-Wl,-z,max-page-size=0x10000", PROBE]),
    ("pie-2M-pages", "gcc", ["-Wl,-z,max-page-size=0x200000", PROBE]),
    ("pie-noseparate-code", "gcc", ["-Wl,-z,noseparate-code", PROBE]),
    ("static-noseparate-code", "gcc", ["-static", "-Wl,-z,noseparate-code", PROBE]),
    ("bare-omagic", "gcc", [*NOLIBC, "-Wl,-N", BARE]),
    ("bare-nmagic", "gcc", [*NOLIBC, "-Wl,-n", BARE]),
    ("static-high", "gcc", ["-static", "-Wl,-Ttext-segment=0x60000000", PROBE]),
    ("pie-lld", "gcc", ["-fuse-ld=lld", PROBE]),
    ("static-gold", "gcc", ["-static", "-fuse-ld=gold", PROBE]),
    ("pie-norelro", "gcc", ["-Wl,-z,norelro", PROBE]),
    ("pie-now", "gcc", ["-Wl,-z,now", PROBE]),
    ("bss-only-segment", "gcc", [*NOLIBC, "-Wl,-T," + os.path.join(HERE, "bss.ld"), BARE]),
    ("phdrs-outside", "gcc", [*NOLIBC, "-Wl,-T," + os.path.join(HERE, "outside.ld"), BARE]),
    ("bare", "gcc", [*NOLIBC, BARE]),
    ("bare-static-pie", "gcc", [*NOLIBC[1:], "-static-pie", BARE]),
    ("bare-execstack", "gcc", [*NOLIBC, "-z", "execstack", BARE]),
]
# From where, in which state: options of host.c.
STATES = ["-", "m", "mt", "n", "mtn", "p", "d", "M", "mtnp", "mM"]
FEW_STATES = ["-", "mtn", "M"]
EVERY_STATE = ("pie", "no-pie", "static", "static-pie", "execstack", "musl-dynamic", "bare")
# What is not the program's: /proc/self/exe of a program that came from memory, names and lines of maps that have no file.
FROM_MEMORY = ("exe ", "map ", "Name:", "auxv ", "brk ", "startcode ", "endcode ", "start_data ", "end_data ")


def facts(text, drop=()):
    return sorted(line for line in text.splitlines() if not line.startswith(drop))


def difference(a, b):
    only = [f"-{x}" for x in a if x not in b] + [f"+{x}" for x in b if x not in a]
    return "; ".join(only[:6]) or "order or number of lines"


def may_name_its_program():
    """/proc/self/exe changes with CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE only; without them it stays the host's, as documented."""
    with open("/proc/self/status", encoding="ascii") as file:
        caps = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return bool(caps & (1 << 21 | 1 << 40))


PRIVILEGED = may_name_its_program()


def compare(name, kernel, ours, drop=()):
    drop = drop if PRIVILEGED else (*drop, "exe ")
    (status_k, out_k, err_k), (status_l, out_l, err_l) = kernel, ours
    k, l = facts(out_k, drop), facts(out_l, drop)
    if (status_k, err_k) != (status_l, err_l):
        case(name, False, f"status {status_k} and {status_l}, stderr {err_k[:200]!r} and {err_l[:200]!r}")
    elif not k:
        case(name, False, "the program said nothing")
    else:
        case(name, k == l, difference(k, l))


def mess_is_gone(text):
    """What no comparison with the host itself can show."""
    return "handled" not in text and "descriptor 200" not in text and "ID:" not in text and "VmLck:\t       0 kB" in text


def test_programs(where):
    built = []
    for name, compiler, args in PROGRAMS:
        path = os.path.join(where, "prog-" + name)
        trouble = build(compiler, *args, *(["-x", "none", os.path.join(where, "mem.o")] if "-nostdlib" in args else []), "-o", path)
        if trouble:
            skip(f"program {name}", trouble)
        else:
            built.append((name, path))
    return built


def test_launcher(built):
    for name, path in built:
        for words in ([], ["a"], ["a", "b c", ""]):
            args = [path, *words]
            compare(f"{name} from the launcher, {len(words)} arguments", run([LAUNCH, "-k", "0", *args]), run([LAUNCH, "-l", "0", *args]))
        compare(f"{name} from the launcher, no environment", run([LAUNCH, "-k", "0", path], env={}), run([LAUNCH, "-l", "0", path], env={}))


def test_hosts(built):
    for name, path in built:
        kernel = run([LAUNCH, "-k", "0", path, "a"])
        for host, binary in HOSTS:
            for state in STATES if name in EVERY_STATE else FEW_STATES:
                drop = FROM_MEMORY if "p" in state or "M" in state else ("auxv 31",) if "d" in state else ()
                ours = run([binary, "e" + state, path, "a"])
                compare(f"{name} from {host} in state {state}", kernel, ours, drop)


def test_mess(built):
    path = dict(built)["pie"]
    for host, binary in HOSTS:
        status, out, err = run([binary, "emtn", path])
        case(f"nothing of {host}'s mess is left", status == 7 and mess_is_gone(out), err or "something is left")
        for _ in range(5):
            # On a busy machine the timer may ring while its owner still runs: status 99, rightly.
            status, out, err = run([binary, "emtq", "/bin/sleep", "0.7"])
            if status != 99:
                break
        case(f"{host}'s timers and handlers are gone", status == 0, f"status {status}: {err}")
    status, out, err = run([HOSTS[0][1], "c", path])
    case("the probe sees its program", status == 7 and "handled" not in out, err)


def test_hardened(built):
    """Where no memory may become executable, and where pages are sealed: all runs, and nothing else of the host stays."""
    for name, path in built:
        if name not in EVERY_STATE:
            continue
        kernel = run([LAUNCH, "-k", "0", path, "a"])
        for host, binary in HOSTS:
            for state in ("W", "Wmtn"):
                ours = run([binary, "e" + state, path, "a"])
                if ours[0] == 93:
                    skip(f"{name} from {host} in state {state}", "this kernel has no PR_SET_MDWE")
                    continue
                what = f"{name} from {host} in state {state}"
                if name == "execstack":
                    case(f"{what} is refused", ours[0] == 13 and "executable stack" in ours[2], str(ours))
                elif ours[0] == 12 and host in ("static", "no-pie") and name in ("static", "no-pie"):
                    case(f"{what} is refused: it lies over what starts it", "what starts the program" in ours[2], str(ours))
                else:
                    compare(what, kernel, ours, ("exe ",))
            ours = run([binary, "eS", path, "a"])
            if ours[0] == 92:
                skip(f"{name} from {host} with sealed pages", "this kernel has no mseal")
                continue
            compare(f"{name} from {host} with sealed pages", kernel, ours)
    for host, binary in HOSTS:
        status, out, err = run([binary, "eS", "/bin/cat", "/proc/self/maps"])
        left = [line for line in out.splitlines() if "r--p 00000000 00:00 0" in line and "[" not in line]
        if status != 92:
            case(f"sealed pages of {host} stay, nothing else", len(left) == 1 and "/exec-host" not in out, out + err)


def test_chain(built):
    """One process becomes many programs in turn."""
    for name, path in built:
        if name in ("pie", "static", "no-pie", "bare"):
            compare(f"{name} after 100 rounds", run([LAUNCH, "-k", "100", path]), run([LAUNCH, "-l", "100", path]))


def test_random(built):
    """Addresses differ from start to start, and a process that was started without randomisation starts others without it."""
    for what, column in (("/cat", 0), ("[heap]", 0), ("ld-linux", 0), ("[stack]", 1)):
        seen = set()
        for _ in range(8):
            out = run([LAUNCH, "-l", "0", "/bin/cat", "/proc/self/maps"])[1]
            seen.add(next(line.split()[0].split("-")[column] for line in out.splitlines() if what in line))
        case(f"{what} lies elsewhere each time", len(seen) >= 7, str(seen))
    if subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode:
        skip("setarch -R", "not allowed here")
        return
    a, b = (run(["setarch", "-R", LAUNCH, "-l", "0", "/bin/cat", "/proc/self/maps"])[1] for _ in range(2))
    case("without randomisation nothing moves", a == b and "555555554000-" in a, a[:300])


def no_signals():
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))


def test_refused(where):
    """What cannot be had is refused, and what cannot be known in time ends the process."""
    script = os.path.join(where, "named")
    with open(script, "w") as f:
        f.write('#!/bin/sh\necho "$0"\n')
    os.chmod(script, 0o755)
    for host, binary in HOSTS:
        for state in ("t", "n", "tn"):
            status, out, err = run([binary, "e" + state, "/bin/echo"], preexec_fn=no_signals)
            case(f"{host} in state {state} without signals", status == 11 and "no signal can be sent" in err, f"{status} {err}")
        status, out, err = run([binary, "ev", "/bin/echo"])
        case(f"shared memory of {host}", status == 16 and "shared with another process" in err, f"{status} {err}")
        status, out, err = run([binary, "evt", "/bin/echo"])
        case(f"shared memory of {host} and threads", status == -11 and not out, f"{status} {out}{err}")
        status, out, err = run([binary, "eB", "/bin/echo"])
        case(f"memory of {host} without bytes", status == 22 and "no bytes" in err, f"{status} {err}")
        status, out, err = run([binary, "edxN", script])
        case(f"{host}: a script from a descriptor", status == 0 and out.startswith("/dev/fd/"), f"{status} {out}{err}")


def main():
    if not PRIVILEGED:
        skip("/proc/self/exe", "it stays the host's without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE; all else is compared")
    with tempfile.TemporaryDirectory(prefix="lode-exec-") as where:
        os.chmod(where, 0o755)
        trouble = build("gcc", "-ffreestanding", "-c", os.path.join(HERE, "../../rt/mem.c"), "-o", os.path.join(where, "mem.o"))
        case("rt/mem.c", trouble is None, trouble or "")
        built = test_programs(where)
        test_launcher(built)
        test_hosts(built)
        test_mess(built)
        test_hardened(built)
        test_chain(built)
        test_random(built)
        test_refused(where)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


sys.exit(main())
