#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Files that are no program: what `lode show`, and check and run where they have something to say, know of each kind.
import gzip
import os
import shutil
import struct
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


def modules():
    """What a module says of itself: text the first of each, JSON all of it."""
    pairs = [b"license=GPL", b"description=Says hello" + b" again" * 24 + b" ag\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", b"author=A <a@x>", b"author=B", b"author=C", b"", b"", b"parmtype=debug:int", b"parm=debug:how much", b"parmtype=quiet:bool",
             b"alias=pci:v1d2*", b"depends=one,two", b"vermagic=6.1.0 SMP mod_unload ", b"odd\x1b[31m=red\x07", b"no sign", b"last=without end"]
    assembler = b".section .modinfo,\"a\"\n" + b"".join(b".byte " + b",".join(b"%d" % b for b in pair) + (b",0\n" if i + 1 < len(pairs) else b"\n") if pair else b".byte 0\n" for i, pair in enumerate(pairs)) + b".section __versions,\"a\"\n.zero 192\n"
    tool("cc", "-c", "-o", path("hello.ko"), write("hello.s", assembler))
    text, shown = lode("show", path("hello.ko"), env={"COLUMNS": "400"}), show_json(path("hello.ko"))
    want = [{"key": key.decode(), "value": value.decode() if sign else None} for pair in pairs if pair for key, sign, value in [pair.partition(b"=")]]
    case("module", equal(shown["file"]["kind"], "Linux kernel module (relocatable object)"), equal(shown["modinfo"], want), equal(shown["symbol_versions"], 3), harness.harmless(text.raw),
         *[(line in text.out, text.out[:900]) for line in ("  description   Says hello" + " again" * 24 + " agä...\n", "  author        A <a@x>, and 2 more\n", "  license       GPL\n", "  vermagic      6.1.0 SMP mod_unload", "  depends       one,two\n",
                                                    "  module        2 parameters, 1 alias, 3 imported symbols with a CRC\n")])
    tool("objcopy", "--rename-section", "__versions=__version_ext_crcs", path("hello.ko"))
    case("module: CRCs in their own table", equal(show_json(path("hello.ko"))["symbol_versions"], 48))
    tool("objcopy", "-R", ".modinfo", "--rename-section", "__version_ext_crcs=.gnu.linkonce.this_module", path("hello.ko"))
    shown = show_json(path("hello.ko"))
    case("module without .modinfo", equal(shown["modinfo"], []), equal(lode("show", path("hello.ko")).status, 0), "modinfo" not in show_json("/bin/true"))
    tool("objcopy", "--add-section", ".modinfo=" + write("many", b"a=b\0" * (1 << 20)), path("hello.ko"))
    shown, took = harness.cpu(lambda: show_json(path("hello.ko")))
    case("module with 4 MiB of .modinfo", equal(len(shown["modinfo"]), 1 << 18), (took < 10, took))


def section_symbols():
    """Symbols of sections have the sections' names; beside each number of a section stands its name, as far as the line has room."""
    tool("cc", "-c", "-o", path("named.o"), write("named.s", b".section \"a.section.with.a.long.name\",\"a\"\nlabel: .long 1\n.section \"red\\033[31m\",\"a\"\n.long 2\n.text\nother: .long label, 0\n.section bare,\"a\"\nhere:.long 0\n"))
    shown = show_json("-s", path("named.o"))
    names = {i: s["name"] for i, s in enumerate(shown["sections"])}
    symbols = shown["symbol_tables"][0]["symbols"]
    texts = {columns: lode("show", "-qs", path("named.o"), env={"COLUMNS": str(columns)}) for columns in (60, 88, 200)}
    lines = {columns: next(line for line in text.out.splitlines() if line.endswith("  label")) for columns, text in texts.items()}
    number = next(s["section"] for s in symbols if s["name"] == "label")
    case("symbols of sections", any(s["type"] == 3 for s in symbols), *[equal(s["name"], names[s["section"]]) for s in symbols if s["type"] == 3],
         *[equal(lines[columns].split("LOCAL")[1].split(), [str(number), *name, "label"]) for columns, name in ((60, []), (88, ["a.sect"]), (200, ["a.section.with"]))], *[harness.harmless(text.raw) for text in texts.values()])


def archives():
    """Members are counted and named by their first bytes; the index says how many symbols it has, if the table has room for them."""
    for name in ("one", "two"):
        tool("cc", "-c", "-fno-lto", "-o", path(name + ".o"), write(name + ".c", b"int %s, %sth;\n" % (name.encode(), name.encode())))
    write("three.txt", b"some text\n")
    write("four.bc", b"BC\xc0\xde" + bytes(16))
    write("five.o", harness.read(path("one.o"))[:18] + b"\xb7" + harness.read(path("one.o"))[19:])
    tool("ar", "rcs", path("lib.a"), *[path(n) for n in ("one.o", "two.o", "three.txt", "four.bc", "five.o")])
    machine = show_json(path("one.o"))["header"]["machine_name"]
    kinds = ["relocatable object, " + machine, "relocatable object, " + machine, "text", "LLVM bitcode", "relocatable object, AArch64"]
    text, shown = lode("show", path("lib.a")), show_json(path("lib.a"))
    count = shown["symbols"]
    case("archive", equal(text.status, 0), count in (4, 6), equal(text.out.splitlines()[0], path("lib.a") + ": archive, 5 members, an index of %d symbols; `lode show ARCHIVE:MEMBER` shows a member" % count),
         equal([line.split(": ")[-1] for line in text.out.splitlines()[1:]], kinds), equal([m["kind"] for m in shown["members"]], kinds), equal(shown["index"], True))
    tool("ar", "rcST", path("thin.a"), path("one.o"))
    text, shown = lode("show", path("thin.a")), show_json(path("thin.a"))
    case("thin archive", ": thin archive, 1 member, no symbol index; " in text.out, equal(shown["index"], False), equal(shown["symbols"], None), equal(shown["members"][0]["kind"], None))

    def member(name, data):
        return (name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) + b"0".ljust(6) + b"644".ljust(8) + b"%d".ljust(10) % len(data) + b"`\n")[:48] + (b"%d" % len(data)).ljust(10) + b"`\n" + data + b"\n" * (len(data) % 2)
    for name, table, want in ((b"/", b"\0\0\0\2" + bytes(12), 2), (b"/", b"\0\0\0\4" + bytes(12), None), (b"/", b"\xff" * 20, None), (b"/", b"\0\0", None), (b"/SYM64/", bytes(7) + b"\3" + bytes(24), 3), (b"/SYM64/", b"\xff" * 32, None),
                              (b"__.SYMDEF", b"\x10\0\0\0" + bytes(30), 2), (b"__.SYMDEF SORTED", b"\x10\0\0\0" + bytes(30), 2), (b"__.SYMDEF_64", b"\x10" + bytes(40), 1), (b"__.SYMDEF", b"\xff" * 40, None)):
        shown, text = show_json(write("index.a", b"!<arch>\n" + member(name, table) + member(b"a.txt/", b"text"))), lode("show", path("index.a"))
        case("index %r of %d bytes" % (name, len(table)), equal(shown["symbols"], want), equal(shown["index"], True), equal("a broken symbol index" in text.out, want is None), equal(len(shown["members"]), 1))
    package = write("some.deb", b"!<arch>\n" + member(b"debian-binary", b"2.0\n") + member(b"control.tar.xz", b"\xfd7zXZ\0" + bytes(30)) + member(b"data.tar.xz", b"\xfd7zXZ\0" + bytes(30)))
    shown, checked, run, linked = (lode(verb, package) for verb in ("show", "check", "run", "link"))
    case("a Debian package", equal((shown.status, shown.out, shown.err), (1, "", "lode: %s: not an ELF file, but a Debian package\n" % package)), equal(checked.status, 1), "a Debian package" in checked.out, equal(checked.out.count("file-foreign"), 1),
         ".tar" not in checked.out, "Debian package" in run.err, equal(run.status, 126), "a Debian package" in linked.err, *[harness.one_line_error(r) for r in (shown, run, linked)])
    os.mkdir(path("folder"))
    os.rename(package, path("folder/some.deb"))
    shutil.copy(path("lib.a"), path("folder/lib.a"))
    looked = lode("check", "--recursive", "--json", path("folder"))
    case("check --recursive: archives, but no packages", ('"looked_at": 5,' in looked.out, looked.out[-200:]), "some.deb" not in looked.out)


def privilege():
    """Set-id bits and capabilities are the file's, not those of what is in it."""
    file, me = write("granted", harness.read("/bin/true")), os.stat(path("one.o"))
    for mode, words, ids in ((0o4755, "set-user-ID (user %d)" % me.st_uid, (me.st_uid, None)), (0o2755, "set-group-ID (group %d)" % me.st_gid, (None, me.st_gid)), (0o6755, "set-user-ID (user %d), set-group-ID (group %d)" % (me.st_uid, me.st_gid), (me.st_uid, me.st_gid)),
                             (0o2745, None, (None, None)), (0o755, None, (None, None))):
        os.chmod(file, mode)
        text, shown = lode("show", file), show_json(file)["file"]
        case("mode %o" % mode, equal([line for line in text.out.splitlines() if "privilege" in line], ["  privilege     " + words] if words else []), equal((shown["set_user_id"], shown["set_group_id"]), ids), equal(shown["capabilities"], None))
    os.chmod(write("packed.gz", gzip.compress(harness.read(file))), 0o4755)
    case("mode of a packed file", equal(show_json(path("packed.gz"))["file"]["set_user_id"], None))
    for name, data, want, words in (("revision 2", struct.pack("<5I", 0x2000001, 0x2000, 0, 0x100, 1), {"permitted": "0x10000002000", "inheritable": "0x100000000", "effective": True}, " (permitted 0x10000002000, inheritable 0x100000000, effective)"),
                                    ("revision 3", struct.pack("<6I", 0x3000000, 0x400, 0, 0, 0, 1000), {"permitted": "0x400", "inheritable": "0x0", "effective": False}, " (permitted 0x400, inheritable 0x0)")):
        # the kernel turns what root of a user namespace writes into revision 3, and gives it back as it was
        try:
            os.setxattr(file, "security.capability", data)
        except OSError as error:
            skip("file capabilities, " + name, error.strerror)
            continue
        text, shown = lode("show", file), show_json(file)["file"]
        case("file capabilities, " + name, equal(shown["capabilities"], want), ("  privilege     file capabilities" + words + "\n" in text.out, text.out[:300]))


for wanted in ("cc", "objcopy", "ar"):
    if not shutil.which(wanted):
        skip("all", "no " + wanted)
        done()
debug_files()
compilers()
modules()
section_symbols()
archives()
privilege()
done()
