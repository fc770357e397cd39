#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The memory picture, in the terminal and as SVG: what it says about files whose layout is known, and that it is well-formed everywhere.
import glob
import math
import os
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from harness import case, done, equal, lode, path, read, show_json, skip, tool, write


def drawn(*args, **options):
    """Lines of the picture."""
    text = lode("show", *args, **options).out
    lines = text.split("\n")
    begin = next(i for i, line in enumerate(lines) if line.startswith("Memory of a "))
    end = next(i for i, line in enumerate(lines) if i > begin and "rest of a page" in line)
    return lines[begin:end + 1]


def svg(*args):
    result = lode("show", "--svg", path("out.svg"), *args)
    if result.status != 0:
        return None, result
    return ElementTree.parse(path("out.svg")), result


def link(name, *flags, source=b""):
    default = b"int data[2000] = {1}; int zero[9000]; __thread int tls = 3;\nvoid _start(void) { for (;;) data[1] = zero[2] = tls; }\n"
    file = write(name + ".c", source or default)
    tool("cc", "-nostdlib", "-static", "-fno-stack-protector", "-o", path(name), file, *flags)
    return path(name)


def marks():
    plain = link("plain", "-no-pie", "-Wl,-z,separate-code")
    shown, picture = show_json(plain), drawn(plain)
    text = "\n".join(picture)
    case("a segment each", text.count("r-x ") == 1, "rw- " in text, "entry %s" % shown["header"]["entry"] in text)
    case("file part and zero part", "█" in text, "░" in text, "private zeros" in text)
    case("TLS", re.search(r"TLS template 4 B", text) is not None, equal(shown["plan"]["tls"]["file_size"], 4))
    case("80 columns", equal(max(len(line) for line in picture) <= 80, True), max(len(line) for line in picture))
    runs = shown["plan"]["runs"]
    addresses = [int(m, 16) for m in re.findall(r"^  (0x[0-9a-f]+) [│┊]", text, re.M)]
    case("every run begins at its address", all(int(r["addr"], 16) in addresses for r in runs))
    case("runs ascend and do not overlap", all(int(a["addr"], 16) + a["size"] <= int(b["addr"], 16) for a, b in zip(runs, runs[1:])))
    ascii_text = "\n".join(drawn("--ascii", plain))
    case("ASCII on request", ascii_text.isascii(), "#" in ascii_text, "." in ascii_text)
    case("ASCII in another charset", equal("\n".join(drawn(plain, env={"LC_ALL": "C"})), ascii_text))
    far = link("far", "-no-pie", "-Wl,-Tdata=0x10000000")
    case("gap", any("gap of" in line for line in drawn(far)))
    shared = link("shared", "-no-pie", "-Wl,-N")
    case("writable and executable", any("rwx" in line for line in drawn(shared)))
    script = write("one.ld", b"PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }\nSECTIONS { . = 0x402000; .text : { *(.text*) } :text\n"
                   b". = 0x402100; .data : { *(.data*) *(.bss*) } :data /DISCARD/ : { *(.eh_frame*) *(.note*) *(.comment) } }\n")
    one_page = link("one", "-no-pie", "-Wl,-z,max-page-size=4096", "-Wl,-T," + script, source=b"int data = 1; void _start(void) { for (;;) data++; }\n")
    case("page of two segments", any("share page 0x402000" in line for line in drawn("--for=kernel", one_page)))
    library = next(iter(glob.glob("/lib/x86_64-linux-gnu/libc.so.6")), None)
    if library:
        text = "\n".join(drawn(library))
        case("RELRO", "RELRO to " in text, "▓" in text, "▓ read-only" in text)
        case("page cache", "shared with the page cache" in text, "page cache until written" in text)
        moved = show_json("--base=0x7f0000000000", library)["plan"]
        case("base", equal(moved["bias"], "0x7f0000000000"), equal(moved["runs"][0]["addr"], "0x7f0000000000"))
        crooked = lode("show", "--base=0x7f0000001000", "--page-size=64K", library)
        case("crooked base is told", equal(crooked.status, 0), "plan-base" in crooked.out)


def lines():
    """Labels end with a word, colours end where they began, the table of a process fits 80 columns, and gaps are no memory."""
    narrow, wide = (lode("show", "/bin/true", env={"COLUMNS": columns}).out for columns in ("60", "200"))
    words = {word for line in wide.splitlines() for word in line.split()}
    case("labels end with a word", *[(word in words, word) for line in narrow.splitlines() if "\u2588" in line for word in line.split("\u2502")[-1].split()])
    coloured = lode("show", "--color=always", "/bin/true").out
    case("no colour ends that did not begin", "\x1b[0m\x1b[0m" not in coloured, not re.search(r"(^|\x1b\[0m)[^\x1b\n]*\x1b\[0m", coloured, re.M), "\x1b[32m" in coloured)
    table = narrow.split("Program headers\n")[1].split("\n\n")[0]
    case("program headers in 80 columns", (max(map(len, table.splitlines())) <= 80, table))
    link("gap.elf", "-no-pie", "-static", "-Wl,--section-start=.far=0x10000000", source=b'__attribute__((section(".far"))) int far = 3; void _start(void) { for (;;) far++; }\n')
    head = [line for line in lode("show", path("gap.elf")).out.splitlines() if line.startswith("Memory of a ")][0]
    case("a gap is no memory", (re.search(r": \d+ KiB of a span of 25\d MiB, 4 KiB pages", head), head), "of a span of" in lode("show", "--svg", "-", path("gap.elf")).out, "span" not in narrow)
    unlike = set(re.findall(r'<rect class="(\w+)"[^>]*height="22"', lode("show", "--svg", "-", "/bin/true").out))
    case("bars of an SVG have colours of their own", (unlike and not unlike & {"r", "w", "x", "wx", "n", "relro", "tls"}, unlike))


def kernels():
    script = write("k.ld", b"ENTRY(_start) PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); note PT_NOTE FLAGS(4); }\n"
                   b"SECTIONS { . = 0xffffffff80100000; .text : AT(0x100000) { *(.text*) } :text .note.Xen : { *(.note.Xen) } :text :note\n"
                   b". = ALIGN(4096); .data : { *(.data*) } :data .bss : { *(.bss*) } :data /DISCARD/ : { *(.eh_frame*) *(.note.gnu*) *(.comment) } }\n")
    source = b'__asm__(".pushsection .note.Xen,\\"a\\",@note; .long 4,4,18; .asciz \\"Xen\\"; .long 0x100000; .popsection");\n' \
             b"int data = 1, bss[5000]; void _start(void) { for (;;) data = bss[3]; }\n"
    kernel = link("kernel", "-no-pie", "-fno-pic", "-mcmodel=kernel", "-mno-red-zone", "-Wl,-T," + script, "-Wl,--build-id=none", source=source)
    text = lode("show", kernel).out
    shown = show_json(kernel)
    case("PVH kernel", "boots by PVH" in text, "PVH entry     0x100000" in text, equal(shown["plan"]["for"], "kernel"), equal(shown["plan"]["domain"], "physical"))
    case("PVH kernel lies at its physical address", equal(shown["plan"]["runs"][0]["addr"], "0x100000"), "PVH entry 0x100000" in "\n".join(drawn(kernel)))
    case("note decoded", [n["type_name"] for n in shown["notes"] if n["owner"] == "Xen"] != [], "0x100000 (PVH entry, physical)" in text)
    virtual = show_json("--virtual", kernel)["plan"]
    case("virtual on request", equal(virtual["domain"], "virtual"), equal(virtual["runs"][0]["addr"], "0xffffffff80100000"))
    process = show_json("--for=process", kernel)
    case("as a process", equal(process["plan"] and process["plan"]["for"], "process"))
    tree, _ = svg(kernel)
    case("SVG of a kernel", tree is not None)


def svgs():
    files = ["/bin/true", path("plain"), path("far"), path("kernel")] + [f for f in ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2") if os.path.exists(f)]
    for file in files:
        tree, result = svg(file)
        if tree is None:
            case("SVG of " + file, (False, result.err))
            continue
        root, shown = tree.getroot(), show_json(file)
        words = "".join(root.itertext())
        case("SVG of " + file, equal(root.tag, "{http://www.w3.org/2000/svg}svg"), "entry 0x" in words, all(r["addr"] in words for r in shown["plan"]["runs"]),
             equal(result.out, ""))
    out = lode("show", "--svg", "-", "/bin/true")
    case("SVG on standard output", equal(out.status, 0), ElementTree.fromstring(out.raw) is not None)
    name = "a&b<c>\"d'.elf"
    with open(path(name), "wb") as copy:
        copy.write(read("/bin/true"))
    tree, _ = svg(path(name))
    case("SVG escapes the file's name", name in "".join(tree.getroot().itertext()))
    for shift in range(4):
        folder = path("x" * (shift + 1) + ("/" + "\u00e4\u20ac\U0001f600" * 27) * 7)
        os.makedirs(folder)
        os.symlink("/bin/true", folder + "/true")
        long = lode("show", "--svg", "-", folder + "/true")
        case("SVG of a path of %d bytes" % len(os.fsencode(folder)), equal(long.status, 0), folder + "/true" in "".join(ElementTree.fromstring(long.raw).itertext()))
    tool("cc", "-c", "-o", path("o.o"), write("o.c", b"int x;\n"))
    _, refused = svg(path("o.o"))
    case("no picture of an object", equal(refused.status, 1), "has no picture" in refused.err)
    tool("ar", "rc", path("o.a"), path("o.o"))
    for words in ((), ("--json",)):
        archive = lode("show", "--svg", path("archive.svg"), *words, path("o.a"))
        case("no picture of an archive", equal(archive.status, 1), equal(archive.out, ""), ("no picture" in archive.err, archive.err), not os.path.exists(path("archive.svg")))
    nowhere = lode("show", "--svg", path("no/such/folder.svg"), "/bin/true")
    case("SVG into no folder", equal(nowhere.status, 1), "No such file" in nowhere.err)
    if shutil.which("rsvg-convert"):
        root = svg("/bin/true")[0].getroot()
        image = subprocess.run(["rsvg-convert", path("out.svg"), "-o", path("out.png")], capture_output=True)
        png = read(path("out.png"))
        size, want = struct.unpack(">II", png[16:24]), tuple(math.ceil(float(root.get(side))) for side in ("width", "height"))
        case("a renderer makes a picture of its size", equal(image.returncode, 0), equal(image.stderr, b""), equal(png[:8], b"\x89PNG\r\n\x1a\n"), equal(size, want),
             len(png) > 10000)
    else:
        skip("a renderer makes a picture of its size", "no rsvg-convert")


def others():
    for title, file in (("aarch64", "/usr/aarch64-linux-gnu/lib/libc.so.6"), ("s390x, big-endian", "/usr/s390x-linux-gnu/lib/libc.so.6"), ("i386", "/usr/i686-linux-gnu/lib/libc.so.6")):
        if not os.path.exists(file):
            skip(title, "not on this machine")
            continue
        tree, _ = svg(file)
        case("picture of " + title, len(drawn(file)) > 10, tree is not None)
    core = bytearray(read("/bin/true"))
    core[16:18] = b"\4\0"
    shown = show_json(write("core", bytes(core)))
    text = lode("show", path("core"))
    case("a core has no plan, and it is said why", equal(shown["plan"], None), equal(shown["findings"][-1]["rule"], "header-type"), equal(text.status, 0),
         "core dump" in text.out)


marks()
kernels()
lines()
svgs()
others()
done()
