#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""linked.py LINKED_PLACE: images made by real compilers and linkers for four machines, relocated by Lode and by others.

Static-PIE programs relocate themselves (glibc's start files) and print the words of their tables and of their GOT; Lode places the same
file at the same base and has to show the same words. Shared libraries with symbolic and thread-local relocations are compared with the
psABIs' formulas over what readelf prints. Last line: N passed, N failed[, N skipped]."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

MACHINES = [
    # name, compiler, how to run, bytes of a word, thread pointer to block: None = the block ends below it
    ("x86_64", "x86_64-linux-gnu", [], 8, None),
    ("i386", "i686-linux-gnu", ["qemu-i386"], 4, None),
    ("aarch64", "aarch64-linux-gnu", ["qemu-aarch64"], 8, 16),
    ("riscv64", "riscv64-linux-gnu", ["qemu-riscv64"], 8, 0),
]
RESOLVED = 0x5EED0000  # what linked_place gives to symbols that nobody defines

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
extern char __ehdr_start[];
extern int missing __attribute__((weak));
static int own[4]; int exported = 3; static const char *const names[] = {"one", "two", "three"};
__thread int variable = 5; static __thread char zeros[77] __attribute__((aligned(64)));
int helper(int x) { return x + exported; }
void *table[] = {own, &own[2], &exported, &missing, (void *)helper, (char *)names + 9, 0, &table[3], stdout_address};
int main(int argc, char **argv)
{
	zeros[argc] = 1; own[1] = variable + helper(argc);
	fwrite(&(char *){__ehdr_start}, sizeof(char *), 1, stdout);
	for (int i = 1; i + 1 < argc; i += 2)
		fwrite(__ehdr_start + strtoul(argv[i], 0, 16), 1, strtoul(argv[i + 1], 0, 16), stdout);
	return own[1] < 0;
}
""".replace("stdout_address", "(void *)&stdout")

LIBRARY = r"""
extern int elsewhere; extern int weak_elsewhere __attribute__((weak)); extern int call_elsewhere(int);
int data[4] = {1, 2, 3, 4}; __attribute__((visibility("hidden"))) int secret;
__thread int exported_tls = 7; static __thread int own_tls[5]; static __thread int own_init = 9;
void *symbols[] = {data, &data[3], &secret, &elsewhere, &weak_elsewhere, (char *)&elsewhere + 5, 0};
int function(int x) { return call_elsewhere(x) + data[1] + elsewhere + weak_elsewhere; }
int *global_tls(void) { return &exported_tls; }
int *local_tls(int i) { return i ? &own_tls[i] : &own_init; }
int *initial_exec(int i) { extern __thread int ie_tls __attribute__((tls_model("initial-exec"))); return &ie_tls + i; }
__thread int ie_tls = 11;
static __thread int own_ie __attribute__((tls_model("initial-exec"))) = 12;
int *own_initial_exec(void) { return &own_ie; }
"""

counts = {"passed": 0, "failed": 0, "skipped": 0}


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options).stdout


def verdict(name, problems):
    counts["failed" if problems else "passed"] += 1
    for problem in problems[:8]:
        print("FAIL %s: %s" % (name, problem))


def sections(prefix, path):
    """Name -> (address, size) of the sections in memory."""
    found = {}
    for line in run(prefix + "-readelf", "-SW", path, text=True).splitlines():
        m = re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)", line)
        if m:
            found[m[1]] = (int(m[2], 16), int(m[3], 16))
    return found


def symbols(prefix, path):
    """Index -> (value, type, defined) and name -> (value, size), of the dynamic symbols and of all."""
    dynamic, named, table = {}, {}, None
    for line in run(prefix + "-readelf", "-sW", path, text=True).splitlines():
        if line.startswith("Symbol table"):
            table = dynamic if ".dynsym" in line else None
        p = line.split()
        if len(p) >= 7 and p[0].endswith(":") and p[0][:-1].isdigit():
            value, size = int(p[1], 16), int(p[2], 0)
            if table is not None:
                dynamic[p[7].split("@")[0] if len(p) > 7 else ""] = (value, p[3], p[6])
            if len(p) > 7:
                named[p[7].split("@")[0]] = (value, size)
    return dynamic, named


def relocations(prefix, path):
    """(offset, type, symbol's name or "", addend or None), RELR places as type RELR."""
    found, relr = [], False
    for line in run(prefix + "-readelf", "-rW", path, text=True).splitlines():
        if line.startswith("Relocation section"):
            relr = ".relr" in line
        m = re.match(r"^([0-9a-f]+)\s+[0-9a-f]+\s+(R_\S+)\s*(?:([0-9a-f]+)\s+(\S+)\s*(?:([+-])\s*([0-9a-f]+))?|([0-9a-f]+))?\s*$", line)
        if m:
            addend = int(m[7], 16) if m[7] else int(m[5] + m[6], 16) if m[6] else None
            found.append((int(m[1], 16), m[2], (m[4] or "").split("@")[0], addend))
        elif relr and re.fullmatch(r"[0-9a-f]+", line.strip()):
            found.append((int(line, 16), "RELR", "", None))
    return found


def tls_block(prefix, path, above):
    """Where the block lies relative to the thread pointer: the thread-local storage document's formulas."""
    for line in run(prefix + "-readelf", "-lW", path, text=True).splitlines():
        p = line.split()
        if p and p[0] == "TLS":
            addr, size, align = int(p[2], 16), int(p[5], 16), int(p[-1], 16)
            if above is None:
                return -(size + (-(size + addr)) % align)
            return above + (addr - above) % align
    return 0


def expected(kind, base, value, addend, tp, place):
    """A relocation's word by the psABIs; None: left as it is."""
    name = re.sub("^R_(X86_64|386|AARCH64|RISCV)_", "", kind)
    if kind == "RELR" or name == "RELATIVE":
        return base + addend
    if name in ("64", "32", "ABS64"):
        return value + addend
    if name in ("GLOB_DAT", "JUMP_SLOT", "JMP_SLOT"):
        return value + (addend if kind.startswith("R_AARCH64") else 0)
    if name in ("DTPMOD64", "TLS_DTPMOD32", "TLS_DTPMOD", "TLS_DTPMOD64"):
        return 1
    if name in ("DTPOFF64", "TLS_DTPOFF32", "TLS_DTPREL", "TLS_DTPREL64"):
        return value + addend - (0x800 if kind.startswith("R_RISCV") else 0)
    if name in ("TPOFF64", "TLS_TPOFF", "TLS_TPREL", "TLS_TPREL64"):
        return tp + value + addend
    if name == "TLS_TPOFF32":
        return addend - (tp + value)
    if name in ("IRELATIV", "IRELATIVE", "NONE"):
        return None
    raise ValueError(place + ": " + kind)


def file_word(path, prefix, address, word):
    for line in run(prefix + "-readelf", "-lW", path, text=True).splitlines():
        p = line.split()
        if p and p[0] == "LOAD" and int(p[2], 16) <= address < int(p[2], 16) + int(p[4], 16):
            with open(path, "rb") as f:
                f.seek(int(p[1], 16) + address - int(p[2], 16))
                return int.from_bytes(f.read(word), "little", signed=True)
    return 0


def check_library(tool, machine, flags, work):
    name, prefix, _, word, above = machine
    path = os.path.join(work, "lib.so")
    if name == "aarch64":
        flags = flags + ["-mtls-dialect=trad"]  # descriptors are for dynamic loaders
    run(prefix + "-gcc", "-O1", "-fPIC", "-shared", "-nostdlib", *flags, "-o", path, os.path.join(work, "lib.c"))
    base, mask = 0x7400000, (1 << 8 * word) - 1
    memory = run(tool, path, hex(base))
    dynamic, named = symbols(prefix, path)
    tp, problems, kinds = tls_block(prefix, path, above), [], set()
    for offset, kind, symbol, addend in relocations(prefix, path):
        kinds.add(kind)
        value, sort, section = dynamic.get(symbol, (0, "", "")) if symbol else (0, "", "")
        if symbol and section == "UND":
            value = RESOLVED
        elif symbol and sort != "TLS":
            value += base
        if addend is None:
            addend = file_word(path, prefix, offset, word)
        want = expected(kind, base, value, addend, tp, "%x" % offset)
        got = int.from_bytes(memory[offset:offset + word], "little")
        if want is not None and got != want & mask:
            problems.append("%s at %x with %s: %x, not %x" % (kind, offset, symbol or "no symbol", got, want & mask))
    if len(kinds) < 5:
        problems.append("too few kinds of relocations: %s" % " ".join(sorted(kinds)))
    verdict("library for %s %s (%s)" % (name, " ".join(flags), " ".join(sorted(kinds))), problems)


def check_program(tool, machine, flags, work):
    name, prefix, runner, word, _ = machine
    path = os.path.join(work, "program")
    if not os.path.exists(run(prefix + "-gcc", "-print-file-name=rcrt1.o", text=True).strip()):
        counts["skipped"] += 1
        print("SKIP static-PIE for %s: its C library has no rcrt1.o" % name)
        return
    run(prefix + "-gcc", "-O1", "-w", "-fPIE", "-static-pie", *flags, "-o", path, os.path.join(work, "program.c"))
    _, named = symbols(prefix, path)
    parts = sections(prefix, path)
    ranges = {"table": named["table"], ".got": parts[".got"], ".init_array": parts[".init_array"], ".fini_array": parts[".fini_array"]}
    skipped = {offset for offset, kind, _, _ in relocations(prefix, path) if "IRELATIV" in kind}
    out = run(*runner, path, *[x for addr, size in ranges.values() for x in (hex(addr), hex(size))])
    base, at, problems = int.from_bytes(out[:word], "little"), word, []
    memory = run(tool, path, hex(base))
    for part, (addr, size) in ranges.items():
        for i in range(0, size, word):
            want, got = out[at + i:at + i + word], memory[addr + i:addr + i + word]
            if want != got and addr + i not in skipped:
                problems.append("%s+%x: %s, not %s" % (part, i, got[::-1].hex(), want[::-1].hex()))
        at += size
    if len(out) != at or ranges["table"][1] != 9 * word:
        problems.append("the program printed %d bytes, not %d" % (len(out), at))
    verdict("static-PIE for %s %s, at %x" % (name, " ".join(flags), base), problems)


def supported(prefix, flags, work):
    probe = os.path.join(work, "probe.c")
    with open(probe, "w") as f:
        f.write("void *p = &p;\n")
    result = subprocess.run([prefix + "-gcc", "-shared", "-nostdlib", "-fPIC", *flags, "-o", probe + ".so", probe], capture_output=True)
    return result.returncode == 0 and not result.stderr


def main():
    tool = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        for file, text in (("program.c", PROGRAM), ("lib.c", LIBRARY)):
            with open(os.path.join(work, file), "w") as f:
                f.write(text)
        for machine in MACHINES:
            name, prefix, runner = machine[:3]
            missing = [p for p in [prefix + "-gcc", prefix + "-readelf"] + runner if not shutil.which(p)]
            if missing:
                counts["skipped"] += 1
                print("SKIP %s: no %s here" % (name, " and no ".join(missing)))
                continue
            for flags in ([], ["-Wl,-z,pack-relative-relocs"], ["-Wl,-z,now", "-Wl,-z,max-page-size=0x10000"]):
                if not supported(prefix, flags, work):
                    counts["skipped"] += 1
                    print("SKIP %s: its linker does not take %s" % (name, " ".join(flags)))
                    continue
                for check in (check_library, check_program):
                    try:
                        check(tool, machine, flags, work)
                    except subprocess.CalledProcessError as e:
                        verdict("%s for %s %s" % (check.__name__, name, " ".join(flags)), ["%s: %s" % (e, e.stderr.decode()[-300:])])
    print("%(passed)d passed, %(failed)d failed" % counts + (", %(skipped)d skipped" % counts if counts["skipped"] else ""))
    return 1 if counts["failed"] else 0


sys.exit(main())
