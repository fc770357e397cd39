#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Files that are no program: what `lode show`, and check and run where they have something to say, know of each kind.
import shutil
import harness
from harness import case, done, equal, lode, path, show_json, skip, tool, write


def debug_files():
    """Program headers of debug information are another file's: no plan, no interpreter, no memory."""
    source = write("unit.c", b"int counter = 3;\nint main(void) { return counter; }\n")
    for name, flags in (("program", ["-pie", "-fPIE"]), ("library", ["-shared", "-fPIC", "-nostdlib", "-Wl,--build-id"])):
        tool("cc", "-g", *flags, "-o", path(name), source)
        tool("objcopy", "--only-keep-debug", path(name), path(name + ".debug"))
        text, shown = lode("show", "-v", path(name + ".debug")), show_json(path(name + ".debug"))
        case("debug information of a " + name, equal(text.status, 0), ("  no plan: debug information" in text.out, text.out), "relink" not in text.out, "PT_INTERP" not in text.out,
             "interpreter" not in text.out, "Memory" not in text.out, "Plan for" not in text.out)
        case("debug information of a %s: JSON" % name, equal(shown["plan"], None), equal(shown["interpreter"], None), equal([(f["about"], f["rule"]) for f in shown["findings"]], [("no plan", "header-debug-file")]),
             equal(set(shown["sizes"]["memory"].values()), {0}))
        drawn = lode("show", "--svg=-", path(name + ".debug"))
        case("debug information of a %s: picture" % name, equal(drawn.status, 1), ("has no picture" in drawn.err, drawn.err), harness.one_line_error(drawn))


def compilers():
    """What compilers write beside machine code or in the place of it has a name of its own."""
    source, odd = write("far.c", b"int far(void) { return 1; }\n"), {}
    tool("cc", "-c", "-g", "-gsplit-dwarf", "-o", path("split.o"), source)
    for name, flags, words in (("lto.o", ["-flto", "-fno-fat-lto-objects"], "relocatable object of GCC's LTO, without machine code (slim)"), ("fat.o", ["-flto", "-ffat-lto-objects"], "relocatable object"),
                               ("split.o", None, "relocatable object"), ("split.dwo", None, "debug information (split DWARF)")):
        if flags:
            tool("cc", "-c", *flags, "-o", path(name), source)
        shown = show_json(path(name))
        odd[name] = shown["file"]["kind"]
        case("kind of " + name, equal(shown["file"]["kind"], words), equal(shown["plan"], None), equal(lode("show", path(name)).out.splitlines()[0].startswith(path(name) + ": " + words + ", "), True))
    case("split DWARF: why it has no plan", equal(show_json(path("split.dwo"))["findings"][0]["rule"], "header-debug-file"), "  no plan: debug information" in lode("show", path("split.dwo")).out,
         "debug information (split DWARF)" in lode("run", path("split.dwo")).err, equal(lode("check", path("split.dwo")).status, 0), "object-stack-missing" not in lode("check", path("split.dwo")).out)
    for name, head in (("LLVM bitcode", b"BC\xc0\xde"), ("LLVM bitcode (in a wrapper)", b"\xde\xc0\x17\x0b")):
        file = write("code.bc", head + bytes(40))
        got = lode("show", file)
        case(name, equal(got.status, 1), equal(got.err, "lode: %s: not an ELF file, but %s\n" % (file, name)), name in lode("run", file).err, ("is " + name in lode("check", file).out or name in lode("check", file).out))


for wanted in ("cc", "objcopy", "ar"):
    if not shutil.which(wanted):
        skip("all", "no " + wanted)
        done()
debug_files()
compilers()
done()
