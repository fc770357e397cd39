#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""features.py LODE [MACHINE [PART...]]: every program of features/ in every code model and by every compiler, linked by the system's linker and
by `lode link`: what they print and how they end is the same. Last line: N passed, N failed[, N skipped]."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "features")
LODE = os.path.abspath(sys.argv[1])
MACHINE = sys.argv[2] if len(sys.argv) > 2 else "x86_64"
NATIVE = MACHINE == "x86_64"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = {
    "pie": ["-fPIE"],
    "pic": ["-fPIC"],
    "plain": ["-fno-pic"],
    "large": ["-fno-pic", "-mcmodel=large"],
    "large-pic": ["-fPIC", "-mcmodel=large"],
}
if not NATIVE:
    MODELS = {name: MODELS[name] for name in ("pie", "pic", "plain")}
# More ways to compile those that depend on it.
EXTRA = {
    "tls": {"local-exec": ["-fPIE", "-ftls-model=local-exec"], "initial-exec": ["-fPIC", "-ftls-model=initial-exec"],
            "local-dynamic": ["-fPIC", "-ftls-model=local-dynamic"], "descriptors": ["-fPIC", "-mtls-dialect=gnu2"], "no-plt": ["-fPIC", "-fno-plt"]},
    "pointers": {"sections": ["-fPIE", "-ffunction-sections", "-fdata-sections"], "no-plt": ["-fPIE", "-fno-plt"], "unoptimised": ["-O0", "-fPIC"]},
    "calls": {"no-plt": ["-fPIC", "-fno-plt"], "endbr": ["-fPIE", "-fcf-protection=full"], "lto-less": ["-fPIE", "-O3"]},
    "large": {"medium": ["-fno-pic", "-mcmodel=medium"], "medium-pic": ["-fPIC", "-mcmodel=medium"]},
    "common": {"common": ["-fPIE", "-fcommon"]},
    "templates": {"unoptimised": ["-fPIE", "-O0"]},
}
OTHERS = {
    "aarch64": {
        "tls": {"local-exec": ["-fPIE", "-ftls-model=local-exec"], "initial-exec": ["-fPIC", "-ftls-model=initial-exec"],
                "traditional": ["-fPIC", "-mtls-dialect=trad"], "local-dynamic": ["-fPIC", "-ftls-model=local-dynamic", "-mtls-dialect=trad"],
                "48 bits": ["-fPIE", "-ftls-model=local-exec", "-mtls-size=48"]},
        "pointers": {"sections": ["-fPIE", "-ffunction-sections", "-fdata-sections"], "tiny": ["-fPIE", "-mcmodel=tiny"], "large": ["-fno-pic", "-mcmodel=large"],
                     "unoptimised": ["-O0", "-fPIC"]},
        "calls": {"branch protection": ["-fPIE", "-mbranch-protection=standard"], "no-plt": ["-fPIC", "-fno-plt"]},
        "large": {"large": ["-fno-pic", "-mcmodel=large"]},
    },
    "riscv64": {
        "tls": {"local-exec": ["-fPIE", "-ftls-model=local-exec"], "initial-exec": ["-fPIC", "-ftls-model=initial-exec"],
                "local-dynamic": ["-fPIC", "-ftls-model=local-dynamic"]},
        "pointers": {"sections": ["-fPIE", "-ffunction-sections", "-fdata-sections"], "medany": ["-fno-pic", "-mcmodel=medany"],
                     "no-relax": ["-fPIE", "-mno-relax"], "unoptimised": ["-O0", "-fPIC"]},
        "calls": {"no compressed code": ["-fPIE", "-march=rv64g"], "no-plt": ["-fPIC", "-fno-plt"]},
    },
}
if not NATIVE:
    EXTRA = OTHERS[MACHINE]
# What only x86-64 has.
ONLY_X86 = ("asm",)
ONLY_X86_SOURCES = ("process", "program", "stop", "unwind")
# What cannot work, and why: the refusal says so.
REFUSED = {
    ("streams", "plain"): "link-range",
    ("exceptions", "plain"): "link-range",
    ("templates", "plain"): "link-range",
}
passed = failed = skipped = 0


def case(name, trouble):
    global passed, failed
    if trouble:
        print("FAIL %s: %s" % (name, " | ".join(str(trouble).splitlines())[:300]))
        failed += 1
    else:
        passed += 1


def run(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout, result.stderr


def compile_all(compiler, sources, flags, folder):
    objects = []
    for source in sources:
        name = os.path.join(folder, os.path.basename(source) + ".o")
        language = compiler[1] if source.endswith(".cc") else compiler[0]
        status, _, err = run([language, "-O2", "-w"] + flags + ["-c", source, "-o", name])
        if status:
            return None, err
        objects.append(name)
    return objects, None


def reference(compiler, sources, program):
    """Where the system's linker cannot do it: the program in the simplest model."""
    return run([compiler, "-O2", "-w", "-fno-pic", "-no-pie", *sources, "-lm", "-lpthread", "-o", program])[0] == 0


def try_one(feature, compiler, model, flags):
    global skipped
    sources = sorted(os.path.join(HERE, f) for f in os.listdir(HERE) if os.path.splitext(f)[0] in (feature, feature + "_other"))
    name = "%s %s %s" % (feature, model, compiler[0])
    if feature in ONLY_X86 and not NATIVE:
        return
    with tempfile.TemporaryDirectory() as folder:
        if feature == "common":
            flags = ["-fcommon"] + flags
        if feature == "align" and MACHINE == "riscv64":
            flags = ["-mno-relax"] + flags  # otherwise alignment of code is the linker's to make, by taking bytes away
        objects, err = compile_all(compiler, sources, flags, folder)
        if objects is None:
            print("SKIP %s: the compiler refuses: %s" % (name, err.splitlines()[0] if err else ""))
            skipped += 1
            return
        program = os.path.join(folder, "program")
        pie = [] if any(f in flags for f in ("-fPIE", "-fPIC")) else ["-no-pie"]
        cxx = any(s.endswith(".cc") for s in sources)
        status, _, err = run([compiler[1 if cxx else 0], *pie, *objects, "-lm", "-lpthread", "-o", program])
        got = run([*LINK, *objects])
        if (feature, model) in REFUSED and MACHINE != "aarch64":
            case(name, "" if got[0] == 1 and REFUSED[feature, model] in got[2] else got)
        elif status and not reference(compiler[1 if cxx else 0], sources, program):
            case(name, "the system's linker refuses: " + err)
        else:
            want = run([*EMULATOR, program])
            case(name, "" if got == want else "%s instead of %s" % (got, want))


def build_runner(folder):
    """The library and runner.c for another machine: what the command does, under an emulator."""
    sources = [os.path.join(ROOT, "tests/link/runner.c")]
    for part in ("core", "core/arch", "link", "link/arch", "hosts/live"):
        where = os.path.join(ROOT, part)
        sources += sorted(os.path.join(where, f) for f in os.listdir(where) if f.endswith(".c") and not f.startswith(ONLY_X86_SOURCES))
    runner = os.path.join(folder, "runner")
    status, _, err = run([MACHINE + "-linux-gnu-gcc", "-std=gnu11", "-O2", "-fPIC", "-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "core"),
                          *sources, "-o", runner, "-lm", "-ldl"])
    assert status == 0, err
    return runner


LINK, EMULATOR = [LODE, "link"], []


def prepare(folder):
    """Compilers; for another machine what stands for the command, or None: not here."""
    global LINK, EMULATOR
    if NATIVE:
        return [c for c in (("gcc", "g++"), ("clang-19", "clang++-19")) if shutil.which(c[0])]
    compiler, emulator = MACHINE + "-linux-gnu-", shutil.which("qemu-" + MACHINE)
    if not emulator or not shutil.which(compiler + "gcc"):
        return None
    EMULATOR = [emulator, "-L", "/usr/" + MACHINE + "-linux-gnu"]
    LINK = EMULATOR + [build_runner(folder)]
    return [(compiler + "gcc", compiler + "g++" if shutil.which(compiler + "g++") else None)]


def main():
    with tempfile.TemporaryDirectory() as folder:
        compilers = prepare(folder)
        if compilers is None:
            print("SKIP %s: no compiler or no emulator here\n0 passed, 0 failed, 1 skipped" % MACHINE)
            return 0
        return try_all(compilers)


def try_all(compilers):
    global skipped
    features = sorted({os.path.splitext(f)[0].replace("_other", "") for f in os.listdir(HERE)})
    for feature in features:
        if sys.argv[3:] and feature not in sys.argv[3:]:
            continue
        cxx = os.path.exists(os.path.join(HERE, feature + ".cc"))
        for compiler in compilers:
            if cxx and not compiler[1]:
                print("SKIP %s: no C++ compiler for %s here" % (feature, MACHINE))
                skipped += 1
                continue
            for model, flags in {**MODELS, **EXTRA.get(feature, {})}.items():
                try_one(feature, compiler, model, flags)
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
