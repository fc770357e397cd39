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


for wanted in ("cc", "objcopy", "ar"):
    if not shutil.which(wanted):
        skip("all", "no " + wanted)
        done()
debug_files()
done()
