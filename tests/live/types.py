#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""types.py BUILD TYPES HOSTILE [PART...]: types of variables and functions, as debug information has them. The same source is the same for every compiler,
level and edition of DWARF (shapes, sources); each change is found, and what differs is named (changes); of many all are known (many); a unit that is not read does no harm (tables); a program's unit is replaced by
versions whose types have changed (typed); debug information that was changed does no harm (hostile). TYPES is the program that compares two
objects, HOSTILE the one that changes one. Last line: N passed, N failed[, N skipped]."""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1])
TYPES = os.path.abspath(sys.argv[2])
HOSTILE = os.path.abspath(sys.argv[3])
PARTS = sys.argv[4:]
LIBRARIES = [os.path.join(BUILD, p) for p in ("hosts/live/liblode-live.a", "core/liblode.a")]
# (hosts/live has the system's <link.h>.)
INCLUDES = {"link": ["include", "core"], "core": ["include", "core"], "start": ["include", "core"], "hosts": ["include"], "tests": ["include", "tests", "tests/live"]}
COMPILERS = [c for c in ("gcc", "clang-19") if shutil.which(c)]
SAID = re.compile(r"(\d+) variables, (\d+) functions, (\d+) unknown, (\d+) differ$")
# What of it is not read: nothing is known then, and nothing differs.
UNREAD = {"split": ["-gsplit-dwarf"], "compressed": ["-gz=zlib"], "none": ["-g0"]}
VERSIONS = {
    "other": ["-g", "-O2"], "other-level": ["-g", "-O0"], "other-dwarf": ["-gdwarf-4", "-O2"], "mute": ["-O2"],
    "swapped": ["-g", "-O2", "-DSWAPPED"], "mute-swapped": ["-O2", "-DSWAPPED"], "larger": ["-g", "-O2", "-DLARGER"],
    "extra": ["-g", "-O2", "-DEXTRA=a,b"], "extra-swapped": ["-g", "-O2", "-DEXTRA=b,a"],
    "items": ["-g", "-O2", "-DITEMS"], "far": ["-g", "-O2", "-DFAR"], "long-call": ["-g", "-O2", "-DLONG_CALL"],
    "larger-hook": ["-g", "-O2", "-DLARGER", "-DHOOK"], "swapped-hook": ["-g", "-O2", "-DSWAPPED", "-DHOOK"],
    "shared-hook": ["-g", "-O2", "-DSHARED"], "alone-hook": ["-g", "-O2", "-DALONE"],
}
LINKERS = {"gcc": ["bfd", "gold", "lld", "mold"], "clang-19": ["lld"]}
passed = failed = skipped = 0


def case(name, trouble):
    global passed, failed
    if trouble:
        failed += 1
        for line in trouble.splitlines()[-8:]:
            print("FAIL %s: %s" % (name, line))
    else:
        passed += 1


def skip(name, why):
    global skipped
    skipped += 1
    print("SKIP %s: %s" % (name, why))


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **more)


def compile_one(out, compiler, source, flags):
    includes = ["-I" + os.path.join(ROOT, p) for p in INCLUDES.get(os.path.relpath(source, ROOT).split("/")[0], [])]
    done = run([compiler, "-w", "-c", *([] if source.endswith(".cc") else ["-std=gnu11"]), *flags, *includes, source, "-o", out])
    if done.returncode:
        raise RuntimeError("%s: %s" % (source, done.stderr))
    return out


def compare(old, new):
    """(what differs, variables and functions that were compared, those that are not known)"""
    done = run([TYPES, old, new])
    lines = done.stdout.splitlines()
    said = SAID.match(lines[-1]) if lines else None
    if not said:
        raise RuntimeError("%s: %s" % (new, done.stdout + done.stderr))
    return lines[:-1], int(said.group(1)), int(said.group(2)), int(said.group(3))


def ways(compilers=None):
    for compiler in compilers or COMPILERS:
        for level in ("-O0", "-O2"):
            for edition in (["-gdwarf-2"], ["-gdwarf-3"], ["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-5", "-gdwarf64"]):
                yield compiler, [level, *edition]


def shapes(folder):
    source = HERE + "/shapes.c"
    objects = {}
    for compiler, flags in ways():
        name = " ".join([compiler, *flags])
        objects[name] = compile_one("%s/%s.o" % (folder, name.replace(" ", "")), compiler, source, flags)
    for old in objects:
        trouble = []
        for new in objects:
            differing, variables, functions, unknown = compare(objects[old], objects[new])
            if differing or variables < 15 or functions != 2 or unknown:
                trouble.append("%s: %d variables, %d functions, %d unknown %s" % (new, variables, functions, unknown, " ".join(differing)))
        case("shapes, " + old, "\n".join(trouble))
    first = next(iter(objects.values()))
    for compiler in COMPILERS:
        for edition in ("-gdwarf-4", "-gdwarf-5"):
            done = compare(first, compile_one(folder + "/apart.o", compiler, source, [edition, "-fdebug-types-section"]))
            case("shapes, types apart, %s %s" % (compiler, edition), str(done) if done[0] or done[1] < 5 else "")
    for name, flags in UNREAD.items():
        done = compare(first, compile_one(folder + "/unread.o", COMPILERS[0], source, ["-g", *flags]))
        case("shapes, " + name, "" if done[:3] == ([], 0, 0) and done[3] >= 15 else str(done))


def changes(folder):
    source = HERE + "/shapes.c"
    with open(source) as file:
        said = {int(n): text for n, text in re.findall(r"IS\((\d+)\) /\* (.*) \*/$", file.read(), re.M)}
    for compiler in COMPILERS:
        for other in COMPILERS:
            old = compile_one(folder + "/old.o", compiler, source, ["-g", "-O2"])
            for change, text in said.items():
                new = compile_one(folder + "/new.o", other, source, ["-g", "-O2", "-DCHANGE=%d" % change])
                differing = compare(old, new)[0]
                right = not differing if text.startswith("nothing") else text in differing
                case("change %d, %s to %s" % (change, compiler, other), "" if right else "%s; not %s" % (differing, text))


def sources(folder):
    """Units of this project and others, by two compilers, at two levels and with two editions."""
    files = [f for part in ("core", "core/arch", "link", "link/arch", "start", "hosts/live") for f in sorted(glob.glob("%s/%s/*.c" % (ROOT, part)))]
    files += sorted(glob.glob(ROOT + "/tests/link/features/*.cc"))

    def one(file):
        objects = []
        for i, (compiler, flags) in enumerate((c, f) for c in COMPILERS for f in (["-O0", "-gdwarf-4"], ["-O2", "-gdwarf-5"])):
            name = {"gcc": "g++", "clang-19": "clang++-19"}[compiler] if file.endswith(".cc") else compiler
            objects.append(compile_one("%s/%s%d.o" % (folder, file.replace("/", "_"), i), name, file, flags))
        results = [compare(old, new) for i, old in enumerate(objects) for new in objects[i + 1:]]
        for o in objects:
            os.unlink(o)
        return file, results

    variables = functions = unknown = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for file, results in pool.map(one, files):
            case("sources, " + os.path.relpath(file, ROOT), "\n".join(line for r in results for line in r[0]))
            variables += sum(r[1] for r in results)
            functions += sum(r[2] for r in results)
            unknown += sum(r[3] for r in results)
    print("%d files: %d comparisons of variables, %d of functions, %d of which are not known on a side" % (len(files), variables, functions, unknown))
    case("sources: something was compared", "" if variables > 100 and functions > 1000 else "%d %d" % (variables, functions))


# A unit, and a variable at x of type int; both begin with the number of their abbreviation.
ENTRIES = """.section .debug_abbrev,"",@progbits
.byte 1,0x11,1,0,0, 2,0x24,0,0x0b,0x0b,0,0, 3,0x34,0,0x49,0x13,2,0x18,0,0, 0
.section .debug_info,"",@progbits
.Lbegin: .long .Lend - 1f
1: .short 4
.long .debug_abbrev
.byte 8,1
.Lint: .byte 2,4
%s.byte 0
.Lend:
"""
ENTRY = ".byte 3\n.long .Lint - .Lbegin\n.byte 9,3\n.quad x\n"

# A compile unit, one of types, and one that has the abbreviations of that: they are others than the first one's.
UNITS = """.section .debug_abbrev,"",@progbits
.Lfirst: .byte 1,0x11,1,0,0, 2,0x24,0,0x0b,0x0b,0,0, 3,0x34,0,0x49,0x13,2,0x18,0,0, 0
.Lsecond: .byte 1,0x11,1,0,0, 2,0x34,0,2,0x18,0x49,0x13,0,0, 3,0x24,0,0x0b,0x0b,0,0, 0
.section .debug_info,"",@progbits
.Lone: .long .Ltwo - 1f
1: .short 5
.byte 1,8
.long .Lfirst
.byte 1
.Lint1: .byte 2,4, 3
.long .Lint1 - .Lone
.byte 9,3
.quad x
.byte 0
.Ltwo: .long .Lthree - 1f
1: .short 5
.byte 2,8
.long .Lsecond
.quad 1
.long 0
.Lthree: .long .Lend - 1f
1: .short 5
.byte 1,8
.long .Lsecond
.byte 1
.Lint3: .byte 3,4, 2,9,3
.quad y
.long .Lint3 - .Lthree
.byte 0
.Lend:
"""


def assemble(out, text):
    with open(out + ".s", "w") as file:
        file.write(text)
    return compile_one(out, COMPILERS[0], out + ".s", [])


def slot_of(entry, mask):
    """As the library finds the type of an entry."""
    return (entry * 0x9e3779b1 & 0xffffffff) >> 7 & mask


def crowded(count):
    """ENTRIES' unit with so many pointers where the first eighth of the slots is meant, padded by blocks, and a struct of them at x."""
    mask, at, lines, places = (1 << (2 * count + 8).bit_length()) - 1, 14, [], []
    for _ in range(count):
        end = next(d for d in range(at, at + 10000) if d - at != 1 and slot_of(d, mask) <= mask // 8)
        while at < end:
            pad = min(end - at, 200) if end - at != 201 else 100
            lines.append(".byte 6,%d\n.zero %d" % (pad - 2, pad - 2))
            at += pad
        lines.append(".byte 4")
        places.append(at)
        at += 1
    members = ["5,%d,%d,%d,%d" % tuple(place >> 8 * i & 255 for i in range(4)) for place in places]
    more = ENTRY.replace(".Lint", ".Lall")
    abbreviations = "4,0x0f,0,0,0, 5,0x0d,0,0x49,0x13,0,0, 6,0x34,0,0x1c,0x0a,0,0, 7,0x13,1,0x0b,0x0b,0,0, 0\n.section .debug_info"
    body = "\n".join(lines) + "\n.Lall: .byte 7,4\n" + "\n".join(".byte " + m for m in members) + "\n.byte 0\n" + more
    return ENTRIES.replace(" 0\n.section .debug_info", abbreviations) % body


def many(folder):
    """Each of 3000 variables in its own section is known, and the one that changes is found; where reading is too much work that is said."""
    for name, last in (("old", "int"), ("new", "float")):
        with open("%s/%s.c" % (folder, name), "w") as file:
            file.write("".join("int v%d;\n" % i for i in range(2999)) + last + " last;\n")
        compile_one("%s/%s.o" % (folder, name), COMPILERS[0], "%s/%s.c" % (folder, name), ["-g", "-fdata-sections"])
    done = compare(folder + "/old.o", folder + "/new.o")
    case("many: sections", "" if done[1:] == (3000, 0, 0) and len(done[0]) == 1 and done[0][0].startswith("last: ") else str(done))
    for count, said in ((2, []), (4000, ["types were not read to the end"])):
        aliases = "".join(".globl x%d\nx%d = x\n" % (i, i) for i in range(count))
        file = assemble(folder + "/aliases.o", ".data\n.globl x\nx: .long 0\n" + aliases + ENTRIES % (ENTRY * count))
        case("many: %d entries of one place" % count, "" if compare(file, file)[0] == said else str(compare(file, file)))

    # A ring of 7 structures against one of many: each variable meets them all, and each pair is looked at once.
    for count, said in ((5, []), (4000, ["types were not compared to the end"])):
        for name, ring in (("old", 7), ("new", count)):
            with open("%s/%s.c" % (folder, name), "w") as file:
                file.write("".join("struct s%d;\nstruct s%d { struct s%d *next; };\n" % ((i + 1) % ring, i, (i + 1) % ring) for i in range(ring)))
                file.write("".join("struct s%d *v%d;\n" % (i % ring, i) for i in range(count)))
            compile_one("%s/%s.o" % (folder, name), COMPILERS[0], "%s/%s.c" % (folder, name), ["-g"])
        done = run([TYPES, folder + "/old.o", folder + "/new.o"], env={**os.environ, "TELL": "1"}).stdout.splitlines()
        looks, types = (int(word) for word in next(line for line in done if " looks, " in line).replace(" looks,", "").replace(" types", "").split())
        case("many: rings of 7 and %d" % count, "" if done[:-2] == said and looks < 64 * (4 * types + 64) + 2 * count else "%s" % done[:6])
    for count, said in ((100, []), (8000, ["types were not read to the end"])):
        file = assemble(folder + "/crowded.o", ".data\n.globl x\nx: .long 0\n" + crowded(count))
        case("many: %d entries in few slots" % count, "" if compare(file, file)[:2] == (said, 1) else str(compare(file, file)))


def tables(folder):
    """A unit that is not read leaves the next one its own abbreviations."""
    file = assemble(folder + "/units.o", ".data\n.globl x,y\nx: .long 0\ny: .long 0\n" + UNITS)
    case("tables: behind a unit of types", "" if compare(file, file) == ([], 2, 0, 0) else str(compare(file, file)))
    for length, known in ((10, True), (11, False)):
        tag = "0xb4,%s0," % ("0x80," * (length - 2))
        file = assemble(folder + "/long.o", ".data\n.globl x\nx: .long 0\n" + ENTRIES.replace("3,0x34,", "3," + tag) % ENTRY)
        case("tables: a tag of %d bytes" % length, "" if compare(file, file) == ([], known, 0, not known) else str(compare(file, file)))


def typed_objects(folder, compiler, flags):
    source = HERE + "/typed.c"
    flags = [*flags, "-fdata-sections"]
    compile_one(folder + "/typed1.o", compiler, source, [*flags, "-g", "-O2", "-DV=1"])
    for name, more in VERSIONS.items():
        compile_one("%s/%s.o" % (folder, name), compiler, source, [*flags, *more, "-DV=2"])
    compile_one(folder + "/largest-hook.o", compiler, source, [*flags, "-g", "-O2", "-DV=3", "-DLARGEST", "-DHOOK"])
    compile_one(folder + "/other-compiler.o", COMPILERS[-1] if compiler == COMPILERS[0] else COMPILERS[0], source, [*flags, "-g", "-O2", "-DV=2"])
    return compile_one(folder + "/typed_main.o", compiler, HERE + "/typed_main.c", [*flags, "-O1"])


def typed_program(title, folder, compiler, flags):
    program = folder + "/typed"
    done = run([compiler, *flags, "-Wl,-q", "-Wl,-z,now", folder + "/typed_main.o", folder + "/typed1.o", *LIBRARIES, "-pthread", "-o", program])
    if done.returncode:
        return case(title, done.stderr)
    for name in run([program]).stdout.split():
        done = run([program, name, folder], timeout=120)
        case("%s, %s" % (title, name), "" if done.returncode == 0 else done.stdout + done.stderr + "status %d" % done.returncode)
    return try_stripped(title, program, folder)


def try_stripped(title, program, folder):
    """The index has the types."""
    command = os.path.join(BUILD, "lode")
    if not os.access(command, os.X_OK):
        return skip(title + ", stripped", "there is no command")
    done = run([command, "index", program])
    if done.returncode == 0:
        done = run(["strip", "--strip-all", program])
    case(title + ", index", done.stderr)
    for name in run([program]).stdout.split():
        done = run([program, name, folder], timeout=120)
        case("%s, stripped, %s" % (title, name), "" if done.returncode == 0 else done.stdout + done.stderr)
    return None


def typed(folder):
    for compiler in COMPILERS:
        for kind, flags, link in (("pie", ["-fPIE"], ["-pie"]), ("plain", ["-fno-pie"], ["-no-pie"])):
            typed_objects(folder, compiler, flags)
            for linker in LINKERS[compiler]:
                title = "typed, %s %s %s" % (compiler, kind, linker)
                if shutil.which("ld." + linker):
                    typed_program(title, folder, compiler, [*link, "-fuse-ld=" + linker])
                else:
                    skip(title, "no such linker")


def hostile(folder):
    for compiler in COMPILERS:
        for edition in ("2", "4", "5"):
            file = compile_one(folder + "/hostile.o", compiler, HERE + "/shapes.c", ["-O1", "-gdwarf-" + edition])
            done = run([HOSTILE, file, os.environ.get("CHANGES", "0/20")])
            case("hostile, %s -gdwarf-%s" % (compiler, edition), "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:])


def main():
    for part in (shapes, changes, many, tables, sources, typed, hostile):
        if PARTS and part.__name__ not in PARTS:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                part(folder)
            except RuntimeError as error:
                case(part.__name__, str(error))
    for compiler in ("gcc", "clang-19"):
        if compiler not in COMPILERS:
            skip(compiler, "it is not installed")
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
